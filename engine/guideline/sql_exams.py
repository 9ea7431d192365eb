"""The exam in SQL: what its findings amount to, and the walk through the exam's own tables.

A finding's place in the order of concern is an integer, so the highest category of an exam is a
MAX. So are the leading answers of the findings that have it: each is counted on from its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..errors import Unsupported
from .cells import case, unknown
from .columns import columns
from .sql_query import DECISION, Query, decision, listed, named, select
from .steps import REFUSED, End, end_of
from .tables import NO_FINDING, WORST, Variable

EXAM = "exam_id"
FLAGS = ("undecided", "refused", "silent")  # of the findings: 1 where any of them is
LED = "leading."


class Exams:
    """The exams of two relations; names of what is made on the way have a space, so that no input has them.

    ``rows``: tell leaves apart by their number; without it ``leaf`` is NULL, and fewer states are walked.
    """

    def __init__(self, query: Query, *, rows: bool = True) -> None:
        self.query, self.guideline, self.rows = query, query.guideline, rows
        self.stage, self.of_finding = self.guideline.exam.stage, self.guideline.finding.stage
        rank = {**self.guideline.rank, NO_FINDING: -2}
        self.places = {c: n for n, c in enumerate(sorted(rank, key=lambda c: (rank[c], c)))}
        self.leading = {
            name: sorted(self.stage.variables[self.stage.index[LED + name]].domain)  # the greater word counts
            for name in self.guideline.head.get("leading", ())
            if LED + name in self.stage.index
        }

    def define(self, findings: str, exams: str) -> dict[str, str]:
        """Define ``walked`` (exam_id, found silent, state) and ``ends``; returns the columns of ``ends``.

        Raises:
            Unsupported: two results of a finding are no category, so that none of them is the higher one.
        """
        self._check()
        self._total(self._joined(findings, exams))
        whole, answers = self._whole(exams), self._answers()
        tables = [self.stage.table(table) for table in answers.values()]
        category = self.stage.table(self.guideline.head["exam_category"])
        end = end_of(self.guideline.exam, category, tables, rows=self.rows)
        led = [v for v in self.stage.variables if v.scope == "leading"]
        ends = self.query.walk(
            self.guideline.exam, end, whole, (EXAM, "found silent"), refused='"found refused" = 1',
            cells={v.name: self._worst(v) if v.name == WORST else self._led(v) for v in led},
        )  # fmt: skip
        return self._ends(ends, list(answers))

    def _check(self) -> None:
        category = self.of_finding.table(self.guideline.head["category"])
        results = {leaf.results[category] for leaf in self.guideline.finding.leaves}
        outside = sorted(results.intersection(self.guideline.head.get("outside", ())))
        if len(outside) > 1:
            where, allowed = self.guideline.name, "one result that is no category"
            raise Unsupported(where, "outside", ", ".join(outside), allowed, "Read these exams with evaluate.")

    def _joined(self, findings: str, exams: str) -> str:
        """The findings, each with what it needs of its exam."""
        needed = [c for c in columns(self.guideline, ("exam", "patient")) if self._is_read(c)]
        if not needed:
            return findings
        join = f"{findings} AS f JOIN {exams} AS x ON f.{EXAM} = x.{EXAM}"
        return self.query.define("joined", select(f"f.*, {listed(needed, 'x')}", join))

    def _is_read(self, column: str) -> bool:
        """Whether the findings' tables look at a column that is there, directly or through a number."""
        name = column.removesuffix(".na")
        behind = (self.guideline.behind[v.name] for v in self.of_finding.variables if v.cuts)
        return self.query.relation.has(column) and (name in self.of_finding.index or any(name in b for b in behind))

    def _total(self, source: str) -> None:
        """By exam: the highest place, the flags, and the leading answers at the highest place."""
        head, query = self.guideline.head, self.query
        tables = [self.of_finding.table(head["finding_answers"][name]["table"]) for name in self.leading]
        end = end_of(self.guideline.finding, self.of_finding.table(head["category"]), tables)
        limits = self.guideline.document["inputs"].get("at_most", ())
        ends = query.walk(self.guideline.finding, end, source, (EXAM,), prefix="finding_", limits=limits)
        sums = ["place", *FLAGS, *(f"{kind} {name}" for name in self.leading for kind in ("lead", "blind"))]
        query.table("finding_ends", dict.fromkeys(["state", *sums], "INT"), self._amounts_to(ends))
        most = named({f"found {name}": f'MAX("{name}")' for name in sums})
        join = "finding_walked JOIN finding_ends ON finding_ends.state = finding_walked.state"
        query.define("total", select(f"{EXAM}, {most}", f"{join} GROUP BY {EXAM}"))

    def _amounts_to(self, ends: tuple[End | None, ...]) -> Iterator[tuple[int, ...]]:
        """(state, place, flags, and each leading answer with whether it is unknown, counted on from the place)."""
        for state, end in enumerate(ends):
            place = self.places[end.category] if end else 0
            found = [state, place, end is None and state != REFUSED, state == REFUSED, bool(end and end.others)]
            for n, words in enumerate(self.leading.values()):
                answer = end.answers[n] if end else None
                found += [place * len(words) + (words.index(answer) if answer else 0), place * 2 + (answer is None)]
            yield tuple(map(int, found))

    def _whole(self, exams: str) -> str:
        """The exams with what their findings amount to; where nobody looked, anything may be there."""
        leads = [f"found {kind} {name}" for name in self.leading for kind in ("lead", "blind")]
        kept = ["found place", "found refused", "found silent", *leads]
        filled = {name: f'COALESCE(t."{name}", 0)' for name in kept}
        looked = "COALESCE(x.assessed, FALSE)" if self.query.relation.has("assessed") else "FALSE"
        filled["found open"] = f'COALESCE(t."found undecided", 0) = 1 OR NOT {looked}'
        join = f"{exams} AS x LEFT JOIN total AS t ON x.{EXAM} = t.{EXAM}"
        return self.query.define("whole", select(f"x.*, {named(filled)}", join))

    @property
    def _sure(self) -> str:
        """Whether no finding that is still open can be higher."""
        return f'(NOT "found open" OR "found place" = {max(self.places.values())})'

    def _worst(self, variable: Variable) -> str:
        """The cell of the highest category."""
        each = [(f'"found place" = {place}', variable.domain.index(c)) for c, place in self.places.items()]
        return case([(f"NOT {self._sure}", unknown(variable)), *each], unknown(variable))

    def _led(self, variable: Variable) -> str:
        """The cell of a leading answer, sure also where nothing open can raise it."""
        name = variable.name.removeprefix(LED)
        words = self.leading[name]
        answer = [f'"found lead {name}" % {len(words)} = {n}' for n in range(len(words))]
        each = [(test, variable.domain.index(word)) for test, word in zip(answer, words, strict=True)]
        blind = f'"found open" OR "found blind {name}" % 2 = 1'
        return case(
            [
                ('"found place" = 0 AND NOT "found open"', 0),  # without findings the first of its words
                (f"{self._sure} AND {answer[-1]}", variable.domain.index(words[-1])),
                (blind, unknown(variable)),
                *each,
            ],
            unknown(variable),
        )

    def _answers(self) -> dict[str, str]:
        """What is told of the exam: name -> table."""
        head = self.guideline.head
        managed = {"management": head["management"]} if "management" in head else {}
        return managed | {name: answer["table"] for name, answer in head.get("exam_answers", {}).items()}

    def _ends(self, ends: tuple[End | None, ...], answers: list[str]) -> dict[str, str]:
        told = [name for name in answers if name != "management"]
        months = {"from_months": "INT", "to_months": "INT"}
        types = {**DECISION, "management": "VARCHAR", **months, **dict.fromkeys(told, "VARCHAR")}
        self.query.table("ends", types, (self._told(n, end, answers) for n, end in enumerate(ends)))
        return types

    def _told(self, state: int, end: End | None, answers: list[str]) -> tuple[Any, ...]:
        found = dict(zip(answers, end.answers, strict=True)) if end else dict.fromkeys(answers)
        key = found.pop("management", end.category if end else None)
        months = self.guideline.head["managements"].get(key or "", {}).get("interval_months") or (None, None)
        return *decision(self.guideline, state, end), key, *months, *found.values()
