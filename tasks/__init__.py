"""Prefect tasks: one file for each check, source or effect."""
