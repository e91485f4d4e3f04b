"""An application request is refused where it names nothing that could be lent."""

from typing import Any

import pytest
from pydantic import ValidationError

from underwriting.domain.application import ApplicationRequest

GOOD: dict[str, Any] = {"customer_id": "good", "amount": "2500.00", "currency": "USD"}


def test_requested_amount_is_in_minor_units() -> None:
    assert ApplicationRequest(**GOOD).requested.minor == 250_000


@pytest.mark.parametrize(
    "change",
    [
        {"amount": "0.00"},
        {"amount": "-5"},
        {"amount": "12.345"},
        {"amount": 2500.0},
        {"currency": "usd"},
        {"currency": "ZZZ"},
        {"customer_id": "../etc"},
        {"customer_id": ""},
        {"term_months": 0},
        {"term_months": 121},
        {"product": "mortgage"},
        {"unknown_field": 1},
    ],
)
def test_impossible_requests_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApplicationRequest(**GOOD | change)
