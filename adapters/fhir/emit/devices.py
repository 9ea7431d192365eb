"""The programs that spoke, as Devices: the engine, each net, each network, with the hashes that the record keeps."""

from __future__ import annotations

from collections.abc import Iterator

from ....engine.types import Risk
from ...notice import INTENDED_USE
from ...report.view import applied, lesions
from ...report.words import clean, term
from .parts import Json, fixed, note, reference, some
from .sending import Entry, Sending, urn_of

ENGINE = "radlogic"


def devices(sending: Sending) -> list[Entry]:
    """The engine first."""
    record = sending.assessment.record
    engine = Entry(engine_urn(sending), _device(sending, ENGINE, engine_urn(sending), record.engine_version, ""))
    return [engine, *(_model(sending, name) for name in models(sending))]


def engine_urn(sending: Sending) -> str:
    """The name of this version of the engine, the same for every report."""
    return urn_of("device", ENGINE, sending.assessment.record.engine_version)


def model_urn(sending: Sending, name: str) -> str:
    """The name of a net or network in the version that was used."""
    return urn_of("device", name, sending.assessment.record.knowledge.get(name, ""))


def models(sending: Sending) -> tuple[str, ...]:
    """Nets with a belief in the case, and networks with a risk, by name."""
    return tuple(dict.fromkeys((*_nets(sending), *(r.model for r in risks(sending) if r.grounds is not None))))


def risks(sending: Sending) -> Iterator[Risk]:
    """Every risk of every finding, once."""
    yield from (risk for found in lesions(sending.assessment) for risk in found.risks)


def _nets(sending: Sending) -> Iterator[str]:
    decision, record = sending.assessment.decision, sending.assessment.record
    said = list(record.unconfirmed.values())
    said += [f.finding.facts for d in applied(decision) for f in d.findings]
    said += [f.facts for f in record.case.findings] + [record.case.exam.facts, record.case.patient.facts]
    for facts in said:
        for belief in facts.values():
            if belief.source is not None and belief.source.kind == "net":
                yield belief.source.reference


def _model(sending: Sending, name: str) -> Entry:
    sha = sending.assessment.record.knowledge.get(name, "")
    return Entry(model_urn(sending, name), _device(sending, name, model_urn(sending, name), "", sha))


def _device(sending: Sending, name: str, urn: str, version: str, sha256: str) -> Json:
    versions = [some(value=clean(version))] if version else []
    versions += [{"type": sending.own("sha256"), "value": clean(sha256)}] if sha256 else []
    head = sending.about("Device", urn, ai=False)
    return some(
        **head,
        status="active",
        deviceName=[{"name": clean(term("models", name)) or "a net without a name", "type": "model-name"}],
        version=versions,
        type=fixed("ai_device"),
        parent=reference(engine_urn(sending)) if name != ENGINE else None,
        note=note(INTENDED_USE) if name == ENGINE else None,
    )
