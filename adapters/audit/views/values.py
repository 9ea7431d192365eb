"""A FHIRPath value as DuckDB SQL, and the shape of the JSON that the paths of a view read.

A value that may stand several times is a LIST, any other a scalar; NULL, or a list without elements, is empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count

from ....engine.guideline.columns import text
from .elements import NUMBERS, PRIMITIVES

SQL_TYPES = {"boolean": "BOOLEAN", "decimal": "DOUBLE"} | dict.fromkeys(NUMBERS - {"decimal"}, "BIGINT")


def sql_type(kind: str) -> str:
    """DuckDB's type of a FHIR primitive. Dates and times stay text: FHIR's may stop at the year."""
    return SQL_TYPES.get(kind, "VARCHAR")


@dataclass(slots=True)
class Shape:
    """What is read of an element: its members. DuckDB parses each line once into a STRUCT of this shape."""

    kind: str
    many: bool = False
    members: dict[str, Shape] = field(default_factory=dict)

    def member(self, name: str, kind: str, *, many: bool) -> Shape:
        """The shape of a member, from now on read."""
        return self.members.setdefault(name, Shape(kind, many))

    def plain(self) -> object:
        """As DuckDB's ``from_json`` wants it."""
        if self.members:
            one: object = {name: shape.plain() for name, shape in self.members.items()}
        else:
            one = sql_type(self.kind) if self.kind in PRIMITIVES else "JSON"
        return [one] if self.many else one

    def structure(self, as_json: str = "") -> str:
        """The same as a SQL text. ``as_json``: a list of whose elements nothing is read, but handed on as JSON."""
        held = self.plain()
        if as_json and isinstance(held, dict):
            held = {**held, as_json: ["JSON"]}
        return text(json.dumps(held))


@dataclass(frozen=True, slots=True)
class Value:
    """SQL of a value with its FHIR type; ``stem``: it is a choice (``value``) of the element that ``sql`` is."""

    sql: str
    kind: str
    many: bool = False
    shape: Shape | None = None
    stem: str = ""

    @property
    def primitive(self) -> bool:
        """Whether it is of a primitive type."""
        return self.kind in PRIMITIVES and not self.stem

    def listed(self) -> str:
        """Its SQL as a list, never NULL."""
        if self.many:
            return f"coalesce({self.sql}, [])"
        return f"list_filter([{self.sql}], lambda e: e IS NOT NULL)"


def member_sql(sql: str, name: str) -> str:
    """A member of a STRUCT."""
    return f"struct_extract({sql}, {text(name)})"


class Names:
    """Names for the parameters of lambdas, each new."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def new(self) -> str:
        """The next name."""
        return f"x{next(self._numbers)}"


def mapped(base: Value, names: Names, change: Callable[[Value], Value]) -> Value:
    """What a change makes of a value, element by element; the empty ones fall away and lists become one."""
    if not base.many:
        return change(base)
    name = names.new()
    made = change(replace(base, sql=name, many=False))
    every = f"list_transform({base.sql}, lambda {name}: {made.sql})"
    if made.many:
        return replace(made, sql=f"flatten(list_filter({every}, lambda {name}: {name} IS NOT NULL))")
    return replace(made, sql=f"list_filter({every}, lambda {name}: {name} IS NOT NULL)", many=True)
