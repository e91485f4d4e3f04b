"""The tables. Money is minor units beside its currency; every moment is UTC; personal data is sealed bytes."""

from underwriting.store.models.applications import ApplicationRow, CheckRow, DecisionRow, EffectRow, OutcomeRow
from underwriting.store.models.base import Base, Claimable, place, undecided
from underwriting.store.models.evaluations import (
    BookRow,
    CallbackRow,
    EligibilityRow,
    EvaluationKeyRow,
    EvaluationRow,
    FloatRankRow,
    FrozenRow,
    RuleOutcomeRow,
    SettlementRow,
    ToldFloatRow,
)
from underwriting.store.models.limits import LimitRecordRow, LimitRunRow, LimitShardRow
from underwriting.store.models.lists import ListEntryRow, ListMatchRow, ListRow
from underwriting.store.models.log import AuditHeadRow, AuditRow, EventRow, MessageRow
from underwriting.store.models.notices import NoticeRow, NoticeWarningRow
from underwriting.store.models.profiles import ProfileRow
from underwriting.store.models.rulebooks import RulebookRow
from underwriting.store.models.states import Channel, EffectState, EventState, MessageState, RulebookKind

# Every column of sealed values.
SEALED = (
    DecisionRow.note,
    EffectRow.payload,
    ListEntryRow.record,
    ListMatchRow.compared,
    ListMatchRow.note,
    EventRow.payload,
    ProfileRow.notes,
    LimitRunRow.note,
    SettlementRow.note,
    NoticeRow.content,
)

__all__ = [
    "SEALED",
    "ApplicationRow",
    "AuditHeadRow",
    "AuditRow",
    "Base",
    "BookRow",
    "CallbackRow",
    "Channel",
    "CheckRow",
    "Claimable",
    "DecisionRow",
    "EffectRow",
    "EffectState",
    "EligibilityRow",
    "EvaluationKeyRow",
    "EvaluationRow",
    "EventRow",
    "EventState",
    "FloatRankRow",
    "FrozenRow",
    "LimitRecordRow",
    "LimitRunRow",
    "LimitShardRow",
    "ListEntryRow",
    "ListMatchRow",
    "ListRow",
    "MessageRow",
    "MessageState",
    "NoticeRow",
    "NoticeWarningRow",
    "OutcomeRow",
    "ProfileRow",
    "RuleOutcomeRow",
    "RulebookKind",
    "RulebookRow",
    "SettlementRow",
    "ToldFloatRow",
    "place",
    "undecided",
]
