"""Simulated services, generated histories and public data to try the system on."""
