"""What stands on the audit's page: figures out of the two files, and the pictures drawn of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from markupsafe import Markup

from ..report.drawing import Drawing, svg
from . import page_plots as plots
from .described import in_words
from .page_limits import LEVELS, Spread, limits, side, spread

FUNNELS = {"reader_id": "reader", "site_id": "site"}
SUBGROUPS = {"sex": "Sex", "age_band": "Age, years", "scanner": "Scanner", "edition": "Edition of the guideline"}
BANDS = {"0-49": "under 50", "50-64": "50 to 64", "65-79": "65 to 79", "80-": "80 and over"}  # of the age, in words
NOT_STATED = "not stated"
MOST_ROWS = 14  # of groups in one picture; the table has all
MOST_LISTED = 500  # groups of one table: thousands of readers would cost the page its speed
SIDES = ("beyond 99.8 %", "beyond 95 %", "inside")
FEWEST = 3  # groups of which a funnel says something
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Funnel:
    """A funnel plot with its rows: name, judged, met, rate, both limits (None: none), where it lies."""

    by: str
    picture: Markup
    target: float
    rows: tuple[Row, ...]  # those furthest out first, not more than MOST_LISTED
    groups: int
    hidden: int  # groups with small cells
    not_stated: int | None  # exams that can be judged and name no group; None: none, or too few
    outside: tuple[int, int]  # groups beyond 95 %, and of these beyond 99.8 %
    spread: Spread
    beyond_even_so: tuple[str, ...]  # groups beyond the wider limits, where there are such


@dataclass(frozen=True, slots=True)
class Section:
    """A measure: what it is, what came of it, and its pictures."""

    id: str
    told: Row
    described: Row
    judged: int | None
    reasons: Mapping[str, tuple[tuple[str, int | None], ...]]
    trend: Markup | None
    funnels: tuple[Funnel, ...]
    subgroups: tuple[tuple[str, Markup, tuple[tuple[str, Row], ...]], ...]
    bands: Markup | None  # rate by category beside what is published


@dataclass(frozen=True, slots=True)
class Page:
    """All of it."""

    summary: Row
    aggregates: Row
    sections: tuple[Section, ...]
    heats: tuple[tuple[Row, Markup], ...]
    curves: tuple[tuple[str, str, tuple[tuple[Row, Markup], ...]], ...]  # measure, edition, by category


def content(summary: Row, aggregates: Row) -> Page:
    """The page of an audit's two files.

    Raises:
        KeyError, TypeError, ValueError: they are of another form.
    """
    draw = _Pictures()
    sections = tuple(_section(told, aggregates["measures"].get(told["id"], {}), draw) for told in summary["measures"])
    heats = tuple(
        (one, draw(plots.heat(f"Stated against computed category, {one['edition']}", one)))
        for one in aggregates["stated_against_computed"]
    )
    return Page(summary, aggregates, sections, heats, tuple(_curves(aggregates["time_to_follow_up"], draw)))


class _Pictures:
    """Draws, and gives each picture a name of its own."""

    def __init__(self) -> None:
        self._numbers = count()

    def __call__(self, drawing: Drawing) -> Markup:
        return svg(drawing, f"plot-{next(self._numbers)}")


def judged(row: Row) -> int | None:
    """Met and not met of a group; None where one of them is not shown."""
    if row["met"] is None or row["not_met"] is None:
        return None
    return int(row["met"]) + int(row["not_met"])


def _section(told: Row, described: Row, draw: _Pictures) -> Section:
    reasons = {status: tuple((in_words(r), n) for r, n in found.items()) for status, found in told["reasons"].items()}
    months = told["by"].get("month", {})
    shown = any(row["rate"] is not None for row in months.values())
    title = told["title"]
    return Section(
        told["id"], told, described, judged(told), reasons,
        draw(plots.trend(f"{title}: by month", _filled(months), told["rate"])) if shown else None,
        tuple(f for by, word in FUNNELS.items() if (f := _funnel(told, by, word, draw)) is not None),
        tuple(_subgroups(told, draw)),
        _bands(told, draw) if told.get("printed_percent") else None,
    )  # fmt: skip


def _filled(months: Mapping[str, Row]) -> dict[str, Row]:
    """Every month from the first to the last, so that equal steps are equal times; without exams: no rate."""
    names = sorted(m for m in months if m != NOT_STATED)
    first, last = (int(n[:4]) * 12 + int(n[5:7]) - 1 for n in (names[0], names[-1]))
    every = [f"{n // 12:04}-{n % 12 + 1:02}" for n in range(first, last + 1)]
    return {m: months.get(m, {"rate": None, "interval": None}) for m in every}


def _funnel(told: Row, by: str, word: str, draw: _Pictures) -> Funnel | None:
    groups, target = told["by"].get(by, {}), told["rate"]
    known = {name: (row["met"], n) for name, row in groups.items() if name != NOT_STATED and (n := judged(row))}
    if target is None or len(known) < FEWEST:
        return None
    few = sum(1 for name, row in groups.items() if name != NOT_STATED and judged(row) is None)
    fair = few * 20 <= len(known)  # what is hidden has few met or few not met: the others are no sample of all
    found = spread(target, list(known.values())) if fair else Spread(1.0, more=False)
    marks = [plots.Group(name, met, n, side(target, met, n)) for name, (met, n) in known.items()]
    outside = [m for m in marks if m.side != "inside"]
    far = [m for m in outside if m.side == "beyond 99.8 %"]
    even_so = [m.name for m in far if found.more and side(target, m.met, m.exams, found.factor) == "beyond 99.8 %"]
    unnamed = groups.get(NOT_STATED)
    return Funnel(
        word,
        draw(plots.funnel(f"{told['title']}: by {word}", marks, target, found)),
        target,
        tuple(_funnel_row(m, target) for m in sorted(marks, key=lambda m: (SIDES.index(m.side), m.name))[:MOST_LISTED]),
        len(marks),
        few,
        (judged(unnamed) or None) if unnamed else None,
        (len(outside), len(far)),
        found,
        tuple(even_so),
    )


def _funnel_row(mark: plots.Group, target: float) -> Row:
    near, far = (limits(target, mark.exams, level) for level in LEVELS)
    return {"name": mark.name, "judged": mark.exams, "met": mark.met, "rate": mark.share, "near": near, "far": far,
            "side": mark.side}  # fmt: skip


def _subgroups(told: Row, draw: _Pictures) -> Iterator[tuple[str, Markup, tuple[tuple[str, Row], ...]]]:
    for by, words in SUBGROUPS.items():
        told_by = told["by"].get(by, {}).items()
        rows = tuple((BANDS.get(name, name), row) for name, row in told_by if row["population"] != 0)
        if rows:
            title = f"{told['title']}: by {words.lower()}"
            yield words, draw(plots.intervals(title, rows[:MOST_ROWS], told["rate"])), rows


def _bands(told: Row, draw: _Pictures) -> Markup:
    """The rate by stated category beside the band that the guideline prints for it."""
    printed = {c: (low / 100, high / 100) for c, (low, high) in told["printed_percent"].items()}
    rows = [(c, told["by"].get("stated_category", {}).get(c, {"rate": None})) for c in printed]
    return draw(plots.intervals(f"{told['title']}, beside the published bands", rows, None, printed))


def _curves(found: Sequence[Row], draw: _Pictures) -> Iterator[tuple[str, str, tuple[tuple[Row, Markup], ...]]]:
    for measure, edition in dict.fromkeys((one["measure"], one["edition"]) for one in found):
        mine = [one for one in found if (one["measure"], one["edition"]) == (measure, edition)]
        drawn = [(one, draw(plots.curve(f"{edition}, category {one['category']}", one))) for one in mine]
        yield measure, edition, tuple(drawn)
