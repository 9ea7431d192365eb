"""What must hold before an entry is appended, asked under the writers' lock."""

from __future__ import annotations

from dataclasses import replace
from typing import NoReturn

from . import decisions
from .chain import moment
from .errors import AlreadySigned, ChangedMeanwhile, NoSuchDecision, ReasonsNotOpened, Superseded
from .journal import Writing
from .states import Row, Seen, State
from .worklist import was_opened

BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # letters by their category that are drawn as nothing


def standing(writing: Writing, decision_id: str, *, signed_too: bool = False) -> Row:
    """The decision's row, where it may still be acted on."""
    row = writing.row(decision_id) or no_such(decision_id)
    where = f"decision {decision_id}"
    if row.state is State.SUPERSEDED:
        found, cure = f"superseded by {row.superseded_by}", "Work on that one."
        raise Superseded(where, "", found, "a decision that stands", cure, row.superseded_by or "")
    if row.signed_by is not None and not signed_too:
        when = moment(row.signed_at) if row.signed_at else ""
        found, cure = f"signed by {row.signed_by} at {when}", "It stays as signed; a correction supersedes it."
        raise AlreadySigned(where, "", found, "a decision that nobody signed", cure, row.signed_by, when)
    return row


def only_correction(writing: Writing, row: Row) -> None:
    """Nobody has corrected the signed decision already: two corrections of it could both be signed."""
    waits = decisions.waiting_correction(writing.connection, row)
    if waits is not None:
        found, cure = f"corrected already, by {waits.decision_id}, which nobody signed yet", "Work on that one."
        allowed = "a decision that nobody corrected"
        raise Superseded(f"decision {row.decision_id}", "", found, allowed, cure, waits.decision_id)


def as_shown(writing: Writing, row: Row, seen: int | None) -> None:
    """What was shown is still the last judgement of the decision."""
    last = decisions.last_judgement(writing.connection, row.decision_id)
    if last is None or last.sequence != seen:
        by, when = (last.actor, moment(last.at)) if last else ("", "")
        found = f"{last.kind if last else 'nothing'} by {by} at {when}, entry {last.sequence if last else 0}"
        allowed, cure = "the judgement that was shown to you", "Look at it again, then decide."
        raise ChangedMeanwhile(f"decision {row.decision_id}", "", found, allowed, cure, by, when)


def as_seen(writing: Writing, seen: Seen, *also: Row) -> None:
    """What somebody saw of studies stands as it did, and nothing came since; ``also``: what they must have seen."""
    for one in seen.rows:
        _unchanged(writing, one)
    known = {one.decision_id for one in seen.rows}
    came = decisions.of_studies(writing.connection, seen.studies, after=seen.head)
    for row in (*(one for one in also if one.decision_id not in known), *came):
        raise _changed(row, "a decision that was not there", "those that you saw of the study")


def _unchanged(writing: Writing, seen: Row) -> None:
    """The decision stands as it did, whoever it is assigned to, and its patient was not erased since."""
    row = writing.row(seen.decision_id) or no_such(seen.decision_id)
    if not decisions.is_known(writing.connection, row.patient):
        raise _changed(row, "a patient who was erased", "one who is kept")
    if replace(row, assigned=None) != replace(seen, assigned=None):
        raise _changed(row, f"state {row.state}, outcome {row.outcome or 'none'}", "as it stood when you looked")


def _changed(row: Row, found: str, allowed: str) -> ChangedMeanwhile:
    by, at = row.signed_by or "", moment(row.signed_at) if row.signed_at else ""
    found += f", signed by {by} at {at}" if by else ""
    cure = "Look at it again, then decide anew."
    return ChangedMeanwhile(f"decision {row.decision_id}", "", found, allowed, cure, by, at)


def is_said(comment: str) -> bool:
    """Whether a comment has a letter or a digit: blanks, marks and characters without width say nothing."""
    return any(letter.isalnum() and letter not in BLANK_LETTERS for letter in comment)


def reasons_known(writing: Writing, row: Row, actor: str) -> None:
    """This person opened the reasons, where review is required."""
    if row.review_required and not was_opened(writing.connection, row, actor):
        allowed = "the reasons opened by the person who decides"
        where = f"decision {row.decision_id}"
        raise ReasonsNotOpened(where, "", "reasons that this person has not opened", allowed, "Open and read them.")


def no_such(decision_id: str) -> NoReturn:
    """Refuse an id that nothing has; what could be no id is not repeated."""
    shown = decision_id if decision_id.isascii() and decision_id.isprintable() and len(decision_id) <= 64 else "an id"
    raise NoSuchDecision("the record", "decision_id", shown, "a decision of the record", "List them, then name one.")
