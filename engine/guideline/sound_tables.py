"""What the tables say: tests on what there is, with values it can have; results that fit. Raises: RuleFileError."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from .sound import UNTESTED, Names
from .source import TABLES
from .tables import NOT_APPLICABLE, WORST, as_symbols
from .yamlfile import Place

LOW, HIGH = ("from", "above"), ("to", "below")
Item = Mapping[str, Any]


def check(names: Names) -> None:
    """First that everything named is there and no table leads back to itself, then each test and each result."""
    for i, table in enumerate(names.source.document[TABLES]):
        for place, name in _parts((TABLES, i), table):
            names.known(place, name, names.tables, "table")
            _scope(names, place, name, table["scope"])
        for place, name, _ in tests((TABLES, i), table):
            _exists(names, place, name)
            _scope(names, place, name, table["scope"])
    for name in names.tables:
        _no_circle(names, name, ())
    for i, table in enumerate(names.source.document[TABLES]):
        for place, name, test in tests((TABLES, i), table):
            _test(names, place, name, test)
        for place, row in rows((TABLES, i), table):
            _result(names, place, row, table)
            _gives_way(names, place, row, table)
            _silent(names, place, row)
        _adds_points(names, (TABLES, i), table)


def rows(place: Place, table: Item) -> Iterator[tuple[Place, Item]]:
    """The rows of a table with their places, ``otherwise`` last."""
    for key in ("rows", "any"):
        yield from (((*place, key, i), row) for i, row in enumerate(table.get(key, ())))
    if "otherwise" in table:
        yield (*place, "otherwise"), table["otherwise"]


def tests(place: Place, table: Item) -> Iterator[tuple[Place, str, Any]]:
    """Every test of a table: its place, what it looks at, the test."""
    yield from (((*place, "when", name), name, test) for name, test in table.get("when", {}).items())
    for at, row in rows(place, table):
        yield from (((*at, "if", name), name, test) for name, test in row.get("if", {}).items())


def _parts(place: Place, table: Item) -> Iterator[tuple[Place, str]]:
    for key in ("sum", "union"):
        yield from (((*place, key, i), name) for i, name in enumerate(table.get(key, ())))
    if "adjust" in table:
        yield (*place, "adjust"), table["adjust"]


def _exists(names: Names, place: Place, name: str) -> None:
    kind = names.inputs[name][1]["type"] if name in names.inputs else ""
    if kind in UNTESTED:
        found = f"a test on {name}, which is a {kind} and never decides"
        raise names.source.fail(place, found, "bool, enum, set or number", "Make a number of it, or leave it out.")
    if kind == "set":
        features = [f"{name}.{v}" for v in names.inputs[name][1]["values"]]
        raise names.source.fail(place, f"{name}, a set", ", ".join(features), "Name one of its features.")
    features = [f"{n}.{v}" for n, (_, i) in names.inputs.items() if i["type"] == "set" for v in i["values"]]
    leading = [f"leading.{n}" for n in names.head.get("leading", ())]
    plain = [n for n, (_, i) in names.inputs.items() if i["type"] not in (*UNTESTED, "set")]
    every = [*plain, *features, *names.numbers, *names.tables, *leading, WORST]
    names.known(place, name, dict.fromkeys(every), "input, number or table")


def _scope(names: Names, place: Place, name: str, scope: str) -> None:
    """An exam's table sees the findings only through ``worst`` and ``leading``; a finding's does not see these."""
    of_exam = name == WORST or name.startswith("leading.")
    owner = name.partition(".")[0]
    if scope == "finding" and of_exam:
        raise names.source.fail(place, f"{name} in a table of the finding", "exam tables only", "Move the test.")
    if scope == "finding" and name in names.tables and (told := _told(names, name, set())):
        found = f"{name}, which rests on {told}, in a table of the finding"
        raise names.source.fail(place, found, "tables that look at no finding's result", "Move the test.")
    if scope == "exam" and not of_exam:
        of_finding = (
            (names.inputs[owner][0] == "finding")
            if owner in names.inputs
            else names.tables[owner][1]["scope"] == "finding"
            if owner in names.tables
            else True
        )
        if of_finding:
            allowed = f"inputs of exam and patient, exam tables, {WORST}, leading.<answer>"
            raise names.source.fail(place, f"{name}, which belongs to a finding", allowed, "Move the test.")


def _told(names: Names, table: str, seen: set[str]) -> str:
    """What of the findings' results a table rests on; empty where on nothing."""
    if table in seen or table not in names.tables:
        return ""
    seen.add(table)
    raw = names.tables[table][1]
    named = [n for _, n in _parts((), raw)] + [n for _, n, _ in tests((), raw)]
    mine = (n if n == WORST or n.startswith("leading.") else _told(names, n, seen) for n in named)
    return next(filter(None, mine), "")


def _no_circle(names: Names, name: str, path: tuple[str, ...]) -> None:
    at, table = names.tables[name]
    if name in path:
        found = " -> ".join((*path[path.index(name) :], name))
        raise names.source.fail((TABLES, at), found, "tables without a circle", "Break the circle.")
    named = [n for _, n in _parts((), table)] + [n for _, n, _ in tests((), table)]
    for other in dict.fromkeys(named):
        if other in names.tables:
            _no_circle(names, other, (*path, name))


