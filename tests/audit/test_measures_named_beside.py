"""What a guideline names beside an interval, leaves open, or does not call for is no violation."""

from datetime import date, timedelta

import audited_by_hand
import audited_tables
import generated_tables
import pytest

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")

AS_OF = date(2026, 1, 1)
KINDS = {
    "4A": ("lung-rads@2022", "4A", "baseline", False),
    "large and new": ("lung-rads@1.1", "4B", "annual", True),
    "4B": ("lung-rads@2022", "4B", "baseline", False),
    "above 8 mm": ("fleischner@2017", "ct-3-pet-tissue", None, False),
    "optional": ("fleischner@2017", "optional-12", None, False),
    "LR-2": ("li-rads-ct-mri@2018", "LR-2", None, False),
    "LR-5": ("li-rads-ct-mri@2018", "LR-5", None, False),
}
FOLLOWED, BEGUN, OVER, UNDER = "follow-up-on-time", "work-up-begun", "over-management", "under-management"
INTERVAL, MODALITY = "right-interval", "right-modality"
EARLY, ON_TIME, OPEN = ("not_met", "early"), ("met", "on_time"), ("unknown", "event_not_readable")
NEVER, LATE, OPTIONAL = ("not_met", "never"), ("not_met", "late"), ("met", "optional")
NOT_SAID = ("unknown", "modality_not_stated")


def stated(months, modality, **said):
    """What the report recommends."""
    both = {"interval_min_months": months, "interval_max_months": months}
    return {**both, "recommended_modality": modality, "no_followup": False, **said}


