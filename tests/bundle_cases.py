"""Decisions to be sent as FHIR: every guideline's cases, decisions written by hand, and what humans made of them."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache

import rule_cases
from sample_decisions import ALL
from shared_data import shared

from radlogic.adapters import cases
from radlogic.adapters.fhir.emit.context import Context
from radlogic.adapters.report.signed import Signed
from radlogic.engine.assess import assess
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.types import (
    Case,
    Classes,
    Conflict,
    Exam,
    Finding,
    Indication,
    Known,
    Measured,
    Risks,
    Source,
    SourceKind,
)

PATIENT = {"reference": "Patient/7"}
CONTEXT = Context(PATIENT, forms={})
AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = date(2026, 2, 27)
IMAGED = Source(SourceKind.IMAGE, "CT series")
NET = Source(SourceKind.NET, "a net that nobody has any more")
WHY = {"lung-rads": Indication.SCREENING, "fleischner": Indication.INCIDENTAL}
SIGNATURES = {
    "unsigned": None,
    "accepted": Signed("dr-a", AT, "accepted"),
    "overridden": Signed("dr-a", AT, "overridden", {"category": "4B", "management": "refer"}, "finding_missed"),
    "set aside": Signed("dr-a", AT, "overridden", {}, "image_quality"),
    "corrected": Signed("dr-a", AT, "corrected", replaces="an-older-decision"),
    "amended": Signed("dr-a", AT, "overridden", {"management": "none"}, "patient_preference", "an-older-decision"),
    "superseded": Signed("dr-a", AT, "accepted", replaced_by="a-newer-decision"),
}


class NoFusion:
    """No networks: they take most of the time, and are tried on the decisions written by hand."""

    def risks(self, case, finding):
        return Risks()

    def hashes(self):
        return {}


def over(cases):
    """A test over (name, assessment) pairs that are made when it runs, not when it is collected."""

    def of(test):
        def run():
            for name, assessment in cases():
                try:
                    test(name, assessment)
                except AssertionError as missed:
                    raise AssertionError(f"{name}: {missed}") from missed

        run.__name__, run.__doc__ = test.__name__, test.__doc__
        return run

    return of


@lru_cache
def knowledge(guideline, *, networks=False):
    found = load_knowledge(DAY, guideline)
    return found if networks else replace(found, fusion=NoFusion())


def decided(name, content, *, networks=False):
    """A case of a guideline, as a reader states it, decided by the engine."""
    guideline = rule_cases.guideline(name)
    stated = cases.read(cases.parse(json.dumps(content, default=str)), guideline)
    kind = guideline.head["findings"]["kind"]
    findings = tuple(Finding(n, kind, facts) for n, facts in stated.findings)
    why = WHY.get(name.partition("@")[0], Indication.SURVEILLANCE)
    whole = {"lungs_imaged": Known("whole", IMAGED)} if "lungs_imaged" in guideline.inputs else {}
    exam = Exam(stated.exam_date or DAY, why, {**stated.exam, **whole}, "1.2.826.0.1.3680043.8.498.7")
    return assess(Case(exam, findings, assessed=(kind,)), knowledge(name, networks=networks), max(DAY, exam.date))


@lru_cache
def own(most):
    """(name, assessment) of the cases beside the rules, ``most`` of each guideline; decided once for all tests."""
    return tuple(_own(most))


def _own(most):
    for name in rule_cases.guidelines():
        for case in list(rule_cases.of(name))[:most]:
            content = {k: v for k, v in case.items() if k not in rule_cases.BESIDE}
            yield f"{name} {case['name']}", decided(name, content)


def beside():
    """(name, assessment) of the vectors of ../shared; skips the test where they are not there."""
    for file in ("lung_rads.json", "li_rads.json"):
        for case in json.loads(shared(f"cases/{file}").read_text(encoding="utf-8"))["cases"]:
            yield case["id"], decided(OF[case["algorithm"]], case, networks=True)


OF = {  # the vectors' names of guidelines
    "ACR Lung-RADS v2022": "lung-rads@2022",
    "LI-RADS CT/MRI diagnostic v2018": "li-rads-ct-mri@2018",
    "LI-RADS TRA nonradiation v2024": "li-rads-tra-nonradiation@2024",
    "LI-RADS TRA radiation v2024": "li-rads-tra-radiation@2024",
    "LI-RADS TR v2017/v2018": "li-rads-tr@2018",
    "LI-RADS US surveillance v2024": "li-rads-us@2024",
    "CEUS LI-RADS v2017": "li-rads-ceus@2017",
}


def written():
    """(name, assessment) of decisions written by hand, with a conflict, and with a net's uncertain beliefs."""
    yield from ((name, make()) for name, make in ALL.items())
    yield "conflicting", conflicting()
    yield "uncertain", uncertain()


def conflicting():
    """Rules say 4A, the network something far above its band."""
    held = ALL["fused"]()
    conflict = Conflict(
        "N1", "lung-rads@2022", "4A", (0.05, 0.15), "Lung-RADS v1.1", "lung-nodule@1", 0.4, (0.3, 0.5), sharpest=True
    )
    return replace(held, decision=replace(held.decision, conflicts=(conflict,)))


def uncertain():
    """A nodule whose type and size a net gives, on the hybrid route."""
    held = ALL["screening"]()
    lung, *others = held.decision.guidelines
    first, *rest = lung.findings
    facts = {
        **first.finding.facts,
        "type": Classes({"solid": 0.75, "part_solid": 0.25}, NET),
        "growing": Classes({"yes": 0.4, "no": 0.6}, NET),
        "mean_mm": Measured(7.25, 0.5, "mm", NET),
    }
    finding = replace(first.finding, facts=facts)
    reading = replace(first.reading, probabilities={"4A": 0.8, "4B": 0.2}, likely=("4A", "4B"))
    exam = replace(lung.exam, silent=False, alternatives=(), probabilities={"4A": 0.8, "4B": 0.2}, likely=("4A", "4B"))
    lung = replace(lung, exam=exam, findings=(replace(first, finding=finding, reading=reading), *rest))
    case = replace(held.record.case, findings=(finding, *held.record.case.findings[1:]))
    decision = replace(held.decision, guidelines=(lung, *others))
    record = replace(held.record, decision_id="sample-uncertain", case=case, knowledge={NET.reference: "f" * 64})
    return replace(held, decision=decision, record=record)
