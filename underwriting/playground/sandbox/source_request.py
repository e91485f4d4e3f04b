"""A request to a simulated source."""

from dataclasses import dataclass
from datetime import date

from underwriting.domain.money import minor_digits


@dataclass(frozen=True)
class SourceRequest:
    """The subject (for the registry a company number), the date, the currency, and how many months or days back."""

    subject: str
    as_of: date
    currency: str = "USD"
    months: int = 1
    days: int = 1

    @property
    def unit(self) -> int:
        """Minor units in one of the sandbox's major units; a hundred also where the currency has no minor unit."""
        return int(10 ** max(2, minor_digits(self.currency)))
