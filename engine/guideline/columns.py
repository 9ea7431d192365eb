"""Inputs and numbers of a guideline as columns of a database: expressions of sqlglot, in DECIMAL arithmetic.

The expressions mirror ``numbers.py`` and ``situation.py``: NULL is unknown, "not applicable" has a
column of its own (``<input>.na``) beside numbers and yes/no, and is the word n/a in columns of words.
A number finer than 0.0001, outside its input's range, or stated in two ways that disagree is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from typing import Any

from ..errors import MissingExtra, Unsupported
from .load import Guideline
from .steps import can_be_refused, refused, unknown
from .tables import NOT_APPLICABLE, Variable

PLACES = 4  # decimals of a number column; half a tick of any unit in use is 0.05
Sql = Any  # an expression of sqlglot: the package is optional and loaded late


def sqlglot_expressions() -> Any:
    """The module ``sqlglot.expressions``.

    Raises:
        MissingExtra: the extra ``audit`` is not installed.
    """
    try:
        from sqlglot import exp
    except ImportError as error:
        cure = "Install it: pip install 'radlogic[audit]'"
        raise MissingExtra("sql", "sqlglot", "no such package", "the extra `audit`", cure) from error
    return exp


@dataclass(frozen=True, slots=True)
class Amount:
    """A number: its value (NULL: unknown or n/a), whether it is n/a; ``per``: compare cuts times this."""

    value: Sql
    absent: Sql | None = None
    per: Sql | None = None
    depth: int = 0


class Columns:
    """The columns that some variables rest on, in layers: each layer reads only those before it.

    ``given`` names the columns that the relation has; an input without a column is unknown.
    """

    def __init__(self, guideline: Guideline, given: Collection[str] | None = None) -> None:
        self.e = sqlglot_expressions()
        self.guideline, self.given = guideline, given
        self.layers: list[dict[str, Sql]] = [{}]
        self.amounts: dict[str, Amount] = {}
        self.bad: dict[str, Sql] = {}

    def type_of(self, name: str) -> str:
        """The column type of an input, in the words of DuckDB; a feature of a set is a BOOLEAN."""
        if name not in self.guideline.inputs:
            return "BOOLEAN"
        i = self.guideline.inputs[name][1]
        if i["type"] == "number":
            return f"DECIMAL({len(str(int(Decimal(i['range'][1])))) + PLACES}, {PLACES})"
        size = f"DECIMAL({4 + PLACES}, {PLACES})"
        history = f"STRUCT(months_ago {size}, mean_mm {size})[]"
        return {"bool": "BOOLEAN", "history": history}.get(i["type"], "VARCHAR")

    def column(self, name: str) -> Sql:
        """A column of the relation, NULL where it has none."""
        if self.given is not None and name not in self.given:
            return self.e.cast(self.e.null(), self.type_of(name.removesuffix(".na")), dialect="duckdb")
        return self.e.column(name, quoted=True)

    def cell(self, variable: Variable) -> Sql:
        """The cell of a variable as an integer, those for "unknown" and "refused" among them."""
        if variable.cuts is not None:
            return self._number_cell(variable)
        absent = {NOT_APPLICABLE: self.column(f"{variable.name}.na")} if NOT_APPLICABLE in variable.domain else {}
        if variable.domain[:2] == ("no", "yes") and self.type_of(variable.name) == "BOOLEAN":
            return self.e.func(
                "COALESCE",
                self.e.cast(self.column(variable.name), "INT"),
                self._otherwise(variable, absent.get(NOT_APPLICABLE)),
            )
        words = self.e.Case(this=self.column(variable.name))
        for cell, word in enumerate(variable.domain):
            words = words.when(self.e.Literal.string(word), self.number(cell))
        is_null = self.e.Is(this=self.column(variable.name), expression=self.e.null())
        strange = self.number(refused(variable) if can_be_refused(variable) else unknown(variable))
        return words.else_(self.e.Case().when(is_null, self.number(unknown(variable))).else_(strange))

    def _number_cell(self, variable: Variable) -> Sql:
        assert variable.cuts is not None
        amount, case = self.amount(variable.name), self.e.Case()
        for cell, (cut, excluded) in enumerate(variable.cuts.points):
            bound = self.number(cut) if amount.per is None else self.number(cut) * amount.per
            case = case.when(amount.value <= bound if excluded else amount.value < bound, self.number(cell))
        case = case.when(self.is_known(amount.value), self.number(len(variable.cuts.points)))
        return case.else_(self._otherwise(variable, amount.absent))

    def _otherwise(self, variable: Variable, absent: Sql | None) -> Sql:
        """n/a, else unknown."""
        if absent is None or NOT_APPLICABLE not in variable.domain:
            return self.number(unknown(variable))
        return self.e.Case().when(absent, self.number(variable.domain.index(NOT_APPLICABLE))).else_(
            self.number(unknown(variable))
        )  # fmt: skip

    def broken(self, limits: Sequence[tuple[str, str]]) -> Sql | None:
        """Whether any number read so far is none, or one of the pairs (small, large) is the other way round."""
        for small, large in limits:
            a, b = self._parts([small, large])
            self._refuse(f"{small} above {large}", a.value > b.value, max(a.depth, b.depth) + 1)
        return self.e.or_(*(flag.copy() for flag in self.bad.values())) if self.bad else None

    def _refuse(self, what: str, where: Sql, depth: int) -> None:
        """A reason to refuse the row; the test is NULL where something is unknown."""
        self._layer(depth)[what] = self.e.func("COALESCE", where, self.e.false())
        self.bad[what] = self.e.column(what, quoted=True)

    def _layer(self, depth: int) -> dict[str, Sql]:
        while len(self.layers) <= depth:
            self.layers.append({})
        return self.layers[depth]

    def number(self, value: int | Decimal) -> Sql:
        """A literal number."""
        return self.e.Literal.number(str(value)) if value >= 0 else self.e.Neg(this=self.e.Literal.number(str(-value)))

    def is_known(self, value: Sql) -> Sql:
        """``value IS NOT NULL``."""
        return self.e.not_(self.e.Is(this=value, expression=self.e.null()))

    def amount(self, name: str) -> Amount:
        """A number, or an input that is one, as columns of its layer."""
        if name not in self.amounts:
            definition = self.guideline.numbers.get(name, {"input": name})
            plain = definition.get("input") == name
            found = self._stated(name) if plain else self._made(name, definition)
            self.amounts[name] = self._kept(name, found)
        return self.amounts[name]

    def _kept(self, name: str, found: Amount) -> Amount:
        kept = {}
        for part in ("value", "absent", "per"):
            if (expression := getattr(found, part)) is not None:
                self._layer(found.depth)[f"{name} {part}"] = expression
                kept[part] = self.e.column(f"{name} {part}", quoted=True)
        return Amount(**kept, depth=found.depth)

    def _stated(self, name: str) -> Amount:
        """A number as it was stated: refused where the column's type or the input's range cannot hold it."""
        i, column = self.guideline.inputs[name][1], self.column(name)
        low, high = (self.number(Decimal(bound)) for bound in i["range"])
        inside = self.e.and_(column >= low, column <= high)  # first, so that no cast overflows
        value = self.e.Case().when(inside, self.e.cast(column.copy(), self.type_of(name), dialect="duckdb"))
        fine = self.e.func("COALESCE", value.eq(column), self.e.false())
        self._refuse(f"{name} out of range", self.e.and_(self.is_known(column), self.e.not_(fine)), 0)
        absent = self._flag(f"{name}.na") if i.get("absent") == NOT_APPLICABLE else None
        if absent is not None:
            value = self.e.Case().when(self.e.not_(absent), value)
        return Amount(value, absent)

    def _flag(self, name: str) -> Sql:
        return self.e.func("COALESCE", self.column(name), self.e.false())

    def _made(self, name: str, definition: Mapping[str, Any]) -> Amount:
        kind = next(k for k in MADE if k in definition)
        made: Amount = MADE[kind](self, definition)
        if "round" not in definition:
            return made
        if made.per is not None:
            raise self._unsupported(name, "a rounded percentage")
        places = -int(Decimal(definition["round"]).as_tuple().exponent)
        return Amount(self.e.Round(this=made.value, decimals=self.number(places)), made.absent, None, made.depth)

    def _unsupported(self, name: str, what: str) -> Unsupported:
        return Unsupported(self.guideline.name, name, what, "what SQL can compute exactly", "Use evaluate for it.")

    def _parts(self, names: Collection[str]) -> list[Amount]:
        parts = [self.amount(n) for n in names]
        if any(part.per is not None for part in parts):
            raise self._unsupported(", ".join(names), "a number that is made of a percentage")
        return parts

    def _any(self, flags: Collection[Sql | None]) -> Sql | None:
        stated = [flag for flag in flags if flag is not None]
        return self.e.or_(*(flag.copy() for flag in stated)) if stated else None

    def _together(self, parts: list[Amount], value: Sql, per: Sql | None = None) -> Amount:
        """A number that is n/a where any part is."""
        depth = 1 + max(part.depth for part in parts)
        return Amount(value, self._any([p.absent for p in parts]), per, depth)

    def _input(self, definition: Mapping[str, Any]) -> Amount:
        # the raw input, also where a number of its name is defined
        part = self.amount(definition["input"])
        return self._together([part], part.value)

    def _mean(self, definition: Mapping[str, Any]) -> Amount:
        a, b = self._parts(definition["mean_of"])
        return self._together([a, b], self.e.paren(a.value + b.value) * self.number(Decimal("0.5")))

    def _difference(self, definition: Mapping[str, Any]) -> Amount:
        a, b = self._parts(definition["difference"])
        return self._together([a, b], a.value - b.value)

    def _percent_change(self, definition: Mapping[str, Any]) -> Amount:
        """100 (a - b), to be compared with cuts times b: division would leave DECIMAL. b is above 0, or unknown."""
        a, b = self._parts(definition["percent_change"])
        positive = self.e.Case().when(b.value > self.number(0), b.value)
        return self._together([a, b], self.e.paren(a.value - b.value) * self.number(100), positive)

    def _either(self, definition: Mapping[str, Any]) -> Amount:
        parts = self._parts(definition["either"])
        depth, absent = 1 + max(part.depth for part in parts), [part.absent for part in parts]
        step = self.number(Decimal(definition.get("round", "0.1")))
        for (one, a), (other, b) in combinations(zip(definition["either"], parts, strict=True), 2):
            self._refuse(f"{one} or {other}", self.e.func("ABS", a.value - b.value) > step, depth)
        value = self.e.func("COALESCE", *(part.value for part in parts))
        return Amount(value, self.e.and_(*absent) if None not in absent else None, depth=depth)

    def _same_cuts(self, definition: Mapping[str, Any]) -> Amount:
        paired = definition["same_cuts"]
        first, other = self._parts([paired["first"], paired["or"]])
        reached = self.e.Case()
        for mine, theirs in sorted(paired["cuts"], key=lambda pair: Decimal(str(pair[0])), reverse=True):
            reached = reached.when(other.value >= self.number(Decimal(str(theirs))), self.number(Decimal(str(mine))))
        reached = reached.when(self.is_known(other.value), self.number(0))
        open_ = self.e.Is(this=first.value, expression=self.e.null())
        value = self.e.func("COALESCE", first.value, reached)
        if first.absent is not None:
            value = self.e.Case().when(self.e.not_(first.absent), value)
        late = self.e.and_(open_, other.absent) if other.absent is not None else None
        return Amount(value, self._any([first.absent, late]), depth=1 + max(first.depth, other.depth))

    def _history(self, name: str) -> Sql:
        """The list of older sizes; an entry that holds none refuses the row."""
        stated = self.column(name)
        size = f"DECIMAL({4 + PLACES}, {PLACES})"
        held = [self.e.cast(self._past(field), size).eq(self._past(field)) for field in ("months_ago", "mean_mm")]
        above = [self._past(field) > self.number(0) for field in ("months_ago", "mean_mm")]
        good = self.e.func("COALESCE", self.e.and_(*above, *held), self.e.false())
        self._refuse(f"{name} with a bad entry", self._counted(stated, self.e.not_(good)) > self.number(0), 0)
        return self.e.cast(stated, self.type_of(name), dialect="duckdb")

    def _past(self, field: str) -> Sql:
        return self.e.Dot(this=self.e.to_identifier("x"), expression=self.e.to_identifier(field))

    def _filtered(self, history: Sql, test: Sql) -> Sql:
        fits = self.e.Lambda(this=test, expressions=[self.e.to_identifier("x")])
        return self.e.ArrayFilter(this=history.copy(), expression=fits)

    def _counted(self, history: Sql, test: Sql) -> Sql:
        """How many entries fit; the list is only walked where it has any."""
        size = self.e.ArraySize(this=history.copy())
        many = self.e.ArraySize(this=self._filtered(history, test))
        return self.e.Case().when(size.eq(self.number(0)), self.number(0)).else_(many)

    def _least(self, history: Sql, test: Sql | None, name: str) -> Sql:
        """A column with the smallest size among the entries that fit, NULL where there is none."""
        chosen = history.copy() if test is None else self._filtered(history, test)
        size = self.e.Lambda(this=self._past("mean_mm"), expressions=[self.e.to_identifier("x")])
        least = self.e.ArrayMin(this=self.e.Transform(this=chosen, expression=size))
        self._layer(0)[name] = self.e.Case().when(self.e.ArraySize(this=history.copy()) > self.number(0), least)
        return self.e.column(name, quoted=True)

    def _largest_increase(self, definition: Mapping[str, Any]) -> Amount:
        names = definition["largest_increase"]
        now, prior, months = self._parts([names[k] for k in ("now", "prior", "interval")])
        history = self._history(names["history"])
        there = self.e.not_(prior.absent) if prior.absent is not None else self.e.true()
        unknown_, test = self.e.Is(this=history, expression=self.e.null()), None
        if "within_months" in names:
            within = self.number(Decimal(names["within_months"]))
            test = self._past("months_ago") <= within
            undated = self.e.Is(this=months.value, expression=self.e.null())
            dated_out = months.absent if months.absent is not None else self.e.false()
            unknown_ = self.e.or_(unknown_, self.e.and_(there, undated, self.e.not_(dated_out)))
            there = self.e.and_(there, self.e.func("COALESCE", months.value <= within, self.e.false()))
        least = self._least(history, test, f"least of {names['history']} within {names.get('within_months', 'any')}")
        none = self.e.and_(self.e.not_(there), self.e.Is(this=least, expression=self.e.null()))
        smaller = self.e.Case().when(self.e.and_(there, least < prior.value), least).when(there, prior.value).else_(least)  # fmt: skip
        blind = self.e.and_(there, self.e.Is(this=prior.value, expression=self.e.null()))
        value = self.e.Case().when(self.e.not_(self.e.or_(unknown_, blind)), now.value - self.e.paren(smaller))
        absent = self.e.and_(self.e.not_(unknown_.copy()), none)
        depth = 1 + max(p.depth for p in (now, prior, months))
        return Amount(value, absent, depth=depth)

    def _count_exams(self, definition: Mapping[str, Any]) -> Amount:
        names = definition["count_exams"]
        prior, months = self._parts([names[k] for k in ("prior", "interval")])
        history = self._history(names["history"])
        repeats = self.e.and_(self._past("mean_mm").eq(prior.value), self._past("months_ago").eq(months.value))
        others = self._counted(history, self.e.not_(self.e.func("COALESCE", repeats, self.e.false())))
        there = self.number(1)
        if prior.absent is not None:
            there = self.e.Case().when(prior.absent, self.number(0)).else_(self.number(1))
        depth = 1 + max(prior.depth, months.depth)
        return Amount(there + others, depth=depth)


MADE: Mapping[str, Any] = {
    "largest_increase": Columns._largest_increase,
    "count_exams": Columns._count_exams,
    "mean_of": Columns._mean,
    "difference": Columns._difference,
    "percent_change": Columns._percent_change,
    "same_cuts": Columns._same_cuts,
    "either": Columns._either,
    "input": Columns._input,
}
