"""Facts as relations, and what the SELECTs and the engine say of them, in the same form."""

import random
from decimal import Decimal
from functools import lru_cache

import random_facts
import rule_cases

from radlogic.engine.errors import Contradiction, InputError
from radlogic.engine.guideline import evaluate, numbers, possible, sql
from radlogic.engine.guideline.situation import Situation, raw_value
from radlogic.engine.types import Known, NotApplicable

OF_EXAM = ("exam", "patient")


def chance(seed):
    """A repeatable source of chance."""
    return random.Random(seed)  # noqa: S311  nothing secret is drawn


@lru_cache
def findings_query(name, dialect="duckdb"):
    """The SELECT of a shipped guideline's findings, made once for all tests."""
    return sql.findings_select(rule_cases.guideline(name), dialect)


@lru_cache
def exams_query(name, dialect="duckdb"):
    """The SELECT of a shipped guideline's exams, made once for all tests."""
    return sql.exams_select(rule_cases.guideline(name), dialect)


def value(facts, column, kind):
    """What a column holds for a fact."""
    belief = facts.get(column.removesuffix(".na"))
    if column.endswith(".na"):
        return isinstance(belief, NotApplicable)
    if isinstance(belief, NotApplicable):
        return [] if kind.endswith("[]") else "n/a" if kind == "VARCHAR" else None
    found = belief.value if isinstance(belief, Known) else None
    return [(p.months_ago, p.mean_mm) for p in found] if isinstance(found, tuple) else found


def of_findings(guideline, facts):
    """(columns with their types, rows) of a relation of findings, numbered as ``finding_id``."""
    kinds = sql.columns(guideline)
    rows = [{"finding_id": n, **{c: value(f, c, k) for c, k in kinds.items()}} for n, f in enumerate(facts)]
    return {"finding_id": "INT", **kinds}, rows


def of_exams(guideline, exams):
    """(columns, rows) of the relation of findings, and of that of exams: (facts, findings, assessed) each."""
    lesion, whole = sql.columns(guideline, ("finding",)), sql.columns(guideline, OF_EXAM)
    findings = [
        {"exam_id": n, **{c: value(f, c, k) for c, k in lesion.items()}}
        for n, (_, found, _) in enumerate(exams)
        for f in found
    ]
    rows = [
        {"exam_id": n, "assessed": assessed, **{c: value(facts, c, k) for c, k in whole.items()}}
        for n, (facts, _, assessed) in enumerate(exams)
    ]
    return ({"exam_id": "INT", **lesion}, findings), ({"exam_id": "INT", "assessed": "BOOLEAN", **whole}, rows)


def fill(database, name, kinds, rows):
    """A table of DuckDB with typed columns; every row is a mapping of columns."""
    listed = ", ".join(f'"{column}" {kind}' for column, kind in kinds.items())
    database.execute(f"CREATE OR REPLACE TABLE {name} ({listed})")
    for start in range(0, len(rows), 500):
        values = (", ".join(_literal(row[column]) for column in kinds) for row in rows[start : start + 500])
        database.execute(f"INSERT INTO {name} VALUES {', '.join(f'({v})' for v in values)}")  # noqa: S608


def _literal(held):
    if isinstance(held, list):
        return "[" + ", ".join(f"{{'months_ago': {a}, 'mean_mm': {b}}}" for a, b in held) + "]"
    return "NULL" if held is None else f"'{held}'" if isinstance(held, str) else str(held).upper()


def random_findings(guideline, chance: random.Random, many, unknown=0.0):
    """Facts of so many findings."""
    return [random_facts.facts_of(guideline, chance, unknown) for _ in range(many)]


def random_exam(guideline, chance: random.Random, unknown=0.0):
    """(exam facts, findings, whether somebody looked for findings)."""
    facts = random_facts.facts_of(guideline, chance, unknown, OF_EXAM)
    many = chance.choice((0, 1, 1, 2, 3))
    findings = [
        {n: b for n, b in f.items() if n not in facts} for f in random_findings(guideline, chance, many, unknown)
    ]
    return facts, findings, bool(findings) or chance.random() < 0.9


def of_cases(guideline, name):
    """Facts of the findings of all cases beside a guideline that the columns can hold."""
    stated = [rule_cases.facts(guideline, case) for case in rule_cases.of(name)]
    return [f for exam, findings in stated for f in ({**exam, **finding} for finding in findings) if _fits(f)]


def _fits(facts):
    amounts = [b.value for b in facts.values() if isinstance(b, Known) and isinstance(b.value, Decimal)]
    return all(a == round(a, 4) for a in amounts)


def contradictory(guideline, facts):
    """Whether numbers of the facts exclude each other."""
    raw = {n: raw_value(facts.get(n)) for n in guideline.amounts}
    try:
        numbers.check(guideline.document["inputs"].get("at_most", ()), guideline.numbers, raw)
        for variable in guideline.finding.stage.variables:
            if variable.cuts is not None:
                numbers.number(variable.name, guideline.numbers, raw)
    except Contradiction:
        return True
    return False


def said(guideline, facts):
    """What the engine says of a finding: (category, alternatives, numbers of the leaves that are possible)."""
    reading, diagram = evaluate.read_finding(guideline, facts).reading, guideline.finding
    table, situation = diagram.stage.table(guideline.head["category"]), Situation(guideline, diagram.stage, facts)
    leaves = possible.outcomes(diagram, situation, (0,), lambda leaf: leaf.results[table])
    number = {id(leaf): n for n, leaf in enumerate(diagram.leaves)}
    return reading.category, reading.alternatives, [number[id(leaf)] for leaf in leaves]


def disagreement(guideline, facts, found, *, full):
    """What SQL and the engine say of a finding where they differ, None where they do not."""
    category, status, others, leaf = found
    if status == "refused":
        return None if contradictory(guideline, facts) else (status, "no contradiction")
    try:
        wanted, alternatives, leaves = said(guideline, facts)
    except InputError as error:
        return status, str(error)
    if status == "undecided":
        return (status, wanted) if full or category is not None else None
    if (category, others) != (wanted, "|".join(alternatives)):
        return found, (wanted, alternatives)
    decided = leaves == [leaf] or (leaf is None and not full)
    return None if decided else (leaf, leaves)
