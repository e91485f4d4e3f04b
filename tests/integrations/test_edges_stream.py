"""The audit chain's copy in Kinesis: nothing is skipped, whatever Kinesis refuses."""

from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from underwriting.integrations.aws import Aws
from underwriting.integrations.errors import SourceRefusal
from underwriting.integrations.stream import MAX_BYTES, MAX_RECORDS, AuditStream


@pytest.fixture
def kinesis(account: Any) -> Any:
    client = account("kinesis")
    client.create_stream(StreamName="audit", ShardCount=2)
    return client


def records_in(kinesis: Any) -> list[bytes]:
    """Everything in the stream, shard after shard."""
    found: list[bytes] = []
    for shard in kinesis.list_shards(StreamName="audit")["Shards"]:
        place = {"StreamName": "audit", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        answer = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**place)["ShardIterator"])
        found += [record["Data"] for record in answer["Records"]]
    return found


async def test_records_arrive_in_order_on_one_shard(kinesis: Any, aws: Aws) -> None:
    records = [b"%d" % number for number in range(40)]
    assert await AuditStream(aws, "audit").put(records) == 40
    assert records_in(kinesis) == records


async def test_a_call_takes_as_many_as_kinesis_does(kinesis: Any, aws: Aws) -> None:
    assert await AuditStream(aws, "audit").put([b"x"] * (MAX_RECORDS + 1)) == MAX_RECORDS
    assert await AuditStream(aws, "audit").put([b"x" * 900_000] * 10) == MAX_BYTES // 900_000
    assert await AuditStream(aws, "audit").put([]) == 0


async def test_a_stream_that_is_not_there_is_a_refusal(aws: Aws) -> None:
    with pytest.raises(SourceRefusal, match="audit stream: AWS answered 400 ResourceNotFoundException"):
        await AuditStream(aws, "audit").put([b"x"])


async def test_only_what_stands_before_the_first_refused_record_counts(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    taken = {"SequenceNumber": "1", "ShardId": "0"}
    refused = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "slow down"}
    answer = {"FailedRecordCount": 1, "Records": [taken, taken, refused, taken]}
    httpserver.expect_request("/", method="POST").respond_with_json(answer)
    async with Aws("us-east-1", httpserver.url_for("")) as aws:
        assert await AuditStream(aws, "audit").put([b"1", b"2", b"3", b"4"]) == 2
