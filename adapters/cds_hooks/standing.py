"""Decisions as they stand today: what the engine said, whether a human signed it, and what a human said instead.

A signed override speaks in the place of the engine's answer. Read in one transaction; of decisions that were read once
what cards speak of (``brief``) is kept in memory under the hash of their entry, which never changes.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, select

from ...engine.calendar import due_date
from ...engine.errors import NotReadable, SetupError
from ...engine.guideline.load import in_force, load_guideline
from ...engine.record import URGENCY, Assessment
from ...engine.types import GuidelineDecision, Reading
from ..store.cases import Kind, Outcome, Row
from ..store.decisions import stands
from ..store.journal import read_entry
from ..store.tables import DECISION, ENTRY, PATIENT, SEALED, WAITING
from ..store.worklist import as_row
from .brief import brief

if TYPE_CHECKING:
    from .seam import Records

MOST_KEPT = 1024  # decisions in memory, of some 11 kB each: of those who are in care just now
Kept = OrderedDict[str, Assessment]
MINE = (  # made once: to make a query costs as much as to ask it
    select(DECISION, ENTRY.c.hash, WAITING.c.decision_id.is_not(None).label("waits"))
    .join(PATIENT, PATIENT.c.token == DECISION.c.patient)
    .outerjoin(ENTRY, ENTRY.c.sequence == DECISION.c.sequence)
    .outerjoin(WAITING, WAITING.c.decision_id == DECISION.c.decision_id)
    .where(PATIENT.c.key == bindparam("key"))
)
ENTRIES = select(ENTRY, SEALED.c.content).outerjoin(SEALED, ENTRY.c.sequence == SEALED.c.sequence)
MADE = ENTRIES.where(ENTRY.c.sequence.in_(bindparam("those", expanding=True)))
OVERRIDES = ENTRIES.where(
    ENTRY.c.decision.in_(bindparam("those", expanding=True)), ENTRY.c.kind == Kind.OVERRIDDEN.value
).order_by(ENTRY.c.sequence)


@dataclass(frozen=True, slots=True)
class Answer:
    """What holds by one guideline: the engine's answer, or what a human signed in its place.

    ``category``: None where several are possible, or where a human gave none. ``engine``: the engine's category,
    where a human signed another answer. ``due``: None where no day follows.
    """

    guideline: str
    applies: str  # "yes" | "conditional"
    category: str | None
    display: str
    management: str
    interval: tuple[int, int] | None
    due: date | None
    reading: Reading
    reasons: tuple[str, ...] = ()
    by_human: bool = False
    engine: str | None = None

    @property
    def name(self) -> str:
        """The guideline without its edition."""
        return self.guideline.partition("@")[0]


@dataclass(frozen=True, slots=True)
class Stood:
    """A decision as it stands. ``sequence``: its entry in the store, 0 where there is none.

    ``signed``: the day of the signature, None before it. ``override``: the body of the override that was signed.
    ``correction``: a correction of what was signed waits for its own signature. ``answers``: what the guidelines say
    that gave an answer, soonest due first.
    """

    assessment: Assessment
    sequence: int = 0
    waiting: bool = False
    signed: date | None = None
    override: Mapping[str, Any] = field(default_factory=dict)
    correction: bool = False
    answers: tuple[Answer, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "answers", self._answers())  # asked for a dozen times a call

    @property
    def decision_id(self) -> str:
        """The decision's id."""
        return self.assessment.record.decision_id

    @property
    def exam_date(self) -> date | None:
        """The day of the exam."""
        return self.assessment.record.case.exam.date

    @property
    def review_required(self) -> bool:
        """Whether a radiologist still has to look."""
        return self.signed is None and self.assessment.decision.review.required

    def _answers(self) -> tuple[Answer, ...]:
        applied = (g for g in self.assessment.decision.guidelines if g.application.applies != "no")
        gave = [_of_engine(g, g.exam) for g in applied if g.exam is not None]
        found = (self._answer(answer, alone=len(gave) == 1) for answer in gave)
        return tuple(sorted(found, key=lambda a: a.due or date.max))

    def _answer(self, answer: Answer, *, alone: bool) -> Answer:
        stated = self.override.get("answer") or {}
        about = stated.get("guideline") or (answer.guideline if alone else "")
        if not self.override or (about and about != answer.guideline):
            return answer
        return _of_human(answer, stated, self.exam_date)


def _of_engine(given: GuidelineDecision, reading: Reading) -> Answer:
    facts = reading.facts
    return Answer(
        guideline=given.application.guideline,
        applies=given.application.applies,
        category=reading.category,
        display=str(facts.get("display") or reading.category or ""),
        management=str(facts.get("management") or ""),
        interval=_interval(facts.get("interval_months")),
        due=given.due_date,
        reading=reading,
        reasons=given.application.reasons,
    )


