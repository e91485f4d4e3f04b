"""The queues of the store: events received, messages to send."""
