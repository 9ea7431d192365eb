"""What the report says of a risk: the number, how sure it is, what it rests on, what would change it."""

from dataclasses import replace
from importlib.resources import files

import pytest
import yaml
from report_pages import Page, part, words_of
from sample_decisions import GROUNDS, NODES, fused, screening

from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.network_words import node_words, state_words
from radlogic.adapters.report.text import report_text
from radlogic.adapters.report.words import terms
from radlogic.engine.fusion.compile_network import load_network
from radlogic.engine.grounds import NetworkNode, Push, Sway, Turn
from radlogic.engine.record import Assessment

NETWORKS = ("lung-nodule", "liver-observation")


def with_risk(**changes):
    """The fused sample with its first finding's risk changed, or its grounds where they have such a field."""
    held = fused()
    lung = held.decision.guidelines[0]
    answer = lung.findings[0].risk
    of_grounds = {name: value for name, value in changes.items() if hasattr(GROUNDS, name)}
    others = {name: value for name, value in changes.items() if name not in of_grounds}
    answer = replace(answer, **{"grounds": replace(GROUNDS, **of_grounds)} | others)
    findings = (replace(lung.findings[0], risk=answer), *lung.findings[1:])
    guidelines = (replace(lung, findings=findings), *held.decision.guidelines[1:])
    return Assessment(replace(held.decision, guidelines=guidelines), held.record)


def risk_of(assessment):
    return words_of(part(report_text(assessment), "Risk, and why"))


def first_lesion(assessment):
    return risk_of(assessment).split("N2: risk")[0]


def test_the_risk_stands_with_its_interval_and_never_changes_a_category():
    said = risk_of(fused())

    assert "This risk changes no category." in said
    assert "N1: risk of lung cancer" in said
    assert "(draft, reviewed by no clinician): 5.2 %, 90 % interval 2.0 to 11.9 %." in said
    assert "before any evidence: 2.0 %." in said


def test_evidence_is_for_against_or_next_to_nothing():
    said = first_lesion(fused())

    assert "speaks for it: size: uncertain, by its probabilities (odds x 4.1; x 3.7 alone)." in said
    assert "speaks against it: margin: smooth or other (odds x 0.74)." in said
    assert "says next to nothing: smoking: former." in said
    assert "together, beyond these: odds x 0.89." in said


def test_what_would_change_the_answer_tells_the_open_from_the_told():
    said = first_lesion(fused())

    assert "to find out: FDG uptake intense (then 21.0 %; 35.0 % likely)" in said
    assert "or were it otherwise than told: margin spiculated (then 14.0 %)" in said


def test_the_most_informative_missing_fact_is_named_and_those_that_tell_nothing_are_not():
    said = first_lesion(fused())

    assert "worth asking next: FDG uptake (saves 0.06 bits; 35.0 % likely to cross a threshold)." in said
    assert "not known: pack-years, FDG uptake." in said


def test_where_no_missing_fact_tells_much_it_is_said():
    gap = replace(GROUNDS.gaps[0], bits=0.004, decides=0.0)

    assert "no missing fact would tell much; most tells FDG uptake (saves 0.004 bits)" in first_lesion(
        with_risk(gaps=(gap,))
    )


def test_contradictions_and_conflict_stand_in_words():
    said = first_lesion(fused())

    assert "contradictions: margin: spiculation (findings.json nodules[0].spiculation) says otherwise than" in said
    assert "conflict +0.40: the evidence is 1.5 times less probable together than apart" in said
    assert said.count("says otherwise than") == 1


def test_notes_name_what_they_are_of():
    said = first_lesion(fused())

    assert "a measurement with an error: size; by the convention of the reader's form: margin" in said


def test_brock_stands_beside_the_network_with_its_reason_where_it_has_no_number():
    _, first, second = risk_of(fused()).split(": risk of lung cancer")

    assert "Brock model, with spiculation: 4.9 %." in first
    assert "Brock model, with spiculation: No probability is given." in second
    assert "why: the reader did not state the lobe." in second


def test_each_model_says_once_what_it_is_made_for_and_where_it_is_published():
    said = risk_of(fused())

    assert said.count("nodules of 1 to 30 mm. [This project.]") == 1
    assert said.count("McWilliams A et al.") == 1


