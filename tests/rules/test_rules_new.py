"""``rules new``: what it writes loads, answers its case, says what to fill in, and never overwrites."""

from datetime import date
from pathlib import Path

import command
import pytest
import yaml

from radlogic.adapters.rules.check import check
from radlogic.adapters.rules.new import FILES, new
from radlogic.engine.errors import BadValue
from radlogic.engine.guideline.load import load_guideline

TODAY = date(2026, 3, 1)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def files(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("name", "folder"), [("call-back", "call-back/1"), ("x9@2026", "x9/2026"), ("a-b@1.10", "a-b/1.10")]
)
def test_a_new_guideline_loads_and_its_case_passes(tmp_path, name, folder):
    made = new(name, tmp_path, TODAY)
    found = check(folder.replace("/", "@"), (tmp_path,))

    assert made == tmp_path / folder
    assert set(files(made)) == set(FILES)
    assert (found.cases, found.wrong, found.failed) == (1, (), ())


def test_it_is_in_force_from_the_day_it_was_made(tmp_path):
    new("call-back", tmp_path, TODAY)

    assert load_guideline("call-back@1", (tmp_path,)).head["effective"] == "2026-03-01"


def test_what_to_fill_in_is_marked_in_every_file_that_has_it(tmp_path):
    made = new("call-back", tmp_path, TODAY)
    marked = {name for name, content in files(made).items() if b"TODO" in content}

    assert marked == {"guideline.yaml", "tables/1-finding.yaml", "tables/2-exam.yaml", "README.md"}
    assert all(yaml.safe_load(content) for name, content in files(made).items() if name.endswith(".yaml"))


def test_what_is_there_is_never_overwritten(tmp_path):
    made = new("call-back", tmp_path, TODAY)
    (made / "inputs.yaml").write_text("mine")
    before = files(tmp_path)

    with pytest.raises(BadValue, match="which exists"):
        new("call-back", tmp_path, TODAY)

    assert files(tmp_path) == before


@pytest.mark.parametrize(
    "name", ["", "Call", "call_back", "../up", "a/b", "a@", "a@../b", "a@b/c", "-a", "a--b", "a@b@c", "ä"]
)
def test_a_name_that_is_none_is_refused_and_nothing_is_written(tmp_path, name):
    result = command.run("rules", "new", "--in", tmp_path / "rules", "--", name)

    assert (result.code, result.out) == (2, "")
    assert not (tmp_path / "rules").exists()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path):
    (tmp_path / "rules").write_text("a file")
    result = command.run("rules", "new", "call-back", "--in", tmp_path / "rules")

    assert (result.code, result.out) == (2, "")
    assert "--in" in result.err


def test_it_says_what_comes_next(tmp_path):
    result = command.run("rules", "new", "call-back@2", "--in", tmp_path)

    assert f"radlogic rules check call-back@2 --rules {tmp_path}" in result.out
