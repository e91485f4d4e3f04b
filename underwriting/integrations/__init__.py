"""Integrations with AWS, Segment, Datadog and OpenTelemetry: each off until its setting is given.

They import no flows, tasks or store. Messages that must not be lost are sent from the outbox, and received events are
stored in the inbox.
"""
