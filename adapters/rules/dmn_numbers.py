"""Derived numbers as DMN decisions: ``engine/guideline/numbers.py`` said in FEEL.

Each number has a state ("number", "n/a" or "unknown") and, where the state is "number", a value. A
table tests both, so that a number that is not there can never pass for a small one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import combinations
from typing import Any

from ...engine.guideline.load import Guideline
from ...engine.guideline.tables import NOT_APPLICABLE
from . import feel
from .decisions import Decision, Rule
from .feel import ANY

NA, UNKNOWN, NUMBER, LISTED = map(feel.quoted, (NOT_APPLICABLE, feel.UNKNOWN, feel.NUMBER, "listed"))
STATED = feel.either(NUMBER, UNKNOWN)  # it does arise
AGREE = "0.1"  # how far two ways to state a number may differ where it is not rounded (numbers.py, `either`)
SIGNED = ("difference", "percent_change", "largest_increase")
Definition = Mapping[str, Any]


def known(expression: str) -> str:
    """An input with null read as unknown."""
    return f"if {expression} = null then {UNKNOWN} else {expression}"


def absent(number: str) -> str:
    """The input that says that a number input does not arise (no prior exam, so no prior size)."""
    return f"{feel.name(number)}_na"


class Numbers:
    """The number decisions of one guideline."""

    def __init__(self, guideline: Guideline) -> None:
        self.guideline = guideline
        self.ways: Mapping[str, Callable[[str, Any, Definition], tuple[Decision, ...]]] = {
            "largest_increase": self._largest_increase,
            "count_exams": self._count_exams,
            "mean_of": self._mean,
            "difference": self._difference,
            "percent_change": self._percent_change,
            "same_cuts": self._same_cuts,
            "either": self._either,
            "input": self._input,
        }

    def value(self, number: str) -> str:
        """Where the number itself is: an input that needs no rounding, or a decision."""
        if self._is_input(number):
            return feel.name(number)
        return feel.name(number) + ("_value" if number in self.guideline.inputs else "")

    def state(self, number: str) -> str:
        """The decision that says whether there is a number."""
        return f"{feel.name(number)}_state"

    def decisions(self, names: Iterable[str]) -> dict[str, Decision]:
        """The decisions of these numbers, each after those that it rests on."""
        found: dict[str, Decision] = {}
        for number in names:
            if self.state(number) not in found:
                definition = self.guideline.numbers[number]
                kind = next(k for k in self.ways if k in definition)
                found |= self.decisions(self._operands(definition[kind]))
                found |= {d.name: d for d in self.ways[kind](number, definition[kind], definition)}
        return found

    def _is_input(self, number: str) -> bool:
        return bool(self.guideline.numbers[number].get("input") == number)

    def _operands(self, given: Any) -> list[str]:
        """The numbers that a number is made of; one that is an input rounded rests on the input alone."""
        named = () if isinstance(given, str) else given.values() if isinstance(given, dict) else given
        return [n for n in named if isinstance(n, str) and n in self.guideline.numbers]

    def _signed(self, number: str) -> bool:
        """Whether a number can be negative by the way it is made."""
        definition = self.guideline.numbers[number]
        kind = next(k for k in self.ways if k in definition)
        if kind == "input":
            return Decimal(str(self.guideline.inputs[definition[kind]][1]["range"][0])) < 0
        return kind in SIGNED or any(map(self._signed, self._operands(definition[kind])))

    def _state(self, number: str, needs: Iterable[str], columns: Iterable[str], rules: Iterable[Rule]) -> Decision:
        definition = self.guideline.numbers[number]
        doc = f"whether {number} is known: {definition['doc']}"
        return Decision(
            self.state(number), f"{number}: known?", doc, tuple(needs), "FIRST", tuple(columns), tuple(rules)
        )

    def _value(self, number: str, needs: Iterable[str], columns: Iterable[str], rules: Iterable[Rule]) -> Decision:
        doc, ordered = self._doc(number), tuple(rules)
        return Decision(self.value(number), number, doc, tuple(needs), "FIRST", tuple(columns), ordered, type="number")

    def _formula(self, number: str, needs: Iterable[str], expression: str) -> Decision:
        """A value that is one expression, evaluated only where all that it reads is known."""
        state = self.state(number)
        return self._value(number, (state, *needs), (state,), [Rule((NUMBER,), expression)])

    def _doc(self, number: str) -> str:
        definition = self.guideline.numbers[number]
        return f"{definition['doc']} ({definition['unit']}); holds where {self.state(number)} is {NUMBER}"

    def _rounded(self, expression: str, definition: Definition, signed: bool = False) -> str:
        return feel.rounded(expression, Decimal(definition["round"]) if "round" in definition else None, signed)

    def _input(self, number: str, name: str, definition: Definition) -> tuple[Decision, ...]:
        i, x = self.guideline.inputs[name][1], feel.name(name)
        na = [absent(name)] if i.get("absent") == NOT_APPLICABLE else []
        no = [ANY] * len(na)
        rules = [
            *([Rule(("true", ANY), NA, ("does not arise",))] if na else []),
            Rule((*no, "true"), UNKNOWN, ("not assessed",)),
            Rule((*no, ANY), NUMBER),
        ]
        state = self._state(number, (*na, x), (*(f"{n} = true" for n in na), f"{x} = null"), rules)
        value = self._formula(number, (x,), self._rounded(x, definition, self._signed(number)))
        return (state,) if self._is_input(number) else (state, value)

    def _both(self, number: str, names: list[str], expression: str, zero: str = "") -> tuple[Decision, ...]:
        states, values = [self.state(n) for n in names], [self.value(n) for n in names]
        extra = [f"{zero} = 0"] if zero else []
        free = [ANY] * len(extra)
        rules = [
            Rule((NA, ANY, *free), NA, ("does not arise",)),
            Rule((ANY, NA, *free), NA, ("does not arise",)),
            *([Rule((ANY, ANY, "true"), UNKNOWN, ("of nothing there is no percentage",))] if zero else []),
            Rule((NUMBER, NUMBER, *free), NUMBER),
            Rule((ANY, ANY, *free), UNKNOWN, ("not assessed",)),
        ]
        needs = (*states, *([zero] if zero else []))
        return self._state(number, needs, (*states, *extra), rules), self._formula(number, values, expression)

    def _mean(self, number: str, names: list[str], definition: Definition) -> tuple[Decision, ...]:
        a, b = map(self.value, names)
        signed = any(map(self._signed, names))
        return self._both(number, names, self._rounded(f"({a} + {b}) / 2", definition, signed))

    def _difference(self, number: str, names: list[str], definition: Definition) -> tuple[Decision, ...]:
        a, b = map(self.value, names)
        return self._both(number, names, self._rounded(f"{a} - {b}", definition, signed=True))

    def _percent_change(self, number: str, names: list[str], definition: Definition) -> tuple[Decision, ...]:
        a, b = map(self.value, names)
        return self._both(number, names, self._rounded(f"{a} * 100 / {b} - 100", definition, signed=True), zero=b)

    def _either(self, number: str, names: list[str], definition: Definition) -> tuple[Decision, ...]:
        states, values = [self.state(n) for n in names], [self.value(n) for n in names]
        step = definition.get("round", AGREE)
        apart = [(i, j, f"{values[i]} - {values[j]}") for i, j in combinations(range(len(names)), 2)]
        apart += [(j, i, f"{values[j]} - {values[i]}") for i, j, _ in apart]
        width = len(names) + len(apart)

        def row(at: Mapping[int, str], output: str, note: str = "") -> Rule:
            return Rule(tuple(at.get(i, ANY) for i in range(width)), output, (note,) if note else ())

        rules = [
            *(row({i: NUMBER, j: NUMBER, len(names) + n: f"> {step}"}, UNKNOWN, "they disagree")
              for n, (i, j, _) in enumerate(apart)),
            *(row({i: NUMBER}, NUMBER) for i in range(len(names))),
            row(dict.fromkeys(range(len(names)), NA), NA, "does not arise"),
            row({}, UNKNOWN, "not assessed"),
        ]  # fmt: skip
        first = [
            Rule(tuple(NUMBER if j == i else ANY for j in range(len(names))), self._rounded(value, definition, signed))
            for i, (value, signed) in enumerate(zip(values, map(self._signed, names), strict=True))
        ]
        state = self._state(number, (*states, *values), (*states, *(column for _, _, column in apart)), rules)
        return state, self._value(number, (*states, *values), states, first)

    def _same_cuts(self, number: str, paired: Definition, definition: Definition) -> tuple[Decision, ...]:
        first, other = paired["first"], paired["or"]
        states, value = (self.state(first), self.state(other)), self.value(other)
        cuts = sorted(((Decimal(str(theirs)), mine) for mine, theirs in paired["cuts"]), reverse=True)
        rules = [
            Rule((NUMBER, ANY), NUMBER),
            Rule((NA, ANY), NA, ("does not arise",)),
            Rule((UNKNOWN, NUMBER), NUMBER, ("read at the paired cuts",)),
            Rule((UNKNOWN, NA), NA, ("does not arise",)),
            Rule((ANY, ANY), UNKNOWN, ("not assessed",)),
        ]
        values = [
            Rule((NUMBER, ANY, ANY), self._rounded(self.value(first), definition, self._signed(first))),
            *(Rule((UNKNOWN, NUMBER, f">= {theirs}"), self._rounded(str(mine), definition)) for theirs, mine in cuts),
            Rule((UNKNOWN, NUMBER, ANY), "0", ("below the first cut",)),
        ]
        needs = (*states, self.value(first), value)
        return self._state(number, states, states, rules), self._value(number, needs, (*states, value), values)

    def _largest_increase(self, number: str, names: Mapping[str, str], definition: Definition) -> tuple[Decision, ...]:
        now, prior, months = (names[k] for k in ("now", "prior", "interval"))
        history, within = feel.name(names["history"]), names.get("within_months")
        older = f"{history}[months_ago <= {within}]" if within else history
        timed = (self.state(months), self.value(months)) if within else ()
        columns = (_listed(history), f"count({older})", self.state(prior), *timed, self.state(now))
        free = (ANY,) * len(timed)
        counted = (NUMBER, *((NUMBER, f"<= {within}") if within else ()))
        passed = [(NA, *free)]  # the prior that does not count: there is none, or it is too old
        passed += [(STATED, NA, ANY), (STATED, NUMBER, f"> {within}")] if within else []
        rules = [
            Rule((UNKNOWN, ANY, ANY, *free, ANY), UNKNOWN, ("older exams are not known",)),
            *([Rule((ANY, ANY, STATED, UNKNOWN, ANY, ANY), UNKNOWN, ("the date is not known",))] if within else []),
            *(Rule((LISTED, "0", *p, ANY), NA, ("no earlier exam counts",)) for p in passed),
            *(Rule((LISTED, "> 0", *p, NUMBER), NUMBER) for p in passed),
            Rule((LISTED, ANY, *counted, NUMBER), NUMBER),
            Rule((ANY, ANY, ANY, *free, ANY), UNKNOWN, ("not assessed",)),
        ]

        def less(size: str) -> str:
            return self._rounded(f"{self.value(now)} - {size}", definition, signed=True)

        least, before = f"min({older}.mean_mm)", self.value(prior)
        values = [
            *(Rule((LISTED, "> 0", *p, NUMBER), less(least)) for p in passed),
            Rule((LISTED, "0", *counted, NUMBER), less(before)),
            Rule((LISTED, "> 0", *counted, NUMBER), less(f"min([{before}, {least}])")),
        ]
        needs = (history, self.state(prior), *timed, self.state(now))
        valued = (*needs, self.value(now), self.value(prior))
        return self._state(number, needs, columns, rules), self._value(number, valued, columns, values)

    def _count_exams(self, number: str, names: Mapping[str, str], definition: Definition) -> tuple[Decision, ...]:
        prior, months, history = names["prior"], names["interval"], feel.name(names["history"])
        same = f"past.mean_mm = {self.value(prior)} and past.months_ago = {self.value(months)}"
        count = f"count({history}) - count(index of(for past in {history} return {same}, true))"
        rules = [Rule((UNKNOWN,), UNKNOWN, ("older exams are not known",)), Rule((ANY,), NUMBER)]
        values = [
            Rule((LISTED, NA), f"count({history})"),
            Rule((LISTED, STATED), f"{count} + 1", ("the prior counts once",)),
        ]
        needs = (history, self.state(prior), self.value(prior), self.value(months))
        state = self._state(number, (history,), (_listed(history),), rules)
        return state, self._value(number, needs, (_listed(history), self.state(prior)), values)


def _listed(history: str) -> str:
    """Whether older sizes are known; an empty list says that there are none."""
    return f"if {history} = null then {UNKNOWN} else {LISTED}"
