"""``radlogic record ...``: verify, replay, export and erase what a store keeps."""

from __future__ import annotations

import getpass
import json
import os
import re
import sys
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .command_line import Json
from .notice import INTENDED_USE

if TYPE_CHECKING:
    from .store.anchor import Mark
    from .store.cases import Store
    from .store.replay import Replay
    from .store.verify import Report

record = typer.Typer(help="Verify, replay, export and erase what a store keeps.", no_args_is_help=True)
TOKEN = re.compile("[0-9a-f]{32}")
NOT_SOUND = 1  # the record needs a human
LOOK = "a writer died, or they were appended behind the program's back; look at them (`radlogic record export`)"

Place = Annotated[
    str, typer.Option("--store", envvar="RADLOGIC_STORE", help="A folder, or postgresql://user@host/database.")
]
AnchorFile = Annotated[
    Path | None,
    typer.Option("--anchor", envvar="RADLOGIC_ANCHOR", help="The file with the log's head, if not the default one."),
]


@record.command()
def verify(
    store: Place,
    anchor: AnchorFile = None,
    head: Annotated[
        str | None, typer.Option(help='"N HASH", as verify prints it: what was written down elsewhere.')
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Hold the slices in this folder against their hashes, too; reads all of them.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Hold every row of the record against the hashes and the anchor; exit with 1 where one is not as it was written.

    It changes nothing. Accounts and sessions are not of the record.
    """
    from .store.journal import open_journal
    from .store.verify import check_images
    from .store.verify import verify as hold

    written = _head(head)
    report = hold(open_journal(store, anchor, make=False, trust=True), written)
    if images is not None:
        report = replace(report, findings=(*report.findings, *check_images(images)))
    typer.echo(json.dumps(_report(report), ensure_ascii=False) if as_json else _verified(report))
    sys.exit(0 if report.sound else NOT_SOUND)


def _head(text: str | None) -> Mark | None:
    """A line of the anchor, as somebody wrote it down.

    Raises:
        BadValue: it is none.
    """
    from ..engine.errors import BadValue
    from .store.anchor import LINE, Mark

    if text is None:
        return None
    found = LINE.fullmatch(f"{text.strip()}\n".encode())
    if found is None:
        cure = "Copy the whole line that `verify` printed."
        raise BadValue("command line", "--head", "another text", "a number and a hash, as in the anchor", cure)
    return Mark(int(found[1]), found[2].decode())


def _report(report: Report) -> dict[str, Any]:
    head = {"head": {"sequence": report.head.sequence, "hash": report.head.hash}}
    rest = {
        "ahead_of_anchor": report.ahead,
        "torn_anchor_lines": report.torn,
        "never_anchored": report.unanchored,
        "dated_before_the_one_before": report.backwards,
    }
    return {
        "sound": report.sound,
        "entries": report.entries,
        **head,
        **rest,
        "findings": [asdict(f) for f in report.findings],
    }


def _verified(report: Report) -> str:
    lines = [f"{report.entries} entries, the last: {report.head.sequence} {report.head.hash}"]
    if report.ahead:
        told = "the next writer will say so in the log"
        lines.append(f"{report.ahead} entries came after the last one in the anchor: {told}")
    lines += [f"entries {a} to {b} were never anchored: {LOOK}" for a, b in report.unanchored]
    lines += [f"entry {n} is dated before entry {n - 1}" for n in report.backwards]
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
    lines += [f"{n} as in the folder {by['folder']}, sha256 {by['sha256']}" for n, by in found.own_rules.items()]
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
    patient: Annotated[
        str,
        typer.Argument(
            metavar="KEY|TOKEN", help="The pseudonym, as in record.case.patient.key of a decision; or the token."
        ),
    ],
    store: Place,
    why: Annotated[str, typer.Option(help="What asks for it; kept, so no patient data in it.")],
    identifiers: Annotated[
        Path | None,
        typer.Option(help="A file of the patient's identifiers, SYSTEM|VALUE a line: lists of overdue exams by them."),
    ] = None,
    anchor: AnchorFile = None,
    as_json: Json = False,
) -> None:
    """Erase a patient's identifiers and all comments. The decisions stay, and still verify.

    Give the token to erase what was said after an erasure. Slices are not erased: their folders are named. What an
    audit found overdue is erased too: by pseudonym, and by --identifiers where it was kept under those.
    """
    from ..engine.errors import BadValue
    from .store.cases import Store

    names = _names_in(identifiers)
    with Store.open(store, anchor, make=False) as opened:
        token = opened.patient_token(patient) or (patient if TOKEN.fullmatch(patient) else None)
        overdue = _forgotten(opened, patient, names)
        if token is None and overdue:  # an audit knew the patient, the record does not
            opened.audit(_user(), "unlisted", datetime.now(UTC), details={"entries": overdue, "why": why})
            typer.echo(_on_lists_alone(overdue, as_json=as_json))
            return
        if token is None:
            raise BadValue("command line", "KEY", "a pseudonym of nobody", "one that the store has", "Check it.")
        count = opened.erase_patient(token, datetime.now(UTC), _user(), why)
        left = _images_of(opened, token)
    said = [f"{count} entries lost their identifiers; the patient is {token} from now on"]
    said += [f"{overdue} exams that an audit found overdue are erased"] if overdue else []
    said += [f"the slices named {sha} are not erased: remove that folder where images are kept" for sha in left]
    told: dict[str, Any] = {"erased": count, "token": token, "images": left, "overdue": overdue}
    typer.echo(json.dumps(told) if as_json else "\n".join(said))


def _on_lists_alone(overdue: int, *, as_json: bool) -> str:
    """What is said where nobody of that pseudonym is in the record."""
    told: dict[str, Any] = {"erased": 0, "token": None, "images": [], "overdue": overdue}
    return json.dumps(told) if as_json else f"{overdue} overdue exams erased; the record has nobody of that pseudonym"


def _names_in(identifiers: Path | None) -> frozenset[str]:
    """The names under which lists of overdue exams may know a patient, from a file of SYSTEM|VALUE lines.

    Raises:
        NotReadable: no such file, or no text. BadValue: a line without a system or a value.
    """
    from ..engine.errors import BadValue, NotReadable
    from .cds_hooks.overdue_list import patient_name

    if identifiers is None:
        return frozenset()
    try:
        lines = identifiers.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        allowed = "a text of SYSTEM|VALUE lines"
        raise NotReadable(identifiers.name, "", type(error).__name__, allowed, "Check the path.") from error
    pairs = [line.strip().rpartition("|") for line in lines if line.strip()]
    if not all(system and value for system, _, value in pairs):
        cure = "Write each as Identifier.system and Identifier.value."
        raise BadValue(identifiers.name, "", "a line without system or value", "SYSTEM|VALUE a line", cure)
    return frozenset(patient_name(system, value) for system, _, value in pairs)


def _forgotten(opened: Store, key: str, names: frozenset[str]) -> int:
    """Take the patient out of the lists of overdue exams; how many entries there were."""
    from .store.overdue import forget

    with opened.journal.database.write() as connection:
        return forget(connection, None if TOKEN.fullmatch(key) else key, names)


def _images_of(opened: Store, token: str) -> list[str]:
    """Names of the folders in which slices of that patient's decisions may lie."""
    from .store.cases import Kind
    from .store.decisions import assessment_of
    from .store.journal import entries
    from .store.tables import ENTRY

    with opened.journal.reading() as connection:
        made = entries(connection, ENTRY.c.patient == token, ENTRY.c.kind == Kind.DECIDED.value)
        return sorted({sha for entry in made if (sha := assessment_of(entry).record.image_sha256)})


@record.command()
def rebuild(store: Place, anchor: AnchorFile = None, as_json: Json = False) -> None:
    """Make the worklist, the queue and the list of patients anew from the log, where that is sound."""
    from ..engine.errors import NotReadable
    from .store.cases import Store
    from .store.rebuild import rebuild as anew
    from .store.verify import FOLLOWS, verify

    with Store.open(store, anchor, make=False) as opened:
        if wrong := [f for f in verify(opened.journal).findings if f.table not in (*FOLLOWS, "trigger")]:
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
