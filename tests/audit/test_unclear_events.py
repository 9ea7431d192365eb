"""What came after an exam and is stated so that nobody can say what it was: neither a follow-up, nor none."""

from datetime import date, timedelta

import audited_tables
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited_tables import exam, statement

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.layout import tables_of
from radlogic.adapters.audit.spark.typed import typed

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF, DAY = date(2025, 6, 30), date(2023, 6, 1)
OPEN = ("unknown", "event_not_readable")
NEVER = ("not_met", "never")
# patient -> days after the exam of (category 1: LDCT in 12 months, so due from day 276 to 456), and what is stated then
EXAMS = {
    "unknown modality in time": (360, {"modality": "scan"}),
    "no modality in time": (360, {"modality": None}),
    "no region in time": (360, {"region": None}),
    "no region, ultrasound": (360, {"region": None, "modality": "us"}),
    "neither": (360, {"region": None, "modality": None}),
    "no day": (None, {}),
    "no day, of the thyroid": (None, {"region": "thyroid", "modality": "us"}),
    "unknown modality too late": (500, {"modality": None}),
    "unknown modality elsewhere": (360, {"region": "other", "modality": None}),
    "unknown modality before": (-10, {"modality": None}),
    "capitals": (360, {"modality": "LDCT"}),
    "died on an unknown day, was followed up": (360, {}),
    "died on an unknown day, was followed up late": (500, {}),
    "died before the exam, was followed up": (360, {}),
}
PROCEDURES = {
    "unknown procedure": (30, {"kind": "needle"}),
    "no kind": (30, {"kind": None}),
    "biopsy of no region": (30, {"region": None}),
    "biopsy without a day": (None, {}),
    "unknown procedure of the liver": (30, {"kind": None, "region": "liver"}),
    "another procedure": (30, {"kind": "other"}),
    "unknown procedure too late": (500, {"kind": None}),
    "unknown procedure before": (-30, {"kind": None}),
}
DIAGNOSES = {
    "unknown diagnosis": (30, "tumour"),
    "unknown diagnosis before": (-30, None),
    "cancer without a day": (None, "lung_cancer"),
    "benign": (30, "benign"),
    "cancer of the liver without a day": (None, "hcc"),
    "cancer before": (-30, "lung_cancer"),
    "cancer before, and without a day": (-30, "lung_cancer"),
}
TOLD = {
    "unknown message in time": (2, "note"),
    "message without a day": (None, "critical_result"),
    "unknown message too late": (40, None),
}
FOLLOWED = {
    "nothing": NEVER,
    "unknown modality in time": OPEN,
    "no modality in time": OPEN,
    "no region in time": OPEN,
    "no region, ultrasound": NEVER,
    "neither": OPEN,
    "no day": OPEN,
    "no day, of the thyroid": NEVER,
    "unknown modality too late": ("not_met", "late_or_never"),
    "unknown modality elsewhere": NEVER,
    "unknown modality before": NEVER,
    "capitals": ("met", "on_time"),
    "unknown procedure": OPEN,
    "no kind": OPEN,
    "biopsy of no region": OPEN,
    "biopsy without a day": OPEN,
    "unknown procedure of the liver": NEVER,
    "another procedure": NEVER,
    "unknown procedure too late": NEVER,
    "unknown procedure before": NEVER,
    "unknown diagnosis": OPEN,
    "unknown diagnosis before": OPEN,
    "cancer without a day": OPEN,
    "benign": NEVER,
    "cancer of the liver without a day": NEVER,
    "cancer before": ("excluded", "cancer_known"),
    "cancer before, and without a day": ("excluded", "cancer_known"),
    "died on an unknown day": OPEN,
    "died on a day that nobody can read": OPEN,
    "died on a blank day": NEVER,
    "left on an unknown day": OPEN,
    "left on a day that nobody can read": OPEN,
    "is said not to have died": NEVER,
    "died on an unknown day, was followed up": ("met", "on_time"),
    "died on an unknown day, was followed up late": ("not_met", "late"),
    "died on an unknown day, left in time": ("excluded", "left_before_due"),
    "said to have died on a later row": OPEN,
    "died before the exam": ("unknown", "death_before_exam"),
    "died before the exam, was followed up": ("met", "on_time"),
    "left before the exam": NEVER,
    "left on the day of the exam": ("excluded", "left_before_due"),
    "left before the exam, and again": ("excluded", "left_before_due"),
}
# what the table of patients says of them, row by row; days after the exam, or words
PEOPLE = {
    "died on an unknown day": [{"deceased": True}],
    "died on a day that nobody can read": [{"death_date": "in spring"}],
    "died on a blank day": [{"death_date": " "}],
    "left on an unknown day": [{"left": True}],
    "left on a day that nobody can read": [{"left_date": "unknown"}],
    "is said not to have died": [{"deceased": False, "left": False}],
    "died on an unknown day, was followed up": [{"deceased": True}],
    "died on an unknown day, was followed up late": [{"deceased": True}],
    "died on an unknown day, left in time": [{"deceased": True, "left_date": 100}],
    "said to have died on a later row": [{}, {"deceased": True}],
    "died before the exam": [{"death_date": -400, "deceased": True}],
    "died before the exam, was followed up": [{"death_date": -400}],
    "left before the exam": [{"left_date": -400, "left": True}],
    "left on the day of the exam": [{"left_date": 0}],
    "left before the exam, and again": [{"left_date": -400}, {"left_date": 100}],
}
MEASURES = ("critical-result-communicated", "follow-up-on-time", "over-management", "positive-predictive-value",
            "cancer-detection", "recorded-once",
            "eligibility-uspstf", "eligibility-cms", "category-concordant")  # fmt: skip
