"""Every single change of a guideline's document that the mutation check makes, one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mutation.amounts import rests_on
from mutation.rules import BOUNDS, NA, Rules, listed, symbol

Path = tuple[Any, ...]
DROP = object()
OTHER_BOUND = {"from": "above", "above": "from", "to": "below", "below": "to"}
CONCLUDED = "one that fits here and expects what is concluded, beside the category too (`growth`, say)"
SILENT = "one that fits here and expects `silent` and all of `possible`: the default and each alternative"
TICKS = {"mm": "0.1", "cm": "0.1"}  # all other units: one


@dataclass(frozen=True)
class Mutant:
    """A changed document. ``touches``: the tables, numbers or inputs of which a case must look at one to see it."""

    what: str
    document: dict[str, Any]
    touches: frozenset[str]
    row: tuple[str, str] | None = None  # (table, row) that was changed
    tested: str | None = None  # whose test it is
    number: str | None = None  # whose definition was changed
    wants: str = ""  # the case that would see it, in words, without what to expect
    form: bool = False  # the reader's form changed: cases have to be read anew

    @property
    def plain(self) -> bool:
        """Whether it is a threshold moved, a symbol swapped for another one, or a row dropped."""
        if self.tested is None:
            return self.what.endswith("row dropped")
        return " without " not in self.what and " -> or " not in self.what


def mutants(document: dict[str, Any]) -> Iterator[Mutant]:
    """All mutants of a document, in the order of its files."""
    rules = Rules(document)
    for at, table in enumerate(document["tables"]):
        yield from of_table(rules, at, table)
    yield from of_numbers(rules)
    yield from of_inputs(rules)
    yield from of_managements(rules)


def put(node: Any, path: Path, value: Any) -> Any:
    """A copy with the value at the path, sharing all else; ``DROP`` takes it out."""
    key, rest = path[0], path[1:]
    copy = dict(node) if isinstance(node, dict) else list(node)
    if not rest and value is DROP:
        del copy[key]
    else:
        copy[key] = put(node[key], rest, value) if rest else value
    return copy


def of_table(rules: Rules, at: int, table: dict[str, Any]) -> Iterator[Mutant]:
    """Changes of one table's rows."""
    name, base = table["id"], ("tables", at)

    def made(row: str, what: str, path: Path, value: Any, wants: str) -> Mutant:
        changed = put(rules.document, (*base, *path), value)
        tested = path[path.index("if") + 1] if "if" in path else path[1] if path[0] == "when" else None
        return Mutant(f"{name}.{row}: {what}", changed, frozenset({name}), (name, row), tested, wants=wants)

    for change in of_tests(rules, table.get("when", {}), ("when",)):
        yield made("when", *change)
    key = "any" if "any" in table else "rows"
    for n, row in enumerate(table.get(key, ())):
        yield made(row["id"], "row dropped", (key, n), DROP, "any that fits here")
        for change in of_tests(rules, row.get("if", {}), (key, n, "if")):
            yield made(row["id"], *change)
        for change in of_end(rules, table, row, (key, n)) if key == "rows" else ():
            yield made(row["id"], *change)
    if "otherwise" in table:
        yield made(table["otherwise"]["id"], "row dropped", ("otherwise",), DROP, "any that fits no row of the table")
        for change in of_end(rules, table, table["otherwise"], ("otherwise",)):
            yield made(table["otherwise"]["id"], *change)


Change = tuple[str, Path, Any, str]  # what is changed, where, to what, and the case that would see it


def of_tests(rules: Rules, tests: dict[str, Any], path: Path) -> Iterator[Change]:
    """Changes of each test of a row."""
    for name, test in tests.items():
        here = (*path, name)
        if isinstance(test, dict) and "not" not in test:
            yield from of_range(rules, name, test, here)
        elif name in rules.numbers:
            opposite = {"not": test} if not isinstance(test, dict) else test["not"]
            yield f"{name} {test} -> the opposite", here, opposite, f"{name} n/a, and one where it is not"
        else:
            inner = (*here, "not") if isinstance(test, dict) else here
            said = f"{name} not" if isinstance(test, dict) else name
            yield from of_symbols(
                said, listed(test["not"] if isinstance(test, dict) else test), domain(rules, name), inner
            )


def domain(rules: Rules, name: str) -> list[str]:
    """All values that a test of this name may name."""
    is_table = name in rules.tables and name not in rules.inputs
    return rules.results(name) if is_table else rules.domain(name)


