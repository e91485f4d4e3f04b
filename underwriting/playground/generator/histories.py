"""The histories of some users: traits, bookings, and floats."""

from underwriting.playground.generator import floats as own_floats
from underwriting.playground.generator.account import Account, run_account
from underwriting.playground.generator.bookings import Bookings, Payees
from underwriting.playground.generator.calendar import Window
from underwriting.playground.generator.draws import Draws, Flags, Ints
from underwriting.playground.generator.floats import draw_floats
from underwriting.playground.generator.income import income
from underwriting.playground.generator.repayment import Capacity
from underwriting.playground.generator.spending import advances, bills, cards
from underwriting.playground.generator.traits import draw_traits
from underwriting.playground.generator.world import World


class Histories:
    """Users by number, drawn from a world. Rows of the columns are indexes into `numbers`."""

    def __init__(self, world: World, window: Window, seed: int, numbers: Ints) -> None:
        self.world, self.window, self.numbers = world, window, numbers
        self.draws = Draws.of_users(seed, numbers)
        self.payees = Payees(world)
        self.traits = draw_traits(world, window, self.draws)
        self.capacity = Capacity(world, window, self.traits, self.draws)
        self.floats, self.limits = draw_floats(world, window, self.traits, self.draws, self.capacity)
        self.bookings, self.account = self._booked()

    def _booked(self) -> tuple[Bookings, Account]:
        """Every booking of the window, by user and day, and the account that they are on."""
        given = (self.world, self.window, self.traits, self.draws, self.payees)
        standing = list(bills(*given))
        parts = [*income(*given), *own_floats.bookings(self.floats, self.window, self.payees), *advances(*given)]
        parts += [*(part for part, _ in standing), *cards(*given)]
        planned = Bookings.together(parts)
        returnable = Bookings.together(part for part, may_bounce in standing if may_bounce)
        account = run_account(self.world, self.traits, self.draws, planned, returnable, self.window.days, self.payees)
        return Bookings.together([planned, account.added]).in_order(self.window.days), account

    @property
    def seen(self) -> Flags:
        """Which of the bookings the feed shows: from the account's opening to the last refresh."""
        user, day = self.bookings.user, self.bookings.day
        shown: Flags = (day >= self.traits.opened_on[user]) & (day <= self.traits.refreshed_on[user])
        return shown
