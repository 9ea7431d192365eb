"""Reading FHIR's coded elements by path; what is malformed reads as absent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Code = tuple[str, str]  # system as a URI, code


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """The objects of a list; nothing where it is no list."""
    if isinstance(value, list):
        yield from (item for item in value if isinstance(item, dict))


def codings(concept: Any) -> list[Code]:
    """(system, code) of each coding of a CodeableConcept. The innermost step of reading a record: kept flat."""
    found = concept.get("coding") if isinstance(concept, dict) else None
    if not isinstance(found, list):
        return []
    stated = [(c.get("system"), c.get("code")) for c in found if isinstance(c, dict)]
    return [pair if type(pair[0]) is type(pair[1]) is str else _texts(*pair) for pair in stated]  # type: ignore[misc]


def code_of(coding: Any) -> Code:
    """(system, code) of a Coding; '' for what is absent or no text."""
    return _texts(coding.get("system"), coding.get("code")) if isinstance(coding, dict) else ("", "")


def _texts(system: Any, code: Any) -> Code:
    return (system if isinstance(system, str) else "", code if isinstance(code, str) else "")


def status_code(concept: Any) -> str | None:
    """The code of a CodeableConcept bound to one code system (clinicalStatus and the like), or None."""
    return next((code for _, code in codings(concept) if code), None)
