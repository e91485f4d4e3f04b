"""The rules about users, in the module named for their category."""
