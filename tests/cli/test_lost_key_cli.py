"""The runbook of a lost encryption key, at the shell."""

import base64
import json
from pathlib import Path

import pytest
from support.shell import Shell

from underwriting.settings import settings

KEYS = {key_id: base64.b64encode(key_id.encode() * 8).decode() for key_id in ("2025", "2026")}
BLOCKED = Path(__file__).parents[1] / "screening" / "data" / "block_list.csv"


def use(monkeypatch: pytest.MonkeyPatch, current: str, *ids: str) -> None:
    monkeypatch.setenv("UNDERWRITING_ENCRYPTION_KEYS", json.dumps({each: KEYS[each] for each in ids}))
    monkeypatch.setenv("UNDERWRITING_ENCRYPTION_KEY_ID", current)
    settings.cache_clear()


def test_lists_are_loaded_again_and_reseal_waits_for_the_key(migrated: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    load = ("lists", "load", "internal", str(BLOCKED))
    use(monkeypatch, "2025", "2025")
    loaded = migrated.run(*load)[1]
    entries = loaded.split()[1]

    use(monkeypatch, "2026", "2026")
    assert migrated.run("lists", "show")[0] == 0
    code, _, error = migrated.run("lists", "search", "Ann Example")
    assert (code, error.count("\n"), "'2025', which is not among the encryption keys" in error) == (2, 1, True)
    code, said, _ = migrated.run("reseal")
    left = f"{entries} values do not open, since their key is missing or another one; they stay as they are\n"
    assert (code, said) == (1, f"0 values are sealed anew\n{left}")

    use(monkeypatch, "2026", "2025", "2026")
    assert migrated.run("reseal")[:2] == (0, f"{entries} values are sealed anew\n")
    use(monkeypatch, "2025", "2025")
    assert migrated.run(*load)[1] == loaded, "lost for good: the same list is loaded again"
    assert migrated.run("lists", "search", "Ann Example")[0] == 0
