"""The vocabulary is data: complete, cited, and an error where it is not."""

import re
import shutil
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from radlogic.adapters.fhir.vocabulary import load, shipped
from radlogic.engine.errors import MissingKnowledge

ICD, SCT = "http://hl7.org/fhir/sid/icd-10-cm", "http://snomed.info/sct"
NEEDED = {
    *("age_years", "sex", "smoking_status", "pack_years", "years_since_quitting", "lung_cancer", "cancer_history"),
    *("extrathoracic_cancer", "family_history_lung_cancer", "emphysema", "copd", "asbestos_exposure", "cirrhosis"),
    *("cirrhosis_cause", "chronic_hbv", "chronic_hcv", "masld", "current_or_prior_hcc", "immunocompromised"),
    *("radon_exposure", "years_since_lung_cancer", "years_since_extrathoracic_cancer", "cirrhosis_aetiology"),
    *("alcohol_liver_disease", "alcohol_use_disorder", "liver_transplant", "hcc_locoregional_treatment"),
    *("hcc_resection", "hcc_systemic_treatment", "afp_rise_ng_ml", "afp_l3_percent", "dcp_ng_ml"),
    *("afp_ng_ml", "bilirubin", "albumin", "platelets", "inr", "ast", "alt"),
}


def value_sets():
    folder = files("radlogic.knowledge").joinpath("terminology")
    names = [name for name, fact in shipped().facts.items() if fact.read_from == "record"]
    return [folder / f"{name}.yaml" for name in (*names, "prior_exams", "liver_exams")]


def codes(content):
    if isinstance(content, dict):
        if "display" in content:
            yield content
        for child in content.values():
            yield from codes(child)
    if isinstance(content, list):
        for child in content:
            yield from codes(child)


def test_every_fact_that_the_product_speaks_of_is_there_with_its_meaning():
    assert set(shipped().facts) >= NEEDED
    assert all(len(fact.doc) > 5 for fact in shipped().facts.values())


@pytest.mark.parametrize("file", value_sets(), ids=lambda file: file.name)
def test_a_value_set_says_what_it_does_not_cover_and_where_each_code_was_confirmed(file):
    text = file.read_text(encoding="utf-8")
    index = yaml.safe_load(files("radlogic.knowledge").joinpath("terminology/index.yaml").read_text(encoding="utf-8"))

    assert re.match(r"#(.|\n#)*([Nn]ot cover)", text)
    for entry in codes(yaml.safe_load(text)):
        assert entry["source"] in index["sources"]
        assert entry["system"] in index["systems"]


@pytest.mark.parametrize(
    ("code", "meanings"),
    [
        ("J43", {"emphysema": True}),
        ("J43.9", {"emphysema": True}),
        ("J44.1", {"copd": True}),
        ("J4", {}),
        ("C34.11", {"lung_cancer": True, "cancer_history": True}),
        ("C50.911", {"extrathoracic_cancer": True, "cancer_history": True}),
        ("C15.9", {"extrathoracic_cancer": None, "cancer_history": True}),  # the longest entry that fits decides
        ("C44.91", {}),  # non-melanoma skin cancer is none of the facts
        ("C43.9", {"extrathoracic_cancer": True, "cancer_history": True}),
        ("C4A.9", {"extrathoracic_cancer": None, "cancer_history": None}),
        ("C81.90", {"cancer_history": True}),
        ("C22.0", {"extrathoracic_cancer": True, "cancer_history": True, "current_or_prior_hcc": True}),
        ("Z85.118", {"lung_cancer": True, "cancer_history": True}),
        ("Z85.828", {}),
        ("Z85.820", {"extrathoracic_cancer": True, "cancer_history": True}),
        ("Z85.038", {"extrathoracic_cancer": True, "cancer_history": True}),
        ("K74.60", {"cirrhosis": True}),
        (
            "K70.31",
            {
                "cirrhosis": True,
                "cirrhosis_cause": "other",
                "cirrhosis_aetiology": "alcohol",
                "alcohol_liver_disease": True,
            },
        ),
        ("B18.2", {"chronic_hcv": True}),
        ("Z80.1", {"family_history_lung_cancer": True}),
        ("Z80.19", {}),  # an entry without `below` takes no children
    ],
)
def test_an_icd_code_means_what_its_longest_entry_says(code, meanings):
    assert {m.fact: m.value for m in shipped().meanings_of(ICD, code)} == meanings


