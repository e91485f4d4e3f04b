"""Bookings of many users as columns, with codes for categories and payees."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from underwriting.domain.histories import Category
from underwriting.playground.generator.draws import Draws, Flags, Ints
from underwriting.playground.generator.world import World

CATEGORIES: tuple[Category, ...] = tuple(Category)
_CODES = {category: code for code, category in enumerate(CATEGORIES)}
# The code of an unknown category or payee.
UNKNOWN = -1
# Bits of a position in a chunk, which has fewer than 2^28 bookings.
_POSITION_BITS = 28


def code_of(category: Category | None) -> int:
    """The code of a category."""
    return UNKNOWN if category is None else _CODES[category]


@dataclass(frozen=True)
class Payees:
    """The names on the other side of bookings; a code is a position in `names`."""

    world: World

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every name once, in a fixed order."""
        return tuple(dict.fromkeys(name for names in self.world.payees.values() for name in names))

    def codes(self, category: Category | None) -> Ints:
        """The codes of a category's payees; UNKNOWN where it has none."""
        names = self.world.payees.get(category, ()) if category else ()
        return np.array([self.names.index(name) for name in names] or [UNKNOWN])

    def pick(self, category: Category | None, draws: Draws, purpose: str = "payee") -> Ints:
        """A payee for each source of draws."""
        codes = self.codes(category)
        return np.asarray(codes[draws.between(purpose, 0, len(codes) - 1)])


@dataclass(frozen=True)
class Bookings:
    """Columns of equal length: the user's row in the chunk, the day of the window, cents, and two codes.

    A user's bookings of one day are in booking order.
    """

    user: Ints
    day: Ints
    amount: Ints
    category: Ints
    payee: Ints

    @classmethod
    def of(cls, user: Ints, day: Ints, amount: Ints, category: Category | None, payee: Ints | int) -> "Bookings":
        """Bookings of one category."""
        shape = user.shape
        return cls(
            user,
            day,
            amount,
            np.full(shape, code_of(category)),
            np.broadcast_to(np.asarray(payee, dtype=np.int64), shape),
        )

    @classmethod
    def together(cls, parts: Iterable["Bookings"]) -> "Bookings":
        """All of them, one after another."""
        every = [_NONE, *parts]
        return cls(*(np.concatenate([getattr(part, name) for part in every]) for name in cls.__dataclass_fields__))

    def take(self, rows: Ints | Flags) -> "Bookings":
        """Some of them, in the order of `rows`."""
        return Bookings(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def in_order(self, days: int) -> "Bookings":
        """By user and day, in the same order within a day. The window has `days` days."""
        key = ((self.user * days + self.day) << _POSITION_BITS) + np.arange(len(self.user))
        key.sort()
        return self.take(key & ((1 << _POSITION_BITS) - 1))

    def __len__(self) -> int:
        return len(self.user)


_NONE = Bookings(*(np.zeros(0, dtype=np.int64) for _ in Bookings.__dataclass_fields__))


def numbered(user: Ints) -> Ints:
    """The position of each row among its user's, from 0; rows are sorted by user."""
    first = np.r_[True, user[1:] != user[:-1]] if len(user) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(first)
    return np.asarray(np.arange(len(user)) - np.repeat(starts, np.diff(np.r_[starts, len(user)])))
