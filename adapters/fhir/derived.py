"""Facts that follow from the dates and series of other facts: how long ago, and how fast it rises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from ...engine.types import Belief, Known, NotApplicable, Source, SourceKind, Unknown
from .beliefs import NOT_MENTIONED
from .ledger import Entry, Ledger
from .when import whole_years

SINCE = {
    "years_since_lung_cancer": "lung_cancer",
    "years_since_extrathoracic_cancer": "extrathoracic_cancer",
}
RISE, SERIES = "afp_rise_ng_ml", "afp_ng_ml"
BASED_ON = {**SINCE, RISE: SERIES}


def derived(facts: Mapping[str, Belief], ledger: Ledger, exam_date: date | None) -> dict[str, Belief]:
    """The facts of ``knowledge/facts.yaml`` with ``read_from: derived``."""
    found = {name: _years_since(facts[of], ledger.counted(of), exam_date) for name, of in SINCE.items()}
    return found | {RISE: _rise(facts[SERIES], ledger.counted(SERIES))}


def _years_since(belief: Belief, entries: list[Entry], exam_date: date | None) -> Belief:
    if isinstance(belief, Known) and belief.value is False:
        return NotApplicable(belief.source)
    if not isinstance(belief, Known):
        return Unknown(belief.why if isinstance(belief, Unknown) else NOT_MENTIONED, belief.source)
    if exam_date is None:
        return Unknown("no exam date to count the years to", belief.source)
    newest = max(entries, key=lambda entry: entry.last or date.min)
    if newest.first is None or newest.last is None:
        return Unknown(f"{newest.reference} states no date", belief.source)
    longest, shortest = whole_years(newest.first, exam_date), whole_years(min(newest.last, exam_date), exam_date)
    if longest != shortest:
        return Unknown(f"{newest.reference} states its date too coarsely to count years", belief.source)
    return Known(Decimal(longest), Source(SourceKind.RECORD, newest.reference, newest.day))


def _rise(newest: Belief, entries: list[Entry]) -> Belief:
    """The newest value less the one before it, both with a day and on different days."""
    if not isinstance(newest, Known) or not isinstance(newest.value, Decimal):
        return Unknown(newest.why if isinstance(newest, Unknown) else NOT_MENTIONED, newest.source)
    last = next(entry for entry in reversed(entries) if entry.reference == newest.source.reference)
    before = [e for e in entries if e.last and last.first and e.last < last.first]
    if not before:
        return Unknown("the record holds no earlier value that counts")
    latest = max(e.last for e in before if e.last)
    values = {e.value for e in before if e.last == latest}
    earlier = values.pop()
    if values or not isinstance(earlier, Decimal):
        return Unknown("the values before the newest are of one day and differ", newest.source)
    return Known(newest.value - earlier, newest.source)
