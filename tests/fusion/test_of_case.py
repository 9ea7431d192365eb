"""What a case tells a network: each fact once, by name, and never more than is known."""

import pickle
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from radlogic.engine.fusion.compile_network import load_network, network_ids
from radlogic.engine.fusion.evidence import Likelihood, OneOf, likelihood_of, measured_likelihood
from radlogic.engine.fusion.follow_up import LEAST_DOUBLINGS, MOST_DOUBLINGS, follow_up
from radlogic.engine.fusion.network_risk import NEEDED, NETWORKS, NetworkRisk
from radlogic.engine.fusion.of_case import evidence_of
from radlogic.engine.fusion.risk import risk
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.resources import knowledge_folder
from radlogic.engine.types import (
    Case,
    Classes,
    Exam,
    Finding,
    Known,
    Measured,
    NotApplicable,
    Patient,
    Source,
    SourceKind,
    Unknown,
)

READER = Source(SourceKind.HUMAN, "findings.json nodules[0]")
FORM = Source(SourceKind.CONVENTION, "findings.json nodules[0]")
RECORD = Source(SourceKind.RECORD, "Condition/1", date(2020, 1, 1))
NET = Source(SourceKind.NET, "lung nodule net")
NODULE = {
    "type": Known("solid", READER),
    "long_mm": Known(Decimal(10), READER),
    "upper_lobe": Known(True, READER),
    "suspicious_features.spiculation": Known(True, READER),
}
SMOKER = {
    "age_years": Known(Decimal("62.5"), RECORD),
    "sex": Known("M", RECORD),
    "emphysema": Known(True, RECORD),
    "family_history_lung_cancer": Known(False, RECORD),
}
OBSERVATION = {
    "aphe": Known("nonrim", READER),
    "washout": Known("nonperipheral_pvp", READER),
    "capsule": Known("none", READER),
    "size_mm": Known(Decimal(25), READER),
}
AT_RISK = {
    "modality": Known("MRI_ECA", READER),
    "multiphase": Known(True, READER),
    "risk_factors.cirrhosis": Known(True, READER),
}


def case_of(kind="nodule", facts=None, patient=None, exam=None, others=0):
    """A case with one finding and ``others`` of its kind, and that finding; a fact that is None is taken out."""
    base, of_patient, of_exam = (NODULE, SMOKER, {}) if kind == "nodule" else (OBSERVATION, {}, AT_RISK)
    merged = [
        {k: v for k, v in (a | (b or {})).items() if v is not None}
        for a, b in ((base, facts), (of_patient, patient), (of_exam, exam))
    ]
    finding = Finding("N1", kind, merged[0])
    more = tuple(Finding(f"N{i + 2}", kind, {}) for i in range(others))
    return Case(Exam(date(2024, 5, 1), facts=merged[2]), (finding, *more), Patient("p", merged[1])), finding


def told(kind="nodule", **said):
    return evidence_of(load_network(NETWORKS[kind]), *case_of(kind, **said))


def answer(kind="nodule", **said):
    return NetworkRisk().risk(*case_of(kind, **said))


def test_known_facts_become_states_each_with_where_it_came_from():
    found = told(others=1)

    assert found.evidence == {
        "age": "from_60_to_65", "size": "about_10", "count": "two", "sex": "M", "family_history": "absent",
        "emphysema": "present", "type": "solid", "upper_lobe": "present", "margin": "spiculated",
    }  # fmt: skip
    assert {u.node: u.source for u in found.used}["emphysema"] == RECORD
    assert {u.node: u.fact for u in found.used}["margin"] == "suspicious_features.spiculation"
    assert (found.outside, found.contradictions) == ((), ())
    assert found.missing["asbestos"] == "nobody stated it"


def test_with_brocks_inputs_known_the_risk_is_brocks():
    inputs = {
        "age": 62.5, "sex": "M", "nodule_size_mm": 10, "nodule_type": "solid", "upper_lobe": True, "spiculation": True,
        "emphysema": True, "family_history_lung_cancer": False, "nodule_count": 2,
    }  # fmt: skip

    assert answer(others=1).probability == pytest.approx(risk("brock", inputs).probability, abs=1e-6)


