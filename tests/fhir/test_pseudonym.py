import hashlib

import pytest

from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.engine.errors import BadValue


@pytest.mark.parametrize("patient_id", ["7", "b7e5b2b6-6d2a-4c0c-9c51-5f2f1a7a4c11", "a.b-c_D", "x" * 64])
def test_the_key_is_the_first_16_digits_of_the_salted_hash(patient_id):
    assert patient_key(patient_id) == hashlib.sha256(b"radlogic:" + patient_id.encode()).hexdigest()[:16]


@pytest.mark.parametrize("text", ["", "Patient/Jane", "Jane ", "Jane\n", "urn:uuid:Jane", "Jane" * 17, "Jäne Jane"])
def test_what_is_no_fhir_id_is_refused_without_being_repeated(text):
    with pytest.raises(BadValue) as refused:
        patient_key(text)

    assert "Jane" not in str(refused.value)
