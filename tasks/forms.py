"""What people type into the forms of the Prefect UI, checked by the flow before it does anything.

Parameters of flows are plain text, numbers, dates and choices, without patterns and bounds, which Prefect would show as
they are. Prefect takes their explanations from the `Args:` section of the flow's docstring.
"""

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Annotated, Any, Literal, ParamSpec

from prefect.client.schemas.objects import State
from prefect.states import Failed
from pydantic import MISSING, Field, TypeAdapter, ValidationError
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import ErrorDetails

from rules.explain.adverse_reasons import AdverseCodes
from rules.limits.tiers import TIERS
from underwriting.domain.application import ApplicationId, ConsentMoment, CustomerId, RequestedDay, TermMonths
from underwriting.domain.eligibility import EvaluationId
from underwriting.domain.limits import LimitRunId
from underwriting.domain.money import AMOUNT_PATTERN, CurrencyCode
from underwriting.domain.plausible import NO_BOOLEAN, WRITTEN, RequestedMoment
from underwriting.domain.profile import Reason
from underwriting.referrals import misfits
from underwriting.settings import settings
from underwriting.store import audit

P = ParamSpec("P")
Run = Coroutine[Any, Any, State[None]]
# Says of the fields that are right by themselves what does not fit together; those that are wrong are not given.
Misfits = Callable[[Mapping[str, Any]], AsyncIterator[str]]

# What an optional field is if it is left empty. Prefect would show None as a choice of a type beside the field.
Empty = SkipJsonSchema[None]
# A choice that says "none of these", where an empty list says "as it is".
NOTHING = "none"
# One of the tiers of floats; the form offers them as a list.
TierChoice = Annotated[str, Field(json_schema_extra={"enum": [*(tier.id for tier in TIERS), NOTHING]})]
PausedChoice = Literal["loan", "float", "none"]

_Amount = Annotated[str, Field(pattern=AMOUNT_PATTERN)]
_Note = Annotated[str, Field(min_length=3, max_length=2000)]
_Staff = Annotated[str, Field(min_length=1, max_length=100)]
_Name = Annotated[str, Field(min_length=1, max_length=64)]
# Fields for the id of whoever fills the form in.
STAFF_IDS = frozenset({"decided_by", "changed_by", "handed_in_by"})
FORMS_OFF = (
    "this form is switched off, since a typed staff id proves nothing; use the API with your token, or the shell"
)
_ID = "write letters, digits, - and _, at most 64 of them, such as {}"
_STAFF_ID = "write your staff id, such as ann, in at most 100 characters"
_AN_AMOUNT = "write a plain amount without currency or thousands separator, such as {}"

