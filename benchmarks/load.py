"""Load on the API from a process of its own: `python -m benchmarks.load`, the job as JSON on standard input.

A client library would take longer than the API: this implements only the needed part of HTTP/1.1, on connections that
stay open.
"""

import asyncio
import json
import sys
import time
from itertools import count

from benchmarks.rig import percentile, report

CONNECTIONS = 8


class Load:
    """Requests over a few connections: at a steady pace, or each as soon as the one before it is answered."""

    def __init__(self, port: int, token: str, paths: list[str], requests: int, pace: int) -> None:
        self._port = port
        self._messages = [
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
            for path in paths
        ]
        self._requests = requests
        self._pace = pace
        self._numbers = count()
        self._taken: list[float] = []

    async def measure(self) -> dict[str, float]:
        """Seconds that answers took, from when their request was due, and how many came a second."""
        self._began = time.perf_counter()
        await asyncio.gather(*(self._connection() for _ in range(CONNECTIONS)))
        seconds = time.perf_counter() - self._began
        return {
            "p50_s": percentile(self._taken, 0.5),
            "p99_s": percentile(self._taken, 0.99),
            "requests_per_s": len(self._taken) / seconds,
        }

    async def _connection(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while (number := next(self._numbers)) < self._requests:
            due = await self._until_due(number)
            writer.write(self._messages[number % len(self._messages)])
            await read_answer(reader)
            self._taken.append(time.perf_counter() - due)
        writer.close()
        await writer.wait_closed()

    async def _until_due(self, number: int) -> float:
        """When the request was due: the wait for a free connection counts as latency."""
        if not self._pace:
            return time.perf_counter()
        due = self._began + number / self._pace
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        return due


async def read_answer(reader: asyncio.StreamReader) -> None:
    """Read one answer to its end; RuntimeError if it is not an immediate one."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(head.decode())
    length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))


if __name__ == "__main__":
    report(asyncio.run(Load(**json.load(sys.stdin)).measure()))