def test_a_snomed_code_has_no_prefixes():
    assert shipped().meanings_of(SCT, "874330011") == ()
    assert [m.fact for m in shipped().meanings_of(SCT, "87433001")] == ["emphysema"]
    assert shipped().meanings_of("http://other", "87433001") == ()


def knowledge(folder: Path) -> Path:
    target = folder / "knowledge"
    shutil.copytree(str(files("radlogic.knowledge")), target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def rewritten(path: Path, change) -> None:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(content)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")


SETS = [name for name, fact in shipped().facts.items() if fact.read_from == "record"]


@pytest.fixture(scope="module")
def copied(tmp_path_factory):
    return knowledge(tmp_path_factory.mktemp("copy"))


@pytest.mark.parametrize("name", [*SETS, "prior_exams", "liver_exams", "index"])
def test_each_set_that_is_missing_or_empty_is_an_error(name, copied):
    file = copied / "terminology" / f"{name}.yaml"
    whole = file.read_text(encoding="utf-8")
    emptied = {key: [] if isinstance(value, list) else value for key, value in yaml.safe_load(whole).items()}
    try:
        for text in (None, "", yaml.safe_dump(emptied)):
            file.unlink(missing_ok=True) if text is None else file.write_text(text, encoding="utf-8")
            if name == "index" and text and yaml.safe_load(text)["sources"]:
                continue  # the index holds mappings: emptied lists leave it whole
            with pytest.raises(MissingKnowledge):
                load(copied)
    finally:
        file.write_text(whole, encoding="utf-8")


MISTAKES = {
    "value_set_absent": lambda k: (k / "terminology/emphysema.yaml").unlink(),
    "value_set_empty": lambda k: (k / "terminology/emphysema.yaml").write_text(""),
    "value_set_without_codes": lambda k: rewritten(k / "terminology/emphysema.yaml", lambda c: c.update(concepts=[])),
    "laboratory_without_codes": lambda k: rewritten(k / "terminology/inr.yaml", lambda c: c.update(observed_as=[])),
    "value_set_of_another_fact": lambda k: rewritten(k / "terminology/copd.yaml", lambda c: c.update(fact="emphysema")),
    "value_that_the_fact_lacks": lambda k: rewritten(
        k / "terminology/smoking_status.yaml", lambda c: c["concepts"][0].update(means="sometimes")
    ),
    "unknown_source": lambda k: rewritten(k / "terminology/copd.yaml", lambda c: c["concepts"][0].update(source="me")),
    "children_where_no_prefixes_are": lambda k: rewritten(
        k / "terminology/copd.yaml", lambda c: c["concepts"][0].update(below=True)
    ),
    "includes_nothing_known": lambda k: rewritten(
        k / "terminology/cancer_history.yaml", lambda c: c.update(includes=["all"])
    ),
    "facts_absent": lambda k: (k / "facts.yaml").unlink(),
    "facts_no_yaml": lambda k: (k / "facts.yaml").write_text("age: ["),
    "bool_that_does_not_say_what_holds": lambda k: rewritten(k / "facts.yaml", lambda c: c["copd"].pop("holds")),
    "quantity_without_its_own_unit": lambda k: rewritten(
        k / "facts.yaml", lambda c: c["albumin"].update(units={"g/dL": 10})
    ),
    "enum_without_values": lambda k: rewritten(k / "facts.yaml", lambda c: c["sex"].pop("values")),
    "factor_that_is_no_number": lambda k: rewritten(
        k / "facts.yaml", lambda c: c["albumin"]["units"].update({"mg/L": "1/0"})
    ),
    "key_too_many": lambda k: rewritten(k / "facts.yaml", lambda c: c["copd"].update(surprise=1)),
    "prior_exams_absent": lambda k: (k / "terminology/prior_exams.yaml").unlink(),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_knowledge_that_is_absent_empty_or_broken_is_an_error_and_no_empty_answer(mistake, tmp_path):
    folder = knowledge(tmp_path)
    load(folder)
    MISTAKES[mistake](folder)

    with pytest.raises(MissingKnowledge) as caught:
        load(folder)

    assert caught.value.where.startswith("knowledge/")
