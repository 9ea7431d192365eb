"""A guideline's YAML tables in z3: an independent reading, made directly from the document, for checks only.

Nothing here comes from ``build.py`` or ``compile.py``. A document is the plain one of ``source.read``: ``guideline``,
``inputs``, ``tables``. Numbers are reals (on the lattice of their rounding) that may be n/a; what ties numbers to each
other (a difference, a largest increase, a bound) is part of ``domain`` and never excludes a patient who can be. It may
allow some who cannot: older sizes are only known by their largest increase.

    equivalent(before, after, ["nodule"])  # True, or a case in which the tables differ
"""

from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

import z3

NA, NONE, READING, WORST = "n/a", "none", "reading", "worst"
DERIVED = ("difference", "percent_change", "largest_increase", "count_exams", "same_cuts", "either", "mean_of", "input")


@dataclass
class Chosen:
    """A variable with finitely many values, as an integer."""

    code: z3.ArithRef
    values: tuple[str, ...]

    def one_of(self, names):
        return z3.Or([self.code == self.values.index(n) for n in names])


@dataclass
class Amount:
    """A number: ``over`` / ``under``, or n/a. Fractions stay unevaluated, so that every test is linear."""

    over: z3.ArithRef
    under: Any  # 1, or a positive real
    absent: z3.BoolRef

    def within(self, test):
        """Whether it passes a range as written."""
        bounds = {k: exact(v) * self.under for k, v in test.items() if k != "or"}
        signs = {"from": "__ge__", "above": "__gt__", "to": "__le__", "below": "__lt__"}
        inside = z3.And(z3.Not(self.absent), *(getattr(self.over, signs[k])(b) for k, b in bounds.items()))
        return z3.Or(self.absent, inside) if "or" in test else inside


