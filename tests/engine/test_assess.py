"""The flow of a case: what nets may say, what is withheld, what sends a case to a human."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from radlogic.engine.assess import assess
from radlogic.engine.facts import stronger
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.likely import Calibrator
from radlogic.engine.types import (
    Case,
    Exam,
    Finding,
    Indication,
    Known,
    NotApplicable,
    Patient,
    Route,
    Source,
    SourceKind,
    Unknown,
)

AS_OF = date(2026, 11, 22)
HUMAN = Source(SourceKind.HUMAN, "reader")
NET = Source(SourceKind.NET, "a net that tests made")
PRIOR = NotApplicable(HUMAN)
USING = load_knowledge(guideline="lung-rads@2022")
KEEPS = Calibrator(
    "lung-rads@2022", NET.reference, "0" * 64, 0.9, {}, 0.1, 0, "none: made for tests", AS_OF, date(2027, 11, 22)
)


class FakeNet:
    """Says that every finding is solid and 9 mm."""

    name = "a net that tests made"
    sha256 = "0" * 64

    def __init__(self, validated=True):
        self.validated = validated

    def beliefs(self, case, finding):
        return {"type": Known("solid", NET), "mean_mm": Known(Decimal(9), NET)}


def nodule(**facts):
    stated = {name: Known(value, HUMAN) for name, value in facts.items()}
    absent = {"benign_feature": "none", "proven_benign": False, "juxtapleural": False, "growing": False}
    features = ("spiculation", "lymphadenopathy", "frank_metastatic_disease", "ggn_doubled_in_1_year")
    known = {n: Known(v, HUMAN) for n, v in absent.items()} | {
        f"suspicious_features.{f}": Known(False, HUMAN) for f in features
    }
    return Finding("n1", "nodule", {**known, "previous_category": PRIOR, "status": Known("baseline", HUMAN), **stated})


def case(*findings, indication=Indication.SCREENING, assessed=("nodule",), **facts):
    flags = ("known_lung_cancer", "nodule_more_concerning_for_malignancy")
    patterns = (
        "segmental_or_lobar_consolidation",
        "more_than_six_new_nodules",
        "large_solid_nodule_ge8mm_short_interval",
        "new_nodules_immunocompromised",
    )
    known = {n: Known(False, HUMAN) for n in (*flags, *(f"infectious_pattern.{p}" for p in patterns))}
    known |= {
        "prior_ct": Known("none", HUMAN),
        "lungs_fully_evaluable": Known(True, HUMAN),
        "s_finding": Known("none", HUMAN),
    }
    exam = Exam(date(2026, 10, 15), indication, known | facts | {"lungs_imaged": Known("whole", HUMAN)})
    return Case(exam, findings, Patient("p"), assessed=assessed)


def lung(assessment):
    return assessment.decision.guidelines[0]


def codes(assessment):
    return [reason.code for reason in assessment.decision.review.reasons]


def test_stated_findings_of_a_screening_exam_give_one_category():
    assessment = assess(case(nodule(type="solid", mean_mm=Decimal(9))), USING, AS_OF)

    assert (lung(assessment).exam.category, assessment.decision.route) == ("4A", Route.HYBRID)
    assert not assessment.decision.review.required
    assert lung(assessment).findings[0].published[0].missing  # the record was empty: Brock has no number
    low, high = lung(assessment).findings[0].risk.grounds.interval
    assert low < lung(assessment).findings[0].risk.probability < high  # the network averages over what it lacks


def test_where_nobody_looked_for_nodules_no_category_is_given():
    assessment = assess(case(assessed=()), USING, AS_OF)

    assert lung(assessment).exam.category is None
    assert lung(assessment).exam.ask == "nodules"
    assert {"1", "4X"} <= set(lung(assessment).exam.possible)


def test_where_somebody_looked_and_found_none_the_exam_is_negative():
    assert lung(assess(case(), USING, AS_OF)).exam.category == "1"


def test_an_unknown_indication_is_conditional_and_reviewed():
    assessment = assess(case(nodule(type="solid", mean_mm=Decimal(5)), indication=Indication.UNKNOWN), USING, AS_OF)

    assert lung(assessment).application.applies == "conditional"
    assert "applicability_unconfirmed" in codes(assessment)


@pytest.mark.parametrize("indication", [Indication.INCIDENTAL, Indication.KNOWN_CANCER])
def test_an_exam_that_is_no_screening_is_not_classified(indication):
    assessment = assess(case(nodule(type="solid", mean_mm=Decimal(5)), indication=indication), USING, AS_OF)

    assert lung(assessment).exam is None
    assert "no_guideline" in codes(assessment)


def test_a_validated_net_fills_what_nobody_stated_and_the_case_says_it_is_not_calibrated_here():
    using = replace(USING, extractors=(FakeNet(),), calibrators=(KEEPS,))
    assessment = assess(case(nodule()), using, AS_OF)

    assert (lung(assessment).exam.category, assessment.decision.route) == ("4A", Route.HYBRID)
    assert codes(assessment) == ["not_calibrated_here"]


def test_a_net_without_a_calibration_never_enters_the_category():
    assessment = assess(case(nodule()), replace(USING, extractors=(FakeNet(),)), AS_OF)

    assert (lung(assessment).exam.category, assessment.decision.route) == (None, Route.RULE_BASED)
    assert "calibration_missing" in codes(assessment)


def test_an_unvalidated_net_never_enters_the_category():
    assessment = assess(case(nodule()), replace(USING, extractors=(FakeNet(validated=False),)), AS_OF)

    assert (lung(assessment).exam.category, assessment.decision.route) == (None, Route.RULE_BASED)
    assert set(lung(assessment).findings[0].unconfirmed) == {"type", "mean_mm"}
    assert assessment.record.masked == ("n1/type", "n1/mean_mm")
    assert not {"type", "size"} & set(lung(assessment).findings[0].risk.inputs)


def test_a_net_never_replaces_what_a_human_stated():
    stated = nodule(type="non_solid", mean_mm=Decimal(12))

    assessment = assess(case(stated), replace(USING, extractors=(FakeNet(),)), AS_OF)

    assert lung(assessment).exam.category == "2"


def test_the_record_outweighs_a_forms_convention_but_not_a_reader():
    convention = Known(False, Source(SourceKind.CONVENTION, "form"))
    record = Known(True, Source(SourceKind.RECORD, "Condition/1"))

    assert stronger(convention, record) is record
    assert stronger(record, Known(False, HUMAN)).source is HUMAN
    assert stronger(Known(False, HUMAN), record).source is HUMAN
    assert stronger(Unknown("not said"), record) is record
