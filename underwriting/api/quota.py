"""How often a tenant may call, over all API processes: the store grants each process some calls at a time."""

import asyncio
import math
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http import HTTPStatus

from limits import parse

from underwriting.api.errors import ApiError
from underwriting.store import calls
from underwriting.store.session import Store

# A process asks the store for this share of the quota at a time, and then does not ask for so many calls.
SHARE = 50


@dataclass
class _Granted:
    """What a process may still serve of one tenant's calls in a period; it asks one request at a time."""

    period: int = -1
    left: int = 0
    used_up: bool = False
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Quota:
    """The calls that each tenant has left in a period. A limit is written as "1000/second" or "60000/minute"."""

    def __init__(self, limit: str, store: Store) -> None:
        self._limit = parse(limit)
        self._store = store
        self._most, self._seconds = self._limit.amount, self._limit.get_expiry()
        self._granted: defaultdict[str, _Granted] = defaultdict(_Granted)

    async def take(self, tenant: str) -> None:
        """Count one call; ApiError 429, with the seconds until the next period, where none is left."""
        mine = self._granted[tenant]
        period = int(time.time() // self._seconds)
        if mine.period != period or not (mine.left or mine.used_up):
            async with mine.asking:
                if mine.period != period or not (mine.left or mine.used_up):
                    await self._ask(tenant, mine, period)
        if not mine.left:
            raise self._refused()
        mine.left -= 1

    async def _ask(self, tenant: str, mine: _Granted, period: int) -> None:
        """Ask for a share of the quota; where that is not left any more, for a single call."""
        mine.left, granted = 0, 0
        for wanted in (max(1, self._most // SHARE), 1):
            async with self._store.begin() as work:
                if await calls.grant(work, tenant, period, wanted, self._most):
                    granted = wanted
                    break
        mine.period, mine.left, mine.used_up = period, granted, not granted

    def _refused(self) -> ApiError:
        wait = max(1, math.ceil(self._seconds - time.time() % self._seconds))
        return ApiError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "RATE_LIMITED",
            f"Your tenant may call {self._limit}; try again in {wait} s.",
            headers={"Retry-After": str(wait)},
        )
