"""What could name a patient, taken out of an entry's body and kept apart, so that it can be erased.

In the body stands ⟦n⟧; what stood there goes into a row of its own with a random salt. The entry
keeps only the seal, sha256 over salt and content: while the row is there it cannot be changed
unnoticed, and once it is erased the seal tells nothing (a guess cannot be tried without the salt).

Taken out are: the pseudonym, the study's UID, every DICOM UID and ``urn:`` name, every reference of
the record ("Observation/7"), and the comment that a human typed. What cannot be told from other words
(a name typed into a finding's location) is not found: such fields must not hold it.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FHIR_REFERENCE = re.compile(r"\b[A-Z][A-Za-z]{3,40}/[A-Za-z0-9\-._]{1,64}")  # in sources of the record only
LOOKS_LIKE_ONE = r"\b[0-2](?:\.(?:0|[1-9][0-9]{0,38})){4,40}\b|\burn:(?:uuid|oid):[0-9A-Za-z.\-]+"
LONG_ENOUGH = 8  # characters of a pseudonym that is looked for in other words too: "7" is part of too many
MARK, OPENING = re.compile(r"⟦\d+⟧"), "⟦"
KEY = "key"  # beside the marks: the patient's pseudonym
STUDY = "study_uid"  # the same, the exam's
PLACES = {  # fields that are taken out whole, by their name beside the marks
    KEY: ("assessment", "record", "case", "patient", "key"),
    STUDY: ("assessment", "record", "case", "exam", "study_uid"),
    "comment": ("comment",),
}


@dataclass(frozen=True, slots=True)
class Sealed:
    """What was taken out: JSON text, and the salt; ``seal`` is what the entry keeps."""

    salt: str
    content: str

    @property
    def seal(self) -> str:
        """sha256 over salt and content."""
        return hashlib.sha256(f"{self.salt}\x1f{self.content}".encode()).hexdigest()


def sealed(content: Mapping[str, str]) -> Sealed | None:
    """The content under a fresh salt; None where there is nothing to keep apart."""
    if not content:
        return None
    return Sealed(secrets.token_hex(16), json.dumps(content, ensure_ascii=False, separators=(",", ":")))


def take_out(body: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """The body without what could name a patient, and what stood there. ``put_back`` is the exact inverse.

    >>> take_out({"said": "as in 1.2.840.10008.1.2", "comment": "Mr A. was here"})
    ({'said': 'as in ⟦1⟧', 'comment': ''}, {'comment': 'Mr A. was here', '⟦1⟧': '1.2.840.10008.1.2'})
    """
    whole = {name: text for name, path in PLACES.items() if (text := _at(body, path))}
    for name in whole:
        body = _with(body, PLACES[name], "")
    names = {text for name, text in whole.items() if name != "comment" and len(text) >= LONG_ENOUGH}
    searched = sorted({*names, *_references(body)}, key=len, reverse=True)
    pattern = re.compile("|".join([*map(re.escape, searched), LOOKS_LIKE_ONE, OPENING]))
    marks: dict[str, str] = {}

    def mark(found: re.Match[str]) -> str:
        return marks.setdefault(found[0], f"⟦{len(marks) + 1}⟧")

    taken = _in_every_text(body, lambda text: pattern.sub(mark, text))
    return taken, whole | {mark: text for text, mark in marks.items()}


def put_back(body: Mapping[str, Any], content: Mapping[str, str]) -> dict[str, Any]:
    """The body as it was; a mark whose content was erased stays, a field taken out whole stays empty."""
    restored = _in_every_text(body, lambda text: MARK.sub(lambda found: content.get(found[0], found[0]), text))
    for name in content.keys() & PLACES.keys():
        restored = _with(restored, PLACES[name], content[name])
    return dict(restored)


def _at(body: Any, path: tuple[str, ...]) -> str:
    for name in path:
        body = body.get(name) if isinstance(body, Mapping) else None
    return body if isinstance(body, str) else ""


def _with(body: Mapping[str, Any], path: tuple[str, ...], text: str) -> dict[str, Any]:
    first, *rest = path
    return {**body, first: _with(body[first], tuple(rest), text) if rest else text}


def _in_every_text(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {change(name): _in_every_text(part, change) for name, part in value.items()}
    return [_in_every_text(part, change) for part in value] if isinstance(value, list | tuple) else value


def _references(value: Any) -> Iterator[str]:
    """The FHIR references in every source that is of the record."""
    if isinstance(value, Mapping):
        if value.get("kind") == "record" and isinstance(value.get("reference"), str):
            yield from FHIR_REFERENCE.findall(value["reference"])
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _references(part)
