"""The words of a card."""

from dataclasses import replace
from datetime import date

import pytest
from cds_world import of_jane, request
from hypothesis import given
from hypothesis import strategies as st
from sample_decisions import ALL, no_findings, no_guideline, screening, unknown_indication, unknown_type

from radlogic.adapters.cds_hooks.card import saying_of
from radlogic.adapters.cds_hooks.followed import FollowUp
from radlogic.adapters.cds_hooks.patient_view import newest
from radlogic.adapters.cds_hooks.request import Call, PatientViewContext
from radlogic.adapters.cds_hooks.saying import answered
from radlogic.adapters.cds_hooks.seam import Asked, Data, Records
from radlogic.adapters.cds_hooks.standing import Stood, standing
from radlogic.adapters.notice import INTENDED_USE
from radlogic.engine.record import MemoryLog, MemoryQueue
from radlogic.engine.types import Priority, Reading, Review

BEFORE, ON, AFTER = date(2025, 6, 13), date(2025, 6, 14), date(2025, 6, 15)  # around screening()'s due date


CALL = Call[PatientViewContext].model_validate(request())


def shown(assessment, as_of=BEFORE, waiting=True, others=0, later=None, beside=(), **standing):
    stood = Stood(assessment, waiting=waiting, **standing)
    asked = Asked(CALL, Data({}, {}, lambda needs: {}), Records(MemoryLog(), MemoryQueue(), lambda: as_of))
    followed = {answer.guideline: FollowUp(later, beside) for answer in stood.answers}
    saying = saying_of(stood, stood.answers, others=others, as_of=as_of, followed=followed)
    return answered(asked, [saying]).cards[0]


def dated(name, exam_date, as_of=date(2025, 4, 1), review=None):
    a = no_findings()
    case = replace(a.record.case, exam=replace(a.record.case.exam, date=exam_date))
    decision = replace(a.decision, review=review or a.decision.review)
    return replace(a, decision=decision, record=replace(a.record, decision_id=name, as_of=as_of, case=case))


SUMMARIES = [
    (screening, BEFORE, "Preliminary lung-rads@2022: category 4A; due 2025-06-14; review required."),
    (screening, ON, "Preliminary lung-rads@2022: category 4A; due 2025-06-14; review required."),
    (screening, AFTER, "Preliminary lung-rads@2022: category 4A; overdue since 2025-06-14; review required."),
    (no_findings, AFTER, "Preliminary lung-rads@2022: category 1; due 2026-03-14."),
    (unknown_type, AFTER, "Preliminary lung-rads@2022: category 2, 3, 4A or 4B possible; review required."),
    (
        unknown_indication,
        BEFORE,
        "Preliminary lung-rads@2022 if it applies: category 4A (and 1 more guideline); due 2025-06-14; "
        "review required.",
    ),
    (no_guideline, BEFORE, "No guideline gave an answer for the latest stored exam; review required."),
]


@pytest.mark.parametrize(("sample", "as_of", "sentence"), SUMMARIES)
def test_the_summary_says_category_due_date_and_review_in_one_sentence(sample, as_of, sentence):
    assert shown(sample(), as_of).summary == sentence


INDICATORS = [
    (no_findings, BEFORE, "info"),
    (no_findings, date(2026, 3, 14), "info"),
    (no_findings, date(2026, 3, 15), "warning"),  # overdue
    (screening, BEFORE, "warning"),  # review required
    (no_guideline, BEFORE, "warning"),
    (unknown_type, BEFORE, "critical"),  # review is urgent
]


@pytest.mark.parametrize(("sample", "as_of", "indicator"), INDICATORS)
def test_the_indicator_follows_urgency_review_and_due_date(sample, as_of, indicator):
    assert shown(sample(), as_of).indicator == indicator


