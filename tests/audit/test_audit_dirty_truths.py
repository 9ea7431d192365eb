"""What tables state of a patient is neither lost, nor guessed from contradictions, nor taken from another run."""

import json
from datetime import date

import audited_tables
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited_tables import exam, statement

from radlogic.adapters.audit import reported, what_if
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.engine.errors import BadValue, NotReadable

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF = date(2025, 6, 30)
DAY, YEAR_LATER = date(2023, 6, 1), date(2024, 6, 1)
MEASURES = (
    "abnormal-interpretation", "category-concordant", "edition-in-force", "follow-up-on-time", "right-interval",
    "right-modality", "under-management", "eligibility-uspstf",
)  # fmt: skip
SAYS_NOTHING = {"interval_min_months": None, "interval_max_months": None, "recommended_modality": None}
TEXT = {"source": "text"}
STATED = {  # exam -> its statements
    "two-in-text": [
        {**SAYS_NOTHING, "category": None},
        {**TEXT, "category": "1"},
        {**TEXT, "category": "2"},
    ],
    "half": [{"interval_min_months": 6, "interval_max_months": None}, TEXT],
    "no-follow-up-in-text": [{}, {**TEXT, **SAYS_NOTHING, "no_followup": True}],
    "both-at-once": [{"no_followup": True}],
    "swapped": [{"interval_min_months": 24, "interval_max_months": 3}],
    "negative": [{"interval_min_months": -12, "interval_max_months": -12}],
    "unknown-word": [{"recommended_modality": "cone beam"}],
    "two-editions": [{}, {"edition": "1.1"}],
}


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Screening exams without a nodule, each with a trap of its own."""
    exams = [exam(name, name, DAY) for name in (*STATED, "followed-twice", "followed-nameless", "known-cancer", "nan")]
    exams += [exam("twice", "followed-twice", YEAR_LATER)] * 2 + [exam(None, "followed-nameless", YEAR_LATER)]
    folder = audited_tables.write(
        tmp_path_factory.mktemp("traps"),
        exams=exams,
        statements=[statement(name, **said) for name, all_said in STATED.items() for said in all_said],
        outcomes=[{"patient_id": "known-cancer", "diagnosis_date": date(2022, 1, 1), "kind": "lung_cancer"}],
        patients=[{"patient_id": e["patient_id"], "birth_date": date(1960, 1, 1)} for e in exams[:-3]],
    )
    smoker = {"exam_id": "nan", "pack_years": float("nan"), "smoking_status": "current", "asymptomatic": True}
    pq.write_table(pa.Table.from_pylist([smoker]), folder / "screening.parquet")
    return folder


@pytest.fixture(scope="module")
def found(tables, tmp_path_factory):
    """(exam, measure) -> (status, reason); and the exams of the worklist."""
    done = run(Order(tables, tmp_path_factory.mktemp("out"), AS_OF, MEASURES))
    with duckdb.connect() as database:
        judged = {
            (exam_id, m.id): (status, reason)
            for m in done.measures
            for exam_id, _, _, status, reason in database.execute(reported.rows_of(m, done.files("rows"))).fetchall()
        }
        late = database.execute(f"SELECT exam_id FROM '{done.files('worklist')[0]}'").fetchall()  # noqa: S608
    return judged, {exam_id for (exam_id,) in late}


@pytest.mark.parametrize("name", ["followed-twice", "followed-nameless"])
def test_a_follow_up_that_is_put_aside_for_its_id_was_done(found, name):
    judged, late = found

    assert judged[name, "follow-up-on-time"] == ("met", "on_time")
    assert name not in late


def test_nobody_is_overdue_for_screening_whose_cancer_was_known_before(found):
    judged, late = found

    assert judged["known-cancer", "follow-up-on-time"] == ("excluded", "cancer_known")
    assert "known-cancer" not in late
    assert late


CONFLICT = ("unknown", "conflicting_statements")


@pytest.mark.parametrize(
    ("name", "measure", "expected"),
    [
        ("two-in-text", "category-concordant", CONFLICT),
        ("two-in-text", "abnormal-interpretation", CONFLICT),
        ("half", "right-interval", ("not_met", "shorter")),
        ("no-follow-up-in-text", "under-management", ("met", "not_less")),
        ("no-follow-up-in-text", "right-interval", ("met", "within")),
        ("both-at-once", "right-interval", CONFLICT),
        ("both-at-once", "under-management", CONFLICT),
        ("nan", "eligibility-uspstf", ("not_met", "not_documented.pack-years")),
    ],
)
def test_what_contradicts_itself_or_is_no_value_is_unknown(found, name, measure, expected):
    assert found[0][name, measure] == expected


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("swapped", "right-interval"),
        ("swapped", "under-management"),
        ("negative", "right-interval"),
        ("unknown-word", "right-modality"),
        ("two-editions", "edition-in-force"),
    ],
)
def test_no_value_is_no_violation(found, name, measure):
    assert found[0][name, measure][0] == "unknown"


def test_two_values_that_changed_places_are_another_input(tmp_path):
    folder = audited_tables.write(tmp_path / "in", exams=[exam(name, name, DAY) for name in "abcd"])
    said = [statement(name, category=category) for name, category in zip("abcd", "1122", strict=True)]
    for rows in (said, [{**s, "category": c} for s, c in zip(said, "1212", strict=True)]):
        audited_tables.write(folder, statements=rows)
        if rows is said:
            run(Order(folder, tmp_path / "out", AS_OF, MEASURES[:1]))
    with pytest.raises(BadValue, match="another audit"):
        run(Order(folder, tmp_path / "out", AS_OF, MEASURES[:1]))


def test_a_what_if_into_a_file_says_so(tables, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(BadValue, match="--out"):
        what_if.compare(Order(tables, tmp_path / "file", AS_OF), what_if.pair("lung-rads@1.1", "lung-rads@2022"))


def test_broken_pages_and_too_little_memory_are_said_in_words(tables, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in tables.glob("*.parquet"):
        content = bytearray(file.read_bytes())
        if file.stem == "statements":
            content[40:400] = bytes(b ^ 0x5A for b in content[40:400])
        (broken / file.name).write_bytes(content)
    with pytest.raises(NotReadable, match=r"Parquet"):
        run(Order(broken, tmp_path / "out", AS_OF, MEASURES))
    with pytest.raises(BadValue, match="--memory"):
        run(Order(tables, tmp_path / "small", AS_OF, MEASURES, memory="20MB"))


def test_who_died_after_being_overdue_cannot_be_subtracted(tmp_path):
    """Fifty are never followed, of whom three have died since: neither 47 beside 50, nor in the table of the page."""
    exams = [exam(f"E{n:02}", f"P{n:02}", DAY) for n in range(50)]
    people = [{"patient_id": f"P{n:02}", "death_date": date(2025, 6, 1) if n < 3 else None} for n in range(50)]
    folder = audited_tables.write(tmp_path / "in", exams=exams, patients=people)
    reported.write_all(run(Order(folder, tmp_path / "out", AS_OF, ("follow-up-on-time",))))

    told = json.loads((tmp_path / "out" / "summary.json").read_text())
    drawn = json.loads((tmp_path / "out" / "aggregates.json").read_text())
    assert told["measures"][0]["reasons"]["not_met"]["never"] == 50
    assert told["overdue"] == {"follow-up-on-time": None}
    assert 47 not in [n for table in drawn["overdue"] for row in table["rows"] for n in (*row["exams"], row["all"])]