# sentence: (kind, [(days after the exam, table, what is stated)], the recommendation, measure -> answer)
SAID = {
    "after 4A the PET/CT is not too early": ("4A", [(14, "exams", {"modality": "pet_ct"})], {}, {FOLLOWED: ON_TIME}),
    "after 4A both PET/CT and the LDCT may come": (
        "4A",
        [(14, "exams", {"modality": "pet_ct"}), (91, "exams", {"modality": "ldct"})],
        {},
        {FOLLOWED: ON_TIME},
    ),
    "after 4A an LDCT of the same day as an early PET/CT is not too early": (
        "4A",
        [(14, "exams", {"modality": "pet_ct"}), (14, "exams", {"modality": "ldct"})],
        {},
        {FOLLOWED: ON_TIME},
    ),
    "after 4A the LDCT is bound": ("4A", [(14, "exams", {"modality": "ldct"})], {}, {FOLLOWED: EARLY}),
    "after 4A an LDCT is too early before the PET/CT": (
        "4A",
        [(14, "exams", {"modality": "ldct"}), (30, "exams", {"modality": "pet_ct"})],
        {},
        {FOLLOWED: EARLY},
    ),
    "after 4A a PET/CT may be too late": ("4A", [(200, "exams", {"modality": "pet_ct"})], {}, {FOLLOWED: LATE}),
    "an early exam of unknown modality may be the PET/CT of 4A": (
        "4A",
        [(14, "exams", {"modality": None}), (14, "exams", {"modality": "ldct"})],
        {},
        {FOLLOWED: OPEN},
    ),
    "an early CT of unknown region leaves an early LDCT of 4A early": (
        "4A",
        [(10, "exams", {"modality": "ct", "region": None}), (14, "exams", {"modality": "ldct"})],
        {},
        {FOLLOWED: EARLY},
    ),
    "a PET/CT of unknown region leaves the LDCT of 4A on time": (
        "4A",
        [(10, "exams", {"modality": "pet_ct", "region": None}), (91, "exams", {"modality": "ldct"})],
        {},
        {FOLLOWED: ON_TIME},
    ),
    "a PET/CT at once is within 4A": (
        "4A",
        [],
        stated(0, "pet_ct"),
        {INTERVAL: ("met", "within"), OVER: ("met", "not_beyond")},
    ),
    "an LDCT at once is beyond 4A": (
        "4A",
        [],
        stated(1, "ldct"),
        {INTERVAL: ("not_met", "shorter"), OVER: ("not_met", "interval_shorter")},
    ),
    "what shall come at once after 4A is not said": ("4A", [], stated(1, None), {INTERVAL: NOT_SAID, OVER: NOT_SAID}),
    "a PET/CT in a year is too late for 4A": ("4A", [], stated(12, "pet_ct"), {INTERVAL: ("not_met", "longer")}),
    "PET/CT of a nodule above 8 mm is never too early": (
        "above 8 mm",
        [(14, "exams", {"modality": "pet_ct"})],
        stated(1, "pet_ct"),
        {FOLLOWED: ON_TIME, INTERVAL: ("met", "within"), OVER: ("met", "not_beyond"), MODALITY: ("met", "named")},
    ),
    "tissue of a nodule above 8 mm is its follow-up": (
        "above 8 mm",
        [(14, "procedures", {"kind": "biopsy"})],
        stated(None, "other"),
        {FOLLOWED: ON_TIME, OVER: ("met", "not_beyond"), MODALITY: ("met", "named")},
    ),
    "tissue of a nodule above 8 mm may be late": (
        "above 8 mm",
        [(200, "procedures", {"kind": "biopsy"})],
        {},
        {FOLLOWED: LATE},
    ),
    "what may have been tissue of a nodule above 8 mm is no follow-up and not none": (
        "above 8 mm",
        [(14, "procedures", {"kind": None})],
        {},
        {FOLLOWED: OPEN, OVER: ("met", "not_beyond")},
    ),
    "a CT of a nodule above 8 mm is bound": ("above 8 mm", [(14, "exams", {"modality": "ct"})], {}, {FOLLOWED: EARLY}),
    "the repeat diagnostic imaging of LR-2 is not too early": (
        "LR-2",
        [(90, "exams", {"modality": "mri"})],
        stated(3, "mri"),
        {FOLLOWED: ON_TIME, INTERVAL: ("met", "within"), OVER: ("met", "not_beyond")},
    ),
    "the surveillance of LR-2 is bound": (
        "LR-2",
        [(90, "exams", {"modality": "us"})],
        stated(3, "us"),
        {FOLLOWED: EARLY, INTERVAL: ("not_met", "shorter"), OVER: ("not_met", "interval_shorter")},
    ),
    "the LDCT of a large new nodule is its work-up": (
        "large and new",
        [(30, "exams", {"modality": "ldct"})],
        stated(1, "ldct"),
        {BEGUN: ON_TIME, MODALITY: ("met", "named"), UNDER: ("met", "work_up_recommended")},
    ),
    "an LDCT without a region may be the work-up of a large new nodule": (
        "large and new",
        [(30, "exams", {"modality": "ldct", "region": None})],
        {},
        {BEGUN: OPEN},
    ),
    "the LDCT of another 4B is no work-up": ("4B", [(30, "exams", {"modality": "ldct"})], {}, {BEGUN: NEVER}),
    "a cancer without a day may have been known before the work-up": (
        "4B",
        [(30, "exams", {"modality": "ct"}), (None, "outcomes", {"kind": "lung_cancer"})],
        {},
        {BEGUN: OPEN},
    ),
    "LR-5 calls for a discussion, which no table shows": (
        "LR-5",
        [],
        stated(None, None, no_followup=True),
        {BEGUN: ("excluded", "no_work_up_called_for"), UNDER: ("excluded", "no_printed_management")},
    ),
    "an optional CT need not be recommended": (
        "optional",
        [],
        stated(None, None, no_followup=True),
        {INTERVAL: OPTIONAL, UNDER: OPTIONAL},
    ),
    "an optional CT may come later": ("optional", [], stated(24, "ct"), {INTERVAL: OPTIONAL, UNDER: OPTIONAL}),
    "an optional CT is not due sooner": (
        "optional",
        [],
        stated(6, "ct"),
        {INTERVAL: ("not_met", "shorter"), OVER: ("not_met", "interval_shorter"), UNDER: OPTIONAL},
    ),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """(measure, exam) -> (status, reason) by the audit, and by hand; each exam is named by its sentence."""
    population = tmp_path_factory.mktemp("population")
    generated_tables.write(population, 6_000, 4, beside=False)
    read, found = audited_tables.kinds(population)
    made = {name: [] for name in read}
    for sentence, (kind, events, said, _) in SAID.items():
        row = found[KINDS[kind]]
        for name, rows in audited_tables.copied(read, row, {"exam_id": sentence, "patient_id": sentence}).items():
            made[name] += rows
        made["statements"][-1] |= said
        for n, (days, table, told) in enumerate(events):
            made[table].append(_event(read[table][0], row, table, days, told) | _ids(sentence, n))
    tables = audited_tables.write_as(population, tmp_path_factory.mktemp("tables"), made)
    done = run(Order(tables, tmp_path_factory.mktemp("out"), AS_OF))
    with duckdb.connect() as database:
        audited = {
            (m.id, exam): (status, reason)
            for m in done.measures
            for exam, _, _, status, reason in database.execute(reported.rows_of(m, done.files("rows"))).fetchall()
        }
    return audited, audited_by_hand.judge(tables, AS_OF)


def _ids(sentence, n):
    return {"patient_id": sentence, "exam_id": f"{sentence} {n}", "procedure_id": f"{sentence} {n}"}


def _event(like, row, table, days, told):
    day = {"exams": "exam_date", "procedures": "procedure_date", "outcomes": "diagnosis_date"}[table]
    when = None if days is None else row["exam_date"] + timedelta(days)
    return dict.fromkeys(like) | {"region": row["region"], day: when} | told


@pytest.mark.parametrize("sentence", SAID)
def test_what_the_guideline_names_leaves_open_or_does_not_call_for(judged, sentence):
    *_, answers = SAID[sentence]

    assert {measure: judged[0][measure, sentence] for measure in answers} == answers


def test_all_of_it_is_judged_as_by_hand(judged):
    audited, by_hand = judged

    assert audited == by_hand
