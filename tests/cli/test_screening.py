"""``radlogic screening``: eligibility from a record, from stated facts, and from both; unknown stays unknown."""

import json
from datetime import date

import command
import pytest
from fhir_zoo import SCT, SECRETS, ZOO, bundle, condition, observation, patient, quantity, smokes, verified

from radlogic.adapters.fhir.pseudonym import patient_key
from radlogic.engine.errors import MissingKnowledge
from radlogic.engine.programme import in_force, screening
from radlogic.engine.types import Known, Source, SourceKind

AS_OF = ("--as-of", "2022-06-01")
USPSTF, CMS = "uspstf-lung@2021", "cms-lung@2022"
PACK_YEARS, QUIT, LUNG_CANCER = (SCT, "401201003"), (SCT, "160625004"), (SCT, "254637007")
FORM = {"age_years": 66, "smoking_status": "former", "pack_years": 30, "years_since_quitting": 5,
        "lung_cancer_symptoms": False, "lung_cancer": False}  # fmt: skip


def packs(value=30, when="2021-09-01"):
    return observation(PACK_YEARS, when, id="p1", **quantity(value, "1"))


def quit_on(day):
    return observation(QUIT, "2021-09-01", id="q1", valueDateTime=day)


def smoker(answer="77176002", when="2021-09-01"):
    return smokes(answer, when, id="s1")


FORMER = "8517006"


def asked(programme, *arguments, stdin="", code=0):
    result = command.run("screening", programme, *arguments, *AS_OF, "--json", stdin=stdin)
    assert result.code == code, result.err
    return [json.loads(line) for line in result.out.splitlines()]


def by_record(tmp_path, programme, *resources, born="1956-03-21"):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(*resources, who=patient(birthDate=born))))
    (answer,) = asked(programme, path)
    return answer


def by_form(programme, **changes):
    (answer,) = asked(programme, "--facts", "-", stdin=json.dumps(FORM | changes))
    return answer


@pytest.mark.parametrize(
    ("resources", "born", "eligible"),
    [
        ([smoker(), packs()], "1956-03-21", "yes"),
        ([smoker(FORMER), packs(), quit_on("2015-01-01")], "1956-03-21", "yes"),
        ([smoker(FORMER), packs(), quit_on("2006-06-01")], "1956-03-21", "no"),  # 16 years ago to the day
        ([smoker(FORMER), packs(), quit_on("2006-06-02")], "1956-03-21", "yes"),  # 15 completed years
        ([smoker("266919005")], "1956-03-21", "no"),  # never smoked: no pack-years
        ([smoker(), packs(19)], "1956-03-21", "no"),
        ([smoker(), packs(20)], "1956-03-21", "yes"),
        ([smoker(), packs()], "1972-06-01", "yes"),  # 50 today
        ([smoker(), packs()], "1972-06-02", "no"),  # 49
        ([smoker(), packs()], "1941-06-02", "yes"),  # 80, the last day
        ([smoker(), packs()], "1941-06-01", "no"),  # 81
        ([smoker(), packs(), condition(LUNG_CANCER)], "1956-03-21", "no"),
        ([smoker()], "1956-03-21", "unknown"),
        ([packs()], "1956-03-21", "unknown"),
        ([smoker(FORMER), packs()], "1956-03-21", "unknown"),
        ([smoker(FORMER), packs(), quit_on("2006")], "1956-03-21", "unknown"),  # 15 or 16 years ago
        ([smoker(), packs()], "1972", "unknown"),  # 49 or 50
        ([smoker(when="2015-01-01"), packs()], "1956-03-21", "unknown"),  # a status of seven years ago
        ([], "1956-03-21", "unknown"),
        ([], "1990-03-21", "no"),  # too young, whatever else is not known
    ],
)
def test_uspstf_by_record(resources, born, eligible, tmp_path):
    assert by_record(tmp_path, USPSTF, *resources, born=born)["eligible"] == eligible


