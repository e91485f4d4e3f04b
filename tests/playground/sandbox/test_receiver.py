"""The partner's endpoint takes what is signed for it, and nothing else, whatever is sent."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def signed(body: bytes, message_id: str = "msg_1") -> dict[str, str]:
    moment = datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(message_id, moment, body.decode()),
    }


def test_a_signed_message_is_taken_and_kept(sandbox):
    assert sandbox.post("/results/acme", content=b'{"a": 1}', headers=signed(b'{"a": 1}')).status_code == 204
    kept = sandbox.get("/_control/ledger").json()["ledger"]["results"]
    assert kept == {"msg_1": {"tenant": "acme", "body": '{"a": 1}', "deliveries": 1, "changed": False}}


def test_a_signature_among_others_is_found(sandbox):
    headers = signed(b"{}")
    headers["webhook-signature"] = f"v1a,AAAA {headers['webhook-signature']}"
    assert sandbox.post("/results/acme", content=b"{}", headers=headers).status_code == 204


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        (b"{ }", {}),
        (b"\xff\xfe", {}),
        (b"{}", {"webhook-id": "msg_2"}),
        (b"{}", {"webhook-id": ""}),
        (b"{}", {"webhook-timestamp": "1"}),
        (b"{}", {"webhook-timestamp": "nan"}),
        (b"{}", {"webhook-timestamp": "inf"}),
        (b"{}", {"webhook-timestamp": "soon"}),
        (b"{}", {"webhook-signature": ""}),
        (b"{}", {"webhook-signature": "v1"}),
        (b"{}", {"webhook-signature": "v1,a,b"}),
        (b"{}", {"webhook-signature": "v1,?"}),
        (b"{}", {"webhook-signature": "v1,\u00e9".encode().decode("latin-1")}),
    ],
)
def test_anything_else_is_refused_and_counted(sandbox, body, changes):
    headers = {name: value.encode("latin-1") for name, value in (signed(b"{}") | changes).items()}
    assert sandbox.post("/results/acme", content=body, headers=headers).status_code == 401
    ledger = sandbox.get("/_control/ledger").json()["ledger"]
    assert (ledger["results"], ledger["refused"]["bad_signature"]) == ({}, 1)


def test_an_unknown_tenant_is_counted(sandbox):
    assert sandbox.post("/results/nobody", content=b"{}", headers=signed(b"{}")).status_code == 404
    assert sandbox.get("/_control/ledger").json()["ledger"]["refused"]["unknown_tenant"] == 1
