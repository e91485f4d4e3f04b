"""`underwriting berka`: a real bank's loans, one by one through the API, or all at once against how they went."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from rules.prescreening.book import shipped_rulebooks
from underwriting.cli.errors import refusing
from underwriting.cli.output import Json, console, new_table, print_json
from underwriting.playground.berka.bank import Applicant, read_bank
from underwriting.playground.berka.figures import auc, by_rule, by_verdict, orderings, standard_error, went_bad
from underwriting.playground.berka.files import BerkaError
from underwriting.playground.berka.load import write_documents
from underwriting.playground.berka.review import RULEBOOK, prescreen
from underwriting.settings import settings

app = typer.Typer(no_args_is_help=True, help="The Czech bank of the PKDD'99 challenge: load, review.")
Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Folder with account.csv, client.csv, disp.csv, loan.csv and trans.csv.")
]
DATA = Path("../shared/data/berka")
EXAMPLES = 5


@app.command()
def load(folder: Folder = DATA, as_json: Json = False) -> None:
    """Make the bank's customers known to the sandbox, so that each can be reviewed as of the day of the loan."""
    data_dir = settings().state_dir / "sandbox"
    with refusing(BerkaError, OSError):
        applicants = read_bank(folder)
        customers = write_documents(applicants, data_dir)
    if as_json:
        print_json({"customers": customers, "folder": data_dir, "commands": list(map(_command, applicants))})
        return
    typer.echo(f"{customers} customers are known to the sandbox now, by files in {data_dir}.")
    typer.echo(f"Where the rulebook {RULEBOOK} is in force (UNDERWRITING_RULEBOOK={RULEBOOK}), review them like this:")
    for applicant in applicants[:EXAMPLES]:
        typer.echo(f"  {_command(applicant)}")


@app.command()
def review(folder: Folder = DATA, as_json: Json = False) -> None:
    """Pre-screen all loans in one batch, each as of its day, and show the decisions against how the loans went."""
    book = shipped_rulebooks()[RULEBOOK]
    with refusing(BerkaError):
        applicants = read_bank(folder)
    facts, evaluation = prescreen(applicants, book)
    bad = went_bad(applicants)
    n_bad, n_good = int(bad.sum()), int((~bad).sum())
    decisions, rules = by_verdict(evaluation, bad), by_rule(evaluation, bad)
    areas = {name: auc(order, bad) for name, order in orderings(applicants, facts, evaluation).items()}
    if as_json:
        print_json(
            {
                "rulebook": book.ref,
                "loans": {"all": len(bad), "bad": n_bad},
                "decisions": {
                    verdict: {"loans": tally.loans, "bad": tally.bad} for verdict, tally in decisions.items()
                },
                "rules": {
                    rule: {"failed": failed._asdict(), "unknown": unknown._asdict()}
                    for rule, (failed, unknown) in rules.items()
                },
                "orderings": {name: None if math.isnan(area) else area for name, area in areas.items()},
            }
        )
        return
    typer.echo(f"{len(bad)} loans, of which {n_bad} went bad ({n_bad / len(bad):.1%}), pre-screened by {book.ref}.")
    _show(
        "Decisions",
        ("decision", "loans", "share", "bad", "bad rate"),
        (
            (verdict, tally.loans, f"{tally.loans / len(bad):.1%}", tally.bad, _known(tally.bad_rate, ".1%"))
            for verdict, tally in decisions.items()
        ),
    )
    _show(
        "Rules, each by itself",
        ("rule", "failed", "of these bad", "unknown", "of these bad "),
        ((rule, *failed, *unknown) for rule, (failed, unknown) in rules.items()),
    )
    _show(
        "Orderings by risk",
        ("ordering", "AUC", "± s.e."),
        (
            (name, _known(area, ".3f"), _known(standard_error(area, n_bad, n_good), ".3f"))
            for name, area in areas.items()
        ),
    )


def _command(applicant: Applicant) -> str:
    """What reviews the applicant's loan through the API."""
    wanted = f"--amount {applicant.requested.decimal} --currency {applicant.requested.currency}"
    when = f"--term-months {applicant.months} --as-of {applicant.as_of}"
    return f"underwriting review {applicant.customer_id} {wanted} {when}"


def _show(title: str, header: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    name, *numbers = header
    table = new_table(name, *numbers, right=numbers)
    for row in rows:
        table.add_row(*map(str, row))
    typer.echo(f"\n{title}")
    console().print(table)


def _known(number: float, form: str) -> str:
    return "-" if math.isnan(number) else format(number, form)
