"""What is said of one lesion, as beliefs under the names of the rules' inputs; what cannot be read is kept as words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

from ...engine.types import Belief, Known, Source, SourceKind, Unknown
from .coded import Code, Codes, Measurement
from .content import Item, Number
from .findings_errors import ImpossibleSize, NoMeasuredValue, NotANumber, NoUnit
from .groups import Group, Lesion
from .own import errors_of, facts_of, name_of

# No part of a body is longer or larger; the rules' own inputs are narrower and checked by the engine.
LARGEST: Final = {"length": Decimal(3000), "volume": Decimal(300_000_000)}


@dataclass(slots=True)
class Said:
    """What was gathered of one lesion: beliefs by input, what was not read, and what to note."""

    stated: dict[str, list[Belief]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def state(self, name: str, belief: Belief) -> None:
        """Add one statement of an input."""
        self.stated.setdefault(name, []).append(belief)

    def own(self, group: Group, source: Source) -> None:
        """Add what a group of an own report states in own codes; its sizes in standard ones get their errors."""
        here = {name: b for name, listed in self.stated.items() for b in listed if b.source == source}
        for name, belief in errors_of(group.said, here).items():
            self.stated[name] = [belief if b is here[name] else b for b in self.stated[name]]
        for name, belief in facts_of(group.said, source).items():
            self.state(name, belief)

    @property
    def facts(self) -> dict[str, Belief]:
        """One belief for each input; statements that differ leave it unknown."""
        return {name: _settled(beliefs) for name, beliefs in self.stated.items()}

    @property
    def unread_counted(self) -> tuple[str, ...]:
        """What was not read, each once, with how often it came."""
        return tuple(words if n == 1 else f"{words}, {n} times" for words, n in Counter(self.unread).items())


def said_of(lesion: Lesion, kind: str, codes: Codes, report_uid: str, when: date | None, where: str) -> Said:
    """Read all groups of a lesion; ``where`` is the file's name for errors.

    Raises:
        NoMeasuredValue, NoUnit, NotANumber, ImpossibleSize: of a measurement that is read.
    """
    said, later = Said(), []
    for group in lesion.groups:
        source = Source(SourceKind.REPORT, _reference(report_uid, group, lesion.tracking_id), when)
        if group.marks is not None:
            if group.marks.concluded:
                continue
            source = group.marks.source(source)
        reading = _Reading(said, kind, codes, source, f"{where}, measurement group {group.number}")
        reading.finding(group.finding)
        for item in group.said:
            if group.marks is not None and name_of(item.name):
                continue
            match item.kind:
                case "NUM":
                    later += reading.measurement(item)
                case "CODE":
                    reading.evaluation(item)
                case "TEXT" | "CONTAINER":
                    said.unread.append(f"{_name(item)} (not coded)")
        if group.marks is not None:
            said.own(group, source)
    stated = set(said.stated)
    for reading, item, how in later:  # those that give way to others
        if stated.intersection(how.unless):
            said.unread.append(_in_words(item))
        else:
            reading.size(item, how)
    return said


def _reference(report_uid: str, group: Group, tracking_id: str) -> str:
    segment = f", SEG {group.segment.sop_uid} segment {group.segment.number}" if group.segment else ""
    return f"SR {report_uid} group {group.number} ({tracking_id}){segment}"


@dataclass(frozen=True, slots=True)
class _Reading:
    """One group being read into ``said``."""

    said: Said
    kind: str
    codes: Codes
    source: Source
    where: str

    def finding(self, finding: Code | None) -> None:
        """A name of a finding may say of what kind it is (a solid pulmonary nodule)."""
        if finding is not None and self.kind == "nodule":
            self._state((self.codes.facts(None, finding) or ({}, None))[0].items())

    def evaluation(self, item: Item) -> None:
        """A coded answer to a coded question."""
        understood = None
        if isinstance(item.value, Code) and self.kind == "nodule":
            understood = self.codes.facts(item.name, item.value)
        if understood is None or understood[1] is not None:
            self.said.unread.append(f"{_name(item)} = {item.value or 'nothing'}")
        if understood is not None:
            if not self.codes.asks(item.name):
                self.said.notes.append(f"{_name(item)} = {item.value}: read by the answer, the question is not known")
            self._state(understood[0].items())
            if understood[1] is not None:
                why = f"{_name(item)} is answered by {item.value}, which has no known meaning for it"
                self.said.state(understood[1], Unknown(why, self.source))

    def measurement(self, item: Item) -> list[tuple[_Reading, Item, Measurement]]:
        """A measured quantity, at once or, returned, once it is known what else was measured."""
        how = self._how(item)
        if how is None:
            self.said.unread.append(_in_words(item))
        elif how.unless:
            return [(self, item, how)]
        else:
            self.size(item, how)
        return []

    def _how(self, item: Item) -> Measurement | None:
        derivation = None
        for below in item.below:
            role = self.codes.role(below.name)
            if role == "derivation" and isinstance(below.value, Code):
                derivation = below.value
            elif role is None and below.relationship == "HAS CONCEPT MOD":
                return None  # a modifier that is not known may turn it into the size of something else
        how = self.codes.measurement(item.name, self.codes.derivation(derivation))
        return how if how is not None and self.kind in how.inputs else None

    def size(self, item: Item, how: Measurement) -> None:
        """State a length in mm or a volume in mm3."""
        number = item.value if isinstance(item.value, Number) else Number("", None, None)
        if how.note:
            self.said.notes.append(f"{_name(item)}: {how.note}")
        self.said.state(how.inputs[self.kind], self._size(number, how))

    def _size(self, number: Number, how: Measurement) -> Belief:
        if not number.text and number.qualifier is not None:
            return Unknown(f"the {how.says} has no value: {number.qualifier}", self.source)
        value = self._decimal(number, how)
        if number.unit is None:
            raise NoUnit(self.where, how.says, "a number without a unit", "a UCUM unit", "Add the unit it was in.")
        known = self.codes.units[how.quantity]
        factor = known.get(number.unit.value) if number.unit.scheme.upper() == "UCUM" else None
        if factor is None:
            return Unknown(f"the {how.says} is in {number.unit}; read are {', '.join(known)}", self.source)
        if not 0 <= value * factor <= LARGEST[how.quantity]:
            raise ImpossibleSize(
                self.where,
                how.says,
                f"{number.text} {number.unit.value}",
                "0 up to the size of a body",
                "Correct the value or its unit.",
            )
        return Known(value * factor, self.source)

    def _decimal(self, number: Number, how: Measurement) -> Decimal:
        if not number.text:
            raise NoMeasuredValue(
                self.where, how.says, "a measurement without a value", "a number", "Add the value, or say why not."
            )
        try:
            value = Decimal(number.text)
        except InvalidOperation:
            value = Decimal("nan")
        if not value.is_finite():
            raise NotANumber(
                self.where, how.says, "a value that is no finite number", "a decimal number", "Correct the value."
            )
        return value

    def _state(self, facts: Iterable[tuple[str, bool | str]]) -> None:
        for name, value in facts:
            self.said.state(name, Known(value, self.source))


def _name(item: Item) -> str:
    return str(item.name) if item.name else "an item without a name"


def _in_words(item: Item) -> str:
    modifiers = "".join(f", {below.value.meaning}" for below in item.below if isinstance(below.value, Code))
    value = item.value if isinstance(item.value, Number) else Number("", None, None)
    return f"{_name(item)}{modifiers} = {value.text or 'no value'} {value.unit.value if value.unit else ''}".rstrip()


def _settled(beliefs: Sequence[Belief]) -> Belief:
    known = [belief for belief in beliefs if isinstance(belief, Known)]
    values = {str(belief.value) if not isinstance(belief.value, Decimal) else belief.value for belief in known}
    if len(values) > 1:
        return Unknown(f"stated differently: {', '.join(sorted(map(str, values)))}", known[0].source)
    return known[0] if known else beliefs[0]
