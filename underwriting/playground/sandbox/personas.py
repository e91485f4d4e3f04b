"""The sandbox's customers: the kinds of personas.yaml, each good except for one special property.

A customer id is a persona's own (`good`), or a variant of it (`good-00017`): the same kind with small differences.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from underwriting.domain.decision import Verdict
from underwriting.domain.documents import AlertKind, CompanyStatus, FileStatus
from underwriting.domain.service import Service
from underwriting.playground.kinds import read_kinds
from underwriting.playground.sandbox.statement_plans import MonthlyBooking


@dataclass(frozen=True)
class Persona:
    """One kind of customer: the decision of the shipped rulebook on an application for 2,500, and why."""

    id: str
    special: str
    verdict: Verdict
    # Code of the first reason; empty for an approval.
    reason: str = ""

    # The answers of the user service and the registry; names that are not given are seeded.
    given_name: str = ""
    family_name: str = ""
    birth_date: date | None = None
    age_years: int = 38
    residence: str = "US"
    identity_document: bool = True
    contact_verified: bool = True
    company: CompanyStatus | None = None

    # The main account: monthly bookings, the opening balance, the months of its history.
    plan: tuple[MonthlyBooking, ...] = ()
    opening: float = 3600
    months: int = 120

    # A company's accounts: profit by revenue, revenue by that of the year before.
    margin: float = 0.09
    growth: float = 0.06

    # The bureau's file; score None: the file is too thin for one. Liabilities are monthly, in major units.
    file: FileStatus = FileStatus.FOUND
    alerts: tuple[AlertKind, ...] = ()
    score: int | None = 742
    exclusion: int | None = None
    liabilities: float = 95
    covered_borrower: bool | None = False
    utilisation: float = 0.18
    delinquencies: int = 0
    inquiries: int = 1
    insolvent: bool = False

    # The debt with us, major units; the fraud service's answer; earlier loans and their payment.
    exposure: float = 0
    identity_consistent: bool = True
    applications_30d: int = 1
    device_risk: float = 0.08
    open_loans: int = 0
    days_late: int = 0
    write_offs: int = 0

    # Services that fail for this customer, and fields that their answers have wrong.
    down: Service | None = None
    slow: Service | None = None
    huge: Service | None = None
    wrong_fields: Mapping[Service, Mapping[str, object]] = field(default_factory=dict)


TABLE = read_kinds(__package__, "personas.yaml", Persona, {"plan": ["household", "saved"]})
# A persona's company has the number CO-good-company.
COMPANY_PREFIX = "CO-"
PERSONAS = {persona.id: persona for persona in TABLE}


def find(customer_id: str) -> Persona | None:
    """The persona behind a customer id: its own, or with a hyphen and a number after it."""
    return PERSONAS.get(re.sub(r"-[0-9]+$", "", customer_id))
