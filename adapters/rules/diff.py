"""``radlogic rules diff A B``: what changes from one edition to another, one patient for each change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.guideline.evaluate import classify
from ...engine.guideline.load import Guideline, load_guideline
from .. import cases
from ..answer import answer
from ..classify import plain

if TYPE_CHECKING:
    from ...engine.guideline.compare import Change

KEYS = ("category", "display", "management", "interval_months", "silent", "alternatives")


@dataclass(frozen=True, slots=True)
class Difference:
    """One changed region: in words, the rows on either side, a patient of it and what each edition answers."""

    says: str
    rows_before: tuple[str, ...]
    rows_after: tuple[str, ...]
    witness: Mapping[str, Any]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    unread: tuple[str, ...]  # fields of the witness that one of the two does not have


@dataclass(frozen=True, slots=True)
class Differences:
    """All changed regions between two editions, and what of them cannot be compared.

    ``findings``: the category of a finding changes. ``exams``: the exam's answer does, its finding's category does
    not. ``only_before``, ``only_after``: inputs and values that one of the two does not know.
    """

    before: str
    after: str
    sha256: tuple[str, str]
    findings: tuple[Difference, ...]
    exams: tuple[Difference, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    unconfirmed: tuple[str, ...]

    def as_record(self) -> dict[str, Any]:
        """As JSON."""
        record: dict[str, Any] = plain(asdict(self))
        return record


def pair(a: str, b: str, folders: tuple[Path, ...]) -> tuple[Guideline, Guideline]:
    """The two editions. One name twice is the shipped edition and the one that the folders put in its place.

    Raises:
        UnknownGuideline, RuleError.
    """
    return load_guideline(a, () if a == b else folders), load_guideline(b, folders)


def diff(before: Guideline, after: Guideline) -> Differences:
    """Every region in which the two answer differently, with what they answer to its witness.

    Raises:
        Unsupported: the two cannot be compared.
    """
    from ...engine.guideline.compare import compare

    found = compare(before, after)
    findings = [_difference(before, after, change, of_exam=False) for change in found.changes]
    exams = [_difference(before, after, change, of_exam=True) for change in found.exam_changes]
    hashes = (before.sha256, after.sha256)
    return Differences(before.name, after.name, hashes, tuple(findings), tuple(exams), found.only_before,
                       found.only_after, found.unconfirmed)  # fmt: skip


def _difference(before: Guideline, after: Guideline, change: Change, *, of_exam: bool) -> Difference:
    said_before, said_after = (_answer(guideline, change.witness, of_exam=of_exam) for guideline in (before, after))
    rows = (change.rows_before, change.rows_after)
    return Difference(change.says, *rows, change.witness, said_before, said_after, change.unread)


def _answer(guideline: Guideline, witness: Mapping[str, Any], *, of_exam: bool) -> dict[str, Any]:
    """What a guideline answers to a witness, as ``radlogic classify`` would: to its exam, or to its one finding."""
    from ...engine.guideline.compare import case_for

    text = json.dumps(plain(case_for(guideline, witness)), default=str)
    stated = cases.read(cases.parse(text, "witness"), guideline, "witness")
    result = classify(guideline, stated.exam, stated.findings)
    found = plain(answer(guideline, result, tuple(n for n, _ in stated.findings), stated.exam_date))
    one = found if of_exam else found["findings"][0]
    return {key: one[key] for key in KEYS}


def shown(found: Differences) -> str:
    """For a person: each change with its patient and both managements."""
    count = len(found.findings) + len(found.exams)
    none = "no change could be confirmed" if found.unconfirmed else "they answer alike"
    said = none if not count else f"{count} change{'s' if count > 1 else ''}"
    parts = (*_group("findings", found.findings, found), *_group("exams", found.exams, found), *_limits(found))
    return "\n\n".join((f"{found.before} -> {found.after}: {said}", *parts))


def _group(title: str, changes: Sequence[Difference], found: Differences) -> Iterator[str]:
    if changes:
        yield f"{title} ({len(changes)})"
    yield from (_one(number, change, found) for number, change in enumerate(changes, start=1))


def _one(number: int, change: Difference, found: Differences) -> str:
    lines = [f"{number}. {change.says}", *_side(found.before, change.before, change.rows_before)]
    lines += _side(found.after, change.after, change.rows_after)
    return "\n".join((*lines, f"   patient: {json.dumps(plain(change.witness), ensure_ascii=False, default=str)}"))


def _side(name: str, said: Mapping[str, Any], rows: Sequence[str]) -> Iterator[str]:
    silent = f" (silent; or {', '.join(said['alternatives'])})" if said["silent"] else ""
    category = said["display"] or said["category"] or "not decided"
    yield f"   {name}: {category}{silent}: {said['management'] or 'no management'} [{', '.join(rows)}]"


def _limits(found: Differences) -> Iterator[str]:
    """What only one of the two knows: patients with it are not compared."""
    for name, only in ((found.before, found.only_before), (found.after, found.only_after)):
        if only:
            yield f"only {name} knows, so not compared: {', '.join(only)}"
    if found.unconfirmed:
        yield f"no patient could be confirmed, or ruled out, for: {'; '.join(found.unconfirmed)}"
