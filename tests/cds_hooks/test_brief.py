"""What is read of a stored decision is enough: every service says the same as over whole decisions in memory."""

import json

import pytest
import sample_decisions
from cds_world import JANE, ehr, of_jane, request
from sqlalchemy import text

from radlogic.adapters.cds_hooks.brief import brief, engine_of
from radlogic.adapters.cds_hooks.standing import standing
from radlogic.adapters.decision_file import dumps, validated
from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.engine.errors import NotReadable

EMPTY = {"resourceType": "Bundle", "entry": []}
PREFETCH = {"patient": {"resourceType": "Patient", "id": JANE, "birthDate": "1960-05-04"}} | dict.fromkeys(
    ("conditions", "observations", "reports", "studies", "orders"), EMPTY
)
LDCT = {"coding": [{"system": "http://snomed.info/sct", "code": "16334891000119106"}]}
SUBJECT = {"reference": f"Patient/{JANE}"}
ORDER = {
    "resourceType": "ServiceRequest",
    "id": "o1",
    "status": "draft",
    "intent": "order",
    "subject": SUBJECT,
    "code": LDCT,
    "occurrenceDateTime": "2025-06-25",
}
REPORT = {
    "resourceType": "DiagnosticReport",
    "id": "r1",
    "status": "preliminary",
    "subject": SUBJECT,
    "code": LDCT,
    "effectiveDateTime": str(sample_decisions.EXAM_DATE),
    "conclusion": "Lung-RADS category 3. Follow-up LDCT in 6 months.",
}
CALLS = {
    "radlogic-patient-view": ("patient-view", {}),
    "radlogic-order-sign": ("order-sign", {"draftOrders": {"resourceType": "Bundle", "entry": [{"resource": ORDER}]}}),
    "radlogic-imaging-report-sign": ("org.radlogic.imaging-report-sign", {"report": REPORT}),
}


def said(client, service):
    hook, context = CALLS[service]
    cards = client.cards(service, request(hook, context=context, prefetch=PREFETCH))
    for part in [*cards, *(s for card in cards for s in card.get("suggestions", ()))]:
        part.pop("uuid")  # it names the entry in the store
    return cards


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("name", sample_decisions.ALL)
def test_every_service_says_of_a_stored_decision_what_it_says_of_the_whole_one(tmp_path, name, service):
    made = of_jane(sample_decisions.ALL[name]())

    stored, whole = said(ehr(made, folder=tmp_path), service), said(ehr(made), service)

    assert stored == whole
    assert whole or service != "radlogic-patient-view"


def rows(client):
    query = text("SELECT entry.*, content FROM entry LEFT JOIN sealed USING (sequence) WHERE kind = 'decided'")
    with client.records.store.journal.reading() as connection:
        return [dict(found) for found in connection.execute(query).mappings()]


def test_what_was_sealed_of_it_is_put_back(tmp_path):
    made = of_jane(sample_decisions.screening(), study_uid="1.2.840.99.20250314")

    (stood,) = standing(ehr(made, folder=tmp_path).records, patient_key(JANE))

    assert stood.assessment.record.case.exam.study_uid == "1.2.840.99.20250314"
    assert stood.assessment.decision.citations == made.decision.citations
    assert stood.assessment.decision.review == made.decision.review


def test_a_decision_whose_content_was_erased_is_read_with_its_marks(tmp_path):
    (row,) = rows(ehr(of_jane(sample_decisions.screening(), study_uid="1.2.840.99.1"), folder=tmp_path))

    read = brief(row | {"content": None})

    assert read.record.case.exam.study_uid == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda body: "{",
        lambda body: "[]",
        lambda body: json.dumps({"assessment": {}}),
        lambda body: body.replace('"guidelines":', '"guides":'),
        lambda body: body.replace('"preliminary"', '"final"'),
        lambda body: body.replace('"as_of":"2', '"as_of":"x2'),
    ],
)
def test_a_damaged_decision_is_refused_as_before(tmp_path, damage):
    (row,) = rows(ehr(of_jane(sample_decisions.screening()), folder=tmp_path))

    with pytest.raises(NotReadable):
        brief(row | {"body": damage(row["body"])})


def test_a_decision_whose_entry_is_gone_is_no_empty_record(tmp_path):
    client = ehr(of_jane(sample_decisions.screening()), folder=tmp_path)
    with client.records.store.journal.database.write() as connection:
        connection.execute(text("UPDATE decision SET sequence = 999"))

    with pytest.raises(NotReadable, match="without its entry"):
        standing(client.records, patient_key(JANE))


@pytest.mark.parametrize("name", sample_decisions.ALL)
def test_a_decision_is_made_of_its_form_as_everywhere_else(name):
    form = validated(dumps(sample_decisions.ALL[name]()), "")

    assert engine_of(form) == form.to_engine()
