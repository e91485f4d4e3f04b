"""The receivers of the outbox and of the audit chain, besides the partners: each None while its setting is empty."""

from dataclasses import dataclass
from typing import Self

from underwriting.integrations.analytics import Analytics
from underwriting.integrations.aws import Aws
from underwriting.integrations.bus import EventBus
from underwriting.integrations.stream import AuditStream
from underwriting.settings import Settings


@dataclass(frozen=True)
class Outlets:
    """The event bus, the audit stream and analytics."""

    bus: EventBus | None
    stream: AuditStream | None
    analytics: Analytics | None

    @classmethod
    def of(cls, config: Settings, aws: Aws) -> Self:
        """Those that are set; nothing is connected yet."""
        key = config.segment_write_key
        return cls(
            bus=EventBus(aws, config.event_bus, config.event_source) if config.event_bus else None,
            stream=AuditStream(aws, config.audit_stream) if config.audit_stream else None,
            analytics=Analytics(key.get_secret_value(), config.segment_url, config.source_timeout) if key else None,
        )
