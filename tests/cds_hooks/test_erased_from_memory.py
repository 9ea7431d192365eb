"""A patient who was erased, by whichever process, is soon in no process's memory any more."""

from datetime import UTC, datetime

from cds_world import JANE, ehr, of_jane, request
from sample_decisions import screening
from sqlalchemy import select

from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.tables import PATIENT

OTHER, SERVICE = "other", "radlogic-patient-view"


def erased(folder, patient):
    """As `radlogic record erase` does it, in a process of its own."""
    with Store.open(folder, make=False) as store:
        with store.journal.reading() as connection:
            query = select(PATIENT.c.token).where(PATIENT.c.key == patient_key(patient))
            token = connection.execute(query).scalar_one()
        store.erase_patient(token, datetime.now(UTC), "dpo", "asked for")


def test_an_erasure_empties_the_memory_of_decisions_at_the_next_call(tmp_path):
    here = ehr(of_jane(screening()), folder=tmp_path)
    kept = here.records.memory.kept
    assert here.cards(SERVICE, request())
    assert len(kept) == 1

    erased(tmp_path, JANE)
    here.call(SERVICE, request(context={"patientId": OTHER}))
    here.records.memory.heeded(here.records.store, (), here.records.clock())

    assert not kept
