"""Every beast of the zoo gets its own error, in a sentence that names the place and never the patient."""

import json
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
from fhir_zoo import EXPECTED, LOINC, SCT, SECRETS, ZOO, bundle, concept, condition, observation, quantity, smokes
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters.fhir import errors, jsonfile
from radlogic.adapters.fhir.accounts import accounts
from radlogic.adapters.fhir.patient import read_patient
from radlogic.adapters.fhir.vocabulary import shipped
from radlogic.engine import errors as core
from radlogic.engine.errors import InputError
from radlogic.engine.types import Known, Patient, Unknown

EXAM = date(2020, 2, 29)


@pytest.mark.parametrize("name", ZOO)
def test_a_broken_record_gets_its_own_error_that_names_place_and_cure(name, tmp_path):
    path = ZOO[name](tmp_path / "exam")

    with pytest.raises(InputError) as caught:
        read_patient(path, exam_date=EXAM)

    assert type(caught.value) is EXPECTED[name]
    record = caught.value.as_record()
    assert all(record[part] for part in ("where", "found", "allowed", "cure"))
    assert str(tmp_path) not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS)


def own_errors():
    return {one for one in vars(errors).values() if isinstance(one, type) and one.__module__ == errors.__name__}


def test_the_zoo_has_a_beast_for_every_error():
    assert own_errors() - set(EXPECTED.values()) == set()


def test_there_are_at_least_forty_beasts_and_no_two_are_the_same_file(tmp_path):
    contents = {path.read_bytes() for name in ZOO if (path := ZOO[name](tmp_path / name)).is_file()}

    assert len(ZOO) >= 40
    assert len(contents) >= 40


def test_every_error_refines_a_leaf_of_the_core_and_stands_in_the_tree_above_it():
    leaves = {one for one in vars(core).values() if isinstance(one, type) and InputError in one.__bases__}

    for error in own_errors():
        assert error.__bases__[0] in leaves
        assert f"x {error.__name__} " in errors.__doc__


def test_a_file_over_the_limit_is_not_read(tmp_path, monkeypatch):
    path = ZOO["larger_than_any_record"](tmp_path)
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("read"))

    with pytest.raises(errors.RecordTooLarge):
        read_patient(path, exam_date=EXAM)


def test_a_smaller_limit_can_be_set(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle()))

    with pytest.raises(errors.RecordTooLarge, match="at most 10 bytes"):
        jsonfile.load(path, max_bytes=10)


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "b.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(bundle(condition())).encode())

    assert isinstance(read_patient(path, exam_date=EXAM).facts["emphysema"], Known)


def test_the_same_patient_sent_twice_is_one_patient():
    made = bundle(condition())
    made["entry"].append(deepcopy(made["entry"][0]))

    assert isinstance(read_patient(made, exam_date=EXAM).facts["emphysema"], Known)


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/canary-1"},
        {"reference": "Patient/canary-1/_history/3"},
        {"reference": "urn:uuid:aaaa"},
        {"reference": "urn:uuid:canary-1"},
        {"reference": "https://server/fhir/Patient/canary-1"},
        {"identifier": {"system": "urn:mrn", "value": "4711"}},
    ],
)
def test_every_form_of_reference_to_the_patient_is_understood(subject):
    made = read_patient(bundle(condition(subject=subject)), exam_date=EXAM)

    assert made.facts["emphysema"] == Known(True, made.facts["emphysema"].source)
    assert made.notes == ()


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Group/7"},
        {"reference": "https://server/fhir/Device/7"},
        {"reference": "#p"},
        {"display": "Canary"},
        {"identifier": {}},
        "Canary",
        None,
    ],
)
def test_a_resource_that_is_about_nobody_in_particular_is_left_out_and_noted(subject):
    made = read_patient(bundle(condition(subject=subject)), exam_date=EXAM)

    assert isinstance(made.facts["emphysema"], Unknown)
    assert made.notes == ("Entries that do not say that they are about the patient, left out: 1.",)


@pytest.mark.parametrize(
    "reference", ["Patient/canary-2", "urn:uuid:bbbb", "https://server/fhir/Patient/2", "canary-1", ""]
)
def test_a_resource_about_somebody_else_refuses_the_record(reference):
    with pytest.raises(errors.AnotherPatient):
        read_patient(bundle(condition(subject={"reference": reference})), exam_date=EXAM)


