# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""Bulk FHIR -> the views' columns as Parquet: each file is read once, and each line parsed once for all views of it.

A file holds one type of resource (hl7.org/fhir/uv/bulkdata). DuckDB parses a block of lines into a STRUCT of what
the views read; every view is a projection of that. A line that is no JSON, or whose elements are not of the form
that FHIR gives them, is put aside.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ....engine.errors import InputError
from ....engine.guideline.columns import text
from ...fhir.jsonfile import parse
from ..views.elements import NUMBERS, PRIMITIVES, elements
from ..views.rows import CompiledView, compile_view
from ..views.values import Shape
from . import aside, facts
from .aside import Aside
from .lines import Block, blocks, empty
from .settings import views

KEYS = ("file", "line")
WORKERS = 2
LENIENT = (",}", ",]", "NaN", "Infinity")
FORMS = {"boolean": ("BOOLEAN",), "text": ("VARCHAR",), "number": ("UBIGINT", "BIGINT", "DOUBLE", "HUGEINT")}


@dataclass(frozen=True)
class Reader:
    """How the lines of a resource are read: one shape, and what is selected from it, by the name of its rows."""

    resource: str
    shape: Shape
    prepared: str | None
    selects: dict[str, str]
    path: str  # of the elements whose form is looked at
    forms: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, resource: str, kinds: facts.Facts) -> Reader:
        """The reader of a resource that some view reads."""
        shape = Shape(resource)
        compiled = {n: compile_view(v, f"view {n}", shape) for n, v in views().items() if v.resource == resource}
        names = [name for name in shape.members if name != "resourceType"]
        listed = ", ".join(text(f"$.{name}") for name in ("resourceType", *names))
        forms = (("VARCHAR",), *(_form(resource, name) for name in names))
        prepared, selects = _selects(compiled, kinds)
        return cls(resource, shape, prepared, selects, f"[{listed}]", forms)

    def names(self) -> list[str]:
        """The elements whose form is looked at, in order."""
        return [name for name in self.shape.members if name != "resourceType"]


def _selects(compiled: dict[str, CompiledView], kinds: facts.Facts) -> tuple[str | None, dict[str, str]]:
    if "observations" in compiled:
        prepared = facts.prepare(compiled["observations"], compiled["observation_parts"], "parsed")
        return prepared, facts.selects(kinds)
    return None, {name: view.select("parsed", KEYS) for name, view in compiled.items()}


def _form(resource: str, name: str) -> tuple[str, ...]:
    element = elements(resource)[name]
    if element.many:
        return ("ARRAY",)
    if element.kind not in PRIMITIVES:
        return ("OBJECT",)
    return FORMS["boolean" if element.kind == "boolean" else "number" if element.kind in NUMBERS else "text"]


def read_file(database: Any, path: Path, number: int, reader: Reader, out: Path) -> int:
    """Read a file into ``out/<rows>/<file>-<block>.parquet``, two blocks at a time; returns its lines.

    Blank lines are none.

    Raises:
        NotReadable: the file cannot be read.
    """
    lines, running = 0, deque[Future[list[Aside]]]()
    with ThreadPoolExecutor(WORKERS) as workers:
        for at, block in enumerate(blocks(path)):
            lines += block.table.num_rows + len(block.unreadable)
            running.append(workers.submit(_read_block, database, block, path.name, number, reader, out, at))
            if len(running) > WORKERS:  # so that few blocks are in memory
                aside.put(database, running.popleft().result())
        for one in running:
            aside.put(database, one.result())
    return lines


def read_nothing(database: Any, reader: Reader, out: Path) -> None:
    """The same columns without a row, for a resource of which there is no file."""
    _read_block(database, empty(), "", -1, reader, out, 0)


def _read_block(database: Any, block: Block, name: str, number: int, reader: Reader, out: Path, at: int) -> list[Aside]:
    """Read a block into its Parquet files, over a connection of its own; returns what goes aside."""
    found = [Aside(name, line, "line", why) for line, why in block.unreadable.items()]
    with database.cursor() as own:
        own.register("block", block.table)
        own.execute(
            f"CREATE OR REPLACE TEMP TABLE looked AS SELECT {number} AS file, line, "
            f"TRY(json_type(text, {reader.path})) AS forms, {_doubtful()} AS doubtful, "
            f"TRY(from_json(text, {reader.shape.structure()})) AS r FROM block"
        )
        bad = _bad_lines(own, name, reader)
        left = f" WHERE line NOT IN ({', '.join(str(b.line) for b in bad)})" if bad else ""
        own.execute(f"CREATE OR REPLACE TEMP VIEW parsed AS SELECT file, line, r FROM looked{left}")
        if reader.prepared:
            own.execute(reader.prepared)
        for rows, query in reader.selects.items():
            file = out / rows / f"{number:04}-{at:05}.parquet"
            file.parent.mkdir(parents=True, exist_ok=True)
            own.execute(f"COPY ({query}) TO {text(str(file))} (FORMAT parquet, COMPRESSION snappy)")
        for made in ("obs", "looked"):
            own.execute(f"DROP TABLE IF EXISTS {made}")
    return found + bad


