"""The tables that follow from the log, read and written: where decisions stand, and what waits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, insert, select, tuple_, update
from sqlalchemy.engine import RowMapping

from ...engine.errors import BadValue, NotReadable
from ...engine.record import URGENCY
from ...engine.types import Priority
from .chain import Entry, moment, of_moment
from .states import PRIORITY, Kind, Outcome, Row, State, Wait, row_after, wait_after
from .tables import DECISION, ENTRY, WAITING

LONGEST_PAGE = 1000
ORDER = (DECISION.c.rank, DECISION.c.due, DECISION.c.sequence)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which decisions; by default those that are neither signed nor superseded. None asks for no such thing.

    ``states`` takes the place of that default; ``patient`` is a token; ``due_before`` finds the overdue.
    """

    states: tuple[State, ...] | None = None
    priority: Priority | None = None
    review_required: bool | None = None
    assigned: str | None = None
    patient: str | None = None
    due_before: datetime | None = None


def of_worklist(connection: Connection, which: Filter, limit: int, after: str | None) -> tuple[Row, ...]:
    """The rows asked for, most urgent first, then by due time, then by arrival.

    Raises:
        BadValue: no such limit or cursor. NotReadable: a row is damaged.
    """
    if not 1 <= limit <= LONGEST_PAGE:
        raise BadValue("worklist", "limit", str(limit), f"1 to {LONGEST_PAGE}", "Ask for pages.")
    query = _where(select(DECISION), which).order_by(*ORDER).limit(limit)
    if after is not None:
        query = _beyond(query, which.priority, _place(after))
    return tuple(as_row(found) for found in connection.execute(query).mappings())


def _beyond(query: Select[Any], only: Priority | None, place: tuple[int, str, int]) -> Select[Any]:
    """What comes after that place; within one priority without its rank, so that its index is walked from there."""
    if only is None or place[0] > URGENCY[only]:
        return query.where(tuple_(*ORDER) > tuple_(*place))
    return query if place[0] < URGENCY[only] else query.where(tuple_(*ORDER[1:]) > tuple_(*place[1:]))


def _where(query: Select[Any], which: Filter) -> Select[Any]:
    if which.states is None:
        query = query.where(DECISION.c.open == 1)
    else:
        query = query.where(DECISION.c.state.in_([state.value for state in which.states]))
    rank = None if which.priority is None else URGENCY[which.priority]
    required = None if which.review_required is None else int(which.review_required)
    asked: dict[str, object] = {"rank": rank, "review_required": required}
    asked |= {"assigned": which.assigned, "patient": which.patient}
    for name, value in asked.items():
        if isinstance(value, str) and not value.isprintable():
            raise BadValue("worklist", name, "another text", "printable characters", "Correct it.")
        query = query if value is None else query.where(DECISION.c[name] == value)
    return query if which.due_before is None else query.where(DECISION.c.due < moment(which.due_before))


def _place(cursor: str) -> tuple[int, str, int]:
    try:
        rank, due, sequence = cursor.split("|")
        return int(rank), moment(datetime.fromisoformat(due)), int(sequence)
    except ValueError as error:
        raise BadValue("worklist", "after", "no place in a list", "a row's cursor", "Start at the top.") from error


def find_row(connection: Connection, decision_id: str) -> Row | None:
    """Where a decision stands; None where there is none of that id.

    Raises:
        NotReadable: the row is damaged.
    """
    if not decision_id.isprintable():
        return None  # no id that the log takes, and nothing to ask a database for
    found = connection.execute(select(DECISION).where(DECISION.c.decision_id == decision_id)).mappings().first()
    return as_row(found) if found else None


def find_wait(connection: Connection, decision_id: str) -> Wait | None:
    """Its place in the queue, if it waits."""
    found = connection.execute(select(WAITING).where(WAITING.c.decision_id == decision_id)).mappings().first()
    return as_wait(found) if found else None


