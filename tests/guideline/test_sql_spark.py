"""On Spark the SELECT gives the very rows that it gives in DuckDB, which ``test_sql.py`` holds to be right."""

import os
import shutil

import pytest
import relations
import rule_cases

from radlogic.engine.guideline import sql

pytest.importorskip("sqlglot", reason="needs the extra `audit`")
duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
pyspark_sql = pytest.importorskip("pyspark.sql", reason="needs the extra `spark`")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (shutil.which("java") or os.environ.get("JAVA_HOME")), reason="Spark needs Java 17 or later (JAVA_HOME)"
    ),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning:pyspark"),
]
ENTRY = "STRUCT<months_ago: DECIMAL(8, 4), mean_mm: DECIMAL(8, 4)>"


@pytest.fixture(scope="module")
def spark():
    quiet = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "1", "spark.driver.bindAddress": "127.0.0.1"}
    plain = {"spark.sql.codegen.wholeStage": "false", "spark.sql.adaptive.enabled": "false"}  # few rows: plan quickly
    builder = pyspark_sql.SparkSession.builder.master("local[1]").config(map=quiet | plain)
    session = builder.config("spark.driver.host", "127.0.0.1").getOrCreate()
    yield session
    session.stop()


def of_spark(kind):
    """A DuckDB type in the words of Spark."""
    return f"ARRAY<{ENTRY}>" if kind.endswith("[]") else kind.replace("VARCHAR", "STRING")


def by_spark(session, query, **tables):
    for name, (kinds, rows) in tables.items():
        schema = ", ".join(f"`{column}` {of_spark(kind)}" for column, kind in kinds.items())
        session.createDataFrame([tuple(row[c] for c in kinds) for row in rows], schema).createOrReplaceTempView(name)
    return sorted(tuple(row) for row in session.sql(query).collect())


def by_duckdb(query, **tables):
    with duckdb.connect() as database:
        for name, (kinds, rows) in tables.items():
            relations.fill(database, name, kinds, rows)
        return sorted(database.execute(query).fetchall())


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_findings_and_exams_are_answered_alike_by_both(spark, name):
    guideline, chance = rule_cases.guideline(name), relations.chance(7)
    facts = [f for unknown in (0.0, 0.05) for f in relations.random_findings(guideline, chance, 60, unknown)]
    exams = [relations.random_exam(guideline, chance, n % 2 * 0.03) for n in range(60)]
    lesions = relations.of_findings(guideline, [*facts, *relations.of_cases(guideline, name)[:60]])
    of_exam, whole = relations.of_exams(guideline, exams)

    found = by_spark(spark, relations.findings_query(name, "spark"), findings=lesions)
    told = by_spark(spark, relations.exams_query(name, "spark"), findings=of_exam, exams=whole)

    assert {status for _, _, status, *_ in found} >= {"decided", "undecided"}
    assert found == by_duckdb(relations.findings_query(name), findings=lesions)
    assert told == by_duckdb(relations.exams_query(name), findings=of_exam, exams=whole)


def test_a_column_that_the_relation_lacks_and_a_word_that_is_none_mean_the_same(spark):
    guideline, given = rule_cases.guideline("lung-rads@1.1"), ("type", "mean_mm", "status")
    kinds = {"finding_id": "INT", "type": "VARCHAR", "mean_mm": "DOUBLE", "status": "VARCHAR"}
    lesions = [("solid", 7.0), ("liquid", 7.0), ("solid", 5.94999), ("solid", 1e12)]
    rows = [{"finding_id": n, "type": t, "mean_mm": mm, "status": "baseline"} for n, (t, mm) in enumerate(lesions)]

    found = by_spark(spark, sql.findings_select(guideline, "spark", given=given), findings=(kinds, rows))

    assert [status for _, _, status, *_ in found] == ["undecided", "refused", "refused", "refused"]
    assert found == by_duckdb(sql.findings_select(guideline, given=given), findings=(kinds, rows))
