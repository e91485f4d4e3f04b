"""Generates histories of any number of users of floats from a seed, as Parquet in the layout of the facts.

A user's history depends on the seed, the user's number, the last day and the months only, not on the number of users
or chunks. The distributions are data (world.yaml). One latent number of each user, the reliability, drives both the
history and the later repayments, so that a policy can be judged by what it could have known. A share of the users are
personas: cases with a known right answer.
"""
