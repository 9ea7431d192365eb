"""What humans made of a decision, as every form of the report needs it: draft, FHIR and DICOM alike.

``None`` in the place of a ``Signed`` means that nobody signed: the report is preliminary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..store.cases import CaseFile


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


def signed_of(file: CaseFile) -> Signed | None:
    """The signature on a kept decision; None where nobody signed."""
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
        replaces=row.supersedes or "",
        replaced_by=row.superseded_by or "",
    )