@pytest.mark.parametrize("fact", ["age_years", "sex", "emphysema", "family_history_lung_cancer"])
def test_a_missing_fact_is_averaged_over_and_named(fact):
    found = answer(patient={fact: None})

    assert 0 < found.probability < 1
    assert len(found.missing) == len(answer().missing) + 1


def test_unknown_keeps_its_reason_and_absent_is_not_negative():
    stale = Unknown("the newest statement is too old", RECORD)
    found = told(patient={"emphysema": stale})

    assert "emphysema" not in found.evidence
    assert found.missing["emphysema"] == stale.why
    assert answer(patient={"emphysema": stale}).probability == answer(patient={"emphysema": None}).probability


def test_a_mean_diameter_stands_in_and_says_so():
    facts = {"long_mm": None, "mean_mm": Known(Decimal(10), READER)}

    assert told(facts=facts).evidence["size"] == "about_10"
    assert "size: mean_mm stands in for long_mm" in answer(facts=facts).why


def test_a_measured_size_is_a_likelihood_over_the_bands():
    found = told(facts={"long_mm": Measured(10.0, 1.0, "mm", NET)})

    edges = load_network("lung-nodule").network.nodes["size"].edges
    assert found.evidence["size"] == measured_likelihood(10.0, 1.0, edges)
    assert answer(facts={"long_mm": Measured(10.0, 1e-3, "mm", NET)}).probability == pytest.approx(answer().probability)


def test_a_nets_classes_are_divided_by_what_it_was_trained_on():
    said = {"solid": 0.6, "part_solid": 0.3, "non_solid": 0.1}
    found = told(facts={"type": Classes(said, NET)})

    assert found.evidence["type"] == likelihood_of(list(said.values()), [0.7348, 0.1763, 0.0889])


def test_a_net_that_says_what_training_would_say_tells_nothing():
    prior = {"solid": 0.7348, "part_solid": 0.1763, "non_solid": 0.0889}

    assert answer(facts={"type": Classes(prior, NET)}).probability == pytest.approx(
        answer(facts={"type": None}).probability
    )


def test_a_persons_own_probability_is_the_posterior_where_nothing_else_is_known():
    net = load_network("lung-nodule")
    said = {"solid": 0.2, "part_solid": 0.5, "non_solid": 0.3}
    only = dict.fromkeys(NODULE) | {"type": Classes(said, READER)}
    found = told(facts=only, patient=dict.fromkeys(SMOKER))

    alone = {"type": found.evidence["type"]}
    assert net.marginals(alone)["type"] == pytest.approx(said)


def test_classes_that_mean_several_states_are_told_apart_as_far_as_they_go():
    found = told(facts={"suspicious_features.spiculation": Classes({"yes": 0.5, "no": 0.5}, READER)})

    piece = found.evidence["margin"]
    assert isinstance(piece, Likelihood)
    other, smooth, spiculated = piece.values
    assert other == smooth < spiculated


def test_a_net_without_training_frequencies_is_left_out_and_said():
    found = told(facts={"upper_lobe": Classes({"yes": 0.9, "no": 0.1}, NET)})

    assert "upper_lobe" not in found.evidence
    assert "how often it met each class" in found.missing["upper_lobe"]


def test_the_nets_malignancy_opinion_and_its_signs_are_no_evidence():
    more = {n: Classes({"yes": 0.9, "no": 0.1}, NET) for n in ("malignancy_opinion", "spiculated", "lobulated")}

    assert told(facts=more).evidence == told().evidence


def test_margin_and_spiculation_stated_together_are_one_fact():
    both = {"margin": Known("spiculated", READER)}

    assert told(facts=both).evidence == told().evidence
    assert answer(facts=both).probability == answer().probability


def test_a_coarse_fact_is_narrowed_by_a_finer_one():
    coarse = {"suspicious_features.spiculation": Known(False, READER)}

    assert told(facts=coarse).evidence["margin"] == OneOf(("smooth", "other"))
    assert told(facts=coarse | {"margin": Known("smooth", READER)}).evidence["margin"] == "smooth"
    assert told(facts=coarse | {"margin": Known("lobulated", READER)}).evidence["margin"] == "other"


def test_statements_that_exclude_each_other_are_named_without_their_values():
    found = told(facts={"margin": Known("smooth", READER)})

    assert found.evidence["margin"] == "spiculated"
    assert found.contradictions == (
        "margin: margin (findings.json nodules[0]) says otherwise than suspicious_features.spiculation, which was used",
    )
    assert answer(facts={"margin": Known("smooth", READER)}).contradictions == found.contradictions


