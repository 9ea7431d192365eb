# ruff: noqa: S608  the SQL is this file's own
"""The generated population: its truth is what independent SQL finds in its tables, kind by kind."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import generated_ndjson
import pyarrow as pa
import pytest
from fhir.resources.R4B import get_fhir_model_class
from generated_dirt import CLEAN, add_dirt, dirty_lines
from generated_dirt import KINDS as DIRT
from generated_graph import graph
from generated_plants import DUE, KINDS, due
from generated_population import chunks, make_chunk
from generated_tables import pool, tables_of, write
from generated_vectors import ROOT, vectors

EXAMS = 50_000
HELPERS = [*sorted((ROOT / "tests").glob("generated_*.py")), ROOT / "benchmarks" / "audit_population.py"]

# every judged exam with its statement, patient, and what follows; nothing here reads the truth's dates or statuses
BASE = """
CREATE TABLE judged AS
WITH seen AS (SELECT * FROM exams JOIN patients USING (patient_id)),
due AS (
  SELECT e.*, x.edition, x.category, x.from_months, x.to_months, x.work_up, x.allowed,
         CAST(e.exam_date + to_months(CAST(x.from_months AS INTEGER)) AS DATE) - a.days AS first_day,
         CASE WHEN x.from_months IS NOT NULL
              THEN CAST(e.exam_date + to_months(CAST(x.to_months AS INTEGER)) AS DATE) + b.days
              WHEN x.work_up THEN e.exam_date + $work_up END AS last_day
  FROM seen e JOIN expected x USING (exam_id)
  LEFT JOIN grace a ON a.months = x.from_months LEFT JOIN grace b ON b.months = x.to_months)
SELECT d.*, s.guideline, s.edition AS named, s.category AS stated, s.interval_min_months AS low,
       s.interval_max_months AS high, s.recommended_modality AS advised, s.no_followup,
       (SELECT MIN(n.exam_date) FROM exams n WHERE n.patient_id = d.patient_id AND n.region = d.region
          AND n.exam_date > d.exam_date) AS next_exam,
       (SELECT MIN(n.exam_date) FROM exams n WHERE n.patient_id = d.patient_id AND n.region = d.region
          AND n.exam_date > d.exam_date AND n.modality IN ('ct', 'mri', 'pet_ct')) AS diagnostic,
       (SELECT MIN(p.procedure_date) FROM procedures p WHERE p.patient_id = d.patient_id AND p.region = d.region
          AND p.procedure_date > d.exam_date) AS tissue,
       c.communicated_at,
       COALESCE(d.death_date <= d.last_day OR d.left_date <= d.last_day, FALSE) AS gone
FROM due d JOIN statements s USING (exam_id) LEFT JOIN communications c USING (exam_id)
"""
OLD = "indication = 'screening' AND guideline = 'lung-rads' AND age"
AGE = ("date_diff('year', birth_date, exam_date) - CASE WHEN (month(birth_date), day(birth_date)) > "
       "(month(exam_date), day(exam_date)) THEN 1 ELSE 0 END")  # fmt: skip
RANKS = "['1','2','3','4A','4B','4X','US-1','US-2','US-3','LR-1','LR-2','LR-3','LR-4','LR-5']"
OVERDUE = "next_exam IS NULL AND last_day < $as_of AND NOT gone"
JUDGED = "from_months IS NOT NULL AND category <> 'optional-12'"
LIVER = "guideline = 'li-rads-us' AND from_months IS NOT NULL"
WORKED = "LEAST(diagnostic, tissue)"
SCREENED = "SELECT exam_id FROM judged JOIN screening USING (exam_id) WHERE "
FOUND = {
    "category_too_high": f"list_position({RANKS}, stated) > list_position({RANKS}, category)",
    "category_too_low": f"list_position({RANKS}, stated) < list_position({RANKS}, category)",
    "recommendation_missing": "low IS NULL AND high IS NULL AND advised IS NULL AND NOT no_followup",
    "interval_too_short": "low < from_months",
    "interval_too_long": "high > to_months AND category <> 'optional-12'",
    "modality_wrong": "advised IS NOT NULL AND NOT list_contains(string_split(allowed, '|'), advised)",
    "follow_up_late": f"guideline <> 'li-rads-us' AND {JUDGED} AND next_exam > last_day",
    "follow_up_early": f"guideline <> 'li-rads-us' AND {JUDGED} AND next_exam < first_day",
    "follow_up_never": f"guideline <> 'li-rads-us' AND {JUDGED} AND {OVERDUE}",
    "surveillance_missed": f"{LIVER} AND (next_exam > last_day OR {OVERDUE})",
    "surveillance_early": f"{LIVER} AND next_exam < first_day",
    "over_management": "category IN ('1', '2', 'US-1', 'US-2', 'LR-1', 'LR-2') AND tissue <= exam_date + $work_up "
                       "AND (next_exam IS NULL OR tissue < next_exam)",
    "under_management": f"work_up AND ({WORKED} > last_day OR ({WORKED} IS NULL AND last_day < $as_of AND NOT gone))",
    "critical_not_communicated": "category IN ('4B', '4X') AND communicated_at IS NULL "
                                 "AND exam_date + $critical < $as_of",
    "critical_late": "category IN ('4B', '4X') AND communicated_at > exam_date + $critical",
    "edition_wrong": "named <> string_split(edition, '@')[2]",
}  # fmt: skip
FOUND_WHOLE = {
    "eligibility_not_documented": SCREENED + "pack_years IS NULL AND smoking_status IS NULL",
    "shared_decision_not_documented": SCREENED + "round = 'baseline' AND shared_decision_documented IS NULL",
    "eligibility_too_young": SCREENED + f"{AGE} < 50",
    "eligibility_too_old": SCREENED + f"{AGE} > 80",
    "eligibility_cms_age": SCREENED + f"{AGE} BETWEEN 78 AND 80",
    "eligibility_pack_years": SCREENED + "pack_years < 20",
    "eligibility_quit_years": SCREENED + "years_since_quit > 15",
    "eligibility_symptomatic": SCREENED + "NOT asymptomatic",
    "duplicate_exam": """SELECT exam_id FROM (SELECT exam_id, row_number() OVER (PARTITION BY patient_id, exam_date,
                         modality, region ORDER BY exam_id) AS copy FROM exams) WHERE copy > 1""",
}  # fmt: skip


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A population of the repository's own vectors, and what its truth says."""
    folder = tmp_path_factory.mktemp("population")
    return folder, write(folder, EXAMS, 7, beside=False)


