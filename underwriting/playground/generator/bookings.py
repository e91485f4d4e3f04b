"""Bookings of many users as columns, and the vocabulary that their codes stand for."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from underwriting.domain.histories import Category
from underwriting.playground.generator.draws import Draws, Flags, Ints
from underwriting.playground.generator.world import World

CATEGORIES: tuple[Category, ...] = tuple(Category)
_CODES = {category: code for code, category in enumerate(CATEGORIES)}
# What nobody could tell: no category, no name.
UNKNOWN = -1
# A place in the order of a chunk's bookings; a chunk has fewer than 2^28 of them.
_PLACE_BITS = 28


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
        """The codes of those whom bookings of a category are with; one unknown where there are none."""
        names = self.world.payees.get(category, ()) if category else ()
        return np.array([self.names.index(name) for name in names] or [UNKNOWN])

    def pick(self, category: Category | None, draws: Draws, purpose: str = "payee") -> Ints:
        """One of them for each source of draws."""
        codes = self.codes(category)
        return np.asarray(codes[draws.between(purpose, 0, len(codes) - 1)])


@dataclass(frozen=True)
class Bookings:
    """Columns of equal length: the user's row in the chunk, the day of the window, cents, and two codes.

    Of one user's bookings on one day, those that stand first are booked first.
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
        """By user and day, and within a day as they stand. Days are those of the window, `days` of them."""
        key = ((self.user * days + self.day) << _PLACE_BITS) + np.arange(len(self.user))
        key.sort()
        return self.take(key & ((1 << _PLACE_BITS) - 1))

    def __len__(self) -> int:
        return len(self.user)


_NONE = Bookings(*(np.zeros(0, dtype=np.int64) for _ in Bookings.__dataclass_fields__))


def numbered(user: Ints) -> Ints:
    """The place of each row among its user's, from 0 on; rows stand by user."""
    first = np.r_[True, user[1:] != user[:-1]] if len(user) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(first)
    return np.asarray(np.arange(len(user)) - np.repeat(starts, np.diff(np.r_[starts, len(user)])))
