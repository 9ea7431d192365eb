"""The report says what the decision holds, in order, safely, and nothing else."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal

import compared_exams
import pytest
from compared_exams import NOW
from report_cases import MAKE
from report_pages import TITLES, Page, part, statements, words_of
from sample_decisions import ALL, NET, by_convention, screening, unknown_indication, unknown_type

from radlogic.adapters.fhir.patient import read_patient
from radlogic.adapters.notice import INTENDED_USE, PRELIMINARY
from radlogic.adapters.report.draft import report_of
from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.text import report_text
from radlogic.engine.record import Assessment, DecisionRecord
from radlogic.engine.types import Case, Classes, Decision, Exam, Measured, Priority, Review, Route, Unknown


def empty():
    """A decision that holds next to nothing."""
    decision = Decision((), Route.RULE_BASED, Review(False, Priority.ROUTINE, ()), ())
    case = Case(Exam(), ())
    return Assessment(decision, DecisionRecord("d", date(2025, 1, 1), "0", case, None, {}, Route.RULE_BASED))


SAMPLES = pytest.mark.parametrize("name", ALL)


@SAMPLES
def test_the_sections_stand_in_the_order_in_which_a_radiologist_dictates(name):
    lines = report_text(ALL[name]()).splitlines()

    positions = [lines.index(title.upper()) for title in TITLES]

    assert positions == sorted(positions)


@SAMPLES
def test_every_form_says_first_and_last_that_it_is_preliminary_and_what_it_is_for(name):
    text, page = words_of(report_text(ALL[name]())), Page(report_html(ALL[name]())).text

    for form in (text, page):
        assert form.count(PRELIMINARY) == 2
        assert form.count(INTENDED_USE) == 2


@SAMPLES
def test_text_and_page_say_the_same(name):
    text, page = words_of(report_text(ALL[name]())).lower(), Page(report_html(ALL[name]())).text.lower()

    said = [words_of(statement).lower() for statement in statements(report_of(ALL[name]()))]

    assert len(said) > 40
    assert [statement for statement in said if statement not in text] == []
    assert [statement for statement in said if statement not in page] == []


@SAMPLES
def test_category_management_interval_date_reasons_and_citations_are_those_of_the_decision(name):
    assessment = ALL[name]()
    text = words_of(report_text(assessment))

    for guideline in assessment.decision.guidelines:
        readings = [guideline.exam, *(found.reading for found in guideline.findings)]
        for reading in filter(None, readings):
            assert words_of(reading.facts.get("management", "")) in text
            assert words_of(reading.facts.get("display") or reading.category or reading.possible[0]) in text
            for step in reading.trace:
                assert words_of(step.says).lower() in text.lower()
                assert words_of(step.citation) in text
                told = (word for reason in step.because for word in NAMED.sub(" ", words_of(reason)).split())
                assert all(word.strip(";:,.") in text for word in told)
        assert guideline.due_date is None or f"due {guideline.due_date.isoformat()}" in text
        assert all(reason in text for reason in guideline.application.reasons)
    assert all(citation in text for citation in assessment.decision.citations)
    assert all(reason.text in text and reason.code in text for reason in assessment.decision.review.reasons)


def test_the_answer_stands_above_everything_but_the_banner():
    text = report_text(screening())

    answer = text.split("\nINDICATION\n")[0]

    assert "ACR Lung-RADS v2022: category 4A" in answer
    assert "Management: 3-month LDCT" in answer
    assert "Follow-up: in 3 months, due 2025-06-14" in answer
    assert "REVIEW REQUIRED, priority soon" in answer


def test_the_impression_names_category_management_interval_date_and_modifier():
    impression = words_of(part(report_text(screening()), "Impression"))

    assert "Lung-RADS category 4A" in impression
    assert "Management: 3-month LDCT" in impression
    assert "Follow-up: in 3 months, due 2025-06-14." in impression
    assert "Result of the screen: positive. No modifier S." in impression
    assert "N3, non-solid nodule: Lung-RADS category 2; 12-month screening LDCT; in 12 months." in impression


def test_a_lesion_tells_what_was_stated_by_whom_what_was_measured_and_what_nobody_knows():
    found = words_of(part(report_text(screening()), "Findings"))

    assert "Part-solid nodule, left lower lobe, superior segment, mean diameter 5.5 mm." in found
    assert "Solid component: mean diameter 4.2 mm. It is new. Not known: margin." in found
    assert "mean diameter 7.0 mm reader" in found
    assert "mean diameter 12 +/- 0.6 mm (SD) from the images, 2025-03-14" in found
    assert "prior mean diameter 11.8 mm upstream report, 2024-03-11" in found
    assert "margin not known: the reader left the margin open" in found
    assert "prior mean diameter not applicable" in found


def test_what_a_forms_convention_fills_in_is_named_once_for_all_lesions_as_uncertain():
    uncertain = words_of(part(report_text(screening()), "What is uncertain, and why"))

    assert (
        "N1, N2, N3: not recorded, and by the form's convention then not present: spiculation, lymphadenopathy"
        in uncertain
    )


def test_the_page_names_the_place_of_every_statement():
    page = Page(report_html(screening())).text

    assert "reader findings.json nodules[0].mean_mm" in page
    assert "from the images SEG 1.2.840.99.1 segment 3, 2025-03-14" in page
    assert "patient record Observation/packyears-1, 2024-11-02" in page


def test_a_silent_spot_names_the_default_and_the_other_readings():
    silent = words_of(part(report_text(screening()), "What the guideline does not say"))

    assert "N2, ACR Lung-RADS v2022: 3, default reading, the guideline is silent; other readings: 4B." in silent


def test_reasons_name_table_row_thresholds_citation_and_conventions():
    reasons = words_of(part(report_text(screening()), "Reasons"))

    assert "Table solid, row 4A-new; ACR Lung-RADS v2022, table, solid nodule, category 4A" in reasons
    assert "mean diameter 7.0 mm >=6 mm and <8 mm" in reasons
    assert "Taken as not present by convention: spiculation" in reasons


def test_risk_names_its_inputs_and_those_that_are_missing():
    risk = words_of(part(report_text(screening()), "Risk, and why"))

    assert "N1: risk - Brock model, with spiculation: 4.9 %." in risk
    assert "nodule size 7.0 mm" in risk
    assert "N2: risk - Brock model, with spiculation: No probability is given." in risk
    assert "- missing: upper lobe. - why: the reader did not state the lobe." in risk


def test_the_calibrated_sets_stand_beside_the_most_probable_category():
    held = screening()
    lung = held.decision.guidelines[0]
    exam = replace(
        lung.exam, probabilities={"3": 0.3, "4A": 0.7}, likely=("3", "4A"), managements=("6-month", "3-month")
    )
    decision = replace(held.decision, guidelines=(replace(lung, exam=exam),))

    reasons = words_of(part(report_text(replace(held, decision=decision)), "Reasons"))

    assert "Probability of each category: 3 30.0 %, 4A 70.0 %." in reasons
    assert "Calibrated set of categories: 3 or 4A." in reasons
    assert "Calibrated set of managements: 6-month; 3-month." in reasons


def test_guidelines_that_do_not_apply_are_named_with_why():
    apart = words_of(part(report_text(screening()), "Guidelines considered and not applied"))

    assert "CT/MRI LI-RADS v2018 The exam does not show the liver in several phases." in apart


def test_an_unknown_indication_stands_above_every_category_in_both_forms():
    for form in (words_of(report_text(unknown_indication())), Page(report_html(unknown_indication())).text):
        assert form.index("INDICATION UNKNOWN.") < form.index("4A")
        assert "Holds only if the exam was made for screening." in form


def test_a_stated_indication_raises_no_such_warning():
    assert "INDICATION UNKNOWN" not in report_text(screening())


def test_a_condition_that_the_guideline_words_itself_is_told():
    held = screening()
    lung = held.decision.guidelines[0]
    exam = replace(lung.exam, facts={"conditional": "if cirrhosis is confirmed"})
    text = report_text(replace(held, decision=replace(held.decision, guidelines=(replace(lung, exam=exam),))))

    assert "conditional if cirrhosis is confirmed" in words_of(part(text, "Impression"))


def test_lesions_are_summed_up_even_where_the_guideline_has_no_exam_category():
    held = screening()
    lung = replace(held.decision.guidelines[0], exam=None)
    text = report_text(replace(held, decision=replace(held.decision, guidelines=(lung,))))

    answer = text.split("\nINDICATION\n")[0]
    assert "no answer for the exam" in answer
    assert "N2: 3 or 4B, guideline silent" in answer


def test_an_undecided_category_gives_what_is_possible_and_what_to_assess_next():
    text = words_of(report_text(unknown_type()))

    assert "not decided: 2, 3, 4A or 4B possible; next to assess: type" in text
    assert "category None" not in text
    assert "None" not in text.replace("None: every guideline", "")


def test_what_nets_say_stays_out_of_the_findings_on_the_rule_based_route():
    text = words_of(report_text(unknown_type()))
    before, unconfirmed = text.split("UNCONFIRMED NEURAL FINDINGS")

    assert "neural extractor" not in before
    assert (
        "type: solid 72.0 %, part-solid 25.0 %, non-solid 3.0 % [neural extractor, lung-nodule-texture" in unconfirmed
    )
    assert "Kept from the rules on this route: N1/type, N1/mean_mm." in unconfirmed


def netted(route):
    """A decision on a route, whose finding holds what a net says among its facts."""
    held = unknown_type()
    finding = held.record.case.findings[0]
    said = {"type": Classes({"solid": 0.9, "non_solid": 0.1}, NET), "mean_mm": Measured(8.9, 0.7, "mm", NET)}
    finding = replace(finding, facts={**finding.facts, **said})
    case = replace(held.record.case, findings=(finding,))
    lung = held.decision.guidelines[0]
    lung = replace(lung, findings=(replace(lung.findings[0], finding=finding, unconfirmed={}),))
    record = replace(held.record, case=case, route=route, unconfirmed={}, masked=())
    return Assessment(replace(held.decision, guidelines=(lung,), route=route), record)


def test_neural_facts_left_among_the_findings_are_moved_to_the_unconfirmed_on_the_rule_based_route():
    text = report_text(netted(Route.RULE_BASED))

    assert "solid 90.0 %" not in part(text, "Findings")
    assert "solid 90.0 %" in part(text, "Unconfirmed neural findings")


def test_neural_facts_count_and_are_named_as_such_on_the_hybrid_route():
    text = words_of(report_text(netted(Route.HYBRID)))

    assert "Nodule of uncertain type" in text
    assert "type solid 90.0 %, non-solid 10.0 % neural extractor" in text


def test_no_listed_finding_is_not_called_a_normal_exam():
    found = part(report_text(ALL["no_findings"]()), "Findings")

    assert "No finding is stated for this exam." in found
    assert "normal" not in found
    assert "no nodule" not in found.lower()


def test_an_exam_to_which_no_guideline_applies_has_no_category():
    text = report_text(ALL["no_guideline"]())

    assert "No guideline category: none of the guidelines considered applies to this exam." in text
    assert "L1: observation" in part(text, "Findings")
    assert "size 23 mm" in words_of(part(text, "Findings"))


def test_what_a_form_omits_of_the_exam_is_told_even_where_nothing_else_is():
    held = empty()
    exam = Exam(facts=by_convention("exam", ("known_lung_cancer",)))
    text = report_text(replace(held, record=replace(held.record, case=Case(exam, ()))))

    assert "by the form's convention then not present: known lung cancer." in words_of(text)


def test_a_decision_that_holds_nothing_claims_nothing():
    text = words_of(report_text(empty()))

    assert "Exam date: not stated" in text
    assert "INDICATION UNKNOWN" in text
    assert "No guideline category" in text
    assert "None was considered." in text
    assert "The decision cites no publication." in text


def test_patient_facts_and_prior_exams_carry_their_source():
    text = words_of(report_text(screening()))

    assert "pack-years 38 patient record, 2024-11-02" in text
    assert "2024-03-11: Low-dose chest CT, screening; category 2." in text


NAMED = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)+")  # names of inputs, which a reader is told in words


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        ([3, 3], "in 3 months"),
        ((0, 6), "within 6 months"),
        ([1, 3], "in 1 to 3 months"),
        ([Decimal("1"), Decimal("1")], "in 1 month"),
        (None, "no fixed interval"),
        ("soon", "soon"),
        (["3", "4"], "3, 4"),
    ],
)
def test_intervals_are_told_as_they_are_held(interval, words):
    held = screening()
    lung = held.decision.guidelines[0]
    exam = replace(lung.exam, facts={"interval_months": interval})
    decision = replace(held.decision, guidelines=(replace(lung, exam=exam),))

    text = report_text(replace(held, decision=decision))

    assert f"Follow-up: {words}, due 2025-06-14" in text


def test_of_what_the_record_does_not_know_only_what_an_answer_reads_is_named_and_the_rest_counted():
    person = {"resourceType": "Patient", "id": "7", "gender": "female", "birthDate": "1960-01-01"}
    record = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": person}]}
    case = replace(compared_exams.now(compared_exams.apical()), patient=read_patient(record, exam_date=NOW))
    unknown = [name for name, belief in case.patient.facts.items() if isinstance(belief, Unknown)]
    said = words_of(report_text(compared_exams.decided(case)))
    told = said.partition("Not known (the record does not mention it): ")[2].partition(".")[0].split(", ")

    assert {"smoking status", "emphysema", "family history of lung cancer"} <= set(told)  # of both risk models
    assert {"cirrhosis", "albumin", "INR"}.isdisjoint(told)
    assert f"{len(unknown) - len(told)} more facts are not known; no answer of this report reads them." in said


def test_what_a_guideline_reads_of_the_patient_is_named_and_with_rules_that_are_not_at_hand_all_is():
    unknown = {"cirrhosis": Unknown("?"), "pack_years": Unknown("?")}
    made, _ = MAKE["liver-typical"]
    case = made().record.case
    made = replace(
        made(), record=replace(made().record, case=replace(case, patient=replace(case.patient, facts=unknown)))
    )
    elsewhere = replace_guidelines(made, "kidney-cyst@2026")

    assert "Not known (?): cirrhosis. One more fact is not known" in words_of(report_text(made))
    assert "Not known (?): cirrhosis, pack-years." in words_of(report_text(elsewhere))


def replace_guidelines(made, name):
    """The decision as one by a guideline that is not at hand."""
    read = tuple(replace(g, application=replace(g.application, guideline=name)) for g in made.decision.guidelines)
    return replace(made, decision=replace(made.decision, guidelines=read))
