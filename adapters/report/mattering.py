"""Which facts that are not known would matter, were they known: those that the answers at hand read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...engine.errors import MissingKnowledge, RuleError
from ...engine.facts import exam_facts
from ...engine.guideline.load import Guideline
from ...engine.record import Assessment
from ...engine.types import Case, Exam, Facts, Patient, Risk, Unknown
from .known_rules import any_rules
from .phrases import say
from .sentence import Link, Sentence
from .view import applied, grouped_unknowns, lesions


def unknown_sentences(assessment: Assessment, facts: Facts, link: Link) -> tuple[Sentence, ...]:
    """What is not known and read by an answer, by name and reason; of the rest how much there is."""
    unknown = {name: belief for name, belief in facts.items() if isinstance(belief, Unknown)}
    told = {name: belief for name, belief in unknown.items() if matters(assessment, name)}
    rest = len(unknown) - len(told)
    return (*grouped_unknowns(told, link), *_counted(rest, link))


def _counted(rest: int, link: Link) -> Iterator[Sentence]:
    if rest == 1:
        yield say("unknown.rest_one", link)
    elif rest:
        yield say("unknown.rest", link, number=f"{rest}")


def matters(assessment: Assessment, fact: str) -> bool:
    """Whether a guideline that applies reads this fact of the patient, or a risk model misses it.

    Also where the rules of such a guideline are not at hand: nobody can tell then.
    """
    guidelines = [any_rules(g.application.guideline) for g in applied(assessment.decision)]
    missed = (name for each in lesions(assessment) for risk in each.risks for name in _missed(risk))
    return any(guideline is None or _reads(guideline, fact) for guideline in guidelines) or fact in missed


def _reads(guideline: Guideline, fact: str) -> bool:
    """Whether the fact, alone in a record, is one of the guideline's inputs."""
    nothing = Case(Exam(), ())
    alone = replace(nothing, patient=Patient(facts={fact: Unknown("")}))
    return exam_facts(guideline, alone) != exam_facts(guideline, nothing)


def _missed(risk: Risk) -> Iterator[str]:
    """By the name of the fact: a network names its nodes, and its file the facts that feed them."""
    yield from risk.missing
    name, _, version = risk.model.partition("@")
    if not version:
        return
    from ...engine.fusion.compile_network import load_network

    try:
        nodes = load_network(name).network.nodes
    except (MissingKnowledge, RuleError):
        return  # another network's decision: its nodes' names are all that is known of it
    yield from (feed.name for node in risk.missing if node in nodes for feed in nodes[node].feeds)