@dataclass
class Encoding:
    """One document. ``prefix`` keeps the variables of several encodings apart; without it they are the same ones."""

    document: dict
    prefix: str = ""
    variables: dict[str, Any] = field(default_factory=dict)  # Chosen or Amount, by name
    results: dict[str, dict[str, z3.BoolRef]] = field(default_factory=dict)  # table -> result -> whether it is that
    points: dict[str, z3.ArithRef] = field(default_factory=dict)  # table that adds up -> its sum
    domain: list[z3.BoolRef] = field(default_factory=list)
    amounts: dict[str, Amount] = field(default_factory=dict)

    @property
    def tables(self):
        return {t["id"]: t for t in self.document["tables"]}

    @property
    def inputs(self):
        groups = self.document["inputs"]
        return {n: i for scope in ("exam", "patient", "finding") for n, i in groups.get(scope, {}).items()}

    def result(self, table, symbol):
        """Whether a table's result is a symbol (points as text)."""
        self.encode_table(table)
        if table in self.points:
            return self.points[table] == int(symbol)
        return self.results[table].get(symbol, z3.BoolVal(False))

    def met(self, tests):
        """Whether all tests of a row hold."""
        return z3.And([self.test(name, test) for name, test in tests.items()])

    def test(self, name, test):
        if name in self.tables and name not in self.variables:
            return self._result_test(name, test)
        v = self.variable(name)
        if isinstance(v, Amount):
            if isinstance(test, dict) and "not" not in test:
                return v.within(test)
            wanted = v.absent if symbols(test["not"] if isinstance(test, dict) else test) == [NA] else None
            assert wanted is not None, (name, test)
            return z3.Not(wanted) if isinstance(test, dict) else wanted
        return z3.Not(v.one_of(symbols(test["not"]))) if isinstance(test, dict) else v.one_of(symbols(test))

    def _result_test(self, table, test):
        self.encode_table(table)
        if table in self.points and isinstance(test, dict) and "not" not in test:
            return Amount(z3.ToReal(self.points[table]), 1, z3.BoolVal(False)).within(test)
        names = symbols(test["not"] if isinstance(test, dict) else test)
        if isinstance(test, dict):
            assert table not in self.points
            return z3.Or([is_it for s, is_it in self.results[table].items() if s not in names])
        return z3.Or([self.result(table, s) for s in names])

    # variables

    def variable(self, name):
        if name not in self.variables:
            self.variables[name] = self._variable(name)
        return self.variables[name]

    def _variable(self, name):
        head = self.document["guideline"]
        if name == WORST:
            return self._chosen(name, [*(c["id"] for c in head["categories"]), *head.get("outside", ()), NONE])
        if name.startswith("leading."):
            answer = head["finding_answers"][name.removeprefix("leading.")]["table"]
            return self._chosen(name, outcomes(self.document, answer))
        if name == READING:
            rows = [r for t in self.document["tables"] for r in rows_of(t)]
            return self._chosen(name, range(1 + max((len(others(r)) for r in rows), default=0)))
        stem, _, feature = name.partition(".")
        definition = self.inputs.get(stem)
        if definition and definition["type"] in ("bool", "enum", "set"):
            if feature:
                self._exactly(stem, definition)
            values = definition["values"] if definition["type"] == "enum" else ("no", "yes")
            return self._chosen(name, [*values, *([NA] if definition.get("absent") == NA and not feature else [])])
        return self.amount(name)

    def _chosen(self, name, values):
        code = z3.Int(self.prefix + name)
        self.domain.append(z3.And(code >= 0, code < len(values)))
        return Chosen(code, tuple(map(str, values)))

    def _exactly(self, name, definition):
        """Of some sets exactly so many values are named where any are."""
        features = [f"{name}.{v}" for v in definition["values"]]
        if "exactly" in definition and features[0] not in self.variables:
            for f in features:
                self.variables[f] = self._chosen(f, ("no", "yes"))
            total = z3.Sum([self.variables[f].code for f in features])
            self.domain.append(z3.Or(total == 0, total == definition["exactly"]))

    # numbers

    def amount(self, name):
        if name not in self.amounts:
            definition = self.document["inputs"].get("numbers", {}).get(name)
            self.amounts[name] = self._input(name) if definition is None else self._number(name, definition)
            self._bounded(name)
        return self.amounts[name]

    def _input(self, name):
        definition = self.inputs[name]
        value, absent = z3.Real(self.prefix + name), z3.Bool(f"{self.prefix}{name} n/a")
        low, high = map(exact, definition["range"])
        self.domain.append(z3.And(value >= low, value <= high))
        if definition.get("absent") != NA:
            self.domain.append(z3.Not(absent))
        return Amount(value, 1, absent)

    def _number(self, name, definition):
        kind = next(k for k in DERIVED if k in definition)
        made = getattr(self, f"_{kind}_number", None)
        of = made(name, definition[kind]) if made else self.amount(self._first(kind, definition[kind]))
        return self._rounded(name, of, exact(definition["round"])) if "round" in definition else of

    def _first(self, kind, given):
        """Of several ways to state a number the first; an input is itself."""
        return given if kind == "input" else given["first"] if kind == "same_cuts" else given[0]

    def _rounded(self, name, of, step):
        tick = z3.Int(f"{self.prefix}{name} in steps")
        value = z3.ToReal(tick) * step
        self.domain.append(z3.And(of.over >= value - step / 2, of.over < value + step / 2))
        return Amount(value, 1, of.absent)

    def _mean_of_number(self, name, given):
        a, b = map(self.amount, given)
        return Amount((a.over + b.over) / 2, 1, z3.Or(a.absent, b.absent))

    def _difference_number(self, name, given):
        a, b = map(self.amount, given)
        return Amount(a.over - b.over, 1, z3.Or(a.absent, b.absent))

    def _percent_change_number(self, name, given):
        a, b = map(self.amount, given)
        self.domain.append(b.over > 0)
        return Amount((a.over - b.over) * 100, b.over, z3.Or(a.absent, b.absent))

    def _largest_increase_number(self, name, given):
        value, absent = z3.Real(self.prefix + name), z3.Bool(f"{self.prefix}{name} n/a")
        now, prior, months = (self.amount(given[k]) for k in ("now", "prior", "interval"))
        counts = z3.And(z3.Not(prior.absent), months.over <= exact(given.get("within_months", 10**6)))
        self.domain += [z3.Implies(counts, z3.And(z3.Not(absent), value >= now.over - prior.over)), value <= now.over]
        for other, d in self.document["inputs"]["numbers"].items():
            wider = d.get("largest_increase", {})
            if "within_months" in given and wider and "within_months" not in wider:
                whole = self.amount(other)
                self.domain.append(z3.Implies(z3.Not(absent), z3.And(z3.Not(whole.absent), whole.over >= value)))
        return Amount(value, 1, absent)

    def _count_exams_number(self, name, given):
        count, prior = z3.Int(self.prefix + name), self.amount(given["prior"])
        self.domain.append(count >= z3.If(prior.absent, 0, 1))
        for other, d in self.document["inputs"]["numbers"].items():
            if "largest_increase" in d and "within_months" not in d["largest_increase"]:
                self.domain.append((count == 0) == self.amount(other).absent)
        return Amount(z3.ToReal(count), 1, z3.BoolVal(False))

    def _bounded(self, name):
        """What is never greater than something else."""
        for limit in self.document["inputs"].get("at_most", ()):
            if limit["small"] in self.amounts and name in (limit["small"], limit["large"]):
                small, large = self.amount(limit["small"]), self.amount(limit["large"])
                self.domain.append(z3.Or(small.absent, large.absent, small.over <= large.over))

    # tables

    def encode_table(self, name):
        if name in self.results or name in self.points:
            return
        table = self.tables[name]
        for part in parts_of(table):
            self.encode_table(part)
        if "sum" in table:
            self.points[name] = z3.Sum([self._points(p) for p in table["sum"]])
        elif "union" in table:
            self.results[name] = merged((s, r) for p in table["union"] for s, r in self.results[p].items() if s != NA)
        else:
            asked = self.met(table.get("when", {}))
            self.results[name] = merged(self._decided(table, asked))

    def _points(self, part):
        if part in self.points:
            return self.points[part]
        return z3.Sum([z3.If(r, 0 if s == NA else int(s), 0) for s, r in self.results[part].items()])

    def _decided(self, table, asked):
        """(result, when) of a table that has rows."""
        rows = [(row, self.met(row.get("if", {}))) for row in [*table.get("rows", ()), *table.get("any", ())]]
        some = z3.Or([fits for _, fits in rows])
        if "any" in table:
            yield from (("yes", z3.And(asked, some)), ("no", z3.And(asked, z3.Not(some))), (NA, z3.Not(asked)))
            return
        if "otherwise" in table:
            rows.append((table["otherwise"], z3.Not(some)))
        for row, fits in rows:
            above = [f for r, f in rows if row.get("id") in r.get("over", ())]
            yield from self._row(table, row, z3.And(asked, fits, *map(z3.Not, above)))
        yield from self._then(table, {"by": 0} if "adjust" in table else NA, z3.Not(asked))

    def _row(self, table, row, fits):
        """What a row gives, by each reading where the guideline is silent."""
        reading, alternatives = self.variable(READING).code, others(row)
        for n, other in enumerate(alternatives, start=1):
            yield from self._then(table, other, z3.And(fits, reading == n))
        usual = z3.Or(reading == 0, reading > len(alternatives)) if alternatives else z3.BoolVal(True)
        yield from self._then(table, row["then"], z3.And(fits, usual))

    def _then(self, table, then, when):
        if not isinstance(then, dict):
            yield symbols(then)[0], when
            return
        order = [c["id"] for c in self.document["guideline"]["categories"]]
        for symbol, base in self.results[table["adjust"]].items():
            yield stepped(order, symbol, then), z3.And(when, base)