def test_each_lesion_tells_its_risk_in_one_sentence_beside_its_category():
    findings = words_of(part(report_text(fused()), "Findings"))

    assert (
        "Risk, which changes no category, by Lung nodule network 1 (draft, reviewed by no clinician): 5.2 %" in findings
    )
    assert "Brock model, with spiculation: no number." in findings


def test_a_network_without_a_number_says_why():
    why = "size: mean_mm is not within the 1 to 30.5 mm for which the network was made"
    said = first_lesion(with_risk(probability=None, grounds=None, why=why))

    assert "No probability is given." in said
    assert "why: size: mean diameter is not within the 1 to 30.5 mm for which the network was made." in said


def test_a_decision_without_grounds_has_no_pictures_and_the_same_words():
    html = report_html(screening())

    assert "What moved the risk" not in html
    assert "<details" not in html
    assert "4.9 %" in Page(html).text


def test_certainty_is_told_as_such_and_not_as_a_number_of_odds():
    infinite = float("inf")
    pushes = (
        Push("margin", "smooth", infinite, infinite, False),
        Push("smoking", "never", -infinite, -infinite, False),
    )
    said = first_lesion(with_risk(probability=1.0, posterior=infinite, pushes=pushes, interval=(1.0, 1.0)))

    assert "100 %, 90 % interval 100 to 100 %." in said
    assert "speaks for it: margin: smooth (makes it certain)." in said
    assert "speaks against it: smoking: never (rules it out)." in said


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_has_a_name_that_says_whether_a_clinician_reviewed_it(name):
    network = yaml.safe_load((files("radlogic.knowledge") / "networks" / f"{name}.yaml").read_text(encoding="utf-8"))

    words = terms()["models"][f"{network['id']}@{network['version']}"]

    assert ("draft" in words) == (network["status"] == "draft")
    assert terms()["risks"][name]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_quantity_and_state_of_a_shipped_network_reads_as_words_in_the_page(name):
    network = yaml.safe_load((files("radlogic.knowledge") / "networks" / f"{name}.yaml").read_text(encoding="utf-8"))
    given = network["nodes"].items()
    told = {node: " or ".join(says["states"]) for node, says in given}
    nodes = tuple(
        NetworkNode(n, says["doc"], tuple(says.get("parents", ())), dict.fromkeys(says["states"], 0.1), told[n])
        for n, says in given
    )
    pushes = tuple(Push(n, told[n], 0.5, 0.7, True) for n in told)
    turns = tuple(Turn(n, says["states"][0], 0.5, 0.5, ("40 %: a test",)) for n, says in given)
    target = network["target"]["node"]
    page = Page(report_html(with_risk(missing=(*told,), nodes=nodes, pushes=pushes, turns=turns, target=target)))

    section = page.text.split("Risk, and why")[1].split("Unconfirmed neural findings")[0]
    assert "_" not in section
    for node in nodes:
        *most, last = (state_words(node.name, state) for state in node.posterior)
        assert words_of(f"{node_words(node.name)}: {', '.join(most)} or {last}") in section


@pytest.mark.parametrize("name", NETWORKS)
def test_no_name_of_a_quantity_or_state_stays_raw(name):
    network = load_network(name).network

    said = {node_words(node) for node in network.nodes}
    states = {state_words(node.name, state) for node in network.nodes.values() for state in node.states}

    assert len(said) == len(network.nodes)
    assert not [words for words in said | states if "_" in words or words != words.strip() or not words]
    assert {"hcc", "nonrim", "nonperipheral", "MRI_ECA", "M", "F"} & states == set()


@pytest.mark.parametrize("name", NETWORKS)
def test_every_uncertain_number_of_a_shipped_network_reads_as_words(name):
    network = load_network(name).network
    nodes = tuple(NetworkNode(n.name, n.doc, n.parents, dict.fromkeys(n.states, 0.1)) for n in network.nodes.values())
    swings = [(n.name, p) for n in network.nodes.values() for p in n.parameters]
    sways = tuple(Sway(n, p.label, p.value, p.low, p.high, 0.1, 0.2) for n, p in swings)

    section = Page(report_html(with_risk(nodes=nodes, sways=sways, target=network.target))).text

    section = section.split("Risk, and why")[1].split("N2: risk")[0]
    assert len(sways) > 60
    assert "_" not in section
    assert "=" in section
    assert "(term" not in section


def test_nodes_of_the_sample_are_those_it_tells_of():
    assert {push.node for push in GROUNDS.pushes} == {node.name for node in NODES if node.told}
