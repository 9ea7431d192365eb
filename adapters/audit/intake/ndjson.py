# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""Bulk FHIR -> the views' columns as Parquet: each file is read once, and each line parsed once for all views of it.

A file holds one type of resource (hl7.org/fhir/uv/bulkdata). DuckDB parses a block of lines into a STRUCT of what
the views read; every view is a projection of that. A line that is no JSON, or whose elements are not of the form
that FHIR gives them, is put aside.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import local
from typing import Any, Self

from ....engine.errors import InputError
from ....engine.guideline.columns import quoted, text
from ...fhir.jsonfile import parse
from ..views.elements import NUMBERS, PRIMITIVES, elements
from ..views.rows import CompiledView, compile_view
from ..views.values import Shape
from . import aside, facts
from .aside import Aside
from .forms import looked_at, suspicious, wrong
from .lines import Block, blocks, empty
from .parts import Parts
from .pivot import OF_EXAM, STATED, Pivot
from .settings import intake, views
from .stage import Mark, Stage

KEYS = ("file", "line")
WORKERS = 2
MEMORY = "512MB"  # for each of them; a block takes some hundred
NO_ID = "no id"
NAMED = "Patient"  # of these a line without an id is of no use; of all others the event, or the finding, is still one
LENIENT = (",}", ",]", "NaN", "Infinity")  # DuckDB reads them, JSON does not allow them; the strict reader decides
OBSERVATIONS, ASIDE = "observations", "aside"
FORMS = {"boolean": ("BOOLEAN",), "text": ("VARCHAR",), "number": ("UBIGINT", "BIGINT", "DOUBLE", "HUGEINT")}


@dataclass(frozen=True)
class Reader:
    """How the lines of a resource are read: one shape, and what is selected from it, by the name of its rows."""

    resource: str
    shape: Shape
    structure: str
    selects: Mapping[str, str]
    pivot: Pivot | None  # Observations: what is selected goes through it
    forms: Mapping[str, tuple[str, ...]]  # the elements whose form is looked at

    @classmethod
    def of(cls, resource: str, kinds: facts.Facts) -> Reader:
        """The reader of a resource that some view reads."""
        shape = Shape(resource)
        compiled = {n: compile_view(v, f"view {n}", shape) for n, v in views().items() if v.resource == resource}
        forms = {name: _form(resource, name) for name in shape.members if name != "resourceType"}
        if OBSERVATIONS not in compiled:
            selects = {name: _id_or_none(view.select("parsed", KEYS)) for name, view in compiled.items()}
            return cls(resource, shape, shape.structure(), selects, None, forms)
        view = compiled[OBSERVATIONS]
        parts = Parts.of(compiled["observation_parts"], shape, view)
        selects = {OBSERVATIONS: _observations(view, parts)}
        structure = shape.structure(as_json=parts.element)
        return cls(resource, shape, structure, selects, Pivot.of(parts, kinds), forms)


def _id_or_none(query: str) -> str:
    """Rows whose id is NULL where none stands there."""
    return f"SELECT * REPLACE (nullif(id, '') AS id) FROM ({query})"


def _observations(view: CompiledView, parts: Parts) -> str:
    """An Observation a row, with its role, what it states, and the JSON of its components if it has a role."""
    singles = ", ".join(f"{sql} AS {quoted(n)}" for n, (sql, _) in view.rows.single.items())
    listed = f"struct_extract(r, {text(parts.element)}) AS parts"
    inner = f"SELECT file, line, {singles}, {listed} FROM parsed{view.where()}"
    stated = ", ".join(STATED + OF_EXAM).replace("resource_status", "status AS resource_status")
    roled = f"SELECT *, {_role()} AS role FROM ({inner})"
    return _id_or_none(
        f"SELECT file, line, role, what, {stated}, "
        f"CASE WHEN role IS NOT NULL THEN parts::VARCHAR[] END AS parts FROM ({roled})"
    )


def _role() -> str:
    """Whether an Observation is the assessment of an exam, or a finding."""
    marks = intake().assessment
    texts, codes = (", ".join(map(text, words)) for words in (marks.text, marks.codes))
    is_own = f"len(list_filter(codes, lambda c: ends_with(c, {text(marks.own)}))) > 0"
    return (
        f"CASE WHEN what IN ({texts}) OR list_has_any(codes, [{codes}]) OR {is_own} THEN 'assessment' "
        f"WHEN what IN ({', '.join(map(text, intake().findings))}) THEN 'finding' END"
    )


def _form(resource: str, name: str) -> tuple[str, ...]:
    element = elements(resource)[name]
    if element.many:
        return ("ARRAY",)
    if element.kind not in PRIMITIVES:
        return ("OBJECT",)
    return FORMS["boolean" if element.kind == "boolean" else "number" if element.kind in NUMBERS else "text"]


class Hands:
    """Threads that read blocks, each with a DuckDB of its own and one thread: none waits for another's work."""

    def __init__(self, kinds: facts.Facts) -> None:
        self.kinds, self.own, self.opened = kinds, local(), list[Any]()

    def __enter__(self) -> Self:
        self.threads = ThreadPoolExecutor(WORKERS, initializer=self._open)
        return self

    def __exit__(self, *_: object) -> None:
        self.threads.shutdown(cancel_futures=True)
        for database in self.opened:
            database.close()

    def _open(self) -> None:
        import duckdb

        self.own.database = duckdb.connect(config={"threads": 1, "memory_limit": MEMORY})
        self.opened.append(self.own.database)
        facts.make(self.own.database, self.kinds)

    def read(self, block: Block, name: str, number: int, reader: Reader, stage: Stage, at: int) -> Future[Mark]:
        """Begin to read a block."""
        return self.threads.submit(lambda: _read_block(self.own.database, block, name, number, reader, stage, at))


