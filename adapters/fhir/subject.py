"""Whom a resource is about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .errors import AnotherPatient


class Subjects:
    """Tells whether resources are about the Bundle's patient, by every form in which R4 may refer to one."""

    def __init__(self, patient: Mapping[str, Any], full_url: str, where: str) -> None:
        own = patient.get("id")
        self._where = where
        self._local = f"Patient/{own}" if isinstance(own, str) and own else None
        self._server = full_url.startswith("http")
        self._known = {full_url, self._local, f"urn:uuid:{own}" if self._local else None} - {None, ""}
        self._identifiers = {_identifier(i) for i in _list(patient.get("identifier"))} - {None}

    def is_about(self, resource: Mapping[str, Any], index: int) -> bool:
        """Whether it is about the patient; False where it does not say, or is about no patient at all.

        Raises:
            AnotherPatient: it is about somebody else.
        """
        subject = resource.get("subject", resource.get("patient"))
        if not isinstance(subject, dict):
            return False
        reference = subject.get("reference")
        if not isinstance(reference, str):
            return _identifier(subject.get("identifier")) in self._identifiers
        if reference in self._known or self._same(reference.split("/_history/")[0]):
            return True
        if reference.startswith("#") or _type_of(reference) not in ("", "Patient"):
            return False  # about a group, a device ...
        raise AnotherPatient(
            self._where,
            f"entry[{index}].resource.subject",
            "a reference to somebody who is not the Bundle's patient",
            "references to the Bundle's Patient, by its fullUrl or id",
            "Give one patient's record at a time, with the Patient that its resources refer to.",
        )

    def _same(self, reference: str) -> bool:
        if reference in self._known:
            return True
        # an absolute reference (https://server/fhir/Patient/7) where the Bundle does not say which server it is from
        absolute = reference.startswith("http") and not self._server
        return absolute and self._local is not None and reference.endswith(f"/{self._local}")


def _type_of(reference: str) -> str:
    """The resource type that a literal reference names ("Group/7", "https://server/fhir/Group/7"), else ''."""
    parts = reference.split("/_history/", maxsplit=1)[0].split("/")
    return parts[-2] if len(parts) > 1 and re.fullmatch("[A-Z][A-Za-z]+", parts[-2]) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _identifier(value: Any) -> tuple[str, str] | None:
    """(system, value) of an Identifier, where both are there."""
    if not isinstance(value, dict):
        return None
    system, text = value.get("system"), value.get("value")
    return (system, text) if isinstance(system, str) and isinstance(text, str) else None
