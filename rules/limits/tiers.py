"""The tiers of floats: amounts, fees, and which of them a user gets on first contact."""

from collections.abc import Collection
from importlib.resources import files

from ruamel.yaml import YAML

from underwriting.domain.profile import Tier


def _schedule() -> tuple[str, tuple[Tier, ...]]:
    schedule = YAML(typ="safe").load(files("rules").joinpath("policies", "float_tiers.yaml").read_text("utf-8"))
    return schedule["currency"], tuple(map(Tier.model_validate, schedule["tiers"]))


CURRENCY, TIERS = _schedule()
# What falls due from one pay for each amount: the amount and its fee.
DUE = {tier.amount: tier.due for tier in TIERS}
# Minor units: the limit of a user without a profile.
FIRST_LIMIT = max(tier.amount for tier in TIERS if tier.enabled)


def tiers_enabled(ids: Collection[str]) -> tuple[Tier, ...]:
    """The whole schedule with exactly the tiers of these ids enabled; ValueError where the schedule lacks one."""
    if strange := sorted(set(ids) - {tier.id for tier in TIERS}):
        known = ", ".join(tier.id for tier in TIERS)
        raise ValueError(f"there is no tier {', '.join(strange)}; the tiers are {known}")
    return tuple(tier.model_copy(update={"enabled": tier.id in ids}) for tier in TIERS)
