"""Writes a notice: as data, as text, as HTML."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path

from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PackageLoader, StrictUndefined, select_autoescape
from jinja2.sandbox import ImmutableSandboxedEnvironment

from underwriting.domain.creditor import Bureau, BusinessReasons, Contact, Creditor
from underwriting.domain.money import amount_of
from underwriting.domain.notice import NoticeKind
from underwriting.notices.errors import NoticeImpossible
from underwriting.notices.notice import About, Addressee, Notice
from underwriting.notices.report import Report

# In the last time zone a day ends so many hours after it ends in UTC.
_LATEST_ZONE = timedelta(hours=12)
TEXT, HTML = "notice.txt.j2", "notice.html.j2"


def notice_of(
    about: About, addressee: Addressee, creditor: Creditor, bureaus: Mapping[str, Bureau], today: date
) -> Notice:
    """The notice as data; NoticeImpossible if the bureau cannot be named as the law requires."""
    business = about.business or addressee.business
    on_request = business and creditor.business_reasons is BusinessReasons.ON_REQUEST
    # A notice of incompleteness is no adverse action, so it does not mention the report.
    used = about.report if about.kind is not NoticeKind.INCOMPLETENESS else None
    return Notice(
        written_on=today,
        creditor=Contact(name=creditor.name, address=creditor.address, telephone=creditor.telephone),
        agency=creditor.agency,
        addressee=addressee.model_copy(update={"business": business}),
        **about.model_dump(include=set(Notice.model_fields) & set(About.model_fields) - {"reasons", "report"}),
        reasons=() if on_request else about.reasons,
        answer_by=None if about.respond_by is None else _last_day(about.respond_by),
        reasons_on_request=on_request and about.kind is not NoticeKind.INCOMPLETENESS,
        report=None if used is None else Report.of(used, bureaus),
    )


def _last_day(until: datetime) -> date:
    """The last day that ends before `until` in every time zone, so that an answer on it is always in time."""
    return (until.astimezone(UTC) - _LATEST_ZONE).date() - timedelta(days=1)


def as_text(notice: Notice, creditor: Creditor) -> str:
    """The notice as plain text."""
    return _environment(creditor.templates).get_template(TEXT).render(notice=notice)


def as_html(notice: Notice, creditor: Creditor) -> str:
    """The notice as a page of HTML; everything in it is escaped."""
    return _environment(creditor.templates).get_template(HTML).render(notice=notice)


def creditor_of(tenant: str, creditors: Mapping[str, Creditor]) -> Creditor:
    """The creditor behind a tenant; NoticeImpossible if the settings name none."""
    if tenant not in creditors:
        raise NoticeImpossible(
            f"there is no creditor for the tenant {tenant}, whose name and agency every notice has to state; "
            "add it to UNDERWRITING_CREDITORS"
        )
    return creditors[tenant]


@cache
def _environment(own: Path | None) -> ImmutableSandboxedEnvironment:
    """Tenants may have their own templates: they see only the notice, and a misspelt name is an error.

    The filter `amount` writes a decimal amount as people read it: `{{ notice.amount|amount(notice.currency) }}`.
    """
    loaders: list[BaseLoader] = [PackageLoader("underwriting.notices")]
    if own is not None:
        loaders.insert(0, FileSystemLoader(own))
    escaped = select_autoescape(enabled_extensions=("html.j2",), default_for_string=True, default=False)
    environment = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader(loaders),
        autoescape=escaped,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["amount"] = amount_of
    return environment
