"""Answers as a reader of the API's description sees them. A test compares them with their models."""

import json
from importlib.resources import files
from typing import Any

from underwriting.api.errors import BODY_UNREADABLE, KEY_MISSING

# Ids as they stand in paths.
IDS = {
    "application_id": "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    "evaluation_id": "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    "subject_id": "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    "user_id": "ada",
}
# The commonest error of each status, and what its message may say. Those of a route of its own are in `documented`.
ERRORS = {
    400: ("IDEMPOTENCY_KEY_MISSING", KEY_MISSING),
    401: ("INVALID_TOKEN", "The bearer token is not valid, or no longer."),
    403: ("MISSING_SCOPE", "The token lacks the scope eligibility:check"),
    404: ("NOT_FOUND", "there is no evaluation evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"),
    409: ("NOT_REFERRED", "application app_01KAYB2M4Z5W8Q0V6T3R9N7XJC does not wait for a person"),
    412: ("VERSION_CONFLICT", "the profile of ada is at version 4, not 3; read it again"),
    422: ("INVALID_REQUEST", "query.product: is not possible here; write float, loan or all"),
    429: ("RATE_LIMITED", "Your tenant may call 60000 per 1 minute; try again in 1 s."),
    503: ("STORE_UNREACHABLE", "the database did not answer; try again"),
}

# By the last part of a path.
CONFLICTS = {
    "decision": ("NOT_REFERRED", f"{IDS['application_id']} does not wait for a person"),
    "answer": ("NOT_WAITING", f"{IDS['application_id']} does not wait for this answer"),
    "{subject_id}": ("NOTICE_IMPOSSIBLE", f"nobody has decided {IDS['subject_id']} yet"),
    "sent": ("NOTICE_IMPOSSIBLE", f"nobody has decided {IDS['subject_id']} yet"),
    "clear": ("NO_OPEN_MATCH", "user ada has no open match with a list"),
}
UNREADABLE = ("BAD_REQUEST", BODY_UNREADABLE)

_ANSWERS: dict[str, dict[str, Any]] = json.loads(files(__package__).joinpath("examples.json").read_text("utf-8"))
EVALUATION, PENDING_EVALUATION = _ANSWERS["evaluation"], _ANSWERS["pending_evaluation"]
APPLICATION, PENDING_APPLICATION = _ANSWERS["application"], _ANSWERS["pending_application"]
LOG = _ANSWERS["log"]
PROFILE, LISTED = _ANSWERS["profile"], _ANSWERS["listed"]
OWED, NOTICE, SENDING = _ANSWERS["owed"], _ANSWERS["notice"], _ANSWERS["sending"]
