"""Results posted to partners, signed after Standard Webhooks."""

from datetime import UTC, datetime
from typing import Self

from standardwebhooks import Webhook

from underwriting.integrations.http import HttpService
from underwriting.settings import Partner, Settings

SOURCE = "results endpoint"


class Results:
    """The partners' results endpoints: `async with Results(settings()) as results`. One for each event loop."""

    def __init__(self, config: Settings) -> None:
        # A pool of its own: partners must not receive the sources' token.
        self._http = HttpService(config.source_timeout)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.__aexit__()

    async def post(self, partner: Partner, message_id: str, body: bytes, at: datetime) -> None:
        """Deliver one JSON message; returns once the partner answered 2xx.

        `message_id` is the same on every try, so that the partner can drop a repetition; `at` is the time of this try,
        with its zone: receivers refuse old ones. SourceOutage where another try may help (no answer, 408, 425, 429,
        5xx), SourceRefusal where it would not (410 and the other 4xx, a redirect).
        """
        headers = signature(partner, message_id, body, at)
        await self._http.deliver(
            SOURCE, self._http.request("POST", str(partner.results_url), headers=headers, content=body)
        )


def signature(partner: Partner, message_id: str, body: bytes, at: datetime) -> dict[str, str]:
    """The three Standard Webhooks headers of a message. ValueError where `at` is naive.

    While the partner changes its secret, the message is signed with both, so that either verifies it.
    """
    if at.tzinfo is None:
        raise ValueError("a signature needs an aware moment")
    # The library ignores the time zone, hence the conversion to UTC.
    moment = at.astimezone(UTC)
    secrets = filter(None, (partner.signing_secret, partner.former_signing_secret))
    signers = [Webhook(secret.get_secret_value()) for secret in secrets]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signer.sign(message_id, moment, body.decode()) for signer in signers),
    }
