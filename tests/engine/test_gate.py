"""The gate: more reason for care never means less of it."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.assess import assess
from radlogic.engine.gate import Level, gate, highest
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.likely import Calibrator
from radlogic.engine.record import URGENCY
from radlogic.engine.types import (
    Case,
    Classes,
    Exam,
    Finding,
    Indication,
    Known,
    Measured,
    NotApplicable,
    Patient,
    Route,
    Source,
    SourceKind,
    Unknown,
)

AS_OF = date(2026, 11, 22)
HUMAN, RECORD = Source(SourceKind.HUMAN, "reader"), Source(SourceKind.RECORD, "Observation/1")
NET = Source(SourceKind.NET, "a net that tests made")
KEEPS = Calibrator(
    "lung-rads@2022", NET.reference, "0" * 64, 0.9, {}, 0.1, 0, "none: made for tests", AS_OF, date(2027, 11, 22)
)
PLAIN = load_knowledge(guideline="lung-rads@2022")
CODES = sorted(PLAIN.signals)
LUNG = Exam(
    date(2026, 10, 15),
    Indication.SCREENING,
    {
        **{
            name: Known(False, HUMAN)
            for name in (
                "known_lung_cancer",
                "nodule_more_concerning_for_malignancy",
                "infectious_pattern.segmental_or_lobar_consolidation",
                "infectious_pattern.more_than_six_new_nodules",
                "infectious_pattern.large_solid_nodule_ge8mm_short_interval",
                "infectious_pattern.new_nodules_immunocompromised",
                "infectious_pattern.tree_in_bud",
                "infectious_pattern.new_ggn_lt_3cm",
            )
        },
        "prior_ct": Known("none", HUMAN),
        "lungs_fully_evaluable": Known(True, HUMAN),
        "lungs_imaged": Known("whole", HUMAN),
        "s_finding": Known("none", HUMAN),
    },
)
UNREMARKABLE = {
    **{name: Known(False, HUMAN) for name in ("proven_benign", "juxtapleural", "growing")},
    **{
        f"suspicious_features.{name}": Known(False, HUMAN)
        for name in ("spiculation", "lymphadenopathy", "frank_metastatic_disease", "ggn_doubled_in_1_year")
    },
    "benign_feature": Known("none", HUMAN),
    "previous_category": NotApplicable(HUMAN),
    "status": Known("baseline", HUMAN),
}


class TestNet:
    """Says of every finding what the test wants."""

    __test__ = False
    name, sha256, validated = NET.reference, "0" * 64, True

    def __init__(self, **said):
        self.said = said

    def beliefs(self, case, finding):
        return self.said


def using(**said):
    return replace(PLAIN, extractors=(TestNet(**said),), calibrators=(KEEPS,))


def at_site(**said):
    return replace(using(**said), calibrators=(replace(KEEPS, site="ours"),))


def case(patient=None, **facts):
    return Case(LUNG, (Finding("n1", "nodule", {**UNREMARKABLE, **facts}),), Patient("p", patient or {}))


def seen(kind=None, mm=None, sd=0.3):
    """A net's beliefs: texture by class, diameter with an error."""
    said = {}
    if kind is not None:
        said["type"] = Classes(kind, NET)
    if mm is not None:
        said["mean_mm"] = Measured(mm, sd, "mm", NET)
    return said


def decided(case, knowledge=PLAIN):
    return assess(case, knowledge, AS_OF).decision


def codes(decision):
    return [reason.code for reason in decision.review.reasons]


def sizes():
    """0 to n; those of which there are most are for the slow tests."""
    for size in range(len(CODES) + 1):
        yield pytest.param(size, marks=pytest.mark.slow if 3 < size < len(CODES) - 3 else ())


