"""What the documents say, held against the product. Documents that nothing checks go stale."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
import rule_language_page
import typer
import yaml
from jsonschema import Draft202012Validator
from sample_decisions import ALL

import radlogic.adapters
import radlogic.engine
from radlogic.adapters.cli import app
from radlogic.adapters.decision_file import dumps
from radlogic.engine.errors import RadlogicError
from radlogic.engine.guideline.editions import editions
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.resources import knowledge_folder, rules_folder

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS = typer.main.get_command(app).commands


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def rows(page: str) -> dict[str, list[str]]:
    """First cell, without its marks -> the other cells, for all tables of a page."""
    lines = [line.strip().strip("|") for line in page.splitlines() if line.startswith("| `")]
    return {cells[0].strip().strip("`"): [c.strip() for c in cells[1:]] for cells in (li.split(" | ") for li in lines)}


def below(kind: type) -> set[type]:
    return {kind, *(leaf for child in kind.__subclasses__() for leaf in below(child))}


def errors() -> dict[str, set[str]]:
    """Module -> names of its errors, over the whole product."""
    for package in (radlogic.engine, radlogic.adapters):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".training." not in module.name:  # needs the extra `train`, and raises errors of the engine only
                importlib.import_module(module.name)
    found: dict[str, set[str]] = {}
    for kind in below(RadlogicError) - {RadlogicError}:
        if kind.__module__.startswith("radlogic."):
            found.setdefault(kind.__module__, set()).add(kind.__name__)
    return found


def test_every_error_is_listed_with_when_and_cure_below_its_module():
    sections = dict(part.split("\n", 1) for part in text("docs/errors.md").split("\n## ")[1:])
    listed = {module: rows(section) for module, section in sections.items()}

    assert {module: set(names) for module, names in listed.items()} == errors()
    assert all(len(cells) == 2 and all(cells) for section in listed.values() for cells in section.values())


def test_every_review_reason_is_explained_and_as_the_gate_has_it():
    signals = yaml.safe_load((knowledge_folder() / "gates.yaml").read_text(encoding="utf-8"))["signals"]
    explained = rows(text("docs/review-reasons.md"))
    stated = {code: cells[1].strip("`") for code, cells in explained.items()}

    assert stated == {code: s["level"] for code, s in signals.items()}


def test_every_command_is_in_the_readme():
    lacking = [name for name in COMMANDS if f"radlogic {name}" not in text("README.md")]

    assert not lacking


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_commands_and_options_in_a_page_exist(page):
    content = page.read_text(encoding="utf-8").replace("\\\n", " ")
    for command, rest in re.findall(r"\bradlogic ([a-z]+)\b([^\n`|]*)", "\n".join(code(content))):
        assert command in COMMANDS
        below = getattr(COMMANDS[command], "commands", {})
        named = below.get(rest.split()[0]) if rest.split() else None
        parts = [COMMANDS[command], *([named] if named else [])]
        known = {option for part in parts for parameter in part.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) - {"--help"} <= known


def code(content: str) -> list[str]:
    """What stands between back ticks, in blocks (without what is printed) and in lines."""
    blocks = re.findall(r"```sh\n(.*?)```", content, flags=re.DOTALL)
    return [*blocks, *re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", content, flags=re.DOTALL))]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_targets_of_make_in_a_page_exist(page):
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), flags=re.MULTILINE))
    named = {t for c in code(page.read_text(encoding="utf-8")) for t in re.findall(r"^make ([a-z-]+)", c, re.MULTILINE)}

    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_in_a_page_resolve(page):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    broken = [t for t in targets if "://" not in t and not (page.parent / t).exists()]

    assert not broken


def test_every_page_is_linked_from_somewhere():
    linked = {
        (page.parent / target).resolve()
        for page in PAGES
        for target in re.findall(r"\]\(([^)#\s]+)\)", page.read_text(encoding="utf-8"))
    }

    assert {p for p in PAGES if p.name != "README.md"} - linked == set()


def test_the_readme_can_be_read_in_one_go():
    assert len(text("README.md").splitlines()) <= 150


def test_every_guideline_that_ships_has_its_own_page_and_is_in_the_readme():
    shipped = dict(editions(rules_folder()))

    assert not [name for name, folder in shipped.items() if not (folder / "README.md").is_file()]
    assert not [name for name in shipped if f"`{name}`" not in text("README.md")]


def marked(name: str) -> list[str]:
    """What docs/safety.md says of a guideline: rows in all, those that do not rest on two sources, their tables."""
    tables = load_guideline(name).document["tables"]
    every = [(t["id"], r.get("mark", t.get("mark", "V2"))) for t in tables for r in (*t.get("rows", ()), *t.get("any", ()), *([t["otherwise"]] if "otherwise" in t else ()))]  # fmt: skip  # noqa: E501
    weak = [table for table, mark in every if mark != "V2"]
    return [str(len(every)), str(len(weak)), ", ".join(dict.fromkeys(weak))]


@pytest.mark.parametrize("name", [name for name, _ in editions(rules_folder())])
def test_safety_says_which_rows_rest_on_one_source(name):
    assert rows(text("docs/safety.md"))[name] == marked(name)


def test_the_page_on_the_rule_language_is_current():
    """If this fails: make docs."""
    assert rule_language_page.PAGE.read_text(encoding="utf-8") == rule_language_page.page()


@pytest.mark.parametrize("name", ALL)
def test_the_published_schema_takes_every_kind_of_decision_and_misses_what_is_missing(name):
    schema = Draft202012Validator(json.loads(text("docs/decision.schema.json")))
    decision = json.loads(dumps(ALL[name]()))

    assert [error.message for error in schema.iter_errors(decision)] == []
    assert all(not schema.is_valid({k: v for k, v in decision.items() if k != key}) for key in decision)


def classify(rules: Path, case: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from radlogic.adapters.cli import main; main()"]
    command += ["classify", "call-back@1", "--json", "--rules", str(rules)]
    return subprocess.run(command, input=json.dumps(case), capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def example(tmp_path):
    """The guideline that CONTRIBUTING builds, as it stands there."""
    for path, content in re.findall(r"`my-rules/(\S+)`:\n\n```yaml\n(.*?)```", text("CONTRIBUTING.md"), re.DOTALL):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return tmp_path


def test_the_guideline_in_contributing_answers_as_it_says(example):
    answer = json.loads(classify(example, {"nodules": [{"size_mm": 9}]}).stdout)

    assert (answer["category"], answer["possible"], answer["ask"]) == (None, ["letter", "call"], "solid")


def test_the_gap_in_contributing_is_refused_as_it_says(example):
    table = example / "call-back" / "1" / "tables" / "1-call-back.yaml"
    table.write_text(table.read_text(encoding="utf-8").replace("below: 8", "below: 7"), encoding="utf-8")
    run = classify(example, {"nodules": [{"size_mm": 9}]})

    assert run.returncode == 2
    assert json.loads(run.stdout)["error"]["error"] == "Incomplete"


MACHINE = re.compile(r"(?<![\w./-])/(?:root|home|Users|work|tmp|opt|srv|mnt)/\w|pypi\.org|pythonhosted|registry\.npmjs")
TEXTS = {".py", ".md", ".yaml", ".json", ".toml", ".txt", ".j2", ""}
FOLDERS = ["engine", "adapters", "rules", "knowledge", "tests", "docs", "benchmarks", ".ci", "."]


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_file_names_a_path_of_some_machine_or_a_registry(folder):
    found = (ROOT / folder).glob("*") if folder == "." else (ROOT / folder).rglob("*")
    files = {p for p in found if p.is_file() and p.suffix in TEXTS and "__pycache__" not in p.parts}
    named = {p.relative_to(ROOT).as_posix(): MACHINE.search(p.read_text(encoding="utf-8")) for p in files}

    assert {name: hit.group() for name, hit in named.items() if hit and name != "tests/test_docs.py"} == {}
