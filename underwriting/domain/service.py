"""The outside services."""

from enum import StrEnum


class Service(StrEnum):
    """The outside services; the value names one in settings and errors, and is its prefix in the sandbox."""

    USERS = "users"
    REGISTRY = "registry"
    STATEMENTS = "statements"
    ACCOUNTS = "accounts"
    BUREAU = "bureau"
    EXPOSURE = "exposure"
    FRAUD = "fraud"
    LOANS = "loans"
    PAYMENTS = "payments"
    FLOATS = "floats"
    TRANSACTIONS = "transactions"
    SCORES = "scores"
