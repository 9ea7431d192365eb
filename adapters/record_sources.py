"""Files -> patients' records: R4 Bundles, the pages of searches, Bulk Data exports; one after the other.

A record that is refused does not stop the others: it comes with its error, in its place.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from ..engine.errors import InputError
from .fhir import jsonfile
from .fhir.accounts import Accounts, accounts
from .fhir.bulk import BrokenLines, opened
from .fhir.errors import RecordTooLarge
from .fhir.history import History, read_history
from .fhir.pages import joined
from .fhir.pause import no_collection
from .fhir.pseudonym import PATIENT_ID, patient_key
from .fhir.vocabulary import shipped

STANDARD_INPUT = "-"


@dataclass(frozen=True, slots=True)
class Read:
    """One patient's record, or why it was refused.

    ``where``: the file, which may identify and is not printed beside facts. ``key``: the pseudonym, '' where it is not
    known. ``notes``: what concerns the source as a whole, such as lines that belong to nobody.
    """

    where: str
    key: str = ""
    history: History | None = None
    accounts: Accounts | None = None
    refused: InputError | None = None
    notes: tuple[str, ...] = ()


def records(files: Sequence[str], as_of: date) -> Iterator[Read]:
    """Every patient of the files, as known by a day, in the order of the files.

    A folder is a Bulk Data export, and so are all files together that end in .ndjson. Bundles of type searchset are
    pages: all of them together are one record. These two come last. Any other file is one record; "-" is one on
    standard input.
    """
    pages: list[dict[str, Any]] = []
    lines = [Path(name) for name in files if name.endswith(".ndjson")]
    for name in (name for name in files if not name.endswith(".ndjson")):
        if name != STANDARD_INPUT and Path(name).is_dir():
            yield from _of_export([Path(name)], as_of)
        else:
            yield from _of_file(name, as_of, pages)
    if lines:
        yield from _of_export(lines, as_of)
    if pages:
        yield _of_pages(pages, as_of)


def _of_file(name: str, as_of: date, pages: list[dict[str, Any]]) -> Iterator[Read]:
    """The record in one file; where it is a page, it is put to the others."""
    where = "standard input" if name == STANDARD_INPUT else Path(name).name
    try:
        bundle = _content(name, where)
    except InputError as refused:
        yield Read(where, refused=refused)
        return
    if isinstance(bundle, dict) and bundle.get("resourceType") == "Bundle" and bundle.get("type") == "searchset":
        pages.append(bundle)
    else:
        yield _of_bundle(bundle, where, as_of)


def refusal(read: Read) -> dict[str, Any]:
    """Why a record was refused, as JSON values; with the patient's pseudonym where it is known."""
    record = read.refused.as_record() if read.refused else {}
    return {"error": record, **({"patient": read.key} if read.key else {})}


def shown_refusal(record: dict[str, Any]) -> str:
    """The same for a person."""
    e, whose = record["error"], f"patient {record['patient']}, " if "patient" in record else ""
    place = f"{e['where']}, {e['field']}" if e["field"] else e["where"]
    return f"radlogic: {whose}{e['error']}: {place}: found {e['found']}; allowed: {e['allowed']}. {e['cure']}"


def _content(name: str, where: str) -> Any:
    with no_collection():
        if name == STANDARD_INPUT:
            return jsonfile.parse(_standard_input(where), where=where)
        return jsonfile.load(Path(name))


def _standard_input(where: str) -> bytes:
    content = sys.stdin.buffer.read(jsonfile.MAX_BYTES + 1)
    if len(content) > jsonfile.MAX_BYTES:
        allowed = f"at most {jsonfile.MAX_BYTES} bytes"
        raise RecordTooLarge(
            where, "", "more bytes than a record has", allowed, "Export fewer resource types or years."
        )
    return content


def _of_pages(pages: list[dict[str, Any]], as_of: date) -> Read:
    where = "search results"
    try:
        whole = pages[0] if len(pages) == 1 else joined(pages, where=where)
    except InputError as refused:
        return Read(where, refused=refused)
    return _of_bundle(whole, where, as_of)


def _of_bundle(bundle: Any, where: str, as_of: date, notes: tuple[str, ...] = (), key: str = "") -> Read:
    try:
        history = read_history(bundle, exam_date=as_of, where=where)
        return Read(where, history.patient.key, history, accounts(bundle, shipped(), where), notes=notes)
    except InputError as refused:
        return Read(where, key, refused=refused, notes=notes)


def _of_export(source: Sequence[Path], as_of: date) -> Iterator[Read]:
    broken = BrokenLines()
    try:
        with opened(source, broken) as export:
            for error in broken.first:
                yield Read(error.where, refused=error)
            for ident, bundle in export.patients():
                yield _of_bundle(bundle, source[0].name, as_of, export.notes, _key(ident))
    except InputError as refused:
        yield Read(source[0].name, refused=refused)


def _key(ident: str) -> str:
    return patient_key(ident) if re.fullmatch(PATIENT_ID, ident) else ""
