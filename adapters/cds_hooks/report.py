"""What a DiagnosticReport about to be signed says: its exam, its category, its next exam.

Its conclusion is read by the reader of free-text reports, the one that the audit uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from ...engine.errors import BadValue
from ..audit.reading.reader import read_report as read_text
from ..audit.reading.types import Months, ReportRead
from ..fhir.coding import objects
from ..fhir.exams import CHEST, DATED_BY, LIVER, Exam
from ..fhir.imaging import category_of
from ..fhir.vocabulary import shipped
from ..fhir.when import stated
from .seam import Resource

CONCLUSION = "Impression: "  # what is read is no whole report
GUIDELINES = {CHEST: "lung-rads", LIVER: "li-rads"}


@dataclass(frozen=True, slots=True)
class Report:
    """What a DiagnosticReport says: its exam's day and studies, its category, its next exam.

    ``months``: the least and the greatest until the next exam; (0, 0) at once, weeks as parts of a month, None where
    it is not said.
    """

    resource: Resource
    day: date | None
    studies: frozenset[str]
    region: str | None
    category: str | None
    months: Months | None

    @property
    def name(self) -> str:
        """Tells this report from others of the patient."""
        return str(self.resource.get("id") or self.day or "")


def read_report(resource: Resource) -> Report:
    """What the report says, of chest or liver.

    Raises:
        BadValue: it is no DiagnosticReport.
    """
    if resource.get("resourceType") != "DiagnosticReport":
        cure = "Send the report that is about to be signed."
        raise BadValue("context.report", "resourceType", "another resource", "DiagnosticReport", cure)
    said = _read(resource.get("conclusion"))
    found = {region: _category(resource, region, said) for region in (CHEST, LIVER)}
    named = [(region, name) for region, name in found.items() if name]
    region, name = named[0] if len(named) == 1 else (None, None)  # of both regions: nobody can tell which one is meant
    when = stated(resource, *DATED_BY["DiagnosticReport"])
    return Report(resource, when.day if when else None, _studies(resource), region, name, _months(said))


def _read(conclusion: Any) -> ReportRead | None:
    return read_text(CONCLUSION + conclusion) if isinstance(conclusion, str) else None


def _category(resource: Resource, region: str, said: ReportRead | None) -> str | None:
    """The one category of a region that the report, its coded conclusions or contained Observations state."""
    if said and GUIDELINES[region] in said.conflicts:
        return None
    texts = _coded_texts(resource)
    parts: list[Resource] = [{"resourceType": "DiagnosticReport", "conclusion": text} for text in texts]
    parts += [one for one in objects(resource.get("contained")) if one.get("resourceType") == "Observation"]
    names = {category_of(Exam("", part, region, "", None), shipped()) for part in parts}
    plain = {name.removeprefix("Lung-RADS ") for name in names if name}
    plain |= {name for name in [said.category(GUIDELINES[region]) if said else None] if name}
    return plain.pop() if len(plain) == 1 else None


def _coded_texts(resource: Resource) -> Iterator[Any]:
    for concept in objects(resource.get("conclusionCode")):
        yield concept.get("text")
        yield from (coding.get("display") for coding in objects(concept.get("coding")))


def _studies(resource: Resource) -> frozenset[str]:
    """The UIDs of the studies that were read."""
    found = [s.get("identifier") for s in objects(resource.get("imagingStudy"))]
    contained = [c for c in objects(resource.get("contained")) if c.get("resourceType") == "ImagingStudy"]
    found += [i for study in contained for i in objects(study.get("identifier"))]
    values = (i.get("value") for i in found if isinstance(i, dict))
    return frozenset(v.removeprefix("urn:oid:") for v in values if isinstance(v, str))


def _months(said: ReportRead | None) -> Months | None:
    return said.recommended.interval_months if said and said.recommended else None
