"""The rules of each check, in the module named for the check."""
