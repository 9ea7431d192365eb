"""A Bulk Data export -> one Bundle a patient, in bounded memory.

hl7.org/fhir/uv/bulkdata: NDJSON files, one resource a line, one type a file, many patients. What belongs to one
patient lies scattered over the files. So one pass notes in a table on disk where each line of use stands and whose
it is; then patient after patient is put together from those lines. In memory lie one line and one patient.

Every line is looked at before the first patient is handed out. A broken one is an error, never half an answer, unless
the caller takes the broken lines: then they are kept with their errors, and every patient's notes say that there are
some, because nobody knows whose they were.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from ...engine.errors import InputError
from . import jsonfile
from .bundle import READ
from .errors import BadEntry, NoPatient, RecordNotFound, RecordTooLarge, ResourceWithoutType, UnsupportedBundle

MAX_LINE = 16 * 2**20  # bytes of one resource; the largest of the samples has 4 kB; reports carry attachments
MOST_NAMED = 100  # broken lines that are kept with their error; the others are counted
Bundle = dict[str, Any]


@dataclass(slots=True)
class BrokenLines:
    """Lines that could not be read: how many, and the errors of the first 100. ``where`` has file and line."""

    count: int = 0
    first: list[InputError] = field(default_factory=list)

    def add(self, error: InputError) -> None:
        """Count one."""
        self.count += 1
        if len(self.first) < MOST_NAMED:
            self.first.append(error)


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
def opened(source: Path | Sequence[Path], broken: BrokenLines | None = None) -> Iterator[Export]:
    """The export in a folder of ``*.ndjson`` files, or in such files.

    With ``broken`` the first three kinds of broken line are counted there and left out; without it they are raised.

    Raises:
        NotJson, NotANumber, DuplicateKey, NestedTooDeep: a line is broken; ``where`` has the file and the line.
        BadEntry, ResourceWithoutType, UnsupportedBundle: a line is no resource, or a Bundle.
        RecordTooLarge: a line is longer than 16 MB.
        RecordNotFound: there is no such file, or none in the folder.
        NoPatient: no file holds a Patient.
    """
    sources = (source,) if isinstance(source, Path) else tuple(source)
    files = tuple(file for one in sources for file in (sorted(one.glob("*.ndjson")) if one.is_dir() else (one,)))
    where = sources[0].name if sources else "export"
    if not files or not all(file.is_file() for file in files):
        allowed = "*.ndjson files of a Bulk Data export, unpacked"
        raise RecordNotFound(where, "", "no such file", allowed, "Check the path; unpack .gz files first.")
    with TemporaryDirectory() as folder:
        table = sqlite3.connect(Path(folder) / "lines.sqlite")
        try:
            yield Export(files, table, _index(files, table, where, broken))
        finally:
            table.close()


def _index(
    files: tuple[Path, ...], table: sqlite3.Connection, where: str, broken: BrokenLines | None
) -> tuple[str, ...]:
    table.execute("CREATE TABLE line (patient TEXT, role TEXT, file INTEGER, at INTEGER, size INTEGER)")
    table.executemany("INSERT INTO line VALUES (?, ?, ?, ?, ?)", _lines_of_use(files, broken))
    table.execute("CREATE INDEX by_patient ON line (patient, file, at)")
    if not table.execute("SELECT 1 FROM line WHERE role = 'patient'").fetchone():
        cure = "Add the file of Patients; without it nobody knows whose records these are."
        raise NoPatient(where, "", "no Patient", "a Patient for each record", cure)
    return tuple(_notes(table, broken.count if broken else 0))


def _notes(table: sqlite3.Connection, broken: int) -> Iterator[str]:
    if broken:
        yield f"Lines of the export that could not be read, whose patient is not known: {broken}."
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


def _lines_of_use(files: tuple[Path, ...], broken: BrokenLines | None) -> Iterator[tuple[str, str, int, int, int]]:
    for number, path in enumerate(files):
        with path.open("rb") as file:
            for count, (at, line) in enumerate(_lines(file), start=1):
                whose = _taken(line, f"{path.name} line {count}", broken) if line.strip() else None
                if whose is not None:
                    yield *whose, number, at, len(line)


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each line with where it begins. Of one that is too long, more than is taken, and the rest is passed over."""
    at = 0
    while line := file.readline(MAX_LINE + 1):
        yield at, line
        while len(line) > MAX_LINE and not line.endswith(b"\n"):
            at += len(line)
            line = file.readline(MAX_LINE + 1)
        at += len(line)


def _taken(line: bytes, where: str, broken: BrokenLines | None) -> tuple[str, str] | None:
    try:
        return _whose(line, where)
    except InputError as error:
        if broken is None:
            raise
        broken.add(error)
        return None


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
