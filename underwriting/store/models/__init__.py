"""The tables. Money is minor units beside its currency; every moment is UTC; personal data is sealed bytes."""

from underwriting.store.columns import SealedBinary
from underwriting.store.models.applications import ApplicationRow, CheckRow, DecisionRow, EffectRow, OutcomeRow
from underwriting.store.models.base import (
    Base,
    Claimable,
    LeasedRow,
    QueuedRow,
    sealed_cell,
    undecided,
    under_way,
    waiting,
)
from underwriting.store.models.evaluations import (
    BookRow,
    CallbackRow,
    EligibilityRow,
    EvaluationKeyRow,
    EvaluationRow,
    FloatRankRow,
    FrozenRow,
    ReportedFloatRow,
    RuleOutcomeRow,
    StaffDecisionRow,
)
from underwriting.store.models.execution import AttemptRow, DispatchRow, TenantCallsRow
from underwriting.store.models.limits import LimitRecordRow, LimitRunRow, LimitShardRow
from underwriting.store.models.lists import ListEntryRow, ListMatchRow, ListRow
from underwriting.store.models.log import AuditHeadRow, AuditRow, EventRow, MessageRow
from underwriting.store.models.notices import NoticeRow, NoticeWarningRow
from underwriting.store.models.profiles import ProfileRow
from underwriting.store.models.rulebooks import RulebookRow
from underwriting.store.models.states import AttemptEnd, Channel, EffectState, QueueState, RulebookKind

# Every column of sealed values.
SEALED = tuple(
    getattr(mapper.class_, attribute.key)
    for mapper in Base.registry.mappers
    for attribute in mapper.column_attrs
    if isinstance(attribute.columns[0].type, SealedBinary)
)

__all__ = [
    "SEALED",
    "ApplicationRow",
    "AttemptEnd",
    "AttemptRow",
    "AuditHeadRow",
    "AuditRow",
    "Base",
    "BookRow",
    "CallbackRow",
    "Channel",
    "CheckRow",
    "Claimable",
    "DecisionRow",
    "DispatchRow",
    "EffectRow",
    "EffectState",
    "EligibilityRow",
    "EvaluationKeyRow",
    "EvaluationRow",
    "EventRow",
    "FloatRankRow",
    "FrozenRow",
    "LeasedRow",
    "LimitRecordRow",
    "LimitRunRow",
    "LimitShardRow",
    "ListEntryRow",
    "ListMatchRow",
    "ListRow",
    "MessageRow",
    "NoticeRow",
    "NoticeWarningRow",
    "OutcomeRow",
    "ProfileRow",
    "QueueState",
    "QueuedRow",
    "ReportedFloatRow",
    "RuleOutcomeRow",
    "RulebookKind",
    "RulebookRow",
    "StaffDecisionRow",
    "TenantCallsRow",
    "sealed_cell",
    "undecided",
    "under_way",
    "waiting",
]
