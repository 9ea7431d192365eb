"""A screening CT and the one of half a year later, with earlier decisions found again: for the tests of growth."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import store_cases

from radlogic.adapters.earlier import of_decision, with_earlier
from radlogic.engine.assess import assess
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.types import Exam, Finding, Indication

THEN, NOW = date(2026, 2, 27), date(2026, 8, 27)
WHOLE = store_cases.stated(lungs_imaged="whole", known_lung_cancer=False)
INPUTS = load_guideline("lung-rads@2022").inputs
ABSENT = {f"suspicious_features.{code}": False for code in INPUTS["suspicious_features"][1]["values"]}
ABSENT |= {"benign_feature": "none", "proven_benign": False, "juxtapleural": False}
CORE = {"type": "part_solid", "solid_mean_mm": Decimal("8.5"), "prior_solid_mean_mm": Decimal(4)}  # 8.5 mm of it now
NO_INFECTION = {f"infectious_pattern.{code}": False for code in INPUTS["infectious_pattern"][1]["values"]}


def before(name="apical", **changes):
    """The decision of the earlier exam: a nodule of 7.0 mm, category 3."""
    case = store_cases.exam()
    found = replace(case.findings[0], tracking_id=name)
    known = replace(case.exam, facts={**case.exam.facts, **WHOLE})
    return store_cases.decided(replace(case, **{"findings": (found,), "exam": known, **changes}))


def now(*findings, key="0123456789abcdef"):
    """The exam of half a year later."""
    case = store_cases.exam()
    facts = WHOLE | {n: b for n, b in case.exam.facts.items() if n not in ("prior_ct", "round")}
    exam = Exam(NOW, Indication.SCREENING, {**facts, **store_cases.stated(round="annual", **NO_INFECTION)}, "1.2.3")
    return replace(case, exam=exam, findings=findings, patient=replace(case.patient, key=key))


def apical(name="apical", mm="7.0", **facts):
    """Its nodule, with all that Lung-RADS asks of it."""
    stated = {**ABSENT, "type": "solid", "mean_mm": Decimal(mm), **facts}
    return Finding(name, "nodule", store_cases.stated(**stated))


def decided(case):
    return assess(case, load_knowledge(NOW, "lung-rads@2022"), NOW)


def unread():
    """The later exam after a cancer was diagnosed: no guideline for screening reads it."""
    case = with_earlier(now(apical(mm="10.5")), [of_decision(before())])
    return decided(replace(case, exam=replace(case.exam, indication=Indication.KNOWN_CANCER)))


def compared(mm="10.5", **facts):
    """The decision of the later exam, its nodule found again."""
    return decided(with_earlier(now(apical(mm=mm, **facts)), [of_decision(before())]))
