"""The command ``radlogic``. Heavy parts load inside the commands that need them, so that it starts fast."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from ..engine.errors import BadValue, RadlogicError
from .access.commands import account as account_commands
from .archive.commands import archive as archive_commands
from .archive.commands import watch as watch_command
from .audit.commands import audit as audit_command
from .command_line import BAD_INPUT, NEEDS_HUMAN, File, Json, Strict, day, print_records, progress, read_text
from .notice import INTENDED_USE
from .perceive_commands import perceive as perceive_commands
from .record_commands import record as record_commands
from .rules.commands import rules as rules_commands

app = typer.Typer(
    help=f"Hybrid symbolic-neural clinical decision support for radiology. {INTENDED_USE}",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(rules_commands, name="rules")
app.add_typer(record_commands, name="record")
app.add_typer(perceive_commands, name="perceive")
app.add_typer(account_commands, name="account")
app.add_typer(archive_commands, name="archive")
app.command(name="watch")(watch_command)


def main() -> None:
    """Run the command line; a refusal is one sentence and exit code 2, never a traceback."""
    try:
        app()
    except RadlogicError as error:
        if "--json" in sys.argv:
            typer.echo(json.dumps({"error": error.as_record()}, ensure_ascii=False))
        typer.echo(f"radlogic: {type(error).__name__}: {error}", err=True)
        sys.exit(BAD_INPUT)


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
    prior_decision: Annotated[
        list[Path] | None, typer.Option(help="decision.json of an earlier exam, whose lesions are found again.")
    ] = None,
    prior_series: Annotated[
        list[Path] | None, typer.Option(help="Its images (extra `tracking`), one for each --prior-decision.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="YYYY-MM-DD; today if not given.")] = None,
    store: Annotated[str | None, typer.Option(help="Also keep the decision here: a folder or PostgreSQL URL.")] = None,
    images: Annotated[
        Path | None, typer.Option(help="Folder for the kept slices; below the store if that is a folder.")
    ] = None,
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
        tuple(prior_decision or ()),
        tuple(prior_series or ()),
        store=store,
    )
    with progress(shown=not as_json) as report:
        assessment, volume = run(sources, guideline, day(as_of, "--as-of") or date.today(), report)
        if store is not None:
            # first: where the store refuses, nothing is written beside it
            keep(assessment, store, tuple(rules or ()), volume=volume, images=images)
        written = write_all(assessment, volume, out, tuple(rules or ()))
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


@app.command()
def facts(
    files: Annotated[
        list[str], typer.Argument(help="R4 Bundles, pages of a search, Bulk folders or .ndjson files; - is a Bundle.")
    ],
    as_of: Annotated[str | None, typer.Option(help="YYYY-MM-DD; today if not given.")] = None,
    as_json: Json = False,
) -> None:
    """What records say of their patients: each fact with its source, and what could not be used and why."""
    from .record_facts import facts as read_facts
    from .record_facts import shown

    print_records(read_facts(files, day(as_of, "--as-of") or date.today()), shown, as_json=as_json)


@app.command()
def screening(
    programme: Annotated[
        str, typer.Argument(help="uspstf-lung@2021 or cms-lung@2022; without @ the one in force on --as-of")
    ],
    files: Annotated[list[str] | None, typer.Argument(help="Records, as for `facts`.")] = None,
    stated: Annotated[
        str | None, typer.Option("--facts", help="A JSON object of facts, alone or beside one record; - is stdin.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="YYYY-MM-DD; today if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Who is eligible for a screening programme: yes, no or unknown, with the reasons and what is missing."""
    from .cases import parse
    from .screening import answers, shown

    where = "standard input" if stated == "-" else stated or ""
    given = parse(read_text(stated), where) if stated is not None else None
    found = answers(programme, files or (), given, where, day(as_of, "--as-of") or date.today())
    print_records(found, shown, as_json=as_json)


@app.command()
def scores(
    files: Annotated[list[str], typer.Argument(help="Records, as for `facts`.")],
    as_of: Annotated[str | None, typer.Option(help="YYYY-MM-DD; today if not given.")] = None,
    as_json: Json = False,
) -> None:
    """Published scores that a record alone can fill (FIB-4, ALBI, aMAP, GALAD); what is missing is named."""
    from .record_scores import scores as read_scores
    from .record_scores import shown

    print_records(read_scores(files, day(as_of, "--as-of") or date.today()), shown, as_json=as_json)


