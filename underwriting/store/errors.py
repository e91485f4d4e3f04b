"""The errors of the store.

StoreError
├── StoreUnreachable      no connection, or it broke; worth another try
├── NotMigrated           the schema is not the one this program was written for
├── StatementRefused      a constraint or a type was violated: a defect of this program
├── KeyReused             an idempotency key came back with another payload
├── NotFound              no such row, or it is another tenant's
│   ├── UnknownApplication
│   ├── UnknownEvaluation
│   ├── UnknownUser
│   ├── UnknownPerson
│   ├── NeverEvaluated
│   ├── NeverMatched
│   ├── NoNotice
│   ├── NoTemporaryProfile
│   ├── UnknownLimitRun
│   ├── UnknownProfile
│   │   └── NoSuchUser
│   └── UnknownRulebook
├── LeaseLost             another worker owns what we worked on: stop, and write nothing
├── RunInTheWay           another limit run conflicts with this one
├── NotHeld               a limit run does not wait for staff
├── NoOpenMatch           there is no match with a list to clear
├── UnderWay              a running evaluation may miss new data: try again once it is finished
├── NotReferred           there is nothing for staff to decide
├── NotWaiting            an application does not wait for this answer of its customer
├── NotRetryable          it neither failed nor is quarantined, or the same is under way again
├── VersionConflict       a profile was changed since it was read
├── NotDecided            an evaluation or application without a decision
├── FrozenOtherwise       a float is frozen with another evaluation
├── VersionTaken          a rulebook's version is published with another content
├── NothingLost           the audit log is as long as that: there is no restore to note
├── AnchorsUnreadable     the audit anchors file is damaged
└── Undecipherable        sealed bytes do not open: unknown key, other place, or tampered with
"""

from datetime import UTC, datetime


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


class UnknownEvaluation(NotFound):
    """No evaluation of this id for this tenant."""

    def __init__(self, evaluation_id: str) -> None:
        super().__init__(f"there is no evaluation {evaluation_id}")


class UnknownUser(NotFound):
    """No user can have this id."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"there is no user {user_id}")


class UnknownPerson(NotFound):
    """Nothing is stored about a customer of this id."""

    def __init__(self, tenant: str, person: str) -> None:
        super().__init__(f"nothing is stored about {person} of {tenant}; --tenant names another tenant")


class NeverEvaluated(NotFound):
    """There are no evaluations of the user."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"user {user_id} was never evaluated")


class NeverMatched(NotFound):
    """The user was found on no screening list."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"user {user_id} was found on no list")


class UnknownProfile(NotFound):
    """The user has no profile yet."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"user {user_id} has no float profile yet; it is made on first contact")


class NoSuchUser(UnknownProfile):
    """The tenant has no such user, or nobody has checked yet what the user may take."""

    def __init__(self, tenant: str, user_id: str) -> None:
        StoreError.__init__(self, f"{tenant} has no user {user_id}; the first check of a user makes the profile")


class NoNotice(NotFound):
    """There is no decision that needs a notice, or it is not clear to which customer."""

    def __init__(self, subject_id: str, customer_id: str | None = None) -> None:
        whom = f" to {customer_id}" if customer_id else ""
        super().__init__(f"no notice about {subject_id} is owed{whom}; of a limit run, name the customer")


class NoTemporaryProfile(NotFound):
    """No temporary version is active, so there is none to end."""

    def __init__(self, user_id: str) -> None:
        super().__init__(f"user {user_id} has no temporary float profile now; there is nothing to end")


class UnknownLimitRun(NotFound):
    """There is no limit run of this id."""

    def __init__(self, run_id: str) -> None:
        super().__init__(f"there is no limit run {run_id}; `underwriting limits status` lists them")


class UnknownRulebook(NotFound):
    """Nothing is published under this name, or not this version."""

    def __init__(self, name: str, version: int | None) -> None:
        wanted = name if version is None else f"{name} v{version}"
        super().__init__(f"rulebook {wanted} is not published; publish it with `underwriting rulebooks publish`")


class LeaseLost(StoreError):
    """The fence moved on: another worker owns the application or evaluation, or it is decided already."""

    def __init__(self, subject_id: str) -> None:
        super().__init__(f"another worker took over {subject_id}; nothing of this attempt is stored")


class RunInTheWay(StoreError):
    """A limit run for this date decides by another policy, one for a later date took effect, or it is too early."""


class NotHeld(StoreError):
    """The limit run does not wait for staff, or staff decided otherwise already."""


class NoOpenMatch(StoreError):
    """There is no match with a list that staff could clear."""

    def __init__(self, user_id: str, cleared_by: str | None = None, cleared_at: datetime | None = None) -> None:
        why = "`underwriting lists matches` shows who has"
        if cleared_by and cleared_at:
            at = f"{cleared_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            why = f"{cleared_by} cleared it on {at}, and that is still valid: decide without clearing it again"
        super().__init__(f"user {user_id} has no open match with a list; {why}")


class UnderWay(StoreError):
    """An evaluation began before new data arrived."""


class NotReferred(StoreError):
    """The application or evaluation does not wait for staff, or staff decided otherwise already."""


class NotWaiting(StoreError):
    """The application does not wait for this answer of its customer, or not any more."""


class NotRetryable(StoreError):
    """Only what failed or is quarantined can be put back, and only if the same is not under way again."""


class VersionConflict(StoreError):
    """The profile in force is not the version that the writer read."""

    def __init__(self, user_id: str, expected: int, found: int) -> None:
        super().__init__(
            f"the profile of user {user_id} is at version {found}, not {expected}; read it again, then change it"
        )
        self.found = found


class NotDecided(StoreError):
    """Nothing is decided about it yet, or never was."""

    def __init__(self, subject_id: str) -> None:
        super().__init__(f"nothing is decided about {subject_id} yet; wait until it is done")


class FrozenOtherwise(StoreError):
    """One evaluation authorises a float; another one cannot be put in its place."""

    def __init__(self, float_id: str, evaluation_id: str) -> None:
        super().__init__(f"float {float_id} is frozen with evaluation {evaluation_id}; that is never changed")


class VersionTaken(StoreError):
    """A published version never changes; another content needs another version."""


class NothingLost(StoreError):
    """A restore that lost no entry of the audit log."""


class AnchorsUnreadable(StoreError):
    """A line of the anchors file is no anchor."""


class Undecipherable(StoreError):
    """Sealed bytes that do not open here."""
