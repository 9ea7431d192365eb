"""Whatever is wrong with a guideline's files: one error, with file, line, key and cure; never a traceback."""

import json
import random
import re
from pathlib import Path

import command
import pytest
import yaml

from radlogic.engine import errors
from radlogic.engine.errors import RuleError, RuleFileError
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.guideline.proofs_file import statements_of
from radlogic.engine.guideline.prove import prove

ZOO = yaml.safe_load((Path(__file__).parent / "broken_rules.yaml").read_text(encoding="utf-8"))
LEAKED = re.compile(r"(?i)validation|a valid|should (be|have|match)|instance of|tuple|pydantic|decimal")
GOOD = {
    "guideline.yaml": """\
id: call-back
edition: "1"
title: Whom we call back
effective: 2026-01-01
owner: our department
sources: {A: "department protocol 12, page 3"}
findings: {section: nodules, kind: nodule}
categories:
  - {id: letter, display: letter, descriptor: told by letter}
  - {id: call, display: call, descriptor: called on the same day}
outside: [nothing]
category: call_back
exam_category: exam
managements:
  nothing: {management: Nothing to tell, interval_months: null}
  letter: {management: Letter to the referrer, interval_months: [0, 1]}
  call: {management: Call the referrer today, interval_months: null}
""",
    "inputs.yaml": """\
exam:
  date: {type: date, doc: day of the exam}
finding:
  solid: {type: bool, doc: whether any part is solid}
  side: {type: enum, values: [left, right], doc: side}
  long_mm: {type: number, unit: mm, range: [0, 200], doc: long axis}
  short_mm: {type: number, unit: mm, range: [0, 200], doc: short axis}
  since: {type: enum, values: [months, years], doc: since when}
  if_grown: {type: bool, doc: has it grown}
  words: {type: text, doc: free words}
numbers:
  mean: {mean_of: [long_mm, short_mm], unit: mm, doc: mean of both axes}
  size: {either: [mean], unit: mm, round: "0.1", doc: mean diameter}
""",
    "tables/1-nodule.yaml": """\
tables:
  - id: call_back
    title: Whom we call back
    scope: finding
    cite: page 3
    rows:
      - {id: small, if: {size: {below: 8}}, then: letter}
      - {id: large, if: {size: {from: 8}, solid: false}, then: letter}
      - {id: large-solid, if: {size: {from: 8}, solid: true, grown: ["yes", "no"]}, then: call}

  - id: grown
    title: Grown
    scope: finding
    cite: page 3
    any:
      - {id: said, if: {if_grown: true}, then: true}
      - {id: huge, if: {long_mm: {from: 100}, since: [months, years], side: left}, then: true}

  - id: exam
    title: What the exam comes to
    scope: exam
    cite: page 3
    rows:
      - {id: none, if: {worst: [none, nothing]}, then: nothing}
      - {id: letter, if: {worst: letter}, then: letter}
      - {id: call, if: {worst: call}, then: call}
""",
}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def written(root: Path, files: dict[str, str]) -> Path:
    folder = root / "rules" / "call-back" / "1"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def broken(root: Path, entry: dict) -> Path:
    """The good guideline with the one mistake of an entry."""
    folder = written(root, GOOD)
    if "replace" in entry:
        text = (folder / entry["file"]).read_text(encoding="utf-8")
        assert text.count(entry["replace"]) == 1, "the mistake must be in one place"
        changed = text.replace(entry["replace"], entry["by"])
        (folder / entry["file"]).write_text(changed, encoding="latin-1" if "latin" in entry else "utf-8")
    if "folder" in entry:
        (folder / entry["file"]).mkdir()
    if "whole" in entry:
        (folder / entry["file"]).write_text(entry["whole"], encoding="utf-8")
    if "gone" in entry:
        (folder / entry["file"]).unlink()
    return folder.parents[1]


