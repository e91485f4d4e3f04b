"""Why the store did not do what it was asked.

StoreError
├── StoreUnreachable      no connection, or it broke; worth another try
├── NotMigrated           the schema is not the one this program was written for
├── StatementRefused      a constraint or a type stood against it: a defect of this program
├── KeyReused             an idempotency key came back with another payload
├── NotFound              no such row, or it is another tenant's
│   ├── UnknownApplication
│   └── UnknownRulebook
├── LeaseLost             another worker owns the application now: stop, and write nothing
├── NotReferred           there is nothing for a person to decide
├── NotRetryable          the application neither failed nor is quarantined
├── VersionTaken          a rulebook's version is published with another content
├── AnchorsUnreadable     the audit anchors file is damaged
└── Undecipherable        sealed bytes do not open: unknown key, other place, or tampered with
"""


class StoreError(Exception):
    """Anything the store refuses. Messages carry opaque ids only."""


class StoreUnreachable(StoreError):
    """The database does not answer, or the connection broke. The transaction is rolled back."""


class NotMigrated(StoreError):
    """The database has no schema, or one of another version."""


class StatementRefused(StoreError):
    """The database refused a statement that this program should not have sent. The transaction is rolled back."""


class KeyReused(StoreError):
    """The same idempotency key was used before, with another payload."""


class NotFound(StoreError):
    """No such row for this tenant."""


class UnknownApplication(NotFound):
    """No application of this id for this tenant."""

    def __init__(self, application_id: str) -> None:
        super().__init__(f"there is no application {application_id}")


class UnknownRulebook(NotFound):
    """Nothing is published under this name, or not this version."""

    def __init__(self, name: str, version: int | None) -> None:
        wanted = name if version is None else f"{name} v{version}"
        super().__init__(f"rulebook {wanted} is not published; publish it with `underwriting rulebooks publish`")


class LeaseLost(StoreError):
    """The fence moved on: another worker owns the application, or it is decided already."""

    def __init__(self, application_id: str) -> None:
        super().__init__(f"another worker took over application {application_id}; nothing of this attempt is stored")


class NotReferred(StoreError):
    """The application does not wait for a person, or a person decided otherwise already."""


class NotRetryable(StoreError):
    """Only a failed or quarantined application can be put back."""


class VersionTaken(StoreError):
    """A published version never changes; another content needs another version."""


class AnchorsUnreadable(StoreError):
    """A line of the anchors file is no anchor."""


class Undecipherable(StoreError):
    """Sealed bytes that do not open here."""
