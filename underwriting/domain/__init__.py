"""Frozen models of the business; they import no other part of the system."""
