"""Decisions in the log: an assessment as the body of an entry, and back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, false, func, or_, select

from ...engine.errors import BadValue, InputError, NotReadable
from ...engine.record import Assessment, exam_order
from ...engine.types import Review
from ..decision_file import dumps, loads
from . import revisions, vocabulary
from .chain import Entry, moment
from .errors import IdTaken
from .journal import AT_ONCE, Writing, entries, head_of
from .sealing import STUDY
from .states import Kind, Row, Seen, State
from .tables import DECISION, ENTRY, PATIENT, SEALED
from .worklist import as_row, find_row

JUDGEMENTS = (Kind.DECIDED, Kind.ACCEPTED, Kind.OVERRIDDEN)  # what a signature makes final


def add(writing: Writing, assessment: Assessment, at: datetime, actor: str, **more: Any) -> str:
    """Keep a decision, and queue it where a human must look; one that stands already stays as it is."""
    before = writing.head
    decision_id = keep(writing, assessment, at, actor, **more)
    if writing.head != before and assessment.decision.review.required:
        queue(writing, decision_id, assessment.decision.review, at, actor)
    return decision_id


def keep(
    writing: Writing,
    assessment: Assessment,
    at: datetime,
    actor: str,
    *,
    due: datetime | None = None,
    rules: Sequence[Path] = (),
    supersedes: Row | None = None,
) -> str:
    """Append a decision, with the content of all that it read; return its id. One that stands already stays.

    Raises:
        IdTaken: a correction has the id of a decision that stands or was signed.
    """
    decision_id = assessment.record.decision_id
    known = writing.row(decision_id)
    if known is not None and supersedes is None:
        return decision_id
    if known is not None and (known.state is not State.SUPERSEDED or known.signed_by is not None):
        found, allowed = "the id of a decision that stands or was signed", "an id of its own"
        raise IdTaken(f"decision {decision_id}", "decision_id", found, allowed, "Name it after what it supersedes.")
    due = due or vocabulary.due(at, assessment.decision.review.priority)
    body = {
        "due": moment(due),
        "supersedes": supersedes.decision_id if supersedes else None,
        "revisions": revisions.keep(writing.connection, assessment.record, tuple(rules)),
        "assessment": json.loads(dumps(assessment, indent=None)),
    }
    writing.add(Kind.DECIDED, at, actor, body, decision_id, _patient(writing, assessment, supersedes))
    return decision_id


def _patient(writing: Writing, assessment: Assessment, supersedes: Row | None) -> str:
    """The token it is kept under: a correction stays with its patient."""
    key = assessment.record.case.patient.key
    if supersedes is None:
        return writing.patient(key)
    where = f"decision {supersedes.decision_id}"
    known = writing.connection.execute(select(PATIENT.c.key).where(PATIENT.c.token == supersedes.patient)).first()
    if known is None:
        raise BadValue(where, "", "a patient who was erased", "one who is kept", "Assess the exam anew.")
    if (known.key or "") != key:
        allowed = "a correction of the same patient's case"
        raise BadValue(where, "case.patient.key", "another patient", allowed, "Correct the right decision.")
    return supersedes.patient


def supersede(writing: Writing, row: Row, by: str, at: datetime, actor: str) -> None:
    """Another decision takes its place, and goes to whom it was assigned to."""
    writing.add(Kind.SUPERSEDED, at, actor, {"by": by}, row.decision_id, row.patient)
    if row.assigned is not None:
        writing.add(Kind.ASSIGNED, at, actor, {"to": row.assigned}, by, row.patient)


def queue(writing: Writing, decision_id: str, review: Review, at: datetime, actor: str) -> None:
    """Put a decision into the review queue."""
    body = {"priority": review.priority.value, "reasons": [reason.code for reason in review.reasons]}
    writing.add(Kind.QUEUED, at, actor, body, decision_id)


def token_of(connection: Connection, key: str) -> str | None:
    """The token of the patient with that pseudonym."""
    if not (key and key.isprintable()):
        return None
    return connection.execute(select(PATIENT.c.token).where(PATIENT.c.key == key)).scalar()


def is_known(connection: Connection, token: str) -> bool:
    """Whether there is a patient of that token, not erased."""
    return connection.execute(select(PATIENT.c.token).where(PATIENT.c.token == token)).first() is not None


def find(connection: Connection, decision_id: str) -> Assessment | None:
    """The assessment of that id, or None.

    Raises:
        NotReadable: it is there and damaged.
    """
    current = (
        ENTRY.c.sequence == select(DECISION.c.sequence).where(DECISION.c.decision_id == decision_id).scalar_subquery()
    )
    found = list(entries(connection, current))
    return assessment_of(found[0]) if found else None


def of_patient(connection: Connection, key: str) -> tuple[Assessment, ...]:
    """All assessments under that pseudonym that stand, oldest exam first, then by id.

    Superseded ones do not, and the correction of a signed one only from its own signature on: until then the
    signed one stands.

    Raises:
        NotReadable: one of them is damaged.
    """
    whose = PATIENT.c.key == key if key else PATIENT.c.key.is_(None)
    mine = select(DECISION).join(PATIENT, PATIENT.c.token == DECISION.c.patient).where(whose)
    rows = {row.decision_id: row for row in map(as_row, connection.execute(mine).mappings())}
    stand = [row.sequence for row in rows.values() if stands(row, rows)]
    found = (entries(connection, ENTRY.c.sequence.in_(stand[i : i + AT_ONCE])) for i in range(0, len(stand), AT_ONCE))
    return tuple(sorted((assessment_of(entry) for part in found for entry in part), key=exam_order))


def of_studies(connection: Connection, studies: Sequence[str], after: int = 0) -> tuple[Row, ...]:
    """Decisions of the studies of those UIDs, by anybody, that no other took the place of; newest first.

    The UID is sealed with the patient's identifiers, so one of a patient who was erased is not found. ``after``: only
    those that later entries than this one made.

    Raises:
        NotReadable: one of them is damaged.
    """
    named = [f'"{STUDY}":{json.dumps(study)}' for study in studies if study and study.isprintable()]
    held = or_(false(), *(SEALED.c.content.contains(one, autoescape=True) for one in named))  # an index would tell it
    query = select(DECISION).join(SEALED, SEALED.c.sequence == DECISION.c.sequence)
    query = query.where(SEALED.c.sequence > after, held, DECISION.c.state != State.SUPERSEDED.value)
    return tuple(as_row(found) for found in connection.execute(query.order_by(DECISION.c.sequence.desc())).mappings())


def seen(connection: Connection, studies: tuple[str, ...]) -> Seen:
    """What stands of these studies.

    Raises:
        NotReadable: one of the decisions is damaged.
    """
    return Seen(studies, of_studies(connection, studies), head_of(connection).sequence)


def stands(row: Row, rows: Mapping[str, Row]) -> bool:
    """Whether a decision holds: it is not superseded, and no signed one stands until it is signed itself.

    ``rows``: at least those that it took the place of, one after the other, by id.
    """
    return row.state is State.SIGNED or (row.open and not any(one.state is State.SIGNED for one in _before(row, rows)))


def _before(row: Row, rows: Mapping[str, Row]) -> Iterator[Row]:
    """What the decision took the place of, one after the other, each once."""
    passed = {row.decision_id}
    while (one := rows.get(row.supersedes or "")) is not None and one.decision_id not in passed:
        passed.add(one.decision_id)
        yield (row := one)


def signed_before(connection: Connection, row: Row) -> tuple[Row, ...]:
    """The signed decisions that stand until this correction of them is signed."""
    same = connection.execute(select(DECISION).where(DECISION.c.patient == row.patient)).mappings()
    rows = {one.decision_id: one for one in map(as_row, same)}
    return tuple(one for one in _before(row, rows) if one.state is State.SIGNED)


def waiting_correction(connection: Connection, row: Row) -> Row | None:
    """The correction of a signed decision that waits for its own signature; None where none does."""
    mine = (DECISION.c.patient == row.patient) & (DECISION.c.supersedes == row.decision_id)
    first = select(DECISION.c.decision_id).where(mine).order_by(DECISION.c.sequence.desc()).limit(1)
    name, passed = connection.execute(first).scalar(), {row.decision_id}
    found = find_row(connection, name) if name and row.state is State.SIGNED else None
    while found is not None and found.superseded_by is not None and found.decision_id not in passed:
        passed.add(found.decision_id)
        found = find_row(connection, found.superseded_by)
    return found if found is not None and found.open else None


def last_judgement(connection: Connection, decision_id: str) -> Entry | None:
    """What a signature would make final: the last acceptance or override, or the decision where nobody judged it."""
    kinds = [kind.value for kind in JUDGEMENTS]
    mine = (ENTRY.c.decision == decision_id) & ENTRY.c.kind.in_(kinds)
    last = select(func.max(ENTRY.c.sequence)).where(mine).scalar_subquery()
    found = list(entries(connection, ENTRY.c.sequence == last))  # to its end: a server's cursor is closed there
    return found[0] if found else None


def with_history(connection: Connection, decision_id: str) -> tuple[Assessment, tuple[Entry, ...]]:
    """A decision as it was last made, and every entry about it.

    Raises:
        NotReadable: one of them is damaged.
    """
    history = tuple(entries(connection, ENTRY.c.decision == decision_id))
    made = [entry for entry in history if entry.kind == Kind.DECIDED]
    if not made:
        where, cure = f"the store, decision {decision_id}", "Restore the store from its backup."
        raise NotReadable(where, "", "a decision without its entry", "the entry that made it", cure)
    return assessment_of(made[-1]), history


def assessment_of(entry: Entry) -> Assessment:
    """The assessment in the body of a ``decided`` entry; the id is the one that the log has.

    Raises:
        NotReadable: it is damaged.
    """
    where = f"the store, decision {entry.decision_id}"
    try:
        return loads(json.dumps(entry.body["assessment"], ensure_ascii=False), where)
    except (InputError, KeyError) as error:
        cure = "Restore the store from its backup, or read it with the radlogic that wrote it."
        field = error.field if isinstance(error, InputError) else "assessment"
        raise NotReadable(where, field, type(error).__name__, "a decision file", cure) from error
