"""Continuous Float Increase: from a user's facts to a limit with a reason, by a policy that is dated data.

Pure and vectorised: one user and a million are the same call. What is not known never raises a limit.
"""
