"""Earlier exams as they come in: whose they are, whether they are there twice, and which category a lesion had."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import store_cases

from radlogic.adapters.archive.watch.earlier import _kept
from radlogic.adapters.archive.watch.seams import Prior, unmatched
from radlogic.adapters.assemble import Sources
from radlogic.adapters.assess import run
from radlogic.adapters.decision_file import dumps, loads, write_decision
from radlogic.adapters.earlier import of_archive, of_decision, with_earlier
from radlogic.adapters.report.text import report_text
from radlogic.adapters.store.cases import Store
from radlogic.engine.assess import assess
from radlogic.engine.errors import Contradiction
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.types import Exam, Finding, Indication, Known

THEN, NOW = date(2026, 2, 27), date(2026, 8, 27)
AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


WHOLE = store_cases.stated(lungs_imaged="whole", known_lung_cancer=False)


def before(name="apical", **changes):
    """The decision of the earlier exam."""
    case = store_cases.exam()
    found = replace(case.findings[0], tracking_id=name)
    known = replace(case.exam, facts={**case.exam.facts, **WHOLE})
    return store_cases.decided(replace(case, **{"findings": (found,), "exam": known, **changes}))


def now(*findings, key="0123456789abcdef"):
    """The exam of half a year later."""
    case = store_cases.exam()
    facts = WHOLE | {n: b for n, b in case.exam.facts.items() if n not in ("prior_ct", "round")}
    exam = Exam(NOW, Indication.SCREENING, {**facts, **store_cases.stated(round="annual")}, "1.2.3")
    return replace(case, exam=exam, findings=findings, patient=replace(case.patient, key=key))


def apical(name="apical"):
    facts = store_cases.stated(type="solid", mean_mm=Decimal("7.0"))
    return Finding(name, "nodule", facts)


def decided(case):
    return assess(case, load_knowledge(NOW, "lung-rads@2022"), NOW)


def codes(assessment):
    return [reason.code for reason in assessment.decision.review.reasons]


def test_a_decision_of_the_same_patient_is_compared_and_nothing_is_open():
    case = with_earlier(now(apical()), [of_decision(before())])

    assert case.findings[0].facts["previous_category"].value == "3"
    assert case.exam.unmatched == ()
    assert "prior_unmatched" not in codes(decided(case))


def test_a_decision_of_another_patient_is_refused_and_names_nobody():
    with pytest.raises(Contradiction, match="another patient") as refused:
        with_earlier(now(apical(), key="fedcba9876543210"), [of_decision(before())])

    assert not any(key in str(refused.value) for key in ("fedcba9876543210", "0123456789abcdef"))


@pytest.mark.parametrize("missing", ["now", "before", "both"])
def test_where_it_is_not_known_whose_an_exam_is_that_is_said_and_reviewed(missing):
    then = before()
    if missing != "now":
        nobody = replace(then.record.case, patient=replace(then.record.case.patient, key=""))
        then = replace(then, record=replace(then.record, case=nobody))
    case = with_earlier(now(apical(), key="0123456789abcdef" if missing == "before" else ""), [of_decision(then)])

    assert "not confirmed to be of the same patient" in case.exam.unmatched[0]
    assert case.exam.unmatched[0] in case.exam.notes
    assert "prior_unmatched" in codes(decided(case))


def test_the_same_exam_twice_is_refused():
    again = before(name="other")  # another decision of the same study

    for pair in ([before(), before()], [before(), again]):
        with pytest.raises(Contradiction, match="twice"):
            with_earlier(now(apical()), [of_decision(one) for one in pair])


def test_two_studies_of_one_day_are_two_exams():
    case = store_cases.exam()
    other = before(exam=replace(case.exam, study_uid="1.2.826.0.1.3680043.8.498.2"))

    compared = with_earlier(now(apical()), [of_decision(before()), of_decision(other)])

    assert compared.findings[0].facts["status"].value == "existing"


def test_stated_to_have_no_prior_and_given_one_is_refused():
    case = now(apical())
    none = replace(case, exam=replace(case.exam, facts={**case.exam.facts, **store_cases.stated(prior_ct="none")}))

    with pytest.raises(Contradiction, match="prior_ct"):
        with_earlier(none, [of_decision(before())])


def test_what_is_open_is_kept_in_the_file_and_stands_under_comparison_and_uncertainty():
    assessment = decided(with_earlier(now(), [of_decision(before())]))
    text = " ".join(report_text(loads(dumps(assessment))).split())

    assert loads(dumps(assessment)).record == assessment.record
    technique, rest = text.split(" TECHNIQUE ", 1)[1].split(" COMPARISON ", 1)
    comparison, uncertainty = rest.split(" FINDINGS ", 1)[0], rest.split(" WHAT IS UNCERTAIN, AND WHY ", 1)[1]
    said = "apical of decision"
    assert said in comparison
    assert "may be resolved, to be confirmed" in comparison
    assert said in uncertainty
    assert said not in technique


def signed(folder, assessment, answer):
    """The decision as a store keeps it once a signer stated another answer."""
    with Store.open(folder) as store:
        name = store.add(assessment, AT, "radlogic")
        store.open_reasons(name, AT, "dr-a")
        given = store.override(name, "clinical_context", "seen again", AT, "dr-a", answer=answer)
        store.sign(name, AT, "dr-a", seen=given.sequence)
        return store.case(name)


def test_a_signed_category_goes_before_the_engines(tmp_path):
    kept = signed(tmp_path, before(), {"guideline": "lung-rads@2022", "category": "4A"})

    case = with_earlier(now(apical()), [of_decision(kept.assessment, kept=kept)])

    assert case.findings[0].facts["previous_category"].value == "4A"
    assert case.exam.unmatched == ()


@pytest.mark.parametrize("several", [True, False])
def test_a_signed_category_that_is_no_single_lesions_is_nobodys_and_reviewed(tmp_path, several):
    then, answer = before(), {"guideline": "lung-rads@2022", "category": "4A"}
    if several:
        one = then.record.case.findings[0]
        then = store_cases.decided(replace(then.record.case, findings=(one, replace(one, tracking_id="basal"))))
    else:
        answer = {"guideline": "li-rads-ct-mri@2018", "category": "LR-3"}
    kept = signed(tmp_path, then, answer)

    case = with_earlier(now(apical()), [of_decision(kept.assessment, kept=kept)])

    assert not isinstance(case.findings[0].facts["previous_category"], Known)
    assert any("its signer overrode" in text for text in case.exam.unmatched)
    assert "prior_unmatched" in codes(decided(case))


def test_the_command_reads_the_signed_category_from_the_store(tmp_path):
    kept = signed(tmp_path / "store", before(), {"category": "4A"})
    write_decision(kept.assessment, tmp_path / "before.json")
    facts = {"round": "annual", "lungs_fully_evaluable": True, "s_finding": "none", "indication": "screening"}
    nodule = {"tracking_id": "apical", "type": "solid", "mean_mm": 7.0}
    form = {"exam": {**facts, "date": NOW.isoformat()}, "nodules": [nodule]}
    (tmp_path / "now.json").write_text(json.dumps(form), encoding="utf-8")
    sources = Sources(
        findings=tmp_path / "now.json", prior_decisions=(tmp_path / "before.json",), store=tmp_path / "store"
    )

    (found,) = run(sources, "lung-rads@2022", NOW)[0].record.case.findings
    (alone,) = run(replace(sources, store=None), "lung-rads@2022", NOW)[0].record.case.findings

    assert [f.facts["previous_category"].value for f in (found, alone)] == ["4A", "3"]


def test_the_watch_gives_categories_and_what_was_looked_for_to_the_matching(tmp_path):
    kept = signed(tmp_path, before(), {"category": "4A"})
    exam = Prior(THEN, "1.2.826.0.1.3680043.8.498.1", tmp_path, lambda: None)

    prior = _kept(exam, kept)
    case = of_archive(now(apical(), key=""), [prior])

    assert (dict(prior.categories), prior.assessed) == ({"apical": "4A"}, ("nodule",))
    assert case.findings[0].facts["previous_category"].value == "4A"
    assert case.exam.unmatched == ()  # whose it is was read off the images


@pytest.mark.parametrize("matching", [of_archive, unmatched])
def test_an_earlier_exam_in_the_archive_that_was_not_compared_is_reviewed(tmp_path, matching):
    exam = Prior(THEN, "1.2.826.0.1.3680043.8.498.1", tmp_path, lambda: None)

    case = matching(now(apical()), [exam])

    assert str(THEN) in case.exam.unmatched[0]
    assert "prior_unmatched" in codes(decided(case))
