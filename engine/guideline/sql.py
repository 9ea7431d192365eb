"""A guideline as one SELECT: the category of ten million exams where they lie.

The diagram becomes a few lookup tables (``steps.py``) that are joined one after the other on the
state reached and the cells of the next columns. Measured on 2 cores: nested CASE cannot hold the
diagram (it has no shared branches), indexing constant lists gave 5 M/s for five lookups, joins
30 M/s for three.

The columns of a relation are the inputs of the guideline (``columns``), one row a finding or an
exam. NULL is unknown; not applicable is the word ``n/a`` in columns of words, and TRUE in the
column ``<input>.na`` beside numbers and yes/no; a ``history`` without earlier exams is an empty
list. The SELECT never guesses: where the category is not decided it is NULL, and ``status`` says
``undecided`` (an input that is NULL matters; ask ``evaluate`` for what is still possible) or
``refused`` (a value that the input cannot have, or two that contradict each other).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..errors import Unsupported
from .columns import Columns, Sql, sqlglot_expressions
from .compile import NA_ROW, Diagram, Leaf
from .load import Guideline
from .steps import REFUSED, START, Outcome, Step, Steps, steps_of, unknown
from .tables import NO_FINDING, READING, WORST, Stage, Variable

DIALECTS = ("duckdb", "spark")
EXAM_KEY = "exam_id"


def findings_select(
    guideline: Guideline,
    dialect: str = "duckdb",
    source: str = "findings",
    keys: Sequence[str] = ("finding_id",),
    given: Collection[str] | None = None,
) -> str:
    """A SELECT from ``source``, one row a finding: ``keys``, category, status, alternatives, leaf.

    ``alternatives``: the categories by other readings where the guideline is silent, joined by "|".
    ``leaf`` counts the diagram's leaves, whose rows ``rows_of`` names; NULL where several leaves of one
    category are open. ``given``: the columns that ``source`` has, where it lacks some: those are unknown.

    Raises:
        MissingExtra: the extra ``audit`` is absent. Unsupported: another dialect, or a number that SQL
            cannot compute exactly.
    """
    query = _Query(guideline, _known(dialect), given)
    query.read(guideline.finding, _finding_outcomes(guideline), source, keys, {})
    e = query.e
    chosen = [e.column(name, table="walked", quoted=True) for name in keys]
    chosen += [e.column(name, table="ends", quoted=True) for name in ("category", "status", "alternatives", "leaf")]
    return query.select(chosen)


def exams_select(
    guideline: Guideline,
    dialect: str = "duckdb",
    findings: str = "findings",
    exams: str = "exams",
    given: Collection[str] | None = None,
) -> str:
    """A SELECT, one row an exam: exam_id, category, status, by_default, leaf.

    ``findings`` has exam_id and the finding's inputs; ``exams`` has exam_id, the inputs of exam and
    patient, and ``assessed`` (TRUE: somebody looked for findings; else an exam without any is undecided).
    ``by_default``: the exam or a finding of it stands on the default reading of a silent spot.

    Raises: as ``findings_select``; Unsupported also where two results of a finding are no category, so that
        none of them is the higher one.
    """
    query = _Query(guideline, _known(dialect), given)
    query.exams(findings, exams)
    e = query.e
    refused = e.column("refused", table="walked", quoted=True)
    status = e.Case().when(refused, e.Literal.string("refused")).else_(e.column("status", table="ends", quoted=True))
    category = e.Case().when(e.not_(refused.copy()), e.column("category", table="ends", quoted=True))
    silent = e.column("alternatives", table="ends", quoted=True).neq(e.Literal.string(""))
    by_default = e.or_(e.column("silent", table="walked", quoted=True), silent)
    leaf = e.Case().when(e.not_(refused.copy()), e.column("leaf", table="ends", quoted=True))
    made = {"category": category, "status": status, "by_default": by_default, "leaf": leaf}
    chosen = [e.alias_(expression, name, quoted=True) for name, expression in made.items()]
    return query.select([e.column(EXAM_KEY, table="walked", quoted=True), *chosen])


def columns(guideline: Guideline, scopes: Collection[str] = ("exam", "patient", "finding")) -> dict[str, str]:
    """The columns that a relation can have, with their DuckDB types, in the order of the inputs.

    Raises:
        MissingExtra: the extra ``audit`` is absent.
    """
    typed, found = Columns(guideline), dict[str, str]()
    for name, (scope, i) in guideline.inputs.items():
        if scope in scopes and i["type"] not in ("text", "date"):
            for column in [f"{name}.{value}" for value in i["values"]] if i["type"] == "set" else [name]:
                found[column] = typed.type_of(column)
            if i.get("absent") == "n/a" and i["type"] in ("number", "bool"):
                found[f"{name}.na"] = "BOOLEAN"
    return found


def rows_of(diagram: Diagram, leaf: int) -> tuple[str, ...]:
    """The rows of a leaf as ``table.row``, in stage order, as a trace names them."""
    tables = diagram.stage.tables
    return tuple(
        f"{tables[t].id}.{tables[t].rows[row].id.removeprefix(tables[t].id + '.')}"
        for t, row in diagram.leaves[leaf].rows
        if row != NA_ROW
    )


def _known(dialect: str) -> str:
    if dialect not in DIALECTS:
        raise Unsupported("sql", "dialect", dialect, ", ".join(DIALECTS), "Use one of these.")
    return dialect


class _Outcomes:
    """The outcome at a leaf and its other readings."""

    def __init__(self, diagram: Diagram, category: int, leading: Sequence[int] = (), rows: bool = True) -> None:
        self.number = {id(leaf): n for n, leaf in enumerate(diagram.leaves)} if rows else {}
        self.category, self.leading = category, leading

    def __call__(self, leaves: tuple[Leaf, ...]) -> Outcome:
        """The default reading's, with the categories of the others beside it."""
        first, others = leaves[0], {leaf.results[self.category] for leaf in leaves[1:]}
        category = first.results[self.category]
        leading = tuple(first.results[t] for t in self.leading)
        return Outcome(category, frozenset(others - {category}), leading, self.number.get(id(first)))


