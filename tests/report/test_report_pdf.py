"""The PDF says what the text says, on every page whether it is signed, and the same bytes for the same report."""

import re
import shutil
import subprocess
import sys
import zlib
from dataclasses import replace

import pytest
from compared_exams import compared
from decision_strategies import assessments
from hypothesis import HealthCheck, given, settings
from report_cases import MAKE
from sample_decisions import ALL, screening

from radlogic.adapters.report.pdf import report_pdf
from radlogic.engine.errors import BadValue, MissingExtra

reportlab = pytest.importorskip("reportlab", reason="needs the extra pdf")
GROWN = MAKE["lung-growth-and-silent-spot"][0]


def words_of_pdf(pdf, tmp_path):
    """The text by poppler, a program of others."""
    reader = shutil.which("pdftotext")
    if reader is None:
        pytest.skip("needs pdftotext (Debian: poppler-utils)")
    path = tmp_path / "report.pdf"
    path.write_bytes(pdf)
    done = subprocess.run([reader, "-layout", str(path), "-"], capture_output=True, check=True, timeout=30)
    return " ".join(done.stdout.decode("utf-8").split())


def test_growth_is_told_as_in_the_text(tmp_path):
    text = words_of_pdf(report_pdf(compared("10.5")), tmp_path)

    assert "Mean diameter changed by +3.5 mm in 6 months" in text
    assert "Volume doubling time 104 days (90 %: 60 to 402 days)." in text


def test_it_holds_the_answer_the_sections_and_the_banner_on_every_page(tmp_path):
    pdf = report_pdf(GROWN())
    text, pages = words_of_pdf(pdf, tmp_path), len(re.findall(rb"/Type /Page\b", pdf))

    assert "ACR Lung-RADS v2022: category 4B" in text
    assert "Reasons" in text
    assert "N1: mean diameter over time" in text
    assert pages > 1
    assert text.count("PRELIMINARY - NOT SIGNED") == pages
    assert text.count("Decision support for qualified clinicians; not a medical device; a human signs.") == pages


def test_signed_it_is_final_and_speaks_for_the_signer(tmp_path):
    make, signed = MAKE["lung-signed-with-another-answer"]
    text = words_of_pdf(report_pdf(make(), signed=signed), tmp_path)

    assert "FINAL - SIGNED by reader-7" in text
    assert "ACR Lung-RADS v2022: category 4A (override)" in text
    assert "PRELIMINARY" not in text


def test_the_same_report_gives_the_same_bytes():
    assert report_pdf(screening()) == report_pdf(screening())


def test_letters_that_the_font_lacks_are_written_as_code_points(tmp_path):
    held = screening()
    finding = replace(held.record.case.findings[0], location="größter Herd, Ж", tracking_id="X9")
    made = replace(held, record=replace(held.record, case=replace(held.record.case, findings=(finding,))))

    text = words_of_pdf(report_pdf(made), tmp_path)

    assert "größter Herd, [U+0416]" in text


def test_markup_in_a_patients_words_stays_words(tmp_path):
    held = screening()
    hostile = '<a href="http://x.example">&amp;</a><br/>'
    finding = replace(held.record.case.findings[0], location=hostile, tracking_id="X9")
    made = replace(held, record=replace(held.record, case=replace(held.record.case, findings=(finding,))))
    pdf = report_pdf(made)

    assert hostile in words_of_pdf(pdf, tmp_path)
    assert b"/URI" not in pdf
    assert b"http://x.example" not in b"".join(streams(pdf))


def streams(pdf):
    for body in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            yield zlib.decompress(body)
        except zlib.error:
            continue


@pytest.mark.parametrize("name", ALL)
def test_every_decision_made_by_hand_gives_a_pdf(name):
    assert report_pdf(ALL[name]()).startswith(b"%PDF-")


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(assessments())
def test_any_assessment_gives_a_pdf(assessment):
    assert report_pdf(assessment).startswith(b"%PDF-")


def test_without_reportlab_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "reportlab", None)

    with pytest.raises(MissingExtra) as caught:
        report_pdf(screening())

    assert "radlogic[pdf]" in caught.value.cure


def test_an_unknown_language_is_refused():
    with pytest.raises(BadValue):
        report_pdf(screening(), language="tlh")
