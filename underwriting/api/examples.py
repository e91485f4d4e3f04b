"""Answers as a reader of the API's description sees them. A test holds them against their models."""

from typing import Any

# The commonest error of each status, and what its message may say.
ERRORS = {
    400: ("IDEMPOTENCY_KEY_MISSING", "Send a header Idempotency-Key with a key of your own."),
    401: ("INVALID_TOKEN", "The bearer token is not valid, or no longer."),
    403: ("MISSING_SCOPE", "The token lacks the scope eligibility:check"),
    404: ("NOT_FOUND", "there is no evaluation evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"),
    409: ("NOT_REFERRED", "application app_01KAYB2M4Z5W8Q0V6T3R9N7XJC does not wait for a person"),
    412: ("VERSION_CONFLICT", "the profile of ada is at version 4, not 3; read it again"),
    422: ("INVALID_REQUEST", "query.product: Input should be 'float', 'loan' or 'all'"),
    429: ("RATE_LIMITED", "Your tenant may call 1000 per 1 second; try again in 1 s."),
    503: ("STORE_UNREACHABLE", "the database did not answer; try again"),
}

_DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_SAFETY = {"name": "float-safety", "version": 1, "digest": _DIGEST}
_STANDARD = {"name": "float-standard", "version": 1, "digest": _DIGEST}

PENDING_EVALUATION: dict[str, Any] = {
    "id": "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    "state": "pending",
    "user_id": "ada",
    "product": "float",
    "as_of": "2026-03-02",
    "requested_at": "2026-03-02T09:30:00Z",
}

EVALUATION: dict[str, Any] = PENDING_EVALUATION | {
    "state": "done",
    "verdict": "approved",
    "currency": "USD",
    "approved_amounts": ["10.00", "20.00"],
    "affordability_cap": "83.73",
    "deciding": _STANDARD,
    "arm": "control",
    "reasons": [],
    "profile_version": 1,
    "decided_by": "rulebook",
    "decided_at": "2026-03-02T09:30:01.250000Z",
    "notice_due": None,
    "troubles": {},
    "books": [
        {
            "rulebook": _SAFETY,
            "priority": 0,
            "superseding": True,
            "arm": None,
            "certain": True,
            "result": "pass",
            "first_failed": None,
            "cap": None,
            "outcomes": [
                {
                    "rule": "OutstandingFloats",
                    "result": "pass",
                    "reason": None,
                    "observed": {"outstanding_floats": 0},
                    "refers": False,
                    "amount": None,
                }
            ],
        },
        {
            "rulebook": _STANDARD,
            "priority": 30,
            "superseding": False,
            "arm": "control",
            "certain": True,
            "result": "pass",
            "first_failed": None,
            "cap": "50.00",
            "outcomes": [
                {
                    "rule": "RecurringDeposits",
                    "result": "pass",
                    "reason": None,
                    "observed": {"recurring_deposits": 6, "recurring_deposit_amount": 112_300},
                    "refers": False,
                    "amount": None,
                }
            ],
        },
    ],
}

PROFILE: dict[str, Any] = {
    "user_id": "ada",
    "version": 3,
    "currency": "USD",
    "tiers": [
        {"id": "1", "amount": "10.00", "fee": "1.00", "enabled": True},
        {"id": "2", "amount": "20.00", "fee": "3.00", "enabled": True},
        {"id": "3", "amount": "30.00", "fee": "4.00", "enabled": False},
    ],
    "limit": "20.00",
    "paused": [],
    "created_on": "2026-03-02T09:30:00Z",
    "created_by": "ann",
    "reason": "goodwill",
    "expires_on": None,
}

PENDING_APPLICATION: dict[str, Any] = {
    "id": "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    "state": "pending",
    "customer_id": "good",
    "product": "loan",
    "amount": "2500.00",
    "currency": "USD",
    "as_of": "2026-03-02",
    "received_at": "2026-03-02T09:30:00Z",
}

APPLICATION: dict[str, Any] = PENDING_APPLICATION | {
    "state": "done",
    "verdict": "rejected",
    "approved_amount": None,
    "reasons": [{"code": "credit_score_low", "sentence": "Your credit score is too low for this loan."}],
    "rulebook": {"name": "prescreening", "version": 1, "digest": _DIGEST},
    "decided_by": "rulebook",
    "decided_at": "2026-03-02T09:30:02Z",
    "notice_due": "2026-04-01",
    "checks": [
        {
            "check": "credit_report",
            "trouble": None,
            "outcomes": [
                {
                    "rule": "CreditScore",
                    "result": "fail",
                    "reason": {"code": "credit_score_low", "sentence": "Your credit score is too low for this loan."},
                    "observed": {"credit_score": 471},
                    "refers": False,
                    "amount": None,
                }
            ],
        }
    ],
}

OWED: dict[str, Any] = {
    "tenant": "acme",
    "subject_id": APPLICATION["id"],
    "customer_id": "good",
    "number": 1,
    "kind": "adverse_action",
    "product": "loan",
    "due": "2026-04-01",
}

SENDING: dict[str, Any] = {
    "id": "ntc_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    "kind": "adverse_action",
    "how": "letter",
    "sent_at": "2026-03-03T09:00:00Z",
    "sent_by": "ann",
}

NOTICE: dict[str, Any] = {
    "written_on": "2026-03-03",
    "creditor": {
        "name": "Acme Lending, Inc.",
        "address": "1 Main Street, Springfield, IL 62701",
        "telephone": "+1 555 0100",
    },
    "agency": {
        "name": "Federal Trade Commission, Equal Credit Opportunity",
        "address": "Washington, DC 20580",
        "telephone": "",
    },
    "addressee": {
        "customer_id": "good",
        "name": "Avery Dunwoody",
        "street": "7 Elm Court",
        "country": "US",
        "business": False,
    },
    "kind": "adverse_action",
    "product": "loan",
    "subject_id": APPLICATION["id"],
    "decided_on": "2026-03-02",
    "due": "2026-04-01",
    "currency": "USD",
    "amount": "2500.00",
    "limit_before": None,
    "limit_after": None,
    "reasons": APPLICATION["reasons"],
    "reasons_on_request": False,
    "missing": [],
    "offer": None,
    "respond_by": None,
    "answer_by": None,
    "report": {
        "bureau": {"name": "First Bureau", "address": "2 Oak Street, Dover, DE 19901", "telephone": "+1 800 555 0100"},
        "score": {
            "points": 471,
            "lowest": 300,
            "highest": 850,
            "of": "2026-03-02",
            "model": "Score 8",
            "key_factors": ["Too many accounts with balances"],
        },
    },
}

_MATCH: dict[str, Any] = {
    "entry": "ofac-sdn:7150",
    "kind": "individual",
    "score": 0.96,
    "confirmed": False,
    "evidence": "born in the same year",
    "found_at": "2026-03-02T09:30:00Z",
}
LISTED: dict[str, Any] = {"user_id": "ada", "matches": [_MATCH]}
