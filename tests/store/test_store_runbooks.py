"""The queries of docs/runbooks.md find what they say, on both databases."""

from typing import Any

from sqlalchemy import text
from support.documents import sql_queries
from support.evaluated import STANDARD, eligibility, evaluated
from support.reviews import BOOK, NOW, claimed, decision, finish, results

from underwriting.domain.decision import Verdict
from underwriting.store import decisions, evaluations
from underwriting.store.session import Store

BAD = BOOK.model_copy(update={"version": 4})


async def found(store: Store, query: str) -> list[dict[str, Any]]:
    async with store.read() as work:
        return [dict(row) for row in (await work.execute(text(query))).mappings()]


async def test_who_was_decided_by_a_bad_book_is_found(store: Store) -> None:
    of_applications, of_users = sql_queries("runbooks.md", "A bad book was published")
    await finish(store, await claimed(store))
    owned = await claimed(store, customer_id="bob")
    decided = decision(owned.subject, Verdict.APPROVED).model_copy(update={"rulebook": BAD})
    async with store.begin() as work:
        await decisions.finish(work, owned, results(), decided, ())
    (row,) = await found(store, of_applications)
    assert (row["application_id"], row["customer_id"], row["verdict"]) == (owned.subject.id, "bob", "approved")

    bad = STANDARD.model_copy(update={"name": "float-standard", "version": 2})
    await evaluated(store, "other")
    books = [book.model_copy(update={"rulebook": bad}) for book in eligibility().books[1:]]
    taken = await evaluated(store, "ada", deciding=bad, books=tuple(books))
    rejected = [book.model_copy(update={"rulebook": bad}) for book in eligibility(Verdict.REJECTED).books[1:]]
    await evaluated(store, "eve", **{**dict(eligibility(Verdict.REJECTED)), "books": tuple(rejected)})
    async with store.begin() as work:
        await evaluations.freeze(work, "acme", "ada", taken.id, "flt_1", "event-1", NOW)
    rows = await found(store, of_users)
    said = {row["user_id"]: (row["result"], row["verdict"], row["float_id"]) for row in rows}
    assert said == {"ada": ("pass", "approved", "flt_1"), "eve": ("fail", "rejected", None)}