def of_range(rules: Rules, name: str, test: dict[str, Any], path: Path) -> Iterator[Change]:
    """Each bound one tick down and up, its own value taken in or left out; n/a taken in or left out."""
    for bound in (b for b in BOUNDS if b in test):
        value = Decimal(str(test[bound]))
        for moved in (value - tick(rules, name, value), value + tick(rules, name, value)):
            seen = moved if (moved < value) == (bound in ("from", "below")) else value
            yield f"{name} {bound} {value} -> {moved}", (*path, bound), str(moved), f"{name} = {seen}"
        other = OTHER_BOUND[bound]
        swapped = {other if k == bound else k: v for k, v in test.items()}
        yield f"{name} {bound} {value} -> {other} {value}", path, swapped, f"{name} = {value}"
    if "or" in test:
        yield f"{name} or n/a -> without n/a", (*path, "or"), DROP, f"{name} n/a"
    elif any((t[0] == "in" and NA in t[1]) or (t[0] == "range" and t[2]) for t in rules.tested.get(name, ())):
        yield f"{name} -> or n/a", path, {**test, "or": NA}, f"{name} n/a"


def tick(rules: Rules, name: str, value: Decimal) -> Decimal:
    """The step of a number: what it is rounded to or read in, else that of its unit; half a unit for halves."""
    found = step(rules, name)
    return found if value % found == 0 else Decimal("0.5") if value % Decimal("0.5") == 0 else Decimal("0.1")


def step(rules: Rules, name: str) -> Decimal:
    """What a number is rounded to or read in; of one taken from another, that one's; else that of its unit."""
    definition = rules.numbers.get(name, {})
    given = definition.get("round") or definition.get("step")
    source = definition.get("same_cuts", {}).get("first") or definition.get("either", [None])[0]
    if source and not given:
        return step(rules, source)
    return Decimal(given or TICKS.get(definition.get("unit", ""), "1"))


def of_symbols(name: str, chosen: list[Any], values: list[str], path: Path) -> Iterator[Change]:
    """Each symbol swapped for each other one; in a list also dropped, and each other one added."""
    now = [symbol(s) for s in chosen]
    others, plain = [v for v in values if v not in now], name.removesuffix(" not")
    for one in now if len(now) > 1 else ():
        yield f"{name} without {one}", path, [s for s in now if s != one], f"{plain} = {one}"
    for other in others if len(now) > 1 else ():
        yield f"{name} {brief(now)} -> or {other}", path, [*now, other], f"{plain} = {other}"
    for one in now:
        for other in others:
            yield f"{name} {one} -> {other}", path, [other if s == one else s for s in now], f"{plain} = {one}"


def brief(symbols: list[str]) -> str:
    """Symbols in few words."""
    return " or ".join(symbols) if len(symbols) < 4 else f"{symbols[0]} and {len(symbols) - 1} more"


def of_end(rules: Rules, table: dict[str, Any], row: dict[str, Any], path: Path) -> Iterator[Change]:
    """What a row concludes moved to each neighbour; its silent spot taken away, narrowed or changed."""
    then, order = row["then"], in_order(rules, table)
    if isinstance(then, dict):
        yield from of_shift(rules, then, (*path, "then"))
    else:
        for other in neighbours(order, then):
            yield f"then {symbol(then)} -> {other}", (*path, "then"), other, CONCLUDED
    if "silent" in row:
        others, here = row["silent"]["alternatives"], (*path, "silent", "alternatives")
        yield "silent -> decided", (*path, "silent"), DROP, SILENT
        for n, one in enumerate(others):
            if len(others) > 1:
                yield f"silent without {one}", (*here, n), DROP, SILENT
            for other in neighbours(order, one):
                if other not in (*others, symbol(then)):
                    yield f"silent {one} -> {other}", (*here, n), other, SILENT


def of_shift(rules: Rules, then: dict[str, Any], path: Path) -> Iterator[Change]:
    """One step more and less, another cap."""
    for by in (then["by"] - 1, then["by"] + 1):
        yield f"by {then['by']} -> {by}", (*path, "by"), by, CONCLUDED
    if "cap" in then:
        for cap in neighbours(rules.order, then["cap"]):
            yield f"cap {then['cap']} -> {cap}", (*path, "cap"), cap, CONCLUDED


def in_order(rules: Rules, table: dict[str, Any]) -> list[str]:
    """What a table may conclude, in order: along the categories, or as its rows do."""
    categories = [*rules.order, *rules.head.get("outside", ())]
    found = [r for r in rules.results(table["id"]) if r != NA or r in map(symbol, thens(table))]
    return categories if set(found) <= set(categories) else found


def thens(table: dict[str, Any]) -> Iterator[Any]:
    """What the rows conclude."""
    for row in (*table.get("rows", ()), table.get("otherwise", {})):
        if "then" in row and not isinstance(row["then"], dict):
            yield row["then"]