def test_the_guideline_that_is_broken_below_is_sound(tmp_path):
    written(tmp_path, GOOD)

    assert load_guideline("call-back@1", (tmp_path / "rules",)).name == "call-back@1"


@pytest.mark.parametrize("name", ["README.md", ".notes.txt", "__pycache__/x.pyc", ".git/config"])
def test_what_is_no_rule_file_may_lie_beside_the_tables(name, tmp_path):
    written(tmp_path, {**GOOD, f"tables/{name}": "x"})

    assert load_guideline("call-back@1", (tmp_path / "rules",)).name == "call-back@1"


def proofs(*keys):
    """A file of one statement, with its keys line by line from line 3 on."""
    return "statements:\n  - id: small\n    says: x\n    cite: y\n" + "".join(f"    {key}\n" for key in keys)


# what is wrong with proofs.yaml: the file, line, key, found, allowed, cure
PROOFS = {
    "a list for the whole": ("- a\n", 1, "the whole", '["a"]', "the keys statements", "Write `key: value`"),
    "a word for the whole": ("word\n", 1, "the whole", '"word"', "the keys statements", "Write `key: value`"),
    "no statement": ("statements: []\n", 1, "statements", "[]", "at least 1 of them", "Add"),
    "a blank citation": (
        proofs("always: call").replace("cite: y", 'cite: " "'), 4, "statements.0.cite", '" "', "text", "Fill it in.",
    ),
    "a blank reason": (
        proofs("always: call", "unless:", "  - {if: {solid: true}, because: \"\"}"), 7,
        "statements.0.unless.0.because", '""', "text", "Fill it in.",
    ),
    "an id with a blank": (
        proofs("always: call").replace("small", "a b"), 2, "statements.0.id", "a b", "letters, digits and -", "Rename",
    ),
    "a result that is none": (proofs("always: phone"), 5, "small, always", "phone", "letter, call", "Name results"),
    "a table that is none": (proofs("of: x", "never: call"), 5, "small, of", "x", "call_back, grown", "Name a table."),
    "an input that is none": (proofs("same: x"), 5, "small, same", "x", "solid", "Name one of these."),
    "a row that is none": (proofs("unreached: x.y"), 5, "small, unreached", "x.y", "call_back.small", "table.row"),
    "an order of what is none": (
        proofs("monotone: side", "along: [up, down]"), 6, "small, along", "up, down", "left, right", "Order",
    ),
    "a test on what is not there": (
        proofs("always: call", "when: {sise: {from: 8}}"), 6, "small, when", "the table sise", "call_back", "Correct",
    ),
    "a test for what it cannot be": (
        proofs("when: {side: up}", "always: call"), 5, "small, when", "up", "left, right", "Use one of these",
    ),
    "an exception for what it cannot be": (
        proofs("always: call", "unless:", "  - {if: {side: up}, because: z}"), 6, "small, unless", "up", "left, right",
        "Use one of these",
    ),
    "n/a for what always arises": (
        proofs("when: {size: {from: 8, or: n/a}}", "always: call"), 5, "small, when", "n/a for size", "no `or`",
        "Delete it.",
    ),
    "n/a for the result of a table": (
        proofs("when: {grown: {or: n/a}}", "always: call"), 5, "small, when", "n/a for grown", "no `or`", "Delete it.",
    ),
    "an exam's statement on a finding's input": (
        proofs("of: exam", "when: {solid: true}", "never: call"), 6, "small, when", "a test on solid", "exam",
        "Move it.",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "found", "allowed", "cure"), PROOFS.values(), ids=PROOFS)
def test_each_mistake_in_proofs_is_told_with_guideline_line_key_and_cure(
    text, line, key, found, allowed, cure, tmp_path
):
    folder = written(tmp_path, {**GOOD, "proofs.yaml": text})

    with pytest.raises(RuleFileError) as caught:
        prove(load_guideline("call-back@1", (folder.parents[1],)), statements_of(folder))

    told = caught.value
    assert (told.where, told.field) == ("call-back/1/proofs.yaml", f"line {line}, {key}")
    for part, said in (("found", found), ("allowed", allowed), ("cure", cure)):
        assert said in getattr(told, part)
    assert not LEAKED.search(str(told))


