"""The execution log: when each application or evaluation was handed to Prefect, and every attempt to decide it."""

from datetime import datetime
from typing import Any

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.store.models.base import Base
from underwriting.store.models.states import AttemptEnd


class DispatchRow(Base):
    """One dispatch of an application or evaluation: the flow run, and the process (host:pid) that started it."""

    __tablename__ = "dispatches"

    subject_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    dispatched_at: Mapped[datetime]
    dispatched_by: Mapped[str]
    flow_run_id: Mapped[str] = mapped_column(String(36))


class TenantCallsRow(Base):
    """How many calls of the API a tenant was granted in the newest period of its quota, over all processes."""

    __tablename__ = "tenant_calls"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    period: Mapped[int]
    calls: Mapped[int]


class AttemptRow(Base):
    """One claim of an application or evaluation: its worker (host:pid), and what was done until it ended.

    Without `ended_at` it goes on, or its worker is gone; the worker last renewed its lease at `renewed_at`. `steps` are
    those of `underwriting.integrations.steps`, without personal data.
    """

    __tablename__ = "attempts"

    subject_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    fence: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    worker: Mapped[str]
    flow_run_id: Mapped[str] = mapped_column(String(36))
    began_at: Mapped[datetime]
    renewed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended: Mapped[AttemptEnd | None]
    # The kind of the error, where it failed.
    why: Mapped[str | None]
    steps: Mapped[list[dict[str, Any]]]