def test_a_statement_goes_before_a_net_and_a_net_before_a_convention():
    convention = {"suspicious_features.spiculation": Known(False, FORM)}

    assert told(facts=convention | {"margin": Known("spiculated", READER)}).evidence["margin"] == "spiculated"
    assert told(facts=convention).evidence["margin"] == OneOf(("smooth", "other"))
    assert "by the convention of the reader's form" in answer(facts=convention).why
    sizes = {"long_mm": Measured(20.0, 2.0, "mm", NET), "mean_mm": Known(Decimal(10), READER)}
    assert told(facts=sizes).evidence["size"] == "about_10"


def test_contradictory_records_say_so_by_the_conflict_measure():
    smokes = {"smoking_status": Known("never", RECORD), "pack_years": Known(Decimal(50), RECORD)}
    found = answer(patient=smokes)

    (tension,) = found.tensions
    assert ({tension.one, tension.other}, tension.measure > 5) == ({"smoking", "pack_years"}, True)
    assert (found.probability, "never smokers" in found.why) == (None, True)


def test_facts_that_fit_well_never_hide_two_that_do_not():
    """All pieces together may fit although two of them do not: the measure of a pair is its own."""
    smokes = {"smoking_status": Known("never", RECORD), "pack_years": Known(Decimal(50), RECORD)}
    ((pair,), more) = answer(patient=smokes).tensions, {"fdg_uptake": Known("intense", READER)}
    found = answer(facts={"long_mm": Known(Decimal(29), READER), **more}, patient=smokes)

    assert pair in found.tensions


def test_what_lies_outside_of_the_network_hides_no_contradiction():
    said = {"margin": Known("smooth", READER), "long_mm": Known(Decimal(60), READER)}
    found = answer(facts=said)

    assert found.probability is None
    assert found.contradictions


@pytest.mark.parametrize(
    ("kind", "facts", "words"),
    [
        ("nodule", {"proven_benign": Known(True, READER)}, "proven benign"),
        ("nodule", {"status": Known("new", READER)}, "new nodules"),
        ("nodule", {"status": Known("resolved", READER)}, "it is gone"),
        ("observation", {"path": Known("hemangioma", READER)}, "pathology has said"),
        ("observation", {"path": Known("hcc", READER)}, "pathology has said"),
    ],
)
def test_where_the_question_is_answered_already_the_network_gives_no_number(kind, facts, words):
    found = answer(kind, facts=facts)

    assert found.probability is None
    assert words in found.why


def test_nothing_proven_by_pathology_is_no_reason_to_be_silent():
    assert answer("observation", facts={"path": Known("none", READER)}).probability is not None


def test_candidates_of_a_program_and_nodules_that_are_gone_do_not_count():
    case, finding = case_of()
    program = {"found_by_program": Known(True, NET)}
    gone = {"status": Known("resolved", READER)}
    more = tuple(Finding(f"P{i}", "nodule", program if i % 2 else gone) for i in range(10))
    crowd = Case(case.exam, (finding, *more), case.patient)

    assert evidence_of(load_network("lung-nodule"), crowd, finding).evidence["count"] == "one"


@pytest.mark.parametrize("status", ["baseline", None])
def test_growth_that_nobody_could_see_says_nothing(status):
    said = {"growing": Known(False, READER)} | ({"status": Known(status, READER)} if status else {})

    assert "growth_stated" not in told(facts=said).evidence


def test_a_class_that_is_all_but_impossible_leaves_an_answer():
    p = {"solid": 1 - 1e-9, "part_solid": 0.0, "non_solid": 0.0, "cavitary": 1e-9}
    assert answer(facts={"type": Classes(p, READER)}).probability is not None


def test_what_is_certain_goes_before_what_is_not():
    said = {"long_mm": Measured(9.0, 3.0, "mm", READER), "mean_mm": Known(Decimal(9), READER)}
    assert told(facts=said).evidence["size"] == "about_9"


