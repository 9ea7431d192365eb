"""The file of a view: a ViewDefinition of SQL-on-FHIR v2, checked whole before any of it runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ....engine.errors import BadValue, MissingField, NotReadable, UnknownField
from .elements import is_resource
from .fhirpath import Literal

CURE = "Write the view as sql-on-fhir.org describes it; docs/audit-input.md has an example."
NAME = r"^[A-Za-z][A-Za-z0-9_]*$"  # the specification's sql-name
SqlName = Annotated[str, StringConstraints(pattern=NAME)]
Path = Annotated[str, StringConstraints(min_length=1)]
DESCRIBED = ("resourceType", "id", "meta", "url", "identifier", "version", "title", "status", "experimental", "date",
             "publisher", "contact", "description", "useContext", "copyright", "copyrightLabel", "fhirVersion",
             "profile", "purpose", "jurisdiction", "text", "extension")  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Column(_Strict):
    """A column: its name, the path of its value, the FHIR type, and whether it holds a list."""

    name: SqlName
    path: Path
    type: str | None = None
    collection: bool = False
    description: str | None = None
    tag: list[Any] = Field(default_factory=list)


class Select(_Strict):
    """Columns, rows for each element of a path, and what is selected within them."""

    column: list[Column] = Field(default_factory=list)
    select: list[Select] = Field(default_factory=list)
    forEach: Path | None = None
    forEachOrNull: Path | None = None
    repeat: list[Path] = Field(default_factory=list)
    unionAll: list[Select] = Field(default_factory=list)

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(map(bool, (self.forEach, self.forEachOrNull, self.repeat))) > 1:
            raise ValueError("only one of forEach, forEachOrNull and repeat")
        return self


class Where(_Strict):
    """A condition that the resource must meet."""

    path: Path
    description: str | None = None


class View(_Strict):
    """A ViewDefinition."""

    resource: str
    name: SqlName | None = None
    select: Annotated[list[Select], Field(min_length=1)]
    where: list[Where] = Field(default_factory=list)
    constant: list[dict[str, Any]] = Field(default_factory=list)

    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return [name for select in self.select for name in names_of(select, self.name or self.resource)]

    def constants(self) -> dict[str, Literal]:
        """The constants by name.

        Raises:
            BadValue: one has no name, or not exactly one ``value[x]`` of a primitive type.
        """
        return dict(_constant(c, self.name or self.resource) for c in self.constant)


def read_view(content: str | bytes, where: str) -> View:
    """A ViewDefinition of JSON text.

    Raises:
        NotReadable: no JSON. MissingField, UnknownField, BadValue: no ViewDefinition.
    """
    try:
        found = json.loads(content)
    except ValueError as error:
        raise NotReadable(where, "", "no JSON", "a ViewDefinition in JSON", CURE) from error
    return view_of(found, where)


def view_of(content: Any, where: str) -> View:
    """A ViewDefinition of plain values. Errors as for ``read_view``."""
    if not isinstance(content, Mapping):
        raise NotReadable(where, "", "no object", "a ViewDefinition", CURE)
    try:
        view = View.model_validate({k: v for k, v in content.items() if k not in DESCRIBED})
    except ValidationError as error:
        raise _refused(error, where) from None
    if not is_resource(view.resource):
        raise BadValue(where, "resource", repr(view.resource), "a resource of FHIR R4", CURE)
    _named_once(view, where)
    return view


def _refused(error: ValidationError, where: str) -> Exception:
    said = error.errors(include_url=False)[0]
    field = ".".join(map(str, said["loc"]))
    match said["type"]:
        case "missing":
            return MissingField(where, field, "nothing", "a value", CURE)
        case "extra_forbidden":
            return UnknownField(where, field, "an element that views do not have", "those of ViewDefinition", CURE)
    return BadValue(where, field, "another value", str(said["msg"]), CURE)


def _named_once(view: View, where: str) -> None:
    names = [name for select in view.select for name in names_of(select, where)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadValue(where, "column", f"{', '.join(twice)} twice", "each name once", CURE)


def names_of(select: Select, where: str) -> Iterator[str]:
    """The columns of a select, those of a union once."""
    yield from (column.name for column in select.column)
    for inner in select.select:
        yield from names_of(inner, where)
    branches = [list(names_of(branch, where)) for branch in select.unionAll]
    if any(branch != branches[0] for branch in branches):
        allowed = "the same columns in the same order in each branch"
        raise BadValue(where, "unionAll", "branches with different columns", allowed, CURE)
    yield from branches[0] if branches else ()


def _constant(found: Mapping[str, Any], where: str) -> tuple[str, Literal]:
    values = [(k, v) for k, v in found.items() if k.startswith("value")]
    name = found.get("name")
    good = isinstance(name, str) and len(values) == 1 and not isinstance(values[0][1], dict | list)
    if not good or set(found) - {"name", values[0][0]}:
        raise BadValue(where, "constant", "another form", "a name and one value[x] of a primitive type", CURE)
    stem, value = values[0]
    kind = stem[5:6].lower() + stem[6:]
    return str(name), Literal(value if isinstance(value, bool) else str(value), kind)
