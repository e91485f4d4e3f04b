"""The tables of a history of many users, as the facts read them, and the side files with the truth."""

import pyarrow as pa

from rules.facts import input_schema

_TEXT, _WHOLE, _DAY, _FLAG = pa.string(), pa.int64(), pa.date32(), pa.bool_()

# The limits on the last day, for the profiles of a fresh store.
CURRENT_LIMITS = "current_limits"
# The outcomes of each month's floats, and of any other amount. Decisions must not read them.
REPAYMENTS = "repayments"
# Which users are personas, and the expected decision of a limit run on the last day.
EXPECTED = "expected"
# The rows that are malformed on purpose, and why.
MALFORMED = "malformed"

# The answers of the sources, a folder each.
TABLES: tuple[str, ...] = (
    "transactions",
    "feeds",
    "floats",
    "float_histories",
    "users",
    "subscriptions",
    "renewals",
    "scores",
    "bracket_scores",
    "list_screenings",
)
_SIDE_FILES: dict[str, dict[str, pa.DataType]] = {
    REPAYMENTS: {
        # The month's first day.
        "month": _DAY,
        # Sum of the floats taken in the month, minor units; 0 where there were none.
        "advanced": _WHOLE,
        # Whether all of them were repaid on time; NULL where there were none.
        "on_time": _FLAG,
        # What of them is never repaid.
        "loss": _WHOLE,
        # The largest amount that the user would repay on time in the month, and the largest that is not lost.
        "repays_up_to": _WHOLE,
        "returns_up_to": _WHOLE,
    },
    EXPECTED: {
        "persona": _TEXT, "move": _TEXT, "reason": _TEXT, "before": _WHOLE, "after": _WHOLE,
    },
    MALFORMED: {"table": _TEXT, "line_no": _WHOLE, "reason": _TEXT},
}  # fmt: skip
SIDE_FILES: tuple[str, ...] = (CURRENT_LIMITS, *_SIDE_FILES)


def schema(table: str) -> pa.Schema:
    """The columns of a table or side file, `subject_id` first; KeyError where there is no such table."""
    return pa.schema({"subject_id": _TEXT, **_SIDE_FILES[table]}) if table in _SIDE_FILES else input_schema(table)
