"""``radlogic audit``: an option that does nothing in the form that was chosen is refused by name; so is a bad value."""

import pytest
from command import run

FOLDER = {
    "json": (["--json"], "--json"),
    "whose without a store": (["--patients-of", "https://fhir.example/R4"], "--patients-of"),
    "system without a store": (["--patient-system", "urn:x:y"], "--patient-system"),
    "no size": (["--memory", "1XB"], "--memory"),
}
COMPARED = {
    "measures": (["--measures", "mips-364"], "--measures"),
    "texts": (["--texts"], "--texts"),
    "by measure": (["--by-measure"], "--by-measure"),
    "rows": (["--check-rows"], "--check-rows"),
    "no size": (["--memory", "1XB"], "--memory"),
    "store": (["--store", "nowhere"], "--store"),
    "whose": (["--patients-of", "https://fhir.example/R4"], "--patients-of"),
    "json": (["--json"], "--json"),
}
FILE = {
    "compare": (["--compare", "lung-rads@1.1", "lung-rads@2022"], "--compare"),
    "measures": (["--measures", "mips-364"], "--measures"),
    "day": (["--as-of", "2020-01-01"], "--as-of"),
    "no day": (["--as-of", "2020-99-99"], "--as-of"),
    "store": (["--store", "nowhere"], "--store"),
    "texts": (["--texts"], "--texts"),
    "setting": (["--setting", "grace_days=14"], "--setting"),
    "engine": (["--engine", "local"], "--engine"),
    "no engine": (["--engine", "fast"], "--engine"),
    "memory": (["--memory", "1GB"], "--memory"),
}


def refused(tmp_path, source, options, named):
    done = run("audit", source, "--out", tmp_path / "out", *options)
    assert done.code == 2
    assert f"command line, {named}" in done.err or f'"field": "{named}"' in done.out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("options", "named"), FOLDER.values(), ids=FOLDER)
def test_with_a_folder_what_does_nothing_is_refused(tmp_path, options, named):
    refused(tmp_path, tmp_path, options, named)


@pytest.mark.parametrize(("options", "named"), COMPARED.values(), ids=COMPARED)
def test_with_compare_what_does_nothing_is_refused(tmp_path, options, named):
    refused(tmp_path, tmp_path, ["--compare", "lung-rads@1.1", "lung-rads@2022", *options], named)


@pytest.mark.parametrize(("options", "named"), FILE.values(), ids=FILE)
def test_with_a_file_of_decisions_what_does_nothing_is_refused(tmp_path, options, named):
    file = tmp_path / "decisions.ndjson"
    file.write_text("")
    refused(tmp_path, file, options, named)
