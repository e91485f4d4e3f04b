"""Continuous Float Increase: decides each user's limit, with reasons, by a dated policy.

Pure and vectorised: one user and a million are the same call. What is not known never raises a limit.
"""
