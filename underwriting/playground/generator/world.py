"""The distributions of world.yaml, validated."""

from functools import cache
from importlib.resources import files
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt
from ruamel.yaml import YAML

from underwriting.domain.documents import Share
from underwriting.domain.histories import Category
from underwriting.domain.money import CurrencyCode

Span = tuple[int, int]
Shares = dict[str, Share]


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pay(_Data):
    """Kinds of income, their cadence, and missed or late pays."""

    kinds: Shares
    cycles: Shares
    monthly: dict[str, PositiveInt]
    spread: float
    steady_variation: float
    unsteady_variation: float
    unsteady: Share
    gig_variation: float
    gig_a_month: PositiveFloat
    gig_weekly: Share
    missed: Share
    late: Share
    stopped: Share
    changed_job: Share
    gap_days: Span
    new_pay: tuple[float, float]


class Bill(_Data):
    """A debit of every month."""

    category: Category
    share: Share
    days: Span
    of_income: Share
    variation: float
    # Whether the bank may return it.
    returnable: bool


class Card(_Data):
    """Card payments at random times."""

    category: Category | None
    a_month: PositiveFloat
    of_income: Share
    spread: float


class SpendRatio(_Data):
    """Spending over income."""

    mean: float
    by_reliability: float
    spread: float


class Opening(_Data):
    """The balance of the first day, in monthly incomes."""

    median: float
    spread: float


class Careful(_Data):
    """Users who keep the account above zero."""

    share: Share
    by_reliability: float


class Account(_Data):
    """The bank's side: balances, fees, feeds."""

    opening: Opening
    kinds: Shares
    overdraft_fee: PositiveInt
    returned_fee: PositiveInt
    careful: Careful
    floor: Span
    rescue: Span
    ceiling: PositiveFloat
    institutions: tuple[str, ...]
    institution_shares: tuple[Share, ...]
    linked: tuple[Share, ...]
    young: Share
    young_days: Span
    stale: Share
    stale_days: Span
    holds: Share
    held: Span


class Stacking(_Data):
    """Advances of other apps."""

    share: Share
    by_reliability: float
    a_month: tuple[float, float]
    median: PositiveInt
    spread: float
    fee: Share
    unpaid: Share
    due_days: Span


class Capacity(_Data):
    """What a user could pay back on time in one month."""

    median: PositiveInt
    by_reliability: float
    by_income: float
    month_spread: float
    without_income: float


class Tenure(_Data):
    """Months since a user came to us."""

    mean: PositiveFloat
    most: PositiveInt


class Late(_Data):
    """How many of a user's last floats came late."""

    count: PositiveInt
    of: PositiveInt


class OwnFloats(_Data):
    """Our floats, and how they were repaid."""

    tenure_months: Tenure
    none: Share
    idle_days: Span
    repaid_for_a_tier: PositiveInt
    takes_all: Share
    limits: dict[PositiveInt, int]
    limit_spread: float
    due_days: Span
    capacity: Capacity
    lost_above: PositiveFloat
    late_days: Span
    late: Late


class Subscribed(_Data):
    """The subscription."""

    subscribed: Share
    paid: Share


class UserService(_Data):
    """The answers of the user service."""

    segments: Shares
    standing_unknown: Share
    standing_bad: Share
    fraud_unknown: Share
    fraud_hit: Share
    covered_unknown: Share
    covered: Share


class ScoreService(_Data):
    """The noise of the scores, and how often there is none."""

    missing: Share
    missing_bracket: Share
    noise: float


class Screenings(_Data):
    """Matches on the lists."""

    missing: Share
    hit: Share
    possible: Share


class World(_Data):
    """All distributions."""

    version: PositiveInt
    currency: CurrencyCode
    pay: Pay
    bills: tuple[Bill, ...]
    cards: tuple[Card, ...]
    spend_ratio: SpendRatio
    spend_without_income: Share
    account: Account
    stacking: Stacking
    floats: OwnFloats
    subscription: Subscribed
    users: UserService
    scores: ScoreService
    screenings: Screenings
    payees: Annotated[dict[Category, tuple[str, ...]], Field(min_length=1)]


@cache
def shipped_world() -> World:
    """The world that the project ships."""
    return World.model_validate(YAML(typ="safe").load(files(__package__).joinpath("world.yaml").read_text("utf-8")))
