"""The plain document of a guideline -> its two stages (finding, exam) with finite variables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cached_property
from typing import Any

from .tables import (
    NO_FINDING,
    NOT_APPLICABLE,
    READING,
    WORST,
    Cuts,
    Row,
    Stage,
    Table,
    Variable,
    as_symbols,
    fail,
)

BOUNDS = {"from": False, "below": False, "above": True, "to": True}


@dataclass
class Builder:
    """One guideline on its way from document to stages.

    Raises (from every method): RuleFileError, naming the table and row, what it says and the cure.
    """

    document: Mapping[str, Any]
    referred: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @cached_property
    def head(self) -> Mapping[str, Any]:
        """``guideline.yaml``."""
        head: Mapping[str, Any] = self.document["guideline"]
        return head

    @cached_property
    def raw(self) -> dict[str, Mapping[str, Any]]:
        """Tables as written, by id."""
        tables: dict[str, Mapping[str, Any]] = {t["id"]: t for t in self.document["tables"]}
        if len(tables) != len(self.document["tables"]):
            raise fail(self.head["id"], "two tables of one name", "one", "Rename one.")
        return tables

    @cached_property
    def inputs(self) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """Every input: name -> (scope, definition)."""
        groups = self.document["inputs"]
        return {
            name: (scope, i) for scope in ("exam", "patient", "finding") for name, i in groups.get(scope, {}).items()
        }

    @cached_property
    def numbers(self) -> dict[str, Mapping[str, Any]]:
        """Every number that may be tested: those defined, and the number inputs themselves."""
        plain = {n: {"input": n, **i} for n, (_, i) in self.inputs.items() if i["type"] == "number"}
        defined: dict[str, Mapping[str, Any]] = self.document["inputs"].get("numbers", {})
        return plain | defined

    @cached_property
    def symbols(self) -> list[str]:
        """Categories from least to most concern."""
        return [c["id"] for c in self.head["categories"]]

    @cached_property
    def cuts(self) -> dict[str, Cuts]:
        """The cuts of each number, gathered from all tests of all tables."""
        found: dict[str, set[tuple[Decimal, bool]]] = {}
        for table in self.raw.values():
            for name, test in _tests(table):
                if name in self.numbers and isinstance(test, dict) and "not" not in test:
                    found.setdefault(name, set()).update(
                        (Decimal(str(v)), BOUNDS[k]) for k, v in test.items() if k != "or"
                    )
        return {name: Cuts(tuple(sorted(points))) for name, points in found.items()}

    def may_be_absent(self, number: str) -> bool:
        """Whether a number can be n/a: one of its inputs says so, or it looks at earlier exams."""
        definition = self.numbers[number]
        if "largest_increase" in definition:
            return True
        if "input" in definition:
            return bool(self.inputs[definition["input"]][1].get("absent") == NOT_APPLICABLE)
        if "count_exams" in definition:
            return False
        if "either" in definition:
            return all(self.may_be_absent(n) for n in definition["either"])
        if "same_cuts" in definition:
            return self.may_be_absent(definition["same_cuts"]["first"])
        return any(
            self.may_be_absent(n)
            for n in definition.get("mean_of") or definition.get("difference") or definition["percent_change"]
        )

    def variables(self) -> Iterator[Variable]:
        """All variables, in declared order."""
        for name, (scope, i) in self.inputs.items():
            extra = (NOT_APPLICABLE,) if i.get("absent") == NOT_APPLICABLE else ()
            if i["type"] == "bool":
                yield Variable(name, scope, ("no", "yes", *extra), i["doc"])
            elif i["type"] == "enum":
                yield Variable(name, scope, (*i["values"], *extra), i["doc"])
            elif i["type"] == "set":
                yield from (Variable(f"{name}.{v}", scope, ("no", "yes"), i["doc"]) for v in i["values"])
        for name, cuts in self.cuts.items():
            extra = (NOT_APPLICABLE,) if self.may_be_absent(name) else ()
            cells = tuple(cuts.words(i) for i in range(len(cuts.points) + 1))
            n = self.numbers[name]
            scope = self.inputs[name][0] if name in self.inputs else "derived"
            yield Variable(name, scope, (*cells, *extra), n["doc"], n["unit"], cuts)
        for name in self.head.get("leading", ()):
            yield Variable(f"leading.{name}", "leading", self.outcomes(self.head["finding_answers"][name]["table"]))
        yield Variable(WORST, "leading", (*self.symbols, *self.head.get("outside", ()), NO_FINDING), "highest category")
        yield Variable(
            READING, "reading", tuple(map(str, range(1 + self.most_alternatives))), "reading of a silent spot"
        )

    @cached_property
    def most_alternatives(self) -> int:
        """The greatest number of other readings at any silent spot."""
        rows = (row for table in self.raw.values() for row in _rows(table))
        return max((len(row["silent"]["alternatives"]) for row in rows if "silent" in row), default=0)

    @cached_property
    def by_name(self) -> dict[str, Variable]:
        """All variables by name, in diagram order: ``order`` first, ``reading`` last."""
        every = {v.name: v for v in self.variables()}
        first = [n for n in self.document["inputs"].get("order", ()) if n in every]
        return {n: every[n] for n in (*first, *(n for n in every if n not in first))}

    def outcomes(self, table: str) -> tuple[str, ...]:
        """All results that a table can have."""
        raw = self.raw[table]
        if "any" in raw:
            return ("no", "yes")
        if "union" in raw:
            return tuple(dict.fromkeys(r for part in raw["union"] for r in self.outcomes(part) if r != NOT_APPLICABLE))
        if "adjust" in raw:
            return (*self.symbols, *self.head.get("outside", ()), NOT_APPLICABLE)
        results = [
            s for row in _rows(raw) for s in (*as_symbols(row["then"]), *row.get("silent", {}).get("alternatives", ()))
        ]
        return tuple(dict.fromkeys((*results, *((NOT_APPLICABLE,) if "when" in raw else ()))))

    def stage(self, scope: str, roots: list[str]) -> Stage:
        """The tables that ``roots`` need, in stage order, over the variables that they test."""
        order = list(dict.fromkeys(t for root in roots for t in self.needed(root, ())))
        used = {n for t in order for n, _ in _tests(self.raw[t])} | {READING}
        allowed = {"exam", "patient", "reading"} | ({"finding", "derived"} if scope == "finding" else {"leading"})
        variables = tuple(v for v in self.by_name.values() if v.name in used)
        for v in variables:
            if v.scope not in allowed:
                raise fail(
                    f"{self.head['id']} {scope} tables",
                    f"a test on {v.name} ({v.scope})",
                    ", ".join(allowed),
                    "Move it.",
                )
        index = {v.name: i for i, v in enumerate(variables)}
        place = {t: i for i, t in enumerate(order)}
        tables = tuple(self.table(t, index, place) for t in order)
        return Stage(
            scope, variables, tables, tuple(place[r] for r in dict.fromkeys(roots)), tuple(self.symbols), index
        )

    def needed(self, table: str, path: tuple[str, ...]) -> tuple[str, ...]:
        """The table and all that it refers to, those first."""
        if table not in self.referred:
            self.referred[table] = tuple(dict.fromkeys(self._needed(table, path)))
        return self.referred[table]

    def _needed(self, table: str, path: tuple[str, ...]) -> Iterator[str]:
        if table not in self.raw:
            raise fail(
                path[-1] if path else "guideline.yaml", f"the table {table}", ", ".join(self.raw), "Correct the name."
            )
        if table in path:
            raise fail(table, " -> ".join((*path, table)), "stages without a circle", "Break the circle.")
        raw = self.raw[table]
        for name in (*_parts(raw), *(n for n, _ in _tests(raw))):
            if name not in self.by_name:
                yield from self.needed(name, (*path, table))
        yield table

    def table(self, name: str, index: Mapping[str, int], place: Mapping[str, int]) -> Table:
        """One table with its rows resolved."""
        raw = self.raw[name]
        kind = next((k for k in ("any", "sum", "union", "adjust") if k in raw), "decide")
        parts = tuple(place[t] for t in _parts(raw))
        rows = [r for row in _rows(raw) for r in self.rows(raw, row, index, place)]
        guard = (
            self.row(raw, {"id": f"{name}.when", "if": raw["when"], "then": "yes"}, index, place)
            if "when" in raw
            else None
        )
        return Table(name, raw["title"], raw["scope"], kind, tuple(rows), parts, guard, raw.get("mark", "V2"))

    def rows(
        self, raw: Mapping[str, Any], row: Mapping[str, Any], index: Mapping[str, int], place: Mapping[str, int]
    ) -> list[Row]:
        """The row, once per reading where the guideline is silent."""
        one = self.row(raw, row, index, place)
        if "silent" not in row:
            return [one]
        others = row["silent"]["alternatives"]
        last = index[READING]
        spare = frozenset({0, *range(len(others) + 1, self.most_alternatives + 1)})
        why = row["silent"]["why"]
        return [
            replace(one, cells={**one.cells, last: spare}, why_silent=why),
            *(
                replace(one, id=f"{one.id}/{n}", cells={**one.cells, last: frozenset({n})}, then=other, why_silent=why)
                for n, other in enumerate(others, start=1)
            ),
        ]

    def row(
        self, raw: Mapping[str, Any], row: Mapping[str, Any], index: Mapping[str, int], place: Mapping[str, int]
    ) -> Row:
        """One row; its tests split into those on variables and those on results of tables."""
        cells: dict[int, frozenset[int]] = {}
        results: dict[int, frozenset[str]] = {}
        words = []
        for name, test in row.get("if", {}).items():
            at = f"{raw.get('file', '')} table {raw['id']}, row {row['id']}, {name}"
            if name in index:
                cells[index[name]] = self.cells(self.by_name[name], test, at)
            else:
                results[place[name]] = self.results(name, test, at)
            words.append((name, _in_words(test)))
        then = row["then"]
        value = (
            (then["by"], then.get("cap"))
            if isinstance(then, dict)
            else then
            if _is_points(then)
            else as_symbols(then)[0]
        )
        return Row(
            row["id"],
            cells,
            results,
            value,
            row.get("cite", raw["cite"]),
            row.get("says", ""),
            tuple(words),
            tuple(row.get("over", ())),
            mark=row.get("mark", raw.get("mark", "V2")),
        )

    def cells(self, variable: Variable, test: Any, at: str) -> frozenset[int]:
        """The cells of a variable that a test allows."""
        if isinstance(test, dict) and "not" not in test:
            if variable.cuts is None:
                raise fail(at, "a range", f"one of {', '.join(variable.domain)}", "Name the values.")
            other = frozenset({variable.domain.index(NOT_APPLICABLE)}) if "or" in test else frozenset()
            return _range(variable.cuts, test) | other
        names = as_symbols(test["not"] if isinstance(test, dict) else test)
        for name in names:
            if name not in variable.domain:
                raise fail(at, name, ", ".join(variable.domain), "Use one of these, or add it to the input.")
        chosen = frozenset(variable.domain.index(n) for n in names)
        return frozenset(range(len(variable.domain))) - chosen if isinstance(test, dict) else chosen

    def results(self, table: str, test: Any, at: str) -> frozenset[str]:
        """The results of an earlier table that a test allows (points as text)."""
        if isinstance(test, dict) and "not" not in test:
            return frozenset(str(p) for p in range(-100, 1000) if _inside(Decimal(p), test))
        outcomes = self.outcomes(table) if "sum" not in self.raw[table] else tuple(map(str, range(-100, 1000)))
        names = as_symbols(test["not"] if isinstance(test, dict) else test)
        for name in names:
            if name not in outcomes:
                raise fail(at, name, ", ".join(outcomes), "Use a result of that table.")
        return frozenset(outcomes) - frozenset(names) if isinstance(test, dict) else frozenset(names)


def _is_points(then: Any) -> bool:
    return isinstance(then, int) and not isinstance(then, bool)


def _rows(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = [*table.get("rows", ()), *table.get("any", ())]
    if "any" in table:
        rows += [{"id": f"{table['id']}.met", "then": "yes"}, {"id": f"{table['id']}.otherwise", "then": "no"}]
    elif "otherwise" in table:
        rows.append(table["otherwise"] | {"id": f"{table['id']}.otherwise"})
    return rows


def _parts(table: Mapping[str, Any]) -> tuple[str, ...]:
    """The tables that it adds up, unites or adjusts."""
    return (*table.get("sum", ()), *table.get("union", ()), *([table["adjust"]] if "adjust" in table else ()))


def _tests(table: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    yield from table.get("when", {}).items()
    for row in _rows(table):
        yield from row.get("if", {}).items()


def _inside(value: Decimal, test: Mapping[str, Any]) -> bool:
    bounds = {k: Decimal(str(v)) for k, v in test.items()}
    return (
        value >= bounds.get("from", value)
        and value <= bounds.get("to", value)
        and ("above" not in bounds or value > bounds["above"])
        and ("below" not in bounds or value < bounds["below"])
    )


def _range(cuts: Cuts, test: Mapping[str, Any]) -> frozenset[int]:
    at = {k: cuts.points.index((Decimal(str(v)), BOUNDS[k])) for k, v in test.items() if k != "or"}
    low = max((at[k] + 1 for k in ("from", "above") if k in at), default=0)
    high = min((at[k] for k in ("below", "to") if k in at), default=len(cuts.points))
    return frozenset(range(low, high + 1))


SIGNS = {"from": "≥", "above": ">", "to": "≤", "below": "<"}


def _in_words(test: Any) -> str:
    if isinstance(test, dict) and "not" in test:
        return "not " + " or ".join(as_symbols(test["not"]))
    if isinstance(test, dict):
        return " and ".join(f"{SIGNS[k]} {test[k]}" for k in SIGNS if k in test) + (" or n/a" if "or" in test else "")
    return " or ".join(as_symbols(test))
