"""What an EHR sends to a CDS Hooks 2.0 service: read leniently.

Fields that we do not know or do not use (prefetch, ``fhirServer`` and its token, extensions of
version 3.0) are let in and dropped, so that they are neither kept nor logged. What the answer rests
on is required and checked.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

from ..fhir.pseudonym import PATIENT_ID

Name = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class _In(BaseModel):
    """Camel case on the wire, snake case here; fields beyond these are dropped."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="ignore", frozen=True, hide_input_in_errors=True, validate_by_name=False
    )


class PatientViewContext(_In):
    """The context of the hook patient-view 1.0; ``patient_id`` is the FHIR ``Patient.id``."""

    user_id: Name
    patient_id: Annotated[str, StringConstraints(pattern=rf"^{PATIENT_ID}$")]
    encounter_id: Name | None = None


class PatientViewRequest(_In):
    """One call of a patient-view service.

    ``hook_instance`` should be a UUID; any short text is taken, for it serves only to tell calls apart.
    """

    hook: Literal["patient-view"]
    hook_instance: Name
    context: PatientViewContext
