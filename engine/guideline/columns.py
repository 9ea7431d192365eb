"""The inputs of a guideline as columns of a relation: their names and types.

NULL is unknown. "Not applicable" is the word n/a in a column of words, TRUE in the column
``<input>.na`` beside numbers and yes/no, and an empty list of older sizes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from .load import Guideline
from .tables import NOT_APPLICABLE

PLACES = 4  # decimals of a number column; the ticks that guidelines measure in are 0.1 and 1
SIZE = f"DECIMAL({4 + PLACES}, {PLACES})"  # of an entry of a history: up to 9999 mm or months
HISTORY = f"STRUCT(months_ago {SIZE}, mean_mm {SIZE})[]"


def columns(guideline: Guideline, scopes: Collection[str] = ("exam", "patient", "finding")) -> dict[str, str]:
    """The columns that a relation can have, with their DuckDB types, in the order of the inputs."""
    found: dict[str, str] = {}
    for name, (scope, i) in guideline.inputs.items():
        if scope in scopes:
            found |= _columns(name, i)
    return found


def _columns(name: str, i: Mapping[str, Any]) -> dict[str, str]:
    match i["type"]:
        case "set":
            return {f"{name}.{value}": "BOOLEAN" for value in i["values"]}
        case "enum":
            return {name: "VARCHAR"}
        case "history":
            return {name: HISTORY}
        case "bool" | "number":
            beside = {f"{name}.na": "BOOLEAN"} if i.get("absent") == NOT_APPLICABLE else {}
            return {name: _number(i) if i["type"] == "number" else "BOOLEAN"} | beside
    return {}  # texts and dates: no table tests them


def _number(i: Mapping[str, Any]) -> str:
    """The DECIMAL that holds the input's range."""
    low, high = (len(str(abs(int(Decimal(bound))))) for bound in i["range"])
    return f"DECIMAL({max(low, high) + PLACES}, {PLACES})"


class Relation:
    """A relation with the columns of a guideline, or with those of them that are ``given``."""

    def __init__(self, guideline: Guideline, given: Collection[str] | None = None) -> None:
        self.guideline, self.given, self.types = guideline, given, columns(guideline)

    def has(self, name: str) -> bool:
        """Whether the relation has a column."""
        return self.given is None or name in self.given

    def read(self, name: str) -> str:
        """A column of an input as SQL; NULL of its type where the relation has none."""
        return quoted(name) if self.has(name) else f"CAST(NULL AS {self.types[name]})"

    def absent(self, name: str) -> str:
        """Whether a number or a yes/no is not applicable."""
        column = f"{name}.na"
        return f"COALESCE({self.read(column)}, FALSE)" if column in self.types else "FALSE"


def quoted(name: str) -> str:
    """A name as SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(word: str) -> str:
    """A word as SQL."""
    return "'" + word.replace("'", "''") + "'"