# What a field takes, and what to do if it is something else.
_FIELDS: dict[str, tuple[TypeAdapter[Any], str]] = {
    "application_id": (
        TypeAdapter(ApplicationId),
        "copy the whole id from the application's run or record; it looks like app_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    ),
    "evaluation_id": (
        TypeAdapter(EvaluationId),
        "copy the whole id from the evaluation's run or record; it looks like evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    ),
    "run_id": (
        TypeAdapter(LimitRunId),
        "copy the whole id from the limit run's summary; it looks like lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC",
    ),
    "customer_id": (TypeAdapter(CustomerId), _ID.format("good")),
    "user_id": (TypeAdapter(CustomerId), _ID.format("steady-pay")),
    "amount": (TypeAdapter(_Amount), _AN_AMOUNT.format("2500.00")),
    "up_to": (TypeAdapter(_Amount), _AN_AMOUNT.format("20.00")),
    "currency": (TypeAdapter(CurrencyCode), "write the three capital letters of a currency, such as USD"),
    "term_months": (TypeAdapter(TermMonths), "write a number of months from 1 to 120"),
    "business_date": (TypeAdapter(Annotated[date, WRITTEN]), "choose a day, such as 2026-06-30"),
    "as_of": (TypeAdapter(RequestedDay), "choose today or an earlier day"),
    "consented_at": (TypeAdapter(ConsentMoment), "choose the moment of the consent, with its time zone"),
    "expires_on": (TypeAdapter(RequestedMoment), "choose a moment, with its time zone"),
    "note": (TypeAdapter(_Note), "say why, in 3 to 2,000 characters"),
    "decided_by": (TypeAdapter(_Staff), _STAFF_ID),
    "changed_by": (TypeAdapter(_Staff), _STAFF_ID),
    "handed_in_by": (TypeAdapter(_Staff), _STAFF_ID),
    "reasons": (TypeAdapter(AdverseCodes), "choose at most four from the list"),
    "reason": (TypeAdapter(Reason), "write one short word in small letters, such as goodwill"),
    "tenant": (TypeAdapter(_Name), "write the tenant's name, such as sandbox, in at most 64 characters"),
    "segment": (TypeAdapter(_Name), "write the segment's name in at most 64 characters"),
    "shards": (TypeAdapter(Annotated[int, Field(ge=1, le=5_000), NO_BOOLEAN]), "write a number from 1 to 5,000"),
}


class InputRefused(Exception):
    """The form cannot be taken as it is filled in; the message says what to do, a sentence for each mistake."""


def form(run: Callable[P, Run], fitting: Misfits | None = None) -> Callable[P, Run]:
    """Check the parameters of a flow before it runs; what is refused ends it as Failed, with the sentences alone.

    All mistakes are found at once: of each field, and those that `fitting` finds in the fields that are right.
    A staff id is what somebody typed: the audit log marks it as not proven, and `staff_forms` switches such forms off.
    A field that is empty or has its default takes the default. Spaces around what was typed are removed. The flow has
    `validate_parameters=False`: Prefect would refuse in the words of pydantic.
    """
    signature = inspect.signature(run, eval_str=True)
    staff_id = next((name for name in signature.parameters if name in STAFF_IDS), None)
    parameters = signature.parameters.items()
    of_annotations = {name: TypeAdapter(each.annotation) for name, each in parameters if name not in _FIELDS}

    @functools.wraps(run)
    async def checked(*args: P.args, **kwargs: P.kwargs) -> State[None]:
        given = signature.bind(*args, **kwargs)
        given.apply_defaults()
        try:
            if staff_id is not None and not settings().staff_forms:
                raise InputRefused(FORMS_OFF)
            right, wrong = dict[str, Any](), list[str]()
            for name, value in given.arguments.items():
                default = signature.parameters[name].default
                # Prefect hands a default on as text, and a field that was emptied again as nothing.
                if default is not inspect.Parameter.empty and (value == default or is_empty(value)):
                    right[name] = default
                    continue
                kind, remedy = _FIELDS.get(name) or (of_annotations[name], "use what the form offers")
                try:
                    right[name] = _read(name, kind, remedy, value)
                except InputRefused as refused:
                    wrong.append(str(refused))
            if fitting is not None:
                wrong += [sentence async for sentence in fitting(right)]
            if wrong:
                raise InputRefused("; ".join(wrong))
            given.arguments.update(right)
            if staff_id is None:
                return await run(*given.args, **given.kwargs)
            with audit.typed(right[staff_id]):
                return await run(*given.args, **given.kwargs)
        except InputRefused as refused:
            return Failed(message=str(refused))

    # A default of null is sent by Prefect's form, and refused by its server: the field has a type. So there is none.
    optional = [each.replace(default=MISSING) if each.default is None else each for _, each in parameters]
    vars(checked)["__signature__"] = signature.replace(parameters=optional)
    return checked


def form_of(fitting: Misfits) -> Callable[[Callable[P, Run]], Callable[P, Run]]:
    """A form whose fields have to fit together, too."""

    def checked_by(run: Callable[P, Run]) -> Callable[P, Run]:
        return form(run, fitting)

    return checked_by


def is_empty(value: Any) -> bool:
    """Whether a field was left empty, or emptied again."""
    return value is MISSING or value in (None, "", [], {})


def chosen(field: str, choices: Sequence[str]) -> list[str] | None:
    """What a list of choices says: None where nothing was chosen, so that it stays; an empty list for `NOTHING`."""
    if NOTHING in choices and len(choices) > 1:
        raise InputRefused(f'{field}: choose "{NOTHING}" alone, or what it is to be')
    return [each for each in choices if each != NOTHING] if choices else None


async def of_a_decision(given: Mapping[str, Any]) -> AsyncIterator[str]:
    """What does not fit the decision on a referral: its reasons, an amount, a match that is to be cleared."""
    if "decision" not in given:
        return
    found = misfits(
        given["decision"].verdict,
        given.get("reasons", ()),
        clears_match=given.get("clears_match", False),
        up_to=given.get("up_to") or None,
    )
    for field, sentence in found:
        if field in given:
            yield f"{field}: {sentence}"


def _read(name: str, kind: TypeAdapter[Any], remedy: str, value: Any) -> Any:
    # Choices are text, too, and are left as they are.
    try:
        return kind.validate_python(value.strip() if type(value) is str else value)
    except ValidationError as error:
        found = (_remedy(each, remedy) for each in error.errors(include_url=False, include_input=False))
        raise InputRefused("; ".join(f"{name}: {each}" for each in dict.fromkeys(found))) from None


def _remedy(error: ErrorDetails, otherwise: str) -> str:
    match error["type"]:
        # A check of our own, which words its message for people.
        case "value_error":
            return str(error["ctx"]["error"])
        case "enum" | "literal_error":
            return f"choose {error['ctx']['expected'].replace(chr(39), '')}"
    return otherwise


@contextmanager
def refusing(*errors: type[Exception], field: str = "") -> Iterator[None]:
    """Turn the errors that a person can do something about into a refusal; `field` is where to do it."""
    try:
        yield
    except errors as error:
        raise InputRefused(f"{field}: {error}" if field else str(error)) from None
