"""The bank's files are read strictly: what is wrong is said with file, line and column."""

from datetime import date
from pathlib import Path

import pytest
from support.applicants import person
from support.berka import Bank

from underwriting.domain.money import Money
from underwriting.playground.berka.bank import read_bank
from underwriting.playground.berka.files import BerkaError


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return Bank(tmp_path / "bank")


def test_a_loan_is_an_application_of_the_account_s_owner(bank: Bank) -> None:
    first, second = read_bank(bank.folder)
    assert (first.customer_id, first.as_of, first.months) == ("berka-11", date(1997, 1, 10), 24)
    assert first.requested == Money(minor=2_400_000, currency="CZK")
    assert first.person == person(birth_date=date(1950, 7, 4), residence_country="CZ")
    assert (second.customer_id, second.person.birth_date) == ("berka-12", date(1962, 12, 31))
    assert (first.loan.bad, second.loan.bad) == (False, True)


def test_quotes_and_blank_lines_are_read_too(bank: Bank) -> None:
    bank.change("account.csv", 1, '"account_id";"district_id";"frequency";"date"')
    bank.change("account.csv", 2, '\n11;1;"POPLATEK; MESICNE";960105')
    assert len(read_bank(bank.folder)) == 2


@pytest.mark.parametrize(
    ("file", "line", "text", "message"),
    [
        ("loan.csv", 1, "loan_id;account_id;date;amount;duration;status", "lacks the column payments"),
        ("loan.csv", 2, "41;11;970110;24000;24;1000.0;A;1", "has 8 fields where the header has 7"),
        ("loan.csv", 3, "42;12;970230;60000;12;5000.0;B", "date: 970230 is no day of the calendar"),
        ("loan.csv", 3, "42;12;1997-03-01;60000;12;5000.0;B", "date: '1997-03-01' is not a date as YYMMDD"),
        ("loan.csv", 3, "42;12;970301;sixty;12;5000.0;B", "amount: 'sixty' is not a decimal amount"),
        ("loan.csv", 3, "42;12;970301;NaN;12;5000.0;B", "amount: 'NaN' is not a plain decimal amount"),
        ("loan.csv", 3, "42;12;970301;0;12;5000.0;B", "amount: 0 is too low; write more than 0"),
        ("loan.csv", 3, "42;12;970301;60000;0;5000.0;B", "duration: 0 is too low; write 1 or more"),
        ("loan.csv", 3, "42;12;970301;60000;12;5000.0;E", "status: E is not possible here; write A, B, C or D"),
        ("loan.csv", 3, "42;99;970301;60000;12;5000.0;B", "account_id: there is no account 99"),
        ("loan.csv", 3, "42;11;970301;60000;12;5000.0;B", "account_id 11 appears already in"),
        ("account.csv", 3, "12;2;POPLATEK TYDNE;970301", "account 12 was opened after 1997-02-28"),
        ("client.csv", 3, "22;626331;2", "birth_number: 621331 is no day of the calendar"),
        ("client.csv", 3, "2x;626231;2", "client_id: 2x is not possible here"),
        ("disp.csv", 4, "33;29;12;OWNER", "client_id: there is no client 29"),
        ("trans.csv", 3, "2;77;960110;withdrawal;;300.0;10187.4;;;", "account_id: there is no account 77"),
        ("trans.csv", 3, "2;11;960110;withdrawal;;-300.0;10187.4;;;", "amount: -300.0 is too low; write 0 or more"),
        ("trans.csv", 3, "2;11;960110;withdrawal;;300.001;10187.4;;;", "amount: 300.001 CZK is finer than"),
        ("trans.csv", 3, "2;11;960110;transfer;;300.0;10187.4;;;", "type: 'transfer' is not known"),
        ("trans.csv", 3, "2;11;960110;withdrawal;;300.0;10187.4;GIFT;;", "k_symbol: 'GIFT' is not known"),
        ("trans.csv", 3, "2;11;960104;withdrawal;;300.0;-300.0;;;", "account 11 was opened only on 1996-01-05"),
        ("trans.csv", 3, "2;11;960110;withdrawal;;300.0;10187.6;;;", "balances of 1996-01-10 do not follow"),
        (
            "trans.csv",
            6,
            "5;11;960131;credit;;20.0;10207.8;;;",
            "balances of 1996-01-31 do not follow from 10,187.40 CZK",
        ),
    ],
)
def test_an_error_names_its_place(bank: Bank, file: str, line: int, text: str, message: str) -> None:
    bank.change(file, line, text)
    with pytest.raises(BerkaError) as refused:
        read_bank(bank.folder)
    assert message in str(refused.value)
    assert str(refused.value).startswith(f"{bank.folder / file}:")


def test_the_place_is_the_line(bank: Bank) -> None:
    bank.change("trans.csv", 5, "4;11;960110;withdrawal;;12,6;10487.4;;;")
    with pytest.raises(BerkaError, match=r"trans\.csv:5: amount: '12,6' is not a decimal amount"):
        read_bank(bank.folder)


def test_a_loan_to_an_account_that_nobody_owns_is_refused(bank: Bank) -> None:
    bank.change("disp.csv", 4, "33;22;12;DISPONENT")
    with pytest.raises(BerkaError, match=r"loan\.csv:3: account_id: there is no owner of account 12"):
        read_bank(bank.folder)


def test_a_missing_file_is_named(bank: Bank) -> None:
    (bank.folder / "disp.csv").unlink()
    with pytest.raises(BerkaError, match=r"disp\.csv: No such file or directory"):
        read_bank(bank.folder)


@pytest.mark.parametrize(("content", "message"), [(b"\xff\xfe", "UTF-8"), (b"", "lacks the column"), (b'"', ":1: ")])
def test_a_file_that_is_no_table_is_refused(bank: Bank, content: bytes, message: str) -> None:
    (bank.folder / "client.csv").write_bytes(content)
    with pytest.raises(BerkaError, match=message):
        read_bank(bank.folder)
