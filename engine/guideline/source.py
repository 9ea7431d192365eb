"""A guideline's folder -> one checked, plain document (what is hashed, compiled and cached)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ..errors import RuleFileError
from . import yamlfile
from .editions import Folder, files_of, hash_of
from .language import Guideline, InputsFile, TableFile


def read(folder: Folder) -> dict[str, Any]:
    """The folder as one plain JSON-like document: ``guideline``, ``inputs``, ``tables``, ``sha256``.

    Raises:
        RuleFileError: a file breaks the rule language; the error names file, line and key.
    """
    head, inputs, *tables = files_of(folder)
    document: dict[str, Any] = {
        "guideline": _checked(head, Guideline),
        "inputs": _checked(inputs, InputsFile),
        "tables": [table | {"file": file.name} for file in tables for table in _checked(file, TableFile)["tables"]],
        "sha256": hash_of(folder),
    }
    expected = (folder.name, Path(str(folder)).parent.name)
    found = (document["guideline"]["edition"], document["guideline"]["id"])
    if found != expected:
        raise RuleFileError("guideline.yaml", "id, edition", f"{found[1]}@{found[0]}", f"{expected[1]}@{expected[0]}",
                            "The folder's path is the guideline's name: rename one of them.")  # fmt: skip
    return document


def _checked(file: Folder, model: type[BaseModel]) -> dict[str, Any]:
    content, lines = yamlfile.load(file)
    try:
        parsed = model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(p for p in first["loc"] if isinstance(p, int) or p in str(content))
        raise RuleFileError(
            file.name, yamlfile.where(lines, place), f"{json.dumps(first['input'], default=str)[:80]}",
            first["msg"].removeprefix("Value error, "), "See docs/rule-language.md.",
        ) from error  # fmt: skip
    plain: dict[str, Any] = json.loads(parsed.model_dump_json(by_alias=True, exclude_none=True, exclude_defaults=True))
    return plain
