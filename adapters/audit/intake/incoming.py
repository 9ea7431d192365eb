"""A folder of whatever form -> a folder of the audit's tables in Parquet, with what was put aside.

Parquet is audited where it lies. CSV, Bulk FHIR and the project's own store are turned into tables once, under
``<out>/tables``; started again with the same input, those tables are used as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ....engine.errors import BadValue, MissingExtra, NotReadable
from ....engine.guideline.columns import text
from ...store.database import FILE_NAME
from . import columns, export, facts

TABLES = "tables"
CURE = "Give a folder of Parquet, CSV or NDJSON files as docs/audit-input.md describes them, or a store."
Say = Callable[[str], None]


def form_of(folder: Path) -> str:
    """What a folder holds: parquet, csv, ndjson or store.

    Raises:
        NotReadable: no folder, or nothing of these. BadValue: several of them at once.
    """
    if not folder.is_dir():
        raise NotReadable(folder.name, "", "no folder", "a folder of tables or of Bulk FHIR", CURE)
    found = [form for form in ("parquet", "csv") if columns.files_of(folder, form)]
    found += ["ndjson"] * bool(export.files_of(folder)) + ["store"] * (folder / FILE_NAME).is_file()
    if not found:
        raise NotReadable(folder.name, "", "no table, no NDJSON and no store", "one of them", CURE)
    if len(found) > 1:
        raise BadValue(folder.name, "", " and ".join(found), "one form", "Put each into a folder of its own.")
    return found[0]


def tables_folder(
    folder: Path, out: Path, *, memory: str = "2GB", check: bool = False, say: Say = lambda _: None
) -> Path:
    """The folder whose Parquet tables are to be audited: the given one, or ``out/tables``, made from it.

    Args:
        check: also look at every row of Parquet tables, and audit the checked copy.

    Raises:
        NotReadable, BadValue: the input cannot be read. MissingExtra: the extra ``audit`` is absent.
    """
    form = form_of(folder)
    if form == "parquet" and not check:
        return folder
    made = out / TABLES
    plan = _plan(folder, form)
    if _told(made).get("plan") == plan:
        say("tables: already there")
        return made
    fresh = out / f".{TABLES}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
    except OSError as error:
        found = error.strerror or "a folder that cannot be written"
        raise BadValue("command line", "--out", found, "a folder that can be written", "Choose another.") from error
    with _database(memory, fresh) as database:
        told = _read(database, folder, fresh, form, say)
    (fresh / export.TOLD).write_text(_dumps({**told, "plan": plan}), encoding="utf-8")
    shutil.rmtree(made, ignore_errors=True)
    fresh.replace(made)
    _say_aside(told, made, say)
    return made


def _say_aside(told: dict[str, Any], made: Path, say: Say) -> None:
    for what, reasons in told["aside"].items():
        words = {"line": "lines that cannot be used", "reference": "lines that name what is not there",
                 "duplicate": "lines whose id stands before", "value": "values that cannot be used"}[what]  # fmt: skip
        say(f"{sum(reasons.values())} {words}: {made.parent.name}/{made.name}/aside.parquet")


def _read(database: Any, folder: Path, out: Path, form: str, say: Say) -> dict[str, Any]:
    if form == "ndjson":
        return export.read_export(database, folder, out, say)
    if form == "store":
        from .kept import read_store

        return read_store(database, folder, out, say)
    kinds = facts.known()
    return columns.read_tables(database, folder, out, kinds, form, say)


def _plan(folder: Path, form: str) -> dict[str, Any]:
    """What the tables depend on: the form, and each file's name, bytes and the hash of its ends."""
    if form == "ndjson":
        files = export.files_of(folder)
    elif form == "store":
        files = sorted(f for f in folder.iterdir() if f.name.startswith(FILE_NAME))
    else:
        files = sorted(f for listed in columns.files_of(folder, form).values() for f in listed)
    return {"form": form, "files": {f.relative_to(folder).as_posix(): _ends(f) for f in files}}


def _ends(file: Path, size: int = 2**16) -> list[Any]:
    whole = file.stat().st_size
    with file.open("rb") as stream:
        digest = hashlib.sha256(stream.read(size))
        stream.seek(max(0, whole - size))
        digest.update(stream.read())
    return [whole, digest.hexdigest()]


def _told(made: Path) -> dict[str, Any]:
    try:
        found = json.loads((made / export.TOLD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _dumps(told: Any) -> str:
    return json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n"


@contextmanager
def _database(memory: str, beside: Path) -> Iterator[Any]:
    try:
        import duckdb
    except ImportError as error:
        cure = "Install it: pip install 'radlogic[audit]'"
        raise MissingExtra("audit", "duckdb", "no such package", "the extra `audit`", cure) from error
    spill = tempfile.mkdtemp(prefix=".spill-", dir=beside)
    try:
        with duckdb.connect(config={"threads": 2, "temp_directory": spill}) as database:
            try:
                database.execute(f"SET memory_limit = {text(memory)}")
            except duckdb.Error as error:
                raise BadValue("command line", "--memory", repr(memory), "a size such as 2GB", "Correct it.") from error
            yield database
    finally:
        shutil.rmtree(spill, ignore_errors=True)
