"""Many exams at once: what ``evaluate`` and ``possible`` say of each, by one walk for all of them.

For populations, simulations and Monte Carlo. Facts are plain values, an answer names category, what is
possible, other readings and the rows; the words of one exam's trace are given on request, by ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...types import Belief, Known, NotApplicable, Source, SourceKind, Unknown
from .. import evaluate
from ..load import Guideline
from ..tables import NOT_APPLICABLE, WORST
from .bits import Coded
from .outcome import Outcome, Ready

Values = Mapping[str, Any]
"""Input -> True, "solid", Decimal("6.4"), a list of PastSize, "n/a"; a feature of a set is ``set.feature``.
What is left out, or None, is unknown."""
MOST_ALIKE = 200_000  # exams of different answers that a reader remembers, for the memory
STATED = Source(SourceKind.RECORD, "batch")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the guideline says of a finding or an exam.

    ``rows``: the trace as ``table.row``, in stage order; empty where several ways are open. ``results``: of an
    exam, the result of each table that answers (management, modifiers), where all ways agree.
    """

    category: str | None
    possible: tuple[str, ...]
    alternatives: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()
    results: Mapping[str, str] | None = None
    error: InputError | None = None
    """Why there is no answer."""


@dataclass(frozen=True, slots=True)
class Exam:
    """The answer on an exam, and those on its findings in the order given."""

    answer: Answer
    findings: tuple[Answer, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Options:
    """A finding's answer, and what the exam needs to know of it: by default, and by any reading."""

    answer: Answer
    default: frozenset[evaluate.Combination]
    every: frozenset[evaluate.Combination]


_Ways = tuple[NDArray[np.int16], NDArray[np.bool_]]  # cells (combinations, fixed variables), and which are by default


class Reader:
    """A guideline made ready for many exams. Build one, and use it again."""

    def __init__(self, guideline: Guideline) -> None:
        self.guideline = guideline
        head, stage = guideline.head, guideline.finding.stage
        tables = [head["category"], *(head["finding_answers"][n]["table"] for n in head.get("leading", ()))]
        category, *lead = (stage.table(t) for t in tables)
        self.finding = Ready(
            guideline,
            guideline.finding,
            [(leaf.results[category], tuple(leaf.results[t] for t in lead)) for leaf in guideline.finding.leaves],
        )
        answers = [a["table"] for a in head.get("exam_answers", {}).values()]
        self.told = [head["exam_category"], *([head["management"]] if "management" in head else []), *answers]
        places = [guideline.exam.stage.table(t) for t in self.told]
        results = [tuple(leaf.results[t] for t in places) for leaf in guideline.exam.leaves]
        self.exam = Ready(guideline, guideline.exam, results)
        self.options: dict[bytes, _Options] = {}
        self.folded: dict[tuple[_Options | None, ...], _Ways] = {}
        self.answers: dict[bytes, Answer] = {}
        self.alike: dict[tuple[bytes, tuple[_Options | None, ...]], Exam] = {}
        self.lists: dict[frozenset[str], tuple[str, ...]] = {}
        names = (WORST, *(f"leading.{n}" for n in head.get("leading", ())))
        self.fixed = [n for n in names if n in guideline.exam.stage.index]

    def read(self, exams: Sequence[tuple[Values, Sequence[Values]]]) -> list[Exam]:
        """The answers on exams, each given as (facts of exam and patient, facts of each finding), in order.

        A value that is none of its input's, or a contradiction, is the ``error`` of its exam; the others are answered.
        """
        for kept in (self.alike, self.folded):
            if len(kept) > MOST_ALIKE:
                kept.clear()
        shared = [facts for facts, _ in exams]
        rows = [facts for _, findings in exams for facts in findings]
        counts = [len(findings) for _, findings in exams]
        found = self._findings(shared, rows, np.repeat(np.arange(len(exams)), counts))
        ends = np.cumsum(counts, dtype=int).tolist()
        each = [tuple(found[a:b]) for a, b in zip([0, *ends], ends, strict=False)]
        return self._exams(exams, shared, each)

    def _findings(
        self, shared: Sequence[Values], rows: Sequence[Values], owner: NDArray[np.intp]
    ) -> list[_Options | None]:
        """The options of each finding; None where it has to be read by itself."""
        coded = Coded(self.guideline, self.guideline.finding.stage, rows, shared, owner)
        outcome = Outcome(self.finding, coded)
        known = self.options
        for key in set(outcome.keys) - known.keys():
            known[key] = self._option(outcome, key)
        found: list[_Options | None] = [known[key] for key in outcome.keys]
        for n in np.flatnonzero(coded.slow).tolist():
            found[n] = None
        return found

    def _option(self, outcome: Outcome, key: bytes) -> _Options:
        default, others = outcome.results(key)
        answer = self._answer([c for c, _ in default], [c for c, _ in others], self.finding.rows(outcome.leaf(key)))
        return _Options(answer, frozenset(default), frozenset((*default, *others)))

    def _answer(
        self,
        default: Iterable[str],
        others: Iterable[str],
        rows: tuple[str, ...],
        results: Mapping[str, str] | None = None,
    ) -> Answer:
        here = frozenset(default)
        found, further = self._ordered(here), self._ordered(frozenset(others) - here)
        sure = len(found) == 1
        return Answer(
            found[0] if sure else None,
            self._ordered(here.union(further)),
            further if sure else (),
            rows,
            results,
        )

    def _ordered(self, categories: frozenset[str]) -> tuple[str, ...]:
        if categories not in self.lists:
            self.lists[categories] = evaluate.ordered(self.guideline, categories)
        return self.lists[categories]

    def _exams(
        self,
        exams: Sequence[tuple[Values, Sequence[Values]]],
        shared: Sequence[Values],
        each: Sequence[tuple[_Options | None, ...]],
    ) -> list[Exam]:
        for options in set(each) - self.folded.keys():
            self.folded[options] = self._fold(options)
        ways = [self.folded[options] for options in each]
        owner = np.repeat(np.arange(len(exams)), [len(by_default) for _, by_default in ways])
        cells = np.concatenate([np.zeros((0, len(self.fixed)), np.int16), *(c for c, _ in ways)])
        by_default = np.concatenate([np.zeros(0, np.bool_), *(d for _, d in ways)])
        fixed = {name: cells[:, n] for n, name in enumerate(self.fixed)}
        coded = Coded(self.guideline, self.guideline.exam.stage, (), shared, owner, fixed)
        outcome = Outcome(self.exam, coded, by_default, owner, len(exams))
        slow = np.array([None in options for options in each], np.bool_)
        np.logical_or.at(slow, owner, coded.slow)
        known = self.answers
        for key in set(outcome.keys) - known.keys():
            known[key] = self._told(outcome, key)
        told = list(zip(outcome.keys, each, strict=True))
        alike = self.alike
        for way in set(told) - alike.keys():
            alike[way] = Exam(known[way[0]], tuple([o.answer for o in way[1] if o is not None]))
        found = [alike[way] for way in told]
        for n in np.flatnonzero(slow).tolist():
            found[n] = self._alone(*exams[n])
        return found

    def _fold(self, options: tuple[_Options | None, ...]) -> _Ways:
        """What the findings together can be: the combinations by default, then the others."""
        known = [o for o in options if o is not None]
        default = evaluate.combine(self.guideline, [o.default for o in known])
        others = evaluate.combine(self.guideline, [o.every for o in known]) - default
        given = [evaluate.fixed(self.guideline, c) for c in (*sorted(default), *sorted(others))]
        cells = np.array([[g[name][0] for name in self.fixed] for g in given], np.int16)
        return cells.reshape(-1, len(self.fixed)), np.arange(len(given)) < len(default)

    def _told(self, outcome: Outcome, key: bytes) -> Answer:
        default, others = outcome.results(key)
        agreed = {
            name: next(iter(found))
            for name, *symbols in zip(self.told, *default, strict=True)
            if len(found := set(symbols)) == 1
        }
        rows = self.exam.rows(outcome.leaf(key))
        return self._answer([r[0] for r in default], [r[0] for r in others], rows, agreed)

    def _alone(self, shared: Values, findings: Sequence[Values]) -> Exam:
        """One exam by ``evaluate``."""
        scopes = ("exam", "patient")
        try:
            exam = beliefs(self.guideline, shared, scopes)
            whole = evaluate.classify(
                self.guideline,
                exam,
                [(str(n), beliefs(self.guideline, facts, ("finding",))) for n, facts in enumerate(findings)],
            )
        except InputError as error:
            return Exam(Answer(None, (), error=error), ())
        told = [Answer(r.category, r.possible, r.alternatives) for r in (whole.exam, *whole.findings)]
        return Exam(told[0], tuple(told[1:]))


def beliefs(guideline: Guideline, values: Values, scopes: Iterable[str]) -> dict[str, Belief]:
    """Plain values as what the other readers take."""
    found: dict[str, Belief] = {}
    for name, (scope, i) in guideline.inputs.items():
        if scope in scopes:
            for fact in [f"{name}.{v}" for v in i["values"]] if i["type"] == "set" else [name]:
                value = values.get(fact)
                found[fact] = (
                    Unknown("not in the batch", STATED)
                    if value is None
                    else NotApplicable(STATED)
                    if isinstance(value, str) and value == NOT_APPLICABLE
                    else Known(tuple(value) if isinstance(value, list) else value, STATED)
                )
    return found
