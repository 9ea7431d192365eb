"""The name under which a patient is kept: a pseudonym of the FHIR server's ``Patient.id``.

One way to write it for all that comes in (a Bundle, a hook's context), so that a stored decision is
found again. It keeps identifiers out of records and logs; it does not make anybody anonymous: who
has the list of ids can compute the list of keys. Ids of two FHIR servers may collide; one store
serves one server.
"""

from __future__ import annotations

import hashlib
import re

from ...engine.errors import BadValue

# FHIR R4 datatypes, id: [A-Za-z0-9\-\.]{1,64}; servers are met that use an underscore too
PATIENT_ID = r"[A-Za-z0-9\-._]{1,64}"


def patient_key(patient_id: str) -> str:
    """The pseudonym, 16 hexadecimal digits: sha256 of "radlogic:" and ``Patient.id``, cut to 64 bits.

    Raises:
        BadValue: this is no ``Patient.id`` (a reference such as "Patient/7", an empty text).

    >>> patient_key("7")
    'e8ece93dde7c1200'
    """
    if not re.fullmatch(PATIENT_ID, patient_id):
        allowed = "1 to 64 letters, digits, '-', '.' or '_'"
        raise BadValue("Patient", "id", "a text that is no FHIR id", allowed, "Give Patient.id alone, without a type.")
    return hashlib.sha256(f"radlogic:{patient_id}".encode()).hexdigest()[:16]
