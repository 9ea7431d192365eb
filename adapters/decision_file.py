"""``decision.json``: an assessment as a file, and back without loss.

``dumps`` and ``loads`` are inverse to each other. The form is ``decision_model.DecisionFile``; its
JSON Schema is published as ``docs/decision.schema.json``, written anew by
``python -m radlogic.adapters.decision_file > docs/decision.schema.json``.
"""

from __future__ import annotations

import json
import math
import os
import secrets
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..engine import types as engine
from ..engine.errors import BadValue, InputError, MissingField, NotReadable, UnknownField, Unsupported
from ..engine.grounds import Grounds, Push
from ..engine.record import RECORD_VERSION, Assessment
from .border import is_number
from .decision_model import DecisionFile
from .notice import INTENDED_USE

FILE_VERSION = "1"
WHERE = "decision file"
BELIEFS: dict[type[Any], str] = {
    engine.Known: "known",
    engine.Unknown: "unknown",
    engine.NotApplicable: "not_applicable",
    engine.Classes: "classes",
    engine.Measured: "measured",
}


def write_decision(assessment: Assessment, path: Path) -> None:
    """Write ``decision.json``: whole or not at all.

    Raises:
        BadValue: the assessment holds what JSON cannot keep, or the file cannot be written.
    """
    write_text(path, dumps(assessment))


def read_decision(path: Path) -> Assessment:
    """Read a file that ``write_decision`` wrote.

    Raises:
        InputError: as ``loads``; NotReadable also where there is no such file.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        found = error.strerror if isinstance(error, OSError) and error.strerror else "bytes that are not UTF-8"
        raise NotReadable(path.name, "", found, "a decision file", "Give the path of a decision.json.") from error
    return loads(text, path.name)


def dumps(assessment: Assessment, indent: int | None = 2) -> str:
    """The assessment as JSON text; ``indent=None`` puts it on one line.

    Everything comes back equal from ``loads``, decimals to the last zero. The case's volume is left
    out (the record keeps its hash), and sequences in ``Reading.facts`` and ``Risk.inputs`` come back
    as lists.

    Raises:
        BadValue: a value in there is not finite, not text, or of a type JSON does not have.
    """
    head = {"version": FILE_VERSION, "intended_use": INTENDED_USE}
    form = head | {part.name: written(getattr(assessment, part.name), part.name) for part in fields(assessment)}
    text = json.dumps(form, ensure_ascii=False, indent=indent)
    validated(text, WHERE)  # whatever is written can be read
    return text + "\n" if indent else text


def loads(text: str, where: str = WHERE) -> Assessment:
    """The assessment in a decision file's text; ``where`` names it in errors.

    Raises:
        NotReadable: no JSON object, or cut short.
        Unsupported: another version of the format.
        MissingField, UnknownField, BadValue: a field breaks the schema; the error names it.
    """
    head = header(text, where)
    record = head.get("record")
    check_version(head.get("version"), FILE_VERSION, "version", where)
    check_version(record.get("version") if isinstance(record, dict) else None, RECORD_VERSION, "record.version", where)
    return cast(Assessment, validated(text, where).to_engine())


def schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a decision file."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:radlogic:decision:{FILE_VERSION}"}
    return head | DecisionFile.model_json_schema()


def schema_text() -> str:
    """The schema as it stands in ``docs/decision.schema.json``."""
    return json.dumps(schema(), indent=2) + "\n"


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all: beside its place first, then moved there.

    Raises:
        BadValue: it cannot be written (no such folder, no room, no right); nothing is left behind.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        found = error.strerror or "an error of the file system"
        raise BadValue(path.name, "", found, "a path in a folder that can be written", "Choose another one.") from error
    finally:
        with suppress(OSError):  # moved already, or it never came to be
            beside.unlink()


def written(value: Any, place: str) -> Any:
    """An engine value in the file's form: plain JSON types with the beliefs' tags; ``place`` for errors."""
    if is_dataclass(value) and not isinstance(value, type):
        names = [part.name for part in fields(value) if not isinstance(value, engine.Case) or part.name != "volume"]
        tag = {"belief": BELIEFS[type(value)]} if type(value) in BELIEFS else {}
        return tag | {name: field_form(value, name, f"{place}.{name}") for name in names}
    if isinstance(value, Mapping):
        return {written_name(name, place): written(part, f"{place}.{name}") for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [written(part, f"{place}[{i}]") for i, part in enumerate(value)]
    return value.isoformat() if isinstance(value, date) else scalar(value, place)


def field_form(owner: Any, name: str, place: str) -> Any:
    """One field; an older size's numbers are decimal text by themselves, having no other form."""
    value = getattr(owner, name)
    if isinstance(owner, engine.PastSize):
        return str(value)
    if isinstance(owner, Grounds | Push) and isinstance(value, float) and math.isinf(value):
        return str(value)  # log-odds of a certain risk
    added = (isinstance(owner, engine.Reading) and name == "facts") or (
        isinstance(owner, engine.Risk) and name == "inputs"
    )
    return plain(value, place) if added else written(value, place)


