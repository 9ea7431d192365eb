"""``radlogic archive ...`` and ``radlogic watch``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...engine.errors import BadValue, NotReadable
from ..command_line import Json, day
from ..notice import INTENDED_USE

if TYPE_CHECKING:
    import threading

    from .seam import SeriesEntry, StudyEntry, Subject
    from .watch.seams import Seams

archive = typer.Typer(help="Find, fetch, store and receive, to and from the archive (PACS).", no_args_is_help=True)
ASIDE = 1  # studies were put aside, and need a human

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="YAML, as in docs/archive.md; or RADLOGIC_ARCHIVE.")
]


@archive.command()
def find(
    settings: SettingsFile = None,
    since: Annotated[str | None, typer.Option(help="First study date, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option(help="Last study date, included.")] = None,
    modality: Annotated[str | None, typer.Option(help="CT, MR, SR, ...")] = None,
    patient: Annotated[
        str | None, typer.Option(help="A file with the patient's id, - for standard input: not for a command line.")
    ] = None,
    study: Annotated[str | None, typer.Option(help="List the series of this Study Instance UID instead.")] = None,
    as_json: Json = False,
) -> None:
    """Studies of the archive, or the series of one; without anything that names a patient."""
    from .connect import archive_of
    from .seam import Query
    from .watch.settings import read_settings

    chosen = read_settings(settings).the_archive()
    query = Query(day(since, "--since"), day(until, "--until"), modality, _subject(patient) if patient else None)
    with archive_of(chosen) as opened:
        retrying = chosen.retrying()
        if study is not None:
            series = retrying(lambda: opened.series(study))
            found = [
                {"series": s.uid, "modality": s.modality, "body_part": s.body_part, "objects": s.instances}
                for s in series
            ]
        else:
            found = [_study(one) for one in sorted(retrying(lambda: opened.studies(query)), key=lambda s: s.uid)]
        left_out = opened.unusable
    for one in found:
        typer.echo(json.dumps(one) if as_json else "  ".join(str(v) for v in one.values()))
    if left_out:
        typer.echo(f"left out {left_out} studies whose UID is none", err=True)


def _series(one: SeriesEntry) -> dict[str, Any]:
    return {"series": one.uid, "modality": one.modality, "body_part": one.body_part, "objects": one.instances}


def _study(one: StudyEntry) -> dict[str, Any]:
    day = one.date.isoformat() if one.date else None
    return {"study": one.uid, "date": day, "modalities": ",".join(one.modalities), "objects": one.instances}


@archive.command()
def fetch(
    study: Annotated[str, typer.Argument(help="A Study Instance UID.")],
    out: Annotated[
        Path, typer.Option(help="Folder; each series gets one below it. What is there is not fetched again.")
    ],
    settings: SettingsFile = None,
    series: Annotated[str | None, typer.Option(help="Only this Series Instance UID.")] = None,
    as_json: Json = False,
) -> None:
    """A study's series into a folder: whole, or refused; given again after an interruption, it goes on."""
    from .connect import archive_of
    from .errors import ARCHIVE, NotInArchive
    from .fetching import fetch_series
    from .uids import checked, hashed
    from .watch.settings import read_settings

    chosen = read_settings(settings).the_archive()
    checked(study, "STUDY")
    with archive_of(chosen) as opened:
        retrying = chosen.retrying()
        listed = retrying(lambda: opened.series(study)) if series is None else ()
        wanted = [one.uid for one in listed] if series is None else [series]
        if not wanted:
            raise NotInArchive(ARCHIVE, "study", "no series", "a study with series", "Check the UID.")
        for uid in wanted:
            folder = out / hashed(uid)
            got = fetch_series(opened, study, uid, folder, retrying, chosen.object_bytes)
            said = {"series": uid, "objects": len(got), "folder": str(folder)}
            typer.echo(json.dumps(said) if as_json else f"{len(got)} objects in {folder}")


@archive.command()
def store(
    files: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")],
    settings: SettingsFile = None,
    as_json: Json = False,
) -> None:
    """Objects into the archive, each read back and compared before it counts; what is there already is not sent."""
    from .connect import archive_of
    from .storing import store_file
    from .watch.settings import read_settings

    chosen = read_settings(settings).the_archive()
    retrying, counts = chosen.retrying(), {"sent": 0, "already there": 0}
    with archive_of(chosen) as opened:
        for file in _each(files):
            how = store_file(opened, file, retrying, chosen.object_bytes)
            counts[how.value] += 1
            if as_json:
                typer.echo(json.dumps({"file": str(file), "stored": how.value}))
    if not as_json:
        typer.echo(f"stored: {counts['sent']} sent and read back, {counts['already there']} already there")


