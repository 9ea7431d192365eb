"""An intake that is killed goes on where it was, and its tables are the same, byte for byte."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import generated_ndjson
import pytest
from generated_dirt import add_dirt

from radlogic.adapters.audit.intake import incoming, lines, stage
from radlogic.adapters.audit.intake.incoming import tables_folder

HELPER = Path(__file__).parents[1] / "killed_intake.py"


def patients(folder, many):
    folder.mkdir()
    rows = (json.dumps({"resourceType": "Patient", "id": f"p{i}", "gender": "female"}) for i in range(many))
    (folder / "Patient.ndjson").write_text("\n".join(rows) + "\n", encoding="utf-8")


def content(made):
    return {file.name: file.read_bytes() for file in sorted(made.iterdir())}


class Stopped(Exception):
    """The reading ends here."""


def stop_after(monkeypatch, blocks):
    """The stage refuses a block after so many; returns the blocks that are read."""
    read = []
    mark = stage.Stage.mark

    def marked(self, file, block, told):
        if len(read) == blocks:
            raise Stopped
        read.append((file, block))
        return mark(self, file, block, told)

    monkeypatch.setattr(stage.Stage, "mark", marked)
    return read


def test_blocks_that_are_read_are_not_read_again_and_the_tables_are_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK", 2000)
    patients(tmp_path / "in", 200)
    whole = content(tables_folder(tmp_path / "in", tmp_path / "whole"))
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(Stopped):
            tables_folder(tmp_path / "in", tmp_path / "out")
    assert not (tmp_path / "out" / "tables").exists()

    read = stop_after(monkeypatch, 10_000)
    made = tables_folder(tmp_path / "in", tmp_path / "out")

    assert content(made) == whole
    assert read
    assert {block for file, block in read if file == 0}.isdisjoint({0, 1})
    assert not (tmp_path / "out" / incoming.STAGE).exists()


def test_what_was_read_of_another_export_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "BLOCK", 2000)
    patients(tmp_path / "in", 200)
    with monkeypatch.context() as patch:
        stop_after(patch, 3)
        with pytest.raises(Stopped):
            tables_folder(tmp_path / "in", tmp_path / "out")
    patients(tmp_path / "other", 150)

    made = tables_folder(tmp_path / "other", tmp_path / "out")

    assert content(made) == content(tables_folder(tmp_path / "other", tmp_path / "whole"))


def python(*arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.run(
        [sys.executable, str(HELPER), *map(str, arguments)], capture_output=True, env=environment, check=False
    )


@pytest.mark.slow
def test_killed_at_several_points_and_started_again_it_gives_the_same_bytes(tmp_path):
    generated_ndjson.write(tmp_path, 120, 3, beside=False)
    add_dirt(tmp_path / "ndjson", 2)
    assert python(tmp_path / "ndjson", tmp_path / "whole").returncode == 0
    whole = content(tmp_path / "whole" / "tables")

    for marks in (0, 1, 4, 9):
        ended = python(tmp_path / "ndjson", tmp_path / "out", marks)
        assert ended.returncode == -signal.SIGKILL
        assert not (tmp_path / "out" / "tables").exists()
    assert python(tmp_path / "ndjson", tmp_path / "out").returncode == 0

    assert content(tmp_path / "out" / "tables") == whole
