"""What was prefetched or fetched of the patient's record: facts, exams that were made, orders that stand.

Read leniently: a value may be a resource, a Bundle without a type, one page of several, null, or the server's error
message. What could not be had, or cannot be used, is named with its reason: it is never taken for "there is none".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from ...engine.errors import InputError
from ...engine.types import Facts
from ..fhir.coding import Code, codings
from ..fhir.exams import DATED_BY, NOT_DONE, names
from ..fhir.history import facts_on
from ..fhir.subject import Subjects
from ..fhir.vocabulary import shipped
from ..fhir.when import When, stated
from . import terms
from .bundles import is_error, is_part, resources
from .request import is_true
from .seam import Asked, Datum, Resource

STANDS = ("active", "on-hold")  # statuses of orders that somebody will carry out
DATED = ("onset", "abatement", "recordedDate")  # elements that say when a Condition was (R4 condition)


@dataclass(frozen=True, slots=True)
class Made:
    """An exam that was made: which one (None where only the region is known), where, when."""

    exam: str | None
    regions: tuple[str, ...]
    when: When | None
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """What is known of the patient beside the store.

    ``facts``: by the vocabulary of ``knowledge/facts.yaml``, as of the day of the question. ``orders``: those that
    stand. ``lacking``: by query, why it could not be had or used. ``part``: queries of which only a part was had.
    ``deceased``: the record says so. ``identifiers``: (system, value) of the Patient.
    """

    facts: Facts
    made: tuple[Made, ...]
    orders: tuple[Resource, ...]
    lacking: Mapping[str, str]
    part: tuple[str, ...] = ()
    deceased: bool = False
    identifiers: frozenset[tuple[str, str]] = frozenset()

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the queries of which only a part was had."""
        return tuple(f"Of {key} only a part was had: entries that matter may be missing." for key in self.part)

    def last_exam(self, region: str) -> date | None:
        """The day of the latest exam of a region; None where none is known."""
        return max((m.when.first for m in self.made if region in m.regions and m.when), default=None)

    def after(self, region: str, day: date) -> tuple[Made, ...]:
        """The exams of a region that were, or may have been, made after a day; those without a day are left out."""
        return tuple(m for m in self.made if region in m.regions and m.when and m.when.last > day)

    def unseen(self, *keys: str) -> str:
        """Whether queries were looked at: '' where all were, wholly; else "not looked at" or "looked at in part"."""
        if any(key in self.lacking for key in keys):
            return "not looked at"
        return "looked at in part" if any(key in self.part for key in keys) else ""

    def not_looked_at(self, *keys: str) -> list[str]:
        """A line on the queries that could not be had or used; none where all were."""
        said = "; ".join(f"{key}: {self.lacking[key]}" for key in keys if key in self.lacking)
        return [f"Not looked at, so that later exams or other orders may be unknown here: {said}."] if said else []

    def lacks(self, *facts: str) -> str:
        """Why the facts could not be looked up, in words; '' where they could."""
        found = dict.fromkeys(terms.services().query_of(fact) for fact in facts)
        return "; ".join(f"{query}: {self.lacking[query]}" for query in found if query and query in self.lacking)


def datum(value: Any) -> Datum:
    """A value of the prefetch, as it may come."""
    if value is None:
        return Datum(None)
    if not isinstance(value, dict) or not isinstance(value.get("resourceType"), str):
        return Datum(None, "what was sent is no FHIR resource")
    if is_error(value):
        return Datum(None, "an error message was sent in its place")
    return Datum(value, whole=not is_part(value))


def chart_of(asked: Asked[Any], *keys: str) -> Chart:
    """The patient's chart from these queries, prefetched or else fetched. Nothing is raised: see ``lacking``."""
    data = asked.data.have(*keys)
    lacking = {key: found.lacking for key, found in data.items() if found.lacking}
    part = tuple(key for key, found in data.items() if not found.whole)
    sent = [(key, resource) for key, found in data.items() if found.value for resource in resources(found.value)]
    patients = [r for key, r in sent if key == "patient" and r["resourceType"] == "Patient"]
    patient = next((r for r in patients if r.get("id") == asked.context.patient_id), patients[0] if patients else None)
    if patient is None and "patient" in keys:
        lacking.setdefault("patient", "no Patient was sent")
    own = {"resourceType": "Patient", "id": asked.context.patient_id}
    who: Resource = own | dict(patient or {})
    others = [r for _, r in sent if r["resourceType"] not in ("Patient", "OperationOutcome", "Bundle")]
    try:
        if who["id"] != asked.context.patient_id:
            return _unusable(keys, "the Patient that was sent is another than the context's")
        return _chart(asked, who, others, lacking, part)
    except InputError as error:
        return _unusable(keys, f"what was sent cannot be used ({type(error).__name__}, {error.field or error.where})")


