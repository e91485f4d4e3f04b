"""Screening against sanction and block lists: reads lists, matches names, finds listed customers."""

from underwriting.screening.blocklist import load_block_list
from underwriting.screening.ofac import load_ofac
from underwriting.screening.screener import Screener

__all__ = ["Screener", "load_block_list", "load_ofac"]
