"""``radlogic facts``: records in, one patient a line out, with what could not be used and why."""

import json
import tarfile

import command
import pytest
from fhir_zoo import (
    EXPECTED,
    ICD,
    LOINC,
    SCT,
    SECRETS,
    ZOO,
    bundle,
    concept,
    condition,
    observation,
    patient,
    quantity,
    smokes,
    verified,
)
from shared_data import shared

from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.adapters.fhir.vocabulary import shipped

AS_OF = ("--as-of", "2020-02-29")
BILIRUBIN, KEY = (LOINC, "1975-2"), patient_key("canary-1")


def lab(value=20, when="2019-12-01", ident="o1", unit="umol/L", **more):
    return observation(BILIRUBIN, when, id=ident, **(quantity(value, unit) | more))


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def facts(*files, as_of=AS_OF, stdin="", code=0):
    """The JSON objects, one a patient."""
    result = command.run("facts", *files, *as_of, "--json", stdin=stdin)
    assert result.code == code, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def one(tmp_path, *resources, **more):
    (found,) = facts(write(tmp_path / "b.json", bundle(*resources, **more)))
    return found


def test_every_fact_of_the_vocabulary_is_there_with_its_value_unit_date_and_reference(tmp_path):
    found = one(tmp_path, lab(), condition())

    assert list(found["facts"]) == list(shipped().facts)
    assert (found["patient"], found["as_of"]) == (KEY, "2020-02-29")
    bilirubin = found["facts"]["bilirubin"]
    told = {name: bilirubin[name] for name in ("standing", "value", "unit", "date", "reference", "why")}
    assert told == {"standing": "stated", "value": 20, "unit": "umol/L", "date": "2019-12-01",
                    "reference": "Observation/o1", "why": None}  # fmt: skip
    assert found["facts"]["emphysema"]["value"] is True
    assert found["facts"]["cirrhosis"] == {
        "standing": "absent", "value": None, "unit": None, "date": None, "reference": None,
        "why": "the record does not mention it", "entries": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("resources", "fact", "standing", "why"),
    [
        ([lab(status="entered-in-error")], "bilirubin", "entered in error", "is marked as entered in error"),
        ([condition(**verified("refuted"))], "emphysema", "denied", None),
        ([condition((SCT, "68328006"), **verified("refuted"))], "emphysema", "refuted", "rules out"),
        ([condition((SCT, "19943007"), clinical="inactive")], "cirrhosis", "inactive", "does not say that it is gone"),
        ([lab(when="2018-01-01")], "bilirubin", "stale", "12 months old or more"),
        ([lab(2000)], "bilirubin", "out of range", "outside the plausible range"),
        ([lab(unit="furlong")], "bilirubin", "unusable", "'furlong'"),
        ([lab(), lab(21, ident="o2")], "bilirubin", "contradicted", "of the same time and differ"),
        ([smokes("266919005"), smokes("8517006", "2018-01-01", id="o2")], "smoking_status", "contradicted", "o2"),
    ],
)
def test_what_is_not_usable_says_how_it_stands_and_why(resources, fact, standing, why, tmp_path):
    found = one(tmp_path, *resources)["facts"][fact]

    assert found["standing"] == standing
    assert (found["why"] is None) if why is None else (why in found["why"])
    assert {entry["reference"] for entry in found["entries"]} == {f"{r['resourceType']}/{r['id']}" for r in resources}


def test_a_value_that_counts_stands_beside_the_older_ones_that_do_not(tmp_path):
    found = one(tmp_path, lab(), lab(99, "2015-01-01", "o0"))["facts"]["bilirubin"]

    assert found["value"] == 20
    assert [(e["reference"], e["standing"], e["value"]) for e in found["entries"]] == [
        ("Observation/o0", "stale", 99), ("Observation/o1", "stated", 20),
    ]  # fmt: skip


def test_entries_that_are_not_read_are_counted_and_named_and_every_entry_is_counted(tmp_path):
    odd = condition(id="c7") | {"code": {"text": "cirrhosis"}}
    other = condition(("http://hl7.org/fhir/sid/icd-10", "K74.6"), id="c8")
    nobody = condition(id="c9", subject={"display": "x"})

    entries = one(tmp_path, condition(), odd, other, nobody)["entries"]

    assert entries["total"] == 5 == sum(entries["fates"].values())
    assert list(entries["not_read"].values()) == [["Condition/c7"], ["Condition/c8"], ["Condition/c9"]]
    assert entries["systems_not_read"] == {"http://hl7.org/fhir/sid/icd-10": 1}


