"""A measure in words: who is in its population, what counts as met, what is left out; the conditions beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .measure_files import OPEN, UNDECIDED, Measure, Status

OF_ALL = {
    OPEN: "whether the guideline applies is not known (indication, earlier screening)",
    UNDECIDED: "none of the conditions can be decided",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a measure: its reason in words, and the condition, '' where it has none."""

    reason: str
    words: str
    when: str


@dataclass(frozen=True, slots=True)
class Described:
    """A measure for people.

    ``population``: which exams it is about; ``met``: the numerator; ``not_met``: the rest of the denominator;
    ``excluded`` and ``unknown``: neither, in the order in which they are asked.
    """

    population: str
    met: tuple[Line, ...]
    not_met: tuple[Line, ...]
    excluded: tuple[Line, ...]
    unknown: tuple[Line, ...]


def described(measure: Measure, numbers: Mapping[str, int]) -> Described:
    """What the measure's file says. ``numbers``: the settings, which stand in the conditions by name."""
    file = measure.file
    only = "" if file.population.upper() == "TRUE" else f", where {filled(file.population, numbers)}"
    population = f"Exams to which one of these guidelines applies: {', '.join(file.guideline)}{only}"
    steps = [(s.status, Line(s.reason, in_words(s.reason), filled(s.when, numbers))) for s in measure.steps]

    def of(status: Status) -> tuple[Line, ...]:
        return tuple(line for found, line in steps if found == status)

    general = tuple(Line(reason, words, "") for reason, words in OF_ALL.items())
    return Described(population, of("met"), of("not_met"), of("excluded"), (*of("unknown"), *general))


def in_words(reason: str) -> str:
    """A reason's code for people.

    >>> in_words("not_documented.pack_years"), in_words("application_unconfirmed")[:30]
    ('not documented: pack years', 'whether the guideline applies ')
    """
    return OF_ALL.get(reason) or reason.replace(".", ": ").replace("_", " ")


def filled(condition: str, numbers: Mapping[str, int]) -> str:
    """A condition with the settings as numbers and without the blanks of its file.

    >>> filled("exam_date +  cancer_days", {"cancer_days": 365})
    'exam_date + 365'
    """
    for name, value in numbers.items():
        condition = condition.replace(name, str(value))
    return " ".join(condition.split())
