"""Broken findings files in JSON, one mistake each, named after it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from radlogic.engine import errors

GOOD: dict[str, Any] = {
    "exam": {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": True, "date": "2026-10-15"},
    "nodules": [{"type": "solid", "status": "baseline", "mean_mm": 7.0}],
}


def _with(text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        path = folder / "findings.json"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def _nodule(**changes: Any) -> Callable[[Path], Path]:
    return _with(json.dumps({**GOOD, "nodules": [{**GOOD["nodules"][0], **changes}]}))


def _exam(**changes: Any) -> Callable[[Path], Path]:
    return _with(json.dumps({**GOOD, "exam": {**GOOD["exam"], **changes}}))


def _binary(folder: Path) -> Path:
    path = folder / "findings.json"
    path.write_bytes(b"\xff\xfe\x00\x01" * 100)
    return path


def _absent(folder: Path) -> Path:
    return folder / "no-such-file.json"


ZOO: dict[str, Callable[[Path], Path]] = {
    "no such findings file": _absent,
    "neither JSON nor DICOM": _binary,
    "an empty file": _with(""),
    "JSON cut short": _with(json.dumps(GOOD)[:-5]),
    "a key given twice": _with('{"exam": {}, "exam": {}, "nodules": []}'),
    "not a number": _with(json.dumps(GOOD).replace("7.0", "NaN")),
    "nested beyond all use": _with("[" * 100_000 + "]" * 100_000),
    "a list instead of a case": _with("[]"),
    "no list of nodules": _with('{"exam": {}}'),
    "nodules that are no list": _with('{"nodules": {"type": "solid"}}'),
    "a nodule that is no object": _with('{"nodules": ["solid"]}'),
    "an unknown section": _with(json.dumps({**GOOD, "lungs": {}})),
    "a misspelt field": _nodule(mean_mn=7.0),
    "a type that does not exist": _nodule(type="liquid"),
    "a negative size": _nodule(mean_mm=-3),
    "a size in words": _nodule(mean_mm="7 mm"),
    "a size of a metre": _nodule(mean_mm=1000),
    "a short axis longer than the long one": _nodule(long_mm=5, short_mm=9, mean_mm=None),
    "a mean that is not that of the axes": _nodule(long_mm=20, short_mm=18),
    "a flag that is text": _nodule(juxtapleural="yes"),
    "a feature that does not exist": _nodule(suspicious_features=["glow"]),
    "history without dates": _nodule(history=[{"mean_mm": 4}]),
    "one tracking identifier for two nodules": _with(
        json.dumps({**GOOD, "nodules": [{**GOOD["nodules"][0], "tracking_id": "a"}] * 2})
    ),
    "a position of two numbers": _nodule(position_mm=[1, 2]),
    "a date in another order": _exam(date="15.10.2026"),
    "a day that does not exist": _exam(date="2026-02-30"),
    "an indication that does not exist": _exam(indication="curiosity"),
}
EXPECTED: dict[str, type[errors.InputError]] = {
    "no such findings file": errors.NotReadable,
    "neither JSON nor DICOM": errors.NotReadable,
    "an empty file": errors.NotReadable,
    "JSON cut short": errors.NotReadable,
    "a key given twice": errors.NotReadable,
    "not a number": errors.NotReadable,
    "nested beyond all use": errors.NotReadable,
    "no list of nodules": errors.MissingField,
    "an unknown section": errors.UnknownField,
    "a misspelt field": errors.UnknownField,
    "a short axis longer than the long one": errors.Contradiction,
    "a mean that is not that of the axes": errors.Contradiction,
    **dict.fromkeys(
        (
            "a list instead of a case",
            "nodules that are no list",
            "a nodule that is no object",
            "a type that does not exist",
            "a negative size",
            "a size in words",
            "a size of a metre",
            "a flag that is text",
            "a feature that does not exist",
            "history without dates",
            "one tracking identifier for two nodules",
            "a position of two numbers",
            "a date in another order",
            "a day that does not exist",
            "an indication that does not exist",
        ),
        errors.BadValue,
    ),
}