def neighbours(order: list[str], then: Any) -> list[Any]:
    """The values beside one: points a point away, symbols the ones before and after."""
    if isinstance(then, int) and not isinstance(then, bool):
        return [then - 1, then + 1]
    at = order.index(symbol(then))
    return [order[i] for i in (at - 1, at + 1) if 0 <= i < len(order)]


def of_numbers(rules: Rules) -> Iterator[Mutant]:
    """Rounding left out, the time window a month off, a paired cut a tick off."""
    for name, definition in rules.document["inputs"].get("numbers", {}).items():
        touches = frozenset(n for n in rules.cuts if name in made_of(rules, n))
        for what, path, value, wants in of_number(rules, name, definition) if touches else ():
            changed = put(rules.document, ("inputs", "numbers", name, *path), value)
            yield Mutant(f"number {name}: {what}", changed, touches, number=name, wants=wants)


def of_number(rules: Rules, name: str, definition: dict[str, Any]) -> Iterator[Change]:
    """Changes of one number's definition."""
    if "round" in definition:
        wants = f"{name} at half a step below a cut"
        yield f"not rounded to {definition['round']}", ("round",), DROP, wants
    months = int(definition.get("largest_increase", {}).get("within_months", 0))
    for moved in (months - 1, months + 1) if months else ():
        path, wants = ("largest_increase", "within_months"), f"an exam {max(months, moved)} months ago"
        yield f"within {months} -> {moved} months", path, str(moved), wants
    paired = definition.get("same_cuts", {})
    for n, pair in enumerate(paired.get("cuts", ())):
        for side, key in enumerate(("first", "or")):
            value = Decimal(str(pair[side]))
            for moved in (value - tick(rules, paired[key], value), value + tick(rules, paired[key], value)):
                wants = f"{paired['or']} at {pair[1]} and a tick below it"
                yield f"cut {paired[key]} {value} -> {moved}", ("same_cuts", "cuts", n, side), str(moved), wants


def made_of(rules: Rules, name: str) -> set[str]:
    """A number and the numbers that it is made of."""
    d = rules.numbers.get(name)
    if d is None or d.get("input") == name:
        return {name}
    parts = [d["input"]] if "input" in d else []
    parts += [n for k in ("mean_of", "difference", "percent_change", "either") for n in d.get(k, ())]
    for key in ("largest_increase", "count_exams"):
        parts += [n for k, n in d.get(key, {}).items() if k != "within_months"]
    parts += [d["same_cuts"][k] for k in ("first", "or") if "same_cuts" in d]
    return {name}.union(*(made_of(rules, p) for p in parts))


def of_inputs(rules: Rules) -> Iterator[Mutant]:
    """What absence means, changed; only of inputs that a reader states and that a table looks at."""
    for scope in ("exam", "patient", "finding"):
        for name, i in rules.document["inputs"].get(scope, {}).items():
            touches = frozenset(
                n
                for n in rules.tested
                if n.split(".")[0] == name or (n in rules.cuts and name in rests_on(n, rules.numbers))
            )
            for what, path, value in of_absence(name, i) if touches and i.get("reader", True) else ():
                changed = put(rules.document, ("inputs", scope, name, *path), value)
                yield Mutant(
                    f"input {name}: {what}", changed, touches, form=True, wants=f"{name} left out where it decides"
                )


def of_absence(name: str, i: dict[str, Any]) -> Iterator[tuple[str, Path, Any]]:
    if "absent" in i:
        yield f"absent {symbol(i['absent'])} -> unknown", ("absent",), DROP
        if isinstance(i["absent"], bool):
            yield f"absent {symbol(i['absent'])} -> {symbol(not i['absent'])}", ("absent",), not i["absent"]
        elif i["type"] == "enum":
            other = next(v for v in i["values"] if v != i["absent"])
            yield f"absent {i['absent']} -> {other}", ("absent",), other
    elif i["type"] in ("bool", "set"):
        yield "absent unknown -> no", ("absent",), False
    elif i["type"] == "enum":
        yield f"absent unknown -> {i['values'][0]}", ("absent",), i["values"][0]
    if "absent_when" in i:
        yield "absent_when dropped", ("absent_when",), DROP


def of_managements(rules: Rules) -> Iterator[Mutant]:
    """Each end of each interval a month off."""
    touches = frozenset({rules.head["exam_category"]})
    for name, management in rules.head["managements"].items():
        for n, months in enumerate(management.get("interval_months") or ()):
            for moved in (months - 1, months + 1):
                path = ("guideline", "managements", name, "interval_months", n)
                what = f"management {name}: interval {'from' if n == 0 else 'to'} {months} -> {moved}"
                yield Mutant(what, put(rules.document, path, moved), touches, wants="one that expects interval_months")
