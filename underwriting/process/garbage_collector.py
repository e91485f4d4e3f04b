"""Python's garbage collector in processes that load much, live long and make many short-lived objects."""

import gc

# Objects made before the collector looks at the youngest, and how often it looks at the older ones. Python's own 700
# has it look all the time: what a request makes is mostly freed without it.
THRESHOLDS = (50_000, 20, 100)


def freeze_loaded_objects() -> None:
    """Call once all is loaded: the collector never looks at that again, and seldom at what comes."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