@pytest.mark.parametrize("size", [*sizes()])
def test_every_subset_of_the_signals_is_as_careful_as_its_most_careful_one(size):
    """All 2^n of them, beside a maximum that is worked out by hand."""
    level = {code: int(PLAIN.signals[code].level) for code in CODES}
    worst = {0: (Route.HYBRID, False, "routine"), 1: (Route.HYBRID, True, "routine"), 2: (Route.HYBRID, True, "soon")}
    worst |= {3: (Route.RULE_BASED, True, "soon"), 4: (Route.RULE_BASED, True, "urgent")}
    for some in combinations(CODES, size):
        route, review = gate([(code, "detail") for code in some], PLAIN)
        assert (route, review.required, review.priority) == worst[max((level[c] for c in some), default=0)]
        assert [reason.code for reason in review.reasons] == list(some)


def test_levels_combine_as_a_maximum_in_any_number_and_order():
    for size in range(6):
        for levels in product(Level, repeat=size):
            assert highest(levels) == (sorted(levels)[-1] if levels else Level.STANDS)


def test_a_higher_level_never_gives_back_what_a_lower_one_took():
    for low, high in combinations(sorted(Level), 2):
        assert not (low.route is Route.RULE_BASED and high.route is Route.HYBRID)
        assert URGENCY[high.priority] <= URGENCY[low.priority]


@given(*[st.lists(st.sampled_from(CODES).map(lambda code: (code, "detail")), max_size=6)] * 2)
def test_no_signal_makes_the_answer_less_careful(some, more):
    route, review = gate(some, PLAIN)
    further_route, further = gate([*some, *more], PLAIN)

    assert further.required >= review.required
    assert URGENCY[further.priority] <= URGENCY[review.priority]
    assert further_route is Route.RULE_BASED or route is Route.HYBRID
    assert set(review.reasons) <= set(further.reasons)


@given(st.sampled_from(CODES), st.sampled_from(list(Level)), st.lists(st.sampled_from(CODES), max_size=5))
def test_a_worse_level_of_a_signal_never_makes_the_answer_less_careful(code, level, raised):
    signals = dict(PLAIN.signals)
    better = min(level, signals[code].level)
    worse = max(level, signals[code].level)
    answers = [
        gate(
            [(c, "detail") for c in raised], replace(PLAIN, signals=signals | {code: replace(signals[code], level=at)})
        )
        for at in (better, worse)
    ]
    (route, review), (worse_route, worse_review) = answers

    assert worse_review.required >= review.required
    assert URGENCY[worse_review.priority] <= URGENCY[review.priority]
    assert not (route is Route.RULE_BASED and worse_route is Route.HYBRID)


def test_every_signal_says_why_its_level_is_what_it_is():
    assert [c for c, s in PLAIN.signals.items() if not (s.why and "{detail}" in s.text and s.level > 0)] == []


def test_beliefs_of_one_management_stand_and_of_two_fall_back():
    sure = decided(case(), using(**seen({"solid": 1.0}, 10.0)))
    torn = decided(case(), using(**seen({"solid": 1.0}, 8.0)))

    assert (sure.route, codes(sure)) == (Route.HYBRID, ["not_calibrated_here"])
    reading = sure.guidelines[0].exam
    assert (reading.category, reading.likely, len(reading.managements)) == ("4A", ("4A",), 1)
    assert reading.probabilities["4A"] == pytest.approx(1.0, abs=1e-6)
    assert torn.route is Route.RULE_BASED
    assert "managements_differ" in codes(torn)
    assert torn.guidelines[0].exam.category is None  # the rules then read what humans stated, and nobody stated it


def test_what_a_net_says_is_shown_beside_the_rule_based_answer():
    decision = decided(case(), using(**seen({"solid": 1.0}, 8.0)))

    assert set(decision.guidelines[0].findings[0].unconfirmed) == {"type", "mean_mm"}


NEURAL = [
    seen({"solid": 0.55, "part_solid": 0.4, "non_solid": 0.05}, 8.0, 1.5),
    seen({"solid": 1.0}, 30.0, 0.1),
    seen({"non_solid": 1.0}, 4.0, 0.1),
    seen({"part_solid": 1.0}, 12.0, 3.0),
    {"spiculated": Classes({"yes": 0.9, "no": 0.1}, NET)},
    {"type": Known("cavitary", NET), "mean_mm": Known(Decimal(25), NET)},
    {},
]


