"""Signs of fraud, or of an account from which repayments cannot be collected."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rules.core.columns import Truth, is_one_of
from rules.core.list_rules import ListsCurrent, NotListed
from rules.core.rule import Count, Facts, MinorUnits, Rule

__all__ = ["InstitutionCheck", "LinkedAccounts", "ListsCurrent", "NotListed", "ReturnedDebits"]


class InstitutionCheck(Rule):
    """An account at one of the listed institutions holds a balance that is high enough."""

    fails_as: ClassVar[str] = "institution_balance_low"
    unknown_as: ClassVar[str] = "account_details_unknown"

    institution_list: Annotated[
        tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1, description="Ids of institutions")
    ]
    min_balance: MinorUnits

    def claim(self, facts: Facts) -> Truth:
        """The institution is not listed, or the current balance reaches the minimum."""
        return ~is_one_of(facts.institution_id, self.institution_list) | (facts.current_balance >= self.min_balance)


class LinkedAccounts(Rule):
    """The user has not linked an unusual number of bank accounts."""

    fails_as: ClassVar[str] = "linked_accounts_many"
    unknown_as: ClassVar[str] = "account_details_unknown"

    max_accounts: Count

    def claim(self, facts: Facts) -> Truth:
        """Linked accounts stay within the maximum."""
        return facts.linked_accounts <= self.max_accounts


class ReturnedDebits(Rule):
    """Few debits were returned unpaid lately."""

    fails_as: ClassVar[str] = "debits_returned"
    unknown_as: ClassVar[str] = "returned_payments_unknown"

    max_count: Annotated[Count, Field(description="Returned debits in the window")]
    number_of_days: Annotated[Literal[30, 60, 90], Field(description="The window, up to and including the day")]

    def claim(self, facts: Facts) -> Truth:
        """Returned debits stay within the maximum."""
        return facts.over(self.number_of_days, "returned_debits") <= self.max_count