@pytest.mark.parametrize(
    ("fact", "belief", "words"),
    [
        ("long_mm", Known(Decimal(45), READER), "not within the 1 to 30.5 mm"),
        ("long_mm", Known(Decimal("0.5"), READER), "not within the 1 to 30.5 mm"),
        ("long_mm", Measured(45.0, 3.0, "mm", NET), "not within the 1 to 30.5 mm"),
        ("long_mm", Measured(4.5, 0.3, "cm", NET), "a measurement in cm"),
        ("type", Known("cyst", READER), "no state for what type is"),
        ("type", Classes({"solid": 0.5, "cyst": 0.5}, READER), "no state for a class of type"),
        ("upper_lobe", Measured(1.0, 0.5, "mm", NET), "the network takes none"),
    ],
)
def test_what_the_network_was_not_made_for_gets_no_number_and_is_said(fact, belief, words):
    found = answer(facts={fact: belief})

    assert found.probability is None
    assert words in found.why
    assert not any(value in found.why for value in ("45", "4.5", "cyst"))


@pytest.mark.parametrize(("kind", "fact", "node"), [("nodule", "long_mm", "size"), ("observation", "aphe", "arterial")])
def test_a_finding_that_is_not_described_gets_no_number(kind, fact, node):
    found = answer(kind, facts={fact: None})

    assert found.probability is None
    assert found.why.startswith(f"{node}: nobody stated it")
    assert node in NEEDED[NETWORKS[kind]]


def test_findings_of_another_kind_have_no_network():
    case, _ = case_of()

    assert NetworkRisk().risk(case, Finding("X", "thyroid nodule", {})) is None


def test_a_category_is_never_evidence():
    for name in network_ids():
        feeds = {f.name for node in load_network(name).network.nodes.values() for f in node.feeds}
        assert not feeds & {
            "category",
            "previous_category",
            "malignancy_opinion",
            "impression",
            "unsure_between",
            "path",
        }
    before = told(facts={"previous_category": Known("4B", READER)})
    assert before.evidence == told().evidence


def test_every_fact_that_feeds_a_network_is_one_that_something_states():
    import yaml

    patient = set(yaml.safe_load((knowledge_folder() / "facts.yaml").read_text(encoding="utf-8")))
    derived = {"volume_doublings_per_year", "growth_stated", "threshold_growth"}
    brock = {"upper_lobe", "spiculation", "fdg_uptake"}  # stated beside the guideline's inputs; see the risk models
    guidelines = {"lung-nodule": "lung-rads@2022", "liver-observation": "li-rads-ct-mri@2018"}
    for name, guideline in guidelines.items():
        inputs = load_guideline(guideline).inputs
        sets = {f"{n}.{v}" for n, (_, i) in inputs.items() if i["type"] == "set" for v in i["values"]}
        for node in load_network(name).network.nodes.values():
            for feed in node.feeds:
                known = {"patient": patient, "exam": {*inputs, *sets}, "count": {"nodule"}}
                known["finding"] = {*inputs, *sets, *derived, *brock}
                assert feed.name in known[feed.place], (name, node.name)
                values = inputs.get(feed.name, ("", {}))[1].get("values", ())
                open_type = {"cyst", "airway", "cavitary"}  # what the lung network was not made for
                assert not feed.values or not values or set(feed.values) == {*values} - open_type, feed.name


# -- two exams --


def growth(facts):
    return follow_up(*case_of(facts=facts))


def sized(now, before, months, source=READER):
    return {
        "mean_mm": Known(Decimal(now), source),
        "prior_mean_mm": Known(Decimal(before), source),
        "interval_months": Known(Decimal(months), source),
    }


def test_two_sizes_are_a_rate_with_the_error_of_both():
    rate = growth(sized("10", "8", "12"))["volume_doublings_per_year"]

    assert rate.mean == pytest.approx(3 * np.log2(10 / 8))
    assert rate.unit == "1/a"
    assert 0.2 < rate.sd < 1.0
    assert growth(sized("10", "8", "6"))["volume_doublings_per_year"].mean == pytest.approx(2 * rate.mean)
    assert growth(sized("10", "8", "6"))["volume_doublings_per_year"].sd > rate.sd


def test_growth_raises_the_risk_stability_lowers_it_and_little_growth_within_the_error_does_little():
    stable, none, little, much = (
        answer(facts=f).probability
        for f in (sized("10", "10", "24"), {}, sized("10", "9.8", "12"), sized("10", "7", "12"))
    )

    assert stable < little < much
    assert stable < none < much


