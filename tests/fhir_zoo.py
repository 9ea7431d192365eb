"""Small FHIR R4 Bundles, whole and broken. One broken kind a mistake, named after it.

``ZOO[name](folder)`` writes the mistake below ``folder`` and returns the path to give to ``--patient``;
``EXPECTED[name]`` is the error that it must get. The builders make sound resources.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from radlogic.adapters.fhir import errors, jsonfile
from radlogic.engine.errors import BadValue, InputError

Json = dict[str, Any]
SCT, LOINC, ICD = "http://snomed.info/sct", "http://loinc.org", "http://hl7.org/fhir/sid/icd-10-cm"
UCUM = "http://unitsofmeasure.org"
EMPHYSEMA = (SCT, "87433001")
# what must never be read in an error: the patient's name, birth date, identifiers, and what the record says
SECRETS = ("Canary", "4711", "1947", "canary", "Wren Street")


def concept(system: str, code: str, text: str = "") -> Json:
    return {"coding": [{"system": system, "code": code}]} | ({"text": text} if text else {})


def patient(**more: Any) -> Json:
    return {
        "resourceType": "Patient",
        "id": "canary-1",
        "identifier": [{"system": "urn:mrn", "value": "4711"}],
        "name": [{"family": "Canary", "given": ["Yellow"]}],
        "gender": "female",
        "birthDate": "1947-03-21",
        "address": [{"line": ["Wren Street 4711"]}],
    } | more


def condition(code: tuple[str, str] = EMPHYSEMA, clinical: str | None = "active", **more: Any) -> Json:
    made: Json = {
        "resourceType": "Condition",
        "id": "c1",
        "subject": {"reference": "Patient/canary-1"},
        "code": concept(*code),
        "onsetDateTime": "2015-06-01",
    }
    if clinical:
        made["clinicalStatus"] = concept("http://terminology.hl7.org/CodeSystem/condition-clinical", clinical)
    return made | more


def verified(status: str) -> Json:
    return {"verificationStatus": concept("http://terminology.hl7.org/CodeSystem/condition-ver-status", status)}


def observation(code: tuple[str, str], when: str | None = "2019-05-01", **more: Any) -> Json:
    made: Json = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "subject": {"reference": "Patient/canary-1"},
        "code": concept(*code),
    }
    return made | ({"effectiveDateTime": when} if when else {}) | more


def quantity(value: Any, unit: str | None, **more: Any) -> Json:
    return {"valueQuantity": {"value": value, "system": UCUM} | ({"code": unit} if unit else {}) | more}


def smokes(answer: str, when: str = "2019-05-01", **more: Any) -> Json:
    return observation((LOINC, "72166-2"), when, valueCodeableConcept=concept(SCT, answer), **more)


def bundle(*resources: Json, who: Json | None = None, **more: Any) -> Json:
    entries = [{"fullUrl": "urn:uuid:aaaa", "resource": who or patient()}, *({"resource": r} for r in resources)]
    return {"resourceType": "Bundle", "type": "collection", "entry": entries} | more


def _file(folder: Path, name: str, content: Mapping[str, Any] | str | bytes) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    data = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def _no_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.json"


def _too_large(folder: Path, name: str) -> Path:
    path = _file(folder, name, bundle())
    with path.open("r+b") as file:  # a sparse file: it takes no room
        file.truncate(jsonfile.MAX_BYTES + 1)
    return path


def _text(change: Callable[[str], str]) -> str:
    return change(json.dumps(bundle(condition())))


def _without(made: Json, name: str) -> Json:
    return {key: value for key, value in made.items() if key != name}


def _entry(extra: Any) -> Json:
    made = bundle(condition())
    made["entry"].append(extra)
    return made


ABOUT_ANOTHER = condition(subject={"reference": "Patient/canary-2"})
OUTCOME: Json = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": "Canary 4711"}]}
CONTENTS: dict[str, tuple[Json | str | bytes, type[InputError]]] = {
    "cut_short": (_text(lambda t: t[: len(t) // 2]), errors.NotJson),
    "empty_file": (b"", errors.NotJson),
    "not_json": ("name: Canary\nbirthDate: 1947-03-21\n", errors.NotJson),
    "not_utf8": (_text(lambda t: t.replace("Yellow", "Y\xe9llow")).encode("latin-1"), errors.NotJson),
    "number_without_end": (_text(lambda t: t.replace('"entry"', f'"total": {"4711" * 2000}, "entry"')), errors.NotJson),
    "not_a_number": (_text(lambda t: t.replace('"entry"', '"total": NaN, "entry"')), errors.NotANumber),
    "key_twice": (_text(lambda t: t.replace('"gender"', '"birthDate": "1947-01-01", "gender"')), errors.DuplicateKey),
    "nested_too_deep": ('{"a":' * 100_000 + "1" + "}" * 100_000, errors.NestedTooDeep),
    "operation_outcome": (OUTCOME, errors.ServerRefused),
    "patient_without_bundle": (patient(), errors.NotABundle),
    "list_instead_of_object": ("[1947]", errors.NotABundle),
    "entry_is_no_list": (bundle(entry={"resource": patient()}), errors.NotABundle),
    "bundle_of_history": (bundle(type="history"), errors.UnsupportedBundle),
    "bundle_of_unknown_type": (bundle(type="Canary"), errors.UnsupportedBundle),
    "bundle_within_bundle": (_entry({"resource": bundle()}), errors.UnsupportedBundle),
    "entry_is_no_object": (_entry("Canary"), errors.BadEntry),
    "resource_is_no_object": (_entry({"resource": ["Canary"]}), errors.BadEntry),
    "entry_without_resource": (_entry({"fullUrl": "urn:uuid:canary"}), errors.EntryWithoutResource),
    "resource_without_type": (_entry({"resource": _without(condition(), "resourceType")}), errors.ResourceWithoutType),
    "no_patient": ({"resourceType": "Bundle", "entry": [{"resource": condition()}]}, errors.NoPatient),
    "two_patients": (bundle(patient(id="canary-2")), errors.SeveralPatients),
    "condition_of_another_patient": (bundle(ABOUT_ANOTHER), errors.AnotherPatient),
    "birth_date_is_no_date": (bundle(who=patient(birthDate="21.03.1947")), errors.BadBirthDate),
    "birth_date_30_february": (bundle(who=patient(birthDate="1947-02-30")), errors.BadBirthDate),
    "born_after_exam": (bundle(who=patient(birthDate="2947-03-21")), errors.BornAfterExam),
    "dstu2_condition": (bundle(_without(condition(), "subject") | {"patient": {}}), errors.WrongFhirVersion),
    "stu3_condition": (bundle(condition(clinicalStatus="active")), errors.WrongFhirVersion),
    "r5_encounter": (bundle({"resourceType": "Encounter", "class": [concept(SCT, "1")]}), errors.WrongFhirVersion),
    "text_after_the_end": (_text(lambda t: t + "]"), errors.NotJson),
    "control_character": (_text(lambda t: t.replace("Yellow", "Yel\nlow")), errors.NotJson),
    "utf16": (_text(str).encode("utf-16"), errors.NotJson),
    "infinity": (_text(lambda t: t.replace('"entry"', '"total": -Infinity, "entry"')), errors.NotANumber),
    "number_beyond_a_double": (_text(lambda t: t.replace('"entry"', '"total": 1e999, "entry"')), errors.NotJson),
    "key_twice_deep_inside": (
        _text(lambda t: t.replace('"code": "87433001"', '"code": "1", "code": "4711"')),
        errors.DuplicateKey,
    ),
    "key_twice_and_a_hidden_quote": (
        _text(lambda t: t.replace('"gender"', '"x": "\\u0022", "birthDate": "1947-01-01", "gender"')),
        errors.DuplicateKey,
    ),
    "null": ("null", errors.NotABundle),
    "bundle_type_is_no_text": (bundle(type=["collection"]), errors.UnsupportedBundle),
    "bundle_of_responses": (bundle(type="transaction-response"), errors.UnsupportedBundle),
    "entry_is_null": (_entry(None), errors.BadEntry),
    "resource_type_is_a_number": (_entry({"resource": {"resourceType": 4711}}), errors.ResourceWithoutType),
    "birth_date_is_a_number": (bundle(who=patient(birthDate=1947)), errors.BadBirthDate),
    "birth_date_with_a_time": (bundle(who=patient(birthDate="1947-03-21T10:00:00Z")), errors.BadBirthDate),
    "laboratory_of_another_patient": (
        bundle(observation((LOINC, "1975-2"), subject={"reference": "https://other/Patient/canary-2"})),
        errors.AnotherPatient,
    ),
    "unread_resource_of_another_patient": (
        bundle({"resourceType": "Encounter", "subject": {"reference": "urn:uuid:canary-2"}}),
        errors.AnotherPatient,
    ),
    "stu3_order": (bundle({"resourceType": "ProcedureRequest"}), errors.WrongFhirVersion),
    "r5_order": (bundle({"resourceType": "ServiceRequest", "reason": [{}]}), errors.WrongFhirVersion),
    "patient_id_is_no_id": (bundle(who=patient(id="Canary 4711")), BadValue),
}
FILES: dict[str, tuple[Callable[[Path, str], Path], type[InputError]]] = {
    "no_such_file": (_no_file, errors.RecordNotFound),
    "folder_instead_of_file": (lambda folder, _: _file(folder, "x", b"").parent, errors.RecordNotFound),
    "larger_than_any_record": (_too_large, errors.RecordTooLarge),
}


def _maker(name: str) -> Callable[[Path], Path]:
    if name in FILES:
        return lambda folder: FILES[name][0](folder, name)
    return lambda folder: _file(folder, name, CONTENTS[name][0])


ZOO: dict[str, Callable[[Path], Path]] = {name: _maker(name) for name in (*CONTENTS, *FILES)}
EXPECTED: dict[str, type[InputError]] = {name: error for name, (_, error) in (CONTENTS | FILES).items()}
