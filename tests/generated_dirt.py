# ruff: noqa: E501  a kind stands on one line
"""Dirty NDJSON: lines that real exports hold, each kind with what must be counted for it.

The dirty lines are added to a clean export and hang on a patient and an exam of their own, outside every
guideline: whoever leaves them aside correctly must find the clean population's measures unchanged.

What must be counted (``treatment``):

* ``line``: the line cannot be read or used; it is kept aside with the reason
* ``reference``: it names a patient or exam that is not there; kept aside with the reason
* ``duplicate``: a second line of the same id; told, and of no use unless it says otherwise of a patient
* ``value``: the line stays, the value is unknown, and that is counted
* ``either``: legal, if unusual: read, or kept aside with the reason, but never lost
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Resource = dict[str, Any]
PATIENT: Resource = {"resourceType": "Patient", "id": "D0", "birthDate": "1960-05-17", "gender": "female"}
EXAM: Resource = {"resourceType": "DiagnosticReport", "id": "DE0", "status": "final", "subject": {"reference": "Patient/D0"},
                  "category": [{"text": "other"}], "code": {"text": "other"}, "effectiveDateTime": "2024-03-01"}  # fmt: skip
FINDING: Resource = {"resourceType": "Observation", "id": "DF0", "status": "final", "code": {"text": "nodule"},
                     "subject": {"reference": "Patient/D0"}, "focus": [{"reference": "DiagnosticReport/DE0"}],
                     "effectiveDateTime": "2024-03-01",
                     "component": [{"code": {"text": "mean_mm"}, "valueQuantity": {"value": 7.0, "unit": "mm"}}]}  # fmt: skip
REQUEST: Resource = {"resourceType": "ServiceRequest", "id": "DR0", "status": "active", "intent": "proposal",
                     "subject": {"reference": "Patient/D0"}, "code": {"text": "ldct"},
                     "supportingInfo": [{"reference": "DiagnosticReport/DE0"}],
                     "occurrenceTiming": {"repeat": {"boundsRange": {"low": {"value": 6, "unit": "mo"}, "high": {"value": 6, "unit": "mo"}}}}}  # fmt: skip
CLEAN = (PATIENT, EXAM, FINDING, REQUEST)


@dataclass(frozen=True, slots=True)
class Dirt:
    """One dirty line: in which file, of which kind, and what must be counted for it."""

    file: str  # the resource type whose file holds it
    kind: str
    treatment: str
    line: bytes


def _changed(of: Resource, number: int, **fields: Any) -> Resource:
    """A copy with an id of its own; a field of ``...`` is left out."""
    new = {**copy.deepcopy(of), "id": f"{of['id']}-{number}"} | fields
    return {name: value for name, value in new.items() if value is not ...}


def _quantity(number: int, quantity: Any) -> Resource:
    return _changed(FINDING, number, component=[{"code": {"text": "mean_mm"}, "valueQuantity": quantity}])


def _line(resource: Any) -> bytes:
    return json.dumps(resource, ensure_ascii=False).encode()


# kind -> (file, treatment, the bytes of the line for a number)
KINDS: dict[str, tuple[str, str, Callable[[int], bytes]]] = {
    # the line
    "cut_short": ("Observation", "line", lambda n: _line(_changed(FINDING, n))[:-25]),
    "other_format": ("DiagnosticReport", "line", lambda n: b"MSH|^~\\&|RIS|HOSP|AUDIT|HOSP|202403010900||ORU^R01|1|P|2.5"),
    "trailing_comma": ("Patient", "line", lambda n: _line(_changed(PATIENT, n))[:-1] + b",}"),
    "single_quotes": ("Patient", "line", lambda n: repr(_changed(PATIENT, n)).encode()),
    "two_objects": ("Patient", "line", lambda n: _line(_changed(PATIENT, n)) + b" " + _line(_changed(PATIENT, n + 900))),
    "a_list": ("Observation", "line", lambda n: _line([_changed(FINDING, n)])),
    "a_number": ("Observation", "line", lambda n: b"42"),
    "a_null": ("Observation", "line", lambda n: b"null"),
    "not_a_number": ("Observation", "line", lambda n: _line(_quantity(n, {"value": float("nan"), "unit": "mm"}))),
    "latin1": ("DiagnosticReport", "line", lambda n: _line(_changed(EXAM, n, conclusion="Größe")).decode().encode("latin-1")),
    "utf16": ("DiagnosticReport", "line", lambda n: _line(_changed(EXAM, n)).decode().encode("utf-16-be")),
    "zero_bytes": ("DiagnosticReport", "line", lambda n: b"\0" * 64),
    "deeply_nested": ("Observation", "line", lambda n: b'{"resourceType":"Observation","component":' + b"[" * 20_000),
    "lone_surrogate": ("DiagnosticReport", "either", lambda n: _line(_changed(EXAM, n))[:-1] + b', "conclusion": "\\ud800"}'),
    "huge_line": ("DiagnosticReport", "either", lambda n: _line(_changed(EXAM, n, conclusion="word " * 600_000))),
    # the resource
    "no_resource_type": ("Observation", "line", lambda n: _line(_changed(FINDING, n, resourceType=...))),
    "unknown_resource_type": ("Observation", "line", lambda n: _line(_changed(FINDING, n, resourceType="Nodule"))),
    "other_fhir_version": ("ServiceRequest", "line", lambda n: _line(_changed(REQUEST, n, resourceType="ProcedureRequest"))),
    "no_id": ("Patient", "line", lambda n: _line(_changed(PATIENT, n, id=...))),
    "id_is_a_number": ("Patient", "line", lambda n: _line(_changed(PATIENT, n, id=n))),
    "same_line_again": ("Patient", "duplicate", lambda n: _line(PATIENT)),
    "same_id_other_content": ("Patient", "duplicate", lambda n: _line({**PATIENT, "birthDate": f"19{50 + n % 40}-01-01"})),
    "exam_without_id": ("DiagnosticReport", "value", lambda n: _line(_changed(EXAM, n, id=...))),
    "exam_nobody_knows_of": ("DiagnosticReport", "value", lambda n: _line(_changed(EXAM, n, status="unknown"))),
    "another_patients": ("Observation", "reference", lambda n: _line(_changed(FINDING, n, subject={"reference": "Patient/D1"}))),
    "unknown_patient": ("DiagnosticReport", "reference", lambda n: _line(_changed(EXAM, n, subject={"reference": "Patient/nobody"}))),
    "no_patient": ("DiagnosticReport", "reference", lambda n: _line(_changed(EXAM, n, subject=...))),
    "unknown_exam": ("Observation", "reference", lambda n: _line(_changed(FINDING, n, focus=[{"reference": "DiagnosticReport/none"}]))),
    "entered_in_error": ("DiagnosticReport", "line", lambda n: _line(_changed(EXAM, n, status="entered-in-error"))),
    "components_are_no_list": ("Observation", "line", lambda n: _line(_changed(FINDING, n, component=FINDING["component"][0]))),
    # the dates
    "no_date": ("DiagnosticReport", "value", lambda n: _line(_changed(EXAM, n, effectiveDateTime=...))),
    "impossible_date": ("DiagnosticReport", "value", lambda n: _line(_changed(EXAM, n, effectiveDateTime="2023-02-30"))),
    "local_date": ("DiagnosticReport", "value", lambda n: _line(_changed(EXAM, n, effectiveDateTime="01.03.2024"))),
    "year_only": ("DiagnosticReport", "value", lambda n: _line(_changed(EXAM, n, effectiveDateTime="2024"))),
    "impossible_birth": ("Patient", "value", lambda n: _line(_changed(PATIENT, n, birthDate="1960-13-01"))),
    # the values
    "unknown_sex": ("Patient", "value", lambda n: _line(_changed(PATIENT, n, gender="F"))),
    "null_value": ("Observation", "value", lambda n: _line(_quantity(n, None))),
    "negative_size": ("Observation", "value", lambda n: _line(_quantity(n, {"value": -7.0, "unit": "mm"}))),
    "implausible_size": ("Observation", "value", lambda n: _line(_quantity(n, {"value": 99999, "unit": "mm"}))),
    "size_as_words": ("Observation", "value", lambda n: _line(_quantity(n, {"value": "about 7", "unit": "mm"}))),
    "no_unit": ("Observation", "value", lambda n: _line(_quantity(n, {"value": 7.0}))),
    "other_unit": ("Observation", "value", lambda n: _line(_quantity(n, {"value": 0.3, "unit": "[in_i]"}))),
    "interval_reversed": ("ServiceRequest", "value", lambda n: _line(_changed(REQUEST, n, occurrenceTiming={"repeat": {"boundsRange": {"low": {"value": 12, "unit": "mo"}, "high": {"value": 6, "unit": "mo"}}}}))),
    "negative_interval": ("ServiceRequest", "value", lambda n: _line(_changed(REQUEST, n, occurrenceTiming={"repeat": {"boundsRange": {"low": {"value": -6, "unit": "mo"}, "high": {"value": -6, "unit": "mo"}}}}))),
}  # fmt: skip


def dirty_lines(each: int = 1) -> Iterator[Dirt]:
    """All kinds, each so many times; ids differ, but for the duplicates."""
    for at, (kind, (file, treatment, line)) in enumerate(KINDS.items()):
        for n in range(each):
            yield Dirt(file, kind, treatment, line(1000 * (at + 1) + n))


def add_dirt(ndjson: Path, each: int = 1) -> dict[str, Any]:
    """Append the clean carriers and the dirty lines to an export; ``dirt.json`` beside it says what must be counted.

    ``lines`` has one entry a dirty line: file, line number from 1, kind, treatment. Clean lines stay as they are.
    """
    for resource in CLEAN:
        _append(ndjson / f"{resource['resourceType']}.ndjson", [_line(resource)])
    files: dict[str, list[Dirt]] = {}
    for dirt in dirty_lines(each):
        files.setdefault(dirt.file, []).append(dirt)
    said = []
    for name, dirts in files.items():
        first = _append(ndjson / f"{name}.ndjson", [d.line for d in dirts])
        said += [{"file": f"{name}.ndjson", "line": first + i, "kind": d.kind, "treatment": d.treatment}
                 for i, d in enumerate(dirts)]  # fmt: skip
    told = {"carriers": [r["id"] for r in CLEAN], "lines": said, "counts": _counts(said)}
    (ndjson.parent / "dirt.json").write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    return told


def _append(path: Path, lines: list[bytes]) -> int:
    """Append lines and return the number of the first."""
    before = 0
    if path.is_file():
        with path.open("rb") as file:
            before = sum(1 for _ in file)
    with path.open("ab") as file:
        file.writelines(line + b"\n" for line in lines)
    return before + 1


def _counts(said: list[Mapping[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for line in said:
        counts[line["treatment"]] = counts.get(line["treatment"], 0) + 1
    return counts