def test_an_unknown_answer_names_each_missing_fact_with_its_reason(tmp_path):
    found = by_record(tmp_path, USPSTF, smoker(FORMER), packs(when="2015-01-01"))

    missing = {one["fact"]: (one["standing"], one["why"]) for one in found["missing"]}
    assert set(missing) == {"pack_years", "years_since_quitting"}
    assert missing["pack_years"][0] == "stale"
    assert "60 months old or more" in missing["pack_years"][1]
    assert missing["years_since_quitting"] == ("absent", "the record does not mention it")


def test_an_answer_has_its_reasons_with_their_references_and_its_citation(tmp_path):
    found = by_record(tmp_path, USPSTF, smoker(), packs())

    assert found["patient"] == patient_key("canary-1")
    assert found["citation"] == "US Preventive Services Task Force. JAMA 2021;325:962-970"
    assert [c["holds"] for c in found["criteria"]] == ["yes", "yes", "yes"]
    pack_years = found["criteria"][1]["facts"][0]
    assert (pack_years["value"], pack_years["date"], pack_years["reference"]) == (30, "2021-09-01", "Observation/p1")
    assert "no symptoms of lung cancer" in found["confirm"]


def test_a_known_lung_cancer_puts_the_person_outside_and_a_suspected_one_must_be_confirmed(tmp_path):
    known = by_record(tmp_path, USPSTF, smoker(), packs(), condition(LUNG_CANCER))
    suspected = by_record(tmp_path, USPSTF, smoker(), packs(), condition(LUNG_CANCER, **verified("provisional")))

    assert (known["eligibility"], known["confirm"]) == ("outside", [])
    assert suspected["eligible"] == "yes"
    assert "no lung cancer: nothing says that there is none" in suspected["confirm"]


def test_cms_needs_a_clinicians_word_on_symptoms_beside_the_record(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(smoker(), packs(), who=patient(birthDate="1956-03-21"))))

    (alone,) = asked(CMS, path)
    (without,) = asked(CMS, path, "--facts", "-", stdin='{"lung_cancer_symptoms": false}')
    (with_them,) = asked(CMS, path, "--facts", "-", stdin='{"lung_cancer_symptoms": true}')

    assert (alone["eligible"], [m["fact"] for m in alone["missing"]]) == ("unknown", ["lung_cancer_symptoms"])
    assert (without["eligible"], with_them["eligible"]) == ("yes", "no")
    assert any("shared decision-making" in text for text in without["confirm"])


@pytest.mark.parametrize(
    ("changes", "uspstf", "cms"),
    [
        ({}, "yes", "yes"),
        ({"age_years": 78}, "yes", "no"),
        ({"age_years": None}, "unknown", "unknown"),
        ({"pack_years": None}, "unknown", "unknown"),
        ({"pack_years": 19.5}, "no", "no"),
        ({"years_since_quitting": 15}, "yes", "yes"),
        ({"years_since_quitting": 15.5}, "no", "no"),
        ({"lung_cancer": True}, "no", "no"),
        ({"lung_cancer_symptoms": None}, "yes", "unknown"),
        ({"smoking_status": "never", "pack_years": None, "years_since_quitting": None}, "no", "no"),
        ({"smoking_status": "current", "years_since_quitting": None}, "yes", "yes"),
    ],
)
def test_by_stated_facts(changes, uspstf, cms):
    assert (by_form(USPSTF, **changes)["eligible"], by_form(CMS, **changes)["eligible"]) == (uspstf, cms)


def test_15_completed_years_are_within_and_the_day_must_be_confirmed():
    assert any("the day of quitting" in text for text in by_form(USPSTF, years_since_quitting=15)["confirm"])
    assert not any("the day of quitting" in text for text in by_form(USPSTF, years_since_quitting=14)["confirm"])


def test_what_is_stated_otherwise_than_the_record_counts_and_is_said(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(smoker(), packs(10), who=patient(birthDate="1956-03-21"))))

    (found,) = asked(USPSTF, path, "--facts", "-", stdin='{"pack_years": 40}')

    assert found["eligible"] == "yes"
    assert found["notes"][0].startswith("pack_years is stated otherwise than the record has it (Observation/p1)")


