"""How the store refuses.

* SetupError
  x StoreUnavailable     the store or its anchor cannot be opened, read or written; nothing was acknowledged
  x NotAnchored          of these: it was kept and could not be anchored; look before it is done again
  x AnchorAhead          the anchor knows entries that the store does not have: do not write, verify
* InputError
  x NoSuchDecision       no decision of that id is in the record
  x AlreadySigned        somebody signed the decision before; it names who and when
  x Superseded           another decision has taken this one's place
  x ChangedMeanwhile     the decision stands otherwise than it was shown; it names who and when, where that is known
  x IdTaken              a correction under the id of a decision that is kept already
  x ReasonsNotOpened     review is required and this person has not opened the reasons
  x NothingChanged       a correction that decides the very same case again
  x CannotReplay         a decision cannot be recomputed from the record
"""

from __future__ import annotations

from dataclasses import dataclass

from ...engine.errors import InputError, SetupError


class StoreUnavailable(SetupError):
    """The store or its anchor cannot be opened, read or written just now; nothing was acknowledged: try again."""


class NotAnchored(StoreUnavailable):
    """It was kept, but could not be anchored, so it is not acknowledged: look again before it is done again."""


class AnchorAhead(SetupError):
    """The anchor knows entries that the store does not have, or has differently."""


class NoSuchDecision(InputError):
    """No decision of that id is in the record."""


@dataclass(eq=False)
class AlreadySigned(InputError):
    """Somebody signed the decision before: ``by`` whom, and when (``at``, ISO 8601, UTC)."""

    by: str = ""
    at: str = ""


@dataclass(eq=False)
class Superseded(InputError):
    """Another decision has taken this one's place: ``successor`` is its id."""

    successor: str = ""


@dataclass(eq=False)
class ChangedMeanwhile(InputError):
    """The decision stands otherwise than shown: ``by`` whom, and when (``at``, ISO 8601, UTC), where that is known."""

    by: str = ""
    at: str = ""


class IdTaken(InputError):
    """A correction under the id of a decision that stands or was signed: neither takes the place of the other."""


class ReasonsNotOpened(InputError):
    """Review is required, and this person has not opened the reasons of this decision."""


class NothingChanged(InputError):
    """A correction that decides the very same case again."""


class CannotReplay(InputError):
    """A decision cannot be recomputed from what the record holds."""