def _finding_outcomes(guideline: Guideline) -> _Outcomes:
    return _Outcomes(guideline.finding, guideline.finding.stage.table(guideline.head["category"]))


class _Query:
    """One SELECT on its way: CTEs by name, in order."""

    def __init__(self, guideline: Guideline, dialect: str, given: Collection[str] | None) -> None:
        self.e, self.guideline, self.dialect, self.given = sqlglot_expressions(), guideline, dialect, given
        self.ctes: dict[str, Sql] = {}

    def select(self, chosen: list[Sql]) -> str:
        """The text of the whole."""
        on = self.e.column("state", table="ends").eq(self.e.column("state", table="walked"))
        query = self.e.select(*chosen).from_("walked").join("ends", on=on)
        for name, cte in self.ctes.items():
            looked_up = self.dialect == "duckdb" and name.startswith("step")  # built once, also where read twice
            query = query.with_(name, as_=cte, materialized=True if looked_up else None)
        text: str = query.sql(self.dialect, pretty=False)
        return text

    def read(
        self, diagram: Diagram, outcomes: _Outcomes, source: str | Sql, keys: Sequence[str], cells: Mapping[str, Sql],
        prefix: str = "",
    ) -> Steps:  # fmt: skip
        """CTEs ``walked`` (keys, state) and ``ends``. ``cells``: the cells of variables that follow from findings."""
        steps = steps_of(diagram, outcomes)
        self._cells(steps, diagram.stage, source, keys, cells, prefix)
        last = f"{prefix}cells"
        for n, step in enumerate(steps.steps):
            self.ctes[f"step_{prefix}{n}"] = self._lookup(step.next.tolist())
            last = self._walk(last, n, len(steps.steps), step, keys, prefix)
        if not steps.steps:  # nothing to ask: every finding ends where it starts
            self.ctes[f"{prefix}walked"] = self.e.select(*map(self._quoted, (*keys, "state"))).from_(last)
        self.ctes[f"{prefix}ends"] = self._ends(steps, diagram.stage, outcomes.leading)
        return steps

    def _quoted(self, name: str) -> Sql:
        return self.e.column(name, quoted=True)

    def _cells(
        self, steps: Steps, stage: Stage, source: str | Sql, keys: Sequence[str], cells: Mapping[str, Sql], prefix: str
    ) -> None:
        """CTEs down to one integer a step: its key without the state."""
        read = Columns(self.guideline, self.given)
        made = {f"key {n}": self._key(step, stage, read, cells) for n, step in enumerate(steps.steps)}
        made["state"] = self._start(read) if stage.scope == "finding" else self.e.Literal.number(START)
        table: Any = self.e.to_table(source) if isinstance(source, str) else source
        for depth, layer in enumerate(read.layers):
            if layer:
                aliases = [self.e.alias_(x, name, quoted=True) for name, x in layer.items()]
                self.ctes[f"{prefix}numbers_{depth}"] = self.e.select("*", *aliases).from_(table)
                table = self.e.to_table(f"{prefix}numbers_{depth}")
        aliases = [self.e.alias_(x, name, quoted=True) for name, x in made.items()]
        self.ctes[f"{prefix}cells"] = self.e.select(*map(self._quoted, keys), *aliases).from_(table)

    def _start(self, read: Columns) -> Sql:
        """The state before the first step: ``REFUSED`` where numbers that bound each other do not."""
        limits = self.guideline.document["inputs"].get("at_most", ())
        broken = read.broken([(limit["small"], limit["large"]) for limit in limits])
        start = self.e.Literal.number(START)
        return start if broken is None else self.e.Case().when(broken, self.e.Literal.number(REFUSED)).else_(start)

    def _key(self, step: Step, stage: Stage, read: Columns, cells: Mapping[str, Sql]) -> Sql:
        """The cells of a step's variables as the digits of one number."""
        key: Sql = None
        for at, size in zip(step.variables, step.sizes, strict=True):
            variable = stage.variables[at]
            cell = cells[variable.name] if variable.name in cells else read.cell(variable)
            key = cell if key is None else self.e.paren(key * read.number(size)) + cell
        return key

    def _walk(self, last: str, n: int, steps: int, step: Step, keys: Sequence[str], prefix: str) -> str:
        """The CTE after one more step; the last one is ``walked``."""
        size = len(step.next) // _states(step)
        key = self.e.column("state", table=last) * self.e.Literal.number(size)
        key = key + self.e.column(f"key {n}", table=last, quoted=True)
        lookup = f"step_{prefix}{n}"
        kept = [*keys, *(f"key {k}" for k in range(n + 1, steps))]
        chosen = [self.e.column(name, table=last, quoted=True) for name in kept]
        state_after = self.e.alias_(self.e.column("next", table=lookup), "state")
        name = f"{prefix}walked" if n + 1 == steps else f"{prefix}walk_{n}"
        on = self.e.column("key", table=lookup).eq(key)
        self.ctes[name] = self.e.select(*chosen, state_after).from_(last).join(lookup, on=on)
        return name

    def _lookup(self, values: Sequence[int]) -> Sql:
        """(key, next) from one text: a list of 60 000 literals takes a hundred times as long to parse."""
        e, text = self.e, self.e.Literal.string(",".join(map(str, values)))
        parts = e.Split(this=text, expression=e.Literal.string(","))
        if self.dialect == "spark":
            numbered = e.Alias(this=e.Posexplode(this=parts), alias=None)
            exploded = e.select(e.Aliases(this=numbered.this, expressions=[e.to_identifier("key"), e.to_identifier("word")]))  # fmt: skip
            return e.select("key", e.alias_(e.cast(e.column("word"), "INT"), "next")).from_(exploded.subquery("words"))
        keys = e.cast(e.func("UNNEST", e.func("RANGE", e.Literal.number(len(values)))), "INT")
        return e.select(e.alias_(keys, "key"), e.alias_(e.cast(e.func("UNNEST", parts), "INT"), "next"))

    def _ends(self, steps: Steps, stage: Stage, leading: Sequence[int]) -> Sql:
        """(state, category, status, alternatives, leaf, place, lead 0 ...) of every state after the last step."""
        names = ["state", "category", "status", "alternatives", "leaf", "place", *(f"lead {i}" for i in range(len(leading)))]  # fmt: skip
        rows = [(state, *self._end(state, end, len(leading))) for state, end in enumerate(steps.ends)]
        e = self.e
        values = e.values([tuple(self._literal(v) for v in row) for row in rows], alias="v", columns=[f"c{i}" for i in range(len(names))])  # fmt: skip
        types = ["INT", "VARCHAR", "VARCHAR", "VARCHAR", *(["INT"] * (len(names) - 4))]
        cast = [e.alias_(e.cast(e.column(f"c{i}"), types[i]), name, quoted=True) for i, name in enumerate(names)]
        return e.select(*cast).from_(values)

    def _literal(self, value: str | int | None) -> Sql:
        if value is None:
            return self.e.null()
        return self.e.Literal.number(value) if isinstance(value, int) else self.e.Literal.string(value)

    def _end(self, state: int, end: Outcome | None, leading: int) -> tuple[str | int | None, ...]:
        if end is None:
            status = "refused" if state == REFUSED else "undecided"
            return (None, status, "", None, None, *([None] * leading))
        others = "|".join(sorted(end.others, key=lambda c: (self.guideline.rank.get(c, -1), c)))
        leads = [None if answer is None else self.answers(i).index(answer) for i, answer in enumerate(end.leading)]
        return (end.category, "decided", others, end.leaf, self.places.get(end.category), *leads)

    @property
    def places(self) -> dict[str, int]:
        """Result of a finding -> its place in the order of concern; no finding is 0."""
        rank = self.guideline.rank
        return {c: n for n, c in enumerate(sorted(rank, key=lambda c: (rank[c], c)), start=1)}

    def answers(self, lead: int) -> list[str]:
        """The results of a leading answer, in the order in which findings of one category are joined."""
        head = self.guideline.head
        name = f"leading.{head['leading'][lead]}"
        stage = self.guideline.exam.stage
        if name not in stage.index:
            return sorted({leaf.results[t] for t in [self._lead_tables()[lead]] for leaf in self.guideline.finding.leaves})  # fmt: skip
        return sorted(stage.variables[stage.index[name]].domain)

    def _lead_tables(self) -> list[int]:
        head = self.guideline.head
        named = [head["finding_answers"][name]["table"] for name in head.get("leading", ())]
        return [self.guideline.finding.stage.table(table) for table in named]

    def exams(self, findings: str, exams: str) -> None:
        """CTEs down to ``walked`` (exam_id, refused, silent, state) and ``ends`` of the exam."""
        guideline = self.guideline
        category, leads = guideline.finding.stage.table(guideline.head["category"]), self._lead_tables()
        outside = set(guideline.head.get("outside", ())) & {leaf.results[category] for leaf in guideline.finding.leaves}
        if len(outside) > 1:
            raise Unsupported(guideline.name, "outside", ", ".join(sorted(outside)), "one result that is no category",
                              "Read these exams with evaluate.")  # fmt: skip
        wanted = [n for n, (scope, _) in guideline.inputs.items() if scope != "finding"]
        shared = [c for c in columns(guideline, ("exam", "patient")) if self._is_read(guideline.finding.stage, c)]
        shared = [c for c in shared if (self.given is None or c in self.given) and c.split(".")[0] in wanted]
        self.ctes["joined"] = self._joined(findings, exams, shared)
        outcomes = _Outcomes(guideline.finding, category, leads, rows=False)
        self.read(guideline.finding, outcomes, "joined", (EXAM_KEY,), {}, "f_")
        self.ctes["total"] = self._total(len(leads))
        self.ctes["whole"] = self._whole(exams, len(leads))
        stage = guideline.exam.stage
        cells = {v.name: self._cell_of(v) for v in stage.variables if v.scope == "leading"}
        keys = (EXAM_KEY, "refused", "silent")
        self.read(guideline.exam, _Outcomes(guideline.exam, stage.table(guideline.head["exam_category"])), "whole", keys, cells)  # fmt: skip

    def _is_read(self, stage: Stage, column: str) -> bool:
        """Whether the stage looks at a column, directly or through a number."""
        name = column.removesuffix(".na")
        behind = {i for v in stage.variables if v.cuts for i in self.guideline.behind[v.name]}
        return name in stage.index or name in behind

    def _joined(self, findings: str, exams: str, shared: Sequence[str]) -> Sql:
        e = self.e
        mine = e.select(e.Column(this=e.Star(), table=e.to_identifier("f"))).from_(e.alias_(e.to_table(findings), "f", table=True))  # fmt: skip
        if not shared:
            return mine
        on = e.column(EXAM_KEY, table="f", quoted=True).eq(e.column(EXAM_KEY, table="x", quoted=True))
        theirs = [e.column(name, table="x", quoted=True) for name in shared]
        return mine.select(*theirs).join(e.alias_(e.to_table(exams), "x", table=True), on=on)

    def _total(self, leads: int) -> Sql:
        """By exam: the highest place, whether a finding is undecided, refused or silent, the leading answers."""
        e = self.e
        place = e.func("COALESCE", e.column("place", quoted=True), e.Literal.number(0))
        made = {"place": place, "undecided": self._is("undecided"), "refused": self._is("refused")}
        made["silent"] = self._one(self._quoted("alternatives").neq(e.Literal.string("")))
        for i in range(leads):
            lead, size = self._quoted(f"lead {i}"), e.Literal.number(len(self.answers(i)))
            made[f"lead {i}"] = place.copy() * size + e.func("COALESCE", lead, e.Literal.number(0))
            blind = e.Is(this=lead.copy(), expression=e.null())
            made[f"blind {i}"] = place.copy() * e.Literal.number(2) + self._one(blind)
        most = [e.alias_(e.Max(this=x), name, quoted=True) for name, x in made.items()]
        on = e.column("state", table="f_ends").eq(e.column("state", table="f_walked"))
        joined = e.select(self._quoted(EXAM_KEY), *most).from_("f_walked").join("f_ends", on=on)
        return joined.group_by(self._quoted(EXAM_KEY))

    def _is(self, status: str) -> Sql:
        return self._one(self._quoted("status").eq(self.e.Literal.string(status)))

    def _one(self, flag: Sql) -> Sql:
        return self.e.Case().when(flag, self.e.Literal.number(1)).else_(self.e.Literal.number(0))

    def _whole(self, exams: str, leads: int) -> Sql:
        """The exams with what their findings amount to; where nobody looked, anything may be there."""
        e = self.e
        zero = [
            "place",
            "refused",
            "silent",
            *(f"lead {i}" for i in range(leads)),
            *(f"blind {i}" for i in range(leads)),
        ]
        filled = {n: e.func("COALESCE", e.column(n, table="t", quoted=True), e.Literal.number(0)) for n in zero}
        for flag in ("refused", "silent"):
            filled[flag] = filled[flag] > e.Literal.number(0)
        seen = self.given is None or "assessed" in self.given
        looked = e.func("COALESCE", e.column("assessed", table="x", quoted=True), e.false()) if seen else e.false()
        undecided = e.func("COALESCE", e.column("undecided", table="t", quoted=True), e.Literal.number(0))
        filled["open"] = e.or_(undecided > e.Literal.number(0), e.not_(looked))
        chosen = [e.alias_(x, n, quoted=True) for n, x in filled.items()]
        on = e.column(EXAM_KEY, table="x", quoted=True).eq(e.column(EXAM_KEY, table="t", quoted=True))
        everything = e.Column(this=e.Star(), table=e.to_identifier("x"))
        query = e.select(everything, *chosen).from_(e.alias_(e.to_table(exams), "x", table=True))
        return query.join(e.alias_(e.to_table("total"), "t", table=True), on=on, join_type="left")

    def _cell_of(self, variable: Variable) -> Sql:
        """The cell of ``worst`` or of a leading answer, from the findings' totals."""
        e, number = self.e, self.e.Literal.number
        place, top = self._quoted("place"), max(self.places.values())
        sure = e.or_(e.not_(self._quoted("open")), place.eq(number(top)))
        if variable.name == WORST:
            named = {NO_FINDING: 0, **self.places}
            cell = e.Case(this=place.copy())
            for word, at in named.items():
                cell = cell.when(number(at), number(variable.domain.index(word)))
            return e.Case().when(sure, cell).else_(number(unknown(variable)))
        lead = list(self.guideline.head["leading"]).index(variable.name.removeprefix("leading."))
        answers = self.answers(lead)
        answer = self._quoted(f"lead {lead}") % number(len(answers))
        cell = e.Case(this=answer)
        for n, word in enumerate(answers):
            cell = cell.when(number(n), number(variable.domain.index(word)))
        none = e.and_(place.copy().eq(number(0)), e.not_(self._quoted("open")))
        highest = e.and_(sure.copy(), answer.copy().eq(number(len(answers) - 1)))
        blind = e.or_(self._quoted("open"), (self._quoted(f"blind {lead}") % number(2)).eq(number(1)))
        case = e.Case().when(none, number(0)).when(highest, number(variable.domain.index(answers[-1])))
        return case.when(blind, number(unknown(variable))).else_(cell)


def _states(step: Step) -> int:
    size = 1
    for cells in step.sizes:
        size *= cells
    return len(step.next) // size