def was_opened(connection: Connection, row: Row, actor: str) -> bool:
    """Whether that person opened the decision's reasons since it was made."""
    mine = (ENTRY.c.decision == row.decision_id) & (ENTRY.c.kind == Kind.REASONS_OPENED.value)
    query = select(ENTRY.c.sequence).where(mine, ENTRY.c.actor == actor, ENTRY.c.sequence > row.sequence).limit(1)
    return connection.execute(query).first() is not None


def follow(connection: Connection, entry: Entry) -> None:
    """Bring the tables up to date with a new entry."""
    if entry.decision_id is None or entry.kind in (Kind.AUDIT, Kind.FEEDBACK, Kind.OPENED, Kind.REASONS_OPENED):
        return
    row, wait = find_row(connection, entry.decision_id), find_wait(connection, entry.decision_id)
    _put(connection, DECISION, row, row_after(row, entry))
    _put(connection, WAITING, wait, wait_after(wait, entry))


def _put(connection: Connection, table: Table, old: Row | Wait | None, new: Row | Wait | None) -> None:
    if old == new:
        return
    key = table.c.decision_id
    if new is None:
        connection.execute(delete(table).where(key == (old.decision_id if old else "")))
    elif old is None:
        connection.execute(insert(table), as_columns(new))
    else:
        connection.execute(update(table).where(key == new.decision_id), as_columns(new))


def as_columns(kept: Row | Wait) -> dict[str, Any]:
    """A row or a wait in the form of its table."""
    rank, reasons = URGENCY[kept.priority], json.dumps(kept.reasons)
    if isinstance(kept, Wait):
        return {"decision_id": kept.decision_id, "arrival": kept.arrival, "rank": rank, "reasons": reasons}
    return {
        "decision_id": kept.decision_id,
        "sequence": kept.sequence,
        "patient": kept.patient,
        "exam_date": kept.exam_date.isoformat() if kept.exam_date else "",
        "arrived": moment(kept.arrived),
        "state": kept.state.value,
        "open": int(kept.open),
        "rank": rank,
        "due": moment(kept.due),
        "review_required": int(kept.review_required),
        "reasons": reasons,
        "headline": kept.headline,
        "assigned": kept.assigned,
        "outcome": kept.outcome.value if kept.outcome else None,
        "signed_by": kept.signed_by,
        "signed_at": moment(kept.signed_at) if kept.signed_at else None,
        "supersedes": kept.supersedes,
        "superseded_by": kept.superseded_by,
    }


def as_row(found: RowMapping) -> Row:
    """A row of the table ``decision``.

    Raises:
        NotReadable: it is damaged.
    """
    try:
        return _as_row(found)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged("decision", found) from error


def _as_row(found: RowMapping) -> Row:
    taken = ("sequence", "patient", "headline", "assigned", "signed_by", "supersedes", "superseded_by")
    return Row(
        decision_id=found["decision_id"],
        exam_date=date.fromisoformat(found["exam_date"]) if found["exam_date"] else None,
        arrived=of_moment(found["arrived"]),
        state=State(found["state"]),
        priority=PRIORITY[found["rank"]],
        due=of_moment(found["due"]),
        review_required=found["review_required"] == 1,
        reasons=tuple(json.loads(found["reasons"])),
        outcome=Outcome(found["outcome"]) if found["outcome"] is not None else None,
        signed_at=of_moment(found["signed_at"]) if found["signed_at"] is not None else None,
        **{name: found[name] for name in taken},
    )


def as_wait(found: RowMapping) -> Wait:
    """A row of the table ``waiting``.

    Raises:
        NotReadable: it is damaged.
    """
    try:
        reasons = tuple(json.loads(found["reasons"]))
        return Wait(found["decision_id"], found["arrival"], PRIORITY[found["rank"]], reasons)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged("waiting", found) from error


def _damaged(table: str, found: RowMapping) -> NotReadable:
    where, cure = f"the store, {table} {found['decision_id']}", "See `radlogic record verify`; it can be made anew."
    return NotReadable(where, "", "a row that is damaged", "what was put there", cure)
