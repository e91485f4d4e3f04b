"""Money: an integer of minor units with an ISO 4217 code, never a binary float."""

from decimal import ROUND_HALF_UP, ROUND_UP, Decimal, InvalidOperation, localcontext
from functools import cache
from typing import Annotated, Self

from iso4217 import Currency
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# A sum of a million such amounts fits in a signed 64-bit column.
MAX_MINOR = 10**12
MONTHS = Decimal(12)
# An amount in major units as people and partners write it.
AMOUNT_PATTERN = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"


@cache
def minor_digits(currency: str) -> int:
    """Decimal places of `currency`'s minor unit (USD 2, JPY 0); ValueError where ISO 4217 has no such code."""
    try:
        digits = Currency(currency).exponent
    except ValueError:
        raise ValueError(f"{currency!r} is not an ISO 4217 currency code, such as USD") from None
    if digits is None:
        raise ValueError(f"{currency} has no minor unit, so nothing can be lent in it")
    return int(digits)


@cache
def currency_codes() -> tuple[str, ...]:
    """Every ISO 4217 code of a currency with a minor unit."""
    return tuple(sorted(one.code for one in Currency if one.exponent is not None))


def _known_currency(code: str) -> str:
    minor_digits(code)
    return code


CurrencyCode = Annotated[
    str,
    Field(pattern="^[A-Z]{3}$", description="Three capital letters of ISO 4217", examples=["USD"]),
    AfterValidator(_known_currency),
]


class Money(BaseModel):
    """An amount in minor units (cents) of one currency; negative is money out."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minor: int = Field(strict=True, ge=-MAX_MINOR, le=MAX_MINOR)
    currency: CurrencyCode

    @classmethod
    def parse(cls, amount: str, currency: str) -> Self:
        """Read a plain decimal such as "2500.00"; ValueError where it is none, or is finer than the minor unit."""
        digits = minor_digits(currency)
        try:
            value = Decimal(amount)
        except InvalidOperation:
            raise ValueError(f"{amount!r} is not a decimal amount, such as 2500.00") from None
        if not value.is_finite() or "e" in amount.lower():
            raise ValueError(f"{amount!r} is not a plain decimal amount, such as 2500.00")
        if abs(value) > MAX_MINOR:
            raise ValueError(f"{amount} {currency} is more than this system handles")
        minor = value.scaleb(digits)
        if minor != minor.to_integral_value():
            raise ValueError(f"{amount} {currency} is finer than the currency's {digits} decimal places")
        return cls(minor=int(minor), currency=currency)

    @property
    def decimal(self) -> str:
        """The amount as a plain decimal string, "2500.00"."""
        digits = minor_digits(self.currency)
        return f"{Decimal(self.minor).scaleb(-digits):.{digits}f}"

    def __str__(self) -> str:
        return amount_text(self.minor, self.currency)


def amount_text(minor: int, currency: str) -> str:
    """An amount of minor units as people read it: "2,500.00 USD"."""
    digits = minor_digits(currency)
    return f"{Decimal(minor).scaleb(-digits):,.{digits}f} {currency}"


def amount_of(decimal: str, currency: str) -> str:
    """A decimal amount of the API as people read it: "2,500.00 USD"; ValueError as of `Money.parse`."""
    return str(Money.parse(decimal, currency))


def instalment(principal: Money, annual_rate: Decimal, months: int) -> Money:
    """The level monthly instalment that repays `principal` over `months` at `annual_rate` (0.24 is 24% a year).

    Annuity formula P·i / (1 − (1+i)^−n) with i = rate/12, computed in 28-digit decimals and rounded up to a
    minor unit, so that affordability never uses less than what is due. ValueError unless months > 0,
    rate ≥ 0 and principal > 0.
    """
    if months <= 0 or annual_rate < 0 or principal.minor <= 0:
        raise ValueError("an instalment needs a positive principal, a positive term and a rate of zero or more")
    with localcontext() as context:
        context.prec = 28
        due = Decimal(principal.minor) / months
        if rate := annual_rate / 12:
            due = principal.minor * rate / (1 - (1 + rate) ** -months)
        # Drop the noise of the division before rounding up, or an exact amount would gain a cent.
        exact = due.quantize(Decimal("1e-9"), ROUND_HALF_UP)
        return Money(minor=int(exact.to_integral_value(ROUND_UP)), currency=principal.currency)


def annual_percentage_rate(annual_rate: Decimal, periods: int, fee: Decimal, a_year: Decimal = MONTHS) -> Decimal:
    """The annual cost of a loan with an upfront fee; the fee is a share of the amount.

    The periods of a year (`a_year`, by default months) times the rate of a period at which the level instalments are
    worth what the borrower gets, to nine decimal places. This is the actuarial method of 12 CFR 1026, Appendix J, which
    32 CFR 232.4(c) prescribes for the military annual percentage rate. ValueError unless periods > 0, rate ≥ 0 and
    0 ≤ fee < 1.
    """
    if periods <= 0 or annual_rate < 0 or not 0 <= fee < 1:
        raise ValueError("a rate needs a positive term, a nominal rate of zero or more and a fee below the amount")
    with localcontext() as context:
        context.prec = 28
        due = 1 / _worth(annual_rate / a_year, periods)
        # A fee only raises the rate.
        low, high = annual_rate / a_year, max(annual_rate, Decimal(1))
        while due * _worth(high, periods) > 1 - fee:
            high *= 2
        while high - low > Decimal("1e-15"):
            middle = (low + high) / 2
            low, high = (middle, high) if due * _worth(middle, periods) > 1 - fee else (low, middle)
        return (low * a_year).quantize(Decimal("1e-9"), ROUND_HALF_UP)


def _worth(rate: Decimal, periods: int) -> Decimal:
    """The present value of one unit paid at the end of each period."""
    return (1 - (1 + rate) ** -periods) / rate if rate else Decimal(periods)
