"""Reports of radlogic itself: their own codes, who says what in them, and what their silence means.

The inverse of ``emit/stating.py``: the same facts come back, those of a net as a net's, so that no route may take them
for a human's. What radlogic concluded (categories, risks) is never read back as a fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from ...engine.types import (
    Belief,
    Classes,
    Facts,
    Indication,
    Known,
    Measured,
    NotApplicable,
    PastSize,
    Source,
    SourceKind,
    Unknown,
    Value,
)
from .coded import Code
from .content import Item, Number

SCHEME: Final = "99RADLOGIC"
DOCUMENT: Final = ":"  # own concepts of the document, not of an input, begin with it
EVALUATIONS: Final = ("UMLS", "C0034375")
_ALGORITHM: Final = {"111001": "name", "111002": "kind"}
_BOOLS: Final = {("SCT", "373066001"): True, ("SCT", "373067005"): False}
_PROBABILITY: Final = re.compile(r"P\(([^=]+)=(.*)\)", re.DOTALL)
_SD: Final = re.compile(r"SD\((.+)\)", re.DOTALL)
_WORDS: Final = {"mo": "months", "a": "years", "[hnsf'U]": "HU", "1": ""}  # units as the tables name them
NET: Final = "neural network"
PROCEDURE: Final = "fixed procedure on images or their headers"
READING: Final = "guideline tables and risk models"


def name_of(code: Code | None) -> str:
    """The value of a code of the own scheme, '' of any other."""
    return code.value if code is not None and code.scheme.upper() == SCHEME else ""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a group of an own report says of itself: the kind of finding, its place in words, the program behind it."""

    kind: str
    location: str
    program: str = ""
    how: str = ""

    @property
    def concluded(self) -> bool:
        """Whether the group holds what radlogic concluded, not what was found."""
        return self.how == READING

    def source(self, reference: Source) -> Source:
        """The source of its statements: the program, so that a net's are known for a net's; else the report."""
        kind = {NET: SourceKind.NET, PROCEDURE: SourceKind.IMAGE}.get(self.how)
        return reference if kind is None else Source(kind, self.program, reference.when)


def marks_of(items: Iterable[Item]) -> Marks | None:
    """The marks of an own group; None of anybody else's."""
    own: dict[str, str] = {}
    algorithm: dict[str, str] = {}
    for item in items:
        if name := name_of(item.name):
            own.setdefault(name, _in_words(name, item.value))
        elif item.name is not None and item.name.scheme == "DCM" and item.name.value in _ALGORITHM:
            algorithm[_ALGORITHM[item.name.value]] = str(item.value or "")
    if ":kind" not in own:
        return None
    return Marks(own[":kind"], own.get(":location", ""), algorithm.get("name", ""), algorithm.get("kind", ""))


def _in_words(name: str, value: object) -> str:
    if isinstance(value, Code):
        return name_of(value).removeprefix(f"{name}=")
    return value if isinstance(value, str) else ""


def facts_of(items: Sequence[Item], source: Source) -> Facts:
    """What the items with own names state, by input; the document's own are left out."""
    found: dict[str, Belief] = {}
    classes: dict[str, dict[str, float]] = {}
    sizes: dict[str, list[PastSize]] = {}
    for item in items:
        name = name_of(item.name)
        if not name or name.startswith(DOCUMENT) or _SD.fullmatch(name):
            continue
        match, number = _PROBABILITY.fullmatch(name), _number(item)
        if match and number is not None:
            classes.setdefault(match[1], {})[match[2]] = float(number)
        elif (size := _past(item)) is not None:
            sizes.setdefault(name, []).append(size)
        else:
            found[name] = _belief(name, item, source)
    found |= {name: Classes(p, source) for name, p in classes.items()}
    found |= {name: Known(tuple(listed), source) for name, listed in sizes.items()}
    return {**found, **errors_of(items, found)}


def errors_of(items: Iterable[Item], known: Facts) -> Facts:
    """The known numbers of which the items state a standard deviation, as measured ones."""
    found: dict[str, Belief] = {}
    for item in items:
        match = _SD.fullmatch(name_of(item.name))
        belief = known.get(match[1]) if match else None
        sd = _number(item)
        if match and sd is not None and isinstance(belief, Known) and isinstance(belief.value, Decimal):
            unit = item.value.unit if isinstance(item.value, Number) else None
            words = _WORDS.get(unit.value, unit.value) if unit else ""
            found[match[1]] = Measured(float(belief.value), float(sd), words, belief.source)
    return found


def _belief(name: str, item: Item, source: Source) -> Belief:
    match item.value:
        case Number():
            number = _number(item)
            return Unknown("the report states no number", source) if number is None else Known(number, source)
        case Code() as code:
            return _coded(name, code, source)
        case str(words):
            return Known(words, source)
        case _:
            return Unknown("the report states it in a way that is not read", source)


def _coded(name: str, code: Code, source: Source) -> Belief:
    value = name_of(code)
    if value == "not-assessed":
        return Unknown("not assessed, as the report says", source)
    if value == "not-applicable":
        return NotApplicable(source)
    stated: Value | None = _BOOLS.get((code.scheme.upper(), code.value))
    if stated is None and value.startswith(f"{name}="):
        stated = value.removeprefix(f"{name}=")
    if stated is None:
        return Unknown(f"answered by {code}, which has no known meaning for it", source)
    return Known(stated, source)


def _past(item: Item) -> PastSize | None:
    """An older size; None where the item is none, or lacks its months or its number."""
    ago = next((below.value for below in item.below if name_of(below.name) == "months_ago"), "")
    months, mean = _decimal(str(ago)), _number(item)
    return None if months is None or mean is None else PastSize(months, mean)


def _number(item: Item) -> Decimal | None:
    return _decimal(item.value.text) if isinstance(item.value, Number) else None


def _decimal(text: str) -> Decimal | None:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


@dataclass(frozen=True, slots=True)
class OwnExam:
    """What an own report says of the exam: facts, indication, and whether what it does not mention is not present."""

    facts: Facts
    indication: Indication
    silence_is_absence: bool


def exam_of(root: Item, source: Source) -> OwnExam | None:
    """The exam of an own report; None of anybody else's."""
    items = [below for item in root.below if is_evaluations(item) for below in item.below]
    said = {name_of(item.name): _in_words(name_of(item.name), item.value) for item in items}
    if ":unmentioned" not in said:
        return None
    stated = said.get(":indication", "")
    indication = Indication(stated) if stated in list(Indication) else Indication.UNKNOWN
    return OwnExam(facts_of(items, source), indication, said[":unmentioned"] == "not-present")


def is_evaluations(item: Item) -> bool:
    """Whether it is the container Qualitative Evaluations."""
    return item.name is not None and (item.name.scheme.upper(), item.name.value) == EVALUATIONS
