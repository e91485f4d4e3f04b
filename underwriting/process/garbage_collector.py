"""Python's garbage collector in processes that load much, live long and make many short-lived objects."""

import gc

# New objects before a collection of the youngest generation, and the ratio for the older ones. With Python's default of
# 700 it runs all the time, although most objects of a request are freed without it.
THRESHOLDS = (50_000, 20, 100)


def freeze_loaded_objects() -> None:
    """Call once all is loaded: the collector then ignores the loaded objects, and runs less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