def test_earlier_exams_have_their_category_and_what_was_recommended(tmp_path):
    report = {"resourceType": "DiagnosticReport", "id": "r1", "status": "final", "code": concept(LOINC, "28614-6"),
              "subject": {"reference": "Patient/canary-1"}, "effectiveDateTime": "2019-06-01",
              "conclusion": "LI-RADS US-2. Repeat ultrasound in 3 to 6 months."}  # fmt: skip

    assert one(tmp_path, report)["imaging"] == [
        {"region": "liver", "exam": "US Liver Report", "date": "2019-06-01", "asked_for": False, "category": "US-2",
         "next_exam_months": [3, 6], "next_exam_due": None, "reference": "DiagnosticReport/r1"},
    ]  # fmt: skip


def test_a_patient_is_named_by_pseudonym_alone_in_both_outputs(tmp_path):
    file = write(tmp_path / "Canary_Yellow.json", bundle(condition(), lab()))

    for more in ((), ("--json",)):
        result = command.run("facts", file, *AS_OF, *more)
        assert result.code == 0
        assert KEY in result.out
        assert not any(secret in result.out + result.err for secret in SECRETS)


def test_a_record_without_a_patient_id_has_no_pseudonym(tmp_path):
    nameless = {key: value for key, value in patient().items() if key != "id"}
    made = bundle(who=nameless)

    (found,) = facts(write(tmp_path / "b.json", made))
    assert found["patient"] is None


def test_several_records_come_in_order_and_a_refused_one_does_not_stop_the_others(tmp_path):
    sound, twin = write(tmp_path / "a.json", bundle()), write(tmp_path / "c.json", bundle(who=patient(id="c")))
    broken = ZOO["cut_short"](tmp_path)

    found = facts(sound, broken, twin, code=2)

    assert [each.get("patient") for each in found] == [KEY, None, patient_key("c")]
    assert found[1]["error"]["error"] == "NotJson"
    assert found[1]["error"]["where"] == broken.name


@pytest.mark.parametrize("name", ZOO)
def test_a_mutilated_bundle_gets_its_own_error_and_exit_code(name, tmp_path):
    result = command.run("facts", ZOO[name](tmp_path), *AS_OF, "--json")

    assert result.code == 2
    error = json.loads(result.out)["error"]
    assert error["error"] == EXPECTED[name].__name__
    assert all(error[part] for part in ("where", "found", "allowed", "cure"))
    assert not any(secret in result.out + result.err for secret in SECRETS)


def test_pages_of_a_search_are_one_record_in_whatever_order(tmp_path):
    def page(number, *resources, more=True):
        links = [{"relation": "self", "url": f"https://server?page={number}"}]
        links += [{"relation": "next", "url": f"https://server?page={number + 1}"}] if more else []
        content = {"resourceType": "Bundle", "type": "searchset", "link": links}
        return write(tmp_path / f"{number}.json", content | {"entry": [{"resource": r} for r in resources]})

    one, two, three = page(1, patient()), page(2, lab()), page(3, condition(), more=False)

    (whole,) = facts(three, one, two)
    (part,) = facts(one, two)
    assert (whole["notes"], whole["facts"]["bilirubin"]["value"], whole["facts"]["emphysema"]["value"]) == (
        [],
        20,
        True,
    )
    assert "one page of several" in part["notes"][0]
    assert facts(two, code=2)[0]["error"]["error"] == "NoPatient"


def bulk(folder, *conditions):
    folder.mkdir(exist_ok=True)
    people = [patient(id="a"), patient(id="b", birthDate="21.03.1947")]
    write(folder / "Patient.ndjson", "".join(json.dumps(p) + "\n" for p in people))
    write(folder / "Condition.ndjson", "".join(c if isinstance(c, str) else json.dumps(c) + "\n" for c in conditions))
    return folder


def test_a_bulk_export_gives_a_line_a_patient_and_a_refused_one_is_named_by_pseudonym(tmp_path):
    mine = condition(subject={"reference": "Patient/a"})

    first, second = facts(bulk(tmp_path / "export", mine), code=2)

    assert first["patient"] == patient_key("a")
    assert first["facts"]["emphysema"]["value"] is True
    assert (second["patient"], second["error"]["error"]) == (patient_key("b"), "BadBirthDate")


