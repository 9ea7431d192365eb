"""Shapes that give away another version of FHIR, whose codes would be misread as R4.

A Bundle does not say its version. Each row is an element that R4 does not have in this form:
``hl7.org/fhir/R4/<resource>.html`` and the R5 difference tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .errors import WrongFhirVersion

# resource type, element, the JSON type that gives it away, the version
GIVEAWAYS: dict[str, tuple[tuple[str, type, str], ...]] = {
    "Condition": (
        ("clinicalStatus", str, "DSTU2 or STU3"),  # a code there, a CodeableConcept in R4
        ("verificationStatus", str, "DSTU2 or STU3"),
        ("patient", dict, "DSTU2"),
        ("participant", list, "R5"),
    ),
    "DiagnosticReport": (("codedDiagnosis", list, "DSTU2 or STU3"), ("study", list, "R5")),
    "Encounter": (("class", str, "DSTU2"), ("class", list, "R5"), ("actualPeriod", dict, "R5")),
    "FamilyMemberHistory": (("notDone", bool, "STU3"), ("participant", list, "R5")),
    "ImagingStudy": (("modalityList", list, "DSTU2 or STU3"), ("procedure", list, "DSTU2 or R5")),
    "MedicationRequest": (("medication", dict, "R5"),),
    "MedicationOrder": (("resourceType", str, "DSTU2"),),
    "Observation": (("comments", str, "DSTU2"), ("comment", str, "STU3"), ("related", list, "DSTU2 or STU3")),
    "Patient": (("animal", dict, "DSTU2 or STU3"), ("careProvider", list, "DSTU2")),
    "ProcedureRequest": (("resourceType", str, "DSTU2 or STU3"),),
    "ServiceRequest": (("reason", list, "R5"), ("bodyStructure", dict, "R5"), ("asNeeded", bool, "R5")),
    "Procedure": (
        ("notPerformed", bool, "DSTU2"),
        ("notDone", bool, "STU3"),
        ("occurrenceDateTime", str, "R5"),
        ("occurrencePeriod", dict, "R5"),
    ),
}


ELEMENTS = {kind: frozenset(row[0] for row in rows) for kind, rows in GIVEAWAYS.items()}
NONE: frozenset[str] = frozenset()


def check_version(resource: Mapping[str, Any], where: str, index: int) -> None:
    """Refuse a resource of another version.

    Raises:
        WrongFhirVersion: the resource has an element that R4 does not have in this form.
    """
    if ELEMENTS.get(resource["resourceType"], NONE).isdisjoint(resource):  # as nearly all are
        return
    for element, kind, version in GIVEAWAYS[resource["resourceType"]]:
        if isinstance(resource.get(element), kind):
            raise WrongFhirVersion(
                where,
                f"entry[{index}].resource.{element}",
                f"an element as in {version}",
                "FHIR R4 (4.0.1)",
                "Export the record as FHIR R4.",
            )
