"""From a store to rows: what the engine said first, what was signed last, and what is not known stays unknown."""

import json
from dataclasses import replace
from datetime import date

import pytest
from monitor_store import GUIDELINE, READER, assessed, at, of_patient, sign

from radlogic.adapters.monitor.rows import Reading, maker_of, numbers_of
from radlogic.adapters.monitor.signed import signed_exams
from radlogic.adapters.store.cases import Outcome, Store
from radlogic.adapters.store.errors import IdTaken
from radlogic.engine.perception.extractor import OUTSIDE_TRAINING
from radlogic.engine.types import Exam, Known, Patient, Source, SourceKind

TWO, OPEN, FOUR_A = assessed(4.5), assessed(6.2), assessed(9.0)
READING = Reading()


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


def row_of(store, **period):
    (only,) = signed_exams(store, READING.row, **period)[1]
    return only


def test_an_accepted_answer_is_signed_as_the_engine_said(store):
    sign(store, TWO, "d1")

    row = row_of(store)
    (answer,) = row.answers
    assert (row.outcome, row.route, row.hours, row.override_reason) == (Outcome.ACCEPTED, "hybrid", 2.0, None)
    assert (answer.guideline, answer.engine, answer.signed) == (GUIDELINE, "2", "2")
    assert row.groups == {"site": "unknown", "scanner": "unknown", "sex": "F", "age": "65 to 74", "month": "2026-03"}
    assert row.numbers["diameter_mm"] == 4.5
    assert (row.nets, row.unlike, row.was_read_first) == (True, False, False)


def test_an_override_is_signed_as_the_human_said_and_its_reason_counted(store):
    sign(store, TWO, "d1", category="3")

    row = row_of(store)
    assert (row.outcome, row.override_reason) == (Outcome.OVERRIDDEN, "finding_described_otherwise")
    assert (row.answers[0].engine, row.answers[0].signed) == ("2", "3")


@pytest.mark.parametrize(
    ("answer", "signed"),
    [
        ({"category": "3"}, "3"),
        ({"guideline": GUIDELINE}, None),
        ({"guideline": "fleischner@2017", "category": "x"}, None),
        ({}, None),
        ({"category": 3}, None),
    ],
)
def test_an_override_says_no_more_than_it_says(store, answer, signed):
    store.add(of_patient(TWO, "d1"), at(0), "radlogic")
    store.open_reasons("d1", at(1), **READER)
    given = store.override("d1", "image_quality", "", at(2), answer=answer, **READER)
    store.sign("d1", at(3), seen=given.sequence, **READER)

    assert row_of(store).answers[0].signed == signed


def test_a_correction_is_held_against_the_engines_first_answer(store):
    store.add(of_patient(TWO, "d1"), at(0), "radlogic")
    corrected = of_patient(FOUR_A, "d2")
    patient = replace(corrected.record.case, patient=replace(corrected.record.case.patient, key="patient-d1"))
    store.correct("d1", replace(corrected, record=replace(corrected.record, case=patient)), at(30), **READER)
    store.open_reasons("d2", at(40), **READER)
    store.sign("d2", at(60), **READER)

    row = row_of(store)
    assert (row.outcome, row.answers[0].engine, row.answers[0].signed) == (Outcome.CORRECTED, "2", "4A")
    assert row.hours == 1.0  # from the first decision about the exam


def test_what_was_signed_holds_until_its_correction_is_signed_too(store):
    sign(store, TWO, "d1", category="3")
    other = of_patient(FOUR_A, "d2")
    case = replace(other.record.case, patient=replace(other.record.case.patient, key="patient-d1"))
    store.correct("d1", replace(other, record=replace(other.record, case=case)), at(200), **READER)

    row = row_of(store)
    assert (row.outcome, row.override_reason) == (Outcome.OVERRIDDEN, "finding_described_otherwise")
    assert row.answers[0].signed == "3"


def test_a_correction_that_was_taken_back_is_the_first_answer_again(store):
    store.add(of_patient(TWO, "d1"), at(0), "radlogic")
    other = of_patient(FOUR_A, "d2")
    case = replace(other.record.case, patient=replace(other.record.case.patient, key="patient-d1"))
    store.correct("d1", replace(other, record=replace(other.record, case=case)), at(1), **READER)
    store.correct("d2", of_patient(TWO, "d1"), at(2), **READER)
    store.open_reasons("d1", at(3), **READER)
    store.sign("d1", at(4), **READER)

    counts, exams = signed_exams(store, lambda one: one)
    assert (counts.arrived, counts.signed, len(exams)) == (1, 1, 1)
    assert READING.row(exams[0]).answers[0].signed == "2"


def test_what_only_the_net_saw_is_open_and_its_beliefs_are_held_to_account_all_the_same(store):
    sign(store, OPEN, "d1", category="3")

    answer = row_of(store).answers[0]
    assert OPEN.decision.route.value == "rule_based"
    assert (answer.engine, answer.signed) == (None, "3")
    assert answer.masses[frozenset({"3"})] == pytest.approx(0.72, abs=0.05)
    assert answer.signed_management in answer.kept
    assert answer.level == 0.9


def test_an_accepted_answer_that_names_no_category_leaves_it_not_known(store):
    sign(store, OPEN, "d1")

    assert row_of(store).answers[0].signed is None


