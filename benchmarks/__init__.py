"""How fast and how big, measured: one command each, the figures as JSON in the last line."""
