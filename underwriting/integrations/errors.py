"""Why a source gave nothing. Each means "we could not know", never "no".

SourceError
├── SourceOutage      down, slow, overloaded: worth another try
├── SourceRefusal     it answered, and will answer the same again: unknown customer, not authorised
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


class MalformedAnswer(SourceError):
    """An answer too large, not JSON, or against the document's model."""
