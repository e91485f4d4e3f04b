"""A few hundred users in memory, made once."""

from datetime import date

import numpy as np
import pytest

from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.histories import Histories
from underwriting.playground.generator.world import shipped_world

END = date(2025, 8, 31)
USERS = 600


@pytest.fixture(scope="session")
def window() -> Window:
    return Window(END, 6)


@pytest.fixture(scope="session")
def histories(window: Window) -> Histories:
    return Histories(shipped_world(), window, 7, np.arange(USERS))
