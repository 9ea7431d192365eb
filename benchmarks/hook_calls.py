"""Calls of CDS Hooks as an EHR sends them, for load: 2,000 charts, all services, all states of the prefetch.

Written from the specification and plain JSON; shares no code with the product. Everything follows from numbers, so
that the FHIR server of a run (``fhir_stand_in``) and its client hold the same charts.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

Json = dict[str, Any]
PATIENTS = 2000
KEYS = ("patient", "conditions", "observations", "reports", "studies", "orders")
SERVICES = {  # service -> its hook and its share of the calls
    "radlogic-patient-view": ("patient-view", 50),
    "radlogic-order-select": ("order-select", 14),
    "radlogic-order-sign": ("order-sign", 16),
    "radlogic-order-dispatch": ("order-dispatch", 4),
    "radlogic-imaging-report-sign": ("org.radlogic.imaging-report-sign", 12),
    "feedback": ("", 2),
    "discovery": ("", 2),
}
STATES = {"all": 70, "paged": 5, "some": 5, "null": 10, "error": 5, "none": 5}  # of the prefetch, and their shares
SNOMED, LOINC = "http://snomed.info/sct", "http://loinc.org"
DISEASES = ("44054006", "38341003", "195967001", "13645005", "87433001", "84114007", "19943007", "73211009")
LABORATORY = ("2951-2", "2823-3", "718-7", "789-8", "2160-0")
EXAMS = ((SNOMED, "16334891000119106"), (LOINC, "24627-2"), (SNOMED, "418891003"), (LOINC, "29252-4"))


@dataclass(frozen=True)
class Call:
    """One request: ``path`` below the service's base; ``hook`` is what the peer reads it as."""

    service: str
    state: str
    method: str
    path: str
    body: bytes


def patient_name(number: int) -> str:
    """The ``Patient.id`` of a chart."""
    return f"load-{number:05d}"


def code(system: str, value: str) -> Json:
    """A CodeableConcept."""
    return {"coding": [{"system": system, "code": value, "display": f"as coded by the source ({value})"}]}