def _test(names: Names, place: Place, name: str, test: Any) -> None:
    if isinstance(test, dict) and "not" not in test:
        return _range(names, place, name, test)
    symbols = as_symbols(test["not"] if isinstance(test, dict) else test)
    if not symbols:
        raise names.source.fail(place, "an empty list", "at least one value", "Name a value, or delete the test.")
    if name in names.numbers:
        allowed = "from, above, to, below" + (f", or {NOT_APPLICABLE}" if names.builder.may_be_absent(name) else "")
        if symbols != [NOT_APPLICABLE] or not names.builder.may_be_absent(name):
            cure = f"As in {{from: {symbols[0]}, to: {symbols[0]}}}."
            raise names.source.fail(place, f"{', '.join(symbols)} for the number {name}", allowed, cure)
        if name not in names.builder.cuts:
            raise names.source.fail(
                place, "a test for n/a alone", "a range somewhere too", "Test a yes/no input instead."
            )
        return None
    for symbol in symbols:
        if name not in names.tables or not scores(names, name):
            values = names.builder.outcomes(name) if name in names.tables else names.builder.by_name[name].domain
            names.known(place, symbol, values, f"value of {name}")
    return None


def scores(names: Names, table: str) -> bool:
    """Whether the results of a table are points."""
    raw = names.tables[table][1]
    if "union" in raw:
        return all(scores(names, part) for part in raw["union"])
    return "sum" in raw or ("rows" in raw and all(_is_points(row["then"]) for _, row in rows((), raw)))


def _is_points(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _range(names: Names, place: Place, name: str, test: Item) -> None:
    if name not in names.numbers and not (name in names.tables and scores(names, name)):
        values = names.builder.outcomes(name) if name in names.tables else names.builder.by_name[name].domain
        raise names.source.fail(place, f"a range for {name}", ", ".join(values), "Name the values.")
    low, high = ([k for k in keys if k in test] for keys in (LOW, HIGH))
    if len(low) > 1 or len(high) > 1 or not (low or high):
        allowed = "one of from and above, one of to and below, or both"
        raise names.source.fail(place, ", ".join(test) or "no bound", allowed, "Leave one on each side.")
    if low and high:
        least, most = Decimal(str(test[low[0]])), Decimal(str(test[high[0]]))
        if least > most or (least == most and (low, high) != (["from"], ["to"])):
            found = f"{low[0]} {least}, {high[0]} {most}"
            raise names.source.fail(place, found, "a range that holds a value", "Put the smaller one first.")
    if "or" in test and not (name in names.numbers and names.builder.may_be_absent(name)):
        raise names.source.fail((*place, "or"), f"n/a for {name}, which always arises", "no `or`", "Delete it.")
    _within(names, place, name, {k: Decimal(str(v)) for k, v in test.items() if k != "or"})


def _within(names: Names, place: Place, name: str, bounds: Mapping[str, Decimal]) -> None:
    """A cut lies where the number can be; of a number with two units, where both have one."""
    definition = names.numbers.get(name, {})
    for key, value in bounds.items():
        if "range" in definition and not Decimal(definition["range"][0]) <= value <= Decimal(definition["range"][1]):
            allowed = f"{definition['range'][0]} to {definition['range'][1]} {definition['unit']}, the range of {name}"
            raise names.source.fail((*place, key), str(value), allowed, "Correct the cut, its unit, or the range.")
        same = definition.get("same_cuts", {})
        paired = [Decimal(str(mine)) for mine, _ in same.get("cuts", ())]
        step = Decimal(names.numbers[same["first"]].get("round", "0")) if same else 0  # "to 8" of whole mm is below 9
        if paired and not {value, value + step} & set(paired):
            allowed = ", ".join(map(str, paired))
            raise names.source.fail((*place, key), f"a cut at {value}", allowed, f"Pair it in same_cuts of {name}.")


def _result(names: Names, place: Place, row: Item, table: Item) -> None:
    then, at = row["then"], (*place, "then")
    if "any" in table and then is not True:
        raise names.source.fail(at, str(then), "true", "A row of `any` says yes: there is nothing else to conclude.")
    if isinstance(then, dict):
        if "adjust" not in table:
            raise names.source.fail(at, "steps", "a result", "Steps belong to a table with `adjust`.")
        if "cap" in then:
            names.known((*at, "cap"), then["cap"], names.builder.symbols, "category")
    elif "adjust" in table:
        names.known(at, as_symbols(then)[0], names.categories, "category, and no steps")
    if "otherwise" in table and "rows" not in table:
        raise names.source.fail((*place[:2], "otherwise"), "otherwise", "only beside `rows`", "Delete it.")


def _gives_way(names: Names, place: Place, row: Item, table: Item) -> None:
    ids = [r["id"] for _, r in rows((), table) if r is not row]
    for i, name in enumerate(row.get("over", ())):
        names.known((*place, "over", i), name, ids, "other row of this table")


def _silent(names: Names, place: Place, row: Item) -> None:
    """The other readings of a row are other results, each once."""
    others = row.get("silent", {}).get("alternatives", ())
    usual = [] if isinstance(row["then"], dict) else as_symbols(row["then"])
    for i, other in enumerate(others):
        if other in usual:
            found = f"{other}, which the row concludes already"
            raise names.source.fail((*place, "silent", "alternatives", i), found, "other results", "Delete it.")
    names.unique((*place, "silent", "alternatives"), others)


def _adds_points(names: Names, place: Place, table: Item) -> None:
    for i, part in enumerate(table.get("sum", ())):
        if not scores(names, part):
            raise names.source.fail(
                (*place, "sum", i), f"{part}, which has no points", "tables with points", "Name one."
            )
