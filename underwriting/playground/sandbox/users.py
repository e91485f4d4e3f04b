"""The sandbox's users of floats: the kinds of users.yaml, each a steady earner except for one special property.

A user id is a kind's own (`steady-pay`), or a variant of it (`steady-pay-00017`), as with applicants.
"""

import re

from underwriting.playground.kinds import read_kinds
from underwriting.playground.sandbox.float_user import FloatUser

TABLE = read_kinds(__package__, "users.yaml", FloatUser, {"plan": ["salary", "expenses"]})
USERS = {user.id: user for user in TABLE}


def find_user(user_id: str) -> FloatUser | None:
    """The kind behind a user id: its own, or with a hyphen and a number after it."""
    return USERS.get(re.sub(r"-[0-9]+$", "", user_id))
