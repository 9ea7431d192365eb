"""The engine's names reach no reader: they are told in the words that the vocabulary or the rules know them by."""

import re

import pytest
import report_cases
from hypothesis import given
from hypothesis import strategies as st
from report_pages import words_of

from radlogic.adapters.report.plain_names import in_words, met_words
from radlogic.adapters.report.text import report_text

LUNG = "lung-rads@2022"


@pytest.mark.parametrize(
    ("met", "said"),
    [
        ("nodule_more_concerning_for_malignancy: no", "nodule more concerning for malignancy than for infection: no"),
        ("status existing: existing", "status: existing"),
        ("lungs_imaged not none: whole", "lungs imaged: whole (rule: not none)"),
        ("type solid or part_solid: part_solid", "type: part-solid (rule: solid or part-solid)"),
        (
            "size >= 8 and < 15: 9 mm from long_mm = 9, short_mm = 9.5",
            "size: 9 mm from long axis 9 mm, short axis 9.5 mm (rule: >= 8 and < 15)",
        ),
        ("benign_juxtapleural no: no", "juxtapleural nodule of benign form: no"),
        ("suspicious_features.spiculation: yes", "spiculation: yes"),
        ("exam 3 or 4A or 4B or 4X: 4A", "category of the exam: 4A (rule: 3, 4A, 4B or 4X)"),
        ("the most suspicious nodule decides: N1", "the most suspicious nodule decides: N1"),
    ],
)
def test_a_test_that_was_met_is_said_in_words(met, said):
    assert met_words(met, LUNG) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("assess lungs_imaged", "assess lungs imaged"),
        ("assess suspicious_features.spiculation", "assess spiculation"),
        ("assess nodules[0].mean_mm", "assess Nodule 1: mean diameter"),
        ("nodules[0], lung-rads@2022: 4A", "Nodule 1, ACR Lung-RADS v2022: 4A"),
        ("see findings_old.json, /data/mean_mm/x", "see findings_old.json, /data/mean_mm/x"),
        ("lesion_a is not matched", "lesion_a is not matched"),
        ("kept-lung@9 and somebody@host", "kept-lung@9 and somebody@host"),
    ],
)
def test_names_in_a_text_of_the_engine_are_words_and_what_is_somebodys_own_stays(text, said):
    assert in_words(text, (LUNG,)) == said


@given(st.text(st.characters(exclude_categories=("C", "Z"))))
def test_a_text_without_names_stays_as_it_is(word):
    if not re.search(r"[_@\[.]", word):
        assert in_words(word, (LUNG,)) == word


@pytest.mark.parametrize("make", [report_cases.grown, report_cases.measured])
def test_no_reason_of_a_report_shows_the_name_of_an_input(make):
    text = words_of(report_text(make()))

    reasons = re.findall(r"Because (.*?)(?: Taken | - |$)", text)
    assert reasons
    assert not [r for r in reasons if re.search(r"\b[a-z]+_[a-z_]+\b", r)]
