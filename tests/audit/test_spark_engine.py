# ruff: noqa: S608  paths of our own temporary files
"""Spark audits by the same statements, and its files hold what DuckDB's do."""

import re
import shutil
import socket
import sys
from datetime import date, timedelta
from types import SimpleNamespace

import audited_by_hand
import audited_tables
import generated_tables
import pytest

from radlogic.adapters.audit import bucket, reported
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.folder import audit_folder, what_if_folder
from radlogic.adapters.audit.relation import AGE
from radlogic.adapters.audit.spark import session
from radlogic.adapters.audit.spark.errors import SparkUnavailable
from radlogic.adapters.audit.spark.typed import converted
from radlogic.engine.errors import BadValue, MissingExtra

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF = date(2026, 12, 31)  # half a year after the last exam: many are overdue
FEW = ("category-concordant", "follow-up-on-time")
PARTS = ("rows", "counts", "worklist")


def contents(out, part):
    """The rows of a part in the order in which they lie, and the columns with their types."""
    source = f"read_parquet('{out}/{part}/*.parquet')"
    columns = [column[:2] for column in duckdb.sql(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    return columns, duckdb.sql(f"SELECT * FROM {source}").fetchall()


@pytest.fixture(scope="module")
def spark_is_there():
    pytest.importorskip("pyspark", reason="needs the extra `spark`")
    if shutil.which("java") is None:
        pytest.skip("needs Java")


@pytest.fixture(scope="module")
def untidy(tmp_path_factory):
    """A thousand generated exams, made untidy: values missing, contradictory, twice, on one day."""
    folder = tmp_path_factory.mktemp("population")
    generated_tables.write(folder, 1_000, 11, beside=False)
    return audited_tables.untidy(folder / "tables", folder / "untidy", 7)


@pytest.fixture(scope="module")
def both(untidy, tmp_path_factory, spark_is_there):
    """The audit by DuckDB and by Spark, each in two buckets."""
    return [
        run(Order(untidy, tmp_path_factory.mktemp("out"), AS_OF, engine=engine, per_bucket=600))
        for engine in ("duckdb", "local[2]")
    ]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_spark_and_duckdb_write_the_same_rows_in_the_same_order_and_types(both, part):
    duck, spark = (contents(done.order.out, part) for done in both)

    assert len(duck[1]) > (5 if part == "worklist" else 900)
    assert spark == duck


@pytest.mark.slow
def test_spark_judges_every_exam_as_by_hand(both, untidy):
    done = both[1]
    found = {
        (m.id, exam): (status, reason)
        for m in done.measures
        for exam, _, _, status, reason in duckdb.sql(reported.rows_of(m, done.files("rows"))).fetchall()
    }

    assert found == audited_by_hand.judge(untidy, AS_OF)


@pytest.mark.slow
def test_what_spark_made_on_the_way_is_gone(both):
    assert [path.name for path in both[1].order.out.iterdir() if path.name.startswith(".")] == []


@pytest.mark.slow
def test_spark_goes_on_where_it_died_and_ends_with_the_same_bytes(untidy, tmp_path, monkeypatch, spark_is_there):
    order = Order(untidy, tmp_path / "whole", AS_OF, FEW, engine="local[2]", per_bucket=600)
    run(order)
    write, calls = bucket.write, []

    def dying(*args):
        calls.append(args)
        if len(calls) == 6:  # aside, the first bucket, the rows of the second
            raise KeyboardInterrupt
        write(*args)

    monkeypatch.setattr(bucket, "write", dying)
    broken = Order(untidy, tmp_path / "broken", AS_OF, FEW, engine="local[2]", per_bucket=600)
    with pytest.raises(KeyboardInterrupt):
        run(broken)
    monkeypatch.undo()
    run(broken)

    files = [{f.relative_to(out): f.read_bytes() for f in out.rglob("*") if f.is_file()}
             for out in (tmp_path / "whole", tmp_path / "broken")]  # fmt: skip
    assert len(files[0]) == 8  # the manifest, aside, and three files a bucket
    assert files[1] == files[0]
    with pytest.raises(BadValue, match="another audit"):
        run(Order(untidy, tmp_path / "broken", AS_OF, FEW, per_bucket=600))


@pytest.fixture(scope="module")
def spark(spark_is_there, tmp_path_factory):
    """A session of Spark."""
    with session.session("local[1]", "1GB", 1, tmp_path_factory.mktemp("scratch")) as found:
        yield found


def answers(spark, folder, query, kinds, rows):
    """What DuckDB and Spark make of a query over the same rows; ``kinds``: the columns with DuckDB's types."""
    said = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE t ({said})")
        database.executemany(f"INSERT INTO t VALUES ({', '.join('?' for _ in kinds)})", rows)
        database.execute(f"COPY t TO '{folder}/t.parquet' (FORMAT parquet)")
        duck = database.execute(query).fetchall()
    spark.read.parquet(f"{folder}/t.parquet").createOrReplaceTempView("t")
    return duck, [tuple(row) for row in spark.sql(said_for_spark(query)).collect()]


def said_for_spark(query):
    """A query in the words of Spark; ``h`` is a list."""
    words = pytest.importorskip("radlogic.adapters.audit.spark.words", reason="needs the extra `audit`")
    return words.spark_words(words.parsed(query), {"a/exams.parquet": "files_exams"}, {"h"})


@pytest.mark.slow
def test_days_are_counted_as_duckdb_counts_them(spark, tmp_path):
    begin = [date(1999, 12, 30) + timedelta(n) for n in range(430)]  # over a 29 February
    end = [date(2003, 2, 26) + timedelta(n) for n in (0, 1, 2, 3, 4, 365, 366, 367, 368, 369, 60, 300)]
    rows = [(a, b, n % 40) for a in begin for n, b in enumerate((*end, date(1998, 2, 28)))]
    years = AGE.replace("age_stated", "NULL").replace("birth_date", "a").replace("exam_date", "b")
    query = (
        f"SELECT a, b, {years} AS years, CAST(a + to_months(m) AS DATE) - m * 30 * 25 // 100 AS due "
        "FROM t ORDER BY a, b, m"
    )

    duck, found = answers(spark, tmp_path, query, {"a": "DATE", "b": "DATE", "m": "INTEGER"}, rows)

    assert len(duck) == len(rows)
    assert found == duck


@pytest.mark.slow
def test_whole_numbers_are_widened_as_duckdb_widens_them(spark, tmp_path):
    kinds = {"x": "BIGINT", "y": "SMALLINT"}
    rows = [(0, 0), (-7, 7), (999, -999), (1000, 1000), (2**31 - 1, None), (2**31, -(2**15)), (None, 2**15 - 1)]
    wanted = [("x", "INTEGER"), ("x", "DECIMAL(7, 4)"), ("y", "BIGINT"), ("y", "DECIMAL(8, 4)")]
    query = f"SELECT {', '.join(f'TRY_CAST({c} AS {kind}) AS n{n}' for n, (c, kind) in enumerate(wanted))} FROM t"

    duck, _ = answers(spark, tmp_path, query, kinds, rows)
    said = [converted(column, kinds[column], kind) for column, kind in wanted]
    found = [tuple(row) for row in spark.sql(f"SELECT {', '.join(said)} FROM t").collect()]

    assert [row[1] for row in duck] == [0, -7, 999, None, None, None, None]
    assert found == duck


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("DOUBLE", "DECIMAL(7, 4)"),  # DuckDB 1 and 2 round ties by different rules
        ("DOUBLE", "INTEGER"),
        ("VARCHAR", "DATE"),
        ("TIMESTAMP", "DATE"),
        ("BIGINT", "VARCHAR"),
        ("BOOLEAN", "INTEGER"),
        ("DECIMAL(9,4)", "DECIMAL(7, 4)"),
        ("STRUCT(months_ago DOUBLE, mean_mm DOUBLE)[]", "STRUCT(months_ago DECIMAL(8, 4), mean_mm DECIMAL(8, 4))[]"),
    ],
)
def test_a_type_that_only_duckdb_turns_into_another_is_left_to_it(kind, wanted):
    assert converted("x", kind, wanted) is None