@pytest.mark.parametrize(
    ("findings", "category"),
    [
        ({"category": "4A"}, "4A"),
        ({"category": "not one"}, None),
        ({"nodules": [{"status": "baseline", "type": "solid", "mean_mm": 9.0}]}, "4A"),
        ({"nodules": [{"status": "baseline", "type": "solid", "mean_mm": "9.0"}]}, None),
        ({"nodules": [{"status": "baseline", "type": "solid"}]}, None),
        ({"findings": []}, None),
    ],
)
def test_what_was_committed_first_gives_a_category_only_where_one_follows(store, findings, category):
    store.add(of_patient(TWO, "d1"), at(0), "radlogic")
    store.commit_reading("d1", findings, at(1), **READER)
    store.open_reasons("d1", at(2), **READER)
    store.sign("d1", at(3), **READER)

    row = row_of(store)
    assert row.was_read_first
    assert row.answers[0].read_first == category


def test_a_reading_after_the_reasons_were_opened_was_not_first(store):
    store.add(of_patient(TWO, "d1"), at(0), "radlogic")
    store.open_reasons("d1", at(1), **READER)
    store.commit_reading("d1", {"category": "2"}, at(2), **READER)
    store.sign("d1", at(3), **READER)

    assert not row_of(store).was_read_first


def test_only_signatures_of_the_period_count_and_what_came_later_is_not_known_yet(store):
    day = 24 * 60
    sign(store, TWO, "d1", 0)
    sign(store, TWO, "d2", day)
    sign(store, TWO, "d3", 2 * day)
    store.add(of_patient(TWO, "d4"), at(day), "radlogic")

    counts, exams = signed_exams(store, lambda one: one, since=date(2026, 3, 3), until=date(2026, 3, 3))
    assert [one.thread.decision_id for one in exams] == ["d2"]
    assert (counts.arrived, counts.signed) == (2, 1)


def test_two_exams_that_meet_in_one_case_stay_two(store):
    """Somebody corrects the first into the very case that the engine decided second: a decision of its own."""
    same = replace(TWO.record.case.patient, key="patient-x")

    def of_x(name, made):
        return replace(
            made, record=replace(made.record, decision_id=name, case=replace(made.record.case, patient=same))
        )

    store.add(of_x("d1", TWO), at(0), "radlogic")
    store.add(of_x("d2", FOUR_A), at(1), "radlogic")
    with pytest.raises(IdTaken):
        store.correct("d1", of_x("d2", FOUR_A), at(2), **READER)
    store.correct("d1", of_x("d3", FOUR_A), at(2), **READER)
    store.open_reasons("d3", at(3), **READER)
    store.sign("d3", at(4), **READER)

    counts, exams = signed_exams(store, lambda one: one)
    answer = READING.row(exams[0]).answers[0]
    assert (counts.arrived, counts.signed) == (2, 1)
    assert (answer.engine, answer.signed) == ("2", "4A")


def test_other_rules_than_those_of_today_are_compared_as_they_stand_and_no_belief_is_read_again(store):
    old = replace(TWO, record=replace(TWO.record, knowledge={**TWO.record.knowledge, GUIDELINE: "0" * 64}))
    sign(store, old, "d1")

    answer = row_of(store).answers[0]
    assert (answer.engine, answer.signed, answer.masses, answer.kept) == ("2", "2", {}, None)


def test_a_calibration_that_is_not_here_any_more_is_not_held_to_account(store):
    old = {**TWO.record.knowledge, f"calibration {GUIDELINE}": "0" * 64}
    sign(store, replace(TWO, record=replace(TWO.record, knowledge=old)), "d1")

    answer = row_of(store).answers[0]
    assert answer.masses
    assert answer.kept is None


def test_what_nobody_said_of_patient_and_series_is_unknown(store):
    case = replace(TWO.record.case, patient=Patient("p"))
    sign(store, replace(TWO, record=replace(TWO.record, case=case)), "d1")

    groups = row_of(store).groups
    assert (groups["sex"], groups["age"], groups["site"], groups["scanner"]) == ("unknown",) * 4


def test_an_erased_patient_still_counts(store):
    sign(store, TWO, "d1")
    store.erase_patient(store.row("d1").patient, at(500), "admin", "asked for")

    assert row_of(store).answers[0].signed == "2"


def image(**values):
    return Exam(facts={n: Known(v, Source(SourceKind.IMAGE, "header")) for n, v in values.items()})


@pytest.mark.parametrize(
    ("manufacturer", "maker"),
    [("GE MEDICAL SYSTEMS", "GE"), ("Siemens Healthineers", "SIEMENS"), ("  Philips ", "PHILIPS"), ("", "unknown")],
)
def test_a_manufacturer_is_known_by_its_first_word(manufacturer, maker):
    assert maker_of(image(manufacturer=manufacturer)) == maker


def test_the_largest_nodule_that_the_net_measured_stands_for_the_exam():
    case, larger = TWO.record.case, assessed(9.0).record.case.findings[0]
    both = replace(case, findings=(case.findings[0], replace(larger, tracking_id="N2")))

    assert numbers_of(both)["diameter_mm"] == 9.0
    assert set(numbers_of(both)) == {"slice_thickness_mm", "diameter_mm", "p_solid", "p_part_solid", "p_non_solid"}


def test_a_nodule_unlike_the_training_data_marks_its_exam(store):
    finding = TWO.record.case.findings[0]
    said = Known("slice thickness 8 mm", Source(SourceKind.NET, "lung-nodule"))
    case = replace(TWO.record.case, findings=(replace(finding, facts={**finding.facts, OUTSIDE_TRAINING: said}),))
    sign(store, replace(TWO, record=replace(TWO.record, case=case)), "d1")

    assert row_of(store).unlike is True


def test_nothing_of_a_row_names_a_patient_or_a_reader(store):
    sign(store, TWO, "d1")

    text = repr(row_of(store))
    assert "patient-d1" not in text
    assert "dr-a" not in text
    assert "d1" not in json.dumps(dict(row_of(store).groups))
