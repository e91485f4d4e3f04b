"""The edges to AWS, Segment, Datadog and OpenTelemetry: each off until its setting is given.

They talk to the outside and know nothing of flows, tasks or the store; what may not be lost comes to them out of the
outbox, and what they receive goes into the inbox.
"""
