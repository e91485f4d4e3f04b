"""The HTTP API: accept, trigger, answer."""
