"""What the caller knows beyond the decision: whom it is about, who answers for it, where it stands among others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ....engine.errors import BadValue

REFERENCE: Final = frozenset({"reference", "type", "identifier", "display"})
WHERE: Final = "FHIR report"


@dataclass(frozen=True, slots=True)
class Context:
    """What the decision does not hold.

    Attributes:
        patient: the subject, a FHIR Reference: ``{"reference": "Patient/7"}`` or ``{"identifier": {...}}``. Nothing
            about the patient is made up: the record holds a pseudonym, which is never sent.
        base: of the product's own code systems and identifiers: an http(s) URL or a URN, without a closing / or :.
        study: the ImagingStudy, a Reference; where not given, a logical one by the study's UID.
        exam: DiagnosticReport.code, a CodeableConcept; where not given, from the region that the guidelines are about.
        performer: the organisation that answers for the report, a Reference.
        signer: who signed, a Reference; where not given, one by the account's name.
        orders: what the exam was ordered by, References.
        accession: the accession number as an Identifier.
        at: when the decision was made, aware; where not given and nobody signed, the first moment (UTC) of the day
            as of which it was made.
        began: the decision that began this report; '' for the decision that this one replaces, or itself.
        was_final: whether a signed version of this report stands already; None: as ``Signed.replaces`` says, and of
            what nobody signed here it is not known, so that it is made only where there is no report of that name.
        superseded: whether another decision took this one's place though nobody had signed it.
        forms: the report as documents, bytes by media type; None renders them here.
    """

    patient: Mapping[str, Any]
    base: str = ""
    study: Mapping[str, Any] | None = None
    exam: Mapping[str, Any] | None = None
    performer: Mapping[str, Any] | None = None
    signer: Mapping[str, Any] | None = None
    orders: tuple[Mapping[str, Any], ...] = ()
    accession: Mapping[str, Any] | None = None
    at: datetime | None = None
    began: str = ""
    was_final: bool | None = None
    superseded: bool = False
    forms: Mapping[str, bytes] | None = None

    def __post_init__(self) -> None:
        given = {"patient": self.patient, "study": self.study, "performer": self.performer, "signer": self.signer}
        for name, found in (*given.items(), *(("orders", order) for order in self.orders)):
            if found is not None and not is_reference(found):
                allowed = 'a FHIR Reference, such as {"reference": "Patient/7"}, with reference or identifier'
                raise BadValue(WHERE, name, "no FHIR Reference", allowed, "Give one.")
        if self.base and (not self.base.startswith(("http://", "https://", "urn:")) or self.base.endswith(("/", ":"))):
            raise BadValue(WHERE, "base", "another text", "a URL or URN without a closing / or :", "Correct it.")
        if self.at is not None and self.at.tzinfo is None:
            raise BadValue(WHERE, "at", "a moment without its offset", "an aware datetime", "Add the time zone.")


def is_reference(found: Mapping[str, Any]) -> bool:
    """Whether it is a Reference that points to something."""
    return set(found) <= REFERENCE and bool(found.get("reference") or found.get("identifier"))
