"""Measurements that give numbers their cells, found by trial.

A compiled structure takes derived numbers as independent of each other; a patient's follow from the same few
measurements. The values tried are those at and beside each cut, and where a difference or a change in per cent from
such a value stands at a cut: for numbers that are measurements, their differences and their changes this meets every
combination of cells that there is. Lists of older exams are as long as the cuts on their counts ask (see ``older``);
where that is beyond all bounds, ``beyond`` says so. Where a number may be stated in several ways
(a volume in place of a diameter), the first of them is tried: the others say the same of the patient.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from ..errors import Contradiction
from ..types import PastSize
from . import numbers
from .load import Guideline
from .older import TICK, Looks, OlderExams
from .tables import NOT_APPLICABLE, Variable
from .ways import Cells

Value = Decimal | str | tuple[PastSize, ...]
Raw = Mapping[str, Value | None]
Due = list[frozenset[tuple[str, int]]]  # for each measurement in order the cells that can be judged once it is known

COMPARED = ("difference", "largest_increase", "percent_change", "count_exams")


@dataclass
class Trials:
    """The search for measurements. ``variables``: the numbers by name, in whose cells they are asked about."""

    guideline: Guideline
    variables: Mapping[str, Variable]
    solved: dict[Cells, Raw | None] = field(default_factory=dict)
    made_of: dict[str, frozenset[str]] = field(default_factory=dict)
    grids: dict[str, list[Value]] = field(default_factory=dict)
    sifted: dict[tuple[str, Cells], list[Value]] = field(default_factory=dict)
    lists: dict[str, OlderExams] = field(default_factory=dict)

    def measured(self, cells: Cells, like: Raw | None = None) -> Raw | None:
        """Measurements that give these numbers their cells, the values of ``like`` first; None where there are none."""
        if like:
            return self._search(cells, like)
        if cells not in self.solved:
            self.solved[cells] = self._search(cells, {})
        return self.solved[cells]

    @cached_property
    def tied(self) -> Mapping[str, str]:
        """Number -> the group of those that say something of each other."""
        groups = {n: {n, *self.guideline.behind[n]} for n, v in self.variables.items() if v.cuts is not None}
        found = {n: min(group) for group in _joined([*groups.values(), *self._bounds]) for n in group}
        return {n: group for n, group in found.items() if n in groups}

    @cached_property
    def _limits(self) -> list[Mapping[str, str]]:
        return list(self.guideline.document["inputs"].get("at_most", ()))

    @cached_property
    def _bounds(self) -> list[set[str]]:
        """The measurements that bound each other."""
        behind = self.guideline.behind
        return [{i for key in ("small", "large") for i in behind.get(li[key], {li[key]})} for li in self._limits]

    @cached_property
    def _bounded(self) -> frozenset[str]:
        return frozenset(i for group in self._bounds for i in group)

    @cached_property
    def _whole(self) -> frozenset[str]:
        """The increases over any earlier exam, however old."""
        increases = ((n, d.get("largest_increase")) for n, d in self.guideline.numbers.items())
        return frozenset(n for n, of in increases if of is not None and "within_months" not in of)

    def _search(self, cells: Cells, like: Raw) -> Raw | None:
        """One measurement after the other; what is known already rules out the rest."""
        for members in self._loosely(cells):  # numbers tied by a bound alone: first each by itself
            if members != cells and self.measured(members) is None:
                return None
        order = self._order(cells)
        known = [frozenset(order[: n + 1]) for n in range(len(order))]
        due = [frozenset(c for c in cells if order[n] in self._needs(c[0]) <= known[n]) for n in range(len(order))]
        return self._try(order, due, {}, cells, like)

    def _loosely(self, cells: Cells) -> list[Cells]:
        """The numbers by the measurements that they share."""
        groups = _joined([{n, *self._needs(n)} for n, _ in cells])
        return [frozenset(c for c in cells if c[0] in group) for group in groups]

    def _needs(self, number: str) -> frozenset[str]:
        """The measurements from which a number is made here; of several ways to state it the first."""
        if number not in self.made_of:
            self.made_of[number] = numbers.missing(number, self.guideline.numbers, {})
        return self.made_of[number]

    def _order(self, cells: Cells) -> list[str]:
        """The measurements needed, those that bound each other first, lists of older sizes last."""
        needed = {i for n, _ in cells for i in self._needs(n)}
        types = {n: i["type"] for n, (_, i) in self.guideline.inputs.items() if n in needed}
        return sorted(types, key=lambda n: (types[n] == "history", n not in self._bounded))

    def _try(self, order: list[str], due: Due, raw: Raw, cells: Cells, like: Raw) -> Raw | None:
        at = len(raw)
        if at == len(order):
            return raw
        name = order[at]
        for value in (*([like[name]] if name in like else []), *self._values(name, due[at], raw)):
            known = {**raw, name: value}
            if self._fits(known, due[at], name) and not any(
                self._hopeless(c, known) for c in cells if c[0] in self._whole
            ):
                found = self._try(order, due, known, cells, like)
                if found is not None:
                    return found
        return None

    def _fits(self, raw: Raw, due: Cells, last: str) -> bool:
        """Whether the numbers that are known with the ``last`` measurement have their cells, within their bounds."""
        if any(self._cell(name, numbers.number(name, self.guideline.numbers, raw)) != cell for name, cell in due):
            return False
        if last not in self._bounded:
            return True
        try:
            numbers.check(self._limits, self.guideline.numbers, raw)
        except Contradiction:
            return False
        return True

    def _cell(self, name: str, amount: numbers.Amount) -> int:
        v = self.variables[name]
        return v.cuts.cell(amount) if v.cuts and isinstance(amount, Decimal) else v.domain.index(NOT_APPLICABLE)

    def _hopeless(self, wanted: tuple[str, int], raw: Raw) -> bool:
        """Whether the prior exam alone already makes the largest increase too great."""
        name, cell = wanted
        of = self.guideline.numbers[name]["largest_increase"]
        if of["history"] in raw:
            return False
        now, prior = (numbers.of(of[key], self.guideline.numbers, raw) for key in ("now", "prior"))
        if not isinstance(now, Decimal) or not isinstance(prior, Decimal):
            return False
        return self.variables[name].domain[cell] == NOT_APPLICABLE or self._cell(name, now - prior) > cell

    # the values to try

    def _values(self, name: str, due: Cells, raw: Raw) -> list[Value]:
        """Those that the numbers made of this measurement alone leave."""
        if self.guideline.inputs[name][1]["type"] == "history":
            return [*self._absent(name), *self.older(name).lists(raw)]
        alone = frozenset(c for c in due if self._needs(c[0]) == {name})
        if (name, alone) not in self.sifted:
            self.sifted[name, alone] = [v for v in self._grid(name) if self._fits({name: v}, alone, name)]
        return self.sifted[name, alone]

    def _absent(self, name: str) -> list[Value]:
        return [NOT_APPLICABLE] if self.guideline.inputs[name][1].get("absent") == NOT_APPLICABLE else []

    def _grid(self, name: str) -> list[Value]:
        if name not in self.grids:
            ends = {Decimal(x) for x in self.guideline.inputs[name][1]["range"]}
            self.grids[name] = [*self._absent(name), *sorted(self._amounts(name), key=lambda x: (x in ends, -x))]
        return self.grids[name]

    def _amounts(self, name: str) -> set[Decimal]:
        """Every cut in the measurement's unit, what stands to one of them at a cut, and what lies beside."""
        definition = self.guideline.inputs[name][1]
        low, high = (Decimal(x) for x in definition["range"])
        beside = {n: d for n, d in self.guideline.numbers.items() if n in self.variables and self._beside(name, n)}
        plain = {low, high, *self._windows(beside, definition["unit"])}
        for n, d in beside.items():
            plain |= self._cuts(n) if d["unit"] == definition["unit"] and not {*COMPARED} & {*d} else set()
        if definition["unit"] != "months":
            plain |= {x for p in plain for x in self._compared(beside, p)}
        steps = {TICK, *(Decimal(d["round"]) for d in self.guideline.numbers.values() if "round" in d)}
        return {x for p in plain for step in steps for x in (p - step, p, p + step) if low <= x <= high}

    def _windows(self, beside: Mapping[str, Mapping[str, Mapping[str, str]]], unit: str) -> Iterator[Decimal]:
        """The ends of the windows in which growth counts."""
        for d in beside.values():
            if unit == "months" and "within_months" in d.get("largest_increase", {}):
                yield Decimal(d["largest_increase"]["within_months"])

    def _compared(self, beside: Mapping[str, Mapping[str, object]], amount: Decimal) -> Iterator[Decimal]:
        """What stands to an amount at a cut of their difference, or of their change in per cent."""
        for n, d in beside.items():
            for cut in self._cuts(n):
                if "difference" in d or "largest_increase" in d:
                    yield from (amount + cut, amount - cut)
                elif "percent_change" in d and cut > -100:
                    rate = 1 + cut / 100
                    yield from ((x / TICK).to_integral_value() * TICK for x in (amount * rate, amount / rate))

    def _cuts(self, number: str) -> set[Decimal]:
        cuts = self.variables[number].cuts
        return {c for c, _ in cuts.points} if cuts else set()

    def _beside(self, name: str, number: str) -> bool:
        """Whether a number says something of a measurement: it rests on it, or on what it is compared with."""
        mine = {i for inputs in self.guideline.behind.values() if name in inputs for i in inputs}
        return bool(mine & self.guideline.behind[number])

    def older(self, name: str) -> OlderExams:
        """The lists of older sizes to try for an input of the type history."""
        if name not in self.lists:
            looking = [n for n, d in self.guideline.numbers.items() if n in self.variables and _list(d) == name]
            cut = {n: c.points for n in looking if (c := self.variables[n].cuts) is not None}
            self.lists[name] = OlderExams(tuple(Looks(n, self.guideline.numbers, p) for n, p in cut.items()))
        return self.lists[name]

    @cached_property
    def beyond(self) -> str:
        """Why the search may miss a patient, in words; empty where it misses none."""
        names = [n for n, (_, i) in self.guideline.inputs.items() if i["type"] == "history"]
        return "; ".join(filter(None, (self.older(n).beyond for n in names)))


def _list(definition: Mapping[str, Any]) -> str | None:
    """The list of older sizes that a number looks at."""
    made = definition.get("largest_increase") or definition.get("count_exams") or {}
    name: str | None = made.get("history")
    return name


def _joined(groups: list[set[str]]) -> list[set[str]]:
    """Groups that share a member become one."""
    done: list[set[str]] = []
    for group in groups:
        touched = [g for g in done if g & group]
        done = [*(g for g in done if not g & group), group.union(*touched)]
    return done
