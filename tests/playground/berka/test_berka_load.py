"""The loaded bank is what the sandbox serves."""

from pathlib import Path

import httpx
import pytest
from support.berka import Bank

from underwriting.domain.documents import BankStatements, Person
from underwriting.playground.berka.bank import read_bank
from underwriting.playground.berka.load import write_documents
from underwriting.playground.sandbox.app import create_app
from underwriting.settings import Settings


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


async def test_the_sandbox_serves_what_was_loaded(bank: Bank, tmp_path: Path) -> None:
    applicants = read_bank(bank.folder)
    assert write_documents(applicants, tmp_path / "data") == 2
    app = httpx.ASGITransport(create_app(Settings(), tmp_path / "data"))
    async with httpx.AsyncClient(transport=app, base_url="http://sandbox") as client:
        asked = {"currency": "CZK", "as_of": "1997-01-10", "months": 24}
        person = await client.get("/users/customers/berka-11", params=asked)
        statements = await client.get("/statements/customers/berka-11", params=asked)
    assert Person.model_validate_json(person.content) == applicants[0].person
    assert BankStatements.model_validate_json(statements.content) == applicants[0].statements


def test_a_second_load_replaces_the_first_and_nothing_else(bank: Bank, tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    write_documents(read_bank(bank.folder), data_dir)
    (data_dir / "users" / "good.json").write_text("{}")
    assert write_documents(read_bank(bank.folder)[:1], data_dir) == 1
    found = sorted(str(path.relative_to(data_dir)) for path in data_dir.rglob("*") if path.is_file())
    assert found == ["statements/berka-11.json", "users/berka-11.json", "users/good.json"]
    assert sorted(path.name for path in data_dir.iterdir()) == ["statements", "users"]