@pytest.mark.parametrize("name", ALL)
def test_every_card_names_exam_review_and_intended_use(name):
    assessment = ALL[name]()
    detail = shown(assessment).detail

    assert (
        f"Exam of {assessment.record.case.exam.date}; state on 2025-06-13; preliminary, nobody has signed it." in detail
    )
    assert "**Review** by a radiologist" in detail
    assert all(reason.code and reason.text.split(",")[0] in detail for reason in assessment.decision.review.reasons)
    assert detail.endswith(f"_{INTENDED_USE}_")


@pytest.mark.parametrize("name", ALL)
def test_every_guideline_of_the_decision_is_named_with_its_management_or_why_it_gives_none(name):
    detail = shown(ALL[name]()).detail
    for guideline in ALL[name]().decision.guidelines:
        assert guideline.application.guideline in detail
        if guideline.application.applies == "no":
            assert all(reason in detail for reason in guideline.application.reasons)
        elif guideline.exam is not None and guideline.exam.facts:
            assert f"- Management: {guideline.exam.facts['management']}".replace(">", r"\>") in detail


def test_the_sources_are_cited():
    assert "- American College of Radiology. Lung-RADS v2022. Released November 2022." in shown(screening()).detail


def test_a_conditional_answer_and_an_unknown_indication_are_said():
    detail = shown(unknown_indication()).detail

    assert "- Indication: unknown; the category holds only if" in detail
    assert "- Conditional: Holds only if the exam was made for screening." in detail
    assert "- Conditional: Holds only if the nodule was found by chance." in detail
    assert "findings of nets are left out" in detail


def test_a_silent_guideline_and_what_to_assess_next_are_said():
    assert "this is the default reading; also read as 4B." in shown(screening()).detail
    assert "- To assess next: type" in shown(unknown_type()).detail


def test_overdue_is_said_with_what_is_not_known():
    assert "- Follow-up overdue since 2025-06-14 (no later exam is known here)" in shown(screening(), AFTER).detail


@pytest.mark.parametrize(
    ("sample", "waiting", "words"),
    [
        (screening, True, "required (soon); it waits in the review queue."),
        (screening, False, "required (soon); it is not in the review queue."),
        (no_findings, False, "not required before signing; it is not in the review queue."),
    ],
)
def test_the_state_of_the_review_is_said(sample, waiting, words):
    assert words in shown(sample(), waiting=waiting).detail


@pytest.mark.parametrize(("others", "words"), [(1, "1 more assessment of"), (2, "2 more assessments of")])
def test_other_stored_assessments_are_counted(others, words):
    assert words in shown(screening(), others=others).detail
    assert "more assessment" not in shown(screening()).detail


URGENT = Review(True, Priority.URGENT, ())
ROUTINE = Review(True, Priority.ROUTINE, ())
NEWEST = {
    "latest exam": ([dated("a", date(2025, 1, 1)), dated("b", date(2024, 1, 1), date(2025, 9, 9))], "a"),
    "dated before undated": ([dated("a", None), dated("b", date(2024, 1, 1))], "b"),
    "latest assessment of one exam": ([dated("a", ON, date(2025, 7, 2)), dated("b", ON, date(2025, 7, 1))], "a"),
    "review required before not": ([dated("a", ON, review=ROUTINE), dated("b", ON)], "a"),
    "the more urgent": ([dated("a", ON, review=URGENT), dated("b", ON, review=ROUTINE)], "a"),
}


@pytest.mark.parametrize(("stored", "name"), NEWEST.values(), ids=NEWEST)
@pytest.mark.parametrize("turned", [False, True])
def test_the_newest_assessment_is_shown(stored, name, turned):
    log = MemoryLog()
    for one in stored[::-1] if turned else stored:
        log.append(replace(of_jane(one), record=replace(of_jane(one).record, decision_id=one.record.decision_id)))
    found = standing(Records(log, MemoryQueue(), lambda: ON), stored_key(stored))

    assert newest(found)["chest"][0].decision_id == name


def stored_key(stored):
    return of_jane(stored[0]).record.case.patient.key


def test_of_nothing_nothing_is_newest():
    assert newest(()) == {}


def with_exam_reading(reading, guideline="lung-rads@2022"):
    a = screening()
    first = a.decision.guidelines[0]
    changed = replace(first, exam=reading, application=replace(first.application, guideline=guideline))
    return replace(a, decision=replace(a.decision, guidelines=(changed,)))


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=80)