def plain(value: Any, place: str) -> Any:
    """What a guideline or a model adds: JSON types and decimals, nothing else.

    Raises:
        BadValue: another type, or an object that would read back as a number.
    """
    if is_number(value):
        raise BadValue(WHERE, place, 'an object of "number" alone', "other names", "Rename the field.")
    if isinstance(value, Mapping):
        return {written_name(name, place): plain(part, f"{place}.{name}") for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [plain(part, f"{place}[{i}]") for i, part in enumerate(value)]
    return scalar(value, place)


def written_name(name: Any, place: str) -> str:
    """A mapping's key.

    Raises:
        BadValue: it is not text.
    """
    if not isinstance(name, str):
        raise BadValue(WHERE, place, f"a key of type {type(name).__name__}", "text", "Name it in words.")
    return name


def scalar(value: Any, place: str) -> Any:
    """A single value as JSON has it.

    Raises:
        BadValue: JSON has no such value.
    """
    if isinstance(value, Decimal) and is_number(tagged := {"number": str(value)}):
        return tagged
    infinite = isinstance(value, float | Decimal) and not math.isfinite(value)
    if value is None or (isinstance(value, bool | int | float | str) and not infinite):
        return value
    found = "a number that is not finite" if infinite else f"a value of type {type(value).__name__}"
    raise BadValue(WHERE, place, found, "null, true, false, a finite number, text, a list, an object", "Translate it.")


def header(text: str, where: str) -> dict[str, Any]:
    """The text as a JSON object in which no name stands twice.

    Raises:
        NotReadable: it is none.
    """
    try:
        form = json.loads(text, object_pairs_hook=once, parse_float=finite, parse_constant=finite)
    except (ValueError, RecursionError) as error:
        found = f"no JSON at line {error.lineno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise NotReadable(where, "", found, "a JSON object, each name once", "Write the file again.") from error
    if not isinstance(form, dict):
        raise NotReadable(where, "", f"a JSON {type(form).__name__}", "a JSON object", "Give a decision.json.")
    return form


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of which no name is given twice (the second would silently win)."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name given twice in one object")
    return dict(pairs)


def finite(digits: str) -> float:
    """A JSON number that a float can hold (JSON has no NaN and no infinity)."""
    if not math.isfinite(float(digits)):
        raise ValueError("a number that is not finite")
    return float(digits)


def check_version(found: object, known: str, field: str, where: str) -> None:
    """Refuse a version that this program does not read.

    Raises:
        MissingField: there is none.
        Unsupported: another one.
    """
    if found is None:
        raise MissingField(where, field, "nothing", f'"{known}"', "Give a decision.json that radlogic wrote.")
    if found != known:
        cure = "Read it with the radlogic that wrote it, or assess the case again."
        raise Unsupported(where, field, f"version {str(found)[:20]!r}", f'"{known}"', cure)


def validated(text: str, where: str) -> DecisionFile:
    """The text as the border model; the first thing wrong with it becomes our error, values unsaid."""
    try:
        return DecisionFile.model_validate_json(text.encode())
    except UnicodeEncodeError as error:
        raise NotReadable(where, "", "half a surrogate pair", "Unicode text", "Mend the text at its source.") from error
    except ValidationError as error:
        raise refusal(error.errors(include_url=False, include_input=False)[0], where) from None  # it quotes values


def refusal(detail: ErrorDetails, where: str) -> InputError:
    """Our error for one of pydantic's. It names the field and never what a record says."""
    place = ".".join(str(part) for part in detail["loc"])
    cure = "See docs/decision.schema.json."
    if detail["type"] == "missing":
        return MissingField(where, place, "nothing", "a value", cure)
    if detail["type"] == "extra_forbidden":
        return UnknownField(where, place, "a field of that name", "the fields of the schema", cure)
    if detail["type"] == "json_invalid":
        return NotReadable(where, place, "text that is not JSON", "UTF-8 JSON", "Write the file again.")
    return BadValue(where, place, f"a value that breaks {detail['type']}", "what the schema says", cure)


if __name__ == "__main__":
    sys.stdout.write(schema_text())
