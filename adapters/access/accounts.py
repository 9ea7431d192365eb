"""Accounts: who there is, in which roles, and by which names other systems know them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from ...engine.errors import BadValue
from .errors import AccountExists, UnknownAccount
from .passwords import Passwords
from .permissions import Role
from .tables import ACCOUNT, IDENTITY, SESSION, reading, writing

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,62}")  # no @: accounts of other systems have one, so none can be imitated


@dataclass(frozen=True, slots=True)
class Account:
    """An account as it is listed; hashes stay in the database."""

    id: int
    name: str
    display: str
    roles: frozenset[Role]
    disabled: bool
    has_password: bool


def add(
    engine: Engine, name: str, roles: Collection[Role], *, password_hash: str | None, display: str = "", now: int
) -> Account:
    """A new account; ``now`` in seconds since 1970.

    Raises:
        BadValue: a name that is not 2 to 63 of a-z, 0-9, dot, hyphen and underscore; or no role.
        AccountExists: the name is taken.
    """
    if not NAME.fullmatch(name):
        allowed = "2 to 63 of a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
        raise BadValue("account", "name", "another form", allowed, "Choose another name.")
    values = _values(name, display, roles, now) | {"password_hash": password_hash}
    try:
        with writing(engine) as db:
            db.execute(insert(ACCOUNT).values(values))
    except IntegrityError:
        found, allowed = "a name that is taken", "a new name"
        raise AccountExists(f"account {name}", "name", found, allowed, "Choose another.") from None
    return get(engine, name)


def get(engine: Engine, name: str) -> Account:
    """The account of this name.

    Raises:
        UnknownAccount: there is none.
    """
    row = _row(engine, name)
    if row is None:
        raise _unknown(name)
    return _account(row)


def every(engine: Engine) -> Sequence[Account]:
    """All accounts by name."""
    with reading(engine) as db:
        return [_account(row) for row in db.execute(select(ACCOUNT).order_by(ACCOUNT.c.name))]


def set_roles(engine: Engine, name: str, roles: Collection[Role]) -> None:
    """Other roles, from the next request on.

    Raises:
        UnknownAccount, BadValue: no such account; no role (disable the account instead).
    """
    _change(engine, name, {"roles": _checked(roles)})


def set_password(engine: Engine, name: str, password_hash: str) -> None:
    """Another password; whoever is logged in to the account is logged out.

    Raises:
        UnknownAccount: no such account.
    """
    _change(engine, name, {"password_hash": password_hash}, log_out=True)


def disable(engine: Engine, name: str, now: int) -> None:
    """From this moment the account may nothing; its sessions are gone. It is never deleted: records name it.

    Raises:
        UnknownAccount: no such account.
    """
    _change(engine, name, {"disabled_at": now}, log_out=True)


def enable(engine: Engine, name: str) -> None:
    """The account may log in again.

    Raises:
        UnknownAccount: no such account.
    """
    _change(engine, name, {"disabled_at": None})


def link(engine: Engine, name: str, issuer: str, subject: str) -> None:
    """Who the account is to another system: (FHIR server, ``Practitioner/123``) or (OpenID issuer, subject).

    Raises:
        UnknownAccount: no such account.
        AccountExists: that identity belongs to an account already.
    """
    account = get(engine, name)
    try:
        with writing(engine) as db:
            db.execute(insert(IDENTITY).values(issuer=issuer.rstrip("/"), subject=subject, account_id=account.id))
    except IntegrityError:
        found, allowed = "an identity that is linked", "one that is not"
        raise AccountExists(f"account {name}", "link", found, allowed, "See `radlogic account list`.") from None


class Attempt(NamedTuple):
    """What a name and a password came to; ``known`` (the account exists) is for the audit log, not for the page."""

    account: Account | None
    known: bool


def by_password(engine: Engine, passwords: Passwords, name: str, password: str) -> Attempt:
    """The account, if it exists, is not disabled and the password fits; as slow whichever of these fails."""
    row = _row(engine, name) if NAME.fullmatch(name) else None  # what is no name is not asked for
    fits = passwords.fits(row.password_hash if row else None, password)
    if row is None or not fits or row.disabled_at is not None:
        return Attempt(None, row is not None)
    if passwords.outdated(row.password_hash):
        _change(engine, row.name, {"password_hash": passwords.hashed(password)})
    return Attempt(_account(row), True)


def by_identity(engine: Engine, issuer: str, subject: str) -> Account | None:
    """The account that another system's user is, unless it is disabled."""
    known = (IDENTITY.c.issuer == issuer.rstrip("/")) & (IDENTITY.c.subject == subject)
    query = select(ACCOUNT).join(IDENTITY).where(known, ACCOUNT.c.disabled_at.is_(None))
    with reading(engine) as db:
        row = db.execute(query).one_or_none()
    return _account(row) if row else None