def chart(number: int, today: date) -> dict[str, list[Json]]:
    """All that the record holds of a patient, by prefetch key: about thirty resources."""
    rng = random.Random(number)  # noqa: S311  # repeatable
    name = patient_name(number)

    def day(most: int) -> str:
        return (today - timedelta(days=rng.randrange(20, most))).isoformat()

    def resource(kind: str, index: int, **more: Any) -> Json:
        tag = {"versionId": "1", "lastUpdated": f"{day(900)}T08:30:00Z"}
        return {"resourceType": kind, "id": f"{kind[:3].lower()}-{number}-{index}", "meta": tag, **more}

    subject = {"reference": f"Patient/{name}", "display": "as the source has it"}
    person = {
        "resourceType": "Patient",
        "id": name,
        "active": True,
        "identifier": [{"system": "urn:oid:1.2.36.146.595.217.0.1", "value": str(number)}],
        "name": [{"family": f"Family{number}", "given": ["Given"], "use": "official"}],
        "gender": rng.choice(("male", "female")),
        "birthDate": f"{rng.randrange(1935, 1990)}-{rng.randrange(1, 13):02d}-{rng.randrange(1, 28):02d}",
        "address": [{"line": ["1 Long Street"], "city": "Town", "postalCode": "12345"}],
    }
    diseases = [*rng.sample(DISEASES, rng.randrange(2, 7)), *(["19943007"] if number % 9 == 0 else [])]
    conditions = [
        resource(
            "Condition", i, subject=subject, code=code(SNOMED, value), onsetDateTime=day(3000), recordedDate=day(2000),
            clinicalStatus=code("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
            verificationStatus=code("http://terminology.hl7.org/CodeSystem/condition-ver-status", "confirmed"),
        )
        for i, value in enumerate(diseases)
    ]  # fmt: skip
    smokes = {"valueCodeableConcept": code(SNOMED, rng.choice(("77176002", "8517006", "266919005")))}
    years = {"valueQuantity": {"value": rng.randrange(5, 60), "unit": "{PackYears}"}}
    values: list[tuple[str, str, Json]] = [(LOINC, "72166-2", smokes), (SNOMED, "401201003", years)] * (1 + number % 2)
    values += [(LOINC, c, {"valueQuantity": {"value": rng.randrange(1, 200), "unit": "1"}}) for c in LABORATORY]
    observations = [
        resource(
            "Observation", i, subject=subject, status="final", code=code(system, value), effectiveDateTime=day(1500),
            **found,
        )
        for i, (system, value, found) in enumerate(values)
    ]  # fmt: skip
    reports = [
        resource(
            "DiagnosticReport", i, subject=subject, status="final", code=code(*rng.choice(EXAMS)),
            effectiveDateTime=day(1200), conclusion="No change since the prior exam. " * 6,
        )
        for i in range(rng.randrange(1, 4))
    ]  # fmt: skip
    studies = [
        resource(
            "ImagingStudy", i, subject=subject, status="available", started=f"{day(1200)}T10:00:00Z",
            modality=[{"system": "http://dicom.nema.org/resources/ontology/DCM", "code": "CT"}],
            procedureCode=[code(*rng.choice(EXAMS))], numberOfSeries=4, numberOfInstances=900,
        )
        for i in range(rng.randrange(1, 4))
    ]  # fmt: skip
    orders = [order(number, 0, today, rng)] if number % 4 == 0 else []
    return {
        "patient": [person], "conditions": conditions, "observations": observations, "reports": reports,
        "studies": studies, "orders": orders,
    }  # fmt: skip


def order(number: int, index: int, today: date, rng: random.Random, status: str = "active") -> Json:
    """An imaging order."""
    return {
        "resourceType": "ServiceRequest",
        "id": f"ser-{number}-{index}",
        "status": status,
        "intent": "order",
        "subject": {"reference": f"Patient/{patient_name(number)}"},
        "code": code(*rng.choice(EXAMS)),
        "occurrenceDateTime": (today + timedelta(days=rng.randrange(120))).isoformat(),
    }


def searchset(resources: list[Json], base: str, following: str = "") -> Json:
    """What a FHIR server answers to a search, or one page of it."""
    links = [{"relation": "self", "url": f"{base}/search"}]
    links += [{"relation": "next", "url": following}] if following else []
    entries = [
        {"fullUrl": f"{base}/{r['resourceType']}/{r['id']}", "resource": r, "search": {"mode": "match"}}
        for r in resources
    ]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(resources), "link": links, "entry": entries}


FAILED = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


def prefetch(number: int, state: str, today: date, base: str) -> Json | None:
    """The prefetch of a call in one of ``STATES``; None: the field is left out."""
    held = chart(number, today)
    whole: Json = {key: searchset(resources, base) for key, resources in held.items()} | {"patient": held["patient"][0]}
    if state == "none":
        return None
    if state == "some":
        return {key: whole[key] for key in ("patient", "conditions", "orders")}
    if state == "null":
        return whole | dict.fromkeys(("reports", "studies", "orders"))
    if state == "error":
        return whole | {"observations": FAILED}
    if state == "paged":
        first = held["conditions"][:2]
        return whole | {"conditions": searchset(first, base, f"{base}/Condition?patient={patient_name(number)}&page=2")}
    return whole


def calls(count: int, today: date, fhir: str, seed: int = 1) -> Iterator[Call]:
    """That many calls in the stated shares, mixed; the same for the same arguments.

    Args:
        count: how many.
        today: the day of the charts.
        fhir: base of the FHIR server that calls name; "" for none.
        seed: another one, another order and other patients.
    """
    rng = random.Random(seed)  # noqa: S311  # repeatable
    services, states = list(SERVICES), list(STATES)
    weights = [share for _, share in SERVICES.values()]
    made: dict[tuple[int, str], str] = {}
    for index in range(count):
        service = rng.choices(services, weights)[0]
        state = rng.choices(states, list(STATES.values()))[0]
        yield _call(service, state, rng.randrange(PATIENTS), index, today, fhir, made)


