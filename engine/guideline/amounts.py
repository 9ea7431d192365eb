"""The numbers of a guideline as SQL, in DECIMAL arithmetic: ``numbers.py`` for a database.

Every number becomes columns of its own, so that what several others rest on is computed once. A
number finer than 0.0001, outside its input's range, or stated in two ways that disagree refuses the row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import Any

from ..errors import Unsupported
from .columns import SIZE, Relation, quoted


@dataclass(frozen=True, slots=True)
class Amount:
    """A number: its value (NULL: unknown or n/a), and whether it is n/a. Cuts are compared times ``per``."""

    value: str
    absent: str = "FALSE"
    per: str = ""


class Amounts:
    """The numbers asked for so far: ``layers`` of columns by name, each reading only those before it.

    ``bad`` names the columns that are TRUE where a row is refused.
    """

    def __init__(self, relation: Relation) -> None:
        self.relation = relation
        self.layers: list[dict[str, str]] = []
        self.bad: list[str] = []
        self._depth: dict[str, int] = {}
        self._known: dict[str, Amount] = {}

    def amount(self, name: str) -> Amount:
        """A number.

        Raises:
            Unsupported: SQL cannot compute it exactly.
        """
        if name not in self._known:
            definition = self.relation.guideline.numbers[name]
            kind = next(k for k in WAYS if k in definition)
            made = WAYS[kind](self, definition[kind], definition)
            if "round" in definition:
                made = self._rounded(name, made, Decimal(definition["round"]))
            absent = made.absent if made.absent == "FALSE" else self.column(f"{name} n/a", made.absent)
            self._known[name] = Amount(self.column(f"{name} value", made.value), absent, made.per)
        return self._known[name]

    def at_most(self, small: str, large: str) -> None:
        """Refuse the rows in which a number exceeds the one that bounds it."""
        self._refuse(f"{small} above {large}", f"{self._plain(small).value} > {self._plain(large).value}")

    def column(self, name: str, expression: str) -> str:
        """A column for an expression, in the first layer after all that it reads."""
        read = re.findall('"([^"]+)"', expression)
        depth = max((self._depth[column] + 1 for column in read if column in self._depth), default=0)
        while len(self.layers) <= depth:
            self.layers.append({})
        self.layers[depth][name], self._depth[name] = expression, depth
        return quoted(name)

    def _refuse(self, why: str, where: str) -> None:
        """A reason to refuse the row; no reason where something is unknown."""
        if why not in self._depth:
            self.bad.append(self.column(why, f"COALESCE({where}, FALSE)"))

    def _plain(self, name: str) -> Amount:
        """A number that others can be made of."""
        found = self.amount(name)
        if found.per:
            raise self._unsupported(name, "a number that is made of a percentage")
        return found

    def _rounded(self, name: str, made: Amount, step: Decimal) -> Amount:
        if made.per:
            raise self._unsupported(name, "a rounded percentage")
        return Amount(f"ROUND({made.value}, {-int(step.as_tuple().exponent)})", made.absent)

    def _unsupported(self, name: str, what: str) -> Unsupported:
        where = self.relation.guideline.name
        return Unsupported(where, name, what, "what SQL can compute exactly", "Use evaluate for it.")

    # One method a way to make a number, as in ``numbers.WAYS``.

    def _input(self, name: str, _: Mapping[str, Any]) -> Amount:
        """A number as it was stated: refused where the input's range or four decimals cannot hold it."""
        low, high = (f"{Decimal(bound):f}" for bound in self.relation.guideline.inputs[name][1]["range"])
        raw, absent = self.relation.read(name), self.relation.absent(name)
        held = self.column(f"{name} stated", f"TRY_CAST({raw} AS {self.relation.types[name]})")
        fine = f"{held} BETWEEN {low} AND {high} AND {held} = {raw}"
        self._refuse(f"{name} out of range", f"NOT COALESCE({fine}, {raw} IS NULL)")
        return Amount(held if absent == "FALSE" else f"CASE WHEN NOT {absent} THEN {held} END", absent)

    def _mean(self, names: Sequence[str], _: Mapping[str, Any]) -> Amount:
        a, b = map(self._plain, names)
        return Amount(f"({a.value} + {b.value}) * 0.5", _any(a.absent, b.absent))

    def _difference(self, names: Sequence[str], _: Mapping[str, Any]) -> Amount:
        a, b = map(self._plain, names)
        return Amount(f"{a.value} - {b.value}", _any(a.absent, b.absent))

    def _percent_change(self, names: Sequence[str], _: Mapping[str, Any]) -> Amount:
        """100 (a - b), to be compared with cuts times b: division would leave DECIMAL. Unknown where b is no size."""
        a, b = map(self._plain, names)
        value = f"CASE WHEN {b.value} > 0 THEN ({a.value} - {b.value}) * 100 END"
        return Amount(value, _any(a.absent, b.absent), per=b.value)

    def _either(self, names: Sequence[str], definition: Mapping[str, Any]) -> Amount:
        parts, step = [self._plain(name) for name in names], definition.get("round", "0.1")
        for (one, a), (other, b) in combinations(zip(names, parts, strict=True), 2):
            self._refuse(f"{one} or {other}", f"ABS({a.value} - {b.value}) > {step}")
        return Amount(_first(*(part.value for part in parts)), _all(*(part.absent for part in parts)))

    def _same_cuts(self, paired: Mapping[str, Any], _: Mapping[str, Any]) -> Amount:
        first, other = self._plain(paired["first"]), self._plain(paired["or"])
        cuts = sorted(((Decimal(str(a)), Decimal(str(b))) for a, b in paired["cuts"]), reverse=True)
        reached = " ".join(f"WHEN {other.value} >= {theirs} THEN {mine}" for mine, theirs in cuts)
        value = _first(first.value, f"CASE {reached} WHEN {other.value} IS NOT NULL THEN 0 END")
        if first.absent != "FALSE":
            value = f"CASE WHEN NOT {first.absent} THEN {value} END"
        return Amount(value, _any(first.absent, _all(f"{first.value} IS NULL", other.absent)))

    def _largest_increase(self, names: Mapping[str, str], _: Mapping[str, Any]) -> Amount:
        """Over the prior and the history, or over those that are recent enough; unknown where one of them is."""
        now, prior, months = (self._plain(names[k]) for k in ("now", "prior", "interval"))
        history, within = self._history(names["history"]), names.get("within_months")
        label = f"{names['now']} {names['prior']} {within or 'ever'}"
        recent, chosen, undated = "TRUE", history, "FALSE"
        if within is not None:
            recent = f"{months.value} <= {within}"
            chosen = f"LIST_FILTER({history}, LAMBDA x : x.months_ago <= {within})"
            undated = _all(f"NOT {prior.absent}", f"{months.value} IS NULL", f"NOT {months.absent}")
        counts = self.column(f"counts {label}", f"NOT {prior.absent} AND COALESCE({recent}, FALSE)")
        blind = f"{history} IS NULL OR {undated} OR ({counts} AND {prior.value} IS NULL)"
        hidden = self.column(f"hidden {label}", blind)
        least = f"CAST(LIST_MIN(LIST_TRANSFORM({chosen}, LAMBDA x : x.mean_mm)) AS {SIZE})"
        older = self.column(f"older {label}", f"CASE WHEN ARRAY_LENGTH({history}) > 0 THEN {least} END")
        # in both dialects LEAST is the lesser of those that are not NULL
        earlier = self.column(f"earlier {label}", f"LEAST(CASE WHEN {counts} THEN {prior.value} END, {older})")
        return Amount(f"CASE WHEN NOT {hidden} THEN {now.value} - {earlier} END", f"NOT {hidden} AND {earlier} IS NULL")

    def _count_exams(self, names: Mapping[str, str], _: Mapping[str, Any]) -> Amount:
        """The prior, and the entries of the history that do not repeat it; unknown where one may."""
        prior, months = (self._plain(names[k]) for k in ("prior", "interval"))
        history, same_size = self._history(names["history"]), f"x.mean_mm = {prior.value}"
        repeats = f"COALESCE({same_size} AND x.months_ago = {months.value}, FALSE)"
        there = f"CASE WHEN {prior.absent} THEN 0 WHEN {prior.value} IS NOT NULL THEN 1 END"
        undated = f"{months.value} IS NULL AND NOT {months.absent} AND {_counted(history, same_size)} > 0"
        return Amount(f"CASE WHEN NOT ({undated}) THEN {there} + {_counted(history, f'NOT {repeats}')} END")

    def _history(self, name: str) -> str:
        """The list of older sizes; an entry that holds none, or one that SIZE cannot hold, refuses the row."""
        stated = self.relation.read(name)
        good = " AND ".join(f"x.{f} > 0 AND TRY_CAST(x.{f} AS {SIZE}) = x.{f}" for f in ("months_ago", "mean_mm"))
        self._refuse(f"{name} with a bad entry", f"{_counted(stated, f'NOT COALESCE({good}, FALSE)')} > 0")
        return stated


