"""Every held-out nodule as the gate meets it: the engine's steps on the net's beliefs, beside the panel's reading."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np

from radlogic.engine import assess as steps
from radlogic.engine.disagreement import conflicts
from radlogic.engine.gate import Level
from radlogic.engine.guideline.load import Guideline
from radlogic.engine.knowledge import Knowledge, load_knowledge
from radlogic.engine.likely import Masses, management
from radlogic.engine.perception.extractor import OUTSIDE_TRAINING
from radlogic.engine.perception.in_series import PART_SOLID
from radlogic.engine.perception.training.data import PANEL, Nodules, texture_class
from radlogic.engine.perception.training.managements import (
    HUMAN,
    NET,
    TEXTURES,
    HeldOut,
    Stated,
    held_out,
    masses,
    possible,
    unremarkable,
)
from radlogic.engine.types import Case, Classes, Exam, Facts, Finding, Indication, Known, Measured

GUIDELINE = "lung-rads@2022"
BASELINE: Stated = {"status": "baseline"}
NEW: Stated = {"status": "new"}
AS_OF = date(2026, 11, 22)
SETTLED_SEPARATELY = "managements_differ"  # raised by the set, whose bars change from split to split
Managements = frozenset[str]


@dataclass(frozen=True, slots=True)
class Row:
    """One nodule. ``truth``: the managements that the panel leaves possible, as category numbers. ``sharp``: that of
    the net's most probable texture and size, None where it leaves several. ``codes``: the signals of the gate, but for
    those of the set. ``new``: the same nodule read as a new one. ``against_rest``: for each reader of a panel (the
    reader's managements, the rest's)."""

    held: HeldOut
    contrast: bool
    masses: Masses
    truth: Managements
    sharp: str | None
    codes: frozenset[str]
    new: tuple[Masses, Managements]
    against_rest: tuple[tuple[Managements, Managements], ...]
    may_be_part_solid: bool = False  # in a series its solid part would be measured, by what counts as not validated


def knowledge() -> Knowledge:
    """The shipped knowledge; without a volume the net has nothing to add to the beliefs that the findings carry."""
    return load_knowledge(guideline=GUIDELINE, images=True)


def named(guideline: Guideline, categories: frozenset[str]) -> Managements:
    """Managements by the first category that has them: 1 and 2 share one, 4B and 4X another."""
    first = {management(guideline, c): c for c in ("4X", "4B", "4A", "3", "1", "2")}
    return frozenset(first.get(management(guideline, c), c) for c in categories)


def rows(answers: Path, nodules: Nodules, folder: Path, *, signals: bool = True) -> list[Row]:
    """Read all answers; ``signals=False`` leaves out the network and the panel's readers (a tenth of the time)."""
    using = knowledge()
    (guideline,) = using.guidelines
    contrast = {int(r["nodule_id"]): r["contrast"] == "1" for r in _table(folder / "nodules.csv")}
    index = {int(n): i for i, n in enumerate(nodules.ids)}
    sets = {int(a["nodule_id"]): a["texture_set"] for a in map(json.loads, _lines(answers))}
    found = []
    for h in held_out(answers, nodules):
        believed, truth = _read(guideline, BASELINE, h)
        sharp = named(guideline, possible(guideline, BASELINE, *_sharpest(h.beliefs)))
        found.append(
            Row(
                held=h,
                contrast=contrast[h.nodule],
                masses=believed,
                truth=truth,
                sharp=next(iter(sharp)) if len(sharp) == 1 else None,
                codes=raised(h, using) if signals else frozenset(),
                new=_read(guideline, NEW, h) if signals else ({}, frozenset()),
                against_rest=tuple(_against_rest(guideline, nodules, index[h.nodule])) if signals else (),
                may_be_part_solid=PART_SOLID in sets[h.nodule],
            )
        )
    sys.stderr.write(f"{answers.name}: {len(found)} read\n")
    return found


def _read(guideline: Guideline, situation: Stated, h: HeldOut) -> tuple[Masses, Managements]:
    said = possible(guideline, situation, h.texture, h.mean_mm)
    return _named(guideline, masses(guideline, situation, h.beliefs)), named(guideline, said)


def _named(guideline: Guideline, found: Masses) -> dict[frozenset[str], float]:
    out: dict[frozenset[str], float] = {}
    for categories, p in found.items():
        name = named(guideline, categories)
        out[name] = out.get(name, 0.0) + p
    return out


def _sharpest(said: Facts) -> tuple[str, float]:
    texture, size = said["type"], said["mean_mm"]
    if not isinstance(texture, Classes) or not isinstance(size, Measured):
        raise TypeError("a net's beliefs of texture and size")
    return max(TEXTURES, key=lambda t: texture.probabilities[t]), size.mean


def raised(h: HeldOut, using: Knowledge) -> frozenset[str]:
    """The signals of the gate in a screening exam with this nodule alone, as ``assess`` collects them."""
    case = screening(h, using.guidelines[0])
    applied = steps.applies(case, using)
    answers = steps.classify(case, applied, steps.fuse(case, using), using)
    sharp = steps.sharpest(case, applied, answers, using)
    disagree = conflicts(using.guidelines, answers, sharp)
    codes = {code for code, _ in steps.signals_of(case, answers, sharp, disagree, using, AS_OF)}
    return frozenset(codes - {SETTLED_SEPARATELY})


def screening(h: HeldOut, guideline: Guideline) -> Case:
    """A baseline screen: whole lungs, no prior, one nodule on which only the net has spoken."""
    said = unremarkable(guideline, BASELINE)
    of_finding = {n: b for n, b in said.items() if guideline.inputs[n.split(".")[0]][0] == "finding"}
    exam = {n: b for n, b in said.items() if n not in of_finding}
    stated = {"prior_ct": "none", "lungs_fully_evaluable": True, "lungs_imaged": "whole", "round": "baseline"}
    outside = {} if h.inside else {OUTSIDE_TRAINING: Known("said of the crop", NET)}
    facts = {**exam, **{n: Known(v, HUMAN) for n, v in stated.items()}}
    nodule = Finding("nodule", "nodule", {**of_finding, **h.beliefs, **outside})
    return Case(Exam(AS_OF, Indication.SCREENING, facts), (nodule,))


def falls_back(codes: frozenset[str], using: Knowledge) -> bool:
    """Whether any of the signals sends the case to a human with the rule-based answer."""
    return any(using.signals[code].level >= Level.FALL_BACK for code in codes)


def _against_rest(guideline: Guideline, nodules: Nodules, i: int) -> list[tuple[Managements, Managements]]:
    ratings, mm = nodules.reader_texture[i], nodules.readings_mm[i].astype(float)
    if len(ratings) < PANEL:
        return []
    found = []
    for r in range(len(ratings)):
        rest = [j for j in range(len(ratings)) if j != r]
        of_rest = TEXTURES[texture_class(float(np.median(ratings[rest])))], float(mm[rest].mean())
        own = TEXTURES[texture_class(float(ratings[r]))], float(mm[r])
        found.append(tuple(named(guideline, possible(guideline, BASELINE, *said)) for said in (own, of_rest)))
    return found


def _table(file: Path) -> Sequence[Mapping[str, str]]:
    return list(csv.DictReader(_lines(file)))


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines()


def with_masses_of(rows: Sequence[Row], others: Sequence[Row]) -> list[Row]:
    """The rows with what another net, or the same on other pixels, believes of the same nodules."""
    by_id = {o.held.nodule: o for o in others}
    return [replace(r, held=o.held, masses=o.masses, sharp=o.sharp) for r in rows for o in (by_id[r.held.nodule],)]
