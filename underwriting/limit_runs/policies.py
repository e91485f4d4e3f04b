"""Which policy decides a run."""

from datetime import UTC, datetime
from pathlib import Path

from rules.limits.policy import LimitPolicy, load_policy, shipped_policies
from underwriting.domain.application import Product


class UnknownPolicy(ValueError):
    """No policy of this name decides about the product."""


def policy_for(product: Product, name: str, *, today: bool = False) -> LimitPolicy:
    """The shipped policy of a name, or the one in a YAML file.

    UnknownPolicy where it is not about the product, or has to decide today (UTC) and is not in force.
    """
    if name.endswith((".yaml", ".yml")):
        policy = load_policy(Path(name))
    else:
        shipped = shipped_policies()
        if name not in shipped:
            raise UnknownPolicy(f"no policy is called {name}; there are {', '.join(shipped)}, or name a .yaml file")
        policy = shipped[name]
    if policy.product is not product:
        raise UnknownPolicy(f"the policy {policy.ref} is about a {policy.product}, not a {product}")
    if today and not policy.in_force_on(datetime.now(UTC).date()):
        until = f" until {policy.valid_until}" if policy.valid_until else ""
        raise UnknownPolicy(
            f"the policy {policy.ref} decides from {policy.valid_from}{until}, and not today; try it with a dry run"
        )
    return policy
