"""A document refuses what no honest source says, and lays itself out as tables."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from underwriting.domain.documents import (
    DOCUMENTS,
    BankStatements,
    FinancialYear,
    FraudReport,
    Instalment,
    Row,
    row_model,
)
from underwriting.domain.histories import HISTORIES

YEAR: dict[str, Any] = {
    "period_end": "2025-12-31", "revenue": 100, "profit": -5, "operating_cash_flow": 3, "debt_service": 0,
}  # fmt: skip
TOMORROW = datetime.now(UTC).date() + timedelta(days=1)


@pytest.mark.parametrize("change", [{"revenue": -1}, {"period_end": TOMORROW}, {"profit": 1.5}, {"profit": 10**13}])
def test_a_lying_year_is_refused(change: dict[str, Any]) -> None:
    assert FinancialYear(**YEAR).profit == -5
    with pytest.raises(ValidationError):
        FinancialYear(**YEAR | change)


@pytest.mark.parametrize("risk", [-0.01, 1.01, float("nan"), float("inf")])
def test_a_risk_outside_of_zero_to_one_is_refused(risk: float) -> None:
    with pytest.raises(ValidationError):
        FraudReport(device_risk=risk)


def test_rows_are_the_header_and_the_lines_each_in_its_table() -> None:
    line = {"line_no": 0, "booked_on": "2026-01-02", "amount": -50, "balance": 50, "category": "spending"}
    statements = BankStatements.model_validate(
        {"currency": "USD", "period_start": "2026-01-01", "period_end": "2026-01-31", "opening_balance": 100,
         "lines": [line]}
    )  # fmt: skip
    (header_table, header), (line_table, row) = statements.rows()
    assert (header_table, line_table) == ("statements", "statement_lines")
    assert header == {
        "currency": "USD", "period_start": date(2026, 1, 1), "period_end": date(2026, 1, 31), "opening_balance": 100,
    }  # fmt: skip
    assert row["amount"] == -50


@pytest.mark.parametrize(("given", "read"), [(4711, "4711"), (0, "0"), (2**53 - 1, "9007199254740991"), ("a-1", "a-1")])
def test_a_whole_number_is_an_id(given: object, read: str) -> None:
    instalment = Instalment.model_validate_json(
        json.dumps({"loan_id": given, "due_on": "2026-01-05", "paid_on": None}), strict=True
    )
    assert instalment.loan_id == read


@pytest.mark.parametrize("given", [True, False, 4711.0, -1, 2**53, None])
def test_nothing_else_is_an_id(given: object) -> None:
    with pytest.raises(ValidationError):
        Instalment.model_validate_json(
            json.dumps({"loan_id": given, "due_on": "2026-01-05", "paid_on": None}), strict=True
        )


def models() -> list[type[Row]]:
    documents = [*DOCUMENTS, *HISTORIES]
    nested = [row_model(field.annotation) for each in documents for field in each.model_fields.values()]
    return [*documents, *filter(None, nested)]


@pytest.mark.parametrize("model", models())
def test_what_is_left_out_is_malformed_or_not_known(model: type[Row]) -> None:
    for name, field in model.model_fields.items():
        assert field.is_required() or field.get_default(call_default_factory=True) is None, name
