"""Whether a mutant says the same of every patient, by z3 (``tests/z3_tables.py``): same results, by every reading.

A changed table that leaves a hole or an overlap where the original had one result is never the same, needed or not.
Changes of a form or of a number's definition come before what is encoded; of these only rounding what is rounded
already is proved to be nothing.
Of the exam's tables only what the findings can give is looked at (``worst`` and the leading answers).
"""

from functools import cached_property
from itertools import product

import z3
import z3_tables
from z3_tables import NONE, WORST, Encoding

PATIENCE_MS = 20_000  # what is not proved by then counts as not proved


class Same:
    """Proofs for the mutants of one guideline."""

    def __init__(self, document):
        self.document, self.base = document, z3_tables.encode(document)

    @cached_property
    def roots(self):
        """The tables that give the answer: of a finding, and of the exam."""
        head = self.document["guideline"]
        finding = [head["category"], *(a["table"] for a in head.get("finding_answers", {}).values())]
        exam = [head["exam_category"], *(a["table"] for a in head.get("exam_answers", {}).values())]
        return set(finding), {*exam, *(head[k] for k in ("management", "applies") if k in head)}

    @cached_property
    def from_findings(self):
        """What findings give the exam: a category with the leading answers that a finding can have, or nothing."""
        head = self.document["guideline"]
        tables = [head["category"], *(head["finding_answers"][n]["table"] for n in head.get("leading", ()))]
        names = [WORST, *(f"leading.{n}" for n in head.get("leading", ()))]
        given = [self.base.variable(n) for n in names]
        solver = z3.Solver()
        solver.add(*self.base.domain)
        none = [g.values[0] for g in given[1:]]
        options = [z3.And([g.one_of([v]) for g, v in zip(given, [NONE, *none], strict=True)])]
        for values in product(*(self.base.results[t] for t in tables)):
            if solver.check([self.base.result(t, v) for t, v in zip(tables, values, strict=True)]) != z3.unsat:
                options.append(z3.And([g.one_of([v]) for g, v in zip(given, values, strict=True)]))
        return z3.Or(options)

    def proves(self, document, table):
        """Whether a document in which this table was changed says the same as the original."""
        kept = {n for n in self.base.tables if n not in self.behind(table)}
        changed = Encoding(
            document,
            variables=dict(self.base.variables),
            amounts=dict(self.base.amounts),
            results={n: r for n, r in self.base.results.items() if n in kept},
            points={n: p for n, p in self.base.points.items() if n in kept},
        )
        finding, exam = self.roots
        changed.encode_table(table)
        return (
            self.whole(changed, table)
            and self.alike(changed, finding - kept, [])
            and self.alike(changed, exam - kept, [self.from_findings])
        )

    def whole(self, changed, table):
        """Whether the changed table has one result wherever the original has one."""
        if table not in self.base.results:
            return True
        one, now = (z3.PbEq([(when, 1) for when in e.results[table].values()], 1) for e in (self.base, changed))
        return self.never(changed, [one, z3.Not(now)])

    @cached_property
    def readers(self):
        """Table -> the tables that look at it."""
        found = {n: set() for n in self.base.tables}
        for name, raw in self.base.tables.items():
            tests = [raw.get("when", {}), *(row.get("if", {}) for row in z3_tables.rows_of(raw))]
            for n in (*z3_tables.parts_of(raw), *(n for test in tests for n in test)):
                if n in found:
                    found[n].add(name)
        return found

    def behind(self, table):
        """The table and all that look at it, directly or not."""
        found, new = set(), {table}
        while new:
            found |= new
            new = {reader for t in new for reader in self.readers[t]} - found
        return found

    def alike(self, changed, roots, conditions):
        """Whether no patient gets another result of any of these tables."""
        differ = [d for root in roots for d in self.differences(changed, root)]
        return not differ or self.never(changed, [*conditions, z3.Or(differ)])

    def never(self, changed, conditions):
        """Whether no patient meets all conditions."""
        solver = z3.Solver()
        solver.set("timeout", PATIENCE_MS)
        solver.add(*self.base.domain, *changed.domain, *conditions)
        return solver.check() == z3.unsat

    def differences(self, changed, root):
        """For each result of a table: when only one of the two documents gives it."""
        changed.encode_table(root)
        if root in self.base.points:
            return [self.base.points[root] != changed.points[root]]
        both = {*self.base.results[root], *changed.results[root]}
        return [self.base.result(root, s) != changed.result(root, s) for s in sorted(both)]


def rounds_again(numbers, name):
    """Whether a number's rounding does nothing, because what it is taken from is rounded to the same step."""
    definition = numbers[name]
    sources = definition.get("either") or [definition.get("input")]
    if not all(numbers.get(s, {}).get("round") == definition["round"] for s in sources):
        return False
    ticks, step, solver = z3.Int("ticks"), z3_tables.exact(definition["round"]), z3.Solver()
    value = z3.ToReal(ticks) * step
    solver.add(z3.ToReal(z3.ToInt(value / step + z3.Q(1, 2))) * step != value)
    return solver.check() == z3.unsat