def test_the_files_of_an_export_may_be_named_one_by_one(tmp_path):
    folder = bulk(tmp_path / "export", condition(subject={"reference": "Patient/a"}))

    first, _ = facts(folder / "Condition.ndjson", folder / "Patient.ndjson", code=2)

    assert first["facts"]["emphysema"]["value"] is True
    assert facts(folder / "Condition.ndjson", code=2)[0]["error"]["error"] == "NoPatient"


def test_a_broken_line_of_an_export_is_told_counted_and_said_to_each_patient(tmp_path):
    mine = condition(subject={"reference": "Patient/a"})
    export = bulk(tmp_path / "export", mine, '{"resourceType": "Canary"\n', "[4711]\n")

    found = facts(export, code=2)

    assert [f["error"]["error"] for f in found if "error" in f] == ["NotJson", "BadEntry", "BadBirthDate"]
    assert found[0]["error"]["where"] == "Condition.ndjson line 2"
    (whole,) = [f for f in found if "error" not in f]
    assert whole["notes"][0] == "Lines of the export that could not be read, whose patient is not known: 2."


def test_a_record_may_come_on_standard_input(tmp_path):
    (found,) = facts("-", stdin=json.dumps(bundle(condition())))

    assert found["facts"]["emphysema"]["value"] is True
    assert facts("-", stdin="{", code=2)[0]["error"]["where"] == "standard input"


def test_the_table_has_what_is_known_what_is_not_usable_and_what_is_not_mentioned(tmp_path):
    older = [lab(9, f"201{n}-01-01", f"a{n}") for n in range(3)]
    records = (lab(20.123456789), *older, condition((ICD, "K74.3"), id="c2"), condition())

    lines = command.run("facts", write(tmp_path / "b.json", bundle(*records)), *AS_OF).out.splitlines()

    assert lines[0] == f"patient {KEY}, as of 2020-02-29"
    rows = [" ".join(line.split()) for line in lines]
    assert "bilirubin 20.1235 umol/L 2019-12-01 Observation/o1" in rows
    assert "emphysema yes 2015-06-01 Condition/c1" in rows
    why = "is stale: 12 months old or more on the day of the exam"
    assert f"bilirubin: stale: Observation/a2 of 2012-01-01 (9 umol/L) {why}; 2 more" in rows
    why = '("Primary biliary cirrhosis") raises the question and does not settle it'
    assert f"cirrhosis: suspected: Condition/c2 of 2015-06-01 (yes) {why}" in rows
    assert any(
        row.startswith("not mentioned, which is not known and not no: ") and "lung_cancer" in row for row in rows
    )
    assert rows[-1].startswith("Decision support")


def test_a_refusal_for_a_person_is_one_sentence_on_standard_error(tmp_path):
    result = command.run("facts", ZOO["no_patient"](tmp_path), *AS_OF)

    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("radlogic: NoPatient: no_patient.json, entry: found no Patient")


def test_standard_input_is_bounded_like_a_file(monkeypatch):
    monkeypatch.setattr("radlogic.adapters.fhir.jsonfile.MAX_BYTES", 1000)

    (found,) = facts("-", stdin=json.dumps(bundle(condition())) + " " * 2000, code=2)

    assert found["error"]["error"] == "RecordTooLarge"


@pytest.mark.slow
def test_all_sample_bundles_are_read_in_one_go_and_every_entry_is_accounted_for(tmp_path):
    for archive in shared("data/fhir").glob("*.tgz"):
        with tarfile.open(archive) as tar:
            tar.extractall(tmp_path, filter="data")
    files = sorted(tmp_path.rglob("*.json"))

    found = facts(*files, as_of=("--as-of", "2021-06-01"))

    assert len(found) == len(files) == 51
    for record, file in zip(found, files, strict=True):
        entries = json.loads(file.read_text())["entry"]
        assert record["entries"]["total"] == len(entries) == sum(record["entries"]["fates"].values())
        assert record["patient"] == patient_key(next(
            e["resource"]["id"] for e in entries if e["resource"]["resourceType"] == "Patient"
        ))  # fmt: skip
        assert list(record["facts"]) == list(shipped().facts)


def test_a_day_that_is_none_is_refused(tmp_path):
    assert command.run("facts", tmp_path / "x.json", "--as-of", "2020-02-30").code == 2
