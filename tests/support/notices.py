"""Builders of notices: what is decided, lowered limits, the creditor, the bureau, and what its report says."""

import json
from datetime import date
from typing import Any

from support.reviews import NOW

from underwriting.domain.application import Product
from underwriting.domain.creditor import Bureau, Contact, Creditor
from underwriting.domain.decision import Reason
from underwriting.domain.limits import LimitRunState, LimitShardState
from underwriting.domain.notice import NoticeKind
from underwriting.notices.notice import About, Addressee
from underwriting.store.models import LimitRecordRow, LimitRunRow, LimitShardRow
from underwriting.store.session import Store

AGENCY = Contact(name="Federal Trade Commission", address="Washington, DC 20580")
CREDITOR = Creditor(name="Acme Lending, Inc.", address="1 Main Street", telephone="+1 555 0100", agency=AGENCY)
BUREAU = Bureau(name="First Bureau, LLC", address="2 Oak Street, Dover, DE 19901", telephone="+1 800 555 0100")
BUREAUS = {"first": BUREAU}
LOW = Reason(code="credit_score_low", sentence="Your credit score is too low.")
ADA = Addressee(customer_id="ada", name="Ada Byron", street="7 Elm Court", country="US")
TODAY = date(2026, 3, 5)
APPLICATION = "app_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
RUN = "lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
# Of what was received or done on the day of the tests.
DUE = date(2026, 4, 1)


def about(**changes: Any) -> About:
    """A rejected application, but for what a test changes."""
    fixed = {
        "subject_id": APPLICATION,
        "customer_id": "ada",
        "number": 1,
        "kind": NoticeKind.ADVERSE_ACTION,
        "product": Product.LOAN,
        "decided_on": date(2026, 3, 2),
        "due": date(2026, 4, 1),
        "currency": "USD",
        "amount": "2500.00",
        "reasons": (LOW,),
    }
    return About.model_validate({**fixed, **changes})


def report(**changes: Any) -> bytes:
    """A bureau's report, as the ledger keeps it."""
    factors = ["Balances are high", "An account was paid late", "Few accounts", "Short history"]
    answer = {
        "bureau": "first",
        "reported_on": "2026-03-01",
        "score": 601,
        "score_model": "Score 8",
        "score_min": 300,
        "score_max": 850,
        "key_factors": [
            {"rank": rank, "code": str(rank), "text": text} for rank, text in reversed([*enumerate(factors, 1)])
        ],
        "inquiries_factor": True,
        "currency": "USD",
    }
    return json.dumps({**answer, **changes}).encode()


async def lowered(store: Store, tenant: str = "acme", state: LimitRunState = LimitRunState.APPLIED) -> None:
    """A run that lowered ada's limit; that of bob was never applied, and that of eve was set back."""
    run = LimitRunRow(
        id=RUN,
        tenant=tenant,
        product=Product.FLOAT,
        business_date=NOW.date(),
        scope="",
        history="h",
        judged_at=NOW,
        currency="USD",
        policy="cfi",
        policy_version=1,
        policy_digest="d" * 64,
        policy_text="{}",
        state=state,
        created_at=NOW,
        applied_at=NOW,
    )
    shard = LimitShardRow(run_id=RUN, number=0, state=LimitShardState.APPLIED)
    records = [
        LimitRecordRow(
            run_id=RUN,
            user_id=user,
            shard=0,
            move="lowered",
            before=5000,
            after=4000,
            runs_below=2,
            reasons="limit_income_stopped limit_pay_low",
            gates_held="",
            notice_due=DUE,
            facts="{}",
            base_runs_below=1,
            in_force=in_force,
            base_version=1,
            applied_version=applied,
            paused=False,
        )
        for user, in_force, applied in (("ada", 4000, 2), ("bob", 5000, None), ("eve", 5000, 3))
    ]
    async with store.begin() as work:
        for rows in ([run], [shard], records):
            work.add_all(rows)
            await work.flush()
