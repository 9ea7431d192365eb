# ruff: noqa: E501  a row and a case stand on one line each, as in rules/
"""A hospital's own guideline in a folder of its own: begun by ``rules new``, then filled."""

from pathlib import Path

import command

NAME = "kidney-cyst@2026"
INPUTS = """\
exam:
  contrast: {type: bool, doc: "a contrast agent was given", ask: "Was a contrast agent given?"}
  date: {type: date, doc: the day of the exam}
  indication: {type: enum, values: [screening, incidental, surveillance, known_cancer, unknown], reader: false, doc: why}
finding:
  long_mm: {type: number, unit: mm, range: [0, 300], doc: long axis, ask: "How long is it?"}
  short_mm: {type: number, unit: mm, range: [0, 300], doc: short axis, ask: "How short is it?"}
  wall: {type: enum, values: [thin, thick, nodular], doc: wall of the cyst, ask: "How is the wall?"}
  inside: {type: set, values: [calcium, septa], absent: false, doc: what is inside}
numbers:
  size: {mean_of: [long_mm, short_mm], unit: mm, round: "1", doc: mean diameter in whole mm}
at_most:
  - {small: short_mm, large: long_mm, why: the short axis is at most the long one}
"""
FINDING = """\
tables:
  - id: septa
    title: Anything inside
    scope: finding
    cite: "protocol 7, page 1"
    any:
      - {id: calcium, if: {inside.calcium: true}, then: true}
      - {id: septa, if: {inside.septa: true}, then: true}

  - id: by_size
    title: Category by wall and size
    scope: finding
    cite: "protocol 7, page 2"
    mark: V1
    rows:
      - {id: small, if: {wall: thin, size: {below: 30}}, then: low, says: a small simple cyst}
      - {id: large, if: {wall: thin, size: {from: 30}}, then: low, silent: {alternatives: [high], why: "large simple cysts are not mentioned"}}
      - {id: thick, if: {wall: [thick, nodular]}, then: high}
      - {id: nodular, if: {wall: nodular, size: {from: 10}}, then: high, says: a nodular wall, over: [thick], because: "the wall is the reason, not its thickness"}

  - id: category
    title: Category of the cyst
    scope: finding
    cite: "protocol 7, page 2"
    adjust: by_size
    rows:
      - {id: inside, if: {septa: "yes"}, then: {by: 1, cap: high}, says: "something inside: one up"}
    otherwise: {id: plain, then: {by: 0}, says: nothing inside}
"""
CASES = """\
- {name: "a thin cyst of 29 mm is low", findings: [{long_mm: 30, short_mm: 28, wall: thin}], expect: {category: low, interval_months: [12, 12]}}
- {name: "a thin cyst of 30 mm is a silent spot", findings: [{long_mm: 31, short_mm: 29, wall: thin}], expect: {category: low}, silent: true, alternatives: [high]}
- {name: "calcium raises a thin cyst", findings: [{long_mm: 20, short_mm: 20, wall: thin, inside: [calcium]}], expect: {category: high}}
- {name: "septa raise a thin cyst", findings: [{long_mm: 20, short_mm: 20, wall: thin, inside: [septa]}], expect: {category: high}}
- {name: "a thick wall is high", findings: [{long_mm: 8, short_mm: 8, wall: thick}], expect: {category: high}}
- {name: "a nodular wall is high", findings: [{long_mm: 12, short_mm: 12, wall: nodular}], expect: {category: high}}
- {name: "no cyst is negative", findings: [], expect: {category: negative}}
"""
PROOFS = """\
statements:
  - id: nodular-is-high
    says: a nodular wall is always high
    cite: protocol 7, page 2
    when: {wall: nodular}
    always: high
"""
FILES = {"inputs.yaml": INPUTS, "tables/1-finding.yaml": FINDING, "cases/first.yaml": CASES, "proofs.yaml": PROOFS}


def begun(root: Path, name: str = NAME) -> Path:
    """The skeleton that ``rules new`` writes; the folder of the guideline."""
    assert command.run("rules", "new", name, "--in", root).code == 0
    guideline, edition = name.split("@")
    return root / guideline / edition


def filled(root: Path, name: str = NAME, **changes: str) -> Path:
    """The skeleton, filled. ``changes``: text of the tables -> another one."""
    folder = begun(root, name)
    for file, text in FILES.items():
        content = text
        for old, new in changes.items() if file.startswith("tables") else ():
            assert old in content
            content = content.replace(old, new)
        (folder / file).write_text(content, encoding="utf-8")
    return folder
