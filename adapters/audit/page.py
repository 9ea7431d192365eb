"""The audit as one HTML page, made of ``summary.json`` and ``aggregates.json`` alone: no small cell, and nobody.

No script, nothing loaded; beside every picture stands its table.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ...engine.errors import NotReadable
from ..notice import INTENDED_USE
from .aggregates import FILE
from .page_content import Page, content

NAME = "page.html"
TEMPLATE, STYLE = "audit_page.html.j2", "audit_page.css"


def write_page(out: Path) -> Path:
    """Write ``page.html`` beside the two files that it is made of; returns its path.

    Raises:
        NotReadable: one of them is not there, or is no file of an audit.
    """
    path = out / NAME
    part = path.with_name(f".{NAME}.part")
    part.write_text(page(_read(out / "summary.json"), _read(out / FILE)), encoding="utf-8")
    part.replace(path)
    return path


def page(summary: Mapping[str, Any], aggregates: Mapping[str, Any]) -> str:
    """The whole page.

    Raises:
        NotReadable: what is given is of another form.
    """
    style = _text(STYLE)
    sha = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    try:
        found: Page = content(summary, aggregates)
    except (KeyError, TypeError, ValueError) as error:
        allowed = "what `radlogic audit` writes there"
        raise NotReadable("summary.json", "", type(error).__name__, allowed, "Run the audit again.") from error
    template = _environment().get_template(TEMPLATE)
    return template.render(p=found, intended_use=INTENDED_USE, style=Markup(style), style_hash=Markup(sha))  # noqa: S704


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        cure = "Run the audit again."
        raise NotReadable(path.name, "", type(error).__name__, "a file of an audit", cure) from error
    return found


def count(value: int | None) -> str:
    """A count with its thousands apart; "few" where it is not shown.

    >>> count(1234567), count(None)
    ('1,234,567', 'few')
    """
    return "few" if value is None else f"{value:,}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share for a reader; "few" where it is not shown.

    >>> percent(0.98667), percent(None)
    ('98.7 %', 'few')
    """
    return "few" if value is None else f"{100 * value:.{digits}f} %"


def interval(bounds: tuple[float, float] | None) -> str:
    """The ends of an interval, with two decimals where one would hide that they differ.

    >>> interval((0.5, 0.75)), interval((0.99351, 0.99449))
    ('50.0 to 75.0 %', '99.35 to 99.45 %')
    """
    if bounds is None:
        return ""
    digits = _digits(bounds)
    return f"{100 * bounds[0]:.{digits}f} to {100 * bounds[1]:.{digits}f} %"


def rate(row: Mapping[str, Any]) -> str:
    """The rate of a group, with as many decimals as its interval; "none judged" where there is none.

    >>> rate({"met": 0, "not_met": 0, "rate": None, "interval": None}), rate({"met": None, "not_met": 3, "rate": None})
    ('none judged', 'few')
    """
    if row["rate"] is None:
        return "few" if None in (row["met"], row["not_met"]) else "none judged"
    return percent(row["rate"], _digits(row["interval"]))


def _digits(bounds: tuple[float, float]) -> int:
    return 2 if bounds[1] - bounds[0] < 0.005 else 1


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FunctionLoader(_text), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters |= {"n": count, "percent": percent, "interval": interval, "rate": rate}
    return made


def _text(name: str) -> str:
    return (files("radlogic.adapters") / "templates" / name).read_text(encoding="utf-8")
