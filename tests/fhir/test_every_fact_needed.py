"""No silent gap: each patient fact that a network, a guideline, a risk model or a programme reads can come from FHIR.

What is needed is read off the data files; what can be produced is tried, code by code of the value sets. What cannot
is listed with its reason, and the list must be exact.
"""

from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

import pytest
import yaml
from fhir_zoo import bundle, concept, condition, observation, patient, quantity, verified

from radlogic.adapters.fhir.patient import read_patient
from radlogic.adapters.fhir.vocabulary import shipped
from radlogic.engine.types import Known

EXAM = date(2020, 2, 29)
KNOWLEDGE, RULES = files("radlogic.knowledge"), files("radlogic.rules")
TERMS = KNOWLEDGE.joinpath("terminology")
NUMBER = "a number"

# --- facts and values that no record gives, and why. A value is listed as its reader writes it.
NO_DENIAL = "records state this disease or exposure and never deny it for a whole life; its absence stays unknown"
NOT_PRODUCED = {
    ("lung_cancer_symptoms", True): "no coded element says whether a person has symptoms of lung cancer",
    ("lung_cancer_symptoms", False): "no coded element says whether a person has symptoms of lung cancer",
    ("cirrhosis_cause", "vascular"): "codes of vascular disorders do not say that they caused the cirrhosis",
    ("cirrhosis_cause", "congenital_hepatic_fibrosis"): "no code could be confirmed; ICD-10-CM has none of its own",
    ("family_history_lung_cancer", False): "a relative without the disease says nothing of the other relatives",
    ("asbestos_exposure", False): NO_DENIAL,
    ("extrathoracic_cancer", False): NO_DENIAL,
    ("cancer_history", False): NO_DENIAL,
    ("lung_cancer", False): NO_DENIAL,
    ("current_or_prior_hcc", False): NO_DENIAL,
}


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def loaded(path):
    return yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe loader


def yaml_files(folder):
    return [f for f in folder.iterdir() if f.name.endswith(".yaml")]


def of_networks():
    for file in yaml_files(KNOWLEDGE.joinpath("networks")):
        for node in loaded(file)["nodes"].values():
            for feed in node.get("feeds", []):
                if "patient" in feed:
                    yield from ((feed["patient"], value) for value in feed.get("values", {NUMBER: ""}))


def of_guidelines():
    for file in (f for guideline in RULES.iterdir() if guideline.is_dir() for f in guideline.rglob("inputs.yaml")):
        for scope in loaded(file).values():
            for entry in scope.values() if isinstance(scope, dict) else ():
                if "fact" in entry:
                    values = {"bool": (True, False), "number": (NUMBER,)}.get(entry["type"], entry.get("values"))
                    yield from ((entry["fact"], value) for value in values)
                yield from ((fact, v) for fact in entry.get("facts", {}).values() for v in (True, False))


def of_models():
    for file in yaml_files(KNOWLEDGE.joinpath("risk_models")):
        content = loaded(file)
        for entry in content["inputs"].values():
            of_case = entry.get("of_case", {})
            kind = {"bool": (True, False), "choice": entry.get("values"), "number": (NUMBER,)}[entry["type"]]
            values = tuple(of_case.get("as", ())) or ((NUMBER,) if "from" in of_case else kind)
            yield from ((fact, value) for fact in of_case.get("patient", ()) for value in values)
        cases = (*content.get("not_for", ()), *content.get("care", ()), *content.get("meant_for", {}).get("any", ()))
        for case in (c for c in cases if "patient" in c):
            yield from ((case["patient"], value) for value in case.get("one_of", (NUMBER,)))


def of_programmes():
    for file in yaml_files(KNOWLEDGE.joinpath("programmes")):
        content = loaded(file)
        for criterion in (*content["criteria"], *content["outside"], *content["edges"]):
            for test in criterion["any"]:
                yield from ((test["fact"], value) for value in test.get("one_of", (NUMBER,)))


READERS = {
    "networks": set(of_networks()), "guidelines": set(of_guidelines()), "risk models": set(of_models()),
    "programmes": set(of_programmes()),
}  # fmt: skip
NEEDED = sorted(set().union(*READERS.values()), key=str)


def value_set(fact):
    path = TERMS.joinpath(f"{fact}.yaml")
    return loaded(path) if path.is_file() else {}


def entries_of(fact):
    """The set's concepts, and those of the sets that it includes."""
    content = value_set(fact)
    return [*content.get("concepts", ()), *(e for other in content.get("includes", ()) for e in entries_of(other))]


def code(entry):
    return loaded(TERMS.joinpath("index.yaml"))["systems"][entry["system"]], entry["code"]


def records(fact, value):
    """Bundles that may state the value, one after the other, from the value sets alone."""
    if fact in ("age_years", "sex"):
        yield bundle(who=patient(gender={"M": "male"}.get(value, "female")))
    for asked in value_set(fact).get("observed_as", ()):
        unit = shipped().facts[fact].unit
        newer = observation(code(asked), "2020-01-05", id="o2", **quantity(12, unit))
        yield bundle(observation(code(asked), "2019-12-05", **quantity(10, unit)), newer)
        for entry in entries_of(fact):
            yield bundle(observation(code(asked), "2019-12-05", valueCodeableConcept=concept(*code(entry))))
    for entry in entries_of(fact):
        yield from stated_by(entry, value)
    base = {"afp_rise_ng_ml": "afp_ng_ml"}.get(fact, fact.removeprefix("years_since_"))
    if base != fact:
        yield from records(base, True if fact.startswith("years") else NUMBER)


def stated_by(entry, value):
    if value is False:
        yield bundle(condition(code(entry), **verified("refuted")))
        yield bundle(observation(code(entry), valueBoolean=False))
    else:
        yield bundle(condition(code(entry)))


def produced(fact, value):
    wanted = {"true": True, "false": False}.get(value, value)
    for record in records(fact, value):
        found = read_patient(record, exam_date=EXAM).facts.get(fact)
        if isinstance(found, Known) and (
            isinstance(found.value, Decimal) if value == NUMBER else found.value == wanted
        ):
            return True
    return False


def test_every_reader_is_looked_at():
    assert {name for name, needed in READERS.items() if not needed} == set()
    assert len(NEEDED) > 40


@pytest.mark.parametrize(("fact", "value"), NEEDED, ids=str)
def test_a_record_can_state_every_value_that_is_needed_or_the_reason_why_not_is_given(fact, value):
    assert produced(fact, value) is ((fact, value) not in NOT_PRODUCED)


def test_every_needed_fact_is_in_the_vocabulary_or_listed_as_held_by_no_record():
    assert {fact for fact, _ in NEEDED} - set(shipped().facts) == {"lung_cancer_symptoms"}


def test_no_reason_is_given_for_what_nobody_needs():
    assert set(NOT_PRODUCED) - set(NEEDED) == set()
