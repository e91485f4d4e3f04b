"""Writes the bank's data as answers of the sandbox's services: one document for each customer and service."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from underwriting.domain.documents import Document
from underwriting.domain.service import Service
from underwriting.playground.berka.bank import CUSTOMER_PREFIX, Applicant


def write_documents(applicants: Iterable[Applicant], data_dir: Path) -> int:
    """Write `<data_dir>/<service>/<customer id>.json`, and return how many customers there are now.

    All files are complete before the first one takes its place, and those of an earlier load go.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=data_dir, prefix=".loading-") as staging:
        staged = [_write(Path(staging), *item) for one in applicants for item in _documents(one)]
        written = [_move(path, data_dir / path.relative_to(staging)) for path in staged]
    for service in Service:
        for earlier in set((data_dir / service).glob(f"{CUSTOMER_PREFIX}*.json")) - set(written):
            earlier.unlink()
    return len({path.name for path in written})


def _documents(applicant: Applicant) -> Iterator[tuple[Service, str, Document]]:
    yield Service.USERS, applicant.customer_id, applicant.person
    yield Service.STATEMENTS, applicant.customer_id, applicant.statements


def _write(folder: Path, service: Service, customer_id: str, document: Document) -> Path:
    path = folder / service / f"{customer_id}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(document.model_dump_json(), encoding="utf-8")
    return path


def _move(path: Path, place: Path) -> Path:
    place.parent.mkdir(exist_ok=True)
    return path.replace(place)
