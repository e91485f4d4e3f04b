"""The outcome store: what was asked, what was seen, what was decided, and what is still owed."""
