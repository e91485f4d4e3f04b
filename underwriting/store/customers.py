"""All customers in the store: users with a profile, and applicants."""

from collections.abc import AsyncIterator

from sqlalchemy import Select, exists, select, tuple_

from underwriting.store.models import ApplicationRow, ProfileRow
from underwriting.store.session import Store

# A tenant and its customer's id.
Customer = tuple[str, str]


async def pages(store: Store, size: int = 500) -> AsyncIterator[list[Customer]]:
    """All customers, each once, page by page."""
    # One query after the other, because the two columns have different collations.
    for query in (_with_a_profile, _applied):
        after: Customer = ("", "")
        while True:
            async with store.read() as work:
                page = [(tenant, user_id) for tenant, user_id in await work.execute(query(after).limit(size))]
            if not page:
                break
            yield page
            after = page[-1]


def _with_a_profile(after: Customer) -> Select[tuple[str, str]]:
    key = (ProfileRow.tenant, ProfileRow.user_id)
    return select(*key).where(tuple_(*key) > after).distinct().order_by(*key)


def _applied(after: Customer) -> Select[tuple[str, str]]:
    """Those of them who have no profile."""
    key = (ApplicationRow.tenant, ApplicationRow.customer_id)
    same = (ProfileRow.tenant == ApplicationRow.tenant, ProfileRow.user_id == ApplicationRow.customer_id)
    return select(*key).where(tuple_(*key) > after, ~exists().where(*same)).distinct().order_by(*key)
