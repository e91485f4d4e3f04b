"""Why a source gave nothing. Each means "we could not know", never "no".

SourceError
├── SourceOutage      down, slow, overloaded: worth another try
├── SourceRefusal     it answered, and will answer the same again: not authorised, not what was asked for
│   └── CustomerNotFound    it answered 404: it has no such customer
└── MalformedAnswer   the answer is not of the source's format; the field is named, the value is not
"""


class SourceError(Exception):
    """A source gave no usable answer. The message carries no personal data: it is shown in Prefect's UI."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"{source}: {why}")
        self.source = source
        self.why = why


class SourceOutage(SourceError):
    """No answer, or 429 or 5xx. `retry_after` is the delay in seconds that the source asks for."""

    def __init__(self, source: str, why: str, retry_after: float | None = None) -> None:
        super().__init__(source, why)
        self.retry_after = retry_after


class SourceRefusal(SourceError):
    """A 4xx answer: another try would not help."""


class CustomerNotFound(SourceRefusal):
    """A 404 answer: the source has no record of the customer."""

    def __init__(self, source: str) -> None:
        super().__init__(source, "does not know the customer")


class MalformedAnswer(SourceError):
    """An answer too large, not JSON, or against the document's model."""