@app.command()
def report(
    decision: Annotated[Path, typer.Argument(help="A decision.json.")],
    as_html: Annotated[bool, typer.Option("--html", help="The page instead of plain text.")] = False,
    pdf: Annotated[Path | None, typer.Option(help="Write a PDF (extra `pdf`).")] = None,
    fhir: Annotated[bool, typer.Option("--fhir", help="An R4 transaction Bundle; needs --patient.")] = False,
    patient: Annotated[str, typer.Option(help="Patient/<id>, its URL, or system|value.")] = "",
    base: Annotated[str, typer.Option(help="Base URL of the site's own code systems.")] = "",
    sr: Annotated[Path | None, typer.Option(help="Write a DICOM SR, TID 1500 (extra `dicom-out`).")] = None,
    seg: Annotated[Path | None, typer.Option(help="Write a DICOM SEG of the lesions.")] = None,
    series: Annotated[Path | None, typer.Option(help="The images that were decided on.")] = None,
    drawn: Annotated[Path | None, typer.Option(help="A SEG with somebody's outlines, for --seg.")] = None,
    replaces: Annotated[list[Path] | None, typer.Option(help="The SR that this one takes the place of.")] = None,
    reader: Annotated[str, typer.Option(help="Whose statements the findings are, as Family^Given.")] = "",
    institution: Annotated[str, typer.Option(help="Where; a signed SR needs it.")] = "",
    store: Annotated[str | None, typer.Option(help="Where the decision is kept: its signature is told.")] = None,
    language: Annotated[str, typer.Option(help="A folder of knowledge/report.")] = "en",
    same_exam: Annotated[
        bool,
        typer.Option(
            "--same-exam",
            help="You vouch that --series is of this exam, where the decision names neither images nor study.",
        ),
    ] = False,
    rules: Annotated[list[Path] | None, typer.Option(help="A folder of further guidelines; may be repeated.")] = None,
) -> None:
    """The report of a stored decision: plain text, a page, PDF, FHIR, or DICOM SR and SEG.

    Pictures need --series: a decision holds no pixels. Without --store the report is preliminary.
    """
    from .report_commands import Asked, print_report

    text = Asked(decision, store, language, as_html, pdf, fhir, patient, base, rules=tuple(rules or ()))
    images: dict[str, Any] = {"sr": sr, "seg": seg, "series": series, "drawn": drawn, "replaces": tuple(replaces or ())}
    print_report(replace(text, **images, reader=reader, institution=institution, same_exam=same_exam))


app.command(name="audit")(audit_command)  # here: the help lists the commands in this order


@app.command()
def monitor(
    store: Annotated[str, typer.Argument(help="The store: a folder, or postgresql://...")],
    since: Annotated[str | None, typer.Option(help="First day of the signatures, YYYY-MM-DD (UTC).")] = None,
    until: Annotated[str | None, typer.Option(help="Last day, included.")] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="site, scanner, sex, age, guideline; may be repeated; all if not given.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for monitor.html and monitor.json.")] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="The folder of the site's calibrations; else RADLOGIC_CALIBRATION.")
    ] = None,
    as_json: Json = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where an alarm sounds.")] = False,
) -> None:
    """The engine in use: what humans made of its answers, whether its beliefs hold, how inputs drift; alarms."""
    from .monitor.commands import run

    days = day(since, "--since"), day(until, "--until")
    text, sounds = run(store, *days, tuple(by or ()), out, calibration, as_json=as_json)
    typer.echo(text)
    sys.exit(NEEDS_HUMAN if strict and sounds else 0)


@app.command()
def calibrate(
    store: Annotated[str, typer.Argument(help="The store: a folder, or postgresql://...")],
    site: Annotated[str, typer.Option(help="The site's name, as the calibration states it.")],
    out: Annotated[Path, typer.Option(help="Folder for one calibration a guideline.")],
    guideline: Annotated[str | None, typer.Option(help="Only this one, as lung-rads@2022.")] = None,
    level: Annotated[float, typer.Option(help="The share of exams whose set shall hold.")] = 0.9,
    as_of: Annotated[str | None, typer.Option(help="YYYY-MM-DD, from when it counts its year; today.")] = None,
    as_json: Json = False,
) -> None:
    """Refit the calibrated sets on at least 200 signed exams of this site, never less careful than those shipped."""
    from .calibrate import calibrate as refit
    from .calibrate import shown
    from .store.cases import Store

    with Store.open(store, make=False) as kept:
        for record in refit(kept, site, out, day(as_of, "--as-of") or date.today(), guideline, level):
            typer.echo(json.dumps(record, ensure_ascii=False) if as_json else shown(record))


@app.command()
def serve(
    store: Annotated[
        str | None, typer.Option(help="The store that `assess --store` fills: a folder or PostgreSQL URL.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on; 127.0.0.1 if not set.")] = None,
    port: Annotated[int | None, typer.Option(help="The port; 8765 if not set.")] = None,
    settings: Annotated[
        Path | None, typer.Option(envvar="RADLOGIC_SETTINGS", help="The site's settings (YAML); docs/settings.md.")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="Folder of kept slices, as for `assess --images`.")] = None,
    processes: Annotated[int | None, typer.Option(help="How many processes answer; 1 if not set.")] = None,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Answer CDS clients without a token. On loopback only.")
    ] = False,
) -> None:
    """The review pages at /review, and the CDS Hooks services, over stored decisions.

    People log in (`radlogic account add`); clients of CDS Hooks bring a signed token (docs/cds-trust.md).
    """
    import gc

    gc.disable()  # while everything is loaded: nothing of it is garbage; `warm` turns it on again
    from .serving import serve as run
    from .site_settings import settings_of

    more: dict[str, Any] = {"review": {"images": images}} if images is not None else {}
    more |= {"trust": {"verify": False}} if unverified else {}
    site = settings_of(settings, store=store, host=host, port=port, processes=processes, **more)
    if not site.store:
        allowed = "a folder or a postgresql:// URL"
        raise BadValue("radlogic serve", "--store", "no store", allowed, "Name one, or set RADLOGIC_STORE.")
    sys.exit(run(site))


@app.command()
def phantom(out: Annotated[Path, typer.Argument(help="An empty or new folder.")]) -> None:
    """Write the bundled example: a drawn chest CT as DICOM, its findings, and a FHIR patient."""
    from .example import write_example

    for path in write_example(out):
        typer.echo(f"wrote {path}")
