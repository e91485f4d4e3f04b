"""How property tests run here: the same examples every time, without a deadline that a busy machine would miss."""

from hypothesis import HealthCheck, settings

STEADY = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow], print_blob=False
)
