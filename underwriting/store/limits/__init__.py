"""Limit runs in the store: runs, shards, records of users, and what they change in profiles."""
