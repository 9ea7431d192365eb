"""``radlogic rules ...``: what authors do with guidelines, shipped ones and a hospital's own."""

from __future__ import annotations

import json
import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ...engine.errors import BadValue

rules = typer.Typer(help="Check, compare, export, begin and explain guidelines.", no_args_is_help=True)
NOT_FINE, BAD_RULES = 1, 2

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Folders = Annotated[list[Path] | None, typer.Option("--rules", help="A folder of further guidelines; may be repeated.")]
Out = Annotated[Path | None, typer.Option(help="A file to write; standard output if not given.")]
Name = Annotated[str, typer.Argument(help="lung-rads@2022, li-rads-ct-mri@2018, ...; without @ the newest")]


class Form(StrEnum):
    """What other engines read."""

    DMN = "dmn"
    PLAN_DEFINITION = "plan-definition"
    SQL = "sql"


class Dialect(StrEnum):
    """The dialects of SQL that are tested."""

    DUCKDB = "duckdb"
    SPARK = "spark"


class Level(StrEnum):
    """Whether a query answers each finding, or each exam."""

    FINDINGS = "findings"
    EXAMS = "exams"


@rules.command()
def check(
    guideline: Annotated[
        str | None, typer.Argument(help="One edition, or all of one guideline; all if not given.")
    ] = None,
    folders: Folders = None,
    as_json: Json = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a row, case or proof fails.")] = False,
) -> None:
    """Rows, cases, coverage of rows by cases, compiled nodes, proofs and silent spots of each guideline."""
    from .check import Broken, check_all, names_of, shown

    roots = _roots(folders)
    found = list(check_all(names_of(guideline, roots), roots))
    broken = [item for item in found if isinstance(item, Broken)]
    if as_json:
        records = {
            "guidelines": [i.as_record() for i in found if i not in broken],
            "broken": [b.as_record() for b in broken],
        }
        typer.echo(json.dumps(records, ensure_ascii=False, default=str))
    else:
        typer.echo(shown(found))
    fine = all(not isinstance(item, Broken) and item.fine for item in found)
    sys.exit(BAD_RULES if broken else NOT_FINE if strict and not fine else 0)


@rules.command()
def diff(
    a: Annotated[str, typer.Argument(help="The edition before, as lung-rads@1.1.")],
    b: Annotated[str, typer.Argument(help="The edition after; the same name twice is ours against that of --rules.")],
    folders: Folders = None,
    as_json: Json = False,
) -> None:
    """Which patients change category or management from one edition to another: each region with one of them."""
    from .diff import diff as differences
    from .diff import pair, shown

    roots = _roots(folders)
    found = differences(*pair(_edition(a, roots), _edition(b, roots), roots))
    typer.echo(json.dumps(found.as_record(), ensure_ascii=False, default=str) if as_json else shown(found))


@rules.command()
def export(
    guideline: Name,
    form: Annotated[Form, typer.Option("--as", help="What the other engine reads.")],
    dialect: Annotated[Dialect | None, typer.Option(help="For sql; duckdb if not given.")] = None,
    level: Annotated[Level | None, typer.Option(help="For sql: a query on findings, or on exams.")] = None,
    out: Out = None,
    folders: Folders = None,
) -> None:
    """Write a guideline as DMN 1.3, as FHIR PlanDefinition or as SQL."""
    from ...engine.guideline.load import load_guideline
    from .export import exported

    if form is not Form.SQL and (dialect or level):
        found = f"--dialect or --level with {form}"
        raise BadValue("command line", "--dialect, --level", found, "only with --as sql", "Leave it out.")
    roots = _roots(folders)
    loaded = load_guideline(_edition(guideline, roots), roots)
    made = exported(loaded, form, dialect or Dialect.DUCKDB, level or Level.FINDINGS)
    _put(made.text, out)
    for line in made.left_out:
        typer.echo(f"left out: {line}", err=True)


@rules.command()
def new(
    name: Annotated[str, typer.Argument(help="As call-back or call-back@2026; edition 1 if none is given.")],
    into: Annotated[Path, typer.Option("--in", help="The rules folder to write into.")] = Path("my-rules"),
) -> None:
    """Begin a guideline: a folder that loads, answers one case, and says what to fill in. Never overwrites."""
    from .new import new as begin

    folder = begin(name, into, date.today())
    typer.echo(f"wrote {folder}\nnext: radlogic rules check {folder.parent.name}@{folder.name} --rules {into}")


@rules.command()
def explain(guideline: Name, out: Out = None, folders: Folders = None) -> None:
    """Render a guideline's tables for a radiologist: one page, nothing loaded from elsewhere."""
    from .explain import page

    roots = _roots(folders)
    _put(page(_edition(guideline, roots), roots), out)


def _roots(folders: list[Path] | None) -> tuple[Path, ...]:
    """The folders given, each of which holds a guideline: a path one level off would else be passed over in silence."""
    from ...engine.guideline.editions import editions

    for folder in folders or ():
        if next(editions(folder), None) is None:
            allowed = "a folder that holds <guideline>/<edition>/guideline.yaml"
            raise BadValue("command line", "--rules", f"{folder}, which has no guideline", allowed, "Name that folder.")
    return tuple(folders or ())


def _edition(name: str, folders: tuple[Path, ...]) -> str:
    """A name with its edition: the newest where none is given."""
    from ...engine.guideline.load import in_force

    return name if "@" in name else in_force(name, None, folders)[0]


def _put(text: str, out: Path | None) -> None:
    """To a file, whole or not at all, or to standard output."""
    from ..assess import write_files

    if out is None:
        typer.echo(text, nl=not text.endswith("\n"))
        return
    written = write_files({out.name: text}, out.parent)
    typer.echo(f"wrote {written[out.name]}")
