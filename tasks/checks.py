"""Every check that a rulebook's stages can name."""

from collections.abc import Coroutine
from typing import Any

from prefect import Task

from tasks.bank_statements import bank_statements
from tasks.credit_report import credit_report
from tasks.customer_information import customer_information
from tasks.financial_statements import financial_statements
from tasks.fraud import fraud
from tasks.internal_exposure import internal_exposure
from tasks.ongoing_loans import ongoing_loans
from tasks.payment_history import payment_history
from tasks.review import Review
from underwriting.domain.decision import CheckResult

BY_NAME: dict[str, Task[[Review], Coroutine[Any, Any, CheckResult]]] = {
    check.name: check
    for check in (
        customer_information,
        bank_statements,
        financial_statements,
        credit_report,
        internal_exposure,
        fraud,
        ongoing_loans,
        payment_history,
    )
}
