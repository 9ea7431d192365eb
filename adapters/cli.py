"""The command ``radlogic``. Heavy parts load inside the commands that need them, so that it starts fast."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from ..engine.errors import BadValue, NotReadable, RadlogicError
from .notice import INTENDED_USE
from .rules.commands import rules as rules_commands

app = typer.Typer(
    help=f"Hybrid symbolic-neural clinical decision support for radiology. {INTENDED_USE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(rules_commands, name="rules")
NEEDS_HUMAN, BAD_INPUT = 1, 2

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 where the answer needs a human.")]
File = Annotated[str, typer.Argument(help="A file, or - for standard input.")]


def main() -> None:
    """Run the command line; a refusal is one sentence and exit code 2, never a traceback."""
    try:
        app()
    except RadlogicError as error:
        if "--json" in sys.argv:
            typer.echo(json.dumps({"error": error.as_record()}, ensure_ascii=False))
        typer.echo(f"radlogic: {type(error).__name__}: {error}", err=True)
        sys.exit(BAD_INPUT)


def read_text(name: str) -> str:
    """A file or standard input as text.

    Raises:
        NotReadable: no such file, or no UTF-8.
    """
    try:
        content = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
        return content.decode("utf-8-sig")  # with or without the mark that some editors put first
    except (OSError, UnicodeDecodeError) as error:
        found = getattr(error, "strerror", None) or "bytes that are no UTF-8"
        raise NotReadable(name, "", found, "a readable UTF-8 file", "Check the path.") from error


def day(text: str | None, option: str) -> date | None:
    """A day given on the command line."""
    from .cases import read_date

    return read_date(text, "command line", option) if text else None


@app.command()
def classify(
    guideline: Annotated[
        str, typer.Argument(help="lung-rads@2022, li-rads-ct-mri@2018, ...; without @ the one in force")
    ],
    file: File = "-",
    as_json: Json = False,
    strict: Strict = False,
    rules: Annotated[list[Path] | None, typer.Option(help="A folder of further guidelines.")] = None,
) -> None:
    """Read a guideline on stated findings: one JSON case, or one a line (NDJSON), answered in order."""
    from .classify import answers, shown

    bad = needs_human = False
    for answer in answers(guideline, read_text(file), file, tuple(rules or ())):
        bad |= "error" in answer
        needs_human |= bool(answer.get("review", {}).get("required"))
        typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else shown(answer))
    sys.exit(BAD_INPUT if bad else NEEDS_HUMAN if strict and needs_human else 0)


@app.command()
def risk(
    model: Annotated[
        str, typer.Argument(help="brock, brock-without-spiculation, mayo, va, herder, fib-4, albi, amap, galad")
    ],
    file: File = "-",
    as_json: Json = False,
) -> None:
    """Compute a published risk model from its inputs (a JSON object)."""
    from ..engine.fusion.risk import risk as compute
    from .cases import parse
    from .classify import plain

    answer = plain(compute(model, parse(read_text(file), file)).as_record())
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=None if as_json else 2))


@app.command()
def assess(
    out: Annotated[Path, typer.Option(help="Folder for decision.json, report.html and report.txt.")],
    series: Annotated[Path | None, typer.Option(help="CT: a folder, a zip or a multi-frame file.")] = None,
    patient: Annotated[Path | None, typer.Option(help="FHIR R4 Bundle of one patient.")] = None,
    findings: Annotated[Path | None, typer.Option(help="JSON case, DICOM SR or DICOM SEG.")] = None,
    indication: Annotated[
        str | None, typer.Option(help="screening, incidental, surveillance, known_cancer, unknown")
    ] = None,
    exam_date: Annotated[
        str | None, typer.Option(help="YYYY-MM-DD, where the images' date is not the real one.")
    ] = None,
    guideline: Annotated[str | None, typer.Option(help="Read only this one, as lung-rads@2022.")] = None,
    rules: Annotated[list[Path] | None, typer.Option(help="A folder of further guidelines; may be repeated.")] = None,
    as_of: Annotated[str | None, typer.Option(help="YYYY-MM-DD; today if not given.")] = None,
    store: Annotated[Path | None, typer.Option(help="Also keep the decision here, for `serve`.")] = None,
    as_json: Json = False,
    strict: Strict = False,
) -> None:
    """The main job: an exam and a FHIR record in, a reasoned decision out."""
    from .assemble import Sources
    from .assess import keep, run, write_all

    if series is None and findings is None:
        raise BadValue(
            "command line", "--series, --findings", "neither", "at least one", "Say what was imaged or found."
        )
    sources = Sources(
        series,
        patient,
        findings,
        _indication(indication),
        day(exam_date, "--exam-date"),
        guideline or "lung-rads",
        tuple(rules or ()),
    )
    with progress(shown=not as_json) as report:
        assessment, volume = run(sources, guideline, day(as_of, "--as-of") or date.today(), report)
        if store is not None:
            keep(assessment, store)  # first: where the store refuses, nothing is written beside it
        written = write_all(assessment, volume, out)
    if as_json:
        typer.echo(written["decision.json"].read_text(encoding="utf-8"))
    else:
        typer.echo(written["report.txt"].read_text(encoding="utf-8"))
        for path in written.values():
            typer.echo(f"wrote {path}")
    sys.exit(NEEDS_HUMAN if strict and assessment.decision.review.required else 0)


def _indication(text: str | None) -> Any:
    from ..engine.types import Indication

    if text is None:
        return None
    if text not in list(Indication):
        raise BadValue("command line", "--indication", text, ", ".join(Indication), "Use one of these.")
    return Indication(text)


@contextmanager
def progress(*, shown: bool) -> Iterator[Any]:
    """A progress bar on standard error for the slices read; nothing where output is for programs."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("reading slices", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@app.command()