def _doubtful() -> str:
    """Whether something stands in the line that DuckDB reads and JSON does not allow; the strict reader decides."""
    return f"({' OR '.join(f'contains(text, {text(sign)})' for sign in LENIENT)})"


def _bad_lines(database: Any, name: str, reader: Reader) -> list[Aside]:
    """The lines that cannot be read as this resource, each with the reason."""
    wrong = " OR ".join(
        f"forms[{i}] NOT IN ({', '.join(map(text, allowed))})" for i, allowed in enumerate(reader.forms, 1)
    )
    kept = {f"struct_extract(r, 'resourceType') IS DISTINCT FROM {text(reader.resource)}",
            "struct_extract(r, 'id') IS NULL", "len(struct_extract(r, 'id')) = 0"}  # fmt: skip
    asked = f"r IS NULL OR forms IS NULL OR {wrong} OR {' OR '.join(sorted(kept))} OR doubtful"
    rows = database.execute(
        f"SELECT l.line, l.unread, b.text FROM (SELECT line, r IS NULL AS unread FROM looked WHERE {asked}) l "
        "JOIN block b USING (line) ORDER BY l.line"
    ).fetchall()
    found = (_reason(content, line, name, reader, unread=unread) for line, unread, content in rows)
    return [one for one in found if one is not None]


def _reason(content: str, line: int, name: str, reader: Reader, *, unread: bool) -> Aside | None:
    """Why a line cannot be used, by the strict reader; None where it can, or where it is blank."""
    if not content.strip():
        return None
    try:
        found = parse(content.encode("utf-8", "surrogatepass"), where=name)
    except InputError as error:
        return Aside(name, line, "line", error.found)
    why, element = _wrong(found, reader)
    if not why and unread:
        why = "text that is no Unicode"
    return Aside(name, line, "line", why, element) if why else None


def _wrong(found: Any, reader: Reader) -> tuple[str, str]:
    """What is wrong with a resource, and of which element; nothing where it is in order."""
    if not isinstance(found, dict):
        return "no object", ""
    kind = found.get("resourceType")
    if kind != reader.resource:
        return ("another resource than its file" if isinstance(kind, str) else "no resourceType"), "resourceType"
    for element, forms in zip(reader.names(), reader.forms[1:], strict=True):
        held = found.get(element)
        if held is not None and not _has_form(held, forms):
            return f"not of the form {_words(forms)}", element
    return ("", "") if found.get("id") else ("no id", "id")


def _has_form(value: Any, forms: Sequence[str]) -> bool:
    kinds: dict[str, Any] = {"ARRAY": list, "OBJECT": dict, "VARCHAR": str, "BOOLEAN": bool}
    if forms[0] in kinds:
        return isinstance(value, kinds[forms[0]])
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(forms: Sequence[str]) -> str:
    return {"ARRAY": "list", "OBJECT": "object", "VARCHAR": "text", "BOOLEAN": "yes or no"}.get(forms[0], "number")


def resource_of(path: Path) -> str | None:
    """The type of a file's resources: what its name says, else what its first readable line says."""
    stem = path.name.split(".")[0]
    named = next((r for r in resources() if stem.split("-")[0] == r), None)
    return named or _first_type(path)


def resources() -> list[str]:
    """The resources that some view reads."""
    return sorted({view.resource for view in views().values()})


@lru_cache(maxsize=1)
def readers() -> dict[str, Reader]:
    """How each of them is read."""
    return {resource: Reader.of(resource, facts.known()) for resource in resources()}


def _first_type(path: Path) -> str | None:
    for block in blocks(path):
        for content in block.table["text"].to_pylist()[:100]:
            try:
                found = json.loads(content)
            except ValueError:
                continue
            if isinstance(found, dict) and isinstance(found.get("resourceType"), str):
                return str(found["resourceType"])
        return None
    return None
