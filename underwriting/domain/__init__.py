"""Frozen models of what the system decides about; imports nothing outward."""
