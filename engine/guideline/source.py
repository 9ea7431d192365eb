"""A guideline's folder -> one checked, plain document (what is hashed, compiled and cached)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import Incomplete, Overlap, RuleError, RuleFileError
from . import yamlfile
from .editions import Folder, files_of, hash_of
from .grammar import mistake
from .language import Guideline, InputsFile, TableFile
from .yamlfile import Lines, Place

HEAD, INPUTS, TABLES = "guideline", "inputs", "tables"


@dataclass(frozen=True, slots=True)
class Source:
    """A document and where each part of it stands.

    ``files``: the name of each file, from the guideline's folder on, and its lines; ``origin``: for each table
    of the document its file and its number there.
    """

    document: dict[str, Any]
    files: Mapping[str, Lines]
    head: str
    inputs: str
    origin: tuple[tuple[str, int], ...]

    def fail(self, place: Place, found: str, allowed: str, cure: str) -> RuleFileError:
        """The error at a place of the document."""
        file, within = self.within(place)
        return RuleFileError(file, yamlfile.where(self.files[file], within), found, allowed, cure)

    def within(self, place: Place) -> tuple[str, Place]:
        """The file of a place of the document, and the place in that file."""
        part, *rest = place
        if part != TABLES:
            return self.head if part == HEAD else self.inputs, tuple(rest)
        table, *inner = rest
        file, number = self.origin[int(table)]
        return file, (TABLES, number, *inner)

    def line(self, place: Place) -> int:
        """The line of a place of the document in its file."""
        file, within = self.within(place)
        return yamlfile.line_of(self.files[file], within)


def read(folder: Folder) -> dict[str, Any]:
    """The folder as one plain JSON-like document: ``guideline``, ``inputs``, ``tables``, ``sha256``.

    Raises:
        RuleFileError: a file breaks the rule language, or speaks of what is not there; the error names file,
            line and key.
    """
    from .sound import check

    source = parsed(folder)
    check(source)
    return source.document


def parsed(folder: Folder) -> Source:
    """The folder with the line of everything in it; each file by itself keeps to the grammar.

    Raises:
        RuleFileError: a file breaks the grammar, or the folder's path is another name than the guideline's.
    """
    name = f"{Path(str(folder)).parent.name}/{folder.name}"
    head, inputs, *tables = files_of(folder)
    names = {f: f"{name}/{'tables/' if f in tables else ''}{f.name}" for f in (head, inputs, *tables)}
    read_files = {names[f]: _checked(f, names[f], model) for f, model in _models(head, inputs, tables).items()}
    lists = [[(names[f], i, t) for i, t in enumerate(read_files[names[f]][0][TABLES])] for f in tables]
    listed = [item for items in lists for item in items]
    document: dict[str, Any] = {
        HEAD: read_files[names[head]][0],
        INPUTS: read_files[names[inputs]][0],
        TABLES: [table | {"file": Path(file).name} for file, _, table in listed],
        "sha256": hash_of(folder),
    }
    files = {file: lines for file, (_, lines) in read_files.items()}
    source = Source(document, files, names[head], names[inputs], tuple((file, i) for file, i, _ in listed))
    _is_at_its_path(source, folder)
    return source


def _models(head: Folder, inputs: Folder, tables: list[Folder]) -> dict[Folder, type[BaseModel]]:
    return {head: Guideline, inputs: InputsFile, **dict.fromkeys(tables, TableFile)}


def _is_at_its_path(source: Source, folder: Folder) -> None:
    """The path is the name: nothing lists the guidelines."""
    path = {"id": Path(str(folder)).parent.name, "edition": folder.name}
    for key, expected in path.items():
        found = source.document[HEAD][key]
        if found != expected:
            raise source.fail((HEAD, key), found, f"{expected}, as its folder is called", "Rename one of them.")


def _checked(file: Folder, name: str, model: type[BaseModel]) -> tuple[dict[str, Any], Lines]:
    content, lines = yamlfile.load(file, name)
    try:
        found = model.model_validate(content)
    except ValidationError as error:
        raise mistake(error, content, model, name, lines) from error
    plain: dict[str, Any] = json.loads(found.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    return plain, lines


def located(error: RuleError, folder: Folder) -> RuleError:
    """A hole or an overlap that the compiler met, with the file and line of its table and rows."""
    if not isinstance(error, Incomplete | Overlap):
        return error
    source = parsed(folder)
    at = next((i for i, t in enumerate(source.document[TABLES]) if t["id"] == error.where), None)
    if at is None:
        return error
    table, names = source.document[TABLES][at], error.field.split(", ") if error.field else []
    rows = [
        (TABLES, at, key, i)
        for key in ("rows", "any")
        for i, row in enumerate(table.get(key, ()))
        if row["id"] in names
    ]
    lines = " and ".join(dict.fromkeys(str(source.line(place)) for place in rows)) or str(source.line((TABLES, at)))
    where = f"line {lines}, table {error.where}" + (f", rows {error.field}" if error.field else "")
    return type(error)(source.within((TABLES, at))[0], where, error.found, error.allowed, error.cure)
