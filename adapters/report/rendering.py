"""The templates' environment: everything is escaped in HTML, an unknown name is an error."""

from __future__ import annotations

import textwrap
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined, select_autoescape

WIDTH = 100
# Signs of the field that a report system may not know, in plain characters.
PLAIN = {"≥": ">=", "≤": "<=", "±": "+/-", "–": "-", "—": "-", "−": "-", "×": "x", "·": "-", "²": "2", "³": "3"}
PLAIN |= {"“": '"', "”": '"', "‘": "'", "’": "'", "…": "...", "\u00a0": " "}


def template_text(name: str) -> str:
    """A template's source."""
    return (files("radlogic.adapters.report") / "templates" / name).read_text(encoding="utf-8")


def wrapped(text: str, indent: int = 0, bullet: str = "") -> str:
    """Text in lines of at most 100 columns; later lines stand below the first word."""
    plain = "".join(PLAIN.get(sign, sign) for sign in text)
    first, rest = " " * indent + bullet, " " * (indent + len(bullet))
    return textwrap.fill(plain, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)


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
    made.filters["wrapped"] = wrapped
    return made
