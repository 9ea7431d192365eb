"""What a guideline guarantees, shown for every patient: ``prove`` reads statements on the compiled structure.

A statement is false if a counterexample exists, one patient or two, and a counterexample is a way through one or two
copies of the structure at once. First numbers are taken as independent: what holds so, holds for all patients. A
counterexample must then be a patient that can exist (see ``patients``), and is given as one. Nothing here needs z3:
the extra ``prove`` is for the tests, which show the same statements a second time from the YAML tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import product
from typing import Any

from ..errors import Incomplete, RuleFileError
from .build import Builder
from .compile import Compiler, Diagram
from .load import Guideline
from .patients import Exams, Patient, Patients
from .statements import Statement
from .tables import NOT_APPLICABLE, READING, Stage, Table, Variable
from .ways import Options, Part, Path, Space, Walk, Wrong

__all__ = ["Proof", "Prover", "Statement", "prove", "reached"]


@dataclass(frozen=True, slots=True)
class Proof:
    """Whether a statement holds; where it does not, ``witness`` says why, and ``patients`` are the counterexample."""

    id: str
    says: str
    holds: bool
    witness: str
    cite: str
    patients: tuple[Patient, ...] = ()


def prove(guideline: Guideline, statements: Sequence[Statement] = (), shown: Collection[str] = ()) -> tuple[Proof, ...]:
    """A proof of each statement, and of what every guideline must hold.

    ``shown``: rows (``table.row``) that known cases reach. One that a statement calls unreached refutes it; one that
    the search for patients does not find refutes the search, and nothing that rests on it is said to hold.
    Where the search cannot be complete (see ``trials.beyond``), neither is anything that rests on it.

    Added to the statements: the tables are complete and without contradiction (the compiler has shown it), some
    patient reaches every row that no statement calls ``unreached``, and some patient meets every silent spot.

    Raises:
        RuleFileError: a statement names what the guideline does not have.
    """
    prover = Prover(guideline, statements, frozenset(shown))
    return (*prover.general(), *(prover.proof(s) for s in statements))


def reached(guideline: Guideline) -> Mapping[str, Patient | None]:
    """For each row (``table.row``) a patient who reaches it by some reading; None where there is none."""
    return Prover(guideline, ()).reached


@dataclass
class Prover:
    """One guideline's proofs. The tests of statements may cut numbers more finely than the tables do."""

    guideline: Guideline
    statements: Sequence[Statement]
    shown: frozenset[str] = frozenset()
    parts: dict[tuple[str, str, str], Part] = field(default_factory=dict)

    @cached_property
    def space(self) -> Space:
        """The guideline's tables, and two for each statement: its tests, and its exceptions."""
        return Space(Builder({**self.guideline.document, "tables": [*self.guideline.document["tables"], *self._tests]}))

    @cached_property
    def builder(self) -> Builder:
        """The same, where tables can be read by themselves."""
        complete = map(_complete, self.guideline.document["tables"])
        return Builder({**self.guideline.document, "tables": [*complete, *self._tests]})

    @cached_property
    def _tests(self) -> list[dict[str, Any]]:
        return [table for s in self.statements for table in self._as_tables(s)]

    def _as_tables(self, s: Statement) -> Iterator[dict[str, Any]]:
        for name, rows in (("when", (s.when,)), ("unless", s.unless)):
            found = [{"id": f"{name} {n}", "if": dict(r), "then": True} for n, r in enumerate(rows, start=1)]
            own = {"title": s.id, "scope": self.scope(s), "cite": s.cite, "file": "proofs.yaml"}
            yield {**own, "id": f"{s.id}, {name}", "any": found}

    @cached_property
    def patients(self) -> Patients:
        """Who can be a counterexample."""
        return Patients(self.guideline, self.space.builder.by_name)

    @cached_property
    def exams(self) -> Exams:
        """Which exam can be one."""
        return Exams(self.guideline, self.space, self.patients)

    def scope(self, s: Statement) -> str:
        """Whether a statement is on findings or on the exam."""
        scopes = {t["id"]: str(t["scope"]) for t in self.guideline.document["tables"]}
        if s.of and s.of not in scopes:
            raise s.fail("of", s.of, ", ".join(scopes), "Name a table.")
        return scopes.get(s.of, "finding")

    # the structures that a proof walks

    def table(self, name: str, scope: str, readings: str) -> Part:
        """The structure of a table's result."""
        if (name, scope, readings) not in self.parts:
            diagram = self._diagram(name, scope)
            t = diagram.stage.table(name)
            self.parts[name, scope, readings] = self.space.part(diagram, lambda leaf: leaf.results[t], readings)
        return self.parts[name, scope, readings]

    def _diagram(self, name: str, scope: str) -> Diagram:
        """One that always ends in the table's result; compiled here where the guideline has none."""
        for d in self.diagrams:
            if d.stage.scope == scope and name in (d.stage.tables[t].id for t in d.stage.roots):
                return d
        return Compiler(self.builder.stage(scope, [name])).compile()

    @property
    def diagrams(self) -> tuple[Diagram, ...]:
        """All that the guideline was compiled to."""
        g = self.guideline
        return (g.finding, g.exam, *([g.applies] if g.applies else []), *g.apart.values())

    def tests(self, s: Statement) -> Part:
        """The structure that says whether a statement is on a patient."""
        roots = [f"{s.id}, when", *([f"{s.id}, unless"] if s.unless else [])]
        diagram = Compiler(self._stage(s, roots)).compile()
        when, *unless = map(diagram.stage.table, roots)
        return self.space.part(
            diagram,
            lambda leaf: leaf.results[when] == "yes" and all(leaf.results[t] == "no" for t in unless),
            s.readings,
        )

    def _stage(self, s: Statement, roots: list[str]) -> Stage:
        scope = self.scope(s)
        for key, tests in (("when", s.when), *(("unless", u) for u in s.unless)):
            for name, test in tests.items():
                if isinstance(test, Mapping) and "or" in test and not self._may_be_absent(name):
                    raise s.fail(key, f"n/a for {name}, which always arises", "no `or`", "Delete it.")
            self._sound(s, key, scope)
        return self.builder.stage(scope, roots)

    def _sound(self, s: Statement, key: str, scope: str) -> None:
        """What its tests name is there; the builder knows no lines."""
        try:
            self.builder.stage(scope, [f"{s.id}, {key}"])
        except RuleFileError as error:
            raise s.fail(key, error.found, error.allowed, error.cure) from error

    def _may_be_absent(self, name: str) -> bool:
        return name in self.builder.numbers and self.builder.may_be_absent(name)

    # statements

    def proof(self, s: Statement) -> Proof:
        """The proof of one statement."""
        if s.kind == "unreached":
            return self._unreached(s)
        tests, table = self.tests(s), s.of or str(self.guideline.head["category"])
        one = Walk(self.space, (tests,), self._options(s, 1), lambda r: bool(r[0]))
        if self._real(one, self.scope(s)) is None:
            words = "no patient meets its tests, so it says nothing"
            return Proof(s.id, s.says, False, self._but_unsure(words), s.cite)
        pair = s.kind in ("monotone", "same")
        parts = (tests, self.table(table, self.scope(s), s.readings)) * (2 if pair else 1)
        return self._proved(s, Walk(self.space, parts, self._options(s, 2 if pair else 1), self._wrong(s, table)))

    def _wrong(self, s: Statement, table: str) -> Wrong:
        """What contradicts the statement: of each patient whether it is on them, and the result."""
        if s.kind == "same":
            return lambda r: bool(r[0] and r[2] and r[1] != r[3])
        if s.kind == "monotone":
            lower = self._lower(s, table)
            return lambda r: bool(r[0] and r[2] and lower(r[1], r[3]))
        listed = self._among(s, s.names, table, s.kind)
        return lambda r: bool(r[0] and (r[1] in listed) == (s.kind == "never"))

    def _proved(self, s: Statement, walk: Walk) -> Proof:
        if walk.first() is None:
            return Proof(s.id, s.says, True, "", s.cite)
        path = self._real(walk, self.scope(s))
        if path is None:
            return Proof(s.id, s.says, not self.unsure, self.unsure and f"not proved: {self.unsure}", s.cite)
        ends, found = walk.results(path)[1::2], self._patients(path, self.scope(s))
        words = f"{found[0].words()}: {ends[0]}"
        if len(found) > 1:
            words += f"; {found[0].beside(found[1])}: {ends[1]}"
        return Proof(s.id, s.says, False, words, s.cite, found)

    def _real(self, walk: Walk, scope: str) -> Path | None:
        """A way that patients can go who can be."""
        if scope == "finding":
            return replace(walk, tied=self.patients.tied, can_be=self.patients.can_be, seen=set()).first()
        return replace(walk, tied=self.space.names, can_be=lambda c: self.exams.exam(c) is not None, seen=set()).first()

    @cached_property
    def unsure(self) -> str:
        """Why the search for patients may miss one, in words; empty where it misses none."""
        missed = sorted(row for row in self.shown if row in self.reached and self.reached[row] is None)
        if missed:
            return f"known cases reach {', '.join(missed)}, where the search for patients finds nobody"
        return self.patients.trials.beyond

    def _but_unsure(self, words: str) -> str:
        return f"{words}; not proved: {self.unsure}" if self.unsure else words

    def _lacks(self, verb: str, rows: Sequence[str]) -> str:
        return self._but_unsure(f"no patient {verb} {', '.join(rows)}") if rows else ""

    def _patients(self, path: Path, scope: str) -> tuple[Patient, ...]:
        found: list[Patient] = []
        for i in range(len(path[0][1]) if path else 1):
            cells = self.space.cells(path, i)
            like = dict(found[0].exam) | dict(found[0].findings[0]) if found and found[0].findings else None
            exam = self.exams.exam(cells) if scope == "exam" else None
            found.append(exam or self.patients.patient(cells, like))
        return tuple(found)

    # what two patients may differ in, and what is lower

    def _options(self, s: Statement, patients: int) -> Options:
        moving = {v for name in s.names for v in self._moving(s, name)} if patients == 2 else set()
        return [self._cells(s, v, patients, v.name in moving) for v in self.space.variables]

    def _cells(self, s: Statement, v: Variable, patients: int, moves: bool) -> list[tuple[int, ...]]:
        every = range(len(v.domain))
        if v.name == READING:
            return [(c,) * patients for c in (every if s.readings == "all" else (0,))]
        if not moves:
            return [(c,) * patients for c in every]
        if s.kind == "same":
            return list(product(every, repeat=2))
        rank = self._ranks(s, v)
        return [(a, b) for a in every for b in every if a == b or (a in rank and b in rank and rank[a] < rank[b])]

    def _ranks(self, s: Statement, v: Variable) -> dict[int, int]:
        """The place of each cell on the way up; n/a has none."""
        if v.cuts is not None:
            return {c: c for c, name in enumerate(v.domain) if name != NOT_APPLICABLE}
        along = s.along or ("no", "yes")
        if not set(along) <= set(v.domain):
            raise s.fail("along", ", ".join(along), ", ".join(v.domain), "Order these values.")
        return {v.domain.index(value): i for i, value in enumerate(along)}

    def _moving(self, s: Statement, name: str) -> list[str]:
        """The variables that a name stands for."""
        names = self.space.names
        found = [n for n in names if n == name or n.startswith(f"{name}.")]
        if s.kind == "same":
            found += [n for n, inputs in self.guideline.behind.items() if name in inputs and n in names]
        if not found and (s.kind == "monotone" or name not in {*self.guideline.inputs, *self.guideline.numbers}):
            raise s.fail(s.kind, name, ", ".join(names), "Name one of these.")
        return found

    def _among(self, s: Statement, names: tuple[str, ...], table: str, key: str) -> tuple[str, ...]:
        """The results named, all of which the table can have; points are any number."""
        if "sum" not in self.space.builder.raw[table]:
            known = self.space.builder.outcomes(table)
            if not set(names) <= set(known):
                raise s.fail(key, ", ".join(names), ", ".join(known), "Name results of it.")
        return names

    def _lower(self, s: Statement, table: str) -> Callable[[str, str], bool]:
        """Whether the second result is lower than the first; one outside the order is on no level with one in it."""
        if "sum" in self.space.builder.raw[table]:
            return lambda a, b: int(b) < int(a)
        order = self._among(s, s.order, table, "order")
        rank = {r: i for i, r in enumerate(order)} or {r: i for r, i in self.guideline.rank.items() if i >= 0}
        return lambda a, b: rank[b] < rank[a] if a in rank and b in rank else a != b

    # what every guideline must hold

    def general(self) -> Iterator[Proof]:
        """Complete without contradiction, every row reached, silent spots met."""
        title, leaves = str(self.guideline.head["title"]), sum(len(d.leaves) for d in self.diagrams)
        waived = {row for s in self.statements if s.kind == "unreached" for row in s.names}
        idle = [row for row, patient in self.reached.items() if patient is None and row not in waived]
        silent = [f"{table['id']}.{row['id']}" for table, row in _silent(self.guideline)]
        unmet = [row for row in silent if self.reached.get(row) is None]
        says = (
            f"every patient meets exactly one row of each table that is asked ({leaves} outcomes, shown by compiling)"
        )
        yield Proof("complete", says, True, "", title)
        says = f"some patient reaches each of the {len(self.reached)} rows{_but(sorted(waived))}"
        yield Proof("rows", says, not idle, self._lacks("reaches", idle), title)
        spots = f"{len(silent)} spots, and some patient meets each: {', '.join(silent)}" if silent else "no spot"
        says = f"the guideline's text is silent at {spots}"
        yield Proof("silent", says, not unmet, self._lacks("meets", unmet), title)

    def _unreached(self, s: Statement) -> Proof:
        for name in s.names:
            if name not in self.reached:
                raise s.fail("unreached", name, ", ".join(self.reached), "Name rows as table.row.")
        met = {name: patient for name in s.names if (patient := self.reached[name])}
        told = [f"{name}: {patient.words()}" for name, patient in met.items()]
        told += [f"{name}: a known case reaches it" for name in s.names if name in self.shown and name not in met]
        told += [f"not proved: {self.unsure}"] if self.unsure and not told else []
        return Proof(s.id, s.says, not told, "; ".join(told), s.cite, tuple(met.values()))

    @cached_property
    def reached(self) -> Mapping[str, Patient | None]:
        """For each row a patient who reaches it by some reading; None where there is none."""
        found: dict[str, Patient | None] = {}
        for diagram in self.diagrams:
            for t, table in enumerate(diagram.stage.tables):
                for name, r in _rows(table):
                    found[name] = found.get(name) or self._reaches(diagram, t, r)
        idle = {name.partition(".")[0] for name, patient in found.items() if patient is None}
        for diagram in self._alone(idle):
            t = diagram.stage.roots[0]
            for name, r in _rows(diagram.stage.tables[t]):
                if name in found:
                    found[name] = found[name] or self._reaches(diagram, t, r)
        return found

    def _alone(self, tables: Collection[str]) -> Iterator[Diagram]:
        """Tables by themselves: a row may fit where the whole need not know which of two rows does."""
        scopes = {t.id: d.stage.scope for d in self.diagrams for t in d.stage.tables if t.id in tables}
        for table, scope in scopes.items():
            with suppress(Incomplete):  # it cannot be read by itself; then its row counts as not reached
                yield self._diagram(table, scope)

    def _reaches(self, diagram: Diagram, t: int, r: int) -> Patient | None:
        """A patient whose way ends in this row; where one fitting row is enough, one whom this row fits."""
        table, scope = diagram.stage.tables[t], diagram.stage.scope
        row, met = table.rows[r], r if table.met is None else table.met
        parts = [self.space.part(diagram, lambda leaf: (t, met) in leaf.rows, "all")]
        if table.met is not None:
            parts += [self.space.test(diagram.stage, row.cells)]
            parts += [self._gives(diagram.stage.tables[u].id, scope, allowed) for u, allowed in row.results.items()]
        options = [[(c,) for c in range(len(v.domain))] for v in self.space.variables]
        path = self._real(Walk(self.space, tuple(parts), options, all), scope)
        return None if path is None else self._patients(path, scope)[0]

    def _gives(self, table: str, scope: str, allowed: frozenset[str]) -> Part:
        diagram = self._diagram(table, scope)
        t = diagram.stage.table(table)
        return self.space.part(diagram, lambda leaf: leaf.results[t] in allowed, "all")


def _complete(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """The table with n/a where no row fits: by itself it is asked also where the guideline never asks it."""
    if "rows" not in table or "otherwise" in table:
        return table
    return {**table, "otherwise": {"id": "otherwise", "then": NOT_APPLICABLE}}


def _rows(table: Table) -> Iterator[tuple[str, int]]:
    """(``table.row``, its index) of the rows as written: neither other readings of one nor "one of them fits"."""
    for r, row in enumerate(table.rows[: table.met]):
        if "/" not in row.id:
            yield f"{table.id}.{row.id.removeprefix(table.id + '.')}", r


def _but(waived: Sequence[str]) -> str:
    return f", but {', '.join(waived)}" if waived else ""


def _silent(guideline: Guideline) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """(table, row) where the guideline's text does not decide."""
    for table in guideline.document["tables"]:
        rows = (*table.get("rows", ()), *table.get("any", ()), *([table["otherwise"]] if "otherwise" in table else ()))
        yield from ((table, row) for row in rows if "silent" in row)
