"""The templates of this room: pages are escaped, an unknown name is an error."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from jinja2 import Environment, FunctionLoader, StrictUndefined

AMOUNT = re.compile(r"[≥>≤<] \S+(?: (?!and\b|or\b)\S+)?")


def templates() -> Traversable:
    """The folder of the templates."""
    return files("radlogic.adapters.rules") / "templates"


def template_text(name: str) -> str:
    """A template's source."""
    return templates().joinpath(*name.split("/")).read_text(encoding="utf-8")


def tight(text: str) -> str:
    """A sign, its number and the unit stay on one line.

    >>> tight("≥ 6 mm and < 8 mm") == "≥\u00a06\u00a0mm and <\u00a08\u00a0mm"
    True
    """
    return AMOUNT.sub(lambda found: found.group().replace(" ", "\u00a0"), text)


@lru_cache(maxsize=2)
def environment(*, escaped: bool) -> Environment:
    """Jinja for pages (``escaped``), or for YAML and Markdown that a person goes on writing."""
    made = Environment(
        loader=FunctionLoader(template_text),
        autoescape=escaped,  # noqa: S701  YAML is no page; what goes into it is a checked name
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters["tight"] = tight
    return made