def encode(document, prefix=""):
    """The encoding of a document, with all its tables."""
    encoding = Encoding(document, prefix)
    for table in encoding.tables:
        encoding.encode_table(table)
    return encoding


def equivalent(document_a, document_b, roots):
    """True where the tables named give the same results for every patient by every reading, else a case as a dict.

    The case may be one that no patient can be in (see above); True is always true.
    """
    a, b = Encoding(document_a), Encoding(document_b)
    differ = []
    for root in roots:
        a.encode_table(root)
        b.encode_table(root)
        if root in a.points:
            differ.append(a.points[root] != b.points[root])
        else:
            both = {*a.results[root], *b.results[root]}
            differ += [a.result(root, s) != b.result(root, s) for s in sorted(both)]
    return unsatisfiable([*a.domain, *b.domain, z3.Or(differ)], a)


def unsatisfiable(conditions, *encodings):
    """True, or the case that meets all conditions."""
    solver = z3.Solver()
    solver.add(*(c for e in encodings for c in e.domain), *conditions)
    found = solver.check()
    assert found != z3.unknown, solver.reason_unknown()
    if found == z3.unsat:
        return True
    model = solver.model()
    return {e.prefix + n: shown(model, v) for e in encodings for n, v in e.variables.items()}


def shown(model, v):
    """The value of a variable in a model, as text."""
    if isinstance(v, Chosen):
        return v.values[model.eval(v.code, model_completion=True).as_long()]
    if z3.is_true(model.eval(v.absent, model_completion=True)):
        return NA
    return str(model.eval(v.over / v.under, model_completion=True))


# reading the document


def exact(number):
    """A number as written, exactly."""
    f = Fraction(Decimal(str(number)))
    return z3.RatVal(f.numerator, f.denominator)


def symbols(test):
    """A symbol or a list of them, yes and no for true and false."""
    listed = test if isinstance(test, list | tuple) else [test]
    return [{True: "yes", False: "no"}[s] if isinstance(s, bool) else str(s) for s in listed]


def rows_of(table):
    return [*table.get("rows", ()), *table.get("any", ()), *([table["otherwise"]] if "otherwise" in table else [])]


def parts_of(table):
    return [*table.get("sum", ()), *table.get("union", ()), *([table["adjust"]] if "adjust" in table else [])]


def others(row):
    return row.get("silent", {}).get("alternatives", ())


def merged(pairs):
    """(result, when) gathered by result."""
    found = {}
    for symbol, when in pairs:
        found.setdefault(symbol, []).append(when)
    return {symbol: z3.Or(whens) for symbol, whens in found.items()}


def stepped(order, symbol, then):
    """A category moved by steps; a cap holds it back, but never moves it the other way."""
    if symbol not in order:
        return symbol
    at, by = order.index(symbol), then["by"]
    cap = order.index(then["cap"]) if "cap" in then else (len(order) - 1 if by > 0 else 0)
    if by > 0:
        return order[min(at + by, cap)] if at < cap else symbol
    return order[max(at + by, cap)] if at > cap else symbol


def outcomes(document, name):
    """All results of a table that has rows."""
    table = {t["id"]: t for t in document["tables"]}[name]
    if "any" in table:
        return ["no", "yes"]
    found = [s for row in rows_of(table) for s in (*symbols(row["then"]), *others(row))]
    return list(dict.fromkeys([*found, *([NA] if "when" in table else [])]))
