"""A SELECT on its way: CTEs in the words of DuckDB, and the walk through a diagram as joins.

sqlglot says each CTE in the words of the dialect that is asked for; DuckDB's own it need not read. The CTEs
that are the same for every relation (lookup tables, ends) are known as constants, so that who asks often can
keep them as tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from ..errors import MissingExtra, Unsupported
from .amounts import Amounts
from .cells import case, cell, size
from .columns import Relation, quoted, text
from .compile import Diagram, Leaf
from .load import Guideline
from .steps import REFUSED, START, End, Step, steps_of

# (key, next) from one text: as a list of literals it would take a hundred times as long to parse
LOOKUP = {
    "duckdb": "SELECT CAST(UNNEST(RANGE({size})) AS {key}) AS key, "
    "CAST(UNNEST(STR_SPLIT('{states}', ',')) AS INT) AS next",
    "spark": "SELECT key, CAST(word AS INT) AS next FROM (SELECT POSEXPLODE(SPLIT('{states}', ',')) AS (key, word))",
}
TWO_BYTES = 65_536  # keys; DuckDB joins these by position instead of by hash
DIALECTS = tuple(LOOKUP)
DECISION = {"state": "INT", "category": "VARCHAR", "status": "VARCHAR", "alternatives": "VARCHAR", "leaf": "INT"}


class Query:
    """CTEs by name, over a relation with the columns of a guideline, or with those ``given``.

    Raises:
        MissingExtra: the extra ``audit`` is absent. Unsupported: a dialect that is not in ``DIALECTS``.
    """

    def __init__(self, guideline: Guideline, dialect: str, given: Collection[str] | None) -> None:
        if dialect not in DIALECTS:
            raise Unsupported("sql", "dialect", dialect, ", ".join(DIALECTS), "Use one of these.")
        self.guideline, self.dialect, self.relation = guideline, dialect, Relation(guideline, given)
        self.ctes: dict[str, str] = {}
        self.constants: dict[str, str] = {}
        self.said = translator(dialect)

    def define(self, name: str, words: str) -> str:
        """A CTE from a SELECT in the words of DuckDB; returns its name."""
        self.ctes[name] = self.said(words)
        return name

    def text(self, words: str, kept: str | None = None) -> str:
        """The whole: all CTEs, and the SELECT that reads them.

        ``kept``: what stands before the name of each constant where they are tables (``kept_constants``).
        """
        held = {} if kept is None else {c: select("*", quoted(f"{kept}{c}")) for c in self.constants}
        ctes = {**self.ctes, **held}
        return f"WITH {', '.join(f'{name} AS ({cte})' for name, cte in ctes.items())} {self.said(words)}"

    def kept_constants(self, kept: str) -> dict[str, str]:
        """The SELECT of each constant, by the name of the table that is to keep it."""
        return {f"{kept}{name}": cte for name, cte in self.constants.items()}

    def table(self, name: str, types: Mapping[str, str], rows: Iterable[Sequence[str | int | None]]) -> None:
        """A CTE of constants."""
        values = ", ".join(f"({', '.join(map(_literal, row))})" for row in rows)
        plain = [f"c{n}" for n in range(len(types))]
        cast = ", ".join(f"CAST({c} AS {t}) AS {quoted(n)}" for c, (n, t) in zip(plain, types.items(), strict=True))
        self.define(name, select(cast, f"(VALUES {values}) AS v({', '.join(plain)})"))
        self.constants[name] = self.ctes[name]

    def walk(
        self,
        diagram: Diagram,
        end: Callable[[tuple[Leaf, ...]], End],
        source: str,
        keys: Sequence[str],
        *,
        prefix: str = "",
        cells: Mapping[str, str] | None = None,
        limits: Sequence[Mapping[str, str]] = (),
        refused: str = "",
    ) -> tuple[End | None, ...]:
        """Define the CTE ``<prefix>walked`` (keys, state); returns the end of each state.

        ``cells``: those of variables that are no column; ``limits``: numbers that bound each other;
        ``refused``: a flag of the source.
        """
        sizes = [size(variable, self.relation) for variable in diagram.stage.variables]
        steps, amounts = steps_of(diagram, end, sizes), Amounts(self.relation)
        known = cells or {}
        made = {_key(n): self._cells(step, diagram, amounts, known) for n, step in enumerate(steps.steps)}
        for limit in limits:
            amounts.at_most(limit["small"], limit["large"])
        flags = [*([refused] if refused else []), *amounts.bad]
        made["state"] = case([(" OR ".join(flags), REFUSED)] if flags else [], START)
        for n, layer in enumerate(amounts.layers):
            source = self.define(f"{prefix}numbers_{n}", select(f"*, {named(layer)}", source))
        last = self.define(f"{prefix}walk_0", select(f"{listed(keys)}, {named(made)}", source))
        for n, step in enumerate(steps.steps):
            last = self._step(n, step, last, [*keys, *map(_key, range(n + 1, len(steps.steps)))], prefix)
        self.define(f"{prefix}walked", select(f"{listed(keys)}, state", last))
        return steps.ends

    def _cells(self, step: Step, diagram: Diagram, amounts: Amounts, known: Mapping[str, str]) -> str:
        """The cells of a step's variables as one number, the digits of which they are."""
        weight, digits = step.keys, []
        for at, cells in zip(step.variables, step.sizes, strict=True):
            weight //= cells
            variable = diagram.stage.variables[at]
            stated = known.get(variable.name)
            digits.append(f"({stated}) * {weight}" if stated else cell(variable, amounts, weight))
        return " + ".join(digits)

    def _step(self, n: int, step: Step, last: str, kept: Sequence[str], prefix: str) -> str:
        """One lookup: the state and a key become the next state."""
        lookup = f"{prefix}step_{n}"
        states = ",".join(map(str, step.next.tolist()))
        kind = "USMALLINT" if self.dialect == "duckdb" and step.next.size <= TWO_BYTES else "INT"
        self.ctes[lookup] = LOOKUP[self.dialect].format(size=step.next.size, key=kind, states=states)
        self.constants[lookup] = self.ctes[lookup]
        key = f"CAST({last}.state * {step.keys} + {last}.{quoted(_key(n))} AS {kind})"
        join = f"{last} JOIN {lookup} ON {lookup}.key = {key}"
        return self.define(f"{prefix}walk_{n + 1}", select(f"{listed(kept, last)}, {lookup}.next AS state", join))