@pytest.mark.slow
def test_a_hash_tells_apart_what_stands_in_other_columns(spark, tmp_path):
    kinds = {"a": "BOOLEAN", "b": "BOOLEAN", "h": "DOUBLE[]"}
    rows = [(True, None, None), (None, True, None), (None, None, None), (None, None, []), (None, None, [None]),
            (None, None, [None, 1.0]), (None, None, [1.0]), (False, None, None), (True, None, None)]  # fmt: skip

    # DuckDB has one hash for no list and for an empty one, so the audit hashes beside a list whether there is none
    query = "SELECT COUNT(DISTINCT hash(a, b, h, h IS NULL)), COUNT(*) FROM t"
    duck, found = answers(spark, tmp_path, query, kinds, rows)

    assert found == duck == [(8, 9)]


@pytest.mark.slow
def test_sums_of_hashes_beyond_64_bits_tell_sets_of_rows_apart(spark, tmp_path):
    rows = [(group, x) for group in range(40) for x in range(group, group + 50)]
    each = "SELECT g, SUM(hash(x)) AS a, SUM(h) AS b FROM (SELECT g, x, hash(x) AS h FROM t) GROUP BY g"
    query = f"SELECT COUNT(DISTINCT a), COUNT(DISTINCT b), COUNT(*) FROM ({each})"

    duck, found = answers(spark, tmp_path, query, {"g": "INTEGER", "x": "INTEGER"}, rows)

    assert found == duck == [(40, 40, 40)]