@given(
    guideline=NAMES, possible=st.lists(NAMES, min_size=2, max_size=9, unique=True), as_of=st.sampled_from([ON, AFTER])
)
def test_however_long_the_names_the_summary_stays_one_short_sentence_with_date_and_review(guideline, possible, as_of):
    summary = shown(with_exam_reading(Reading(guideline, None, tuple(possible)), guideline), as_of).summary

    assert len(summary) < 140
    assert "\n" not in summary
    assert summary.endswith(" 2025-06-14; review required.")


def test_control_and_direction_characters_do_not_reach_the_card():
    card = shown(with_exam_reading(Reading("g", "4\u202eB", ("2",), facts={"management": "a\nb\x1bc"})))

    assert "category 4 B;" in card.summary
    assert "- Management: a b c\n" in card.detail


@pytest.mark.parametrize("text", ["[here](http://x.example)", "<img src=x onerror=alert(1)>", "a | b", "*b* `c`"])
def test_marks_in_stored_texts_stay_text(text):
    detail = shown(with_exam_reading(Reading("g", "2", ("2",), facts={"management": text}))).detail

    assert text not in detail
    assert text in detail.replace("\\", "")


def test_a_signed_decision_is_said_to_be_signed_and_asks_for_no_review():
    card = shown(screening(), signed=date(2025, 4, 2))

    assert card.summary == "Signed lung-rads@2022: category 4A; due 2025-06-14."
    assert card.indicator == "info"
    assert "signed by a radiologist on 2025-04-02." in card.detail
    assert "**Review**" not in card.detail


OVERRIDES = {
    "another category": (
        {"answer": {"guideline": "lung-rads@2022", "category": "3"}},
        "Signed lung-rads@2022: category 3 signed in place of the engine's 4A; due 2025-09-14.",
        "- Management: 6-month LDCT",
    ),
    "another category and management": (
        {"answer": {"guideline": "lung-rads@2022", "category": "4B", "management": "Tumour board <b>first</b>"}},
        "Signed lung-rads@2022: category 4B signed in place of the engine's 4A.",
        "- Management: Tumour board \\<b\\>first\\</b\\>",
    ),
    "no guideline named, and one that answered": (
        {"answer": {"category": "2"}},
        "Signed lung-rads@2022: category 2 signed in place of the engine's 4A; due 2026-03-14.",
        "- Management: 12-month screening LDCT",
    ),
    "a category of which the guideline prints several managements": (
        {"answer": {"guideline": "lung-rads@2022", "category": "0"}},
        "Signed lung-rads@2022: category 0 signed in place of the engine's 4A.",
        "- Management: none stated",
    ),
    "no category": (
        {"reason": "patient_preference", "answer": {}},
        "Signed lung-rads@2022: another answer signed in place of the engine's 4A.",
        "- Management: none stated",
    ),
}


@pytest.mark.parametrize(("override", "summary", "management"), OVERRIDES.values(), ids=OVERRIDES)
def test_a_signed_override_speaks_in_the_place_of_the_engine(override, summary, management):
    card = shown(screening(), signed=date(2025, 4, 2), override=override)

    assert card.summary == summary
    assert management in card.detail
    assert "this is the default reading" not in card.detail  # of the engine's answer, which does not hold


def test_an_override_of_another_guideline_leaves_this_one_as_it_is():
    override = {"answer": {"guideline": "fleischner@2017", "category": "none"}}
    card = shown(unknown_indication(), signed=date(2025, 4, 2), override=override)

    assert "**lung-rads@2022: category 4A**" in card.detail
    assert "**fleischner@2017: category none signed in place of the engine's" in card.detail


def test_after_a_later_exam_nothing_is_overdue():
    card = shown(screening(), AFTER, later=date(2025, 6, 1))

    assert "due 2025-06-14, a later exam is of 2025-06-01;" in card.summary
    assert "overdue" not in card.detail
