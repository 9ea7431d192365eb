"""The codes of ``sr_codes.yaml``: each states its facts, comes from where it says, and names an input of the rules."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydicom.sr._concepts_dict import concepts
from pydicom.sr._snomed_dict import mapping
from sr_zoo import answer, group, report, write

from radlogic.adapters.dicom import coded
from radlogic.adapters.dicom.coded import Code, CodesFile, shipped_codes
from radlogic.adapters.dicom.sr import read_sr_report
from radlogic.engine.errors import MissingKnowledge
from radlogic.engine.types import Known

CODES: dict[str, Any] = yaml.safe_load((files("radlogic.knowledge") / "terminology/sr_codes.yaml").read_text("utf-8"))
INPUTS: dict[str, Any] = yaml.safe_load((files("radlogic.rules") / "lung-rads/2022/inputs.yaml").read_text("utf-8"))
ANSWERS = [
    pytest.param(question, entry["code"], one["facts"], id=f"{question or 'anywhere'} = {entry['code']}")
    for question, answers in [
        *((q["codes"][0]["code"], q["answers"]) for q in CODES["questions"]),
        ("99TEST 1", CODES["anywhere"]),
    ]
    for one in answers
    for entry in one["codes"]
]


@pytest.mark.parametrize(("question", "value", "facts"), ANSWERS)
def test_every_shipped_answer_states_its_facts(
    tmp_path: Path, question: str, value: str, facts: dict[str, Any]
) -> None:
    made = report(group("nodule 1", answer(f"{question} question", f"{value} answer")))
    found = read_sr_report(write(made, tmp_path / "report.dcm"))

    known = {name: belief.value for name, belief in found.findings[0].facts.items() if isinstance(belief, Known)}
    assert known == facts
    assert found.origins[0].unread == ()


def _known(scheme: str, value: str) -> bool:
    return any(value in by_code for by_code in concepts.get(scheme, {}).values())


def test_codes_said_to_be_of_the_dicom_dictionary_are_in_it() -> None:
    listed = [entry for entry in CodesFile.model_validate(CODES).entries() if entry.source in ("dcm", "sct")]

    assert len(listed) > 60
    assert [
        e.code for e in listed if not _known(*e.code.split(" ")) and e.code.split(" ")[1] not in mapping["SCT"]
    ] == []


def test_codes_said_to_be_older_forms_are_those_of_the_dicom_mapping() -> None:
    file = CodesFile.model_validate(CODES)
    by_code = {entry.code: entry for entry in file.entries()}
    older = [entry for entry in file.entries() if entry.source == "srt"]

    assert len(older) > 40
    for entry in older:
        newer = by_code[f"SCT {mapping['SRT'][entry.code.split(' ')[1]]}"]
        codes = shipped_codes()
        keys = [codes.key(Code(*one.code.split(" "))) for one in (entry, newer)]
        for meanings in (codes.roles, codes.sites, codes.findings, codes.derivations, codes.measurements):
            assert meanings.get(keys[0]) == meanings.get(keys[1]), entry.code


def test_facts_and_sizes_are_inputs_of_the_rules() -> None:
    inputs = INPUTS["finding"]
    stated = [one["facts"] for one in CODES["anywhere"]]
    stated += [one["facts"] for question in CODES["questions"] for one in question["answers"]]
    for name, value in (pair for facts in stated for pair in facts.items()):
        head, _, tail = name.partition(".")
        assert tail in inputs[head]["values"] if tail else value in inputs[head].get("values", [True, False]), name
    assert {one["inputs"]["nodule"] for one in CODES["measurements"]} <= inputs.keys()
    assert {question["input"].partition(".")[0] for question in CODES["questions"]} <= inputs.keys()


BROKEN = {
    "absent": None,
    "not YAML": "roles: [",
    "another field": "colour: blue",
    "a code without source": yaml.safe_dump(CODES | {"sources": {}}),
    "a quantity without units": yaml.safe_dump(CODES | {"units": {"length": {"mm": 1}}}),
    "a code of one word": yaml.safe_dump(CODES | {"anatomy": [{"code": "Organ", "display": "", "source": "dcm"}]}),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_of_codes_is_an_error_and_never_an_empty_mapping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "terminology").mkdir()
    if (content := BROKEN[name]) is not None:
        (tmp_path / coded.FILE).write_text(content, encoding="utf-8")
    monkeypatch.setattr(coded, "knowledge_folder", lambda: tmp_path)
    shipped_codes.cache_clear()
    try:
        with pytest.raises(MissingKnowledge):
            shipped_codes()
    finally:
        shipped_codes.cache_clear()