@pytest.fixture(scope="module")
def database(told: tuple[Path, dict[str, Any]]) -> Iterator[Any]:
    """The tables, and the judged exams, in a database."""
    folder, head = told
    with duckdb.connect(config={"threads": 1}) as con:
        for table in (folder / "tables").iterdir():
            con.execute(f"CREATE VIEW {table.name} AS FROM '{table}/*.parquet'")
        for name in ("truth", "expected"):
            con.execute(f"CREATE VIEW {name} AS FROM '{folder}/{name}.parquet'")
        con.execute("CREATE TABLE grace (months BIGINT, days INTEGER)")
        con.executemany("INSERT INTO grace VALUES (?, ?)", [[int(m), d] for m, d in head["grace_days"].items()])
        con.execute(_with(BASE, head))
        yield con


def _with(sql: str, head: dict[str, Any]) -> str:
    numbers = {
        "$as_of": f"DATE '{head['as_of']}'",
        "$work_up": head["work_up_days"],
        "$critical": head["critical_days"],
    }
    for name, value in numbers.items():
        sql = sql.replace(name, str(value))
    return sql


def _ids(database: Any, sql: str) -> set[str]:
    return {row[0] for row in database.execute(sql).fetchall()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_planted_violations_are_what_sql_finds(database: Any, told: tuple[Path, dict[str, Any]], kind: str) -> None:
    _, head = told
    sql = FOUND_WHOLE.get(kind) or f"SELECT exam_id FROM judged WHERE {FOUND[kind]}"

    found = _ids(database, _with(sql, head))

    assert found == _ids(database, f"SELECT exam_id FROM truth WHERE kind = '{kind}'")
    assert len(found) == head["planted"][kind] >= 4


def test_an_exam_bears_at_most_one_kind(database: Any) -> None:
    assert database.execute("SELECT count(*), count(DISTINCT exam_id) FROM truth").fetchone() == (
        (n := database.execute("SELECT count(*) FROM truth").fetchone()[0]), n,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "says"),
    [
        ("on_time", "done BETWEEN first_day AND last_day"),
        ("early", "done < first_day"),
        ("late", "done > last_day"),
        ("never", f"done IS NULL AND {OVERDUE.replace('next_exam IS NULL AND', '')}"),
        ("died", "done IS NULL AND death_date <= last_day"),
        ("left", "done IS NULL AND left_date <= last_day AND (death_date IS NULL OR death_date > last_day)"),
        ("pending", "done IS NULL AND last_day >= $as_of AND NOT gone"),
    ],
)
def test_what_became_of_each_follow_up_is_what_the_dates_say(database: Any, told: Any, status: str, says: str) -> None:
    work = f"SELECT * REPLACE (COALESCE(first_day, exam_date + 1) AS first_day), CASE WHEN work_up THEN {WORKED} ELSE next_exam END AS done FROM judged WHERE last_day IS NOT NULL"  # noqa: E501

    found = _ids(database, _with(f"SELECT exam_id FROM ({work}) WHERE {says}", told[1]))

    assert found == _ids(database, f"SELECT exam_id FROM expected WHERE follow_up = '{status}'")
    assert found


