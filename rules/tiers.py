"""The tiers of floats: amounts, fees, and which of them a user gets on first contact."""

from importlib.resources import files

from ruamel.yaml import YAML

from underwriting.domain.profile import Tier


def _schedule() -> tuple[str, tuple[Tier, ...]]:
    schedule = YAML(typ="safe").load(files(__package__).joinpath("policies", "float_tiers.yaml").read_text("utf-8"))
    return schedule["currency"], tuple(map(Tier.model_validate, schedule["tiers"]))


CURRENCY, TIERS = _schedule()
