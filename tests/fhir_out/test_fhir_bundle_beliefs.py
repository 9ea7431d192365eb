"""What a Bundle says of beliefs and of who holds them: nets, probabilities, risks, conflicts, provenance."""

import json

import bundle_cases as world
from bundle_cases import SIGNATURES
from bundle_parts import bundle, codes, exam_of, lesion_of, named, parts, read, resources
from sample_decisions import ALL

SNOMED_LUNG_RADS = "1362105002"


@world.over(world.written)
def test_the_provenance_names_everything_that_was_read_and_who_verified_it(name, assessment):
    for how in ("unsigned", "accepted", "overridden"):
        made = bundle(assessment, SIGNATURES[how])
        (provenance,) = resources(made, "Provenance")
        told = {e["what"]["identifier"]["value"] for e in provenance["entity"]}
        assert set(assessment.record.knowledge.values()) <= told
        assert assessment.record.decision_id in told
        roles = [code for agent in provenance["agent"] for code in codes(agent["type"])]
        assert ("verifier" in roles) == (how != "unsigned")
        engine = named(made)[provenance["agent"][0]["who"]["reference"]]
        assert engine["version"] == [{"value": assessment.record.engine_version}]
        assert len(provenance["target"]) == len(
            [r for r in resources(made) if r["resourceType"] not in ("Device", "Provenance")]
        )


def test_a_net_is_a_device_with_its_hash_and_an_author():
    made = bundle(world.uncertain())
    net = next(d for d in resources(made, "Device") if d["deviceName"][0]["name"] == world.NET.reference)
    assert net["version"][0]["value"] == "f" * 64
    (provenance,) = resources(made, "Provenance")
    authors = [a["who"]["reference"] for a in provenance["agent"] if "author" in codes(a["type"])]
    assert [named(made)[urn] for urn in authors] == [net]


def test_uncertain_beliefs_are_given_with_their_doubt_and_never_as_facts():
    lesion = lesion_of(bundle(world.uncertain()), "N1")
    (kind,), (growing,) = parts(lesion, "type"), parts(lesion, "growing")
    assert "dataAbsentReason" in kind and "dataAbsentReason" in growing
    assert [c["valueQuantity"]["value"] for c in parts(lesion, "type.probability.solid")] == [0.75]
    assert [c["valueQuantity"]["value"] for c in parts(lesion, "growing.probability.no")] == [0.6]
    (size,), (doubt,) = parts(lesion, "mean_mm"), parts(lesion, "mean_mm.sd")
    assert size["valueQuantity"] == {"value": 7.25, "unit": "mm", "system": "http://unitsofmeasure.org", "code": "mm"}
    assert doubt["valueQuantity"]["value"] == 0.5


def test_what_nets_say_is_withheld_on_the_rule_based_route():
    assessment = ALL["unknown_type"]()
    made = bundle(assessment)
    lesion = lesion_of(made, "N1")
    (kind,) = parts(lesion, "type")
    assert codes(kind["dataAbsentReason"]) == {"unknown"}
    text = json.dumps(lesion)
    assert "0.72" not in text and "8.9" not in text
    assert "withheld" in text


def test_the_exams_category_has_its_probability_and_its_set():
    seen = exam_of(bundle(world.uncertain()), "lung-rads")
    assert seen["extension"][0]["valueDecimal"] == 0.8
    assert [c["valueQuantity"]["value"] for c in parts(seen, "lung-rads.probability.4B")] == [0.2]
    assert [c["valueCodeableConcept"]["text"] for c in parts(seen, "calibrated-set")] == ["4A", "4B"]
    assert [c["valueBoolean"] for c in parts(seen, "lung-rads.s_modifier")] == [False]
    assert SNOMED_LUNG_RADS in codes(seen["code"])
    assert seen["method"] == {"text": "ACR Lung-RADS v2022"}


def test_a_risk_is_a_percentage_with_its_interval_and_what_it_rests_on():
    assessment = ALL["fused"]()
    made = bundle(assessment)
    network = next(r for r in resources(made, "RiskAssessment") if "network" in r["method"]["text"])
    (prediction,) = network["prediction"]
    assert prediction["probabilityDecimal"] == 5.22
    low, high = (prediction["extension"][0]["valueRange"][end]["value"] for end in ("low", "high"))
    assert (low, high) == (2.03, 11.88)
    assert named(made)[network["basis"][0]["reference"]] == lesion_of(made, "N1")
    assert named(made)[network["performer"]["reference"]]["deviceName"][0]["name"] == network["method"]["text"]
    given_up = [r for d in read(assessment) for f in d.findings for r in f.published if r.probability is None]
    assert given_up and len(resources(made, "RiskAssessment")) == 4  # a model that gave no number is no assessment


def test_a_conflict_is_a_detected_issue():
    made = bundle(world.conflicting())
    (issue,) = resources(made, "DetectedIssue")
    assert named(made)[issue["implicated"][0]["reference"]] == lesion_of(made, "N1")
    assert named(made)[issue["evidence"][0]["detail"][0]["reference"]]["resourceType"] == "RiskAssessment"
    assert issue["severity"] == "moderate"  # the review is wanted soon
    assert all(said in issue["detail"] for said in ("4A", "5.0 %", "15.0 %", "40.0 %", "most probable value"))
