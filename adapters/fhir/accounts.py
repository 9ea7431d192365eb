"""What became of each entry of a record: every one is counted once, and those that could not be used are named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .bundle import READ, Resource, entries_of, reference, the_patient
from .coding import Code, codings, objects
from .exams import names
from .subject import Subjects
from .vocabulary import Vocabulary

MOST_NAMED = 20  # references of one kind; a record that is wholly in an unread system would name thousands


class Fate(StrEnum):
    """What became of an entry."""

    PATIENT = "patient"
    READ = "read"
    NO_VALUE_SET = "in_no_value_set"
    OTHER_TYPE = "other_type"
    OTHER_SYSTEM = "other_system"
    WORDS_ALONE = "words_alone"
    NO_CODE = "no_code"
    OF_NOBODY = "of_nobody"
    MESSAGE = "message"


WORDS = {
    Fate.PATIENT: "the patient",
    Fate.READ: "read: bears on a fact or an earlier exam",
    Fate.NO_VALUE_SET: "in a code system that is read, with a code in no value set",
    Fate.OTHER_TYPE: "of a type that holds no fact",
    Fate.OTHER_SYSTEM: "not read: coded in other systems than those that are read",
    Fate.WORDS_ALONE: "not read: says what it is in words alone",
    Fate.NO_CODE: "not read: its code is missing or broken",
    Fate.OF_NOBODY: "not read: does not say that it is about the patient",
    Fate.MESSAGE: "a message of the server (OperationOutcome)",
}
UNREAD = (Fate.OTHER_SYSTEM, Fate.WORDS_ALONE, Fate.NO_CODE, Fate.OF_NOBODY)  # it might have held a fact


@dataclass(frozen=True, slots=True)
class Accounts:
    """Entries by fate, which sum to ``total``.

    ``unread``: references of entries that might have held a fact and were not read, at most 20 of a kind.
    ``systems``: the code systems of those in systems that are not read, with their counts.
    """

    total: int
    fates: Mapping[Fate, int]
    unread: Mapping[Fate, tuple[str, ...]]
    systems: Mapping[str, int]


def accounts(bundle: Mapping[str, Any], vocabulary: Vocabulary, where: str = "Bundle") -> Accounts:
    """The accounts of a Bundle that ``read_record`` takes. Errors as there."""
    entries = tuple(entries_of(bundle, where))
    subjects = Subjects(*the_patient(entries, where), where)
    fates: Counter[Fate] = Counter()
    systems: Counter[str] = Counter()
    unread: dict[Fate, list[str]] = {}
    for index, url, resource in entries:
        fate = _fate(resource, index, subjects, vocabulary)
        fates[fate] += 1
        if fate is Fate.OTHER_SYSTEM:
            systems.update({system for system, code in _codes(resource) if system and code})
        if fate in UNREAD and len(unread.setdefault(fate, [])) < MOST_NAMED:
            unread[fate].append(reference(resource["resourceType"], resource, url, index))
    named = {fate: tuple(found) for fate, found in unread.items()}
    return Accounts(len(entries), dict(fates), named, dict(systems.most_common(MOST_NAMED)))


def _fate(resource: Resource, index: int, subjects: Subjects, vocabulary: Vocabulary) -> Fate:
    kind = resource["resourceType"]
    if kind not in READ:
        return {"Patient": Fate.PATIENT, "OperationOutcome": Fate.MESSAGE}.get(kind, Fate.OTHER_TYPE)
    if not subjects.is_about(resource, index):
        return Fate.OF_NOBODY
    if _bears(resource, vocabulary):
        return Fate.READ
    return Fate.NO_VALUE_SET if kind == "ImagingStudy" else _by_code(resource, vocabulary)


def _bears(resource: Resource, vocabulary: Vocabulary) -> bool:
    if resource["resourceType"] == "FamilyMemberHistory":
        return True  # a relative without the disease leaves the others open, which is said
    means = any(vocabulary.meanings_of(*code) or vocabulary.asked_by(*code) for code in _codes(resource))
    return means or bool(names(resource, vocabulary))


def _by_code(resource: Resource, vocabulary: Vocabulary) -> Fate:
    found = [system for system, code in _codes(resource) if system and code]
    if found:
        return Fate.NO_VALUE_SET if any(system in vocabulary.systems for system in found) else Fate.OTHER_SYSTEM
    concept = resource.get("code")
    text = concept.get("text") if isinstance(concept, dict) else None
    return Fate.WORDS_ALONE if isinstance(text, str) and text.strip() else Fate.NO_CODE


def _codes(resource: Resource) -> Iterator[Code]:
    yield from codings(resource.get("code"))
    for part in objects(resource.get("component")):
        yield from codings(part.get("code"))
