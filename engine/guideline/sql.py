"""A guideline as one SELECT: the category of ten million exams where they lie.

The diagram becomes a few lookup tables (``steps.py``) that are joined one after the other on the
state reached and the cells of the next columns (``sql_query.py``); ``docs/decisions/8-sql-by-joins.md``
says why.

The columns of a relation are the inputs of the guideline (``columns.py``), one row a finding or an
exam. NULL is unknown. The SELECT never guesses: where the category is not decided it is NULL, and
``status`` says ``undecided`` (an input that is NULL matters; ask ``evaluate`` for what is still
possible) or ``refused`` (a value that the input cannot have, or two that contradict each other).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from .columns import columns, quoted
from .compile import NA_ROW, Diagram
from .load import Guideline
from .sql_exams import EXAM, Exams
from .sql_query import DECISION, DIALECTS, Query, decision, listed, relation, select
from .steps import end_of

WALKED = "walked JOIN ends ON ends.state = walked.state"
__all__ = ["DIALECTS", "answer_select", "columns", "exams_asked_often", "exams_select", "findings_select", "rows_of"]


def findings_select(
    guideline: Guideline,
    dialect: str = "duckdb",
    source: str = "findings",
    keys: Sequence[str] = ("finding_id",),
    given: Collection[str] | None = None,
    *,
    rows: bool = True,
) -> str:
    """A SELECT from ``source``, one row a finding: ``keys``, category, status, alternatives, leaf.

    ``alternatives``: the categories by other readings where the guideline is silent, joined by "|".
    ``leaf`` counts the diagram's leaves, whose rows ``rows_of`` names; NULL where several leaves of
    one category are open, and everywhere without ``rows``, which is faster. ``given``: the columns
    that ``source`` has, where it lacks some: those are unknown.

    Raises:
        MissingExtra: the extra ``audit`` is absent.
        Unsupported: another dialect, or a number that SQL cannot compute exactly.
    """
    category = guideline.finding.stage.table(guideline.head["category"])
    query = Query(guideline, dialect, given)
    _define(query, guideline.finding, category, source, keys, rows=rows)
    told = listed(("category", "status", "alternatives", "leaf"), "ends")
    return query.text(select(f"{listed(keys, 'walked')}, {told}", WALKED))


def answer_select(
    guideline: Guideline,
    answer: str,
    dialect: str = "duckdb",
    source: str = "findings",
    keys: Sequence[str] = ("finding_id",),
    given: Collection[str] | None = None,
) -> str:
    """A SELECT, one row a finding: ``keys``, the symbol of one of the ``finding_answers`` (growth), status.

    Raises: as ``findings_select``.
    """
    table, query = guideline.head["finding_answers"][answer]["table"], Query(guideline, dialect, given)
    diagram = guideline.apart.get(table, guideline.finding)
    _define(query, diagram, diagram.stage.table(table), source, keys, rows=False)
    told = f"ends.category AS {quoted(answer)}, ends.status"
    return query.text(select(f"{listed(keys, 'walked')}, {told}", WALKED))


def exams_select(
    guideline: Guideline,
    dialect: str = "duckdb",
    findings: str = "findings",
    exams: str = "exams",
    given: Collection[str] | None = None,
) -> str:
    """A SELECT, one row an exam: what it is told, with ``by_default``.

    The columns: exam_id, category, status, leaf, as of a finding; ``management``, the key of
    ``managements`` in ``guideline.yaml``, with its interval ``from_months`` and ``to_months``; the
    symbol of each of the ``exam_answers``; each NULL where it is open. ``by_default``: the exam or a
    finding of it stands on the default reading of a silent spot.

    ``findings`` has exam_id and the finding's inputs; ``exams`` has exam_id, the inputs of exam and
    patient, and ``assessed`` (TRUE: somebody looked for findings; else anything may be there).
    ``given``: the columns that the two have, where they lack some.

    Raises: as ``findings_select``; Unsupported also where two results of a finding are no category,
        so that none of them is the higher one.
    """
    query = Query(guideline, dialect, given)
    return query.text(_exams(query, findings, exams, rows=True))


def exams_asked_often(
    guideline: Guideline,
    kept: str,
    dialect: str = "duckdb",
    findings: str = "findings",
    exams: str = "exams",
    given: Collection[str] | None = None,
) -> tuple[Mapping[str, str], str]:
    """``exams_select`` in two parts for who runs it again and again: tables to keep, and the SELECT that reads them.

    The first is name -> SELECT; each name begins with ``kept``. The lookup tables are most of the text, and a
    database need not read them for every few exams. ``leaf`` is NULL.

    Raises: as ``exams_select``.
    """
    query = Query(guideline, dialect, given)
    words = _exams(query, findings, exams, rows=False)
    return query.kept_constants(kept), query.text(words, kept)


def rows_of(diagram: Diagram, leaf: int) -> tuple[str, ...]:
    """The rows of a leaf as ``table.row``, in stage order, as a trace names them."""
    tables = diagram.stage.tables
    return tuple(
        f"{tables[t].id}.{tables[t].rows[row].id.removeprefix(tables[t].id + '.')}"
        for t, row in diagram.leaves[leaf].rows
        if row != NA_ROW
    )


def _exams(query: Query, findings: str, exams: str, *, rows: bool) -> str:
    """Define the walks of exams; returns the SELECT that reads them."""
    ends = Exams(query, rows=rows).define(relation(findings), relation(exams))
    told = [name for name in ends if name not in ("state", "alternatives")]
    default = "walked.\"found silent\" = 1 OR ends.alternatives <> '' AS by_default"
    return select(f"walked.{EXAM}, {listed(told, 'ends')}, {default}", WALKED)


def _define(query: Query, diagram: Diagram, table: int, source: str, keys: Sequence[str], *, rows: bool) -> None:
    """Define ``walked`` (keys, state) and ``ends`` of a diagram of findings, as one of its tables decides."""
    guideline = query.guideline
    limits = guideline.document["inputs"].get("at_most", ())
    ends = query.walk(diagram, end_of(diagram, table, rows=rows), relation(source), keys, limits=limits)
    query.table("ends", DECISION, (decision(guideline, state, end) for state, end in enumerate(ends)))