def _unusable(keys: tuple[str, ...], why: str) -> Chart:
    return Chart({}, (), (), dict.fromkeys(keys, why))


def _chart(
    asked: Asked[Any], patient: Resource, others: list[Resource], lacking: Mapping[str, str], part: tuple[str, ...]
) -> Chart:
    entries = [{"resource": _known_by(resource, asked.today)} for resource in (patient, *others)]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    facts = facts_on(bundle, exam_date=asked.today, where="prefetch")
    subjects = Subjects(patient, "", "prefetch")
    mine = [resource for index, resource in enumerate(others) if subjects.is_about(resource, index)]
    site = asked.settings.order_codes
    seen = (_made(resource, site) for resource in mine if _is_made(resource, site))
    made = tuple(one for one in seen if one.when is None or one.when.first <= asked.today)
    orders = tuple(resource for resource in mine if stands(resource))
    named = identified(patient)
    return Chart(facts, made, orders, lacking, part, _deceased(patient), named)


def _known_by(resource: Resource, today: date) -> Resource:
    """A Condition without any date: it stands in the record that is open now, so that it was recorded by today."""
    if resource["resourceType"] != "Condition" or any(name.startswith(DATED) for name in resource):
        return resource
    return {**resource, "recordedDate": today.isoformat()}


def _deceased(patient: Resource) -> bool:
    """FHIR's choice: deceasedBoolean, or deceasedDateTime, which says the same with a date."""
    return is_true(patient.get("deceasedBoolean")) or bool(patient.get("deceasedDateTime"))


def identified(patient: Resource) -> frozenset[tuple[str, str]]:
    """The Patient's identifiers as (system, value); one without a system identifies nobody."""
    listed = patient.get("identifier")
    found = (i for i in listed if isinstance(i, dict)) if isinstance(listed, list) else ()
    pairs = ((i.get("system"), i.get("value")) for i in found)
    return frozenset((s, v) for s, v in pairs if isinstance(s, str) and isinstance(v, str) and s and v)


def is_about(resource: Resource, patient_id: str) -> bool | None:
    """Whether a resource is about a patient, by its subject's reference; None where it names nobody that way."""
    subject = resource.get("subject")
    reference = subject.get("reference") if isinstance(subject, dict) else None
    if not isinstance(reference, str) or "/" not in reference:
        return None
    return reference.split("/_history/", maxsplit=1)[0].split("/")[-2:] == ["Patient", patient_id]


def stands(resource: Resource) -> bool:
    """Whether it is an order that somebody will carry out."""
    if resource.get("resourceType") != "ServiceRequest" or is_true(resource.get("doNotPerform")):
        return False
    return resource.get("status") in STANDS


def exam_of(concepts: Any, site: Mapping[str, str]) -> str | None:
    """The exam that codes mean, by ``knowledge/cds/exams.yaml`` or else by the site's own list."""
    known = terms.exams()
    for code in _codes(concepts):
        found = known.exam_of(*code) or site.get("|".join(code))
        if found in known.exams:
            return found
    return None


def regions_shown(resource: Resource, site: Mapping[str, str]) -> tuple[str, ...]:
    """The regions that an exam shows by its code; none where the code is not known."""
    exam = exam_of(_performed(resource), site)
    return terms.exams().exams[exam].regions if exam else tuple(region for region, _ in names(resource, shipped()))


def _codes(concepts: Any) -> Iterator[Code]:
    for concept in concepts if isinstance(concepts, list) else [concepts]:
        yield from codings(concept)


def _performed(resource: Resource) -> Any:
    return resource.get("procedureCode" if resource["resourceType"] == "ImagingStudy" else "code")


def _is_made(resource: Resource, site: Mapping[str, str]) -> bool:
    kind = resource["resourceType"]
    if kind not in ("DiagnosticReport", "ImagingStudy", "Procedure") or resource.get("status") in NOT_DONE:
        return False
    return exam_of(_performed(resource), site) is not None or bool(names(resource, shipped()))


def _made(resource: Resource, site: Mapping[str, str]) -> Made:
    exam = exam_of(_performed(resource), site)
    when = stated(resource, *DATED_BY[resource["resourceType"]])
    if exam is not None:
        known = terms.exams().exams[exam]
        return Made(exam, known.regions, when, known.words)
    found = names(resource, shipped())
    return Made(None, tuple(region for region, _ in found), when, found[0][1])
