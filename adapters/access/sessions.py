"""Sessions, kept on the server: the browser holds a random token, the database its hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update

from .accounts import roles_of
from .permissions import Actor, Launch
from .settings import AccessSettings
from .tables import ACCOUNT, SESSION, reading, writing

SEEN_STEP_S = 30  # a session's last use is written at most this often, so that reading a page rarely writes


def new_token() -> str:
    """256 random bits; nothing about them can be guessed."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token; SHA-256 is enough, since a random token cannot be tried out."""
    return hashlib.sha256(token.encode()).hexdigest()


def csrf_of(token: str) -> str:
    """The token that forms must bring back: bound to the session, useless for taking it over."""
    return hmac.new(token.encode(), b"radlogic csrf", hashlib.sha256).hexdigest()


def new_id() -> str:
    """The name of a session in records; it opens nothing."""
    return secrets.token_hex(16)


def begin(
    engine: Engine,
    session_id: str,
    account_id: int,
    settings: AccessSettings,
    now: int,
    launch: Launch | None = None,
) -> str:
    """A new session and its token; sessions that are over, and the account's oldest ones beyond the limit, go."""
    token = new_token()
    row = {"id": session_id, "token_hash": digest(token), "account_id": account_id}
    row |= {"created_at": now, "seen_at": now, "launch": asdict(launch) if launch else None}
    with writing(engine) as db:
        db.execute(insert(SESSION).values(row))
        db.execute(delete(SESSION).where(_over(settings, now)))
        _drop_oldest(db, account_id, settings.max_sessions)
    return token


def find(engine: Engine, token: str, settings: AccessSettings, now: int) -> Actor | None:
    """Who the token belongs to, if the session is not over and the account not disabled; this counts as use."""
    query = select(
        SESSION.c.id, SESSION.c.seen_at, SESSION.c.launch, ACCOUNT.c.name, ACCOUNT.c.display, ACCOUNT.c.roles
    ).join(ACCOUNT)
    alive = (SESSION.c.token_hash == digest(token), ACCOUNT.c.disabled_at.is_(None), ~_over(settings, now))
    with reading(engine) as db:
        row = db.execute(query.where(*alive)).one_or_none()
    if row is not None and now - row.seen_at >= SEEN_STEP_S:
        with writing(engine) as db:
            db.execute(update(SESSION).where(SESSION.c.id == row.id).values(seen_at=now))
    return _actor(row) if row else None


def end(engine: Engine, token: str) -> None:
    """The session is gone; its token opens nothing any more."""
    with writing(engine) as db:
        db.execute(delete(SESSION).where(SESSION.c.token_hash == digest(token)))


def _over(settings: AccessSettings, now: int) -> Any:
    return or_(SESSION.c.seen_at <= now - settings.idle_s, SESSION.c.created_at <= now - settings.absolute_s)


def _drop_oldest(db: Connection, account_id: int, keep: int) -> None:
    """In one statement, which sees one state: between two, a session begun elsewhere would be lost."""
    its = SESSION.c.account_id == account_id
    newest = select(SESSION.c.id).where(its).order_by(SESSION.c.created_at.desc(), SESSION.c.seen_at.desc())
    db.execute(delete(SESSION).where(its, SESSION.c.id.not_in(newest.limit(keep))))


def _actor(row: Any) -> Actor:
    launch = Launch(**row.launch) if row.launch else None
    return Actor(row.name, row.display, roles_of(row.roles), row.id, launch)
