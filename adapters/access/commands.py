"""``radlogic account ...``: who may log in. Passwords come from a prompt or standard input, never from an argument."""

from __future__ import annotations

import getpass
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from .permissions import Role

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from .visit import Action, Audit

account = typer.Typer(help="Who may log in to the review page, and in which roles.", no_args_is_help=True)

Store = Annotated[str, typer.Option(help="The store: a folder, or postgresql://user@host/database.")]
Name = Annotated[str, typer.Argument(help="The account's name: a-z, 0-9, dot, hyphen, underscore.")]
Roles = Annotated[list[Role], typer.Option("--role", help="May be repeated.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password's one line from standard input.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@account.command()
def add(
    name: Name,
    role: Roles,
    store: Store,
    display: Annotated[str, typer.Option(help="The person's name as pages and records show it.")] = "",
    password_stdin: FromStdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="It logs in by an EHR only; see `account link`.")
    ] = False,
) -> None:
    """A new account."""
    from . import accounts
    from .visit import Action

    kept = None if no_password else _hashed(name, from_stdin=password_stdin)
    with _opened(store, Action.ACCOUNT_CREATED, name, roles=",".join(sorted(role))) as engine:
        accounts.add(engine, name, role, password_hash=kept, display=display, now=int(time.time()))


@account.command("role")
def set_roles(name: Name, role: Roles, store: Store) -> None:
    """The account's roles from now on, in place of those it had."""
    from . import accounts
    from .visit import Action

    with _opened(store, Action.ACCOUNT_CHANGED, name, roles=",".join(sorted(role))) as engine:
        accounts.set_roles(engine, name, role)


@account.command()
def password(name: Name, store: Store, password_stdin: FromStdin = False) -> None:
    """Another password; whoever is logged in to the account is logged out."""
    from . import accounts
    from .visit import Action

    kept = _hashed(name, from_stdin=password_stdin)
    with _opened(store, Action.ACCOUNT_CHANGED, name, what="password") as engine:
        accounts.set_password(engine, name, kept)


@account.command()
def disable(name: Name, store: Store) -> None:
    """The account may nothing any more, at once. Accounts are never deleted, since records name them."""
    from . import accounts
    from .visit import Action

    with _opened(store, Action.ACCOUNT_DISABLED, name) as engine:
        accounts.disable(engine, name, int(time.time()))


@account.command()
def enable(name: Name, store: Store) -> None:
    """The account may log in again."""
    from . import accounts
    from .visit import Action

    with _opened(store, Action.ACCOUNT_CHANGED, name, what="enabled") as engine:
        accounts.enable(engine, name)


@account.command()
def link(
    name: Name,
    issuer: Annotated[str, typer.Argument(help="The EHR's FHIR server, as https://ehr.example/fhir.")],
    subject: Annotated[str, typer.Argument(help="Who the account is there, as Practitioner/123.")],
    store: Store,
) -> None:
    """Let a user of an EHR in as this account, when the EHR launches radlogic."""
    from . import accounts
    from .visit import Action

    with _opened(store, Action.ACCOUNT_CHANGED, name, issuer=issuer, subject=subject) as engine:
        accounts.link(engine, name, issuer, subject)


@account.command("list")
def show(store: Store, as_json: Json = False) -> None:
    """All accounts."""
    from . import accounts

    with _database(store) as (engine, _):
        for one in accounts.every(engine):
            roles, state = sorted(one.roles), "disabled" if one.disabled else "active"
            record = {"name": one.name, "display": one.display, "roles": roles, "state": state}
            line = f"{one.name}  {', '.join(roles)}  {state}  {one.display}"
            typer.echo(json.dumps(record, ensure_ascii=False) if as_json else line)


@contextmanager
def _opened(place: str, action: Action, name: str, **detail: str) -> Iterator[Engine]:
    """The database of a change, which is recorded when the block has ended well."""
    with _database(place) as (engine, audit):
        yield engine
        audit(f"command line: {getpass.getuser()}", action.value, {"account": name, **detail})


@contextmanager
def _database(place: str) -> Iterator[tuple[Engine, Audit]]:
    from ..store.cases import Store
    from .recorded import audit_in
    from .tables import create_tables

    with Store.open(place) as store:
        engine = store.journal.database.engine
        create_tables(engine)
        yield engine, audit_in(store)


def _hashed(name: str, *, from_stdin: bool) -> str:
    from .passwords import Passwords, checked
    from .settings import AccessSettings

    if from_stdin:
        typed = sys.stdin.readline().rstrip("\r\n")
    else:
        typed = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    settings = AccessSettings()
    right = checked(typed, name, settings.password_min)
    return Passwords(settings.argon2_memory_kib, settings.argon2_passes).hashed(right)
