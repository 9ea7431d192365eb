"""The monitor as one HTML page: no script, nothing loaded, every picture with its numbers in words beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ..notice import INTENDED_USE
from ..report.drawing import Drawing, svg
from . import plots
from .alarms import Test
from .figures import Figures
from .statistics import Share
from .watched import Cell, Watched

DIMENSION_WORDS = {"site": "Site", "scanner": "Scanner", "sex": "Sex", "age": "Age", "guideline": "Guideline"}


def page(found: Watched) -> str:
    """The whole page."""
    return (
        _environment()
        .get_template("monitor.html.j2")
        .render(
            w=found,
            intended_use=INTENDED_USE,
            style=Markup(_text("monitor.css")),  # noqa: S704 - our own file
            period=_period(found),
            dimensions=DIMENSION_WORDS,
            pictures=pictures(found),
            alarms=by_kind(found.alarms),
            crossed={name: _crossed(cells) for name, cells in found.tables.items() if cells},
        )
    )


def by_kind(alarms: Sequence[Test]) -> dict[str, list[Test]]:
    """Those that sound, by alarm; the order of each is kept."""
    return {name: [t for t in alarms if t.alarm == name] for name in dict.fromkeys(t.alarm for t in alarms)}


def _crossed(cells: Sequence[Cell]) -> dict[str, Any]:
    """A table of counts: rows, columns, and the cells that are not empty."""
    rows, columns = sorted({c.engine for c in cells}), sorted({c.signed for c in cells})
    return {"rows": rows, "columns": columns, "cells": {(c.engine, c.signed): c.exams for c in cells}}


def pictures(found: Watched) -> dict[str, Markup]:
    """Every picture by its name on the page."""
    made = dict(_drawings(found))
    return {name: svg(drawing, f"plot-{i}") for i, (name, drawing) in enumerate(made.items())}


def _drawings(found: Watched) -> list[tuple[str, Drawing]]:
    agree = found.known.alarms["agreement"].bar
    level = None if math.isnan(found.whole.level) else found.whole.level
    drawn = []
    for dimension, groups in found.groups.items():
        name = f"Agreement with the engine by {dimension}"
        drawn.append((f"agree {dimension}", plots.intervals(name, _shares(groups, "agree"), agree)))
        if any(f.covered.of for f in groups.values()):
            name = f"Calibrated sets that hold the signed management, by {dimension}"
            drawn.append((f"covered {dimension}", plots.intervals(name, _shares(groups, "covered"), level)))
    if found.months:
        monthly = {"agree": ("Agreement by month", agree), "covered": ("Calibrated sets that hold, by month", level)}
        drawn += [(f"{k} months", plots.months(t, _shares(found.months, k), bar)) for k, (t, bar) in monthly.items()]
    if found.whole.calibrated.bins:
        drawn.append(("reliability", plots.reliability(found.whole.calibrated)))
    drawn += [(f"drift {d.name}", plots.cells(d)) for d in found.drifts if d.known]
    return drawn


def _shares(groups: Mapping[str, Figures], name: str) -> dict[str, Share]:
    return {group: getattr(f, name) for group, f in groups.items()}


def _period(found: Watched) -> str:
    since, until = found.since, found.until
    if since is None and until is None:
        return "all signatures"
    return " ".join(f"{word} {day.isoformat()}" for word, day in (("from", since), ("to", until)) if day)


def percent(value: float) -> str:
    """A share for a reader; a dash where there is none."""
    return "–" if math.isnan(value) else f"{100 * value:.1f} %"


def interval(found: Share) -> str:
    """A share with its count and interval."""
    if not found.of:
        return "none counted"
    return f"{percent(found.value)} of {found.of} ({100 * found.low:.1f} to {100 * found.high:.1f})"


def number(value: float, digits: int = 2) -> str:
    """A number for a reader; a dash where there is none."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def few(value: int | None) -> str:
    """A count; words where it is too small to be shown."""
    return "few" if value is None else str(value)


def chance(value: float) -> str:
    """A probability that may be very small."""
    return "below 0.0001" if value < 1e-4 else f"{value:.4f}"


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"percent": percent, "interval": interval, "number": number, "few": few, "chance": chance}
    return made


def _text(name: str) -> str:
    return (files("radlogic.adapters.monitor") / "templates" / name).read_text(encoding="utf-8")
