"""A guideline's document as the plain reading sees it: tables and numbers by name, tests as written."""

from decimal import Decimal
from functools import cached_property

from mutation.amounts import NA, rests_on

BOUNDS = ("from", "above", "to", "below")


class Rules:
    """A guideline's document with its tables and numbers by name."""

    def __init__(self, document, base=None):
        self.document, self.head = document, document["guideline"]
        self.tables = {t["id"]: t for t in document["tables"]}
        self.order = [c["id"] for c in self.head["categories"]]
        self.tests = {} if base is None else dict(base.tests)  # id of tests as written -> the tests as read
        self.base = base  # kept alive, so that no id is used twice

    @cached_property
    def inputs(self):
        groups = self.document["inputs"]
        return {n: i for scope in ("exam", "patient", "finding") for n, i in groups.get(scope, {}).items()}

    @cached_property
    def numbers(self):
        plain = {n: {"input": n, **i} for n, i in self.inputs.items() if i["type"] == "number"}
        return plain | self.document["inputs"].get("numbers", {})

    @cached_property
    def limits(self):
        return self.document["inputs"].get("at_most", ())

    @cached_property
    def rank(self):
        order = self.head.get("urgency") or self.order
        return {c: i for i, c in enumerate(order)} | dict.fromkeys(self.head.get("outside", ()), -1) | {"none": -2}

    def tied(self, name):
        """An input, and the inputs of what it bounds or is bounded by."""
        pairs = [[rests_on(limit[k], self.numbers) for k in ("small", "large")] for limit in self.limits]
        return frozenset({name}.union(*(a | b for a, b in pairs if name in a | b)))

    def rows(self, table):
        """The rows of a table, ``otherwise`` left out."""
        raw = self.tables[table]
        return raw.get("rows") or raw.get("any") or ()

    def all_tests(self):
        """Every (name, test) of every table."""
        for raw in self.tables.values():
            for tests in (raw.get("when", {}), *(row.get("if", {}) for row in self.rows(raw["id"]))):
                yield from tests.items()

    @cached_property
    def tested(self):
        """Name -> its tests, as read."""
        found = {}
        for name, test in self.all_tests():
            found.setdefault(name, []).append(read(test))
        return found

    @cached_property
    def cuts(self):
        """Number -> all values at which a test cuts it, in order."""
        found = {n: {b for t in tests if t[0] == "range" for b in t[1].values()} for n, tests in self.tested.items()}
        return {n: sorted(cuts) for n, cuts in found.items() if n in self.numbers}

    @cached_property
    def alternatives(self):
        """How many other readings the silent spots have at most."""
        rows = (row for raw in self.tables.values() for row in (*self.rows(raw["id"]), raw.get("otherwise", {})))
        return max((len(row["silent"]["alternatives"]) for row in rows if "silent" in row), default=0)

    def results(self, table):
        """All that a table can result in, in the order of its rows."""
        raw = self.tables[table]
        if "any" in raw:
            return ["no", "yes"]
        if "union" in raw:
            return list(dict.fromkeys(r for part in raw["union"] for r in self.results(part) if r != NA))
        if "adjust" in raw:
            return [*self.order, *self.head.get("outside", ()), NA]
        rows = [*raw.get("rows", ()), *([raw["otherwise"]] if "otherwise" in raw else [])]
        found = [s for row in rows for s in (row["then"], *row.get("silent", {}).get("alternatives", ()))]
        return list(dict.fromkeys([*map(symbol, found), *([NA] if "when" in raw else [])]))

    def domain(self, name):
        """All values of an input, a feature of a set, ``worst`` or a leading answer."""
        if name == "worst":
            return list(dict.fromkeys([*self.order, *self.head.get("outside", ()), "none"]))
        if name.startswith("leading."):
            return self.results(self.head["finding_answers"][name.removeprefix("leading.")]["table"])
        i = self.inputs.get(name, {"type": "bool"})  # a feature of a set is yes or no
        return [*(i["values"] if i["type"] == "enum" else ("no", "yes")), *([NA] if i.get("absent") == NA else [])]

    def listed(self, tests):
        """The tests of a row as read, those of facts before those of tables, which cost more."""
        if id(tests) not in self.tests:
            tables = [name for name in tests if name in self.tables and name not in self.inputs]
            names = [*(n for n in tests if n not in tables), *tables]
            self.tests[id(tests)] = [(name, read(tests[name])) for name in names]
        return self.tests[id(tests)]


def read(test):
    """A test as (kind, what): ``in`` or ``out`` with symbols, ``range`` with bounds and whether n/a passes."""
    if isinstance(test, dict) and "not" in test:
        return "out", frozenset(map(symbol, listed(test["not"])))
    if isinstance(test, dict):
        return "range", {k: Decimal(str(test[k])) for k in BOUNDS if k in test}, "or" in test
    return "in", frozenset(map(symbol, listed(test)))


def listed(value):
    """One or a list, as a list."""
    return value if isinstance(value, list) else [value]


def symbol(value):
    """A symbol as text: yes and no for true and false."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def met(test, value):
    """Whether a value (a symbol, n/a or a ``Decimal``) passes a test as read."""
    if test[0] == "range":
        bounds = test[1]
        if value == NA:
            return test[2]
        value = Decimal(value)
        return (
            value >= bounds.get("from", value)
            and value <= bounds.get("to", value)
            and ("above" not in bounds or value > bounds["above"])
            and ("below" not in bounds or value < bounds["below"])
        )
    return (value in test[1]) == (test[0] == "in")
