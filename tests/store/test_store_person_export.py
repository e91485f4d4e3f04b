"""All that the store knows of one person, and nobody else's, opened."""

import json

import pytest
from sqlalchemy import func, select
from support.persons import (
    NAME,
    NOTE,
    WHO,
    known_everywhere,
)

from underwriting.store import audit, person
from underwriting.store.errors import UnknownPerson
from underwriting.store.models import (
    AuditRow,
    EvaluationRow,
    LimitRecordRow,
    LimitRunRow,
)
from underwriting.store.session import Store


async def test_the_export_has_everything_opened_and_who_decided(store: Store) -> None:
    await known_everywhere(store)
    async with store.begin() as work:
        await audit.append(work, "person.exported", f"acme/{WHO}", "eve")
        found = await person.exported(work, "acme", WHO)
    text = json.dumps(found, default=str)
    for word in (f"{NOTE} of {NAME}", f"Dear {NAME}", f"{NOTE}: not the one", f"{NOTE} 1"):
        assert word in text
    assert found["effects"][0]["payload"] == {"name": NAME}
    assert found["decisions"][-1]["decided_by"] == "ann"
    assert found["decisions"][-1]["body"]["customer_id"] == WHO
    actions = {entry["action"] for entry in found["audit"]}
    assert {"application.approved", "profile.updated", "list_match.cleared", "person.exported"} <= actions
    async with store.read() as work:
        for table in person.tables():
            if table not in (AuditRow, LimitRunRow, LimitRecordRow):
                rows = await work.scalar(select(func.count()).select_from(table))
                assert len(found[table.__tablename__]) == rows or table is EvaluationRow or rows == 0, table


async def test_nobody_is_exported_of_another_tenant(store: Store) -> None:
    await known_everywhere(store)
    async with store.read() as work:
        with pytest.raises(UnknownPerson):
            await person.exported(work, "umbrella", WHO)
