"""The audit as a FHIR R4 MeasureReport (summary), one group per guideline.

Proportion: of the exams that can be judged, those whose stated category is what the guideline says.
initial-population and denominator: every readable line. denominator-exclusion: the guideline does
not apply, or not surely, or gave no category, or findings are missing so that the stated one may be
right. numerator: agree. Score: numerator / (denominator - denominator-exclusion), absent when nothing can be
judged. A stratifier gives the count of every outcome, so that the groups can be checked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from ...engine.errors import BadValue
from .compare import GROUP_OF, Group, Outcome
from .population import AuditResult

MEASURE = "urn:radlogic:measure:stated-category-concordance|1"
POPULATION = "http://terminology.hl7.org/CodeSystem/measure-population"
NOTATION = "http://terminology.hl7.org/CodeSystem/measure-improvement-notation"
COUNTED = "exams"  # each is counted, so a patient may be counted more than once; R4 has no element that says so
DATA_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

# Required bindings of FHIR 4.0.1 (MeasureReport), which fhir.resources does not check
REQUIRED = {
    "status": frozenset({"complete", "pending", "error"}),
    "type": frozenset({"individual", "subject-list", "summary", "data-collection"}),
    "improvementNotation": frozenset({"increase", "decrease"}),
}
# extensible binding, which this measure keeps to
POPULATIONS = frozenset({"initial-population", "denominator", "denominator-exclusion", "numerator"})


def measure_report(result: AuditResult) -> dict[str, Any]:
    """The MeasureReport as JSON values, checked against fhir.resources (R4B) and the required codes.

    Raises:
        BadValue: a code is not one that FHIR allows there.
    """
    from fhir.resources.R4B.measurereport import MeasureReport  # 0.2 s, and needed only here

    report: dict[str, Any] = {
        "resourceType": "MeasureReport",
        "status": "complete",
        "type": "summary",
        "measure": MEASURE,
        "period": _period(result),
        "improvementNotation": {"coding": [{"system": NOTATION, "code": "increase"}]},
    }
    if result.counts:  # FHIR has no empty lists
        report["group"] = [_group(guideline, counts) for guideline, counts in result.counts.items()]
    check_codes(report)
    MeasureReport.model_validate(report)
    return report


def check_codes(report: Mapping[str, Any]) -> None:
    """Hold the codes of a MeasureReport against FHIR's required bindings and this measure's populations.

    Raises:
        BadValue: one of them is not allowed.
    """
    notation = [coding["code"] for coding in report["improvementNotation"]["coding"]]
    found = {"status": [report["status"]], "type": [report["type"]], "improvementNotation": notation}
    populations = [p["code"]["coding"][0]["code"] for group in report.get("group", ()) for p in group["population"]]
    checks = [(field, code, REQUIRED[field]) for field, codes in found.items() for code in codes]
    checks += [("group.population.code", code, POPULATIONS) for code in populations]
    for field, code, allowed in checks:
        if code not in allowed:
            raise BadValue("MeasureReport", field, repr(code), " | ".join(sorted(allowed)), "Correct the code.")


def _period(result: AuditResult) -> dict[str, Any]:
    """First to last exam date; period is required, so its absence is said in FHIR's way."""
    if result.first is None or result.last is None:
        return {"extension": [{"url": DATA_ABSENT, "valueCode": "unknown"}]}
    return {"start": result.first.isoformat(), "end": result.last.isoformat()}


def _group(guideline: str, counts: Mapping[Outcome, int]) -> dict[str, Any]:
    by_group: Counter[Group] = Counter()
    for outcome, n in counts.items():
        by_group[GROUP_OF[outcome]] += n
    lines, agree = by_group.total(), by_group[Group.AGREE]
    judged = agree + by_group[Group.DISAGREE]
    populations = {
        "initial-population": lines,
        "denominator": lines,
        "denominator-exclusion": lines - judged,
        "numerator": agree,
    }
    score = {"measureScore": {"value": round(agree / judged, 4)}} if judged else {}
    return {
        "code": {"text": guideline},
        "population": [_population(code, n) for code, n in populations.items()],
        **score,
        "stratifier": [{"code": [{"text": "outcome"}], "stratum": [_stratum(o, counts.get(o, 0)) for o in Outcome]}],
    }


def _population(code: str, count: int) -> dict[str, Any]:
    return {"code": {"coding": [{"system": POPULATION, "code": code}], "text": COUNTED}, "count": count}


def _stratum(outcome: Outcome, count: int) -> dict[str, Any]:
    return {"value": {"text": outcome.value}, "population": [_population("initial-population", count)]}
