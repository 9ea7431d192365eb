"""``radlogic record ...``: verify, replay, export and erase what a store keeps."""

from __future__ import annotations

import getpass
import json
import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .notice import INTENDED_USE

if TYPE_CHECKING:
    from .store.replay import Replay
    from .store.verify import Report

record = typer.Typer(help="Verify, replay, export and erase what a store keeps.", no_args_is_help=True)
NOT_SOUND = 1  # the record needs a human

Place = Annotated[
    str, typer.Option("--store", envvar="RADLOGIC_STORE", help="A folder, or postgresql://user@host/database.")
]
AnchorFile = Annotated[
    Path | None,
    typer.Option("--anchor", envvar="RADLOGIC_ANCHOR", help="The file with the log's head, if not the default one."),
]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@record.command()
def verify(store: Place, anchor: AnchorFile = None, as_json: Json = False) -> None:
    """Hold every row against the log's hashes and the anchor; exit with 1 where anything is not as it was written."""
    from .store.journal import open_journal
    from .store.verify import verify as hold

    report = hold(open_journal(store, anchor, make=False, trust=True))
    typer.echo(json.dumps(_report(report), ensure_ascii=False) if as_json else _verified(report))
    sys.exit(0 if report.sound else NOT_SOUND)


def _report(report: Report) -> dict[str, Any]:
    head = {"head": {"sequence": report.head.sequence, "hash": report.head.hash}}
    rest = {"ahead_of_anchor": report.ahead, "torn_anchor_lines": report.torn}
    return {
        "sound": report.sound,
        "entries": report.entries,
        **head,
        **rest,
        "findings": [asdict(f) for f in report.findings],
    }


def _verified(report: Report) -> str:
    lines = [f"{report.entries} entries, the last with hash {report.head.hash}"]
    if report.ahead:
        done = "they are anchored now" if report.sound else "they are not anchored"
        lines.append(f"{report.ahead} entries came after the last one in the anchor: {done}")
    if report.torn:
        lines.append(f"{report.torn} unfinished lines in the anchor, of writers that died within them")
    lines += [f"{f.table} {f.row}: {f.what}" for f in report.findings]
    lines.append("sound" if report.sound else f"NOT SOUND: {len(report.findings)} findings")
    return "\n".join(lines)


@record.command()
def replay(
    decision_id: Annotated[str, typer.Argument(help="A decision's id.")],
    store: Place,
    anchor: AnchorFile = None,
    as_json: Json = False,
) -> None:
    """Decide a kept case again under the revisions it was made with; exit with 1 where the answer differs."""
    from .store.journal import open_journal
    from .store.replay import replay as again

    with open_journal(store, anchor, make=False, trust=True).reading() as connection:
        found = again(connection, decision_id)
    shown = {"equal": found.equal, **asdict(found), "intended_use": INTENDED_USE}
    typer.echo(json.dumps(shown, ensure_ascii=False) if as_json else _replayed(found))
    sys.exit(0 if found.equal else NOT_SOUND)


def _replayed(found: Replay) -> str:
    lines = [f"decision {found.decision_id}, under {found.under}"]
    if found.engine_then != found.engine_now:
        lines.append(f"made by radlogic {found.engine_then}, replayed by {found.engine_now}")
    if found.not_kept:
        lines.append(f"not kept, so taken as shipped: {', '.join(found.not_kept)}")
    if found.erased:
        lines.append("the patient was erased: identifiers stand as marks, and the id is not compared")
    lines += [f"{d.place}: kept {d.kept!r}, now {d.now!r}" for d in found.differences]
    return "\n".join([*lines, "equal" if found.equal else "DIFFERENT"])


@record.command()
def export(
    store: Place,
    decision_id: Annotated[str | None, typer.Argument(help="Only the entries about this decision.")] = None,
    anchor: AnchorFile = None,
    identified: Annotated[bool, typer.Option("--identified", help="Put identifiers and comments back.")] = False,
    as_json: Json = False,
) -> None:
    """Write the log as NDJSON, oldest entry first. That it was exported becomes an entry itself."""
    from .store.cases import Store
    from .store.export import export as lines

    with Store.open(store, anchor, make=False) as opened:
        if decision_id is not None:
            opened.row(decision_id)  # refuses an id that nothing has
        details = {"identified": identified, "all": decision_id is None}
        opened.audit(_user(), "exported", datetime.now(UTC), decision_id, details)
        with opened.journal.reading() as connection:
            for line in lines(connection, decision_id, identified=identified):
                typer.echo(line)


@record.command()
def erase(
    key: Annotated[str, typer.Argument(help="The pseudonym, as in record.case.patient.key of a decision.")],
    store: Place,
    why: Annotated[str, typer.Option(help="What asks for it; kept, so no patient data in it.")],
    anchor: AnchorFile = None,
    as_json: Json = False,
) -> None:
    """Erase a patient's identifiers and all comments. The decisions stay, and still verify."""
    from ..engine.errors import BadValue
    from .store.cases import Store

    with Store.open(store, anchor, make=False) as opened:
        token = opened.patient_token(key)
        if token is None:
            raise BadValue("command line", "KEY", "a pseudonym of nobody", "one that the store has", "Check it.")
        count = opened.erase_patient(token, datetime.now(UTC), _user(), why)
    said = f"{count} entries lost their identifiers; the patient is {token} from now on"
    typer.echo(json.dumps({"erased": count, "token": token}) if as_json else said)


@record.command()
def rebuild(store: Place, anchor: AnchorFile = None, as_json: Json = False) -> None:
    """Make the worklist, the queue and the list of patients anew from the log, where that is sound."""
    from ..engine.errors import NotReadable
    from .store.cases import Store
    from .store.rebuild import rebuild as anew
    from .store.verify import FOLLOWS, verify

    with Store.open(store, anchor, make=False) as opened:
        if wrong := [f for f in verify(opened.journal).findings if f.table not in FOLLOWS]:
            cure = "Restore the store from its backup."
            found = f"{wrong[0].table} {wrong[0].row}: {wrong[0].what}"
            raise NotReadable("the store", "", found, "a log that verifies", cure)
        with opened.journal.writing() as writing:
            count = anew(writing)
    typer.echo(json.dumps({"decisions": count}) if as_json else f"{count} decisions")


def _user() -> str:
    """Who runs the command, as the system has it."""
    try:
        return f"command line: {getpass.getuser()}"
    except (KeyError, OSError):
        return f"command line: uid {os.getuid()}"