# another exam of the patient -> (its id comes first; days after the exam; what is stated)
TWINS = {
    "the same": (True, 0, {}),
    "the same, later id": (False, 0, {}),
    "the same day without a modality": (True, 0, {"modality": None}),
    "the same day without a modality, later id": (False, 0, {"modality": None}),
    "the same day without a region": (True, 0, {"region": None}),
    "without a day": (True, None, {}),
    "without a day or a modality": (True, None, {"modality": None}),
    "without a day, another modality": (True, None, {"modality": "ct"}),
    "the same day, another modality": (True, 0, {"modality": "ct"}),
    "another day without a modality": (True, 5, {"modality": None}),
}
ROUNDS = {"shared": "Baseline", "nth": "third"}  # exam -> its word for the round


def after(days):
    return None if days is None else DAY + timedelta(days)


def _written(said):
    """A day as it stands in a table of words."""
    return str(after(said)) if type(said) is int else said


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(exam, measure) -> (status, reason); the exams of the worklist; what is said of the input."""
    names = (*FOLLOWED, *TOLD, "untold", "contradiction", *ROUNDS, *TWINS)
    tables = audited_tables.write(
        tmp_path_factory.mktemp("unclear"),
        exams=[exam(name, name, DAY, **({"round": ROUNDS[name]} if name in ROUNDS else {})) for name in names]
        + [exam(f"{name}, then", name, after(days), **said) for name, (days, said) in EXAMS.items()]
        + [exam(f"{'+~'[not first]}{name}", name, after(days), **said) for name, (first, days, said) in TWINS.items()],
        statements=[statement(name, category="4B" if name in {*TOLD, "untold"} else "3") for name in names],
        procedures=[
            {"procedure_id": name, "patient_id": name, "procedure_date": after(days), "kind": "biopsy",
             "region": "chest", **said}
            for name, (days, said) in PROCEDURES.items()
        ],
        outcomes=[
            {"patient_id": name, "diagnosis_date": after(days), "kind": kind}
            for name, (days, kind) in DIAGNOSES.items()
        ] + [{"patient_id": "cancer before, and without a day", "diagnosis_date": None, "kind": "lung_cancer"}],
        communications=[
            {"exam_id": name, "communicated_at": after(days), "kind": kind} for name, (days, kind) in TOLD.items()
        ],
    )  # fmt: skip
    people = [
        {"patient_id": name, "birth_date": date(1960, 1, 1), **{column: _written(said) for column, said in row.items()}}
        for name in names
        for row in PEOPLE.get(name, [{}])
    ]
    columns = {"patient_id": pa.string(), "birth_date": pa.date32(), "death_date": pa.string(),
               "left_date": pa.string(), "deceased": pa.bool_(), "left": pa.bool_()}  # fmt: skip
    pq.write_table(pa.Table.from_pylist(people, schema=pa.schema(columns)), tables / "patients.parquet")
    smoker = {"pack_years": 30.0, "smoking_status": "current", "asymptomatic": True, "shared_decision_documented": None}
    screened = [{"exam_id": name, **smoker} for name in ("contradiction", *ROUNDS)]
    screened.append({"exam_id": "contradiction", **smoker, "pack_years": 10.0})
    pq.write_table(pa.Table.from_pylist(screened), tables / "screening.parquet")
    done = run(Order(tables, tmp_path_factory.mktemp("out"), AS_OF, MEASURES))
    with duckdb.connect() as database:
        judged = {
            (exam_id, m.id): (status, reason)
            for m in done.measures
            for exam_id, _, _, status, reason in database.execute(reported.rows_of(m, done.files("rows"))).fetchall()
        }
        late = database.execute(f"SELECT exam_id FROM '{done.files('worklist')[0]}'").fetchall()  # noqa: S608
    return judged, {exam_id for (exam_id,) in late}, done.manifest["said_of_the_input"]


@pytest.mark.parametrize("name", FOLLOWED)
def test_who_may_have_been_followed_up_or_need_none_is_not_said_to_be_overdue(found, name):
    judged, late, _ = found

    assert judged[name, "follow-up-on-time"] == FOLLOWED[name]
    assert (name in late) == (FOLLOWED[name] == NEVER)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("unknown procedure", OPEN), ("biopsy of no region", OPEN), ("another procedure", ("met", "not_beyond"))],
)
def test_what_may_have_been_tissue_leaves_over_management_open(found, name, expected):
    assert found[0][name, "over-management"] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("unknown diagnosis", OPEN), ("cancer without a day", OPEN), ("benign", ("not_met", "no_cancer")),
     ("unknown diagnosis before", OPEN), ("cancer before", ("excluded", "cancer_known")),
     ("cancer before, and without a day", ("excluded", "cancer_known"))],
)  # fmt: skip
def test_a_diagnosis_that_may_be_the_cancer_is_neither_a_hit_nor_a_false_alarm(found, name, expected):
    for measure in ("positive-predictive-value", "cancer-detection"):
        assert found[0][name, measure] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("died on an unknown day", OPEN), ("left on a day that nobody can read", OPEN),
     ("is said not to have died", ("not_met", "no_cancer")), ("died before the exam", ("unknown", "death_before_exam")),
     ("left before the exam", ("not_met", "no_cancer")),
     ("left before the exam, and again", ("excluded", "left_within_year"))],
)  # fmt: skip
def test_who_may_not_have_been_there_for_the_year_had_not_surely_no_cancer(found, name, expected):
    for measure in ("positive-predictive-value", "cancer-detection"):
        assert found[0][name, measure] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("the same", ("not_met", "again_on_the_same_day")), ("the same, later id", ("met", "once")),
     ("the same day without a modality", OPEN), ("the same day without a modality, later id", ("met", "once")),
     ("the same day without a region", OPEN), ("without a day", OPEN), ("without a day or a modality", OPEN),
     ("without a day, another modality", ("met", "once")), ("the same day, another modality", ("met", "once")),
     ("another day without a modality", ("met", "once"))],
)  # fmt: skip
def test_an_exam_that_may_be_a_second_record_is_not_said_to_be_the_only_one(found, name, expected):
    assert found[0][name, "recorded-once"] == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("unknown message in time", OPEN), ("message without a day", OPEN),
     ("unknown message too late", ("not_met", "late_or_never")), ("untold", ("not_met", "not_communicated"))],
)  # fmt: skip
def test_a_message_that_may_be_the_result_is_not_called_none(found, name, expected):
    assert found[0][name, "critical-result-communicated"] == expected


def test_screening_rows_of_one_exam_that_contradict_each_other_are_no_violation(found):
    for measure in ("eligibility-uspstf", "eligibility-cms"):
        assert found[0]["contradiction", measure] == ("unknown", "conflicting_screening")


def test_a_word_for_the_round_counts_in_any_case_and_another_one_is_unknown(found):
    judged, _, said = found

    assert judged["shared", "eligibility-cms"] == ("not_met", "shared_decision_not_documented")
    assert judged["nth", "eligibility-cms"] == ("unknown", "round_unknown")
    assert judged["shared", "category-concordant"] == ("not_met", "stated_higher")
    assert said["unreadable_values"]["exams.round"] == 1


def test_spark_is_told_who_died_or_left_on_a_day_that_nobody_can_read(tmp_path):
    audited_tables.write(tmp_path, exams=[exam("E", "P", DAY)])
    days = {"in spring": True, "2023-01-02": False, " ": False, None: False}
    people = [{"patient_id": str(n), "death_date": day, "left_date": DAY} for n, day in enumerate(days)]
    pq.write_table(pa.Table.from_pylist(people), tmp_path / "patients.parquet")
    (tmp_path / "scratch").mkdir()

    with duckdb.connect() as database:
        tables, _ = typed(tables_of(tmp_path, database, {}), {}, database, tmp_path / "scratch")
        (file,) = tables.found["patients"].files
        told = database.execute(f"SELECT deceased, \"left\" FROM '{file}' ORDER BY patient_id").fetchall()  # noqa: S608

    assert told == [(died, False) for died in days.values()]
