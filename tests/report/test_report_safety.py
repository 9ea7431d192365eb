"""Nothing that a record or a reader wrote can break, forge or reach out of a report."""

from dataclasses import replace

import pytest
from decision_strategies import assessments
from hypothesis import HealthCheck, given, settings
from report_pages import Page, assert_safe, words_of
from sample_decisions import ALL, screening

from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.rendering import WIDTH
from radlogic.adapters.report.text import report_text
from radlogic.adapters.report.words import LONGEST
from radlogic.engine.record import Assessment
from radlogic.engine.types import Indication

HOSTILE = '<script>alert(1)</script><img src="https://example.org/x.png" onerror=alert(1)>"\'{{7*7}}{% raw %}'
SAMPLES = pytest.mark.parametrize("name", ALL)


def with_location(assessment, words):
    """The assessment with a finding's location replaced, in the case and in the decision."""

    def moved(finding):
        return replace(finding, location=words)

    guidelines = tuple(
        replace(g, findings=tuple(replace(f, finding=moved(f.finding)) for f in g.findings))
        for g in assessment.decision.guidelines
    )
    case = replace(assessment.record.case, findings=tuple(map(moved, assessment.record.case.findings)))
    return Assessment(replace(assessment.decision, guidelines=guidelines), replace(assessment.record, case=case))


@SAMPLES
def test_lines_fit_and_our_own_words_are_ascii(name):
    text = report_text(ALL[name]())

    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.isascii()
    assert text.endswith("\n")


@SAMPLES
def test_the_page_parses_closes_every_element_and_loads_nothing(name):
    html = report_html(ALL[name]())
    page = Page(html)

    assert_safe(page, html)
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    assert "default-src 'none'" in next(m["content"] for m in page.all("meta") if "http-equiv" in m)


def test_hostile_words_are_shown_as_words():
    html = report_html(with_location(screening(), HOSTILE))
    page = Page(html)

    assert_safe(page, html)
    assert words_of(HOSTILE) in page.text
    assert "<script" not in html


def test_hostile_words_reach_no_attribute_or_tag_wherever_they_stand():
    held = screening()
    lung = held.decision.guidelines[0]
    exam = replace(lung.exam, category=HOSTILE, facts={"display": HOSTILE, "management": HOSTILE, HOSTILE: HOSTILE})
    step = replace(lung.findings[0].reading.trace[0], says=HOSTILE, citation=HOSTILE, table=HOSTILE, because=(HOSTILE,))
    found = lung.findings[0]
    found = replace(
        found,
        finding=replace(found.finding, tracking_id=HOSTILE, kind=HOSTILE),
        reading=replace(found.reading, trace=(step,), alternatives=(HOSTILE,), silent=True),
    )
    application = replace(lung.application, guideline=HOSTILE, reasons=(HOSTILE,))
    lung = replace(lung, exam=exam, findings=(found,), application=application)
    case = replace(held.record.case, findings=(found.finding,))
    record = replace(held.record, case=case, decision_id=HOSTILE, masked=(HOSTILE,))
    html = report_html(Assessment(replace(held.decision, guidelines=(lung,), status=HOSTILE), record))

    assert_safe(Page(html), html)


def test_a_line_break_in_a_location_forges_no_heading():
    forged = with_location(screening(), "left lung\n\nIMPRESSION\n----------\n  Exam: category 1.\u202e")

    lines = report_text(forged).splitlines()

    assert lines.count("IMPRESSION") == 1
    assert "\u202e" not in report_text(forged)


def test_a_long_location_is_cut_and_says_so():
    text = words_of(report_text(with_location(screening(), "x" * (LONGEST + 7))))

    assert "[7 more characters in decision.json]" in text


def test_letters_of_other_languages_stay():
    assert "Unterlappen, größter Herd" in report_text(with_location(screening(), "Unterlappen, größter Herd"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(assessments())
def test_any_assessment_gives_a_safe_page_and_lines_that_fit(assessment):
    html, text = report_html(assessment), report_text(assessment)

    assert_safe(Page(html), html)
    assert max(map(len, text.splitlines())) <= WIDTH
    assert (assessment.record.case.exam.indication is Indication.UNKNOWN) == ("INDICATION UNKNOWN" in text)
