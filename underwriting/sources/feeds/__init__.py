"""Bank feeds as their providers send them, turned into the transaction feed that the facts are computed from."""
