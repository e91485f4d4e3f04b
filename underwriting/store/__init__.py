"""The store: requests, what was found, what was decided, and what still has to be sent."""
