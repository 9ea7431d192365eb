"""``radlogic scores``: every published score that a record alone can fill, and what is missing for the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from ..engine.fusion.risk import RiskAnswer, facts_of, models, of_patient
from ..engine.types import Facts
from .notice import INTENDED_USE
from .record_sources import Read, records, refusal, shown_refusal


def scores(files: Sequence[str], as_of: date) -> Iterator[dict[str, Any]]:
    """One JSON object a patient, in the order of the files; {"error": ...} where a record is refused.

    A score is of the newest values that count on the day; each stands with its date. Out of a model's domain the
    number is given and said to be an extrapolation; a missing input gives none.
    """
    asked = tuple(m for m in models() if all(facts_of(m).values()))
    yield from (_of_record(read, asked, as_of) for read in records(files, as_of))


def _of_record(read: Read, asked: Sequence[str], as_of: date) -> dict[str, Any]:
    if read.history is None:
        return refusal(read)
    patient = read.history.patient
    return {
        "patient": patient.key or None,
        "as_of": as_of.isoformat(),
        "scores": [_score(model_id, patient.facts) for model_id in asked],
        "notes": [*read.notes, *patient.notes],
        "intended_use": INTENDED_USE,
    }


def _score(model_id: str, facts: Facts) -> dict[str, Any]:
    answer, whys = of_patient(model_id, facts)
    record = answer.as_record()
    return {**record, "inputs": _inputs(answer, facts), "missing": [{"input": n, "why": w} for n, w in whys.items()]}


def _inputs(answer: RiskAnswer, facts: Facts) -> list[dict[str, Any]]:
    named: Mapping[str, tuple[str, ...]] = facts_of(answer.model)
    return [_input(name, value, facts, named[name]) for name, value in answer.inputs.items()]


def _input(name: str, value: Any, facts: Facts, named: tuple[str, ...]) -> dict[str, Any]:
    source = next((belief.source for n in named if (belief := facts.get(n)) is not None and belief.source), None)
    when = source.when if source else None
    reference = source.reference if source else None
    return {"input": name, "value": value, "date": when.isoformat() if when else None, "reference": reference}


def shown(record: dict[str, Any]) -> str:
    """One patient's scores for a person."""
    if "error" in record:
        return shown_refusal(record)
    lines = [f"patient {record['patient'] or 'without an id'}, as of {record['as_of']}"]
    for score in record["scores"]:
        lines += _lines(score)
    lines += [f"  note: {note}" for note in record["notes"]]
    return "\n".join((*lines, f"  {INTENDED_USE}"))


def _lines(score: dict[str, Any]) -> Iterator[str]:
    number = score.get("score")
    band = next((f", {name} {score[name]}" for name in ("grade", "group") if name in score), "")
    yield f"  {score['model']} ({score['of']}): " + ("no score" if number is None else f"{number:.4g}{band}")
    yield from (f"    missing {one['input']}: {one['why']}" for one in score["missing"])
    yield from (f"    out of domain: {text}" for text in score["out_of_domain"])
    yield from (f"    with care: {text}" for text in score["notes"])
    if number is not None:
        yield f"    from {', '.join(map(_used, score['inputs']))}"
    yield f"    {score['domain']} [{score['citation']}]"


def _used(one: dict[str, Any]) -> str:
    value = f"{one['value']:.6g}" if isinstance(one["value"], float) else one["value"]
    return f"{one['input']} {value}" + (f" of {one['date']}" if one["date"] else "")
