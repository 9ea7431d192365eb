"""A measure of the population audit as FHIR R4: MeasureReport (summary, and the list of subjects not met).

Proportion: numerator met; denominator and initial population: the exams that the measure is about;
denominator-exclusion: excluded, and unknown, which is neither met nor not met. A count that is not shown
is masked (data-absent-reason).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from .measure_files import STATUSES
from .measure_report import COUNTED, DATA_ABSENT, NOTATION, POPULATION, check_codes
from .small_cells import hidden
from .tally import Tally

SYSTEM = "urn:radlogic:measure"
VERSION = "1"
MASKED = [{"url": DATA_ABSENT, "valueCode": "masked"}]
NOT_MET = {"system": f"{SYSTEM}:population", "code": "not-met", "display": "in the denominator, and not met"}


def summary(tally: Tally, period: Mapping[str, str], least: int) -> dict[str, Any]:
    """The MeasureReport of type summary, checked against fhir.resources (R4B) and the required codes.

    Raises:
        BadValue: a code is not one that FHIR allows there.
    """
    shown = tally.shown(least)
    group = {**_group(tally.all, shown, least), "code": {"text": tally.measure.file.title}}
    strata = [
        {"value": {"text": value}, "population": _group(tally.by[by].get(value, {}), found, least)["population"]}
        for by in [tally.measure.file.by]
        for value, found in shown["by"].get(by, {}).items()
    ]
    statuses = [{"value": {"text": s}, "population": [_population("initial-population", shown[s])]} for s in STATUSES]
    group["stratifier"] = [{"code": [{"text": "status"}], "stratum": statuses}]
    if strata:
        group["stratifier"].append({"code": [{"text": tally.measure.file.by}], "stratum": strata})
    return _checked({**_head(tally, period, "summary"), "group": [group]})


def subject_list(tally: Tally, period: Mapping[str, str], reference: str) -> dict[str, Any]:
    """The MeasureReport of type subject-list; the patients of exams not met stand in the List at ``reference``.

    The count is that of the exams; the List has each of their patients once.

    Raises: as ``summary``.
    """
    population = {"code": {"coding": [NOT_MET], "text": COUNTED}, "count": tally.all.get("not_met", 0)}
    if population["count"]:
        population["subjectResults"] = {"reference": reference}
    report = {**_head(tally, period, "subject-list"), "group": [{"population": [population]}]}
    return _checked(report, own=True)


@dataclass(frozen=True, slots=True)
class Subject:
    """A patient of a List: the value of an identifier, its system ('' where that is not known), and a remark."""

    value: str
    system: str = ""
    said: str = ""


def write_list(stream: TextIO, name: str, title: str, subjects: Iterable[Subject]) -> int:
    """Write a FHIR List of patients as they come, in bounded memory; returns how many entries there are.

    There are many entries of one form, so only their words are written as JSON anew.
    """
    head = {"resourceType": "List", "id": name, "status": "current", "mode": "snapshot", "title": title}
    stream.write(json.dumps(head)[:-1])
    many = 0
    for many, subject in enumerate(subjects, start=1):
        stream.write((', "entry": [\n' if many == 1 else ",\n") + _entry(subject))
    stream.write("]}\n" if many else "}\n")
    return many


def _entry(subject: Subject) -> str:
    flag = f'"flag": {{"text": {json.dumps(subject.said)}}}, ' if subject.said else ""
    system = f'"system": {json.dumps(subject.system)}, ' if subject.system else ""
    value = json.dumps(subject.value)
    return f'{{{flag}"item": {{"type": "Patient", "identifier": {{{system}"value": {value}}}}}}}'


def _head(tally: Tally, period: Mapping[str, str], kind: str) -> dict[str, Any]:
    notation = tally.measure.file.improvement
    improves = {"improvementNotation": {"coding": [{"system": NOTATION, "code": notation}]}} if notation else {}
    return {
        "resourceType": "MeasureReport", "status": "complete", "type": kind,
        "measure": f"{SYSTEM}:{tally.measure.id}|{VERSION}", "period": dict(period), **improves,
    }  # fmt: skip


def _group(counts: Mapping[str, int], shown: Mapping[str, Any], least: int) -> dict[str, Any]:
    out = counts.get("excluded", 0) + counts.get("unknown", 0)
    cells = [counts.get("met", 0), counts.get("not_met", 0), out]
    hid = {(0, n) for n, keys in enumerate((("met",), ("not_met",), ("excluded", "unknown")))
           if any(shown[k] is None for k in keys)}  # fmt: skip
    covered = hidden([[*cells, sum(cells)]], least, hid | ({(0, 3)} if shown["population"] is None else set()))
    told = [None if (0, n) in covered else value for n, value in enumerate([*cells, sum(cells)])]
    counted = {"initial-population": told[3], "denominator": told[3], "denominator-exclusion": told[2],
               "numerator": told[0]}  # fmt: skip
    scored = told[0] is not None and told[1] is not None and shown["rate"] is not None
    score = {"measureScore": {"value": shown["rate"]}} if scored else {}
    return {"population": [_population(code, n) for code, n in counted.items()], **score}


def _population(code: str, count: int | None) -> dict[str, Any]:
    counted = {"count": count} if count is not None else {"_count": {"extension": MASKED}}
    return {"code": {"coding": [{"system": POPULATION, "code": code}], "text": COUNTED}, **counted}


def _checked(report: dict[str, Any], *, own: bool = False) -> dict[str, Any]:
    from fhir.resources.R4B.measurereport import MeasureReport

    coded = {**report, "improvementNotation": report.get("improvementNotation", {"coding": []})}
    check_codes({**coded, "group": []} if own else coded)
    MeasureReport.model_validate(report)
    return report