def _counted(history: str, test: str) -> str:
    """How many entries fit; the list is only walked where it has any."""
    fitting = f"ARRAY_LENGTH(LIST_FILTER({history}, LAMBDA x : {test}))"
    return f"CASE WHEN ARRAY_LENGTH({history}) = 0 THEN 0 ELSE {fitting} END"


def _first(*values: str) -> str:
    return f"COALESCE({', '.join(values)})"


def _any(*flags: str) -> str:
    """Whether one of the flags is TRUE; plain FALSE is left out."""
    open_ = dict.fromkeys(flag for flag in flags if flag != "FALSE")
    return " OR ".join(f"({flag})" for flag in open_) or "FALSE"


def _all(*flags: str) -> str:
    return "FALSE" if "FALSE" in flags else " AND ".join(f"({flag})" for flag in flags)


Way = Callable[[Amounts, Any, Mapping[str, Any]], Amount]
WAYS: Mapping[str, Way] = {
    "largest_increase": Amounts._largest_increase,
    "count_exams": Amounts._count_exams,
    "mean_of": Amounts._mean,
    "difference": Amounts._difference,
    "percent_change": Amounts._percent_change,
    "same_cuts": Amounts._same_cuts,
    "either": Amounts._either,
    "input": Amounts._input,
}
