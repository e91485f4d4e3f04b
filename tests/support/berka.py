"""A bank of invented rows in the layout of the Berka files: two accounts, two owners, two loans."""

from functools import cache
from pathlib import Path

import pytest

from underwriting.playground.berka.bank import Applicant, read_bank

# The real files are no part of this repository.
REAL_BANK = Path(__file__).parents[3] / "shared" / "data" / "berka"
needs_real_bank = pytest.mark.skipif(not REAL_BANK.is_dir(), reason=f"the bank's files are not in {REAL_BANK}")

HEADERS = {
    "account.csv": "account_id;district_id;frequency;date",
    "client.csv": "client_id;birth_number;district_id",
    "disp.csv": "disp_id;client_id;account_id;type",
    "loan.csv": "loan_id;account_id;date;amount;duration;payments;status",
    "trans.csv": "trans_id;account_id;date;type;operation;amount;balance;k_symbol;bank;account",
}
ROWS = {
    "account.csv": ["11;1;POPLATEK MESICNE;960105", "12;2;POPLATEK TYDNE;960801"],
    # The second is a woman, born in December.
    "client.csv": ["21;500704;1", "22;626231;2"],
    "disp.csv": ["31;21;11;OWNER", "32;22;11;DISPONENT", "33;22;12;OWNER"],
    "loan.csv": ["41;11;970110;24000;24;1000.0;A", "42;12;970301;60000;12;5000.0;B"],
    "trans.csv": [
        "1;11;960105;credit;credit in cash;500.0;500.0;;;",
        # Three bookings of one day, whose order neither the lines nor the numbers tell.
        "2;11;960110;withdrawal;withdrawal in cash;300.0;10187.4;;;",
        "3;11;960110;credit;collection from another bank;10000.0;10500.0;;AB;123",
        "4;11;960110;withdrawal;withdrawal in cash;12.6;10487.4;payment for statement;;",
        # Rounded: a tenth of a koruna off.
        "5;11;960131;credit;;20.0;10207.5;interest credited;;",
        "6;12;960801;credit;credit in cash;9000.0;9000.0;;;",
        "7;12;970301;withdrawal;withdrawal in cash;9000.0;0.0;;;",
    ],
}


@cache
def real_applicants() -> list[Applicant]:
    """The real bank's applicants, read once."""
    return read_bank(REAL_BANK)


class Bank:
    """The files of a bank, in a folder of their own; every change is written at once."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.rows = {file: list(rows) for file, rows in ROWS.items()}
        for file in HEADERS:
            self._write(file)

    def change(self, file: str, line: int, text: str) -> None:
        """Replace a line; 1 is the header."""
        self._write(file, line, text)

    def add(self, file: str, *rows: str) -> None:
        """Append rows."""
        self.rows[file] += rows
        self._write(file)

    def _write(self, file: str, line: int = 0, text: str = "") -> None:
        lines = [HEADERS[file], *self.rows[file]]
        if line:
            lines[line - 1] = text
        (self.folder / file).write_text("\n".join(lines) + "\n")

    def open_account(
        self, account: str, months: int, wage: int, *, saved: int, instalment: int, status: str = "A"
    ) -> None:
        """An account opened in January 1996 whose owner, born in 1950, is paid and spends on the same days of every
        month, keeps `saved` of it, and gets a loan of twelve instalments after `months` of that."""
        loan_day = f"9{6 + months // 12}{months % 12 + 1:02}15"
        self.add("account.csv", f"{account};1;POPLATEK MESICNE;960101")
        self.add("disp.csv", f"5{account};21;{account};OWNER")
        self.add("loan.csv", f"6{account};{account};{loan_day};{12 * instalment};12;{instalment};{status}")
        for month in range(months):
            day, balance = f"9{6 + month // 12}{month % 12 + 1:02}", month * saved
            self.add(
                "trans.csv",
                f"7;{account};{day}05;credit;credit in cash;{wage};{balance + wage};;;",
                f"8;{account};{day}20;withdrawal;withdrawal in cash;{wage - saved};{balance + saved};;;",
            )
