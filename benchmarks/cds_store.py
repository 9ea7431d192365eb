"""A store for load: decisions of the patients of ``hook_calls``, appended with the store's own parts.

Every tenth is signed, every twentieth signed with another answer than the engine's. Exams lie in the two years before
the day of the run, so that follow-up is due, overdue, or not yet due.
"""

from __future__ import annotations

import json
import random
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hook_calls import PATIENTS, patient_name
from store import DUE, NAME, Bulk, inserted, prepared  # first: it puts the folder of the samples on the path

from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.store.anchor import Mark
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.chain import compact, moment
from radlogic.adapters.store.sealing import KEY
from radlogic.adapters.store.states import Kind
from radlogic.engine.calendar import due_date
from radlogic.engine.record import Assessment

from sample_decisions import ALL  # isort: skip

PATIENT_TOKENS: dict[str, int] = {}
DAYS = range(10, 700, 45)  # before the day of the run


def dated(made: Assessment, day: date) -> Assessment:
    """The decision as one on an exam of that day."""
    case = replace(made.record.case, exam=replace(made.record.case.exam, date=day, study_uid=""))
    guidelines = tuple(
        replace(g, due_date=due_date(day, g.exam.facts.get("interval_months") if g.exam else None))
        for g in made.decision.guidelines
    )
    decision = replace(made.decision, guidelines=guidelines)
    return replace(made, decision=decision, record=replace(made.record, case=case, as_of=day))


def filled(store: Store, decisions: int, today: date) -> None:
    """Append that many decisions, of random patients."""
    rng = random.Random(7)  # noqa: S311  # repeatable
    keys = [patient_key(patient_name(number)) for number in range(PATIENTS)]
    begun = datetime.now(UTC) - timedelta(days=30)
    with store.journal.writing() as writing:
        days = [today - timedelta(days=back) for back in DAYS]
        samples = [(day, prepared(writing, dated(made(), day))) for made in ALL.values() for day in days]
        bulk = Bulk(writing.head)
        for index in range(decisions):
            _decide(bulk, rng.choice(samples), index, begun + timedelta(seconds=30 * index), rng.choice(keys))
        inserted(writing, bulk)
        writing.head = bulk.head
        writing.added = [Mark(line.sequence, line.hash) for line in bulk.lines]


def _decide(
    bulk: Bulk, sample: tuple[date, tuple[str, dict[str, str], dict[str, object]]], index: int, at: datetime, key: str
) -> None:
    """One decision, its place in the queue, and for some what a human made of it."""
    _, (template, content, queued) = sample
    name = f"{index:032x}"
    token = f"{PATIENT_TOKENS.setdefault(key, len(PATIENT_TOKENS)):032x}"
    text = template.replace(NAME, name).replace(DUE, moment(at + timedelta(hours=(1, 12, 72)[index % 3])))
    bulk.add(Kind.DECIDED, at, "bench", json.loads(text), text, name, token, {**content, KEY: key})
    if queued:
        bulk.add(Kind.QUEUED, at, "bench", queued, compact(queued, ""), name)
    if index % 20 == 0:
        answer = {"guideline": "lung-rads@2022", "category": "3", "management": "6-month LDCT"}
        _say(bulk, Kind.OVERRIDDEN, at, {"reason": "wrong_measurement", "comment": "", "answer": answer}, name, token)
    if index % 10 == 0:
        outcome = {"outcome": "accepted" if index % 20 else "overridden"}
        _say(bulk, Kind.SIGNED, at, outcome, name, token)


def _say(bulk: Bulk, kind: Kind, at: datetime, body: dict[str, object], name: str, token: str) -> None:
    bulk.add(kind, at, "dr-a", body, compact(body, ""), name, token)
