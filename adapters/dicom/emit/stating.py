"""Beliefs as content items. What nobody knows is told as not assessed; what only a form's convention says is not told.

The forms (``docs/dicom-out.md`` has the table): a known value is a coded answer, a measurement or free words; a
probability per class is one number a class, and a number with an error has its standard deviation beside it. (Not below
it as TID 310 has it: the validator that IHE prescribes takes every number below a number for one it is inferred from.)
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ....engine.errors import BadValue
from ....engine.types import (
    Belief,
    Classes,
    Facts,
    Known,
    Measured,
    NotApplicable,
    PastSize,
    SourceKind,
    Unknown,
)
from ..coded import Code
from . import items
from .vocabulary import is_code, shipped_vocabulary
from .wording import plain

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NOT_ASSESSED: Final = "not-assessed"
NOT_APPLICABLE: Final = "not-applicable"
MONTHS_AGO: Final = "months_ago"


def is_convention(belief: Belief) -> bool:
    """Whether only the convention of a reader's form says so."""
    return belief.source is not None and belief.source.kind is SourceKind.CONVENTION


def stated(kind: str, facts: Facts) -> Iterator[Dataset]:
    """The items for the facts of a finding of this kind ('' for an exam).

    Raises:
        BadValue: a name or number that no item can hold.
    """
    for name, belief in facts.items():
        if not is_convention(belief):
            yield from _stated(kind, name, belief)


def _stated(kind: str, name: str, belief: Belief) -> Iterator[Dataset]:
    if not is_code(f"P({name})"):
        cure = "Name the input in letters, digits and signs of ASCII."
        raise BadValue("DICOM report", "facts", "the name of an input that is no code", "1 to 61 characters", cure)
    words = shipped_vocabulary()
    match belief:
        case Known(value):
            yield from _known(kind, name, value)
        case Unknown():
            yield items.answer(words.own(name), words.own(NOT_ASSESSED))
        case NotApplicable():
            yield items.answer(words.own(name), words.own(NOT_APPLICABLE))
        case Classes(probabilities):
            yield from (_probability(name, label, p) for label, p in probabilities.items())
        case Measured(mean, sd, unit):
            yield _quantity(kind, name, mean, words.unit_in_words(unit))
            error = words.own(f"SD({name})", f"Standard deviation of the error of {name.replace('_', ' ')}")
            yield items.number(error, sd, words.unit_in_words(unit))


def _known(kind: str, name: str, value: object) -> Iterator[Dataset]:
    words = shipped_vocabulary()
    match value:
        case bool():
            yield items.answer(words.own(name), (words.affirmed if value else words.denied).concept)
        case Decimal():
            yield _quantity(kind, name, value, words.unit_of(name))
        case tuple():
            yield from _history(name, value)
        case _:
            said = words.answered(kind, name, str(value))
            if said:
                yield items.answer(*said)
            elif plain(str(value)):
                yield items.text(words.own(name), str(value))


def _history(name: str, sizes: tuple[PastSize, ...]) -> Iterator[Dataset]:
    words = shipped_vocabulary()
    if not sizes:
        yield items.answer(words.own(name), words.own(f"{name}=none", "none"))
    for size in sizes:
        ago = items.text(words.own(MONTHS_AGO), str(size.months_ago), items.PROPERTY)
        yield items.number(words.own(name), size.mean_mm, "mm", below=[ago])


def _quantity(kind: str, name: str, value: Decimal | float, unit: str) -> Dataset:
    """A measurement under its standard name, with its derivation, or under the input's own."""
    standard = shipped_vocabulary().measurements.get(kind, {}).get(name)
    if standard is None:
        return items.number(shipped_vocabulary().own(name), value, unit)
    how = [items.answer(items.DERIVATION, standard.derived, items.MODIFIER)] if standard.derived else []
    return items.number(standard.concept, value, unit, below=how)


def probability_of(name: str, label: str) -> Code:
    """The concept of the probability that an input has a value: ``P(type=solid)``."""
    words = shipped_vocabulary()
    value = f"P({name}={label})"
    if not is_code(value):
        raise BadValue(
            "DICOM report", name, "a class whose name is no code", "short names in ASCII", "Name the class otherwise."
        )
    return words.own(value, f"Probability of {name.replace('_', ' ')} = {label.replace('_', ' ')}")


def _probability(name: str, label: str, p: float) -> Dataset:
    return items.number(probability_of(name, label), p, "1")
