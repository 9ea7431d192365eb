"""A Bulk export: the same patients as Bundles of their own, line by line, and an error for a broken line."""

import json
import tracemalloc
from datetime import date

import pytest
from fhir_zoo import LOINC, condition, observation, patient, quantity, smokes

from radlogic.adapters.fhir import errors
from radlogic.adapters.fhir.bulk import BrokenLines, opened
from radlogic.adapters.fhir.patient import read_patient
from radlogic.adapters.fhir.survey import survey
from radlogic.engine.types import Known, Unknown

EXAM = date(2020, 2, 29)


def of(ident, resource):
    return resource | {"subject": {"reference": f"Patient/{ident}"}}


def write(folder, **files):
    for name, resources in files.items():
        lines = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in resources)
        (folder / f"{name}.ndjson").write_text(lines + "\n")
    return folder


def export(folder):
    return write(
        folder,
        Patient=[patient(id="b"), patient(id="a", gender="male")],
        Condition=[of("b", condition()), of("a", condition((LOINC, "x"))), of("a", condition(id="c9"))],
        Observation=[of("a", smokes("8517006")), of("b", observation((LOINC, "1975-2"), **quantity(20, "umol/L")))],
        Encounter=[{"resourceType": "Encounter", "subject": {"reference": "Patient/a"}}],
    )


def test_each_patient_comes_with_what_is_about_them_and_nothing_else(tmp_path):
    with opened(export(tmp_path)) as found:
        facts = {ident: read_patient(bundle, exam_date=EXAM).facts for ident, bundle in found.patients()}
        assert found.notes == ()

    assert list(facts) == ["a", "b"]
    assert facts["a"]["sex"].value == "M"
    assert facts["a"]["smoking_status"].value == "former"
    assert isinstance(facts["a"]["bilirubin"], Unknown)
    assert facts["b"]["bilirubin"].value == 20
    assert all(isinstance(facts[i]["emphysema"], Known) for i in "ab")


def test_an_export_is_surveyed_and_a_patient_who_is_refused_does_not_stop_the_others(tmp_path):
    write(export(tmp_path), Patient=[patient(id="b", birthDate="x"), patient(id="a")])

    with opened(tmp_path) as found:
        rows = survey(found.patients(), exam_date=EXAM)

    assert [type(row.refused).__name__ for row in rows] == ["NoneType", "BadBirthDate"]


def test_what_belongs_to_nobody_in_the_export_is_counted_in_the_notes(tmp_path):
    loose = condition() | {"subject": {"display": "Canary"}}
    write(export(tmp_path), More=[of("z", condition()), loose, {"resourceType": "OperationOutcome", "issue": []}])

    with opened(tmp_path) as found:
        assert [note.rsplit(" ", 1)[1] for note in found.notes] == ["1.", "1.", "1."]
        assert [ident for ident, _ in found.patients()] == ["a", "b"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ('{"resourceType": "Condition", "id": ', errors.NotJson),
        ('{"resourceType": "Condition", "id": "1", "id": "2"}', errors.DuplicateKey),
        ('{"resourceType": "Observation", "valueInteger": NaN}', errors.NotANumber),
        ("[4711]", errors.BadEntry),
        ('{"id": "canary"}', errors.ResourceWithoutType),
        ('{"resourceType": "Bundle"}', errors.UnsupportedBundle),
    ],
)
def test_a_broken_line_is_an_error_before_any_patient_is_handed_out(line, error, tmp_path):
    write(export(tmp_path), Zoo=[of("a", condition()), line])

    with pytest.raises(error) as caught, opened(tmp_path):
        pytest.fail("opened")

    assert caught.value.where == "Zoo.ndjson line 2"
    assert "canary" not in str(caught.value)


def test_who_takes_the_broken_lines_gets_the_patients_too_and_each_is_told(tmp_path):
    write(export(tmp_path), Zoo=[of("a", condition()), "{", "[4711]", of("a", condition(id="c7"))])
    broken = BrokenLines()

    with opened(tmp_path, broken) as found:
        facts = {ident: read_patient(bundle, exam_date=EXAM).facts for ident, bundle in found.patients()}

    assert list(facts) == ["a", "b"]
    assert [type(error).__name__ for error in broken.first] == ["NotJson", "BadEntry"]
    assert [error.where for error in broken.first] == ["Zoo.ndjson line 2", "Zoo.ndjson line 3"]
    assert broken.count == 2
    assert "could not be read, whose patient is not known: 2." in found.notes[0]


def test_after_a_line_that_is_too_long_the_next_one_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("radlogic.adapters.fhir.bulk.MAX_LINE", 1000)
    late = of("a", condition((LOINC, "x"))) | {"id": "late"}
    write(export(tmp_path), Zoo=["x" * 5000, late])
    broken = BrokenLines()

    with opened(tmp_path, broken) as found:
        (bundle,) = [bundle for ident, bundle in found.patients() if ident == "a"]

    assert [type(error).__name__ for error in broken.first] == ["RecordTooLarge"]
    assert "late" in [entry["resource"]["id"] for entry in bundle["entry"]]


def test_many_broken_lines_are_counted_and_the_first_kept(tmp_path):
    write(export(tmp_path), Zoo=["{"] * 250)
    broken = BrokenLines()

    with opened(tmp_path, broken) as found:
        assert len(list(found.patients())) == 2
    assert (broken.count, len(broken.first)) == (250, 100)


def test_an_export_without_patients_or_files_is_refused(tmp_path):
    with pytest.raises(errors.RecordNotFound), opened(tmp_path):
        pytest.fail("opened")
    with pytest.raises(errors.NoPatient), opened(write(tmp_path, Condition=[of("a", condition())])):
        pytest.fail("opened")


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("radlogic.adapters.fhir.bulk.MAX_LINE", 1000)
    write(export(tmp_path), Zoo=["x" * 5000])

    with pytest.raises(errors.RecordTooLarge), opened(tmp_path):
        pytest.fail("opened")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_patients(tmp_path):
    def peak(count):
        folder = tmp_path / str(count)
        folder.mkdir()
        people = [patient(id=f"p{i}") for i in range(count)]
        write(folder, Patient=people, Condition=[of(f"p{i}", condition()) for i in range(count)])
        tracemalloc.start()
        with opened(folder) as found:
            assert sum(1 for _ in found.patients()) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(10)
    assert peak(800) < 1.5 * peak(100)
