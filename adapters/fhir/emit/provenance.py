"""Who made this version and from what: the programs, the signer who verified it, every rule set and net by its hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...report.words import clean
from . import terms
from .devices import engine_urn, model_urn, models
from .parts import Json, fixed, reference, some, standard
from .sending import Entry, Sending


def tag_of(sending: Sending, entry: Entry) -> tuple[str, str]:
    """System and code of the tag by which a server knows a Provenance again: R4 gives it no identifier."""
    return sending.system("provenance"), entry.urn.removeprefix("urn:uuid:")


def provenance(sending: Sending, targets: Iterable[Entry]) -> Entry:
    """The Provenance of one version of the report; each state that a report passes through has its own."""
    signed = sending.signed
    state = (sending.status, signed.by, signed.at.isoformat()) if signed else (sending.status,)
    urn = sending.own_urn("provenance", *state)
    entry = Entry(urn, {}, once=True)
    system, code = tag_of(sending, entry)
    asserted = standard(terms.codes().codes["ai_asserted"])
    resource = some(
        resourceType="Provenance",
        meta={"security": asserted, "tag": [{"system": system, "code": code}]},
        target=[reference(target.urn) for target in targets],
        occurredDateTime=sending.assessment.record.as_of.isoformat(),
        recorded=sending.moment.isoformat(),
        reason=[fixed("ai_asserted")],
        agent=list(_agents(sending)),
        entity=list(_entities(sending)),
    )
    return Entry(urn, resource, once=True)


def _agents(sending: Sending) -> Iterator[Json]:
    yield {"type": fixed("assembler"), "role": [fixed("ai_device")], "who": reference(engine_urn(sending))}
    for name in models(sending):
        yield {"type": fixed("author"), "role": [fixed("ai_device")], "who": reference(model_urn(sending, name))}
    if signer := sending.signer:
        yield {"type": fixed("verifier"), "who": signer}
        if sending.signed and sending.signed.outcome == "overridden":
            yield {"type": fixed("author"), "who": signer}


def _entities(sending: Sending) -> Iterator[Json]:
    record = sending.assessment.record
    for name, sha in sorted(record.knowledge.items()):
        yield _entity(sending, "source", "sha256", sha, name)
    if record.image_sha256:
        yield _entity(sending, "source", "sha256", record.image_sha256, "the images")
    yield _entity(sending, "source", "decision", record.decision_id, "the decision and its record")
    if sending.signed and sending.signed.replaces:
        yield _entity(sending, "revision", "decision", sending.signed.replaces, "the decision that this one replaces")


def _entity(sending: Sending, role: str, kind: str, value: str, words: str) -> Json:
    identifier = some(system=sending.naming(kind), value=clean(value))
    return {"role": role, "what": some(identifier=identifier, display=clean(words))}
