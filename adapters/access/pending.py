"""Logins that another system is to finish: what must match when the browser comes back. Each serves once."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from sqlalchemy import Engine, delete, insert

from .errors import LoginRefused
from .sessions import digest, new_token
from .tables import PENDING, writing

LIFE_S = 600  # to type a password and a second factor


@dataclass(frozen=True, slots=True)
class Pending:
    """A login that was begun; ``state`` is in the URL, the others stay here until it is finished."""

    kind: str
    issuer: str
    next: str
    state: str = field(default_factory=new_token, repr=False)
    nonce: str = field(default_factory=new_token, repr=False)
    verifier: str = field(default_factory=new_token, repr=False)  # 43 signs of the alphabet of RFC 7636, section 4.1

    @property
    def challenge(self) -> str:
        """S256 of the verifier (RFC 7636, section 4.2)."""
        hashed = hashlib.sha256(self.verifier.encode("ascii")).digest()
        return base64.urlsafe_b64encode(hashed).rstrip(b"=").decode("ascii")


def keep(engine: Engine, pending: Pending, browser: str, now: int) -> None:
    """Keep it until the browser with this token comes back; those that took too long go."""
    row = {
        "state_hash": digest(pending.state),
        "browser_hash": digest(browser),
        "kind": pending.kind,
        "issuer": pending.issuer,
        "verifier": pending.verifier,
        "nonce": pending.nonce,
        "next": pending.next,
        "created_at": now,
    }
    with writing(engine) as db:
        db.execute(delete(PENDING).where(PENDING.c.created_at <= now - LIFE_S))
        db.execute(insert(PENDING).values(row))


def take(engine: Engine, kind: str, state: str, browser: str | None, now: int) -> Pending:
    """The login that this state belongs to; from now on there is none, so that a repeated call finds nothing.

    Raises:
        LoginRefused: no such login, another browser's, another kind's, or one that took too long.
    """
    with writing(engine) as db:
        row = db.execute(
            delete(PENDING).where(PENDING.c.state_hash == digest(state)).returning(*PENDING.c)
        ).one_or_none()
    known = row is not None and (row.kind, row.browser_hash) == (kind, digest(browser or ""))
    if row is None or not known or row.created_at <= now - LIFE_S:
        found, allowed = "a login that was not begun here, or is over", "the login that this browser began, once"
        raise LoginRefused("login", "state", found, allowed, "Begin again.")
    return Pending(kind, row.issuer, row.next, state, row.nonce, row.verifier)
