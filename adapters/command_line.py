"""What the commands of ``radlogic`` share: options, exit codes, how input is read and answers are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from ..engine.errors import NotReadable

NEEDS_HUMAN, BAD_INPUT = 1, 2

Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Strict = Annotated[bool, typer.Option("--strict", help="Exit with 1 where the answer needs a human.")]
File = Annotated[str, typer.Argument(help="A file, or - for standard input.")]


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
    """A day given on the command line, or None where none is.

    Raises:
        BadValue: it is no YYYY-MM-DD.
    """
    from .cases import read_date

    return read_date(text, "command line", option) if text else None


@contextmanager
def progress(*, shown: bool) -> Iterator[Any]:
    """Yield what tells a progress bar on standard error (slices read, of how many); None where ``shown`` is False."""
    if not shown:
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("reading slices", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def print_records(records: Iterator[dict[str, Any]], shown: Callable[[dict[str, Any]], str], *, as_json: bool) -> None:
    """One object a line, or each for a person; exits with 2 where one is an error, after all have been printed."""
    bad = False
    for record in records:
        bad |= "error" in record
        text = json.dumps(record, ensure_ascii=False) if as_json else shown(record)
        typer.echo(text, err="error" in record and not as_json)
    sys.exit(BAD_INPUT if bad else 0)