def test_null_leaves_what_the_record_knows(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(smoker(), packs(), who=patient(birthDate="1956-03-21"))))

    assert asked(USPSTF, path, "--facts", "-", stdin='{"pack_years": null}')[0]["eligible"] == "yes"


@pytest.mark.parametrize(
    ("stated", "error"),
    [
        ('{"pack_years": 400}', "BadValue"),
        ('{"pack_years": "30"}', "BadValue"),
        ('{"pack_years": true}', "BadValue"),
        ('{"smoking_status": "Canary"}', "BadValue"),
        ('{"lung_cancer_symptoms": "no"}', "BadValue"),
        ('{"pack_yaers": 3}', "UnknownField"),
        ("[]", "BadValue"),
        ("{", "NotReadable"),
        ('{"smoking_status": "never", "pack_years": 3}', "Contradiction"),
        ('{"smoking_status": "current", "years_since_quitting": 3}', "Contradiction"),
    ],
)
def test_facts_that_cannot_be_are_refused_without_repeating_them(stated, error):
    result = command.run("screening", USPSTF, "--facts", "-", *AS_OF, "--json", stdin=stated)

    assert result.code == 2
    assert json.loads(result.out)["error"]["error"] == error
    assert not any(secret in result.out + result.err for secret in SECRETS)


def test_a_stated_never_smoker_whose_record_counts_pack_years_is_a_contradiction(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(packs(), who=patient(birthDate="1956-03-21"))))

    (found,) = asked(USPSTF, path, "--facts", "-", stdin='{"smoking_status": "never"}', code=2)

    assert found["error"]["error"] == "Contradiction"
    assert "Observation/p1" in found["error"]["found"]


def test_stated_facts_are_of_one_person(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle()))

    refused = asked(USPSTF, path, path, "--facts", "-", stdin="{}", code=2)

    assert (len(refused), refused[0]["error"]["field"]) == (1, "--facts")


def test_neither_record_nor_facts_is_refused_and_a_broken_record_does_not_stop_the_others(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(smoker(), packs(), who=patient(birthDate="1956-03-21"))))

    assert asked(USPSTF, code=2)[0]["error"]["error"] == "BadValue"
    first, second = asked(USPSTF, ZOO["no_patient"](tmp_path), path, code=2)
    assert (first["error"]["error"], second["eligible"]) == ("NoPatient", "yes")


def test_a_programme_without_its_edition_is_the_one_in_force_and_an_older_day_has_none():
    assert in_force("cms-lung", date(2022, 2, 10)) == CMS
    for name, day in (("cms-lung", date(2022, 2, 9)), ("lung", date(2025, 1, 1)), ("lung@1999", date(2025, 1, 1))):
        with pytest.raises(MissingKnowledge, match=USPSTF):
            in_force(name, day)


def test_an_edition_that_is_asked_for_before_its_day_says_so():
    result = command.run("screening", CMS, "--facts", "-", "--as-of", "2021-06-01", stdin=json.dumps(FORM))

    assert "note: cms-lung@2022 was not yet in force: it is from 2022-02-10." in result.out


def test_for_a_person_the_answer_stands_above_its_criteria(tmp_path):
    path = tmp_path / "b.json"
    path.write_text(json.dumps(bundle(smoker(), who=patient(birthDate="1956-03-21"))))

    lines = command.run("screening", USPSTF, path, *AS_OF).out.splitlines()

    assert lines[0].startswith(f"patient {patient_key('canary-1')}, as of 2022-06-01: USPSTF 2021")
    assert lines[1:3] == ["  eligible: unknown", "  missing: pack_years: the record does not mention it"]
    assert "  - at least 20 pack-years: unknown (pack_years not known)" in lines
    assert lines[-1].strip().startswith("Decision support")


def test_every_criterion_is_judged_for_itself():
    here = Source(SourceKind.HUMAN, "form")

    found = screening(USPSTF, {"smoking_status": Known("current", here)})

    assert [(c.holds, c.facts) for c in found.criteria] == [
        (None, ("age_years",)), (None, ("pack_years",)), (True, ("smoking_status", "years_since_quitting")),
    ]  # fmt: skip
