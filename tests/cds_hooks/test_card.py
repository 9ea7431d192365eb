"""The words of a card."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sample_decisions import ALL, no_findings, no_guideline, screening, unknown_indication, unknown_type

from radlogic.adapters.cds_hooks.card import card_of, newest
from radlogic.adapters.notice import INTENDED_USE
from radlogic.engine.types import Priority, Reading, Review

BEFORE, ON, AFTER = date(2025, 6, 13), date(2025, 6, 14), date(2025, 6, 15)  # around screening()'s due date


def shown(assessment, as_of=BEFORE, waiting=True, others=0):
    return card_of(assessment, others=others, waiting=waiting, as_of=as_of)


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

    assert f"Exam of {assessment.record.case.exam.date}; state on 2025-06-13; status preliminary." in detail
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
    assert newest(stored[::-1] if turned else stored).record.decision_id == name


def test_of_nothing_nothing_is_newest():
    assert newest(()) is None


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


def test_the_uuid_is_the_one_given():
    name = UUID("d1577c69-dfbe-44ad-ba6d-3e05e953b2ea")

    assert card_of(screening(), others=0, waiting=True, as_of=ON, uuid=name).as_json()["uuid"] == str(name)
