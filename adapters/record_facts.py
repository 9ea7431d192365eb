"""``radlogic facts``: what records say of their patients, fact by fact, and what could not be used and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from ..engine.types import Belief, Known
from .classify import plain
from .fhir.accounts import WORDS, Accounts, Fate
from .fhir.history import History
from .fhir.imaging import Imaging
from .fhir.ledger import Entry, Standing
from .fhir.vocabulary import shipped
from .notice import INTENDED_USE
from .record_sources import Read, records, refusal, shown_refusal

USED = (Standing.STATED, Standing.DENIED, Standing.ENDED)  # of an entry: it bears on the answer as it is


def facts(files: Sequence[str], as_of: date) -> Iterator[dict[str, Any]]:
    """One JSON object a patient, in the order of the files; {"error": ...} where a record is refused.

    Patients are named by pseudonym alone. Every fact of ``knowledge/facts.yaml`` is there, with how it stands, its
    value and unit, date and reference, why it is not known, and every entry of the record that bears on it.
    """
    for read in records(files, as_of):
        yield of_record(read, as_of)


def of_record(read: Read, as_of: date) -> dict[str, Any]:
    """One record as JSON values."""
    if read.history is None or read.accounts is None:
        return refusal(read)
    patient = read.history.patient
    return {
        "patient": patient.key or None,
        "as_of": as_of.isoformat(),
        "facts": {name: _fact(name, belief, read.history) for name, belief in patient.facts.items()},
        "imaging": [_imaging(one) for one in read.history.imaging],
        "notes": [*read.notes, *patient.notes],
        "entries": _accounts(read.accounts),
        "intended_use": INTENDED_USE,
    }


def _fact(name: str, belief: Belief, history: History) -> dict[str, Any]:
    source, fact = belief.source, shipped().facts[name]
    return {
        "standing": str(history.standing[name]),
        "value": plain(belief.value) if isinstance(belief, Known) else None,
        "unit": fact.unit or None,
        "date": source.when.isoformat() if source and source.when else None,
        "reference": source.reference if source else None,
        "why": getattr(belief, "why", None),
        "entries": [_entry(entry) for entry in history.entries.get(name, ())],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "reference": entry.reference,
        "standing": str(entry.standing),
        "date": _days(entry.first, entry.last),
        "value": plain(entry.value),
        "says": entry.says or None,
        "why": entry.why or None,
    }


def _imaging(one: Imaging) -> dict[str, Any]:
    asked = one.recommendation
    return {
        "region": one.region,
        "exam": one.exam,
        "date": _days(one.first, one.last),
        "asked_for": one.asked_for,
        "category": one.category,
        "next_exam_months": list(asked.months) if asked and asked.months else None,
        "next_exam_due": _days(*asked.due) if asked and asked.due else None,
        "reference": one.reference,
    }


def _accounts(found: Accounts) -> dict[str, Any]:
    return {
        "total": found.total,
        "fates": {str(fate): count for fate, count in found.fates.items()},
        "not_read": {str(fate): list(references) for fate, references in found.unread.items()},
        "systems_not_read": dict(found.systems),
    }


def _days(first: date | None, last: date | None) -> str | None:
    """A day, or "first/last" where the record states a month, a year or a time span."""
    if first is None or last is None:
        return None
    return first.isoformat() if first == last else f"{first.isoformat()}/{last.isoformat()}"


def shown(record: dict[str, Any]) -> str:
    """One patient's record for a person."""
    if "error" in record:
        return shown_refusal(record)
    head = f"patient {record['patient'] or 'without an id'}, as of {record['as_of']}"
    blocks = (_known(record["facts"]), _unknown(record["facts"]), _exams(record["imaging"]), _entries(record))
    return "\n".join((head, *(line for block in blocks for line in block), f"  {INTENDED_USE}"))


def _known(found: dict[str, Any]) -> Iterator[str]:
    rows = [("fact", "value", "date", "from")]
    for name, fact in found.items():
        if fact["value"] is not None:
            rows.append((name, _amount(fact["value"], fact["unit"]), fact["date"] or "-", fact["reference"]))
        elif fact["standing"] == Standing.NOT_APPLICABLE:
            rows.append((name, "does not arise", fact["date"] or "-", fact["reference"]))
    yield "  known:"
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    yield from ("    " + "  ".join((*(c.ljust(w) for c, w in zip(r, widths, strict=False)), r[3])) for r in rows)


def _amount(value: Any, unit: str | None) -> str:
    words = {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
    words = f"{words:.6g}" if isinstance(words, float) else words  # the JSON has every digit
    return f"{words} {unit}" if unit and unit != "1" else str(words)


def _unknown(found: dict[str, Any]) -> Iterator[str]:
    lines = [line for name, fact in found.items() for line in _not_used(name, fact)]
    if lines:
        yield "  stated, and not usable:"
        yield from lines
    absent = [name for name, fact in found.items() if fact["standing"] == Standing.ABSENT]
    if absent:
        yield f"  not mentioned, which is not known and not no: {', '.join(absent)}"


def _not_used(name: str, fact: dict[str, Any]) -> Iterator[str]:
    """The fact itself where it is not known although something was stated, then the entries that did not count.

    Of several that stand alike the newest is shown and the others are counted; the JSON has them all.
    """
    known = fact["value"] is not None or fact["standing"] in (Standing.NOT_APPLICABLE, Standing.ABSENT)
    by_standing: dict[str, list[dict[str, Any]]] = {}
    for entry in fact["entries"]:
        if entry["standing"] not in USED:
            by_standing.setdefault(entry["standing"], []).append(entry)
    newest = [entries[-1] for entries in by_standing.values()]
    if not known and not any(f"{entry['reference']} {entry['why']}" == fact["why"] for entry in newest):
        yield f"    {name}: {fact['standing']}: {fact['why']}"
    for standing, entries in by_standing.items():
        more = f"; {len(entries) - 1} more" if len(entries) > 1 else ""
        yield f"    {name}: {standing}: {_said(entries[-1], fact['unit'])}{more}"


def _said(entry: dict[str, Any], unit: str | None) -> str:
    value = "" if entry["value"] is None else f" ({_amount(entry['value'], unit)})"
    day = f" of {entry['date']}" if entry["date"] else ""
    return f"{entry['reference']}{day}{value} {entry['why'] or ''}".rstrip()


def _exams(found: list[dict[str, Any]]) -> Iterator[str]:
    if found:
        yield "  imaging:"
    for one in found:
        what = f"{one['exam']}, asked for" if one["asked_for"] else one["exam"]
        months, due = one["next_exam_months"], one["next_exam_due"]
        advice = f"; next exam in {' to '.join(map(str, dict.fromkeys(months)))} months" if months else ""
        advice += f"; due {due}" if due else ""
        category = f"; {one['category']}" if one["category"] else ""
        yield f"    {one['date'] or 'undated'}: {what}{category}{advice} [{one['reference']}]"


def _entries(record: dict[str, Any]) -> Iterator[str]:
    found = record["entries"]
    yield f"  entries: {found['total']}, of which"
    for fate, count in found["fates"].items():
        names = found["not_read"].get(fate, [])
        which = f" ({', '.join(names)}{', ...' if count > len(names) else ''})" if names else ""
        yield f"    {count} {WORDS[Fate(fate)]}{which}"
    if found["systems_not_read"]:
        yield "    systems not read: " + ", ".join(f"{system} ({n})" for system, n in found["systems_not_read"].items())
    yield from (f"  note: {note}" for note in record["notes"])
