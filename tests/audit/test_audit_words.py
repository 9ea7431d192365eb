"""What stands in a table in no word, or no number, that the audit knows is unknown there, and counted."""

import json
import random
from datetime import date, timedelta

import audited_by_hand
import audited_tables
import generated_tables
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited_tables import exam, statement

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF, DAY = date(2025, 6, 30), date(2023, 6, 1)
ODD = {
    ("exams", "modality"): str.upper,
    ("exams", "round"): str.title,
    ("exams", "region"): lambda w: f"the {w}",
    ("exams", "indication"): str.title,
    ("findings", "kind"): lambda w: "mass",
    ("findings", "type"): str.upper,
    ("findings", "status"): lambda w: f" {w.title()}",
    ("statements", "recommended_modality"): lambda w: "?",
    ("statements", "edition"): lambda w: f"v{w}",
    ("statements", "guideline"): str.upper,
    ("statements", "source"): str.title,
    ("statements", "interval_min_months"): lambda n: -n,
    ("statements", "interval_max_months"): lambda n: n // 4,
    ("procedures", "kind"): str.upper,
    ("communications", "kind"): str.upper,
    ("outcomes", "kind"): str.upper,
    ("screening", "pack_years"): lambda n: -n - 1,
    ("screening", "years_since_quit"): lambda n: float("nan"),
    ("screening", "smoking_status"): str.upper,
}
UNCLEAR = {  # what, where or when an event was, that nobody can say
    ("exams", "modality"): "scan",
    ("exams", "region"): None,
    ("exams", "exam_date"): None,
    ("exams", "round"): "second",
    ("procedures", "kind"): "needle",
    ("procedures", "region"): None,
    ("procedures", "procedure_date"): None,
    ("outcomes", "kind"): "tumour",
    ("outcomes", "diagnosis_date"): None,
    ("communications", "kind"): "note",
    ("communications", "communicated_at"): None,
}


def judged(folder, out, as_of):
    """(measure, exam_id) -> (status, reason), and what is said of the input."""
    done = run(Order(folder, out, as_of))
    with duckdb.connect() as database:
        found = {
            (m.id, exam_id): (status, reason)
            for m in done.measures
            for exam_id, _, _, status, reason in database.execute(reported.rows_of(m, done.files("rows"))).fetchall()
        }
    return found, done.manifest["said_of_the_input"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A generated population in which one value in twenty of every such column is not in the audit's words."""
    folder, chance = tmp_path_factory.mktemp("odd"), random.Random(5)  # noqa: S311  nothing secret is drawn
    generated_tables.write(folder, 600, 5, beside=False)
    tables = folder / "tables"
    (folder / "spoilt").mkdir()
    for name, rows in audited_by_hand.rows(tables).items():
        for (table, column), spoil in ODD.items():
            for row in rows if table == name else ():
                if row[column] is not None and chance.random() < 0.05:
                    row[column] = spoil(row[column])
        for (table, column), word in UNCLEAR.items():
            for row in rows if table == name else ():
                row[column] = word if chance.random() < (0.03 if name == "exams" else 0.25) else row[column]
        if name == "screening":
            rows += [{**row, "pack_years": 12.0} for row in rows[::20]]
        schema = pq.read_schema(next((tables / name).glob("*.parquet")))
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "spoilt" / f"{name}.parquet")
    return folder / "spoilt"


def test_words_and_numbers_of_others_are_judged_as_by_hand(odd, tmp_path):
    found, said = judged(odd, tmp_path, date(2026, 6, 30))

    assert found == audited_by_hand.judge(odd, date(2026, 6, 30))
    unknown = {"statement_not_readable", "screening_not_readable", "conflicting_screening", "event_not_readable"}
    assert unknown <= {reason for _, reason in found.values()}
    assert said["unreadable_values"]["findings.kind"] > 5
    spoilt = [row["modality"] for row in audited_by_hand.rows(odd)["exams"]]
    assert said["unreadable_values"]["exams.modality"] == spoilt.count("scan") > 5
    assert "LDCT" in spoilt


CONFLICT, NOT_READ = ("unknown", "conflicting_statements"), ("unknown", "statement_not_readable")
TEXT = {"source": "text"}
NO_EDITION = {"edition": None}
SWAPPED = {"interval_min_months": 24, "interval_max_months": 3}
NEGATIVE = {"interval_min_months": -12, "interval_max_months": -12}
SILENT = {"interval_min_months": None, "interval_max_months": None, "recommended_modality": None}
STATED = {  # exam -> its statements
    "a silent one": [SILENT],
    "both at once": [{"no_followup": True}],
    "swapped": [SWAPPED],
    "swapped, not in the text": [SWAPPED, TEXT],
    "negative": [NEGATIVE],
    "negative alone": [{**NEGATIVE, "recommended_modality": None}],
    "capitals": [{"recommended_modality": "LDCT", "edition": "v2022"}],
    "other words": [{"recommended_modality": "X-ray", "edition": "2nd"}],
    "other words, not in the text": [{"recommended_modality": "X-ray", "edition": "2nd"}, TEXT],
    "two editions": [{}, {"edition": "1.1"}, {**TEXT, "edition": "2022"}],
    "edition in the text": [NO_EDITION, {**TEXT, "edition": "V2022"}],
}


SMOKERS = {  # exam -> smoking status, pack-years
    "capital": ("Current", 30.0),
    "daily": ("daily", 30.0),
    "below none": ("current", -5.0),
    "endless": ("current", float("inf")),
    "no number": ("current", float("nan")),
}
TOLD = {"before and in time": (-31, 1), "before and late": (-31, 30), "before": (-31,)}  # exam -> days after it