def test_the_same_id_on_another_server_is_somebody_else():
    made = bundle(condition(subject={"reference": "https://b/Patient/canary-1"}))
    made["entry"][0]["fullUrl"] = "https://a/Patient/canary-1"

    with pytest.raises(errors.AnotherPatient):
        read_patient(made, exam_date=EXAM)


def test_a_page_of_several_is_read_and_says_so():
    link = [{"relation": "next", "url": "https://server?page=2"}]

    made = read_patient(bundle(condition(), type="searchset", link=link), exam_date=EXAM)

    assert isinstance(made.facts["emphysema"], Known)
    assert "one page of several" in made.notes[0]


def test_a_servers_warning_among_the_entries_is_noted():
    made = read_patient(bundle({"resourceType": "OperationOutcome", "issue": []}), exam_date=EXAM)

    assert "may be incomplete" in made.notes[0]


SOUND = bundle(
    condition(),
    smokes("8517006"),
    observation((LOINC, "1975-2"), **quantity(1.2, "mg/dL")),
    observation((SCT, "160625004"), valueDateTime="2009-07"),
    {
        "resourceType": "FamilyMemberHistory",
        "patient": {"reference": "Patient/canary-1"},
        "status": "completed",
        "relationship": concept("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "FTH"),
        "condition": [{"code": concept(SCT, "363358000")}],
    },
    {
        "resourceType": "ImagingStudy",
        "subject": {"reference": "Patient/canary-1"},
        "started": "2018-01-01",
        "series": [{"modality": {"code": "CT"}, "bodySite": {"system": SCT, "code": "51185008"}}],
    },
    {
        "resourceType": "Procedure",
        "subject": {"reference": "Patient/canary-1"},
        "status": "completed",
        "code": concept(SCT, "16736007"),
        "performedPeriod": {"start": "2018-01-01"},
        "reasonCode": [concept("http://hl7.org/fhir/sid/icd-10-cm", "C22.0")],
        "reasonReference": [{"reference": "Condition/c1"}],
    },
    {
        "resourceType": "DiagnosticReport",
        "subject": {"reference": "Patient/canary-1"},
        "status": "final",
        "code": concept(LOINC, "28614-6"),
        "effectiveDateTime": "2018-01-01",
        "conclusion": "LI-RADS US-2. Repeat ultrasound in 3 months.",
    },
    {
        "resourceType": "ServiceRequest",
        "subject": {"reference": "Patient/canary-1"},
        "status": "active",
        "code": concept(LOINC, "24627-2"),
        "authoredOn": "2018-01-01",
        "occurrencePeriod": {"start": "2018-07-01", "end": "2018-08-01"},
    },
    observation((SCT, "87433001"), valueBoolean=False, id="o9"),
)


def nodes(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from nodes(child, (*path, key))


def replaced(value, path, new):
    made = deepcopy(value)
    place = made
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = new
    return made


PLACES = [path for path in nodes(SOUND) if path]
ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([[], {}, [[]], [{}], [None], {"coding": 7}, "2020-02-30", "9999-12-31T23:59:59-12:00", 10**4000])
    | st.sampled_from(["0001-01-01T00:00:00+14:00", "٢٠٢٠", 1e308, float("nan"), "urn:uuid:aaaa"])
)


@settings(max_examples=400, deadline=None)
@given(path=st.sampled_from(PLACES), new=ODD)
@pytest.mark.slow
def test_whatever_stands_in_any_place_the_answer_is_a_patient_or_an_error_of_ours(path, new):
    mutilated = replaced(SOUND, path, new)
    try:
        made = read_patient(mutilated, exam_date=EXAM)
    except InputError as error:
        assert error.cure
    else:
        assert isinstance(made, Patient)
        assert set(made.facts) == set(shipped().facts)
        told = accounts(mutilated, shipped())
        assert sum(told.fates.values()) == told.total == len(mutilated["entry"])


@settings(max_examples=100, deadline=None)
@given(number=st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,40})?(e[+-]?[0-9]{1,12})?", fullmatch=True))
@pytest.mark.slow
def test_no_number_is_too_odd_to_be_read_or_left_unknown(number, tmp_path_factory):
    text = json.dumps(SOUND).replace("1.2", number)
    try:
        made = read_patient(jsonfile.parse(text.encode(), where="b.json"), exam_date=EXAM)
    except InputError:
        return
    belief = made.facts["bilirubin"]
    assert isinstance(belief, Unknown) or 0 <= belief.value <= 1500
