"""Whatever is wrong with an input: its own error, exit code 2, no traceback, nothing written."""

import json

import case_zoo
import command
import dicom_zoo
import fhir_zoo
import pytest
import sr_zoo

from radlogic.engine.knowledge import load_knowledge

GOOD = json.dumps(case_zoo.GOOD)
ZOOS = {"--series": dicom_zoo, "--patient": fhir_zoo, "--findings": case_zoo, "--findings ": sr_zoo}
# `--findings` takes JSON, SR and SEG by their content: a report is read as one, and text is held to be JSON
FINE_HERE = ("seg_that_is_a_report",)
OTHERWISE = {"sr_that_is_text": "NotReadable"}
INPUTS = [
    pytest.param(option.strip(), zoo, name, id=f"{option.strip()} {name}")
    for option, zoo in ZOOS.items()
    for name in zoo.ZOO
    if name not in FINE_HERE
]


@pytest.fixture(scope="module", autouse=True)
def _compiled():
    load_knowledge()  # compiled once, not within the first case


@pytest.mark.parametrize(("option", "zoo", "name"), INPUTS)
def test_broken_input_is_refused_by_name_and_nothing_is_written(option, zoo, name, tmp_path):
    (tmp_path / "in").mkdir()
    broken = zoo.ZOO[name](tmp_path / "in")
    good = tmp_path / "good.json"
    good.write_text(GOOD)
    others = [] if option == "--findings" else ["--findings", good]

    result = command.run(
        "assess", option, broken, *others, "--out", tmp_path / "out", "--as-of", "2026-11-22", "--json"
    )

    assert result.code == 2, result.out[:200]
    assert not (tmp_path / "out").exists()
    assert "Traceback" not in result.err
    record = json.loads(result.out)["error"]
    assert record["error"] == OTHERWISE.get(name, zoo.EXPECTED[name].__name__)
    assert all(record[key] for key in ("where", "found", "allowed", "cure"))


def test_thirty_mistakes_and_more_are_told_apart():
    names = [name for zoo in ZOOS.values() for name in zoo.ZOO]

    assert len(names) >= 30


def test_a_missing_input_is_a_mistake_of_the_command_line(tmp_path):
    result = command.run("assess", "--out", tmp_path / "out")

    assert result.code == 2
    assert "--series, --findings" in result.err


def test_an_unknown_guideline_names_those_there_are():
    result = command.run("classify", "lung-rads@2099", stdin=GOOD)

    assert result.code == 2
    assert "lung-rads@2022" in result.err
