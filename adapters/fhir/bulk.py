"""A Bulk Data export -> one Bundle a patient, in bounded memory.

hl7.org/fhir/uv/bulkdata: NDJSON files, one resource a line, one type a file, many patients. What belongs to one
patient lies scattered over the files. So one pass notes in a table on disk where each line of use stands and whose
it is; then patient after patient is put together from those lines. In memory lie one line and one patient.

Every line is looked at before the first patient is handed out: a broken one is an error, never half an answer.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from . import jsonfile
from .bundle import READ
from .errors import BadEntry, NoPatient, RecordNotFound, RecordTooLarge, ResourceWithoutType, UnsupportedBundle

MAX_LINE = 16 * 2**20  # bytes of one resource; the largest of the samples has 4 kB; reports carry attachments
Bundle = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Export:
    """An opened export. ``patients`` may be walked more than once."""

    files: tuple[Path, ...]
    table: sqlite3.Connection
    notes: tuple[str, ...]

    def patients(self) -> Iterator[tuple[str, Bundle]]:
        """(Patient.id, a Bundle of the Patient and what is about them), ordered by id."""
        with _all_open(self.files) as opened:
            known = "SELECT DISTINCT patient FROM line WHERE role = 'patient' ORDER BY patient"
            for (patient,) in self.table.execute(known):
                yield patient, {"resourceType": "Bundle", "type": "collection", "entry": self._entries(patient, opened)}

    def _entries(self, patient: str, opened: Sequence[BinaryIO]) -> list[dict[str, Any]]:
        rows = self.table.execute(
            "SELECT file, at, size FROM line WHERE patient = ? AND role IN ('patient', 'about') ORDER BY file, at",
            (patient,),
        )
        found = []
        for number, at, size in rows.fetchall():
            opened[number].seek(at)
            found.append({"resource": jsonfile.parse(opened[number].read(size), where=self.files[number].name)})
        return found


@contextmanager
def opened(source: Path) -> Iterator[Export]:
    """The export in a folder of ``*.ndjson`` files, or in one such file.

    Raises:
        RecordNotFound: there is no such file, or none in the folder.
        NotJson, NotANumber, DuplicateKey, NestedTooDeep: a line is broken; ``where`` has the file and the line.
        BadEntry, ResourceWithoutType: a line is no resource.
        RecordTooLarge: a line is longer than 16 MB.
        UnsupportedBundle: a line holds a Bundle.
        NoPatient: no file holds a Patient.
    """
    files = tuple(sorted(source.glob("*.ndjson"))) if source.is_dir() else (source,)
    if not files or not all(file.is_file() for file in files):
        allowed = "*.ndjson files of a Bulk Data export, unpacked"
        raise RecordNotFound(source.name, "", "no such file", allowed, "Check the path; unpack .gz files first.")
    with TemporaryDirectory() as folder:
        table = sqlite3.connect(Path(folder) / "lines.sqlite")
        try:
            yield Export(files, table, _index(files, table, source.name))
        finally:
            table.close()


def _index(files: tuple[Path, ...], table: sqlite3.Connection, where: str) -> tuple[str, ...]:
    table.execute("CREATE TABLE line (patient TEXT, role TEXT, file INTEGER, at INTEGER, size INTEGER)")
    table.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", _lines_of_use(files))
    table.execute("CREATE INDEX by_patient ON line (patient, file, at)")
    if not table.execute("SELECT 1 FROM line WHERE role = 'patient'").fetchone():
        cure = "Add the file of Patients; without it nobody knows whose records these are."
        raise NoPatient(where, "", "no Patient", "a Patient for each record", cure)
    return tuple(_notes(table))


def _notes(table: sqlite3.Connection) -> Iterator[str]:
    counts = dict(table.execute("SELECT role, count(*) FROM line GROUP BY role").fetchall())
    if counts.get(_MESSAGE):
        yield f"The server attached messages (OperationOutcome), the export may be incomplete: {counts[_MESSAGE]}."
    if counts.get(_OF_NOBODY):
        yield f"Lines that do not say that they are about a patient, left out: {counts[_OF_NOBODY]}."
    known = "SELECT patient FROM line WHERE role = 'patient'"
    strays = table.execute(f"SELECT count(*) FROM line WHERE role = 'about' AND patient NOT IN ({known})")  # noqa: S608
    (count,) = strays.fetchone()
    if count:
        yield f"Lines about patients who are not in the export, left out: {count}."


_PATIENT, _ABOUT, _OF_NOBODY, _MESSAGE = "patient", "about", "of nobody", "message"  # what a line is


def _lines_of_use(files: tuple[Path, ...]) -> Iterator[tuple[str, str, int, int, int]]:
    for number, path in enumerate(files):
        with path.open("rb") as file:
            at = 0
            for count, line in enumerate(iter(lambda: file.readline(MAX_LINE + 1), b""), start=1):
                if line.strip():
                    whose = _whose(line, f"{path.name} line {count}")
                    if whose is not None:
                        yield *whose, number, at, len(line)
                at += len(line)


def _whose(line: bytes, where: str) -> tuple[str, str] | None:
    """The patient's id and what the line is; None for what is not read."""
    if len(line) > MAX_LINE:
        raise RecordTooLarge(where, "", f"over {MAX_LINE} bytes", f"at most {MAX_LINE} bytes a line", _CURE)
    resource = jsonfile.parse(line, where=where)
    if not isinstance(resource, dict):
        raise BadEntry(where, "", "something that is no object", "a FHIR resource", _CURE)
    kind = resource.get("resourceType")
    if not isinstance(kind, str) or not kind:
        raise ResourceWithoutType(where, "resourceType", "nothing", "the type's name", _CURE)
    if kind == "Bundle":
        raise UnsupportedBundle(where, "", "a Bundle in a line", "one resource a line", "Give the Bundle as a file.")
    if kind == "Patient":
        return str(resource.get("id") or ""), _PATIENT
    if kind == "OperationOutcome":
        return "", _MESSAGE
    if kind not in READ:
        return None
    patient = _patient_of(resource)
    return patient, _ABOUT if patient else _OF_NOBODY


def _patient_of(resource: dict[str, Any]) -> str:
    subject = resource.get("subject", resource.get("patient"))
    reference = subject.get("reference") if isinstance(subject, dict) else None
    parts = reference.split("/_history/")[0].split("/") if isinstance(reference, str) else []
    return parts[-1] if len(parts) > 1 and parts[-2] == "Patient" else ""


@contextmanager
def _all_open(files: tuple[Path, ...]) -> Iterator[list[BinaryIO]]:
    found: list[BinaryIO] = []
    try:
        found.extend(path.open("rb") for path in files)
        yield found
    finally:
        for file in found:
            file.close()


_CURE = "Export again, or leave the line out."
