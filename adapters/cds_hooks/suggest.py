"""Suggested orders and changed reports: whole FHIR R4 resources, ready to be stored by the client.

A changed resource is the client's own with what changes put in its place: nothing of it is lost, and nothing in it
that FHIR or CDS Hooks forbids (null, empty) is sent back. The one resource of which something would be lost without
its nulls is not changed at all: see ``changeable``.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from . import terms
from .orders import Order, Recommended
from .response import Action
from .seam import Resource

STATUSES = ("draft", "active", "on-hold")  # of a draft that is sent back (R4 request-status)
INTENTS = (
    "proposal", "plan", "directive", "order", "original-order", "reflex-order", "filler-order", "instance-order",
    "option",
)  # fmt: skip  # R4 request-intent


def new_order(recommended: Recommended, patient_id: str, today: date) -> dict[str, Any]:
    """The recommended exam as a proposed order: a draft, not placed by anybody."""
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "proposal",
        "subject": {"reference": f"Patient/{patient_id}"},
        "code": _code(recommended.first),
        **_occurrence(recommended, today),
        "reasonCode": [{"text": reason(recommended)}],
    }


def reason(recommended: Recommended) -> str:
    """Why the exam is recommended, for the order."""
    answer = recommended.answer
    state = "signed" if recommended.stood.signed else "preliminary"
    said = f"category {answer.display}" if answer.display else "follow-up"
    return f"{answer.guideline}: {said} ({state}), exam of {recommended.stood.exam_date or 'an unknown date'}"


def changed_order(order: Order, recommended: Recommended, patient_id: str, today: date) -> dict[str, Any]:
    """The client's draft as the recommended exam at the recommended time."""
    kept = {name: value for name, value in order.resource.items() if not name.lstrip("_").startswith("occurrence")}
    if order.exam not in recommended.exams:
        kept = {name: value for name, value in kept.items() if name.lstrip("_") not in ("code", "orderDetail")}
        kept["code"] = _code(recommended.first)
    kept.setdefault("subject", {"reference": f"Patient/{patient_id}"})
    kept["status"] = kept["status"] if kept.get("status") in STATUSES else "draft"
    kept["intent"] = kept["intent"] if kept.get("intent") in INTENTS else "proposal"
    return tidy({**kept, **_occurrence(recommended, today)})


def create(recommended: Recommended, patient_id: str, today: date) -> Action:
    """The action that adds the recommended order."""
    description = f"Add a draft order: {recommended.words}{_when(recommended, today)}"
    return Action(type="create", description=description, resource=new_order(recommended, patient_id, today))


def update(order: Order, recommended: Recommended, patient_id: str, today: date) -> Action:
    """The action that changes the draft into the recommended order."""
    exam = order if order.exam in recommended.exams else recommended
    description = f"Change the draft: {exam.words}{_when(recommended, today)}"
    return Action(
        type="update", description=description, resource=changed_order(order, recommended, patient_id, today)
    )  # fmt: skip


def delete(order: Order) -> Action:
    """The action that takes the draft away."""
    return Action(type="delete", description=f"Remove the order: {order.words}", resource_id=order.reference)


def _when(recommended: Recommended, today: date) -> str:
    period = _occurrence(recommended, today)["occurrencePeriod"]
    return f", {period['start']} to {period['end']}" if "end" in period else f", from {period['start']}"


def _occurrence(recommended: Recommended, today: date) -> dict[str, Any]:
    """The window, from today at the earliest; without an end where that has passed, or no interval is named."""
    start, due = recommended.starts(today), recommended.due
    end = {} if due is None or due < start else {"end": due.isoformat()}
    return {"occurrencePeriod": {"start": start.isoformat(), **end}}


def _code(exam: str) -> dict[str, Any]:
    known = terms.exams()
    coding = known.coding_of(exam)
    words = {"text": known.exams[exam].words}
    return words if coding is None else {"coding": [coding.as_json()], **words}


def rated(resource: Resource, extensions: list[dict[str, Any]]) -> dict[str, Any]:
    """A resource with extensions, in the place of those of the same URL."""
    urls = [extension["url"] for extension in extensions]
    had = resource.get("extension")
    others = [e for e in had if isinstance(e, dict) and e.get("url") not in urls] if isinstance(had, list) else []
    return tidy({**resource, "extension": [*others, *extensions]})


def concluded(report: Resource, text: str) -> dict[str, Any]:
    """A DiagnosticReport with a sentence added to its conclusion."""
    had = report.get("conclusion")
    before = f"{had.rstrip()}\n" if isinstance(had, str) and had.strip() else ""
    return tidy({**report, "conclusion": before + text})


def tidy(resource: Mapping[str, Any]) -> dict[str, Any]:
    """The resource without null and empty values, in lists too: CDS Hooks 2.0 forbids both."""
    kept = {name: _tidy(value) for name, value in resource.items()}
    return {name: value for name, value in kept.items() if value is not None and value not in ("", [], {})}


def _tidy(value: Any) -> Any:
    if isinstance(value, dict):
        return tidy(value)
    return [v for v in map(_tidy, value) if v not in (None, "", [], {})] if isinstance(value, list) else value


def changeable(value: Any) -> bool:
    """Whether a resource keeps its meaning without null and empty values.

    It does not where a list of primitives and the list of their extensions ("given", "_given") hold each other's
    places by nulls (hl7.org/fhir/R4/json.html#primitive).
    """
    if isinstance(value, list):
        return all(map(changeable, value))
    if not isinstance(value, Mapping):
        return True
    paired = (value.get(name) for own in value if own.startswith("_") for name in (own, own[1:]))
    return not any(isinstance(v, list) and len(_tidy(v)) < len(v) for v in paired) and all(
        map(changeable, value.values())
    )
