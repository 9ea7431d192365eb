"""The product's own code systems: every code of a Bundle is in one of them."""

from functools import lru_cache

import bundle_cases as world
import pytest
import rule_cases

from radlogic.adapters.fhir.emit import terms
from radlogic.adapters.fhir.emit.bundle import report_bundle
from radlogic.adapters.fhir.emit.lesions import PROSE
from radlogic.adapters.fhir.emit.terminology import terminology_bundle


@lru_cache
def made():
    return terminology_bundle()


@lru_cache
def systems():
    """The code systems by URL, one for each edition."""
    found = {}
    for entry in made()["entry"]:
        found.setdefault(entry["resource"]["url"], []).append(entry["resource"])
    return found


def codings(node):
    """Every Coding of the product's own below a node."""
    if isinstance(node, dict):
        if "code" in node and str(node.get("system", "")).startswith("urn:radlogic:CodeSystem:"):
            yield node["system"], node["code"]
        for value in node.values():
            yield from codings(value)
    elif isinstance(node, list):
        for value in node:
            yield from codings(value)


def test_every_code_of_a_guidelines_own_cases_is_defined():
    known = {url: {c["code"] for one in found for c in one["concept"]} for url, found in systems().items()}
    undefined = set()
    for _, assessment in world.own(2):
        sent = report_bundle(assessment, None, world.CONTEXT)
        for system, code in codings(sent):
            if system != "urn:radlogic:CodeSystem:provenance" and code not in known.get(system, ()):
                undefined.add((system, code))
    assert undefined == set()


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_every_category_is_in_the_code_system_of_its_edition(name):
    guideline = rule_cases.guideline(name)
    ident, _, edition = name.partition("@")
    (system,) = [s for s in systems()[f"urn:radlogic:CodeSystem:{ident}"] if s["version"] == edition]
    categories = [c["id"] for c in guideline.head["categories"]] + list(guideline.head.get("outside", ()))
    assert [c["code"] for c in system["concept"]] == categories
    assert system["content"] == "complete"
    assert guideline.head["owner"] in system["copyright"]


def test_no_free_text_of_a_guideline_is_a_feature_that_is_sent():
    for name in rule_cases.guidelines():
        inputs = rule_cases.guideline(name).inputs
        assert {n for n, (_, i) in inputs.items() if i["type"] == "text"} <= PROSE


def test_numbers_have_the_unit_that_the_guideline_reads_them_in():
    units = {"mm": "mm", "mm3": "mm3", "cm": "cm", "months": "mo", "years": "a", "s": "s", "ng/mL": "ng/mL", "1": None}
    for name in rule_cases.guidelines():
        for feature, (scope, i) in rule_cases.guideline(name).inputs.items():
            if i["type"] == "number" and scope == "finding":
                found = terms.codes().unit_of(feature)
                assert (found and found.code) == units[i["unit"]], feature


def test_codes_are_given_once_and_mean_something():
    for found in systems().values():
        for system in found:
            codes = [c["code"] for c in system["concept"]]
            assert len(set(codes)) == len(codes) == system["count"]
            assert all(c["definition"] for c in system["concept"])


def test_sending_the_code_systems_again_makes_nothing_twice():
    assert terminology_bundle() == made()
    asked = [e["request"]["url"] for e in made()["entry"]]
    assert len(set(asked)) == len(asked)
    assert all(e["request"]["method"] == "PUT" for e in made()["entry"])
