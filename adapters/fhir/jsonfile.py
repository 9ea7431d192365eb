"""A JSON file -> plain values, within bounds: no NaN, no key twice, no number beyond all bounds.

Read with orjson, which is several times as fast as ``json`` but takes a key twice without a word. So what it read is
written again and the two are compared by their quotes: each string has two, a key that was dropped had two, and a
quote within a string is written alike in both unless the text hides it as a code. Where they differ, and where orjson
refuses, the standard library reads the text once more and decides, and names the mistake.

A number with a point is read as the nearest double; its shortest decimal is the number as written up to 15 digits.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

import orjson

from .errors import DuplicateKey, NestedTooDeep, NotANumber, NotJson, RecordNotFound, RecordTooLarge

# The largest record of the Synthea samples has 4.6 MB; 256 MB holds a lifetime of laboratory results many times.
MAX_BYTES = 256 * 2**20


def load(path: Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """The content of a JSON file.

    Raises:
        RecordNotFound: no file is there, or it may not be read.
        RecordTooLarge: it has more than ``max_bytes``; it is not read then.
        NotJson, NotANumber, DuplicateKey, NestedTooDeep: what the names say.
    """
    try:
        return parse(_bytes(path, max_bytes), where=path.name)
    except OSError as error:
        raise RecordNotFound(
            path.name, "", "no readable file", "a file with a FHIR R4 Bundle in JSON", "Check the path and its rights."
        ) from error


def _bytes(path: Path, max_bytes: int) -> bytes:
    if not path.is_file():  # a folder, or a pipe that would block
        raise RecordNotFound(
            path.name, "", "no file", "a file with a FHIR R4 Bundle in JSON", "Check the path."
        )  # fmt: skip
    size = path.stat().st_size
    if size > max_bytes:
        raise RecordTooLarge(
            path.name, "", f"{size} bytes", f"at most {max_bytes} bytes", "Export fewer resource types or years."
        )
    with path.open("rb") as file:
        return file.read(max_bytes)


def parse(content: bytes, *, where: str) -> Any:
    """JSON bytes (UTF-8, a byte order mark is skipped) -> values. Errors as for ``load``."""
    value = _quickly(content)
    return _slowly(content, where) if value is _UNSURE else value


def _quickly(content: bytes) -> Any:
    """What orjson reads, or ``_UNSURE`` where it refuses or may have dropped a key."""
    try:
        value = orjson.loads(content)
        again = orjson.dumps(value)
    except (orjson.JSONDecodeError, TypeError):  # TypeError: what it read and cannot write, such as nesting too deep
        return _UNSURE
    hidden = b"\\u0022" in content
    return _UNSURE if hidden or content.count(b'"') != again.count(b'"') else value


def _slowly(content: bytes, where: str) -> Any:
    """What the standard library reads, with the mistake named."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(found)
        if len(made) != len(found):
            raise DuplicateKey(
                where,
                "",
                "one object with the same key twice",
                "each key once",
                "Mend the program that wrote the file.",
            )
        return made

    def constant(_: str) -> NoReturn:
        raise NotANumber(where, "", "NaN or Infinity", "numbers as JSON has them", "Leave out what has no value.")

    try:
        text = content.decode("utf-8-sig")
        return json.loads(text, parse_float=_finite, parse_constant=constant, object_pairs_hook=pairs)
    except UnicodeDecodeError as error:
        raise NotJson(where, f"byte {error.start}", "bytes that are not UTF-8", "JSON in UTF-8", _CURE) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise NotJson(where, place, "text that is not JSON, or is cut short", "JSON in UTF-8", _CURE) from error
    except (ValueError, OverflowError) as error:  # a number of more digits than Python reads, or beyond a double
        raise NotJson(where, "", "a number beyond all bounds", "numbers of a few digits", _CURE) from error
    except RecursionError as error:
        raise NestedTooDeep(
            where, "", "objects within objects beyond all bounds", "the few levels of FHIR", _CURE
        ) from error


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise OverflowError(text)
    return number


_UNSURE = object()
_CURE = "Export the record again as FHIR R4 JSON."