@pytest.mark.slow
def test_days_in_words_are_read_before_spark_sees_them(tmp_path, spark_is_there):
    day = date(2023, 3, 15)
    tables = audited_tables.write(tmp_path / "tables", exams=[audited_tables.exam(x, f"P{x}", day) for x in "ABC"])
    words = "CASE exam_id WHEN 'A' THEN '2023-3-15' WHEN 'B' THEN 'some day' ELSE '2023-03-15' END"
    query = f"SELECT * REPLACE ({words} AS exam_date) FROM '{tables}/exams.parquet'"
    duckdb.sql(f"COPY ({query}) TO '{tmp_path}/w.parquet'")
    (tmp_path / "w.parquet").replace(tables / "exams.parquet")

    done = [run(Order(tables, tmp_path / e[:5], AS_OF, FEW, engine=e)) for e in ("duckdb", "local[2]")]

    duck, spark = (contents(d.order.out, "rows") for d in done)
    assert [row[0] for row in duck[1]] == ["A", "C"]
    assert spark == duck
    aside = [duckdb.sql(f"SELECT * FROM '{d.order.out}/aside.parquet'").fetchall() for d in done]
    assert aside[1] == aside[0] == [("B", "PB", None, "no exam_date")]


@pytest.mark.parametrize(
    ("duck", "spark"),
    [
        (
            "SELECT hash(a, h) AS k FROM t",
            "SELECT XXHASH64(ISNULL(`a`), `a`, ISNULL(`h`), TO_JSON(`h`)) AS `k` FROM `t`",
        ),
        (
            "SELECT SUM(k) AS s FROM (SELECT hash(a) AS k FROM t)",
            "SELECT SUM(CAST(`k` AS DECIMAL(20, 0))) AS `s` FROM (SELECT XXHASH64(ISNULL(`a`), `a`) AS `k` FROM `t`)",
        ),
        ("SELECT a FROM read_parquet(['a/exams.parquet'], union_by_name = false)", "SELECT `a` FROM `files_exams`"),
        ('SELECT * FROM "lung-rads@2022 ends"', "SELECT * FROM `lung_rads_2022_ends` AS `lung-rads@2022 ends`"),
        (
            "SELECT CAST(UNNEST(RANGE(2)) AS USMALLINT) AS key, CAST(UNNEST(STR_SPLIT('7,9', ',')) AS INT) AS next",
            "SELECT CAST(`k` AS INT) AS `key`, CAST(`w` AS INT) AS `next` "
            "FROM (SELECT POSEXPLODE(SPLIT('7,9', ',')) AS (`k`, `w`))",
        ),
    ],
)
def test_what_spark_lacks_is_said_otherwise(duck, spark):
    assert said_for_spark(duck) == spark


@pytest.mark.parametrize("engine", ["spark", "local[0]", "local[x]", "spark://", "spark://host", "yarn", "local[2] "])
def test_an_engine_that_there_is_not_is_refused_by_name(engine, tmp_path):
    with pytest.raises(BadValue, match=re.escape("spark://host:port")):
        audit_folder(tmp_path, tmp_path / "out", AS_OF, engine=engine)


def test_what_spark_does_not_do_is_refused_by_name(tmp_path):
    with pytest.raises(BadValue, match="Compare editions with DuckDB"):
        what_if_folder(tmp_path, tmp_path / "out", AS_OF, ("lung-rads@1.1", "lung-rads@2022"), engine="local[2]")


def test_a_missing_package_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)

    with pytest.raises(MissingExtra, match=r"radlogic\[spark\]"), session.session("local[1]", "1GB", 1, tmp_path):
        pass


@pytest.fixture
def no_pyspark_needed(monkeypatch):
    """A pyspark that must not be started."""
    never = SimpleNamespace(SparkSession=None)
    monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(sql=never))
    monkeypatch.setitem(sys.modules, "pyspark.sql", never)


@pytest.mark.parametrize("home", [True, False])
def test_a_missing_java_is_said(no_pyspark_needed, monkeypatch, tmp_path, home):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path)) if home else monkeypatch.delenv("JAVA_HOME", raising=False)

    with pytest.raises(SparkUnavailable, match="Java 17 or later"), session.session("local[1]", "1GB", 1, tmp_path):
        pass


def test_a_master_that_is_not_there_is_said_at_once(no_pyspark_needed, monkeypatch, tmp_path):
    monkeypatch.setattr(session, "_java", lambda: None)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody answers
        engine = f"spark://127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(SparkUnavailable, match=f"does not answer within {session.REACHED_S} s"),
            session.session(engine, "1GB", 1, tmp_path),
        ):
            pass
