"""``radlogic audit FOLDER``: a population in tables, Bulk FHIR or a store, by ``knowledge/measures``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

from ...engine.errors import BadValue
from . import at_scale, reported, what_if
from .intake.incoming import tables_folder
from .layout import files_of
from .spark.session import checked


def say(text: str) -> None:
    """Progress, to standard error."""
    sys.stderr.write(text + "\n")


def audit_folder(
    folder: Path,
    out: Path,
    as_of: date,
    measures: Sequence[str] = (),
    settings: Sequence[str] = (),
    *,
    memory: str = "2GB",
    by_measure: bool = False,
    texts: bool = False,
    check_rows: bool = False,
    engine: str = at_scale.DUCKDB,
) -> list[Path]:
    """Audit a folder of tables, of Bulk FHIR or of a store; given again after an interruption, it goes on.

    What is no Parquet is made into tables first, in ``out/tables``, with what could not be used beside them. With
    ``texts`` what no structured statement tells is read from the exams' texts; the places stand in ``out/texts``.
    With ``check_rows`` every row of Parquet is looked at as those of other forms are, and a checked copy is audited.
    DuckDB does all of that, whichever ``engine`` (``duckdb``, or Spark as ``local[2]``, ``spark://host:port``) audits.

    Raises:
        InputError: the input or what is asked cannot be used. MissingExtra: the extra ``audit`` is absent.
    """
    checked(engine)
    own = _settings(settings)
    files_of(folder)  # refuses a table that is there in two forms, before any work
    tables = tables_folder(folder, out, memory=memory, check=check_rows, begun=at_scale.begun(out), say=say)
    order = at_scale.Order(tables, out, as_of, tuple(measures), own, memory)
    done = at_scale.run(replace(order, texts=texts, engine=engine), say)
    return list(reported.write_all(done, by_measure=by_measure, say=say).values())


def what_if_folder(
    folder: Path, out: Path, as_of: date, pair: tuple[str, str], settings: Sequence[str] = (), *,
    memory: str = "2GB", engine: str = at_scale.DUCKDB,
) -> str:  # fmt: skip
    """Who changes category between two editions, as JSON; the files are in the folder.

    Raises:
        InputError, MissingExtra: as ``audit_folder``. UnknownGuideline: there is no such edition. BadValue: Spark is
            asked for, which does not compare.
    """
    if checked(engine) != at_scale.DUCKDB:
        raise BadValue("command line", "--engine", repr(engine), at_scale.DUCKDB, "Compare editions with DuckDB.")
    own = _settings(settings)
    tables = tables_folder(folder, out, memory=memory, begun=at_scale.begun(out), say=say)
    order = at_scale.Order(tables, out, as_of, (), own, memory)
    return json.dumps(what_if.compare(order, what_if.pair(*pair), say), indent=2, ensure_ascii=False, default=str)


def _settings(given: Sequence[str]) -> dict[str, str]:
    """Settings by name. Raises: BadValue, also where one is given twice."""
    named = [_named(text) for text in given]
    names = [name for name, _ in named]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise BadValue("command line", "--setting", f"{twice} twice", "each setting once", "Leave out one of them.")
    return dict(named)


def _named(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise BadValue("command line", "--setting", "another text", "name=value", "Write --setting grace_days=14.")
    return name, value
