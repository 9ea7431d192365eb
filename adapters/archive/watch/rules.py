"""Which studies a site wants assessed, and which of their series are read: the rules of its settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ....engine.types import Indication
from ..seam import SeriesEntry, StudyEntry
from ..settings import Frozen


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError("a regular expression") from error
    return text


Pattern = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_pattern)]


class Priors(Frozen):
    """Which earlier exams of the same patient are fetched."""

    most: int = Field(default=2, ge=0, le=10)
    years: int = Field(default=10, ge=1, le=50)


class Rule(Frozen):
    """One kind of study. Patterns are searched for anywhere in the text, small and capital letters alike."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")
    modality: str = Field(default="CT", pattern=r"^[A-Z]{2,16}$")
    described: Pattern | None = None  # the study's or the series' description
    body_part: Pattern | None = None  # Body Part Examined; a series that does not state it fits
    series_not: Pattern | None = None  # descriptions of series that are left out
    least_instances: int = Field(default=3, ge=1)  # a series with fewer objects is left out: a scout, a single image
    region: Literal["chest", "liver", ""] = ""
    indication: Indication | None = None
    guideline: str | None = None
    findings: bool = False  # a TID 1500 report of the study is read as its findings
    priors: Priors = Priors()


def _in(pattern: str | None, *texts: str) -> bool:
    return pattern is None or any(re.search(pattern, text, re.IGNORECASE) for text in texts)


def wanted_series(rule: Rule, study: StudyEntry, series: Iterable[SeriesEntry]) -> tuple[SeriesEntry, ...]:
    """The series of the study that the rule wants, by UID; none where the study is not of its kind."""
    fits = (
        one
        for one in series
        if one.modality == rule.modality
        and _in(rule.described, study.description, one.description)
        and (not one.body_part or _in(rule.body_part, one.body_part))
        and not (rule.series_not and _in(rule.series_not, one.description))
        and (one.instances is None or one.instances >= rule.least_instances)
    )
    return tuple(sorted(fits, key=lambda one: one.uid))


def first_fitting(
    rules: Iterable[Rule], study: StudyEntry, series: tuple[SeriesEntry, ...]
) -> tuple[Rule, tuple[SeriesEntry, ...]] | None:
    """The first rule that wants the study, and the series that it wants of it."""
    for rule in rules:
        if wanted := wanted_series(rule, study, series):
            return rule, wanted
    return None
