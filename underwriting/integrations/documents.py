"""Documents in S3 instead of behind a service: `s3://bucket/prefix`, one object `CUSTOMER.json` each."""

import asyncio
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from underwriting.integrations.aws import Aws
from underwriting.integrations.errors import MalformedAnswer, SourceOutage

SCHEME = "s3://"


class S3Documents:
    """Reads objects, bounded in time and size like an answer over HTTP."""

    def __init__(self, aws: Aws, timeout: float, max_bytes: int) -> None:
        self._aws = aws
        self._timeout = timeout
        self._max_bytes = max_bytes

    async def fetch(self, source: str, base_url: str, name: str) -> bytes | None:
        """The object `name.json` under `base_url`; None where there is none.

        SourceOutage where another try may help, SourceRefusal where it would not (no such bucket, no permission),
        MalformedAnswer where the object is too large.
        """
        parts = urlsplit(base_url)
        key = f"{parts.path.strip('/')}/{name}.json".lstrip("/")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._aws.run(source, partial(self._read, source, parts.netloc, key))
        except TimeoutError:
            raise SourceOutage(source, f"no answer within {self._timeout:g} s") from None

    def _read(self, source: str, bucket: str, key: str) -> bytes | None:
        try:
            answer: dict[str, Any] = self._aws.client("s3").get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if _is_missing_object(error):
                return None
            raise
        with answer["Body"] as body:
            content: bytes = body.read(self._max_bytes + 1)
        if len(content) > self._max_bytes:
            raise MalformedAnswer(source, f"the object is larger than {self._max_bytes:,} bytes")
        return content


def _is_missing_object(error: ClientError) -> bool:
    """A bucket that is missing is a wrong setting, and no answer about a customer."""
    return str(error.response["Error"]["Code"]) == "NoSuchKey"