@pytest.mark.parametrize(
    "edge",
    [
        "next_exam = last_day", "next_exam = last_day + 1", "next_exam = first_day", "next_exam = first_day - 1",
        "communicated_at = exam_date + $critical", "communicated_at = exam_date + $critical + 1",
        "work_up AND LEAST(diagnostic, tissue) = last_day", "last_day = $as_of",
        "next_exam IS NULL AND last_day = $as_of", "exam_date = DATE '2022-11-01'", "exam_date = DATE '2022-10-31'",
        "(month(birth_date), day(birth_date)) = (month(exam_date), day(exam_date))",
    ],
)  # fmt: skip
def test_the_edges_of_the_windows_are_there(database: Any, told: Any, edge: str) -> None:
    assert _ids(database, _with(f"SELECT exam_id FROM judged WHERE {edge}", told[1]))


def test_the_windows_that_the_truth_names_are_those_of_the_dates(database: Any) -> None:
    differ = """SELECT count(*) FROM judged j JOIN expected x USING (exam_id)
                WHERE j.last_day IS DISTINCT FROM x.last_day OR CASE WHEN j.first_day IS NOT NULL THEN GREATEST(j.first_day, j.exam_date) END IS DISTINCT FROM x.first_day"""  # noqa: E501

    assert database.execute(differ).fetchone() == (0,)


def test_every_reference_between_the_tables_holds(database: Any) -> None:
    for child, key, parent in [
        ("exams", "patient_id", "patients"), ("findings", "exam_id", "exams"), ("statements", "exam_id", "exams"),
        ("procedures", "patient_id", "patients"), ("communications", "exam_id", "exams"),
        ("outcomes", "patient_id", "patients"), ("screening", "exam_id", "exams"), ("expected", "exam_id", "exams"),
    ]:  # fmt: skip
        lost = f"SELECT count(*) FROM {child} ANTI JOIN {parent} USING ({key})"
        assert database.execute(lost).fetchone() == (0,), child
    ids = "SELECT count(*) - count(DISTINCT exam_id) FROM exams"
    assert database.execute(ids).fetchone() == (0,)


def test_nothing_happens_after_death_or_the_day_of_the_audit(database: Any, told: Any) -> None:
    as_of = f"DATE '{told[1]['as_of']}'"
    for table, when in [("exams", "exam_date"), ("procedures", "procedure_date"), ("outcomes", "diagnosis_date")]:
        late = f"""SELECT count(*) FROM {table} JOIN patients USING (patient_id)
                   WHERE {when} > {as_of} OR {when} >= death_date"""
        assert database.execute(late).fetchone() == (0,), table


def test_the_edition_is_that_of_the_day(database: Any) -> None:
    wrong = """SELECT count(*) FROM judged WHERE edition = 'lung-rads@1.1' AND exam_date >= '2022-11-01'
               OR edition = 'lung-rads@2022' AND exam_date < '2022-11-01'
               OR edition = 'li-rads-us@2024' AND exam_date < '2024-01-01'"""

    assert database.execute(wrong).fetchone() == (0,)


def test_a_history_carries_a_nodule_from_its_size_to_its_prior_size(database: Any) -> None:
    chain = """WITH one AS (SELECT e.patient_id, e.exam_date, f.*, x.category FROM exams e
                 JOIN findings f USING (exam_id) JOIN expected x USING (exam_id) WHERE e.modality = 'ldct'
                 QUALIFY count(*) OVER (PARTITION BY e.exam_id) = 1),
               next AS (SELECT *, lag(mean_mm) OVER w AS before, lag(category) OVER w AS earlier,
                        lag(exam_date) OVER w AS seen FROM one
                        WINDOW w AS (PARTITION BY patient_id ORDER BY exam_date, exam_id))
               SELECT count(*), count(*) FILTER (prior_mean_mm <> before),
                      count(*) FILTER (previous_category <> earlier AND previous_category <> 'n/a')
               FROM next WHERE status = 'existing' AND prior_mean_mm IS NOT NULL AND seen < exam_date"""

    carried, sizes, categories = database.execute(chain).fetchone()

    assert carried > 100
    assert (sizes, categories) == (0, 0)