def _of_human(engine: Answer, stated: Mapping[str, Any], exam_date: date | None) -> Answer:
    """The answer that was signed: its management, and a due day only where the category implies one."""
    category = str(stated.get("category") or "") or None
    implied = management_of(engine.guideline, category) if category else {}
    interval = _interval(implied.get("interval_months"))
    return replace(
        engine,
        category=category,
        display=category or "",
        management=str(stated.get("management") or implied.get("management") or ""),
        interval=interval,
        due=due_date(exam_date, interval),
        by_human=True,
        engine=engine.display or " or ".join(engine.reading.possible),
    )


def management_of(guideline: str, category: str) -> Mapping[str, Any]:
    """What the guideline prints for a category, where it prints one thing; {} otherwise, or where it is not here."""
    try:
        printed = load_guideline(guideline).head["managements"]
    except SetupError:  # a site's own guideline, whose folder the service was not given
        return {}
    several = [name for name in printed if re.match(rf"{re.escape(category)}-", name)]  # "0-prior", "0-lungs"
    found: Mapping[str, Any] = {} if several else printed.get(category) or {}
    return found


@lru_cache(maxsize=256)
def edition_of(name: str, day: date | None) -> str:
    """The edition of a guideline in force on a day; '' where there is none. The shipped ones only."""
    try:
        return in_force(name, day)[0]
    except SetupError:
        return ""


def _interval(months: Any) -> tuple[int, int] | None:
    return (int(months[0]), int(months[1])) if months else None


def standing(records: Records, key: str) -> tuple[Stood, ...]:
    """All decisions of the patient with that pseudonym, latest exam first (one without a date counts as oldest).

    Of one exam the later decision comes first, and where both are equal the more careful one: review required,
    then the more urgent.

    Raises:
        StoreUnavailable: the store cannot be read. NotReadable: a decision is damaged.
    """
    if records.store is None:
        found = [Stood(a, waiting=records.queue.waits(a.record.decision_id)) for a in records.log.of_patient(key)]
    else:
        with records.store.journal.reading() as connection:
            found = list(_of_patient(connection, key, records.memory.kept))
    return tuple(sorted(found, key=_recency, reverse=True))


def _recency(stood: Stood) -> tuple[date, date, int, bool, int, str]:
    record, review = stood.assessment.record, stood.assessment.decision.review
    urgency = -URGENCY[review.priority]
    return (
        stood.exam_date or date.min, record.as_of, stood.sequence, review.required, urgency, record.decision_id,
    )  # fmt: skip


def _of_patient(connection: Connection, key: str, kept: Kept) -> list[Stood]:
    if not (key and key.isprintable()):
        return []
    found = connection.execute(MINE, {"key": key}).mappings().all()
    every = {row.decision_id: row for row in map(as_row, found)}
    rows = [row for row in every.values() if stands(row, every)]
    if not rows:
        return []
    corrected = {before for row in every.values() if row.open for before in _before(row, every)}
    decided = _assessments(connection, {one["sequence"]: one["hash"] for one in found}, rows, kept)
    overrides = _overrides(connection, [r.decision_id for r in rows if r.outcome is Outcome.OVERRIDDEN and not r.open])
    waits = {one["decision_id"] for one in found if one["waits"]}
    return [
        Stood(
            decided[row.sequence],
            row.sequence,
            waiting=row.decision_id in waits,
            signed=row.signed_at.date() if row.signed_at else None,
            override=overrides.get(row.decision_id, {}),
            correction=row.decision_id in corrected,
        )
        for row in rows
    ]


def _before(row: Row, every: Mapping[str, Row]) -> set[str]:
    """The decisions that this one took, or is to take, the place of."""
    found: set[str] = set()
    while (before := every.get(row.supersedes or "")) is not None and before.decision_id not in found:
        found.add(before.decision_id)
        row = before
    return found


def _assessments(
    connection: Connection, hashes: Mapping[int, str], rows: list[Row], kept: Kept
) -> dict[int, Assessment]:
    """By entry; what was read before comes from memory, where its entry's hash is the same.

    Raises:
        NotReadable: a decision is damaged, or its entry is gone.
    """
    found = ((row.sequence, kept.get(hashes[row.sequence])) for row in rows)  # asked once: other threads make room
    have = {sequence: assessment for sequence, assessment in found if assessment is not None}
    missing = [row.sequence for row in rows if row.sequence not in have]
    for one in connection.execute(MADE, {"those": missing}).mappings() if missing else ():
        have[one["sequence"]] = kept[one["hash"]] = brief(one)
    while len(kept) > MOST_KEPT:
        kept.popitem(last=False)
    if len(have) < len(rows):
        cure = "See `radlogic record verify`; restore the backup."
        raise NotReadable("the store", "", "a decision without its entry", "the entry that made it", cure)
    return have


def _overrides(connection: Connection, ids: list[str]) -> dict[str, Mapping[str, Any]]:
    """By decision, what was signed in the place of the engine's answer: the last override before the signature."""
    if not ids:
        return {}
    told = connection.execute(OVERRIDES, {"those": ids}).mappings()
    return {str(e.decision_id): e.body for e in map(read_entry, told)}
