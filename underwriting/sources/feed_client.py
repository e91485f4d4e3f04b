"""Reads a transaction service's answer, in its provider's format, as the transaction feed of the main account."""

import asyncio
from datetime import date
from typing import Literal

from underwriting.integrations.errors import MalformedAnswer
from underwriting.sources.answers import parse_model
from underwriting.sources.feeds import native, plaid
from underwriting.sources.feeds.assemble import transaction_feed
from underwriting.sources.feeds.missing_data import FeedReading
from underwriting.sources.feeds.plaid_answers import PlaidAnswer
from underwriting.sources.feeds.raw import FeedError, RawFeed

FeedFormat = Literal["native", "plaid"]


async def read_feed(source: str, form: FeedFormat, body: bytes, currency: str, days: int, as_of: date) -> FeedReading:
    """The feed in `body`, parsed in a thread because it may be long; MalformedAnswer names the place of an error."""
    return await asyncio.to_thread(parse_feed, source, form, body, currency, days, as_of)


def parse_feed(source: str, form: FeedFormat, body: bytes, currency: str, days: int, as_of: date) -> FeedReading:
    """The same without a thread."""
    # A FeedError quotes no value, but its traceback would contain those of the answer.
    try:
        return transaction_feed(_raw_feed(source, form, body), currency, days, as_of)
    except FeedError as error:
        why = str(error)
    raise MalformedAnswer(source, why)


def _raw_feed(source: str, form: FeedFormat, body: bytes) -> RawFeed:
    if form == "plaid":
        return plaid.raw_feed(parse_model(source, PlaidAnswer, body))
    return native.raw_feed(parse_model(source, native.NativeFeed, body))
