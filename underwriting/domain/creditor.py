"""What a notice states about the creditor and the bureau; configured by tenant and operator."""

from enum import StrEnum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class Contact(BaseModel):
    """A name, and how to reach it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    address: str = Field(min_length=1, description="One line")
    telephone: str = ""


class Bureau(Contact):
    """A consumer reporting agency."""

    telephone: str = Field(min_length=1, description="15 U.S.C. 1681m(a)(3)(A): toll-free, where it is nationwide")


class BusinessReasons(StrEnum):
    """How a company learns the reasons (12 CFR 1002.9(a)(3)): they are stated, or it may ask for them."""

    STATED = "stated"
    ON_REQUEST = "on_request"


class Creditor(Contact):
    """The lender behind a tenant."""

    # 12 CFR 1002.9(b)(1) and Appendix A to Part 1002: the federal agency that supervises this creditor.
    agency: Contact
    business_reasons: BusinessReasons = BusinessReasons.STATED
    # The tenant's own templates, which replace those of the same name in this package.
    templates: Path | None = None
