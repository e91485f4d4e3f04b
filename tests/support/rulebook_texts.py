"""A small rulebook as text, and the same with one thing changed."""

SMALL = """\
name: small
version: 1
product: loan
currency: USD
valid_from: 2025-01-01
terms:
  annual_rate: 0.24
  months: 12
stages:
  - credit_report:
      - CreditScore: {min_score: 620}
      - NoInsolvency
  - fraud:
      - NotListed:
          min_match_score: 0.9
          grey_match_score: 0.7
    payment_history:
      - NoWriteOff
"""


def changed(old: str, new: str) -> str:
    """The small book with the first `old` replaced."""
    assert old in SMALL
    return SMALL.replace(old, new, 1)
