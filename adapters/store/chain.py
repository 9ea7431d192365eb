"""One entry of the log, and the hash that chains it to the one before.

``hash`` is sha256 over the JSON list of all other columns, the hash of the entry before among them:
who changes, removes or moves one entry breaks every hash from there on. SHA-256: FIPS 180-4; the
construction is that of a linked time-stamping log (Haber and Stornetta, J Cryptology 1991;3:99-111).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

from ...engine.errors import BadValue

GENESIS = "0" * 64  # what stands before the first entry


@dataclass(frozen=True, slots=True)
class Line:
    """An entry as its row has it: text and numbers only, in the order of the table's columns."""

    sequence: int
    at: str
    actor: str
    kind: str
    decision: str | None
    patient: str | None
    body: str
    seal: str | None
    previous: str
    hash: str = ""

    def digest(self) -> str:
        """The hash that this line must have, 64 hexadecimal digits."""
        columns = [getattr(self, part.name) for part in fields(self) if part.name != "hash"]
        return hashlib.sha256(json.dumps(columns, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()

    def sealed(self) -> Line:
        """The line with its hash."""
        return replace(self, hash=self.digest())


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened: when (UTC), who, what kind (``states.Kind``), to which decision, and the details in ``body``.

    ``patient`` is the random token of the patient, not the pseudonym.
    """

    sequence: int
    at: datetime
    actor: str
    kind: str
    decision_id: str | None
    patient: str | None
    body: Mapping[str, Any]
    hash: str


def moment(at: datetime) -> str:
    """A moment as the log writes it: UTC, microseconds, Z; text order is time order.

    >>> moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05.000000Z'

    Raises:
        BadValue: it does not say its time zone.
    """
    if at.tzinfo is None:
        raise BadValue("the record", "at", "a time without a zone", "a time with its zone", "Pass datetime.now(UTC).")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def of_moment(text: str) -> datetime:
    """The moment that ``moment`` wrote."""
    return datetime.fromisoformat(text)


def compact(value: Any, field: str) -> str:
    """A value as JSON on one line, names in their order.

    Raises:
        BadValue: it holds what JSON or UTF-8 has not.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadValue("the record", field, "what JSON does not have", "plain JSON values", "Translate it.") from error
    return text
