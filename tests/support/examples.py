"""How property tests run here: the same examples every time, without a deadline that a busy machine would miss.

With EXAMPLES in the environment, so many times as many, and others each time: `make soak-texts`.
"""

import os

from hypothesis import HealthCheck, settings

TIMES = int(os.environ.get("EXAMPLES", "1"))


def steady(examples: int) -> settings:
    """The settings of one property, for `@given`: how many examples the suite tries."""
    return settings(
        max_examples=examples * TIMES,
        derandomize=TIMES == 1,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
        print_blob=False,
    )
