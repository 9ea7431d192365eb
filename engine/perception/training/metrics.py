"""How good the answers are, beside each reader held against the rest of the panel.

Every nodule with at least three readers is judged once per reader: the reference is the rest of the
panel (mean of the diameters, median texture, majority mask), and both the reader and the answer are
held against it. Most nodules are solid, so agreement is quadratic-weighted kappa (Cohen, Psychological
Bulletin 70:213-220, 1968) and balanced accuracy, never plain accuracy. Areas under the curve stand
beside what the size alone, or a plain threshold on the centre's HU, reaches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from ..calibration import TEXTURES
from ..lung_nodule import NoduleReading
from .data import PANEL, Nodules, texture_class

Numbers = NDArray[np.float64]
Classes = NDArray[np.int64]

SIZE_CLASSES_MM: Final = (6, 8, 15)
BINS: Final = 10
OF_GROUPS: Final = (
    "diameter_mae_mm", "dice", "texture_brier_skill", "texture_ece", "set_coverage", "interval_coverage",
    "auc_sub_solid", "false_alarms",
)  # fmt: skip


def metrics(seen: Sequence[NoduleReading], nodules: Nodules) -> dict[str, dict[str, float]]:
    """Figures under ``answer``, ``reader`` and ``baseline``; ``n`` counts what they are of."""
    rows = np.flatnonzero(nodules.readers >= PANEL)
    panels, said = nodules.take(rows), [seen[i] for i in rows.tolist()]
    answer, reader = _against_the_rest(said, panels)
    return {
        "n": {"nodules": len(rows), "readings": int(panels.readers.sum()), "patients": len(set(panels.patient))},
        "answer": {**answer, **_calibration(said, panels), **_areas(said, panels), **_alarms(seen)},
        "reader": reader,
        "baseline": _baselines(panels),
    }


def subgroups(seen: Sequence[NoduleReading], nodules: Nodules) -> dict[str, dict[str, float]]:
    """Some figures by scanner and by slice thickness, of nodules with a panel."""
    thick = nodules.thickness_mm
    groups = {f"manufacturer {maker}": nodules.maker == maker for maker in sorted(set(nodules.maker))}
    groups |= {"slices to 1.5 mm": thick <= 1.5, "slices of 2 to 3 mm": (thick > 1.5) & (thick <= 3)}
    rows = {name: np.flatnonzero(of & (nodules.readers >= PANEL)) for name, of in groups.items()}
    return {name: _of_group(of, seen, nodules) for name, of in rows.items() if len(of)}


def _of_group(rows: Classes, seen: Sequence[NoduleReading], nodules: Nodules) -> dict[str, float]:
    """Figures that the group is too small or too uniform for are left out."""
    found = metrics([seen[i] for i in rows.tolist()], nodules.take(rows))
    of = {"reader_diameter_mae_mm": found["reader"]["diameter_mae_mm"], **{n: found["answer"][n] for n in OF_GROUPS}}
    return {"nodules": len(rows), **{name: figure for name, figure in of.items() if np.isfinite(figure)}}


def kappa(a: Classes, b: Classes) -> float:
    """Quadratic-weighted agreement beyond chance, at most 1."""
    apart = float(((a[:, None] - b[None, :]) ** 2).mean())
    return 1 - float(((a - b) ** 2).mean()) / apart if apart else 1.0


def balanced_accuracy(truth: Classes, said: Classes) -> float:
    """Mean over the classes of the share that is found."""
    return float(np.mean([(said[truth == k] == k).mean() for k in np.unique(truth)]))


def auc(truth: NDArray[np.bool_], score: NDArray[np.floating]) -> float:
    """Area under the ROC curve (Mann-Whitney), ties counting half; NaN with one class only."""
    n, m = int(truth.sum()), int((~truth).sum())
    return float((rankdata(score)[truth].sum() - n * (n + 1) / 2) / (n * m)) if n and m else float("nan")


def ece(probabilities: Numbers, truth: Classes) -> float:
    """Expected calibration error of the most probable class, in ten bins of equal width."""
    sure, hit = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bins = np.clip((sure * BINS).astype(int), 0, BINS - 1)
    return float(sum(abs(hit[bins == b].mean() - sure[bins == b].mean()) * (bins == b).mean() for b in set(bins)))


def _against_the_rest(said: Sequence[NoduleReading], panels: Nodules) -> tuple[dict[str, float], dict[str, float]]:
    rest_mm, rest_texture, ours, theirs = [], [], [], []
    for i, answer in enumerate(said):
        for r in range(panels.readers[i]):
            others = [j for j in range(panels.readers[i]) if j != r]
            rest = panels.reader_masks[i][others].mean(axis=0) >= 0.5
            rest_mm.append(float(panels.readings_mm[i][others].mean()))
            rest_texture.append(texture_class(float(np.median(panels.reader_texture[i][others]))))
            ours.append((answer.mean_mm, _likeliest(answer), dice(answer.mask, rest)))
            own = texture_class(float(panels.reader_texture[i][r]))
            theirs.append((float(panels.readings_mm[i][r]), own, dice(panels.reader_masks[i][r], rest)))
    mm, texture = np.array(rest_mm), np.array(rest_texture)
    return _agreement(np.array(ours), mm, texture), _agreement(np.array(theirs), mm, texture)


def _agreement(found: Numbers, rest_mm: Numbers, rest_texture: Classes) -> dict[str, float]:
    size, rest_size, said = (
        np.digitize(found[:, 0], SIZE_CLASSES_MM),
        np.digitize(rest_mm, SIZE_CLASSES_MM),
        found[:, 1],
    )
    return {
        "diameter_mae_mm": float(np.abs(found[:, 0] - rest_mm).mean()),
        "size_class_kappa": kappa(size, rest_size),
        "size_class_agreement": float((size == rest_size).mean()),
        "texture_kappa": kappa(said.astype(int), rest_texture),
        "texture_balanced_accuracy": balanced_accuracy(rest_texture, said.astype(int)),
        "dice": float(found[:, 2].mean()),
    }


def dice(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    """Overlap of two masks: 1 where they are the same."""
    both, of_either = int(np.count_nonzero(a & b)), int(np.count_nonzero(a)) + int(np.count_nonzero(b))
    return 2 * both / of_either if of_either else 1.0


def _calibration(said: Sequence[NoduleReading], panels: Nodules) -> dict[str, float]:
    p, truth = _probabilities(said), panels.panel_texture
    exact, base = np.eye(3)[truth], np.bincount(truth, minlength=3) / len(truth)
    held = np.array([TEXTURES[k] in s.texture_set for k, s in zip(truth, said, strict=True)])
    hit = p.argmax(axis=1) == truth
    surest = np.argsort(-p.max(axis=1))[: int(0.8 * len(p))]
    inside = [
        (s.interval_mm[0] <= mm) & (mm <= s.interval_mm[1]) for s, mm in zip(said, panels.readings_mm, strict=True)
    ]
    return {
        "texture_ece": ece(p, truth),
        "texture_brier_skill": float(1 - ((p - exact) ** 2).sum() / ((base - exact) ** 2).sum()),
        "set_coverage": float(held.mean()),
        **{f"set_coverage_{name}": float(held[truth == k].mean()) for k, name in enumerate(TEXTURES) if base[k]},
        "set_size": float(np.mean([len(s.texture_set) for s in said])),
        "set_without_likeliest": float(np.mean([TEXTURES[_likeliest(s)] not in s.texture_set for s in said])),
        "interval_coverage": float(np.concatenate(inside).mean()),
        "texture_error": float(1 - hit.mean()),
        "texture_error_at_80": float(1 - hit[surest].mean()),
    }


def _areas(said: Sequence[NoduleReading], panels: Nodules) -> dict[str, float]:
    p, truth = _probabilities(said), panels.panel_texture
    pure = truth != 1
    return {
        "auc_sub_solid": auc(truth < 2, 1 - p[:, 2]),
        "auc_ground_glass_against_solid": auc(truth[pure] == 0, (p[:, 0] - p[:, 2])[pure]),
        "auc_calcified": auc(panels.signs[:, 0] >= 0.5, np.array([s.signs["calcified"] for s in said])),
        "auc_spiculated": auc(panels.signs[:, 1] >= 0.5, np.array([s.signs["spiculated"] for s in said])),
        "auc_malignancy_opinion": auc(
            panels.signs[:, 4] > 0.5, np.array([s.signs["malignancy_opinion"] for s in said])
        ),
    }


def _alarms(seen: Sequence[NoduleReading]) -> dict[str, float]:
    return {"false_alarms": float(np.mean([not s.in_distribution for s in seen]))}


def _baselines(panels: Nodules) -> dict[str, float]:
    """A plain threshold on the median of the centre's 3 x 3 pixels; the panel's own diameter alone."""
    middle = panels.hu.shape[1] // 2
    hu = np.median(panels.hu[:, middle - 1 : middle + 2, middle - 1 : middle + 2], axis=(1, 2))
    truth, pure, mm = panels.panel_texture, panels.panel_texture != 1, panels.axes_mm.mean(axis=1)
    return {
        "auc_sub_solid": auc(truth < 2, -hu),
        "auc_ground_glass_against_solid": auc(truth[pure] == 0, -hu[pure]),
        "auc_calcified": auc(panels.signs[:, 0] >= 0.5, hu),
        "auc_spiculated": auc(panels.signs[:, 1] >= 0.5, mm),
        "auc_malignancy_opinion": auc(panels.signs[:, 4] > 0.5, mm),
    }


def _probabilities(said: Sequence[NoduleReading]) -> Numbers:
    return np.array([[s.texture[name] for name in TEXTURES] for s in said])


def _likeliest(answer: NoduleReading) -> int:
    return max(range(len(TEXTURES)), key=lambda k: answer.texture[TEXTURES[k]])
