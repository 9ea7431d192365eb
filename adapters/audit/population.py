"""The audit of a population: NDJSON in, counts and disagreements out. No line is lost.

Each line is one exam with what a human stated about it::

    {"assessment": {a decision file}, "stated": {"guideline": "lung-rads@2022", "category": "4A"}}

``category`` is the exam's category as the guideline writes it, without modifiers. Blank lines are no
lines. The same decision and guideline a second time is a bad line, not a second exam.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from ...engine.errors import BadValue, Contradiction, InputError, NotReadable
from ..decision_file import header, loads, refusal
from .compare import GROUP_OF, Comparison, Group, Outcome, compare

CURE = 'Write each line as {"assessment": {a decision file}, "stated": {"guideline": "...", "category": "..."}}.'
Name = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Stated(BaseModel):
    """What the report states: guideline with edition, and the exam's category."""

    model_config = ConfigDict(extra="forbid", strict=True)
    guideline: Name
    category: Name


class AuditLine(BaseModel):
    """One line of the input; the assessment is checked by the decision file's own reader."""

    model_config = ConfigDict(extra="forbid", strict=True)
    assessment: dict[str, Any]
    stated: Stated


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that could not be used: its number from 1, why, and its text to be mended."""

    line: int
    reason: Mapping[str, str]
    text: str


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What the audit found.

    ``lines`` is the number of lines that are not blank; ``counts`` has guideline -> outcome -> lines;
    ``first`` and ``last`` are the earliest and latest exam date, ``undated`` counts exams without one.
    """

    lines: int
    counts: Mapping[str, Mapping[Outcome, int]]
    disagreements: tuple[Comparison, ...]
    bad: tuple[BadLine, ...]
    first: date | None
    last: date | None
    undated: int

    @property
    def totals(self) -> dict[str, int]:
        """Lines by group; ``lines`` is the sum of the others."""
        groups = {group.value: 0 for group in Group}
        for counts in self.counts.values():
            for outcome, n in counts.items():
                groups[GROUP_OF[outcome]] += n
        return {"lines": self.lines, **groups, "bad": len(self.bad)}


def audit(decisions: Iterable[str | bytes], categories: Mapping[str, Collection[str]] | None = None) -> AuditResult:
    """Compare stated with computed categories, line by line; only what somebody must look at is kept.

    Args:
        decisions: lines of NDJSON. A file is best opened for bytes, so that a line that is not UTF-8 is
            one bad line and not the end of the reading.
        categories: guideline id -> the categories it has. A stated category that its guideline does
            not have makes a bad line; guidelines that are not listed are not checked.
    """
    tally = _Tally(categories or {})
    for number, line in enumerate(decisions, start=1):
        if line.strip():
            tally.add(number, line)
    return tally.result()


class _Tally:
    """Counts in the making."""

    def __init__(self, categories: Mapping[str, Collection[str]]) -> None:
        self._categories = categories
        self._lines = 0
        self._counts: dict[str, Counter[Outcome]] = {}
        self._seen: dict[tuple[str, str], int] = {}  # (decision, guideline) -> line
        self._disagreements: list[Comparison] = []
        self._bad: list[BadLine] = []
        self._dates: Counter[date | None] = Counter()

    def add(self, number: int, line: str | bytes) -> None:
        self._lines += 1
        try:
            comparison = self._read(number, _text(line, f"line {number}"))
        except InputError as error:
            shown = line if isinstance(line, str) else line.decode(errors="backslashreplace")
            self._bad.append(BadLine(number, error.as_record(), shown.rstrip("\r\n")))
            return
        self._counts.setdefault(comparison.guideline, Counter())[comparison.outcome] += 1
        self._dates[comparison.exam_date] += 1
        if comparison.disagrees:
            self._disagreements.append(comparison)

    def _read(self, number: int, text: str) -> Comparison:
        where = f"line {number}"
        line = _line(text, where)
        stated = line.stated
        allowed = self._categories.get(stated.guideline)
        if allowed is not None and stated.category not in allowed:
            cure = "State the exam's category alone, without modifiers."
            raise BadValue(where, "stated.category", repr(stated.category), " | ".join(allowed), cure)
        assessment = loads(json.dumps(line.assessment), where)
        before = self._seen.setdefault((assessment.record.decision_id, stated.guideline), number)
        if before != number:
            found = f"the decision of line {before} again"
            raise Contradiction(
                where, "assessment.record.decision_id", found, "each exam once", "Take one of them out."
            )
        return compare(assessment, stated.guideline, stated.category, number)

    def result(self) -> AuditResult:
        dated = [day for day in self._dates if day is not None]
        return AuditResult(
            lines=self._lines,
            counts={name: dict(self._counts[name]) for name in sorted(self._counts)},
            disagreements=tuple(self._disagreements),
            bad=tuple(self._bad),
            first=min(dated, default=None),
            last=max(dated, default=None),
            undated=self._dates[None],
        )


def _text(line: str | bytes, where: str) -> str:
    try:
        return line if isinstance(line, str) else line.decode("utf-8-sig")  # some write a mark at the start
    except UnicodeDecodeError as error:
        raise NotReadable(where, "", "bytes that are not UTF-8", "UTF-8 JSON", "Write the line again.") from error


def _line(text: str, where: str) -> AuditLine:
    """The line's two parts.

    Raises:
        InputError: it is no JSON object of that form; the error names the field.
    """
    try:
        return AuditLine.model_validate(header(text, where))
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        raise replace(refusal(found, where), cure=CURE) from None
