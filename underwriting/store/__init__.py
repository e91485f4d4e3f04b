"""The store: requests, results, decisions, and messages to send."""
