"""The SELECT says of every finding and exam what the engine says, or that it is not decided; never anything else."""

import sys
from decimal import Decimal

import pytest
import random_facts
import relations
import rule_cases

from radlogic.engine.errors import MissingExtra, Unsupported
from radlogic.engine.guideline import evaluate, sql, sql_query
from radlogic.engine.types import Known

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
sqlglot = pytest.importorskip("sqlglot", reason="needs the extra `audit`")

GUIDELINES = rule_cases.guidelines()
ANSWERS = [(name, a) for name in GUIDELINES for a in rule_cases.guideline(name).head.get("finding_answers", {})]
FEW, MANY = 6, 120


def run(query, **tables):
    """The rows of a query over tables given as (columns, rows)."""
    with duckdb.connect() as database:
        for name, (kinds, rows) in tables.items():
            relations.fill(database, name, kinds, rows)
        return database.execute(query).fetchall()


@pytest.mark.parametrize("name", GUIDELINES)
@pytest.mark.parametrize("many", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_findings_get_category_alternatives_and_rows_of_the_engine_and_none_only_where_something_is_unknown(name, many):
    guideline, stated = rule_cases.guideline(name), relations.of_cases(rule_cases.guideline(name), name)
    full = relations.random_findings(guideline, relations.chance(many), many)
    partial = relations.random_findings(guideline, relations.chance(many), many, unknown=0.06)
    facts = [*full, *partial, *stated[:: 1 + len(stated) // many]]

    found = run(relations.findings_query(name), findings=relations.of_findings(guideline, facts))

    assert stated
    assert sorted(n for n, *_ in found) == list(range(len(facts)))
    for n, *answer in found:
        assert relations.disagreement(guideline, facts[n], tuple(answer), full=n < many) is None, facts[n]


@pytest.mark.parametrize("name", GUIDELINES)
@pytest.mark.parametrize("many", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
def test_exams_get_what_the_engine_tells_of_them(name, many):
    guideline, chance = rule_cases.guideline(name), relations.chance(many)
    exams = [relations.random_exam(guideline, chance, n % 2 * 0.03) for n in range(many)]

    for n, found in exams_by_sql(name, exams).items():
        assert found.pop("status") in ("refused", "undecided") or found["category"] is not None
        check_exam(guideline, exams[n], found, full=n % 2 == 0)


def test_who_asks_often_keeps_the_tables_and_gets_the_same_answers():
    guideline, chance = rule_cases.guideline("lung-rads@2022"), relations.chance(9)
    exams = [relations.random_exam(guideline, chance, n % 2 * 0.03) for n in range(FEW)]
    findings, whole = relations.of_exams(guideline, exams)
    kept, query = sql.exams_asked_often(guideline, "kept ")
    with duckdb.connect() as database:
        for name, (kinds, rows) in {"findings": findings, "exams": whole}.items():
            relations.fill(database, name, kinds, rows)
        for name, words in kept.items():
            database.execute(f'CREATE TABLE "{name}" AS {words}')
        columns = "exam_id, category, status, management, from_months, to_months, by_default"
        often = database.execute(f"SELECT {columns} FROM ({query}) ORDER BY 1").fetchall()  # noqa: S608
        once = database.execute(f"SELECT {columns} FROM ({sql.exams_select(guideline)}) ORDER BY 1").fetchall()  # noqa: S608

    assert len(query) < len(sql.exams_select(guideline)) / 10
    assert often == once
    assert len({category for _, category, *_ in often}) > 1


def exams_by_sql(name, exams):
    """exam_id -> what the SELECT tells."""
    findings, whole = relations.of_exams(rule_cases.guideline(name), exams)
    query = relations.exams_query(name)
    names = [e.alias_or_name for e in sqlglot.parse_one(query[query.rindex("SELECT walked") :], read="duckdb").selects]
    found = [dict(zip(names, row, strict=True)) for row in run(query, findings=findings, exams=whole)]
    assert sorted(row["exam_id"] for row in found) == list(range(len(exams)))
    return {row.pop("exam_id"): row for row in sorted(found, key=lambda row: row["exam_id"])}


def check_exam(guideline, exam, found, *, full):
    """What SQL tells of an exam is what the engine tells, or nothing where something is unknown."""
    facts, findings, assessed = exam
    if any(relations.contradictory(guideline, {**facts, **f}) for f in findings):
        assert not any(found[k] for k in found if k != "by_default")
        return
    whole = evaluate.classify(guideline, facts, [(str(n), f) for n, f in enumerate(findings)], assessed=assessed).exam
    full = full and assessed
    if full:
        assert found["category"] is not None
    if found["category"] is None:
        assert (found["management"], found["from_months"]) == (None, None)
        return
    assert found["category"] == whole.category
    assert found["by_default"] or not whole.silent
    told = guideline.head["managements"].get(found["management"], {})
    if found["management"] is not None:
        assert told.get("management") == whole.facts.get("management")
        assert [found["from_months"], found["to_months"]] == (whole.facts.get("interval_months") or [None, None])
    for name, answer in guideline.head.get("exam_answers", {}).items():
        if found[name] is not None:
            assert answer.get("values", {}).get(found[name], found[name]) == whole.facts[name]
    if full:
        assert found["leaf"] is not None
        assert set(sql.rows_of(guideline.exam, found["leaf"])) & {step.row for step in whole.trace}


@pytest.mark.parametrize(
    ("name", "answer", "many"),
    [("ti-rads@2017", "points", FEW), ("li-rads-ct-mri@2018", "optn_class", FEW)]
    + [pytest.param(name, answer, MANY // 4, marks=pytest.mark.slow) for name, answer in ANSWERS],
)
def test_what_the_guideline_adds_to_a_finding_is_what_the_engine_adds(name, answer, many):
    guideline = rule_cases.guideline(name)
    facts = relations.random_findings(guideline, relations.chance(many), many)
    values = guideline.head["finding_answers"][answer].get("values", {})

    rows = run(sql.answer_select(guideline, answer), findings=relations.of_findings(guideline, facts))

    assert len(rows) == many
    for n, symbol, status in rows:
        if relations.contradictory(guideline, facts[n]):
            assert symbol is None
        elif status == "decided":
            assert values.get(symbol, symbol) == evaluate.read_finding(guideline, facts[n]).reading.facts[answer]
        else:
            assert (symbol, status) == (None, "refused")


def test_the_rows_of_a_leaf_are_those_of_the_trace():
    guideline = rule_cases.guideline("lung-rads@2022")
    several = {t.id for t in guideline.finding.stage.tables if t.kind == "any"}  # a trace names all rows met
    for facts in relations.random_findings(guideline, relations.chance(1), 40):
        if relations.contradictory(guideline, facts):
            continue
        _, _, (leaf,) = relations.said(guideline, facts)
        traced = [step.row for step in evaluate.read_finding(guideline, facts).reading.trace]
        rows = [row for row in sql.rows_of(guideline.finding, leaf) if row.split(".")[0] not in several]

        assert rows
        assert set(rows) <= set(traced)


def test_few_findings_are_left_to_the_engine_when_little_is_unknown():
    guideline, name = rule_cases.guideline("lung-rads@1.1"), "lung-rads@1.1"
    facts = relations.random_findings(guideline, relations.chance(3), 100, unknown=0.03)

    found = run(relations.findings_query(name), findings=relations.of_findings(guideline, facts))

    undecided = [n for n, _, status, *_ in found if status == "undecided"]
    assert sum(relations.said(guideline, facts[n])[0] is not None for n in undecided) < 10


def test_an_exam_that_nobody_assessed_is_not_negative():
    guideline = rule_cases.guideline("lung-rads@2022")
    fine = {"prior_ct": "none", "lungs_fully_evaluable": True, "known_lung_cancer": False, "s_finding": "none"}
    fine |= dict.fromkeys((c for c in sql.columns(guideline, ("exam",)) if c.startswith("infectious")), False)
    facts = {n: Known(v, random_facts.SAID) for n, v in fine.items()}

    found = exams_by_sql("lung-rads@2022", [(facts, [], True), (facts, [], False)])

    assert [(e["category"], e["management"], e["from_months"]) for e in found.values()] == [("1", "1", 12), (None,) * 3]


SURE = {"benign_feature": "none", "type": "solid", "status": "baseline", "juxtapleural": False, "proven_benign": False}
SOLID_7 = {**SURE, "mean_mm": Decimal(7)}
FINDINGS = {
    "just below the cut": ({**SURE, "mean_mm": Decimal("5.9499")}, ("2", "decided")),
    "at the cut, after rounding": ({**SURE, "mean_mm": Decimal("5.95")}, ("3", "decided")),
    "a size of a metre": ({**SURE, "mean_mm": Decimal(1000)}, (None, "refused")),
    "a size that no DECIMAL holds": ({**SURE, "mean_mm": Decimal(10) ** 12}, (None, "refused")),
    "a size finer than the columns hold": ({**SURE, "mean_mm": Decimal("5.94999")}, (None, "refused")),
    "a word that is none": ({**SOLID_7, "type": "liquid"}, (None, "refused")),
    "an older exam without a size": ({**SOLID_7, "history": [(12, "NULL")]}, (None, "refused")),
    "sizes that contradict each other": (
        {**SOLID_7, "long_mm": Decimal(20), "short_mm": Decimal(10)},
        (None, "refused"),
    ),
    "a short axis above the long one": ({**SURE, "long_mm": Decimal(8), "short_mm": Decimal(10)}, (None, "refused")),
    "no size": (SURE, (None, "undecided")),
}


def test_what_no_patient_can_have_is_refused_and_no_threshold_is_blurred():
    kinds = {"finding_id": "INT", **sql.columns(rule_cases.guideline("lung-rads@2022"))}
    kinds = {c: "DOUBLE" if k.startswith("DECIMAL") else k for c, k in kinds.items()}  # the widest a relation can have
    plain = dict.fromkeys(kinds) | {c: c.endswith(".na") for c, k in kinds.items() if k == "BOOLEAN"}
    plain |= {"history": [], "change": "n/a", "previous_category": "n/a"}
    rows = [plain | {"finding_id": n} | changes for n, (changes, _) in enumerate(FINDINGS.values())]

    found = run(relations.findings_query("lung-rads@2022"), findings=(kinds, rows))

    assert {n: rest[:2] for n, *rest in found} == {n: list(said) for n, (_, said) in enumerate(FINDINGS.values())}


def test_a_column_that_the_relation_lacks_is_unknown():
    query = sql.findings_select(rule_cases.guideline("lung-rads@1.1"), given=("type", "mean_mm", "status"))
    kinds = {"finding_id": "INT", "type": "VARCHAR", "mean_mm": "DOUBLE", "status": "VARCHAR"}
    row = {"finding_id": 1, "type": "solid", "mean_mm": 7, "status": "baseline"}

    assert run(query, findings=(kinds, [row])) == [(1, None, "undecided", "", None)]


@pytest.mark.parametrize("dialect", sql.DIALECTS)
@pytest.mark.parametrize("name", ["fleischner@2017", "li-rads-us@2024"])
def test_each_dialect_parses_what_is_rendered_for_it(name, dialect):
    for query in (relations.findings_query(name, dialect), relations.exams_query(name, dialect)):
        (parsed,) = sqlglot.parse(query, read=dialect)

        assert isinstance(parsed, sqlglot.exp.Select)


def test_a_table_too_large_for_keys_of_two_bytes_gives_the_same_answers(monkeypatch):
    guideline = rule_cases.guideline("lung-rads@1.1")
    findings = relations.of_findings(guideline, relations.random_findings(guideline, relations.chance(2), 20, 0.03))
    small = relations.findings_query("lung-rads@1.1")
    monkeypatch.setattr(sql_query, "TWO_BYTES", 10)

    large = sql.findings_select(guideline)

    assert "USMALLINT" in small
    assert "USMALLINT" not in large
    assert sorted(run(large, findings=findings)) == sorted(run(small, findings=findings))


def test_the_name_of_a_relation_is_a_name_and_nothing_else():
    guideline = rule_cases.guideline("fleischner@2017")

    query = sql.findings_select(guideline, source='pacs.f; DROP TABLE "x"', given=())

    assert len(sqlglot.parse(query, read="duckdb")) == 1
    assert '"pacs"."f; DROP TABLE ""x"""' in query


def test_only_known_dialects_are_rendered():
    with pytest.raises(Unsupported):
        sql.findings_select(rule_cases.guideline("ti-rads@2017"), "oracle")


def test_without_the_extra_the_error_names_the_cure(monkeypatch):
    monkeypatch.setitem(sys.modules, "sqlglot", None)

    with pytest.raises(MissingExtra, match="audit"):
        sql.findings_select(rule_cases.guideline("ti-rads@2017"))
