"""How often a tenant may call: a sliding window for each tenant, in the memory of each API process."""

import math
import time
from http import HTTPStatus

from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from underwriting.api.errors import ApiError


class Quota:
    """The calls that each tenant has left in its window. A limit is written as "300/second" or "10000/minute"."""

    def __init__(self, limit: str) -> None:
        self._limit = parse(limit)
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def take(self, tenant: str) -> None:
        """Count one call; ApiError 429, with the seconds until the next one is served, where none is left."""
        if await self._window.hit(self._limit, tenant):
            return
        reset = (await self._window.get_window_stats(self._limit, tenant)).reset_time
        wait = max(1, math.ceil(reset - time.time()))
        raise ApiError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "RATE_LIMITED",
            f"Your tenant may call {self._limit}; try again in {wait} s.",
            headers={"Retry-After": str(wait)},
        )
