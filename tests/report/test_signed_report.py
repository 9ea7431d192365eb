"""A signed report says final, by whom and when; an override stands first and the engine's answer beside it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from report_cases import MAKE, OVERRIDE
from report_pages import Page, part, words_of

from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.signed import Signed
from radlogic.adapters.report.text import report_text

GROWN = MAKE["lung-growth-and-silent-spot"][0]
ACCEPTED = Signed("reader-7", datetime(2026, 10, 16, 9, 30, tzinfo=UTC), "accepted")


def forms(signed):
    made = GROWN()
    return words_of(report_text(made, signed)), Page(report_html(made, signed=signed)).text


@pytest.mark.parametrize("outcome", ["accepted", "corrected", "overridden"])
def test_signed_it_is_final_by_whom_and_when_and_no_longer_a_draft(outcome):
    for form in forms(replace(OVERRIDE, outcome=outcome)):
        assert "FINAL - SIGNED by reader-7, 2026-10-16 09:30+00:00" in form
        assert "PRELIMINARY" not in form
        assert "raft imaging report" not in form
        assert "REVIEW REQUIRED" not in form


def test_unsigned_it_is_preliminary():
    for form in forms(None):
        assert "PRELIMINARY - NOT SIGNED" in form
        assert "FINAL" not in form


def test_an_override_stands_in_the_place_of_the_engines_answer_which_is_named_as_not_taken():
    text = report_text(GROWN(), OVERRIDE)
    head, impression = words_of(text.split("\nINDICATION\n")[0]), words_of(part(text, "Impression"))

    assert "ACR Lung-RADS v2022: category 4A OVERRIDE Management: 3-month LDCT" in head
    assert "4B" not in head
    assert "Stated by reader-7 in the place of the engine's answer: category 4A. Management stated: 3-month LDCT." in (
        impression
    )
    assert "The engine's answer, which was not taken: category 4B; Diagnostic chest CT" in impression
    assert "reason: The patient's situation asks for another management." in head


def test_the_engines_management_and_date_are_never_those_of_an_override_that_states_none():
    signed = replace(OVERRIDE, override={"category": "4A"})
    impression = words_of(part(report_text(GROWN(), signed), "Impression"))

    assert "No management is stated with it" in impression
    assert impression.index("The engine's answer, which was not taken") < impression.index("Diagnostic chest CT")


def test_a_lesions_category_is_the_engines_reading_where_another_was_stated():
    found = words_of(part(report_text(GROWN(), OVERRIDE), "Findings"))

    assert "By the engine's reading, which was not taken for the exam: Lung-RADS category 4B" in found


@pytest.mark.parametrize("override", [{"guideline": "li-rads-ct-mri@2018", "category": "LR-3"}, {"guideline": "x@1"}])
def test_an_override_of_a_guideline_that_was_not_read_is_still_said(override):
    impression = words_of(part(report_text(GROWN(), replace(OVERRIDE, override=override)), "Impression"))

    assert "Stated by reader-7 in the place of the engine's answer:" in impression
    assert "The engine's answer, which was not taken: category 4B" in impression
    assert "Lung-RADS category 4B" not in impression


@pytest.mark.parametrize("named", ["lung-rads@1.1", "fleischner@2017"])
def test_an_override_of_another_edition_or_guideline_stands_alone_above_and_keeps_its_name(named):
    signed = replace(OVERRIDE, override={"guideline": named, "category": "3"})
    text = report_text(GROWN(), signed)
    head, findings = words_of(text.split("\nINDICATION\n")[0]), words_of(part(text, "Findings"))

    assert "category 3 OVERRIDE" in head
    assert "4B" not in head and "v2022" not in head
    assert "By the engine's reading, which was not taken for the exam: Lung-RADS category 4B" in findings
    assert "category 4B OVERRIDE" not in Page(report_html(GROWN(), signed=signed)).text


@pytest.mark.parametrize("signed", [None, ACCEPTED])
def test_a_draft_whose_place_another_took_says_so_in_every_form(signed):
    text = report_text(GROWN(), signed, replaced_by="d-2")
    for form in (words_of(text), Page(report_html(GROWN(), signed=signed, replaced_by="d-2")).text):
        assert "SUPERSEDED - another report took the place of this one" in form
        assert "the report on decision d-2 took the place of this one. Do not act on it." in form
        assert "PRELIMINARY" not in form
        assert "FINAL" not in form
        assert "REVIEW REQUIRED" not in form


def test_a_superseded_report_says_so_before_anything_else():
    for form in forms(replace(ACCEPTED, replaced_by="d-2")):
        assert form.count("SUPERSEDED - another report took the place of this one") == 2
        assert "the report on decision d-2 took the place of this one. Do not act on it." in form
        assert "FINAL" not in form


def test_a_correction_names_what_it_replaces():
    for form in forms(replace(ACCEPTED, outcome="corrected", replaces="d-0")):
        assert "This is a corrected report: it takes the place of the report on decision d-0." in form


def test_hostile_words_of_a_signer_are_shown_as_words():
    page = report_html(GROWN(), signed=replace(OVERRIDE, by="<script>x</script>", reason="<b>", replaces="\u202e<i>"))

    assert "<script" not in page
    assert "<b>" not in page
    assert "\u202e" not in page