def translator(dialect: str) -> Callable[[str], str]:
    """From the words of DuckDB to those of a dialect.

    Raises:
        MissingExtra: the extra ``audit`` is absent.
    """
    try:
        import sqlglot
    except ImportError as error:
        cure = "Install it: pip install 'radlogic[audit]'"
        raise MissingExtra("sql", "sqlglot", "no such package", "the extra `audit`", cure) from error
    if dialect == "duckdb":  # it is written in these words, and reading it again takes longer than to run it
        return lambda words: words
    return lambda words: sqlglot.transpile(words, read="duckdb", write=dialect)[0]


def decision(guideline: Guideline, state: int, end: End | None) -> tuple[str | int | None, ...]:
    """What a state says after the walk, as a row of ``DECISION``."""
    if end is None:
        return state, None, "refused" if state == REFUSED else "undecided", "", None
    others = sorted(end.others, key=lambda c: (guideline.rank.get(c, -1), c))
    return state, end.category, "decided", "|".join(others), end.leaf


def select(chosen: str, source: str) -> str:
    """A SELECT of expressions from a relation, or from joined ones."""
    return f"SELECT {chosen} FROM {source}"  # noqa: S608  made of names that were quoted and of our own words


def relation(name: str) -> str:
    """The name of a relation, of a schema's where a point is in it, as SQL."""
    return ".".join(map(quoted, name.split(".")))


def listed(names: Iterable[str], relation: str = "") -> str:
    """Columns, of a relation where one is named."""
    return ", ".join(f"{relation}.{quoted(name)}" if relation else quoted(name) for name in names)


def named(expressions: Mapping[str, str]) -> str:
    """Expressions under their names."""
    return ", ".join(f"{expression} AS {quoted(name)}" for name, expression in expressions.items())


def _key(step: int) -> str:
    return f"key {step}"


def _literal(value: str | int | None) -> str:
    return "NULL" if value is None else text(value) if isinstance(value, str) else str(value)