def test_the_same_seed_gives_the_same_files_and_another_seed_others(tmp_path: Path) -> None:
    head, again = (write(tmp_path / name, 8_000, 7, beside=False) for name in ("one", "two"))
    other = write(tmp_path / "other", 8_000, 8, beside=False)

    assert again == head
    files = sorted((tmp_path / "one").rglob("*.parquet"))
    assert len(files) == 10
    for file in files:
        assert (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes() == file.read_bytes(), file.name
    assert other["planted"] != again["planted"]


def test_no_dictionary_of_the_tables_holds_a_word_twice() -> None:
    """With such a one pyarrow writes what memory held before, see ``_words``: other bytes at times, not always."""
    (chunk,) = chunks(2_000, 7, beside=False)
    made = tables_of(chunk, graph(beside=False), pool(beside=False))
    columns = [c for table in (*made.tables.values(), made.truth, made.expected) for c in table.columns]
    words = [part.dictionary.to_pylist() for c in columns if pa.types.is_dictionary(c.type) for part in c.chunks]

    assert len(words) >= 30
    for known in words:
        assert len(known) == len(set(known)), known


@pytest.mark.slow
def test_the_same_seed_gives_the_same_files_whatever_memory_held_before(tmp_path: Path) -> None:
    """glibc fills memory with a byte of our choice when it hands it out: what is written unset shows, and differs."""
    code = "import sys; from pathlib import Path; from generated_tables import write; "
    code += "write(Path(sys.argv[1]), 8_000, 7, beside=False)"
    for filled in ("90", "165"):
        unlike = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_PERTURB_": filled, "PYTHONHASHSEED": filled}
        where = {"PYTHONPATH": str(ROOT / "tests")}
        command = [sys.executable, "-c", code, str(tmp_path / filled)]
        subprocess.run(command, env=os.environ | unlike | where, check=True, timeout=120)
    files = sorted((tmp_path / "90").rglob("*.parquet"))

    assert len(files) == 10
    for file in files:
        assert (tmp_path / "165" / file.relative_to(tmp_path / "90")).read_bytes() == file.read_bytes(), file.name


def test_a_chunk_can_be_made_alone() -> None:
    one, two = make_chunk(3, 2, graph(beside=False)), make_chunk(3, 2, graph(beside=False))

    assert (one.exam_day == two.exam_day).all()
    assert (one.kind == two.kind).all()
    assert (make_chunk(3, 1, graph(beside=False)).exam_day[:100] != one.exam_day[:100]).any()


def test_a_population_has_at_most_the_exams_asked_for_and_whole_histories(told: Any) -> None:
    assert EXAMS - 40 < told[1]["rows"]["exams"] <= EXAMS


def test_the_intervals_of_the_truth_are_those_that_the_vectors_state() -> None:
    stated = [v for v in vectors(beside=False) if v.interval != ""]

    assert len(stated) > 300
    for v in stated:
        assert due(v.guideline, v.category, v.interval).interval == v.interval, v.name


def test_every_category_of_the_truth_has_vectors() -> None:
    have = {(v.guideline, "0-other" if (v.category, v.interval) == ("0", None) else v.category)
            for v in vectors(beside=False)}  # fmt: skip

    assert have == set(DUE)


@pytest.mark.parametrize("file", HELPERS, ids=lambda file: file.name)
def test_the_generator_imports_nothing_of_the_product(file: Path) -> None:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    names = [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    names += [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    allowed = {"duckdb", "numpy", "pyarrow", "yaml", "argparse", "resource", "sys", "time", "json", "pathlib", "typing",
               "collections", "contextlib", "dataclasses", "datetime", "functools", "copy"}  # fmt: skip
    others = {name.split(".")[0] for name in names} - allowed

    assert all(name.startswith("generated_") for name in others), others
    assert "import_module" not in file.read_text(encoding="utf-8")
    assert "__import__" not in file.read_text(encoding="utf-8")


def test_the_truth_says_its_own_windows(told: Any) -> None:
    head = json.loads((told[0] / "truth.json").read_text(encoding="utf-8"))

    assert head == told[1]
    assert set(head["planted"]) == set(head["kinds"]) == set(KINDS)
    assert head["grace_days"] == {"0": 14, "1": 14, "3": 22, "6": 45, "12": 90}


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """A small population as Bulk FHIR, and what its truth says."""
    folder = tmp_path_factory.mktemp("export")
    return folder, generated_ndjson.write(folder, 2_000, 7, beside=False)


def test_the_export_has_the_same_truth_as_the_tables(export: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, head = export
    tables = write(tmp_path / "tables", 2_000, 7, beside=False)

    assert head["planted"] == tables["planted"]
    for name in ("truth", "expected"):
        both = f"FROM '{folder}/{name}.parquet' EXCEPT FROM '{tmp_path}/tables/{name}.parquet'"
        assert duckdb.sql(both).fetchall() == []
    said = f"""SELECT id[:11], CAST(occurrenceTiming.repeat.boundsRange.low.value AS DECIMAL(6, 1)), code.text
               FROM read_json('{folder}/ndjson/ServiceRequest.ndjson') WHERE code.text <> 'follow-up'"""
    stated = f"""SELECT exam_id, interval_min_months, recommended_modality
                 FROM '{tmp_path}/tables/tables/statements/*.parquet' WHERE recommended_modality IS NOT NULL"""
    assert (
        duckdb.sql(f"({said}) EXCEPT ({stated})").fetchall()
        == duckdb.sql(f"({stated}) EXCEPT ({said})").fetchall()
        == []
    )


def test_every_resource_of_the_export_is_valid_r4_and_refers_to_what_is_there(
    export: tuple[Path, dict[str, Any]],
) -> None:
    folder, head = export
    known, referred, valid = set(), set(), 0
    for file in sorted((folder / "ndjson").iterdir()):
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        assert len(lines) == head["rows"].get(file.stem, 0)
        known |= {f"{r['resourceType']}/{r['id']}" for r in lines}
        referred |= set(_references(lines))
        for resource in lines[:10]:
            get_fhir_model_class(file.stem)(**resource)
            valid += 1
    assert len(known) == sum(head["rows"][r] for r in head["rows"] if r[0].isupper())
    assert referred <= known
    assert valid >= 60


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "reference" in value:
            yield value["reference"]
        value = list(value.values())
    for item in value if isinstance(value, list) else ():
        yield from _references(item)


def test_the_clean_carriers_of_dirt_are_valid_and_each_kind_is_unlike_them() -> None:
    clean = {json.dumps(r, ensure_ascii=False).encode() for r in CLEAN}
    for resource in CLEAN:
        get_fhir_model_class(resource["resourceType"])(**resource)

    assert len(DIRT) >= 30
    assert {d.kind for d in dirty_lines() if d.line in clean} == {"same_line_again"}
    assert not [d.kind for d in dirty_lines() if b"\n" in d.line]


def test_dirt_is_added_after_the_clean_lines_and_counted_line_by_line(
    export: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, _ = export
    (tmp_path / "ndjson").mkdir()
    before = {}
    for file in (folder / "ndjson").iterdir():
        before[file.name] = file.read_bytes()
        (tmp_path / "ndjson" / file.name).write_bytes(before[file.name])

    told = add_dirt(tmp_path / "ndjson", 2)

    after = {file.name: file.read_bytes() for file in (tmp_path / "ndjson").iterdir()}
    assert all(after[name].startswith(clean) for name, clean in before.items())
    assert sum(told["counts"].values()) == len(told["lines"]) == 2 * len(DIRT)
    at = {(x["file"], x["line"]): x["kind"] for x in told["lines"]}
    for dirt, (file, number) in zip(_in_order(told), at, strict=True):
        assert after[file].split(b"\n")[number - 1] == dirt
    added = sum(after[name].count(b"\n") - before[name].count(b"\n") for name in after)
    assert added == 2 * len(DIRT) + len(CLEAN)


def _no_number(word: str) -> None:
    raise ValueError(word)


def _in_order(told: dict[str, Any]) -> list[bytes]:
    """The dirty lines in the order in which they are told."""
    by_kind: dict[str, list[bytes]] = {}
    for dirt in dirty_lines(2):
        by_kind.setdefault(dirt.kind, []).append(dirt.line)
    return [by_kind[line["kind"]].pop(0) for line in told["lines"]]


@pytest.mark.parametrize("kind", [kind for kind, (_, treatment, _) in DIRT.items() if treatment == "line"])
def test_a_line_that_must_be_kept_aside_is_no_valid_resource_of_its_file(kind: str) -> None:
    file, _, make = DIRT[kind]

    with pytest.raises((ValueError, RecursionError, TypeError, AssertionError, AttributeError)):
        found = json.loads(make(1).decode(), parse_constant=_no_number)
        assert found.pop("resourceType", None) == file
        assert isinstance(found.get("id"), str)
        assert found["status" if file != "Patient" else "id"] != "entered-in-error"
        assert "effectiveDateTime" in found or file != "DiagnosticReport"
        assert len(found.get("effectiveDateTime", "2024-03-01")) == 10
        get_fhir_model_class(file)(**found)
