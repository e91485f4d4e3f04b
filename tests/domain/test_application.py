"""An application request is refused where it names nothing that could be lent."""

from datetime import UTC, datetime
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
        {"bureau_consent": {"purpose": "credit_transaction"}},
        {"bureau_consent": {"purpose": "curiosity", "consented_at": "2026-03-01T08:00:00Z"}},
        {"bureau_consent": {"purpose": "credit_transaction", "consented_at": "2026-03-01T08:00:00"}},
        {"bureau_consent": {"purpose": "credit_transaction", "consented_at": "2999-03-01T08:00:00Z"}},
    ],
)
def test_impossible_requests_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ApplicationRequest(**GOOD | change)


def test_a_request_without_consent_is_written_as_it_was_before_there_was_one() -> None:
    request = ApplicationRequest(**GOOD)
    assert request.bureau_consent is None
    assert "bureau_consent" not in request.model_dump(mode="json")


def test_a_consent_is_kept_in_utc() -> None:
    consent = {"purpose": "written_instructions", "consented_at": "2026-03-01T08:00:00+02:00"}
    found = ApplicationRequest(**GOOD | {"bureau_consent": consent}).bureau_consent
    assert found is not None
    assert found.consented_at == datetime(2026, 3, 1, 6, tzinfo=UTC)