def _call(
    service: str, state: str, number: int, index: int, today: date, fhir: str, made: dict[tuple[int, str], str]
) -> Call:
    if service == "discovery":
        return Call(service, "", "GET", "/cds-services", b"")
    if service == "feedback":
        return Call(service, "", "POST", "/cds-services/radlogic-patient-view/feedback", feedback(index))
    hook = SERVICES[service][0]
    rng = random.Random(f"{number} {service}")  # noqa: S311  # repeatable
    reads = service != "radlogic-imaging-report-sign"
    message: Json = {
        "hook": hook,
        "hookInstance": f"00000000-0000-4000-8000-{index:012x}",
        "context": {"userId": "Practitioner/load", "patientId": patient_name(number)} | _more(hook)(number, today, rng),
        "extension": {"org.example.client": {"version": "12.1"}},
    }
    if fhir:
        message |= {"fhirServer": fhir, "fhirAuthorization": authorization(number)}
    key = (number, state if reads else "none")
    if key not in made:
        sent = prefetch(number, key[1], today, fhir or "https://fhir.example/r4")
        made[key] = json.dumps(sent) if sent is not None else ""
    text = json.dumps(message)
    if made[key]:
        text = f'{text[:-1]}, "prefetch": {made[key]}}}'
    return Call(service, state if reads else "not read", "POST", f"/cds-services/{service}", text.encode())


def authorization(number: int) -> Json:
    """The access to the FHIR server that comes with a call."""
    return {
        "access_token": f"load-{number}", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs",
        "subject": "radlogic", "patient": patient_name(number),
    }  # fmt: skip


def feedback(index: int) -> bytes:
    """An override of a card; the client puts a card's uuid that it was shown in the place of ``CARD``."""
    reason = {"system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes", "code": "limited-time"}
    said = {"card": "CARD", "outcome": "overridden", "overrideReason": {"reason": reason}}
    said["outcomeTimestamp"] = f"2026-01-01T00:{index // 60 % 60:02d}:{index % 60:02d}Z"
    return json.dumps({"feedback": [said]}).encode()


def _more(hook: str) -> Callable[[int, date, random.Random], Json]:
    return {
        "patient-view": lambda number, today, rng: {"encounterId": f"enc-{number}"},
        "order-select": _selected,
        "order-sign": lambda number, today, rng: {"draftOrders": _drafts(number, today, rng)},
        "order-dispatch": _dispatched,
        "org.radlogic.imaging-report-sign": _report,
    }[hook]


def _drafts(number: int, today: date, rng: random.Random) -> Json:
    """One or two drafts of imaging, and a prescription."""
    drafts = [order(number, 10 + i, today, rng, "draft") for i in range(rng.randrange(1, 3))]
    pills = {"resourceType": "MedicationRequest", "id": f"med-{number}", "status": "draft", "intent": "order"}
    return {"resourceType": "Bundle", "entry": [{"resource": r} for r in (*drafts, pills)]}


def _selected(number: int, today: date, rng: random.Random) -> Json:
    return {"selections": [f"ServiceRequest/ser-{number}-10"], "draftOrders": _drafts(number, today, rng)}


def _dispatched(number: int, today: date, rng: random.Random) -> Json:
    """An order that stands: of every fourth patient one is in the record, else it is of no kind that is read."""
    kind = f"ServiceRequest/ser-{number}-0" if number % 4 == 0 else f"MedicationRequest/med-{number}"
    return {"dispatchedOrders": [kind], "performer": "Organization/radiology"}


def _report(number: int, today: date, rng: random.Random) -> Json:
    said = f"Lung-RADS category {rng.choice(('2', '3', '4A'))}. Follow-up LDCT in {rng.choice((3, 6, 12))} months."
    report = {
        "resourceType": "DiagnosticReport",
        "id": f"dia-{number}-9",
        "status": "preliminary",
        "code": code(SNOMED, "16334891000119106"),
        "subject": {"reference": f"Patient/{patient_name(number)}"},
        "effectiveDateTime": today.isoformat(),
        "conclusion": f"A solid nodule. {said}",
    }
    exam = {"date": today.isoformat(), "round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True}
    nodules = [{"type": "solid", "status": "baseline", "mean_mm": rng.randrange(4, 12)}]
    found = {"findings": {"guideline": "lung-rads@2022", "exam": exam, "nodules": nodules}} if number % 2 else {}
    return {"report": report, **found}