def report(
    decision: Annotated[Path, typer.Argument(help="A decision.json.")],
    as_html: Annotated[bool, typer.Option("--html", help="The page instead of plain text.")] = False,
) -> None:
    """Print the report of a stored decision (the page without pictures: a decision holds no pixels)."""
    from .decision_file import read_decision
    from .report.html import report_html
    from .report.text import report_text

    assessment = read_decision(decision)
    typer.echo(report_html(assessment) if as_html else report_text(assessment))


@app.command()
def audit(
    file: Annotated[Path, typer.Argument(help="NDJSON: {assessment, stated: {guideline, category}} a line.")],
    out: Annotated[Path, typer.Option(help="Folder for counts, disagreements, bad lines and the MeasureReport.")],
    as_json: Json = False,
) -> None:
    """Hold stated categories against the computed ones."""
    from .assess import write_files
    from .audit.outputs import as_files, summary
    from .audit.run import audit_file

    result = audit_file(file)
    written = write_files(as_files(result), out)
    typer.echo(json.dumps(summary(result), indent=None if as_json else 2, ensure_ascii=False, default=str))
    for path in () if as_json else written.values():
        typer.echo(f"wrote {path}")


@app.command()
def serve(
    store: Annotated[Path, typer.Option(help="The store that `assess --store` fills.")],
    host: str = "127.0.0.1",
    port: int = 8765,
) -> None:
    """Answer CDS Hooks `patient-view` from stored decisions. Loopback only: clients are not verified yet."""
    from .service import create_app
    from .service import serve as run
    from .store.log import FileLog
    from .store.queue import FileQueue

    run(create_app(FileLog(store), FileQueue(store)), host, port)


perceive = typer.Typer(
    help="What a net sees in images, as calibrated beliefs. It decides nothing.", no_args_is_help=True
)
app.add_typer(perceive, name="perceive")


@perceive.command("lung-nodule")
def lung_nodule(
    crops: Annotated[Path, typer.Argument(help="npz with hu (N, rows, columns) and nodule_id (N,).")],
    table: Annotated[Path, typer.Argument(help="CSV with nodule_id, pixel_spacing_mm, slice_thickness_mm.")],
    masks: Annotated[Path | None, typer.Option(help="Also write the masks here, as npz.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Also write a picture of the evidence for each, into this folder.")
    ] = None,
) -> None:
    """Texture, size and features of lung nodules on axial crops: one JSON object a line, in the order of the file."""
    from .perceive import perceive_lung_nodules

    for record in perceive_lung_nodules(crops, table, masks, pictures):
        typer.echo(json.dumps(record, ensure_ascii=False))


@perceive.command("series")
def perceive_a_series(
    series: Annotated[Path, typer.Argument(help="CT: a folder, a zip or a multi-frame file.")],
    at: Annotated[
        list[str] | None, typer.Option(help="X,Y,Z of a point in a nodule (mm, DICOM patient); may be repeated.")
    ] = None,
    seg: Annotated[Path | None, typer.Option(help="DICOM SEG of the series with outlines of nodules.")] = None,
    findings: Annotated[Path | None, typer.Option(help="JSON case, SR or SEG whose nodules have positions.")] = None,
    find: Annotated[bool, typer.Option("--find", help="Also propose candidates; each needs review.")] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Also write a picture of the evidence for each that is seen, into this folder.")
    ] = None,
) -> None:
    """Nodules of a whole CT in 3-D, read on the slice where each is largest: one JSON object a line.

    "seen" means that the net draws an outline there, not that a nodule is there. The last line of --find tells of the
    search itself; no candidate does not mean no nodule.
    """
    from .dicom.series import read_series
    from .perceive_series import perceive_series, position

    points = [position(text) for text in at or ()]
    for record in perceive_series(read_series(series), points, seg, findings, find=find, pictures=pictures):
        typer.echo(json.dumps(record, ensure_ascii=False))


@perceive.command("liver-observation")
def liver_observation(
    phase: Annotated[list[str], typer.Option(help="NAME=FOLDER, one for each phase: late_arterial=A, ...")],
    lesion: Annotated[Path, typer.Option(help="DICOM SEG with the lesion, drawn to its outer edge.")],
    liver: Annotated[Path, typer.Option(help="DICOM SEG with the liver.")],
    agent: Annotated[str | None, typer.Option(help="extracellular, gadoxetate or gadobenate")] = None,
    lesion_segment: Annotated[int | None, typer.Option(help="Its number, where the SEG holds several.")] = None,
    liver_segment: Annotated[int | None, typer.Option(help="Its number, where the SEG holds several.")] = None,
    same_position: Annotated[bool, typer.Option(help="Positions agree across frames of reference.")] = False,
    as_json: Json = False,
) -> None:
    """Hyperenhancement, washout, capsule and size of a liver lesion on multiphase CT. Not validated on real lesions."""
    from .perceive_liver import perceive_liver_observation, shown

    answer = perceive_liver_observation(
        phase,
        lesion,
        liver,
        agent=agent,
        lesion_segment=lesion_segment,
        liver_segment=liver_segment,
        same_position=same_position,
    )
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else shown(answer))


@app.command()
def phantom(out: Annotated[Path, typer.Argument(help="An empty or new folder.")]) -> None:
    """Write the bundled example: a drawn chest CT as DICOM, its findings, and a FHIR patient."""
    from .example import write_example

    for path in write_example(out):
        typer.echo(f"wrote {path}")
