"""What ``pyproject.toml`` says is installed, held against the folders."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOL = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
FOLDERS = {name.removeprefix("radlogic."): ROOT / path for name, path in TOOL["package-dir"].items()}


def files(folder: Path) -> set[Path]:
    return {p for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}


def matched(package: str) -> set[Path]:
    """Files that the patterns of ``package-data`` take in for one package."""
    first, *rest = package.removeprefix("radlogic.").split(".")
    folder = FOLDERS[first].joinpath(*rest)
    patterns = [*TOOL["package-data"]["*"], *TOOL["package-data"].get(package, ())]
    return {p for pattern in patterns for p in folder.glob(pattern) if p.is_file()}


def test_every_folder_that_holds_python_is_a_package_and_no_other():
    holders = {p.parent for folder in FOLDERS.values() for p in files(folder) if p.suffix == ".py"}
    named = {f"radlogic.{'.'.join(p.relative_to(ROOT).parts)}" for p in holders}

    assert set(TOOL["packages"]) == named


def test_every_package_says_what_it_is():
    missing = [p for p in TOOL["packages"] if not (ROOT / p.removeprefix("radlogic.").replace(".", "/")).is_dir()]

    assert not missing
    for package in TOOL["packages"]:
        init = ROOT / package.removeprefix("radlogic.").replace(".", "/") / "__init__.py"
        assert init.read_text(encoding="utf-8").startswith('"""'), init


@pytest.mark.parametrize("name", FOLDERS)
def test_every_data_file_ships(name):
    data = {p for p in files(FOLDERS[name]) if p.suffix != ".py"}
    taken = {p for package in TOOL["packages"] if package.split(".")[1] == name for p in matched(package)}

    assert data - taken == set()


@pytest.mark.parametrize("name", ["rules", "knowledge"])
def test_data_folders_hold_no_python(name):
    assert {p.name for p in files(FOLDERS[name]) if p.suffix == ".py"} == {"__init__.py"}


@pytest.mark.parametrize("name", FOLDERS)
def test_each_folder_goes_by_its_own_name(name):
    assert FOLDERS[name] == ROOT / name


def test_every_extra_is_pinned():
    """A constraints file that lacks one dependency would let its newest version in."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    build = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]["requires"]
    wanted = [*project["dependencies"], *build, *(d for e in project["optional-dependencies"].values() for d in e)]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {name(line) for line in lines if "==" in line}

    assert {name(requirement) for requirement in wanted} - pinned == {"radlogic"}  # an extra may name other extras


def name(requirement: str) -> str:
    """The name of a requirement as package indexes compare it."""
    for sign in "<>=~! [;":
        requirement = requirement.partition(sign)[0]
    return requirement.lower().replace("_", "-").replace(".", "-")
