"""The pictures of a run that a risk manager looks at, as PNG: limits, moves, gates, and the advertised promise."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from ruamel.yaml import YAML

from rules.limits.backtest import MonthFigures
from rules.limits.tiers import CURRENCY
from underwriting.limit_runs.totals import Totals

BEFORE, AFTER, UP, DOWN, QUIET = "#9aa5b1", "#2a6f97", "#2d936c", "#c8553d", "#6c757d"

THOUSANDS = "{x:,.0f}"


@dataclass(frozen=True)
class Promise:
    """What is advertised, and the share of those who kept to it that has to be raised for it to be true."""

    claim: str
    min_share_raised: float


@cache
def advertised() -> Promise:
    """rules/policies/promise.yaml."""
    text = files("rules").joinpath("policies", "promise.yaml").read_text("utf-8")
    stated = YAML(typ="safe").load(text)
    return Promise(stated["claim"], stated["min_share_raised"])


def pictures(totals: Totals) -> Iterator[tuple[str, str, bytes]]:
    """Each picture's name, what it shows, and its PNG. Amounts are drawn in major units of a currency with cents."""
    drawn: tuple[tuple[str, str, Callable[[Axes, Totals], None]], ...] = (
        ("limits", "Limits before and after", _limits),
        ("moves", f"Moves by limit, {CURRENCY}", _moves),
        ("gates", "Gates that kept users from a tier whose row they meet", _gates),
        ("promise", f"“{advertised().claim}”", _promise),
    )
    for name, title, draw in drawn:
        yield name, title, _png(title, draw, totals)


def comparison_picture(limits: pd.DataFrame, names: tuple[str, str]) -> bytes:
    """Users by their limits under two policies, as `rules.limits.compare` counts them: rows the first's limits."""
    figure = _figure(width=7, height=6)
    axes = figure.add_subplot()
    # Logarithms: most users are on the diagonal, and the others are what one looks for.
    axes.imshow(np.log1p(limits.to_numpy()), cmap="Blues", origin="lower")
    for (row, column), users in np.ndenumerate(limits.to_numpy()):
        if users:
            dark = np.log1p(users) > np.log1p(limits.to_numpy().max()) / 2
            axes.text(column, row, f"{users:,}", ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(limits.columns)), [_amount(str(amount)) for amount in limits.columns])
    axes.set_yticks(range(len(limits.index)), [_amount(str(amount)) for amount in limits.index])
    axes.set_xlabel(f"limit under {names[1]}, {CURRENCY}")
    axes.set_ylabel(f"limit under {names[0]}, {CURRENCY}")
    axes.set_title("Users by their limits under both policies", loc="left", fontsize=11)
    return _written(figure)


def backtest_picture(by_policy: Mapping[str, Mapping[date, MonthFigures]]) -> bytes:
    """Exposure, losses avoided and good users held back, month by month, a line for each policy.

    Months whose floats are not all settled are shaded where that matters: their figures can still rise.
    """
    figure = _figure(width=8, height=8)
    drawn = {
        "exposure": f"all limits together, {CURRENCY}",
        "losses_avoided": f"losses avoided, {CURRENCY}",
        "good_users_held_back": "good users held back",
    }
    for place, (name, label) in enumerate(drawn.items(), 1):
        axes = figure.add_subplot(len(drawn), 1, place)
        for color, (policy, months) in zip((BEFORE, AFTER), by_policy.items(), strict=False):
            axes.plot(
                [f"{day:%Y-%m}" for day in months],
                [getattr(one, name) / (1 if "users" in name else 100) for one in months.values()],
                color=color,
                marker="o",
                label=policy,
            )
        months = next(iter(by_policy.values()))
        axes.set_xlim(-0.5, len(months) - 0.5)
        if name != "exposure":
            _shade_unsettled(axes, months)
        axes.yaxis.set_major_formatter(THOUSANDS)
        axes.set_ylabel(label)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False)
    return _written(figure)


