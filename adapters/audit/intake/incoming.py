"""A folder of whatever form -> a folder of the audit's tables in Parquet, with what was put aside.

Parquet is audited where it lies. CSV, Bulk FHIR and the project's own store are turned into tables once, under
``<out>/tables``; started again with the same input, those tables are used as they are.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ....engine.errors import BadValue, NotReadable
from ...store.database import FILE_NAME
from ..duck import duck, writable
from ..held import held, sha256_of, states
from . import columns, export, facts, told
from .settings import intake, views
from .stage import FORM, Stage

TABLES, STAGE = "tables", ".tables.read"  # the second: what of an export is read, until all of it is
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
    folder: Path, out: Path, *, memory: str = "2GB", check: bool = False, begun: bool = False,
    say: Say = lambda _: None,
) -> Path:  # fmt: skip
    """The folder whose Parquet tables are to be audited: the given one, or ``out/tables``, made from it.

    Args:
        check: also look at every row of Parquet tables, and audit the checked copy.
        begun: whether ``out`` has results of an audit; its tables are theirs, and are not made anew.

    Raises:
        NotReadable, BadValue: the input cannot be read, or ``out`` is that of other input. MissingExtra: the extra
            ``audit`` is absent.
    """
    form = form_of(folder)
    if form == "parquet" and not check:
        return folder
    made = out / TABLES
    files = _files(folder, form)
    before = states(files if form != "store" else ())  # a store is read as it was at one moment, whoever writes
    plan = _plan(folder, form, files)
    if _told(made).get("plan") == plan:
        say("tables: already there")
        shutil.rmtree(out / STAGE, ignore_errors=True)
        return made
    if begun:
        allowed = "an empty folder, or one with the same input"
        raise BadValue("command line", "--out", "the results of another audit", allowed, "Choose another.")
    fresh = out / f".{TABLES}.part"
    shutil.rmtree(fresh, ignore_errors=True)
    with writable():
        fresh.mkdir(parents=True)
    with held(before, lambda: _forget(fresh, out / STAGE)), duck(memory, 2, (folder, fresh), fresh) as database:
        read = _read(database, folder, fresh, plan, say)
    (fresh / told.FILE).write_text(_dumps({**read, "plan": plan}), encoding="utf-8")
    shutil.rmtree(made, ignore_errors=True)
    fresh.replace(made)
    shutil.rmtree(out / STAGE, ignore_errors=True)
    _say_aside(read, made, say)
    return made


def _say_aside(read: dict[str, Any], made: Path, say: Say) -> None:
    for what, reasons in read["aside"].items():
        words = {"line": "lines that cannot be used", "reference": "lines that name what is not there",
                 "duplicate": "lines whose id stands before", "value": "values that cannot be used"}[what]  # fmt: skip
        say(f"{sum(reasons.values())} {words}: {made.parent.name}/{made.name}/aside.parquet")


def _read(database: Any, folder: Path, out: Path, plan: dict[str, Any], say: Say) -> dict[str, Any]:
    form = plan["form"]
    if form == "ndjson":
        return export.read_export(database, folder, out, Stage.of(out.parent / STAGE, plan), say)
    if form == "store":
        from .kept import read_store

        return read_store(database, folder, out, say)
    kinds = facts.known()
    return columns.read_tables(database, folder, out, kinds, form, say)


def _files(folder: Path, form: str) -> list[Path]:
    if form == "ndjson":
        return export.files_of(folder)
    if form == "store":
        return sorted(f for f in folder.iterdir() if f.name.startswith(FILE_NAME))
    return sorted(f for listed in columns.files_of(folder, form).values() for f in listed)


def _plan(folder: Path, form: str, files: Sequence[Path]) -> dict[str, Any]:
    """What the tables depend on: the form, each file's name and the hash of its bytes, and what they are read by."""
    hashes = {f.relative_to(folder).as_posix(): sha256_of(f) for f in files}
    return {"form": form, "files": hashes, "read_by": _reading(), "radlogic": version("radlogic")}


def _reading() -> str:
    """The hash of the views, the words and the facts, and of the form in which rows are kept on the way."""
    known = [(role, f.name, f.kind, f.columns, str(f.low), str(f.high), f.words, sorted(f.of))
             for role, held in facts.known().items() for f in held.values()]  # fmt: skip
    by = [FORM, intake().model_dump(), {name: view.model_dump() for name, view in views().items()}, known]
    return hashlib.sha256(json.dumps(by, default=str).encode()).hexdigest()


def _forget(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _told(made: Path) -> dict[str, Any]:
    try:
        found = json.loads((made / told.FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _dumps(told: Any) -> str:
    return json.dumps(told, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
