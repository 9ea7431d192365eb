"""The codes that are written: confirmed as marked, understood by our own reader, and short enough for their fields."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from pydicom.sr.codedict import codes as standard

from radlogic.adapters.dicom import own
from radlogic.adapters.dicom.coded import CodesFile, shipped_codes
from radlogic.adapters.dicom.emit.uids import tracking_uid, uid_of
from radlogic.adapters.dicom.emit.vocabulary import is_code, shipped_vocabulary
from radlogic.adapters.dicom.emit.wording import line, meaning, person
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.resources import knowledge_folder

GUIDELINES = ["lung-rads@2022", "fleischner@2017", "li-rads-ct-mri@2018", "li-rads-tr@2018", "ti-rads@2017"]


def every() -> dict[str, tuple[str, str]]:
    """Each code written: its meaning and its mark."""
    found: dict[str, tuple[str, str]] = {}

    def walk(part: Any) -> None:
        if isinstance(part, dict):
            if "code" in part:
                found[part["code"]] = (part["meaning"], part["confidence"])
            for below in part.values():
                walk(below)

    text = (knowledge_folder() / "dicom_out/codes.yaml").read_text(encoding="utf-8")
    walk(yaml.safe_load(text))
    return found


WRITTEN = every()


@pytest.mark.parametrize("code", [code for code, (_, mark) in WRITTEN.items() if mark == "A"])
def test_a_code_marked_as_the_standards_is_in_its_dictionary(code: str) -> None:
    scheme, value = code.split(" ")
    listed = getattr(standard, scheme)

    assert value in {getattr(listed, name).value for name in listed.dir()}


@pytest.mark.parametrize("code", [code for code, (_, mark) in WRITTEN.items() if mark == "B"])
def test_a_code_marked_as_public_is_in_the_readers_file_with_its_source(code: str) -> None:
    text = (knowledge_folder() / "terminology/sr_codes.yaml").read_text(encoding="utf-8")
    known = {entry.code for entry in CodesFile.model_validate(yaml.safe_load(text)).entries()}

    assert code in known or code == "SCT 1362105002"  # the category of Lung-RADS: HL7LT/ig-lt-lung


def test_every_standard_answer_is_read_back_as_the_value_it_was_written_for() -> None:
    for questions in shipped_vocabulary().answers.values():
        for name, question in questions.items():
            for value, answer in question.values.items():
                read = shipped_codes().facts(question.question.concept, answer.concept)
                assert read == ({name: value}, None)


def test_every_standard_measurement_is_read_back_as_the_input_it_was_written_for() -> None:
    for kind, quantities in shipped_vocabulary().measurements.items():
        for name, quantity in quantities.items():
            how = shipped_codes().measurement(quantity.concept, shipped_codes().derivation(quantity.derived))
            assert how is not None and how.inputs[kind] == name


def test_reader_and_writer_agree_on_the_own_scheme() -> None:
    assert shipped_vocabulary().scheme.designator == own.SCHEME


@pytest.mark.parametrize("guideline", GUIDELINES)
def test_every_input_and_value_of_a_guideline_can_be_a_code(guideline: str) -> None:
    for name, (_, given) in load_guideline(guideline).inputs.items():
        assert is_code(f"P({name})")
        for value in given.get("values", []):
            assert is_code(f"P({name}={value})") and is_code(f"{name}.{value}")


def test_uids_are_valid_distinct_and_the_same_every_time() -> None:
    made = {tracking_uid(study, name) for study in ("1.2", "1.3") for name in ("N1", "N2", "läsion/β")}

    assert len(made) == 6
    assert all(uid.startswith("2.25.") and len(uid) <= 64 for uid in made)
    assert uid_of("a", "b") == "2.25.37370076891263782140094869831665562234"


@pytest.mark.parametrize("text", ["x" * 200, "a\\b", "a\x00b\nc", "\u202eevil", ""])
def test_texts_fit_their_fields(text: str) -> None:
    assert len(line(text)) <= 64
    assert len(meaning(text)) in range(1, 65)
    assert len(person(text)) <= 64
    assert not set("\\\n\x00\u202e") & set(line(text) + person(text))


def test_an_edition_and_a_number_keep_their_dots() -> None:
    assert meaning("lung-rads@1.1 category 3") == "lung-rads@1.1 category 3"
    assert meaning("suspicious_features.spiculation") == "suspicious features: spiculation"
    assert meaning("P(stage.2a=0.5)") == "P(stage: 2a=0.5)"