def _shade_unsettled(axes: Axes, months: Mapping[date, MonthFigures]) -> None:
    label = "not settled yet"
    for place, month in enumerate(months.values()):
        if not month.settled:
            axes.axvspan(place - 0.5, place + 0.5, color=BEFORE, alpha=0.25, linewidth=0, label=label)
            label = "_"


def _png(title: str, draw: Callable[[Axes, Totals], None], totals: Totals) -> bytes:
    figure = _figure(width=8, height=4)
    axes = figure.add_subplot()
    draw(axes, totals)
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    return _written(figure)


def _figure(width: float, height: float) -> Figure:
    """A figure without pyplot, whose figures are shared between threads."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _written(figure: Figure) -> bytes:
    out = BytesIO()
    # The program's name and version would make the bytes of one picture differ between machines.
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})
    return out.getvalue()


def _amount(minor: str) -> str:
    major, cents = divmod(int(minor), 100)
    return f"{major:,}.{cents:02}" if cents else f"{major:,}"


def _limits(axes: Axes, totals: Totals) -> None:
    amounts = sorted({*totals.limits_before, *totals.limits_after}, key=int)
    places = range(len(amounts))
    for shift, counts, color, label in (
        (-0.2, totals.limits_before, BEFORE, "before"),
        (0.2, totals.limits_after, AFTER, "after"),
    ):
        heights = [counts.get(amount, 0) for amount in amounts]
        axes.bar([place + shift for place in places], heights, 0.4, color=color, label=label)
    axes.set_xticks(list(places), [_amount(amount) for amount in amounts])
    axes.set_xlabel(f"limit, {CURRENCY}")
    axes.set_ylabel("users")
    axes.yaxis.set_major_formatter(THOUSANDS)
    axes.legend(frameon=False)


def _moves(axes: Axes, totals: Totals) -> None:
    moves = sorted(totals.moves, key=lambda move: [int(part) for part in move.split(">")])
    rises = [int(move.split(">")[1]) > int(move.split(">")[0]) for move in moves]
    colors = [UP if rise else DOWN for rise in rises]
    heights = [totals.moves[move] * (1 if rise else -1) for move, rise in zip(moves, rises, strict=True)]
    axes.bar(range(len(moves)), heights, color=colors)
    labels = [" → ".join(map(_amount, move.split(">"))) for move in moves]
    axes.set_xticks(range(len(moves)), labels, rotation=30, ha="right")
    axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.set_ylabel("users raised (up), lowered (down)")
    axes.yaxis.set_major_formatter(THOUSANDS)
    _note_if_empty(axes, totals.moves, "nobody moved")


def _gates(axes: Axes, totals: Totals) -> None:
    gates = sorted(totals.gates, key=lambda gate: totals.gates[gate])
    axes.barh([gate.replace("_", " ") for gate in gates], [totals.gates[gate] for gate in gates], color=DOWN)
    axes.set_xlabel("users")
    axes.xaxis.set_major_formatter(THOUSANDS)
    _note_if_empty(axes, totals.gates, "no gate kept anybody from a tier")


def _promise(axes: Axes, totals: Totals) -> None:
    amounts = sorted(totals.kept, key=int)
    shares = [totals.kept_raised.get(amount, 0) / totals.kept[amount] for amount in amounts]
    promised = advertised().min_share_raised
    axes.bar(range(len(amounts)), shares, color=[UP if share > promised else DOWN for share in shares])
    labels = [f"{_amount(amount)}\n{totals.kept[amount]:,} users" for amount in amounts]
    axes.set_xticks(range(len(amounts)), labels)
    axes.axhline(promised, color=QUIET, linestyle="--", label=f"the claim is true from {promised:.0%}")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_ylabel("raised, of those who kept to it")
    axes.set_xlabel(f"limit before, {CURRENCY}")
    axes.legend(frameon=False)


def _note_if_empty(axes: Axes, counts: Mapping[str, int], words: str) -> None:
    if not counts:
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", color=QUIET)