@pytest.mark.parametrize("said", NEURAL)
@pytest.mark.parametrize("stated", [{}, {"type": Known("solid", HUMAN)}, {"mean_mm": Known(Decimal(9), HUMAN)}])
def test_no_neural_belief_reaches_the_category_on_the_rule_based_route(said, stated):
    unvalidated = replace(using(**said), calibrators=())
    with_net, without = decided(case(**stated), unvalidated), decided(case(**stated))
    if said and set(said) - set(stated):
        assert with_net.route is Route.RULE_BASED
    for a, b in zip(with_net.guidelines, without.guidelines, strict=True):
        assert a.exam == b.exam
        assert [f.reading for f in a.findings] == [f.reading for f in b.findings]
        for one, other in zip(a.findings, b.findings, strict=True):
            assert (one.risk.probability, one.risk.inputs) == (other.risk.probability, other.risk.inputs)


@pytest.mark.parametrize("name", ["type", "mean_mm", "status", "benign_feature"])
def test_a_known_decisive_finding_made_unknown_always_requires_review(name):
    known = {"type": Known("solid", HUMAN), "mean_mm": Known(Decimal(9), HUMAN), **UNREMARKABLE}
    lacking = Case(LUNG, (Finding("n1", "nodule", known | {name: Unknown("not assessed")}),), Patient("p"))

    assert not decided(case(**known)).review.required
    assert decided(lacking).review.required
    assert decided(lacking).route is Route.RULE_BASED


@settings(max_examples=25, deadline=None)
@given(st.floats(4, 25), st.floats(0.05, 4), st.floats(1, 6))
@pytest.mark.slow
def test_a_wider_error_of_the_same_value_never_removes_review(mm, sd, wider):
    """At a site with a calibration of its own, where nothing else asks for review."""
    sharp, wide = (decided(case(), at_site(**seen({"solid": 1.0}, mm, s))) for s in (sd, sd * wider))

    assert wide.review.required >= sharp.review.required


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 1), st.floats(0, 1), st.sampled_from([4.0, 6.9, 9.0, 20.0]))
@pytest.mark.slow
def test_a_leading_texture_that_loses_probability_never_removes_review(leads, loses, mm):
    sure, unsure = ({"solid": p, "non_solid": 1 - p} for p in (leads, leads - loses * (leads - 0.5)))
    sharp, wide = (decided(case(), at_site(**seen(kind, mm, 0.2))) for kind in (sure, unsure))

    assert wide.review.required >= sharp.review.required


def test_a_larger_set_of_managements_never_removes_review():
    for bar in (0.0, 0.01, 0.1, 0.25):
        strict = at_site(**seen({"solid": 0.9, "part_solid": 0.1}, 9.0, 0.8))
        larger = decided(case(), replace(strict, calibrators=(replace(KEEPS, site="ours", otherwise=bar),)))
        smaller = decided(case(), replace(strict, calibrators=(replace(KEEPS, site="ours", otherwise=0.25),)))
        assert larger.review.required >= smaller.review.required
        assert not (smaller.route is Route.RULE_BASED and larger.route is Route.HYBRID)


OLD_SMOKER = {
    "age_years": Known(Decimal(78), RECORD),
    "sex": Known("F", RECORD),
    "smoking_status": Known("current", RECORD),
    "pack_years": Known(Decimal(60), RECORD),
    "emphysema": Known(True, RECORD),
    "family_history_lung_cancer": Known(True, RECORD),
    "extrathoracic_cancer": Known(True, RECORD),
}


def disagreeing(**facts):
    """A nodule of 5.9 mm, category 2, in a patient and place where cancer is likely."""
    features = {"upper_lobe": Known(True, HUMAN)}
    return case(
        OLD_SMOKER, **{"type": Known("solid", HUMAN), "mean_mm": Known(Decimal("5.9"), HUMAN)}, **features, **facts
    )


