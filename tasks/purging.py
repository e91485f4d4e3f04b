"""Deletes what is past its term, where a setting says so."""

from underwriting.domain.retention import Kind
from underwriting.retention import demands_of, purge
from underwriting.runtime import Runtime

# Seconds after which the rest is left for the next time.
ENOUGH_SECONDS = 30.0


async def purge_some(runtime: Runtime) -> int:
    """Delete records past their term for half a minute; returns how many.

    The records of limit runs are left to the command where the folder of the runs is not here, since it goes with them.
    """
    config = runtime.config
    if not config.purge:
        return 0
    kinds = [kind for kind in Kind if kind is not Kind.LIMITS or config.limits_place.is_dir()]
    demands = demands_of(runtime.store, config)
    deleted = await purge(runtime.store, demands, config.limits_place, "housekeeping", kinds, seconds=ENOUGH_SECONDS)
    return deleted.total()