def read_file(hands: Hands, path: Path, number: int, reader: Reader, stage: Stage) -> int:
    """Read a file into the stage, from where it was left; returns its lines. Blank lines are none.

    Raises:
        NotReadable: the file cannot be read.
    """
    done = stage.done(number)
    lines, running = sum(mark.lines for mark in done), deque[Future[Mark]]()
    first, start = (done[-1].last + 1, done[-1].end) if done else (1, 0)
    for at, block in enumerate(blocks(path, first, start), len(done)):
        running.append(hands.read(block, path.name, number, reader, stage, at))
        if len(running) > WORKERS:  # so that few blocks are in memory
            lines += running.popleft().result().lines
    return lines + sum(one.result().lines for one in running)


def read_nothing(hands: Hands, reader: Reader, stage: Stage) -> None:
    """The same columns without a row, for a resource of which there is no file."""
    hands.read(empty(), "", -1, reader, stage, 0).result()


def _read_block(database: Any, block: Block, name: str, number: int, reader: Reader, stage: Stage, at: int) -> Mark:
    """Read a block into its files; what goes aside is one of them."""
    found = [Aside(name, line, "line", why) for line, why in block.unreadable.items()]
    database.register("block", block.table)
    database.execute(
        f"CREATE OR REPLACE TEMP TABLE looked AS SELECT {number} AS file, line, r, "
        f"{suspicious(reader.forms, reader.shape)} AS suspicious "
        f"FROM (SELECT line, text, TRY(from_json(text, {reader.structure})) AS r FROM block)"
    )
    bad = _bad_lines(database, block, name, reader)
    lines = ", ".join(str(b.line) for b in bad if b.what == "line")
    left = f" WHERE line NOT IN ({lines})" if lines else ""
    database.execute(f"CREATE OR REPLACE TEMP VIEW parsed AS SELECT file, line, r FROM looked{left}")
    for rows, table in _rows(database, reader).items():
        stage.keep(rows, number, at, table)
    database.execute("DROP TABLE looked")
    database.unregister("block")
    stage.keep(ASIDE, number, at, aside.table(found + bad))
    return stage.mark(number, at, Mark(block.table.num_rows + len(block.unreadable), block.last, block.end))


def _rows(database: Any, reader: Reader) -> dict[str, Any]:
    """The rows of a block as Arrow tables, by name."""
    found = {name: database.sql(query).to_arrow_table() for name, query in reader.selects.items()}
    return reader.pivot.tables(database, found[OBSERVATIONS]) if reader.pivot else found


def _bad_lines(database: Any, block: Block, name: str, reader: Reader) -> list[Aside]:
    """The lines that cannot be read as this resource, each with the reason; the strict reader has the last word."""
    asked = [f"struct_extract(r, 'resourceType') IS DISTINCT FROM {text(reader.resource)}", "r IS NULL",
             "coalesce(struct_extract(r, 'id'), '') = ''"]  # fmt: skip
    unread = dict(database.execute(f"SELECT line, r IS NULL FROM looked WHERE {' OR '.join(asked)}").fetchall())
    lines = {*unread, *_misformed(database, block, reader), *(_lenient(database) if block.doubtful else ())}
    rows = _held(block, lines).to_pylist() if lines else []
    found = (_reason(r["text"], r["line"], name, reader, unread=unread.get(r["line"], False)) for r in rows)
    return [one for one in found if one is not None]


def _held(block: Block, lines: Iterable[int]) -> Any:
    """Lines of a block."""
    import pyarrow as pa
    import pyarrow.compute as pc

    return block.table.filter(pc.is_in(block.table["line"], pa.array(sorted(lines), pa.int64())))


def _misformed(database: Any, block: Block, reader: Reader) -> list[int]:
    """The lines with an element of another form: the suspicious ones are parsed again for it."""
    suspects = [line for (line,) in database.execute("SELECT line FROM looked WHERE suspicious").fetchall()]
    if not suspects:
        return []
    database.register("suspect", _held(block, suspects))
    forms = f"SELECT line, TRY({looked_at(reader.forms)}) AS forms FROM suspect"
    found = database.execute(f"SELECT line FROM ({forms}) WHERE forms IS NULL OR {wrong(reader.forms, 'forms')}")
    return [line for (line,) in found.fetchall()]


def _lenient(database: Any) -> list[int]:
    """The lines with a sign that DuckDB lets pass."""
    signs = " OR ".join(f"contains(text, {text(sign)})" for sign in LENIENT)
    return [line for (line,) in database.execute(f"SELECT line FROM block WHERE {signs}").fetchall()]


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
    what = "value" if why == NO_ID and not unread and reader.resource != NAMED else "line"
    return Aside(name, line, what, why, element) if why else None


def _wrong(found: Any, reader: Reader) -> tuple[str, str]:
    """What is wrong with a resource, and of which element; nothing where it is in order."""
    if not isinstance(found, dict):
        return "no object", ""
    kind = found.get("resourceType")
    if kind != reader.resource:
        return ("another resource than its file" if isinstance(kind, str) else "no resourceType"), "resourceType"
    for element, forms in reader.forms.items():
        held = found.get(element)
        if held is not None and not _has_form(held, forms):
            return f"not of the form {_words(forms)}", element
    return ("", "") if found.get("id") else (NO_ID, "id")


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