def test_rules_and_network_that_disagree_are_shown_with_both_sides():
    decision = decided(disagreeing())

    (conflict,) = decision.conflicts
    assert (conflict.category, conflict.band, conflict.sharpest) == ("2", (0.0, 0.01), False)
    assert conflict.interval[0] > 0.01
    (text,) = [r.text for r in decision.review.reasons if r.code == "rules_and_network"]
    assert "the rules say 2, 0 to 1 % by Lung-RADS v1.1" in text
    assert "the network" in text
    assert (decision.route, decision.review.priority) == (Route.HYBRID, "soon")


@pytest.mark.parametrize("sd", [0.05, 0.5, 1.5, 4.0, 12.0])
def test_a_wider_belief_cannot_dissolve_a_conflict(sd):
    sharp, wide = disagreeing(), disagreeing()
    finding = wide.findings[0]
    beliefs = {**finding.facts, "mean_mm": Measured(5.9, sd, "mm", NET)}
    wide = replace(wide, findings=(replace(finding, facts=beliefs),))

    assert "rules_and_network" in codes(decided(sharp))
    assert "rules_and_network" in codes(decided(wide, replace(PLAIN, calibrators=(KEEPS,))))


def test_a_category_without_a_printed_band_raises_no_conflict():
    using = load_knowledge(guideline="fleischner@2017")
    incidental = replace(disagreeing(), exam=replace(LUNG, indication=Indication.INCIDENTAL))

    assert assess(incidental, using, AS_OF).decision.conflicts == ()


def test_a_record_that_contradicts_itself_is_a_reason_with_its_measure():
    facts = {"smoking_status": Known("never", RECORD), "pack_years": Known(Decimal(50), RECORD)}
    decision = decided(case(facts, type=Known("solid", HUMAN), mean_mm=Known(Decimal(9), HUMAN)))

    (text,) = [r.text for r in decision.review.reasons if r.code == "evidence_conflict"]
    assert "much less probable than apart" in text
    assert "50" not in text  # no value of the record


def test_a_calibration_that_is_too_old_falls_back():
    fresh = using(**seen({"solid": 1.0}, 10.0))
    old = replace(fresh, calibrators=(replace(KEEPS, until=date(2026, 11, 21)),))

    assert decided(case(), fresh).route is Route.HYBRID
    assert (decided(case(), old).route, "calibration_stale" in codes(decided(case(), old))) == (Route.RULE_BASED, True)


def test_a_calibration_of_this_site_needs_no_reminder():
    here = using(**seen({"solid": 1.0}, 10.0))
    assert not decided(case(), replace(here, calibrators=(replace(KEEPS, site="ours"),))).review.required


def test_a_value_of_the_record_that_is_too_old_is_said():
    old = {"smoking_status": Unknown("Observation/1 is stale", RECORD, stale=True)}
    decision = decided(case(old, type=Known("solid", HUMAN), mean_mm=Known(Decimal(9), HUMAN)))

    assert codes(decision) == ["input_stale"]
    assert (decision.route, decision.review.priority) == (Route.HYBRID, "routine")


def test_the_calibration_of_a_net_is_not_that_of_a_person():
    unsure = case(type=Known("solid", HUMAN), mean_mm=Measured(10.0, 1.2, "mm", HUMAN))

    decision = decided(unsure, at_site())

    assert (decision.route, "calibration_missing" in codes(decision)) == (Route.RULE_BASED, True)


def test_the_calibration_of_another_net_does_not_count():
    other = replace(KEEPS, extractor="some other net", site="ours")
    decision = decided(case(), replace(using(**seen({"solid": 1.0}, 10.0)), calibrators=(other,)))

    assert (decision.route, "calibration_missing" in codes(decision)) == (Route.RULE_BASED, True)