def test_the_zoo_is_a_zoo():
    assert len({entry["name"] for entry in ZOO}) == len(ZOO) >= 20


@pytest.mark.parametrize("entry", ZOO, ids=lambda e: e["name"])
def test_each_mistake_is_told_with_file_line_key_and_cure(entry, tmp_path):
    root = broken(tmp_path, entry)

    with pytest.raises(RuleError) as caught:
        load_guideline("call-back@1", (root,))

    told = caught.value
    assert type(told) is getattr(errors, entry["error"])
    assert told.where == f"call-back/1/{entry.get('in', entry['file'])}"
    line, _, key = told.field.partition(", ")
    assert (line, key) == (f"line {entry['line']}", entry.get("key", ""))
    for part in ("found", "allowed", "cure"):
        assert str(entry[part]) in getattr(told, part)
    assert not LEAKED.search(str(told))


@pytest.mark.parametrize("entry", ZOO[::6], ids=lambda e: e["name"])
def test_the_commands_refuse_it_with_exit_code_2_and_no_output(entry, tmp_path):
    root = broken(tmp_path, entry)
    out = tmp_path / "page.html"

    asked = command.run("classify", "call-back@1", "--rules", root, "--json", stdin='{"nodules": []}')
    page = command.run("rules", "explain", "call-back@1", "--rules", root, "--out", out)
    checked = command.run("rules", "check", "--rules", root, "--json")

    assert (asked.code, page.code, checked.code, out.exists()) == (2, 2, 2, False)
    assert json.loads(asked.out)["error"]["error"] == entry["error"]
    assert [b["error"] for b in json.loads(checked.out)["broken"]] == [entry["error"]]
    assert entry["error"] in page.err


JUNK = (
    None, True, 0, -1, 2.5, "x", "n/a", "size", "no", [], {}, ["x"], {"from": 1}, {"not": "x"},
    {"from": 5, "below": 2}, {"by": 1, "cap": "zz"}, [1, 2], "category", "worst", [[1, 2]],
    {"first": 5, "or": [], "cuts": 3},
)  # fmt: skip
KEYS = ("x", "or", "sum", "when", "silent", "over", "size")


def places(content, place=()):
    if place:
        yield place
    items = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in items:
        yield from places(value, (*place, key))


def damaged(text, chance):
    """A file with one value deleted, replaced, doubled or renamed."""
    content = yaml.safe_load(text)
    *way, last = chance.choice(list(places(content)))
    at = content
    for key in way:
        at = at[key]
    what = chance.choice(["delete", "replace", "replace", "rename"])
    if what == "delete":
        del at[last]
    elif what == "replace":
        at[last] = chance.choice(JUNK)
    elif isinstance(at, dict):
        at[chance.choice(KEYS)] = at.pop(last)
    else:
        at.append(at[last])
    return yaml.safe_dump(content, sort_keys=False)


@pytest.mark.parametrize("seed", [*range(30), *(pytest.param(n, marks=pytest.mark.slow) for n in range(30, 300))])
def test_whatever_is_damaged_is_refused_with_its_line_or_still_sound(seed, tmp_path):
    chance = random.Random(seed)  # noqa: S311  nothing secret is drawn
    file = chance.choice(list(GOOD))
    folder = written(tmp_path, {**GOOD, file: damaged(GOOD[file], chance)})

    try:
        name = load_guideline("call-back@1", (folder.parents[1],)).name
    except RuleError as error:
        name = error.where.replace("/1/", "@1/")
        assert error.field.startswith("line ")
        assert error.found
        assert error.allowed
        assert error.cure
        assert not LEAKED.search(str(error))

    assert name.startswith("call-back@1")
