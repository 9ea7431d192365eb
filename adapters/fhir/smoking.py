"""Smoking: status, pack-years and time since quitting, made to agree with each other or left unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ...engine.types import Belief, Known, NotApplicable, Source, Unknown
from . import quantities
from .beliefs import choice, contradiction
from .coding import codings
from .observations import Problem, Question, Reading, Readings, newest
from .said import Gathered, Said, Weight
from .vocabulary import Vocabulary
from .vocabulary_files import FactEntry
from .when import read as read_time
from .when import whole_years, years_from

STATUS, PACK_YEARS, YEARS_SINCE = "smoking_status", "pack_years", "years_since_quitting"
EVER = ("current", "former")


@dataclass(frozen=True, slots=True)
class _Smoking:
    readings: Readings
    gathered: Gathered
    vocabulary: Vocabulary
    exam_date: date | None

    def question(self, fact: str) -> Question:
        """A fact, asked of its readings."""
        return Question(fact, self.vocabulary.facts[fact].max_age, self.exam_date, self.readings.ledger)


def smoking(
    readings: Readings, gathered: Gathered, vocabulary: Vocabulary, exam_date: date | None
) -> dict[str, Belief]:
    """The three beliefs. A never smoker has 0 pack-years; only a former smoker has years since quitting."""
    record = _Smoking(readings, gathered, vocabulary, exam_date)
    status, years = _status(record), _years_since(record)
    pack_years = quantities.belief(PACK_YEARS, readings, vocabulary.facts, exam_date)
    if isinstance(status, Known) and status.value == "never":
        return _of_never_smoker(status, pack_years, readings)
    if isinstance(status, Known) and isinstance(pack_years, Known) and pack_years.value == 0:
        return _all_unknown(status, pack_years.source)
    if isinstance(status, Known) and status.value == "current":
        years = NotApplicable(status.source)
    return {STATUS: status, PACK_YEARS: pack_years, YEARS_SINCE: years}


def _of_never_smoker(status: Known, pack_years: Belief, readings: Readings) -> dict[str, Belief]:
    """Who never smoked has not quit and has no pack-years: whatever says otherwise contradicts the status."""
    quit_times = readings.of(YEARS_SINCE)
    if quit_times:
        return _all_unknown(status, quit_times[0].source)
    if isinstance(pack_years, Known) and pack_years.value != 0:
        return _all_unknown(status, pack_years.source)
    if not readings.of(PACK_YEARS):
        pack_years = Known(Decimal(0), status.source)
    return {STATUS: status, PACK_YEARS: pack_years, YEARS_SINCE: NotApplicable(status.source)}


def _all_unknown(status: Known, other: Source) -> dict[str, Belief]:
    unknown = Unknown(contradiction(status.source.reference, other.reference), status.source)
    return dict.fromkeys((STATUS, PACK_YEARS, YEARS_SINCE), unknown)


def _status(record: _Smoking) -> Belief:
    said, readings = record.gathered.of(STATUS), record.readings.of(STATUS)
    if not readings:
        return choice(said) if said else Unknown(record.readings.why_none(STATUS))
    belief = newest(readings, record.question(STATUS), lambda reading: _coded(reading, record.vocabulary))
    return _against_the_rest(belief, readings, said, record.vocabulary) if isinstance(belief, Known) else belief


def _against_the_rest(belief: Known, readings: list[Reading], said: list[Said], vocabulary: Vocabulary) -> Belief:
    """Whoever has smoked is no never smoker later on; and a Condition that goes on must agree."""
    contrary = [s.source.reference for s in said if s.weight is Weight.STATES and s.value != belief.value]
    if belief.value == "never":
        contrary += [r.reference for r in readings if _coded(r, vocabulary) in EVER]
    return Unknown(contradiction(belief.source.reference, contrary[0]), belief.source) if contrary else belief


def _coded(reading: Reading, vocabulary: Vocabulary) -> str | Problem:
    meanings = [
        meaning
        for system, code in codings(reading.holder.get("valueCodeableConcept"))
        for meaning in vocabulary.meanings_of(system, code)
        if meaning.fact == STATUS
    ]
    values = {meaning.value for meaning in meanings}
    if not values:
        return Problem("answers with no code of the value set")
    if len(values) > 1:
        return Problem("answers with codes that contradict each other")
    value = values.pop()
    return value if isinstance(value, str) else Problem(f'answers "{meanings[0].display}"')


def _years_since(record: _Smoking) -> Belief:
    found = record.readings.of(YEARS_SINCE)
    if not found:
        return Unknown(record.readings.why_none(YEARS_SINCE))
    exam_date = record.exam_date
    if exam_date is None:
        return Unknown("no exam date to count the years to", found[0].source)
    fact = record.vocabulary.facts[YEARS_SINCE]
    return newest(found, record.question(YEARS_SINCE), lambda reading: _years(reading, exam_date, fact))


def _years(reading: Reading, exam_date: date, fact: FactEntry) -> Decimal | Problem:
    """Completed years to the exam: from the date of quitting, or from a stated time and the time passed since."""
    if "valueDateTime" in reading.holder:
        quit_time = read_time(reading.holder["valueDateTime"])
        if quit_time is None or quit_time.first > exam_date:
            return Problem("states no date of quitting before the exam")
        years = years_from(quit_time, exam_date)
        return Problem("states the date of quitting too coarsely to count years") if years is None else Decimal(years)
    stated = quantities.read(reading.holder, fact)
    if isinstance(stated, Problem) or reading.when is None:
        return stated if isinstance(stated, Problem) else Problem("states a time since quitting, but not as of when")
    if stated == int(stated):  # "10 years" are 10 completed years: count completed years on from there
        return stated + whole_years(reading.when.last, exam_date)
    days = (exam_date - reading.when.last).days
    return Decimal(int(stated + Decimal(days) / Decimal("365.25")))
