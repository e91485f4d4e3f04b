"""Published rulebooks: immutable versions of canonical text, so that a decision can always be read back."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from underwriting.domain.application import Product
from underwriting.domain.decision import RulebookRef
from underwriting.store import audit
from underwriting.store.columns import from_now
from underwriting.store.errors import UnknownRulebook, VersionTaken
from underwriting.store.models import RulebookRow
from underwriting.store.session import Work


@dataclass(frozen=True)
class Published:
    """One version as it was published."""

    ref: RulebookRef
    product: Product
    text: str
    published_by: str
    published_at: datetime

    @property
    def name(self) -> str:
        """The rulebook's name."""
        return self.ref.name

    @property
    def version(self) -> int:
        """The version's number."""
        return self.ref.version


async def publish(work: Work, ref: RulebookRef, product: Product, text: str, by: str) -> bool:
    """Publish a version; False where this very content is published, VersionTaken where another one is."""
    row = await work.add_new(
        RulebookRow,
        name=ref.name,
        version=ref.version,
        digest=ref.digest,
        product=product,
        text=text,
        published_by=by,
        published_at=from_now(),
    )
    if row is None:
        taken = await work.get_one(RulebookRow, (ref.name, ref.version))
        if taken.digest != ref.digest:
            raise VersionTaken(f"{ref} is published with another content; raise the version number of the rulebook")
        return False
    await audit.append(work, "rulebook.published", str(ref), by, digest=ref.digest)
    return True


async def get(work: Work, name: str, version: int | None = None) -> Published:
    """One version, the newest where none is named; UnknownRulebook where there is none."""
    query = select(RulebookRow).where(RulebookRow.name == name).order_by(RulebookRow.version.desc()).limit(1)
    if version is not None:
        query = query.where(RulebookRow.version == version)
    row = await work.scalar(query)
    if row is None:
        raise UnknownRulebook(name, version)
    return _published(row)


async def listing(work: Work) -> list[Published]:
    """Every version of every rulebook, newest first within its name."""
    rows = await work.scalars(select(RulebookRow).order_by(RulebookRow.name, RulebookRow.version.desc()))
    return [_published(row) for row in rows]


def _published(row: RulebookRow) -> Published:
    return Published(
        ref=RulebookRef(name=row.name, version=row.version, digest=row.digest),
        product=row.product,
        text=row.text,
        published_by=row.published_by,
        published_at=row.published_at,
    )
