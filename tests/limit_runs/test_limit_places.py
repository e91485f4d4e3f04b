"""Histories elsewhere give the same answers: in S3, and in a database of either kind."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from pydantic import SecretStr
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Double, MetaData, Table, Text, insert
from support.databases import run, sqlite_database
from support.limit_histories import EVERYBODY, calculated, quarantined, shard
from werkzeug.serving import make_server

from rules.facts import input_schema
from underwriting.domain.limits import IdRange, Scope
from underwriting.limit_runs.fetch import sources
from underwriting.limit_runs.history import MODELS, HistoryError
from underwriting.limit_runs.plan import open_history, plan_ranges
from underwriting.limit_runs.shard import recalculate_shard
from underwriting.settings import DATABASE, settings
from underwriting.store.session import create_engine

BUCKET = "histories"
HALF = IdRange("u000000020", "u000000041")


class Tally:
    """Answers after a moment, as S3 does, and knows how many questions waited side by side at the most."""

    def __init__(self) -> None:
        self.most = 0
        self._answers = DomainDispatcherApplication(create_backend_app)
        self._waiting, self._lock = 0, Lock()

    def __call__(self, environ: Any, start_response: Any) -> Any:
        with self._lock:
            self._waiting += 1
            self.most = max(self.most, self._waiting)
        time.sleep(0.01)
        try:
            return self._answers(environ, start_response)
        finally:
            with self._lock:
                self._waiting -= 1


@pytest.fixture
def tally() -> Tally:
    return Tally()


@pytest.fixture
def bucket(few_users: Path, tally: Tally, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The history in S3, as the location of its folder."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server = make_server("127.0.0.1", 0, tally, threaded=True)
    serving = Thread(target=server.serve_forever)
    serving.start()
    host, port = server.server_address[:2]
    client = boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1")
    client.create_bucket(Bucket=BUCKET)
    for file in few_users.rglob("*.parquet"):
        client.upload_file(str(file), BUCKET, f"all/{file.relative_to(few_users)}")
    client.close()
    yield f"s3://{BUCKET}/all?region=us-east-1&scheme=http&endpoint_override={host}:{port}"
    server.shutdown()
    serving.join()
    server.server_close()


def test_a_history_in_s3_gives_the_same_bytes(bucket: str, few_users: Path, tmp_path: Path) -> None:
    opened = open_history(bucket)
    ranges = plan_ranges(opened, Scope(), 3, 1)
    assert ranges == plan_ranges(open_history(str(few_users)), Scope(), 3, 1)
    for place, ids in enumerate((EVERYBODY, HALF)):
        there = recalculate_shard(shard(bucket, tmp_path / f"there{place}", ids=ids))
        here = recalculate_shard(shard(few_users, tmp_path / f"here{place}", ids=ids))
        assert (there.records, there.digest) == (here.records, here.digest)


def test_files_in_s3_are_asked_for_side_by_side(bucket: str, tally: Tally, tmp_path: Path) -> None:
    tally.most = 0
    opened = open_history(bucket)
    assert tally.most > 1
    tally.most = 0
    found = sources(bucket, opened.within(HALF), HALF, tmp_path)
    assert tally.most > 1
    # Generated scores have no key factors, and no file for them.
    assert {name: len(source.files) for name, source in found.items()} == dict.fromkeys(MODELS, 1) | {
        "score_factors": 0
    }


@pytest.mark.parametrize("location", ["s3://key:secret@bucket/folder", "gs://bucket/folder", "https://example.org/x"])
def test_a_location_with_keys_in_it_or_of_another_kind_is_refused(location: str) -> None:
    with pytest.raises(HistoryError, match="without keys in it"):
        open_history(location)


def kinds(connection_url: str) -> dict[str, Any]:
    typed = connection_url.startswith("postgresql")
    return {
        "string": Text(),
        "int64": BigInteger(),
        "double": Double(),
        "bool": Boolean(),
        "date32[day]": Date() if typed else Text(),
        "timestamp[us]": DateTime() if typed else Text(),
    }


async def copy_in(url: str, history: Path, spoil: bool) -> None:
    """Every table of the history as a table of the database; with an amount that is none, where that is wanted."""
    engine, metadata, names = create_engine(url), MetaData(), kinds(url)
    for name in MODELS:
        Table(name, metadata, *(Column(field.name, names[str(field.type)]) for field in input_schema(name)))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            for table in metadata.sorted_tables:
                files = sorted((history / table.name).rglob("*.parquet"))
                rows = [row for file in files for row in pq.read_table(file).to_pylist()]
                if not url.startswith("postgresql"):
                    rows = [{key: _plain(value) for key, value in row.items()} for row in rows]
                # Without rows it would insert one of defaults.
                if rows:
                    await connection.execute(insert(table), rows)
            if spoil:
                await connection.exec_driver_sql("UPDATE transactions SET amount = 'much' WHERE line_no = 3")
    finally:
        await engine.dispose()


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


@pytest.fixture
async def database(database_url: str, few_users: Path, config: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    await copy_in(database_url, few_users, spoil=False)
    monkeypatch.setenv("UNDERWRITING_HISTORY_DATABASE_URL", database_url)
    settings.cache_clear()
    return database_url


def test_a_history_in_a_database_gives_the_same_records(database: str, few_users: Path, tmp_path: Path) -> None:
    there, records = calculated(shard(DATABASE, tmp_path / "there"))
    here, expected = calculated(shard(few_users, tmp_path / "here"))
    assert records.to_pylist() == expected.to_pylist()
    assert there.records == here.records
    _, half = calculated(shard(DATABASE, tmp_path / "half", ids=HALF))
    assert half["subject_id"].to_pylist() == [f"u{number:09}" for number in range(20, 41)]
    assert plan_ranges(open_history(DATABASE), Scope(), 3, 1) == plan_ranges(
        open_history(str(few_users)), Scope(), 3, 1
    )


def test_what_sqlite_keeps_in_a_column_of_numbers_is_looked_at(
    tmp_path: Path, migrated_sqlite: Path, few_users: Path, config: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_database(tmp_path, migrated_sqlite)
    run(copy_in(url, few_users, spoil=True))
    monkeypatch.setenv("UNDERWRITING_HISTORY_DATABASE_URL", url)
    settings.cache_clear()
    assert settings().history_database_url == SecretStr(url)
    spec = shard(DATABASE, tmp_path / "out")
    recalculate_shard(spec)
    found = quarantined(spec)
    assert {(row["file"], row["reason"]) for row in found} == {("table transactions", "amount_unreadable")}
    lines = pq.read_table(few_users / "transactions", columns=["line_no"])["line_no"].to_pylist()
    assert len(found) == lines.count(3) > 30


def test_a_database_that_is_not_set_is_asked_for(config: Any) -> None:
    with pytest.raises(HistoryError, match="set UNDERWRITING_HISTORY_DATABASE_URL"):
        plan_ranges(open_history(DATABASE), Scope(), None, 10)
