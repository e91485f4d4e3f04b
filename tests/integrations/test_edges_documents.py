"""Statements and accounts out of S3: the same documents and the same errors as over HTTP."""

from datetime import date
from typing import Any

import pytest

from underwriting.integrations.documents import S3Documents
from underwriting.integrations.errors import MalformedAnswer, SourceOutage, SourceRefusal
from underwriting.settings import Settings
from underwriting.sources.sources import Sources

AS_OF = date(2026, 3, 2)
STATEMENTS = (
    b'{"currency": "USD", "period_start": "2025-09-01", "period_end": "2026-03-01", "opening_balance": 100,'
    b' "lines": [{"line_no": 0, "booked_on": "2026-02-27", "amount": 250000, "balance": 250100, "category": "income"}]}'
)


@pytest.fixture
def bucket(account: Any) -> Any:
    """`put(key, body)` into the bucket `papers`."""
    account("s3").create_bucket(Bucket="papers")

    def put(key: str, body: bytes) -> None:
        account("s3").put_object(Bucket="papers", Key=key, Body=body)

    return put


@pytest.fixture
def config(aws_url: str) -> Settings:
    given = {"statements_url": "s3://papers/statements/", "accounts_url": "s3://papers", "source_max_bytes": 10_000}
    return Settings.model_validate({**given, "aws_region": "us-east-1", "aws_endpoint_url": aws_url})


async def test_statements_and_accounts_are_read(bucket: Any, config: Settings) -> None:
    bucket("statements/ada.json", STATEMENTS)
    bucket("ada.json", b'{"currency": "USD", "years": []}')
    async with Sources(config) as sources:
        statements = await sources.bank_statements("ada", "USD", 6, AS_OF)
        accounts = await sources.financial_statements("ada", "USD", AS_OF)
    assert statements.lines[0].amount == 2_500_00
    assert accounts.years == ()


async def test_a_customer_without_an_object_is_not_known(bucket: Any, config: Settings) -> None:
    async with Sources(config) as sources:
        with pytest.raises(SourceRefusal, match="statements: does not know the customer"):
            await sources.bank_statements("ada", "USD", 6, AS_OF)


async def test_a_bucket_that_is_missing_is_no_answer_about_a_customer(config: Settings) -> None:
    async with Sources(config) as sources:
        with pytest.raises(SourceRefusal, match="statements: AWS answered 404 NoSuchBucket"):
            await sources.bank_statements("ada", "USD", 6, AS_OF)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"x" * 10_001, "larger than 10,000 bytes"),
        (b"{", "not JSON"),
        (STATEMENTS.replace(b"USD", b"EUR"), "currency is not the one asked for"),
        (STATEMENTS.replace(b'"amount": 250000', b'"amount": "canary"'), "lines.0.amount: int_type"),
    ],
)
async def test_nonsense_is_refused_with_its_place(bucket: Any, config: Settings, body: bytes, why: str) -> None:
    bucket("statements/ada.json", body)
    async with Sources(config) as sources:
        with pytest.raises(MalformedAnswer, match=why) as refused:
            await sources.bank_statements("ada", "USD", 6, AS_OF)
    assert "canary" not in str(refused.value)


async def test_the_largest_object_that_is_allowed_is_read(bucket: Any, config: Settings) -> None:
    bucket("statements/ada.json", STATEMENTS.ljust(10_000))
    async with Sources(config) as sources:
        assert (await sources.bank_statements("ada", "USD", 6, AS_OF)).opening_balance == 100


async def test_a_storage_that_does_not_answer_in_time_is_an_outage(aws: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceOutage, match=r"no answer within 0\.001 s"):
        await S3Documents(aws, 0.001, 10).fetch("statements", "s3://papers", "ada")


async def test_an_address_where_nobody_listens_is_an_outage(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"statements_url": "s3://papers", "aws_region": "us-east-1", "aws_endpoint_url": "http://127.0.0.1:9"}
    async with Sources(Settings.model_validate(given)) as sources:
        with pytest.raises(SourceOutage, match="statements: no answer"):
            await sources.bank_statements("ada", "USD", 6, AS_OF)


@pytest.mark.parametrize("url", ["s3://papers", "ftp://papers"])
def test_only_documents_may_lie_in_s3(url: str) -> None:
    with pytest.raises(ValueError, match=r"bureau_url\n.*must start with https://;"):
        Settings.model_validate({"bureau_url": url})
