"""Small parts of FHIR resources: codes, quantities, identifiers. Nothing empty is ever made."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from ...report.words import clean
from . import terms
from .terms import Listed

Json = dict[str, Any]
UCUM = "http://unitsofmeasure.org"
URI = "urn:ietf:rfc3986"
DICOM = "urn:dicom:uid"
LARGEST = 10**15  # beyond it a whole number is written as any other
UID = re.compile(r"[0-2](\.(0|[1-9]\d*))+")


def some(**elements: Any) -> Json:
    """The elements that hold anything: FHIR's JSON has neither null nor empty values.

    >>> some(code="4A", text="", note=[], low=0, negative=False)
    {'code': '4A', 'low': 0, 'negative': False}
    """
    return {name: value for name, value in elements.items() if value is not None and value not in ("", [], {}, ())}


def coding(system: str, code: str, **more: Any) -> Json:
    """A Coding. A code has no line breaks and no two spaces together (R4 code)."""
    return some(system=system, code=clean(code) or "-", **more)


def standard(listed: Listed) -> list[Json]:
    """Codes of standard systems as Codings."""
    systems = terms.codes().systems
    return [coding(systems[c.system], c.code, display=c.display) for c in listed]


def concept(codings: Iterable[Json] = (), text: str = "") -> Json:
    """A CodeableConcept."""
    return some(coding=list(codings), text=clean(text))


def fixed(name: str, text: str = "") -> Json:
    """The concept of a fixed place, by its name in ``codes.yaml``."""
    return concept(standard(terms.codes().codes[name]), text)


def number(value: Decimal | float) -> int | float:
    """A number as JSON has it: a whole one without a point.

    >>> number(Decimal("7.0")), number(Decimal("7.5")), number(0.25)
    (7, 7.5, 0.25)
    """
    return int(value) if abs(float(value)) < LARGEST and value == int(value) else float(value)


def quantity(value: Decimal | float, feature: str = "") -> Json:
    """A number with the UCUM unit that the feature's name implies; 1 where it implies none."""
    found = terms.codes().unit_of(feature)
    if found is None:
        return {"value": number(value), "system": UCUM, "code": "1"}
    return {"value": number(value), "unit": found.unit, "system": UCUM, "code": found.code}


def percentage(probability: float) -> Json:
    """A probability in [0, 1] as a percentage."""
    return {"value": number(percent_of(probability)), "unit": "%", "system": UCUM, "code": "%"}


def percent_of(probability: float) -> float:
    """A probability in [0, 1] in percent, as R4 wants probabilities of a RiskAssessment (at most 100).

    >>> percent_of(0.0493), percent_of(1.0)
    (4.93, 100.0)
    """
    return round(100 * probability, 10)


def months(low: float, high: float) -> Json:
    """An interval in months as a Range."""
    return {name: quantity(value, "_months") for name, value in (("low", low), ("high", high))}


def uid_identifier(uid: str) -> Json | None:
    """A DICOM UID as an Identifier; None where the text is none.

    >>> uid_identifier("1.2.840.99"), uid_identifier("N1")
    ({'system': 'urn:dicom:uid', 'value': 'urn:oid:1.2.840.99'}, None)
    """
    good = len(uid) <= 64 and UID.fullmatch(uid)
    return {"system": DICOM, "value": f"urn:oid:{uid}"} if good else None


def reference(urn: str) -> Json:
    """A reference within the Bundle."""
    return {"reference": urn}


def note(*texts: str) -> list[Json]:
    """Annotations, one for each text that says anything."""
    return [{"text": text} for text in map(clean, texts) if text]
