"""A folder of Bulk FHIR -> a folder of the audit's tables."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import aside, facts
from .ndjson import read_file, read_nothing, readers, resource_of
from .sifting import Sifter
from .tables import write_tables

ENDINGS = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")
TOLD = "intake.json"


def files_of(folder: Path) -> list[Path]:
    """The NDJSON files of a folder, in order."""
    return sorted((f for f in folder.iterdir() if f.is_file() and f.name.endswith(ENDINGS)), key=lambda f: f.name)


def read_export(database: Any, folder: Path, out: Path, say: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Read an export and write the tables, ``aside.parquet`` and ``intake.json`` to ``out``.

    Raises:
        NotReadable: a file cannot be read. MissingKnowledge: the views are not there.
    """
    kinds = facts.known()
    aside.make(database)
    facts.make(database, kinds)
    database.execute("CREATE OR REPLACE TEMP TABLE files (file BIGINT, name VARCHAR)")
    stage = out / ".stage"
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(parents=True)
    read = _read_all(database, files_of(folder), stage, say)
    there = {told["resource"] for told in read.values() if told["read"]}
    for resource in sorted(readers().keys() - there):
        read_nothing(database, readers()[resource], stage)
    say("tables")
    sifter = Sifter(database, stage)
    sifter.sift(patients="Patient" in there)
    write_tables(sifter, out, kinds, there)
    told = {"form": "ndjson", "files": read, **aside.write(database, out)}
    shutil.rmtree(stage, ignore_errors=True)
    part = out / f".{TOLD}.part"
    part.write_text(aside.dumps(told), encoding="utf-8")
    part.replace(out / TOLD)
    return told


def _read_all(database: Any, files: list[Path], stage: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """Read each file that holds what some view reads; returns what is said of each."""
    told: dict[str, Any] = {}
    for number, file in enumerate(files):
        resource = resource_of(file)
        reader = readers().get(resource or "")
        told[file.name] = {"resource": resource, "read": reader is not None}
        if reader is None:
            say(f"{file.name}: {resource or 'no resource'}, which the audit does not read")
            continue
        say(f"{file.name}: {resource}")
        database.execute("INSERT INTO files VALUES (?, ?)", [number, file.name])
        told[file.name]["lines"] = read_file(database, file, number, reader, stage)
    return told
