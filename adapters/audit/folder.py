"""``radlogic audit FOLDER``: a population in tables, by the measures of ``knowledge/measures``."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from ...engine.errors import BadValue
from . import at_scale, reported, what_if


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
) -> list[Path]:
    """Audit the tables and write all files; given again after an interruption, it goes on.

    Raises:
        InputError: the input or what is asked cannot be used. MissingExtra: the extra ``audit`` is absent.
    """
    done = at_scale.run(_order(folder, out, as_of, measures, settings, memory), say)
    return list(reported.write_all(done, by_measure=by_measure, say=say).values())


def what_if_folder(folder: Path, out: Path, as_of: date, pair: tuple[str, str], settings: Sequence[str] = ()) -> str:
    """Who changes category between two editions, as JSON; the files are in the folder.

    Raises:
        InputError, MissingExtra: as ``audit_folder``. UnknownGuideline: there is no such edition.
    """
    order = _order(folder, out, as_of, (), settings, "2GB")
    return json.dumps(what_if.compare(order, what_if.pair(*pair), say), indent=2, ensure_ascii=False, default=str)


def _order(
    folder: Path, out: Path, as_of: date, measures: Sequence[str], settings: Sequence[str], memory: str
) -> at_scale.Order:
    return at_scale.Order(folder, out, as_of, tuple(measures), dict(map(_named, settings)), memory)


def _named(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise BadValue("command line", "--setting", "another text", "name=value", "Write --setting grace_days=14.")
    return name, value