def from_directory(
    engine: Engine, issuer: str, subject: str, *, label: str, display: str, roles: Collection[Role], now: int
) -> Account | None:
    """The account of a user whose roles another system keeps: made at the first login, its roles as told at each.

    ``None`` where the account was disabled here. Its name is ``subject@label`` (a hash of a subject that is not
    plain): unlike an e-mail address
    or a user name, the subject never passes to another person (OpenID Connect Core 1.0, section 5.7).
    """
    its_name = _external_name(subject, label)
    with suppress(IntegrityError), writing(engine) as db:  # two first logins at once: the other has made it
        is_it = (IDENTITY.c.issuer == issuer.rstrip("/")) & (IDENTITY.c.subject == subject)
        known = db.execute(select(IDENTITY.c.account_id).where(is_it)).scalar_one_or_none()
        if known is None:
            _first_login(db, issuer, subject, _values(its_name, display, roles, now))
        else:
            told = {"roles": _checked(roles), "display": _display(display, its_name)}
            db.execute(update(ACCOUNT).where(ACCOUNT.c.id == known).values(told))
    return by_identity(engine, issuer, subject)


def _first_login(db: Connection, issuer: str, subject: str, values: dict[str, Any]) -> None:
    made = db.execute(insert(ACCOUNT).values(values)).inserted_primary_key
    assert made is not None  # noqa: S101 - the dialects we use give it back
    db.execute(insert(IDENTITY).values(issuer=issuer.rstrip("/"), subject=subject, account_id=made[0]))


def _change(engine: Engine, name: str, values: dict[str, Any], *, log_out: bool = False) -> None:
    with writing(engine) as db:
        if not db.execute(update(ACCOUNT).where(ACCOUNT.c.name == name).values(values)).rowcount:
            raise _unknown(name)
        if log_out:
            its = select(ACCOUNT.c.id).where(ACCOUNT.c.name == name).scalar_subquery()
            db.execute(delete(SESSION).where(SESSION.c.account_id == its))


def _values(name: str, display: str, roles: Collection[Role], now: int) -> dict[str, Any]:
    return {"name": name, "display": _display(display, name), "roles": _checked(roles), "created_at": now}


def _external_name(subject: str, label: str) -> str:
    """Short and plain, since records carry it; still one name for one subject."""
    plain = re.fullmatch(r"[A-Za-z0-9._|:-]{1,128}", subject)
    return f"{subject if plain else sha256(subject.encode()).hexdigest()}@{label}"


def _display(display: str, name: str) -> str:
    return "".join(c for c in display if c.isprintable()).strip()[:200] or name


def _checked(roles: Collection[Role]) -> list[str]:
    if not roles:
        allowed = "at least one of " + ", ".join(Role)
        raise BadValue("account", "roles", "none", allowed, "Name a role, or disable the account.")
    return sorted(roles)


def roles_of(stored: Collection[str]) -> frozenset[Role]:
    """Roles as stored; one that this version does not know gives nothing."""
    return frozenset(role for role in Role if role in stored)


def _row(engine: Engine, name: str) -> Row[Any] | None:
    with reading(engine) as db:
        return db.execute(select(ACCOUNT).where(ACCOUNT.c.name == name)).one_or_none()


def _account(row: Row[Any]) -> Account:
    return Account(
        row.id, row.name, row.display, roles_of(row.roles), row.disabled_at is not None, row.password_hash is not None
    )


def _unknown(name: str) -> UnknownAccount:
    found = f"no account named {name!r}"
    return UnknownAccount("account", "name", found, "the name of an account", "See `radlogic account list`.")
