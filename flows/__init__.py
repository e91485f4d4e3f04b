"""Prefect flows: one file for each business journey."""
