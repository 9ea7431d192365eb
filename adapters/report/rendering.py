"""The templates' environment: everything is escaped in HTML, an unknown name is an error."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from .phrases import heading
from .sentence import EXAM, Link, Sentence
from .view import Report, guideline_name
from .words import Row, label

WIDTH = 100
GAP: Final = 2  # between two columns of a table
# Signs of the field that a report system may not know, in plain characters.
PLAIN = {"≥": ">=", "≤": "<=", "±": "+/-", "–": "-", "—": "-", "−": "-", "×": "x", "·": "-", "²": "2", "³": "3"}
PLAIN |= {"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "\u00a0": " "}


def template_text(name: str) -> str:
    """A template's source."""
    return (files("radlogic.adapters.report") / "templates" / name).read_text(encoding="utf-8")


def plain(text: object) -> str:
    """The text in plain characters."""
    return "".join(PLAIN.get(sign, sign) for sign in str(text))


def wrapped(text: object, indent: int = 0, bullet: str = "") -> str:
    """Text in lines of at most 100 columns; later lines stand below the first word."""
    first, rest = " " * indent + bullet, " " * (indent + len(bullet))
    return textwrap.fill(plain(text), WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


def in_css(text: object) -> Markup:
    """Text as it may stand between the quotes of a style sheet: every sign that is not plain by its code point.

    >>> print(in_css('a "b"; </style>'))
    a \\000022b\\000022\\00003b \\00003c\\00002fstyle\\00003e
    """
    plain_ = (
        sign if sign.isascii() and (sign.isalnum() or sign in " .,") else f"\\{ord(sign):06x}" for sign in str(text)
    )
    return Markup("".join(plain_))  # noqa: S704 (nothing else is left in it)


def cells(row: Row) -> tuple[str, str, str]:
    """A fact as a line of a table of text: who said so without the place in their file, which the page holds."""
    return row.label, row.value, ", ".join(part for part in (row.who, row.when) if part)


def columns(head: Sequence[str], rows: Sequence[Sequence[str]], indent: int) -> Iterator[str]:
    """A table as lines of at most 100 columns: what is wider than its column goes on in the next line."""
    lines = [[plain(cell) for cell in row] for row in ([head, *rows] if head else rows)]
    if not lines:
        return
    widths = _widths(lines, WIDTH - indent)
    for row in lines:
        folded = [textwrap.wrap(cell, w, break_on_hyphens=False) or [""] for cell, w in zip(row, widths, strict=True)]
        for i in range(max(map(len, folded))):
            parts = (part[i] if i < len(part) else "" for part in folded)
            padded = (part.ljust(width) for part, width in zip(parts, widths, strict=True))
            yield (" " * indent + (" " * GAP).join(padded)).rstrip()


def _widths(lines: Sequence[Sequence[str]], room: int) -> list[int]:
    """As wide as the widest cell; where that is too much together, the widest column gives way, again and again."""
    widths = [max(1, *(len(row[i]) for row in lines)) for i in range(len(lines[0]))]
    while sum(widths) + GAP * (len(widths) - 1) > room:
        widths[widths.index(max(widths))] -= 1
    return widths


def pointed(link: Link) -> str:
    """What a sentence is about and rests on, on one line, for pointing at; rows and citations as they stand."""
    who = {EXAM.finding: heading("exam"), "patient": heading("patient")}.get(link.finding, link.finding)
    names = ", ".join(guideline_name(name) for name in link.guideline.split(", ")) if link.guideline else ""
    parts = (who, ", ".join(map(label, link.facts)), names, "; ".join(link.rows), "; ".join(link.citations))
    return " | ".join(part for part in parts if part)


def reasons_of(report: Report) -> dict[tuple[str, str], int]:
    """The number, from 1, of the group of reasons in which a row is explained, by (lesion or exam, row)."""
    groups = next((section.groups for section in report.sections if section.name == "reasons"), ())
    found: dict[tuple[str, str], int] = {}
    for i, group in enumerate(groups, start=1):
        for link in (item.text.link for item in group.items if isinstance(item.text, Sentence)):
            for row in link.rows:
                found.setdefault((link.finding, row), i)
    return found


def reason_number(sentence: object, numbers: Mapping[tuple[str, str], int]) -> int:
    """The number of the group of reasons that a sentence rests on, its lesion's before the exam's; 0 for none."""
    link = sentence.link if isinstance(sentence, Sentence) else Link()
    mine = (numbers.get((about, row), 0) for about in (link.finding, "exam") for row in link.rows)
    return next((number for number in mine if number), 0)


@lru_cache(maxsize=1)
def environment() -> Environment:
    """Jinja with autoescape for every template but plain text."""
    made = Environment(
        loader=FunctionLoader(template_text),
        autoescape=select_autoescape(disabled_extensions=("txt.j2",), default_for_string=True, default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"wrapped": wrapped, "cells": cells, "reason": reason_number, "in_css": in_css, "pointed": pointed}
    made.globals["columns"] = columns
    return made