def test_the_ends_of_the_rate_are_those_of_the_network():
    edges = load_network("lung-nodule").network.nodes["growth_rate"].edges

    assert (edges[0], edges[-1]) == (LEAST_DOUBLINGS, MOST_DOUBLINGS)
    shrunk = growth(sized("5", "20", "6"))["volume_doublings_per_year"]
    assert shrunk.mean == LEAST_DOUBLINGS
    assert answer(facts=sized("5", "20", "6")).probability < answer().probability


def test_growth_that_is_stated_counts_only_where_sizes_do_not_say_it():
    stated = {"growing": Known(True, READER), "status": Known("existing", READER)}

    assert set(growth(stated)) == {"growth_stated"}
    assert set(growth(sized("10", "10", "24") | stated)) == {"volume_doublings_per_year"}
    assert answer(facts=stated).probability > answer().probability


@pytest.mark.parametrize(
    "facts",
    [
        {"growing": Known(False, FORM)},
        sized("10", "8", "0.2"),
        {"mean_mm": Known(Decimal(10), READER), "prior_mean_mm": NotApplicable(FORM)},
        sized("10", "0", "12"),
    ],
)
def test_without_two_sizes_and_a_time_between_nothing_is_said_of_growth(facts):
    assert growth(facts) == {}


def test_what_follows_from_a_nets_size_is_the_nets():
    facts = sized("10", "8", "12") | {"mean_mm": Measured(10.0, 0.5, "mm", NET)}

    assert growth(facts)["volume_doublings_per_year"].source == NET


# -- observations --


def test_threshold_growth_is_read_by_li_rads_own_table():
    sizes = {
        "prior_size_mm": Known(Decimal(15), READER),
        "prior_interval_months": Known(Decimal(5), READER),
        "prior_modality": Known("CT", READER),
        "is_mass": Known(True, READER),
        "threshold_growth_met_on_earlier_exam": Known(False, FORM),
    }
    slow = sizes | {"prior_size_mm": Known(Decimal(22), READER)}

    assert told("observation", facts=sizes).evidence["threshold_growth"] == "present"
    assert told("observation", facts=slow).evidence["threshold_growth"] == "absent"
    assert "threshold_growth" not in told("observation").evidence
    none = {"threshold_growth_met_on_earlier_exam": Known(False, FORM), "prior_size_mm": NotApplicable(FORM)}
    assert "threshold_growth" not in told("observation", facts=none).evidence


def test_an_ancillary_feature_that_is_absent_says_nothing():
    absent = {f"af.{n}": Known(False, FORM) for n in ("restricted_diffusion", "mild_moderate_t2", "mosaic")}
    present = {"af.restricted_diffusion": Known(True, READER)}

    assert told("observation", facts=absent).evidence == told("observation").evidence
    assert answer("observation", facts=present).probability > answer("observation").probability


def test_a_reader_who_is_unsure_of_washout_says_nothing_of_it():
    found = told("observation", facts={"washout": Known("unsure", READER)})

    assert "washout" not in found.evidence
    assert found.missing["washout"] == "washout leaves every state open"


def test_cirrhosis_of_the_reader_goes_before_that_of_the_record_and_a_contradiction_is_named():
    found = told("observation", patient={"cirrhosis": Known(False, RECORD)})

    assert found.evidence["cirrhosis"] == "present"
    assert found.contradictions[0].startswith("cirrhosis: cirrhosis (Condition/1) says otherwise")


def test_facts_that_exclude_each_other_get_no_number_and_are_named():
    none = {f"risk_factors.{n}": Known(False, READER) for n in ("cirrhosis", "chronic_hbv", "current_or_prior_hcc")}
    found = answer("observation", exam=none)

    assert found.probability is None
    assert "impossible together: cirrhosis, chronic_hbv, prior_hcc" in found.why


def test_the_answer_names_network_domain_sources_and_hash():
    found, hashes = answer(), NetworkRisk().hashes()

    assert found.model == "lung-nodule@1"
    assert "PanCan" in found.domain and "McWilliams" in found.citation
    assert set(hashes) == {"lung-nodule", "liver-observation"}
    assert all(len(h) == 64 for h in hashes.values())
    assert pickle.loads(pickle.dumps(found)) == found  # noqa: S301  # our own bytes
