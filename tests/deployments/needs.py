"""What a service reads in passing, and does not need to be given."""

from underwriting.settings import Settings

OF_SOURCES = {name for name in Settings.model_fields if name.endswith("_url")} - {
    "database_url",
    "history_database_url",
    "public_url",
    "jwks_url",
    "aws_endpoint_url",
    "events_queue_url",
    "segment_url",
    "traces_url",
    "alert_url",
} | {"source_tokens", "transactions_format"}
OF_MESSAGES = {"event_bus", "segment_write_key", "audit_stream"}

NOT_NEEDED = {
    "api": {"health_port"},  # it answers on its own port; only Prometheus asks on this one
    "worker": {"audit_stream"},  # the housekeeping copies the audit chain
    "housekeeping": OF_SOURCES | {"limits_folder"},  # it opens the clients and calls none; a rollback writes no files
    "consumer": OF_SOURCES | {"audit_stream"},
    # It decides nothing and stores no message.
    "setup": OF_SOURCES | OF_MESSAGES | {"aws_region", "traces_url", "health_port", "statsd_host"},
}