def _each(given: list[Path]) -> list[Path]:
    found: list[Path] = []
    for one in given:
        if one.is_dir():
            found += sorted(p for p in one.rglob("*") if p.is_file() and not p.name.startswith("."))
        elif one.is_file():
            found.append(one)
        else:
            raise NotReadable(one.name, "", "no file", "a DICOM file or a folder", "Check the path.")
    if not found:
        raise BadValue("command line", "FILES", "no file", "at least one", "Give files.")
    return found


@archive.command()
def receive(settings: SettingsFile = None) -> None:
    """Receive what scanners and archives send (C-STORE) into the spool folder, until stopped."""
    from .receive import Reception
    from .watch.settings import read_settings

    chosen = read_settings(settings).the_receiver()
    stop = _stopped()
    with Reception(chosen) as reception:
        typer.echo(f"receiving as {chosen.title} on {chosen.host}:{chosen.port}", err=True)
        stop.wait()
    typer.echo(f"received {reception.taken} objects, refused {reception.refused}", err=True)


def watch(
    settings: SettingsFile = None,
    once: Annotated[bool, typer.Option("--once", help="One look and what is due, then end: for cron.")] = False,
    again: Annotated[bool, typer.Option("--again", help="First give what was put aside another try.")] = False,
    as_json: Json = False,
) -> None:
    """Assess new studies of the archive as they arrive, with earlier exams beside, and store the answers there.

    Exits with 1 where studies are put aside. What it does goes to standard error, one JSON object a line, without
    anything that names a patient.
    """
    from .watch.saying import to_standard_error

    to_standard_error()
    shown = run_watch(settings, _stopped(), once=once, again=again)
    aside = shown["aside"]
    typer.echo(json.dumps({**shown, "intended_use": INTENDED_USE}) if as_json else _summary(shown))
    sys.exit(ASIDE if aside else 0)


def run_watch(
    settings: Path | None,
    stop: threading.Event,
    *,
    once: bool,
    again: bool,
    seams: Seams | None = None,
    today: Callable[[], date] = date.today,
) -> dict[str, Any]:
    """Watch until stopped, or once; what waits and what was put aside afterwards, by job.

    ``seams``: how reports are written, lesions matched and records fetched; by default as the settings say.

    Raises:
        BadArchiveSettings, NotReadable, MissingExtra, WatchRunning: before anything is done.
        ArchiveUnavailable: with ``once``, where the archive could not be looked at.
    """
    from .connect import archive_of
    from .errors import ARCHIVE, ArchiveUnavailable
    from .retry import Retrying
    from .spool import SpoolArchive
    from .watch.gathering import Gather
    from .watch.journal import Journal
    from .watch.loop import Watch
    from .watch.settings import read_settings
    from .watch.work import Bench
    from .watch.writing import seams_of

    chosen = read_settings(settings)
    mine, there = chosen.the_watch(), chosen.the_archive()
    retrying = Retrying(there.attempts, there.first_wait_s, there.longest_wait_s, sleep=stop.wait)
    with archive_of(there) as opened, Journal(mine.state) as journal:
        source = SpoolArchive(chosen.the_receiver().spool) if mine.source == "spool" else opened
        if again:
            journal.again()
        bench = Bench(mine, journal, source, opened, Gather(retrying, there.object_bytes), seams or seams_of(mine))
        watching = Watch(bench, today=today, stop=stop)
        looked = watching.once() if once else watching.run()
        aside = [{"job": job.key, "why": job.why} for job in journal.aside()]
        waiting = journal.waiting()
    if not looked:
        cure = "Look at what was said on standard error."
        raise ArchiveUnavailable(ARCHIVE, "", "no look at it", "an archive that answers", cure)
    return {"waiting": waiting, "aside": aside}


def _summary(shown: dict[str, Any]) -> str:
    lines = [INTENDED_USE, f"studies that wait: {shown['waiting']}; put aside: {len(shown['aside'])}"]
    return "\n".join([*lines, *(f"{one['job']}: {one['why']}" for one in shown["aside"])])


def _stopped() -> threading.Event:
    """An event that SIGTERM and SIGINT set; a second one ends the process, which loses nothing."""
    import signal
    import threading

    stop = threading.Event()

    def stopping(number: int, _: object) -> None:
        stop.set()
        signal.signal(number, signal.SIG_DFL)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stopping)
    return stop


def _subject(name: str) -> Subject:
    """The patient's id in the first line of a file, its issuer in the second, if it has one."""
    from .seam import Subject

    try:
        lines = (sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        allowed, cure = "a file with the id in its first line", "Check the path."
        raise NotReadable("command line", "--patient", "no such text file", allowed, cure) from error
    if not lines or not lines[0].strip():
        allowed, cure = "the id in its first line", "Write it there."
        raise BadValue("command line", "--patient", "an empty file", allowed, cure)
    return Subject(lines[0].strip(), lines[1].strip() if len(lines) > 1 else "")
