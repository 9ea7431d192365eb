"""``report_bundle``: one decision as a FHIR R4 transaction that may be sent twice and makes nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from ....engine.record import Assessment
from ...report.signed import Signed
from . import devices, diagnostic, exams, lesions, risks, work
from .check import check_bundle
from .context import WHERE, Context
from .errors import NotR4
from .parts import Json, some
from .provenance import provenance, tag_of
from .sending import Entry, Sending


def report_bundle(
    assessment: Assessment,
    signed: Signed | None,
    context: Context,
    *,
    replaced: tuple[Assessment, ...] = (),
    signatures: tuple[Signed | None, ...] = (),
) -> dict[str, Any]:
    """The decision as a Bundle, checked against R4: its models, required bindings and references.

    A transaction: the report and all that may change in place by conditional update on their identifiers, what is
    made only once (proposed orders, the request for review, Provenance) by conditional create. So is everything of a
    draft of which nobody says that it is unsigned (``Context.was_final``): put, it could take the place of what was
    signed, and a transaction of R4 knows no condition on the status of what stands. A decision whose place
    another one took is no transaction but a collection, marked as entered in error: it can be read, and sending it
    would put nothing over what stands.

    Args:
        assessment: the decision with its record.
        signed: what humans made of it; None where nobody signed, and the report is preliminary.
        context: the patient, and what else the decision does not hold.
        replaced: the decisions whose place this one takes; what they held and this one does not is withdrawn.
        signatures: those on ``replaced``, in their order, so that what a signer stated there is withdrawn too.

    Returns:
        JSON values, without null and empty ones; the same arguments give the same Bundle.

    Raises:
        BadValue: ``context`` holds what cannot be sent.
        SignedReportStands: an unsigned correction of a signed report.
        NotAllowedCode, NotR4, MissingElement, BrokenReference: R4 forbids it; nothing is returned.
    """
    sending = Sending(assessment, context, signed)
    live = _entries(sending)
    earlier = zip_longest(replaced, signatures[: len(replaced)])
    before = {e.urn: e for one, by in earlier for e in _before(sending, one, by)}
    gone = [_withdrawn(sending, e) for urn, e in before.items() if urn not in {entry.urn for entry in live}]
    made = _status_of_new(sending, live, before) if replaced else live
    about = [entry for entry in (*made, *gone) if entry.resource["resourceType"] != "Device"]
    every = [*made, *gone, provenance(sending, about)]
    kind = "collection" if sending.superseded else "transaction"
    bundle = {
        "resourceType": "Bundle",
        "type": kind,
        "entry": [_entry(sending, entry, send=kind == "transaction") for entry in every],
    }
    check_bundle(bundle)
    _check_models(bundle)
    return bundle


def dumps(bundle: Json) -> str:
    """The Bundle as JSON text; the same Bundle gives the same bytes."""
    return json.dumps(bundle, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _entries(sending: Sending) -> list[Entry]:
    """Everything that a decision holds, the report first."""
    return [
        diagnostic.report(sending),
        *exams.observations(sending),
        *lesions.observations(sending),
        *risks.assessments(sending),
        *work.conflicts(sending),
        *work.proposals(sending),
        *work.review(sending),
        *devices.devices(sending),
    ]


def _before(sending: Sending, replaced: Assessment, by: Signed | None) -> list[Entry]:
    """What the replaced decision holds under the names of this report, without its documents."""
    context = replace(sending.context, began=sending.life, was_final=False, forms={})
    then = replace(sending.signed, outcome="accepted", override={}) if sending.signed and sending.was_final else None
    then = by or then
    return _entries(Sending(replaced, context, replace(then, replaces="", replaced_by="") if then else None))


def _withdrawn(sending: Sending, entry: Entry) -> Entry:
    """What a replaced decision held and this one does not, as what no longer holds; a program stays what it was."""
    if entry.resource["resourceType"] == "Device":
        return entry
    ended = {"ServiceRequest": "revoked", "Task": "completed" if sending.signed else "cancelled"}
    status = ended.get(entry.resource["resourceType"], "entered-in-error")
    return Entry(entry.urn, {**entry.resource, "status": status})


def _status_of_new(sending: Sending, live: list[Entry], before: dict[str, Entry]) -> list[Entry]:
    """What a correction holds for the first time is final, not corrected."""
    if sending.status not in ("amended", "corrected"):
        return live
    return [e if e.urn in before or e.resource.get("status") != sending.status else _final(e) for e in live]


def _final(entry: Entry) -> Entry:
    return replace(entry, resource={**entry.resource, "status": "final"})


def _entry(sending: Sending, entry: Entry, *, send: bool) -> Json:
    request = _request(sending, entry) if send else None
    return some(fullUrl=entry.urn, resource=entry.resource, request=request)


def _request(sending: Sending, entry: Entry) -> Json:
    """How a server is told to keep it once (R4 http, conditional create and update)."""
    kind = entry.resource["resourceType"]
    if kind == "Provenance":
        return {"method": "POST", "url": kind, "ifNoneExist": "_tag=" + "|".join(tag_of(sending, entry))}
    search = f"identifier=urn:ietf:rfc3986|{entry.urn}"
    if entry.once or (sending.unvouched and kind != "Device"):
        return {"method": "POST", "url": kind, "ifNoneExist": search}
    return {"method": "PUT", "url": f"{kind}?{search}"}


def _check_models(bundle: Json) -> None:
    """Hold every resource against the models of fhir.resources (R4B, of which R4 is what we emit)."""
    from fhir.resources.R4B.bundle import Bundle  # 0.3 s, and needed only here
    from pydantic import ValidationError

    try:
        Bundle.model_validate(bundle)
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in detail["loc"])
        cure = "This is a fault of radlogic, or of what the caller gave: nothing was written."
        found = f"a value that breaks {detail['type']}"
        raise NotR4(WHERE, place, found, "what FHIR R4 says of the element", cure) from None  # it quotes values