def test_what_nets_say_of_exam_and_patient_is_withheld_too_and_listed():
    stated = case({"emphysema": Known(True, NET)}, type=Known("solid", HUMAN), mean_mm=Known(Decimal(9), HUMAN))
    stated = replace(stated, exam=replace(stated.exam, facts={**stated.exam.facts, "s_finding": Known("none", NET)}))
    assessment = assess(stated, PLAIN, AS_OF)

    assert assessment.decision.route is Route.RULE_BASED
    assert {"exam/s_finding", "patient/emphysema"} <= set(assessment.record.masked)
    assert "emphysema" not in assessment.decision.guidelines[0].findings[0].risk.inputs


def test_whether_a_guideline_applies_is_read_without_nets_on_the_rule_based_route():
    using = load_knowledge(guideline="li-rads-ct-mri@2018")
    exam = Exam(date(2026, 10, 15), facts={"risk_factors.cirrhosis": Known(True, NET), "modality": Known("CT", HUMAN)})
    observation = Finding("L1", "observation", {"size_mm": Known(Decimal(30), HUMAN)})
    decision = assess(Case(exam, (observation,), Patient("p")), using, AS_OF).decision

    assert decision.route is Route.RULE_BASED
    assert decision.guidelines[0].application.applies == "conditional"
    assert "applicability_unconfirmed" in codes(decision)


def test_a_net_does_not_take_what_a_form_means_by_silence():
    convention = Known("none", Source(SourceKind.CONVENTION, "form"))
    known = {"type": Known("solid", HUMAN), "mean_mm": Known(Decimal(9), HUMAN), "benign_feature": convention}
    said = {"benign_feature": Classes({"none": 0.99, "fat": 0.01}, NET)}

    assert decided(case(**known), using(**said)).guidelines[0].exam.category == "4A"


def test_the_same_case_on_another_day_is_another_decision():
    one, other = (assess(case(), PLAIN, day).record.decision_id for day in (AS_OF, date(2027, 11, 22)))

    assert one != other


def left_out(guideline, of="finding"):
    """What a reader's form means by leaving everything out."""
    form, found = Source(SourceKind.CONVENTION, "form"), {}
    for name, (scope, i) in guideline.inputs.items():
        if scope == of and "absent" in i:
            belief = NotApplicable(form) if i["absent"] == "n/a" else Known(i["absent"], form)
            names = [f"{name}.{value}" for value in i["values"]] if i["type"] == "set" else [name]
            found |= dict.fromkeys(names, belief)
    return found


def test_a_benign_category_beside_a_likely_cancer_of_the_liver_is_a_conflict():
    using = load_knowledge(guideline="li-rads-ct-mri@2018")
    (guideline,) = using.guidelines
    known = {"aphe": "nonrim", "washout": "nonperipheral_pvp", "capsule": "enhancing", "benign": "definite"}
    facts = left_out(guideline) | {n: Known(v, HUMAN) for n, v in known.items()}
    at_risk = {"risk_factors.cirrhosis": True, "cirrhosis_cause": "other", "modality": "CT", "multiphase": True}
    exam = (
        left_out(guideline, "exam") | left_out(guideline, "patient") | {n: Known(v, HUMAN) for n, v in at_risk.items()}
    )
    exam |= {"age": Known(Decimal(60), HUMAN)}
    observation = Finding("L1", "observation", facts | {"size_mm": Known(Decimal(30), HUMAN)})
    patient = Patient("p", {"afp_ng_ml": Known(Decimal(5000), RECORD)})
    decision = assess(Case(Exam(date(2026, 10, 15), facts=exam), (observation,), patient), using, AS_OF).decision

    assert decision.guidelines[0].findings[0].reading.category == "LR-1"
    assert [(c.category, c.band) for c in decision.conflicts] == [("LR-1", (0.0, 0.5))]


def test_a_measurement_that_does_not_apply_is_refused_by_name():
    from radlogic.engine.errors import BadValue

    using = load_knowledge(guideline="li-rads-ct-mri@2018")
    observation = Finding("L1", "observation", {"size_mm": NotApplicable(HUMAN)})
    with pytest.raises(BadValue, match="size"):
        assess(Case(Exam(date(2026, 10, 15)), (observation,), Patient("p")), using, AS_OF)
