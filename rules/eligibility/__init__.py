"""What a user of floats and loans may take now: rules about histories, by category, and the books they stand in."""

from rules.eligibility.catalogue import CATEGORIES, USER_RULES

__all__ = ["CATEGORIES", "USER_RULES"]
