"""A folder of Bulk FHIR -> a folder of the audit's tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import aside, facts
from .ndjson import Hands, read_file, read_nothing, readers, resource_of
from .sifting import Sifter
from .stage import Stage
from .tables import write_tables

ENDINGS = (".ndjson", ".ndjson.gz", ".jsonl", ".jsonl.gz")


def files_of(folder: Path) -> list[Path]:
    """The NDJSON files of a folder, in order."""
    return sorted((f for f in folder.iterdir() if f.is_file() and f.name.endswith(ENDINGS)), key=lambda f: f.name)


def read_export(
    database: Any, folder: Path, out: Path, stage: Stage, say: Callable[[str], None] = lambda _: None
) -> dict[str, Any]:
    """Read an export and write the tables and ``aside.parquet`` to ``out``; returns what is said of them.

    ``stage``: what was read of it so far, and where the rest goes.

    Raises:
        NotReadable: a file cannot be read. MissingKnowledge: the views are not there.
    """
    kinds = facts.known()
    aside.make(database)
    database.execute("CREATE OR REPLACE TEMP TABLE files (file BIGINT, name VARCHAR)")
    with Hands(kinds) as hands:
        read = _read_all(database, hands, files_of(folder), stage, say)
        there = {told["resource"] for told in read.values() if told["read"]}
        for resource in sorted(readers().keys() - there):
            read_nothing(hands, readers()[resource], stage)
    say("tables")
    sifter = Sifter(database, stage)
    sifter.sift(patients="Patient" in there)
    write_tables(sifter, out, kinds, there)
    return {"form": "ndjson", "files": read, **aside.write(database, out)}


def _read_all(
    database: Any, hands: Hands, files: list[Path], stage: Stage, say: Callable[[str], None]
) -> dict[str, Any]:
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
        told[file.name]["lines"] = read_file(hands, file, number, reader, stage)
    return told