@pytest.fixture(scope="module")
def stated(tmp_path_factory):
    """Exams without a nodule, each stated, screened, told or found in another way."""
    names = (*STATED, *SMOKERS, *TOLD, "some mass")
    tables = audited_tables.write(
        tmp_path_factory.mktemp("stated"),
        exams=[exam(name, name, DAY) for name in names],
        patients=[{"patient_id": name, "birth_date": date(1960, 1, 1)} for name in names],
        statements=[
            *(statement(name, **said) for name, each in STATED.items() for said in each),
            *(statement(name, category="4B") for name in TOLD),
            statement("some mass"),
        ],
        communications=[
            {"exam_id": name, "communicated_at": DAY + timedelta(n), "kind": "Critical_Result"}
            for name, days in TOLD.items()
            for n in days
        ],
    )
    smokers = [
        {"exam_id": name, "pack_years": years, "smoking_status": status, "asymptomatic": True}
        for name, (status, years) in SMOKERS.items()
    ]
    pq.write_table(pa.Table.from_pylist(smokers), tables / "screening.parquet")
    mass = [{"exam_id": "some mass", "finding_id": "1", "kind": "mass"}]
    pq.write_table(pa.Table.from_pylist(mass), tables / "findings.parquet")
    return judged(tables, tmp_path_factory.mktemp("out"), AS_OF)


@pytest.mark.parametrize(
    ("name", "measure", "expected"),
    [
        ("both at once", "right-interval", CONFLICT),
        ("both at once", "recommendation-present", CONFLICT),
        ("swapped", "right-interval", NOT_READ),
        ("swapped", "over-management", NOT_READ),
        ("swapped", "category-concordant", ("met", "same")),
        ("swapped, not in the text", "right-interval", NOT_READ),
        ("negative", "right-interval", NOT_READ),
        ("negative", "under-management", NOT_READ),
        ("negative alone", "recommendation-present", NOT_READ),
        ("a silent one", "recommendation-present", ("not_met", "nothing_recommended")),
        ("capitals", "right-modality", ("met", "named")),
        ("capitals", "edition-in-force", ("met", "same")),
        ("other words", "right-modality", NOT_READ),
        ("other words", "over-management", NOT_READ),
        ("other words", "right-interval", ("met", "within")),
        ("other words", "edition-in-force", ("unknown", "edition_not_readable")),
        ("other words, not in the text", "right-modality", NOT_READ),
        ("two editions", "edition-in-force", CONFLICT),
        ("edition in the text", "edition-in-force", ("met", "same")),
        ("capital", "eligibility-uspstf", ("met", "documented")),
        ("daily", "eligibility-uspstf", ("unknown", "screening_not_readable")),
        ("below none", "eligibility-uspstf", ("unknown", "screening_not_readable")),
        ("endless", "eligibility-uspstf", ("unknown", "screening_not_readable")),
        ("no number", "eligibility-uspstf", ("not_met", "not_documented.pack-years")),
        ("before and in time", "critical-result-communicated", ("met", "in_time")),
        ("before and late", "critical-result-communicated", ("not_met", "late")),
        ("before", "critical-result-communicated", ("unknown", "dated_before_exam")),
        ("some mass", "category-concordant", ("unknown", "findings_not_usable")),
    ],
)
def test_what_cannot_be_read_is_neither_right_nor_wrong(stated, name, measure, expected):
    assert stated[0][measure, name] == expected


def test_what_cannot_be_read_is_counted(stated):
    assert stated[1]["unreadable_values"] == {
        "statements.interval_min_months": 4,
        "statements.interval_max_months": 4,
        "statements.edition": 2,
        "statements.recommended_modality": 2,
        "screening.pack_years": 2,
        "screening.smoking_status": 1,
        "findings.kind": 1,
    }


def test_a_word_that_stands_in_fewer_rows_than_the_smallest_cell_is_not_in_the_summary(tmp_path):
    exams = [exam(f"E{n:02}", f"P{n}", DAY, region="lung" if n < 15 else "chest" if n < 27 else "thorax")
             for n in range(60)]  # fmt: skip
    tables = audited_tables.write(tmp_path / "in", exams=exams)

    done = run(Order(tables, tmp_path / "out", AS_OF, ("recorded-once",), {"smallest_cell": "20"}))
    reported.write_all(done)

    assert done.manifest["said_of_the_input"]["unknown_words"] == {"exams.region": {"lung": 15, "thorax": 33}}
    told = json.loads((tmp_path / "out" / "summary.json").read_text(encoding="utf-8"))
    assert told["input"]["unknown_words"] == {"exams.region": {"thorax": 33}}


def test_words_that_nobody_knows_are_named_where_they_are_frequent_and_counted_in_any_case(tmp_path):
    exams = [exam(f"E{n}", f"P{n}", DAY, modality="MRT" if n < 12 else "LDCT" if n < 15 else "Jane Doe")
             for n in range(16)]  # fmt: skip

    tables = audited_tables.write(tmp_path / "in", exams=exams)

    found, said = judged(tables, tmp_path / "out", AS_OF)

    assert said["unreadable_values"] == {"exams.modality": 13}
    assert said["unknown_words"] == {"exams.modality": {"MRT": 12}}
    assert {exam_id for _, exam_id in found} == {"E12", "E13", "E14"}
