"""The Kinesis stream that the audit chain is copied to, so that a second party has it.

One partition key puts all entries on one shard, in order. A record that is not accepted is sent again with all that
follow it, so a reader may see entries twice. It accepts an entry whose `seq` follows that of the last accepted one.
"""

from collections.abc import Sequence

from underwriting.integrations.aws import Aws

SOURCE = "audit stream"
PARTITION = "audit"
# What Kinesis takes in one call: records, and bytes of all of them.
MAX_RECORDS = 500
MAX_BYTES = 5 * 1024 * 1024


class AuditStream:
    """Puts records in their order."""

    def __init__(self, aws: Aws, name: str) -> None:
        self._aws = aws
        self._name = name

    async def put(self, records: Sequence[bytes]) -> int:
        """Put the first records, as many as one call takes; how many of them, from the first on, were taken.

        Fewer than were put where Kinesis refused one; SourceError where the call failed as a whole.
        """
        batch = [{"Data": record, "PartitionKey": PARTITION} for record in _fitting(records)]
        if not batch:
            return 0
        answer = await self._aws.call(SOURCE, "kinesis", "put_records", StreamName=self._name, Records=batch)
        if not answer["FailedRecordCount"]:
            return len(batch)
        return next(index for index, record in enumerate(answer["Records"]) if "ErrorCode" in record)


def _fitting(records: Sequence[bytes]) -> Sequence[bytes]:
    """The first records, as many as one call takes."""
    left = MAX_BYTES
    for index, record in enumerate(records[:MAX_RECORDS]):
        left -= len(record) + len(PARTITION)
        if left < 0:
            return records[:index]
    return records[:MAX_RECORDS]
