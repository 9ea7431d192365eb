"""What elements FHIR R4 resources and types have: their type, whether they may stand several times, and choices.

Read from the models of ``fhir.resources`` (R4B, which differs from R4 in nothing that the audit reads).
"""

from __future__ import annotations

import typing
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import Any

NUMBERS = frozenset({"integer", "positiveInt", "unsignedInt", "integer64", "decimal"})
TIMES = frozenset({"date", "dateTime", "instant", "time"})
WORDS = frozenset(
    {"string", "code", "id", "uri", "url", "canonical", "markdown", "oid", "uuid", "base64Binary", "xhtml"}
)
PRIMITIVES = NUMBERS | TIMES | WORDS | {"boolean"}


@dataclass(frozen=True, slots=True)
class Element:
    """An element: its name in JSON, its FHIR type, whether it is a list."""

    name: str
    kind: str
    many: bool


@lru_cache(maxsize=1024)
def elements(kind: str) -> dict[str, Element]:
    """The elements of a type by name; none where it is no type. Those of a choice are named as in JSON."""
    fields = _fields(kind)
    found = {f.alias or name: _element(f.alias or name, f.annotation) for name, f in fields.items() if _is_own(name)}
    return {name: element for name, element in found.items() if element is not None}


@lru_cache(maxsize=1024)
def choices(kind: str) -> dict[str, dict[str, Element]]:
    """The choices of a type: ``value`` -> FHIR type -> the element of that type."""
    found: dict[str, dict[str, Element]] = {}
    for name, field in _fields(kind).items():
        stem = (field.json_schema_extra or {}).get("one_of_many")
        element = elements(kind).get(field.alias or name)
        if stem and element:
            found.setdefault(stem, {})[element.kind] = element
    if "oid" in found.get("value", {}):  # value[x] of any type: the models leave out this one
        found["value"]["uuid"] = Element("valueUuid", "uuid", False)
    return found


def is_resource(kind: str) -> bool:
    """Whether FHIR R4 has such a resource."""
    return "implicitRules" in _fields(kind)


def _is_own(name: str) -> bool:
    return not name.endswith("__ext") and name not in ("fhir_comments", "resource_type")


def _fields(kind: str) -> dict[str, Any]:
    from fhir.resources.R4B import get_fhir_model_class

    try:
        return dict(get_fhir_model_class(kind).model_fields)
    except (ValueError, AttributeError):
        return {}


def _element(name: str, annotation: Any) -> Element | None:
    leaves = list(_leaves(annotation))
    kind = next((k for k in map(_kind, leaves) if k), "")
    return Element(name, kind, "[]" in leaves) if kind else None


def _leaves(annotation: Any) -> Iterable[Any]:
    """The parts of an annotation; ``[]`` stands for a list."""
    origin = typing.get_origin(annotation)
    if origin is list:
        yield "[]"
    if origin in (list, typing.Union, UnionType, typing.Annotated):
        for part in typing.get_args(annotation):
            yield from _leaves(part)
    yield annotation


def _kind(leaf: Any) -> str:
    """The FHIR type that a part of an annotation names, or nothing."""
    if leaf is bool:
        return "boolean"
    name = leaf.__name__ if isinstance(leaf, type) else type(leaf).__name__
    if isinstance(leaf, type) and name.endswith("Type") and name not in ("NoneType",):
        return name.removesuffix("Type")
    lowered = name[:1].lower() + name[1:]
    return lowered if not isinstance(leaf, type) and lowered in PRIMITIVES else ""
