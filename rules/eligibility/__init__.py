"""Which floats and loans a user may take now: rules about histories, by category, and books of these rules."""

from rules.eligibility.catalogue import CATEGORIES, USER_RULES

__all__ = ["CATEGORIES", "USER_RULES"]
