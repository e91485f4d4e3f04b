"""Benchmarks of speed and memory: one command each; the last line has the figures as JSON."""
