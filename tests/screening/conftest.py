"""Lists of invented entries in the layouts that are loaded."""

from pathlib import Path

import pytest

from underwriting.screening.entries import ScreeningList
from underwriting.screening.index import ListIndex
from underwriting.screening.ofac import load_ofac

DATA = Path(__file__).parent / "data"
SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture
def ofac_folder(tmp_path: Path) -> Path:
    """A copy of the invented OFAC list, for a test to break."""
    for file in (DATA / "ofac").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture(scope="session")
def invented() -> ListIndex:
    """The index of the invented list."""
    return ListIndex({"ofac": load_ofac(DATA / "ofac").entries})


@pytest.fixture(scope="session")
def ofac_list() -> ScreeningList:
    """The list that OFAC published in January 2022."""
    if not (SHARED / "ofac").exists():
        pytest.skip("the OFAC list is not beside the repository")
    return load_ofac(SHARED / "ofac")


@pytest.fixture(scope="session")
def published(ofac_list: ScreeningList) -> ListIndex:
    """Its index."""
    return ListIndex({ofac_list.name: ofac_list.entries})
