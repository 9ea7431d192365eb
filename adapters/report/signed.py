"""What humans made of a decision, as every form of the report needs it: draft, FHIR and DICOM alike.

``None`` in the place of a ``Signed`` means that nobody signed: the report is preliminary.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...engine.errors import Contradiction
from ...engine.record import Assessment

if TYPE_CHECKING:
    from ..store.cases import CaseFile, Store


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature and what it made final.

    ``by``: the account that signed. ``at``: aware. ``outcome``: "accepted", "corrected" or "overridden".
    ``override``: {"guideline", "category", "management"} as stated instead of the engine's answer, keys left out
    where nothing was stated; empty unless overridden. ``reason``: the code of the override's reason.
    ``replaces``: the signed decision that this one corrects, '' if none. ``replaced_by``: the signed decision that
    took this one's place, '' if it stands.
    """

    by: str
    at: datetime
    outcome: str
    override: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""
    replaces: str = ""
    replaced_by: str = ""


@dataclass(frozen=True, slots=True)
class Stood:
    """A kept decision as it stands: its file, the signature on it, and the decisions whose place it took.

    ``before``: the last one first, signed or not. ``replaced_by``: the decision that took its place, '' if it stands.
    """

    file: CaseFile
    signed: Signed | None
    before: tuple[CaseFile, ...] = ()

    @property
    def replaced_by(self) -> str:
        """Also where nobody had signed it."""
        return self.file.row.superseded_by or ""

    @property
    def was_final(self) -> bool:
        """Whether a signed version of its report stood before."""
        return any(one.row.signed_by is not None for one in self.before)


def stood(store: Store, decision_id: str) -> Stood:
    """How a decision stands in the store.

    Raises:
        NoSuchDecision: there is none of that id. NotReadable: its row is damaged.
    """
    file = store.case(decision_id)
    before = tuple(_before(store, file))
    return Stood(file, signed_of(file, before), before)


def _before(store: Store, file: CaseFile) -> Iterator[CaseFile]:
    """What it took the place of, one after the other, each once: a draft's id may come back in a later correction."""
    passed = {file.row.decision_id}
    while (name := file.row.supersedes) is not None and name not in passed:
        passed.add(name)
        yield (file := store.case(name))


def check_as_kept(stated: Assessment, kept: Assessment, where: str) -> None:
    """Refuse a file that holds another decision than the one that is kept, and was signed, under its id.

    Raises:
        Contradiction: they differ; it names the first part that does, and no value.
    """
    from ..decision_file import dumps

    if dumps(stated) == dumps(kept):
        return
    found = f"another {_differing(stated, kept)} than the decision of that id has in the store"
    cure = "Report the file that was kept; a change becomes a report by a correction in the store."
    raise Contradiction(where, _differing(stated, kept), found, "the decision as it is kept", cure)


def _differing(one: Assessment, other: Assessment) -> str:
    """The path of the first part in which they differ, two names deep."""
    for part in (f.name for f in fields(one)):
        mine, theirs = getattr(one, part), getattr(other, part)
        for below in (f.name for f in fields(mine)):
            if getattr(mine, below) != getattr(theirs, below):
                return f"{part}.{below}"
    return "content"


def signed_of(file: CaseFile, before: tuple[CaseFile, ...] = ()) -> Signed | None:
    """The signature on a kept decision; None where nobody signed.

    ``before``: the decisions whose place it took, the last one first. ``replaces`` is the last of them that somebody
    had signed: what takes the place of drafts alone corrects no report.
    """
    from ..store.states import Kind, Outcome

    row = file.row
    if row.signed_by is None or row.signed_at is None:
        return None
    outcome = row.outcome or Outcome.ACCEPTED
    said = file.of_kind(Kind.OVERRIDDEN)[-1].body if outcome is Outcome.OVERRIDDEN else {}
    return Signed(
        by=row.signed_by,
        at=row.signed_at,
        outcome=outcome.value,
        override=dict(said.get("answer") or {}),
        reason=str(said.get("reason") or ""),
        replaces=next((one.row.decision_id for one in before if one.row.signed_by is not None), ""),
        replaced_by=row.superseded_by or "",
    )
