"""The schema's history. Revisions are numbered, so that older and newer ones can be distinguished.

`0022.1` expands `0022`: it takes nothing away, so that programs that know `0022` work on it, too. `0023` contracts: it
takes away or tightens what programs that know `0022` use. It is applied once none of these runs any more.
"""

# Kept here because loading Alembic to ask for them costs every process a second at its start: the newest revision, and
# the oldest on which this program works, which is the newest that expands unless the program needs a later one.
HEAD = "0022.4"
NEEDED = "0022.4"


def generation(revision: str) -> str:
    """What programs have to know: the number without the steps that expand it."""
    return revision.partition(".")[0]
