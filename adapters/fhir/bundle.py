"""A FHIR R4 Bundle -> one patient and the resources about this patient.

Read leniently by path: what is not needed is not checked. Refused is what would make the answer about
nobody, about somebody else, or about another version of FHIR.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import jsonfile
from .errors import (
    BadEntry,
    EntryWithoutResource,
    NoPatient,
    NotABundle,
    ResourceWithoutType,
    ServerRefused,
    SeveralPatients,
    UnsupportedBundle,
)
from .subject import Subjects
from .version import check_version

Resource = Mapping[str, Any]

# R4 value set bundle-type, less history (several versions of one resource), message and the responses
KINDS = ("collection", "searchset", "transaction", "batch", "document")
# The types that facts are read from. Others are only checked for whom they are about.
READ = (
    *("Condition", "DiagnosticReport", "FamilyMemberHistory", "ImagingStudy", "Observation", "Procedure"),
    "ServiceRequest",
)
CODED = ("Condition", "DiagnosticReport", "Observation", "Procedure", "ServiceRequest")
OTHER_KINDS = ("history", "message", "transaction-response", "batch-response", "subscription-notification")


@dataclass(frozen=True, slots=True)
class Record:
    """One patient's record: the Patient, and with its reference each resource that facts are read from."""

    where: str
    patient: Resource
    full_url: str
    resources: Mapping[str, list[tuple[str, Resource]]]  # by type: reference such as "Condition/12", resource
    notes: tuple[str, ...]

    def of(self, *kinds: str) -> Iterator[tuple[str, Resource]]:
        """The resources of these types, each with its reference, in the order of the record."""
        for kind in kinds:
            yield from self.resources.get(kind, ())


Keep = Callable[[Resource], bool]


def read_record(source: Path | Mapping[str, Any], keep: Keep = bool, where: str = "Bundle") -> Record:
    """The record in a file, or in a Bundle that has been parsed already, which errors then call ``where``.

    Of the types in ``CODED`` only the resources that ``keep`` says yes to are kept; whom they are about is
    checked of all.

    Raises:
        InputError: one of the leaves of ``adapters/fhir/errors.py``.
    """
    if isinstance(source, Path):
        return _record(jsonfile.load(source), source.name, keep)
    return _record(source, where, keep)


def _record(bundle: Any, where: str, keep: Keep) -> Record:
    _check_bundle(bundle, where)
    entries = tuple(entries_of(bundle, where))
    patient, full_url = the_patient(entries, where)
    subjects = Subjects(patient, full_url, where)
    about: dict[str, list[tuple[str, Resource]]] = {}
    skipped, told = 0, False
    for index, url, resource in entries:
        kind = resource["resourceType"]
        check_version(resource, where, index)
        if kind in ("Patient", "OperationOutcome"):
            told |= kind == "OperationOutcome"
            continue
        known = subjects.is_about(resource, index)
        if kind in READ and known and (kind not in CODED or keep(resource)):
            about.setdefault(kind, []).append((reference(kind, resource, url, index), resource))
        skipped += kind in READ and not known
    return Record(where, patient, full_url, about, tuple(_notes(bundle, told, skipped)))


def _check_bundle(bundle: Any, where: str) -> None:
    kind = bundle.get("resourceType") if isinstance(bundle, Mapping) else None
    if kind == "OperationOutcome":
        cure = "Ask the server again; its message stands in the file."
        raise ServerRefused(where, "resourceType", "an OperationOutcome, the server's error message", "Bundle", cure)
    if kind != "Bundle":
        cure = "Give a Bundle with the Patient and the resources about the patient."
        raise NotABundle(where, "resourceType", "no Bundle", "Bundle", cure)
    if not isinstance(bundle.get("entry", []), list):
        raise NotABundle(where, "entry", "something that is no list", "a list of entries", "Export the record again.")
    stated = bundle.get("type", "collection")  # PAMA clients leave the type out
    if stated not in KINDS:
        found = stated if stated in OTHER_KINDS else "another text"
        cure = "Export the present state of the record, for example with Patient/$everything."
        raise UnsupportedBundle(where, "type", found, ", ".join(KINDS), cure)


def entries_of(bundle: Mapping[str, Any], where: str) -> Iterator[tuple[int, str, Resource]]:
    """(number, fullUrl or '', resource) of each entry.

    Raises:
        BadEntry, EntryWithoutResource, ResourceWithoutType, UnsupportedBundle: an entry that is none.
    """
    for index, entry in enumerate(bundle.get("entry", [])):
        place = f"entry[{index}]"
        if not isinstance(entry, dict):
            raise BadEntry(where, place, "something that is no object", "an object", "Export the record again.")
        resource = entry.get("resource")
        if resource is None:
            cure = "Leave out entries that delete or only link."
            raise EntryWithoutResource(where, place, "no resource", "an entry with a resource", cure)
        if not isinstance(resource, dict):
            field = f"{place}.resource"
            raise BadEntry(where, field, "something that is no object", "a FHIR resource", "Export the record again.")
        kind = resource.get("resourceType")
        if not isinstance(kind, str) or not kind:
            field = f"{place}.resource.resourceType"
            raise ResourceWithoutType(where, field, "nothing", "the type's name", "Export the record again.")
        if kind == "Bundle":
            cure = "Put the inner Bundle's entries into the outer one."
            raise UnsupportedBundle(where, place, "a Bundle within the Bundle", "resources", cure)
        url = entry.get("fullUrl")
        yield index, url if isinstance(url, str) else "", resource


def the_patient(entries: tuple[tuple[int, str, Resource], ...], where: str) -> tuple[Resource, str]:
    """The one Patient and its fullUrl.

    Raises:
        NoPatient, SeveralPatients: there is none, or more than one.
    """
    found = [(resource, url) for _, url, resource in entries if resource["resourceType"] == "Patient"]
    if not found:
        cure = "Add the Patient resource; without it nobody knows whose record this is."
        raise NoPatient(where, "entry", "no Patient", "exactly one Patient", cure)
    if any(other != found[0][0] for other, _ in found[1:]):  # the same Patient sent twice is one patient
        cure = "Give one patient's record at a time."
        raise SeveralPatients(where, "entry", f"{len(found)} Patients", "exactly one Patient", cure)
    return found[0]


def reference(kind: str, resource: Resource, url: str, index: int) -> str:
    """How a resource is named: "Condition/12", or where it has no id by its fullUrl or its place."""
    own = resource.get("id")
    if isinstance(own, str) and own:
        return f"{kind}/{own}"
    return f"{kind} {url}" if url else f"{kind} in entry[{index}]"


def _notes(bundle: Mapping[str, Any], told: bool, skipped: int) -> Iterator[str]:
    links = bundle.get("link")
    relations = [link.get("relation") for link in links if isinstance(link, Mapping)] if isinstance(links, list) else []
    if "next" in relations:
        yield "The Bundle is one page of several: the rest was not read, and newer entries may stand there."
    total = bundle.get("total")
    if bundle.get("type") == "searchset" and isinstance(total, int):
        matches = sum(1 for entry in bundle.get("entry", []) if _is_match(entry))
        if total > matches:
            yield f"The server counted {total} entries for this search, and {matches} of them are here."
    if told:
        yield "The server attached a message (OperationOutcome) to its answer: the record may be incomplete."
    if skipped:
        yield f"Entries that do not say that they are about the patient, left out: {skipped}."


def _is_match(entry: Resource) -> bool:
    """Whether a search found it, and not only an entry that it refers to (``search.mode`` include, outcome)."""
    search = entry.get("search")
    return not isinstance(search, dict) or search.get("mode", "match") == "match"
