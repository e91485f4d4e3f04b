"""The command line on a store of the test's own."""

from pathlib import Path

from typer.testing import CliRunner

from underwriting.cli import application

BOOK = """\
name: tiny
version: 1
product: loan
currency: USD
valid_from: 2026-01-01
terms: {annual_rate: 0.2, months: 12}
stages:
  - customer_information:
      - AdultApplicant: {min_age_years: 18}
  - fraud:
      - NotListed: {min_match_score: 0.92, grey_match_score: 0.75}
"""


class Shell:
    """Runs commands on a SQLite store of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "store.db"

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        result = CliRunner().invoke(application(arguments[0]), list(arguments))
        return result.exit_code, result.stdout, result.stderr
