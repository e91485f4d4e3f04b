"""Evaluations of what a user may take: accepted, decided once, answered byte for byte, frozen when a float is made."""

from underwriting.store.evaluations.accepting import accept
from underwriting.store.evaluations.finishing import finish
from underwriting.store.evaluations.freezing import FloatRank, Frozen, float_rank, freeze, frozen
from underwriting.store.evaluations.reading import (
    DecidedEvaluation,
    StoredEvaluation,
    fresh,
    get,
    history,
    judged,
    newest,
    stream,
)
from underwriting.store.evaluations.record import BookRecord, EvaluationRecord
from underwriting.store.evaluations.referral import StaffDecision, decide_referral, staff_decision

__all__ = [
    "BookRecord",
    "DecidedEvaluation",
    "EvaluationRecord",
    "FloatRank",
    "Frozen",
    "StaffDecision",
    "StoredEvaluation",
    "accept",
    "decide_referral",
    "finish",
    "float_rank",
    "freeze",
    "fresh",
    "frozen",
    "get",
    "history",
    "judged",
    "newest",
    "staff_decision",
    "stream",
]
