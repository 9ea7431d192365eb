"""Names of files, which may hold names of patients, never reach the record: no erasure would find them there."""

import json
import sqlite3
from contextlib import closing

import command
import pytest
from sr_zoo import sound_report, write

from radlogic.adapters.stated import read_findings
from radlogic.adapters.store.database import FILE_NAME
from radlogic.engine.errors import BadValue
from radlogic.engine.guideline.load import load_guideline

NAME = "MUELLER_Hans_1950-03-02"
CASE = {"exam": {}, "nodules": [{"type": "solid", "status": "baseline", "long_mm": 9.4, "short_mm": 8.6}]}


def as_json(folder):
    path = folder / f"{NAME}.json"
    path.write_text(json.dumps(CASE))
    return path


def as_report(folder):
    return write(sound_report(), folder / f"{NAME}.dcm")


def dump(folder):
    with closing(sqlite3.connect(folder / FILE_NAME)) as db:
        return "\n".join(db.iterdump())


@pytest.mark.parametrize("made", [as_json, as_report])
def test_the_name_of_a_findings_file_is_not_in_the_record(tmp_path, made):
    given = ("--findings", made(tmp_path), "--out", tmp_path / "out", "--store", tmp_path / "store")
    result = command.run("assess", *given, "--as-of", "2026-11-22")
    assert result.code == 0, result.err

    assert "MUELLER" not in dump(tmp_path / "store")
    assert "MUELLER" not in (tmp_path / "out" / "decision.json").read_text()


def test_a_file_of_the_plain_name_keeps_it(tmp_path):
    (tmp_path / "findings.json").write_text(json.dumps(CASE))
    (finding,) = read_findings(tmp_path / "findings.json", load_guideline("lung-rads@2022")).findings

    assert finding.facts["type"].source.reference == "findings.json nodules[0].type"


def test_an_error_names_the_file(tmp_path):
    path = tmp_path / f"{NAME}.json"
    path.write_text(json.dumps({**CASE, "nodules": [{"type": "plaid"}]}))

    with pytest.raises(BadValue) as refused:
        read_findings(path, load_guideline("lung-rads@2022"))
    assert (refused.value.where, refused.value.field) == (path.name, "nodules[0].type")
