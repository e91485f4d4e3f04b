"""Histories of users of floats, made up: any number of them, from a seed, as Parquet in the layout of the facts.

A user's history depends on the seed, the user's number, the last day and the months alone: neither on how many users
are made nor on how the work is cut. What is drawn, and how often, is data (world.yaml). One latent number of each user,
the reliability, drives both the history and the repayments that follow it, so that a policy can be judged by what it
could have known. A share of the users are personas: cases with a known right answer.
"""
