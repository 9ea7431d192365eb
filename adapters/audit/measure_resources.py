"""A measure as a FHIR R4 Measure: what the MeasureReports of the same url are about, made of the measure's file.

A proportion. Each population's criterion is the condition itself, in the SQL of the measure's file over the columns of
an exam (docs/audit.md), with the settings filled in; beside it stands what it asks in words. Exams are counted, each of
which is a DiagnosticReport.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..notice import INTENDED_USE
from .described import Line, described, filled
from .measure_files import Measure
from .measure_report import NOTATION, POPULATION
from .measure_reports import SYSTEM, VERSION
from .scope import listed

SCORING = "http://terminology.hl7.org/CodeSystem/measure-scoring"
KIND = "http://terminology.hl7.org/CodeSystem/measure-type"
# what the populations consist of; without it a reader takes their counts for patients
BASIS = {"url": "http://hl7.org/fhir/us/cqfmeasures/StructureDefinition/cqfm-populationBasis",
         "valueCode": "DiagnosticReport"}  # fmt: skip
OUTCOMES = ("cancer-detection", "positive-predictive-value")  # the others measure what is done
SQL = "application/sql"  # RFC 6922


def measure_resource(measure: Measure, numbers: Mapping[str, int]) -> dict[str, Any]:
    """The Measure, checked against fhir.resources (R4B). ``numbers``: the settings of the audit."""
    from fhir.resources.R4B.measure import Measure as Checked

    file = measure.file
    kind = "outcome" if file.id in OUTCOMES else "process"
    improves = {"improvementNotation": {"coding": [{"system": NOTATION, "code": file.improvement}]}}
    resource = {
        "resourceType": "Measure", "id": file.id, "url": f"{SYSTEM}:{file.id}", "version": VERSION,
        "extension": [BASIS],
        "name": "".join(part.capitalize() for part in file.id.split("-")), "title": file.title, "status": "active",
        "description": f"{file.title}. As of a date: {file.as_of}.",
        "disclaimer": INTENDED_USE,
        "relatedArtifact": [
            {"type": "derived-from", "display": file.source.text,
             "citation": f"{file.source.text} (confidence: {file.source.confidence})"}
        ],
        "scoring": {"coding": [{"system": SCORING, "code": "proportion"}]},
        "type": [{"coding": [{"system": KIND, "code": kind}]}],
        "rationale": file.source.text,
        **(improves if file.improvement else {}),
        "group": [
            {"code": {"text": file.title}, "population": _populations(measure, numbers),
             "stratifier": _stratifiers(measure, numbers)}
        ],
    }  # fmt: skip
    Checked.model_validate(resource)
    return resource


def _populations(measure: Measure, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    told, status = described(measure, numbers), _status(measure, numbers)
    inside = _inside(measure, numbers)
    left_out = _words((*told.excluded, *told.unknown))
    each = {
        "initial-population": (f"{told.population}, or may apply", inside),
        "denominator": ("The initial population", inside),
        "denominator-exclusion": (f"Neither met nor not met: {left_out}", f"{status} IN ('excluded', 'unknown')"),
        "numerator": (f"Met: {_words(told.met)}", f"{status} = 'met'"),
    }
    return [
        {"code": {"coding": [{"system": POPULATION, "code": code}]}, "description": words,
         "criteria": {"language": SQL, "expression": expression}}
        for code, (words, expression) in each.items()
    ]  # fmt: skip


def _stratifiers(measure: Measure, numbers: Mapping[str, int]) -> list[dict[str, Any]]:
    """Those of the MeasureReport: status, and the category by which the measure's rates are read."""
    by = {"status": _status(measure, numbers), measure.file.by: measure.file.by}
    return [{"code": {"text": name}, "criteria": {"language": SQL, "expression": sql}} for name, sql in by.items()]


def _words(lines: tuple[Line, ...]) -> str:
    return "; ".join(dict.fromkeys(line.words for line in lines)) or "none"


def _inside(measure: Measure, numbers: Mapping[str, int]) -> str:
    """Exams of its guidelines that are in the population, or of which that is not known."""
    population = filled(measure.file.population, numbers)
    return f"guideline IN {listed(measure.file.guideline)} AND COALESCE(applies AND ({population}), TRUE)"


def _status(measure: Measure, numbers: Mapping[str, int]) -> str:
    """The status of an exam of the initial population, as one expression."""
    population = filled(measure.file.population, numbers)
    steps = " ".join(f"WHEN {filled(s.when, numbers)} THEN '{s.status}'" for s in measure.steps)
    return f"CASE WHEN applies AND ({population}) THEN CASE {steps} ELSE 'unknown' END ELSE 'unknown' END"
