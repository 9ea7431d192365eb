"""``radlogic screening``: who is eligible for a screening programme, by record or by stated facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any

from ..engine.errors import BadValue, InputError
from ..engine.programme import Eligibility, Programme, Screening, in_force, load_programme, programmes, screening
from ..engine.types import Belief, Facts, Known, NotApplicable, Unknown
from .classify import plain
from .fhir.ledger import Standing
from .notice import INTENDED_USE
from .record_sources import Read, records, refusal, shown_refusal
from .stated_facts import joined, read

WORD = {
    Eligibility.ELIGIBLE: "yes",
    Eligibility.NOT_ELIGIBLE: "no",
    Eligibility.OUTSIDE: "no",
    Eligibility.NOT_KNOWN: "unknown",
}


def answers(name: str, files: Sequence[str], stated: Any | None, where: str, as_of: date) -> Iterator[dict[str, Any]]:
    """One JSON object a patient, in the order of the files; {"error": ...} where a record is refused.

    Args:
        name: a programme, "cms-lung@2022"; without its edition the one in force on ``as_of``.
        files: records as for ``record_sources.records``; with none, the stated facts alone are answered.
        stated: a parsed JSON object of facts, or None. With a record it fills in what the record does not hold.
        where: what errors call it.
        as_of: the day of the question.

    Raises:
        BadValue: neither files nor facts, or facts beside the records of several patients; a fact that cannot be.
        UnknownField, Contradiction: as ``stated_facts``. MissingKnowledge: no such programme.
    """
    programme = load_programme(in_force(name, as_of))
    facts = read(stated, where, _beside_records()) if stated is not None else {}
    if not files:
        if stated is None:
            raise BadValue("command line", "FILE, --facts", "neither", "at least one", "Say whose record to read.")
        yield _answer(programme, None, facts, {}, as_of)
        return
    found = records(files, as_of)
    if stated is not None:  # of one person: looked at before anything is answered
        first = list(islice(found, 2))
        if len(first) > 1:
            cure = "Give one record with --facts, or many without."
            raise BadValue("command line", "--facts", "facts beside the records of several", "one record", cure)
        found = iter(first)
    yield from (_of_record(programme, one, facts, as_of) for one in found)


def _beside_records() -> dict[str, type[bool] | type[str] | type[Decimal]]:
    """What the programmes look at: one form does for all of them."""
    return {name: kind for one in programmes() for name, kind in load_programme(one).facts().items()}


def _of_record(programme: Programme, one: Read, facts: Facts, as_of: date) -> dict[str, Any]:
    if one.history is None:
        return refusal(one)
    try:
        return _answer(programme, one, facts, one.history.patient.facts, as_of)
    except InputError as refused:
        return refusal(Read(one.where, one.key, refused=refused))


def _answer(programme: Programme, one: Read | None, stated: Facts, recorded: Facts, as_of: date) -> dict[str, Any]:
    together = joined(stated, recorded)
    answer = screening(programme.id, together.facts)
    standing = dict(one.history.standing) if one and one.history else {}
    notes = (*(one.notes if one else ()), *(one.history.patient.notes if one and one.history else ()))
    return {
        "patient": (one.key or None) if one else None,
        "as_of": as_of.isoformat(),
        "programme": programme.id,
        "title": programme.title,
        "eligible": WORD[answer.eligibility],
        "eligibility": str(answer.eligibility),
        "because": list(answer.because),
        "missing": [_missing(name, together.facts.get(name), standing.get(name)) for name in answer.missing],
        "confirm": list(answer.confirm),
        "criteria": _criteria(answer, together.facts),
        "citation": answer.citation,
        "notes": [*_before(programme, as_of), *together.notes, *notes],
        "intended_use": INTENDED_USE,
    }


def _missing(name: str, belief: Belief | None, standing: Standing | None) -> dict[str, Any]:
    why = belief.why if isinstance(belief, Unknown) else "nobody stated it, and no record holds it"
    return {"fact": name, "standing": str(standing) if standing else None, "why": why}


def _criteria(answer: Screening, facts: Facts) -> list[dict[str, Any]]:
    holds = {True: "yes", False: "no", None: "unknown"}
    return [
        {"says": c.says, "holds": holds[c.holds], "facts": [_fact(name, facts.get(name)) for name in c.facts]}
        for c in answer.criteria
    ]


def _fact(name: str, belief: Belief | None) -> dict[str, Any]:
    source = belief.source if belief else None
    value = plain(belief.value) if isinstance(belief, Known) else None
    return {
        "fact": name,
        "value": "does not arise" if isinstance(belief, NotApplicable) else value,
        "date": source.when.isoformat() if source and source.when else None,
        "reference": source.reference if source else None,
    }


def _before(programme: Programme, as_of: date) -> Iterator[str]:
    if as_of < programme.effective:
        yield f"{programme.id} was not yet in force: it is from {programme.effective}."


def shown(answer: dict[str, Any]) -> str:
    """One answer for a person."""
    if "error" in answer:
        return shown_refusal(answer)
    whose = f"patient {answer['patient']}, " if answer["patient"] else ""
    lines = [f"{whose}as of {answer['as_of']}: {answer['title']}", f"  eligible: {answer['eligible']}"]
    if answer["eligibility"] == Eligibility.OUTSIDE:  # otherwise the criteria below say it
        lines += [f"  {text}" for text in answer["because"]]
    lines += [f"  missing: {one['fact']}: {one['why']}" for one in answer["missing"]]
    lines += [f"  confirm: {text}" for text in answer["confirm"]]
    for criterion in answer["criteria"]:
        values = ", ".join(map(_value, criterion["facts"]))
        lines.append(f"  - {criterion['says']}: {criterion['holds']} ({values})")
    lines += [f"  note: {note}" for note in answer["notes"]]
    return "\n".join((*lines, f"  [{answer['citation']}]", f"  {INTENDED_USE}"))


def _value(fact: dict[str, Any]) -> str:
    said = "not known" if fact["value"] is None else fact["value"]
    words = {True: "yes", False: "no"}[said] if isinstance(said, bool) else said
    where = f" of {fact['date']}" if fact["date"] else ""
    return f"{fact['fact']} {words}" + (f" [{fact['reference']}{where}]" if fact["reference"] else "")
