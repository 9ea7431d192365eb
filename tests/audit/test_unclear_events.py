"""What came after an exam and is stated so that nobody can say what it was: neither a follow-up, nor none."""

from datetime import date, timedelta

import audited_tables
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from audited_tables import exam, statement

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run

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
}
MEASURES = ("critical-result-communicated", "follow-up-on-time", "over-management", "positive-predictive-value",
            "eligibility-uspstf", "eligibility-cms", "category-concordant")  # fmt: skip
ROUNDS = {"shared": "Baseline", "nth": "third"}  # exam -> its word for the round


def after(days):
    return None if days is None else DAY + timedelta(days)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """(exam, measure) -> (status, reason); the exams of the worklist; what is said of the input."""
    names = (*FOLLOWED, *TOLD, "untold", "contradiction", *ROUNDS)
    tables = audited_tables.write(
        tmp_path_factory.mktemp("unclear"),
        exams=[exam(name, name, DAY, **({"round": ROUNDS[name]} if name in ROUNDS else {})) for name in names]
        + [exam(f"{name}, then", name, after(days), **said) for name, (days, said) in EXAMS.items()],
        patients=[{"patient_id": name, "birth_date": date(1960, 1, 1)} for name in names],
        statements=[statement(name, category="4B" if name in {*TOLD, "untold"} else "3") for name in names],
        procedures=[
            {"procedure_id": name, "patient_id": name, "procedure_date": after(days), "kind": "biopsy",
             "region": "chest", **said}
            for name, (days, said) in PROCEDURES.items()
        ],
        outcomes=[
            {"patient_id": name, "diagnosis_date": after(days), "kind": kind}
            for name, (days, kind) in DIAGNOSES.items()
        ],
        communications=[
            {"exam_id": name, "communicated_at": after(days), "kind": kind} for name, (days, kind) in TOLD.items()
        ],
    )  # fmt: skip
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
     ("unknown diagnosis before", ("not_met", "no_cancer"))],
)  # fmt: skip
def test_a_diagnosis_that_may_be_the_cancer_is_neither_a_hit_nor_a_false_alarm(found, name, expected):
    assert found[0][name, "positive-predictive-value"] == expected


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
