"""Nodule crops with their panel's readings, split by patient.

The folder holds ``crops.npz`` (hu, reader_masks, nodule_id), ``nodules.csv`` and ``readings.csv`` as
LIDC-IDRI crops are kept (Armato et al., Medical Physics 38:915-931, 2011; CC BY 3.0).
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ...errors import MissingField, NotReadable
from ..calibration import TEXTURES

Floats = NDArray[np.float32]
Row = Mapping[str, str]

TABLE: Final = ("pixel_spacing_mm", "slice_thickness_mm", "patient_id", "manufacturer")
READING: Final = (
    "reader", "long_axis_mm", "short_axis_mm", "texture", "calcification", "margin", "malignancy", "spiculation",
    "lobulation",
)  # fmt: skip
PANEL: Final = 3  # readers from whom on a nodule's panel is a reference


@dataclass(frozen=True, eq=False)
class Nodules:
    """N nodules, one row each.

    ``hu``: int16 (N, 71, 71). ``mask``: share of the readers who drew a pixel, [0, 1]. ``ratings``: share
    of the readers per texture rating 1 to 5 (N, 5). ``panel_texture``: class of the median reading. ``signs``: share of
    the readers who see each of ``calibration.SIGNS``. ``axes_mm``: mean long and short axis (N, 2).
    Reader by reader: ``reader_masks`` (r, 71, 71), ``reader_texture`` (r,), ``readings_mm`` (r,) mean
    diameters. ``spacing_mm``,
    ``thickness_mm``, ``readers``, ``patient``, ``maker``.
    """

    ids: NDArray[np.int64]
    hu: NDArray[np.int16]
    spacing_mm: Floats
    thickness_mm: Floats
    patient: NDArray[np.str_]
    maker: NDArray[np.str_]
    readers: NDArray[np.int64]
    mask: Floats
    ratings: Floats
    panel_texture: NDArray[np.int64]
    signs: Floats
    axes_mm: Floats
    reader_masks: tuple[NDArray[np.bool_], ...]
    reader_texture: tuple[Floats, ...]
    readings_mm: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[np.int64]) -> Nodules:
        """Some of them, in the order of ``rows``."""
        of: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        picked: dict[str, Any] = {
            k: tuple(v[i] for i in rows.tolist()) if isinstance(v, tuple) else v[rows] for k, v in of.items()
        }
        return Nodules(**picked)


def load(folder: Path) -> Nodules:
    """Read the folder.

    Raises:
        NotReadable: a file is absent or no npz or CSV.
        MissingField: an array or column is absent, or a nodule has no reading.
    """
    crops = _arrays(folder / "crops.npz", ("hu", "reader_masks", "nodule_id"))
    table = {int(row["nodule_id"]): row for row in _rows(folder / "nodules.csv", TABLE)}
    readings: defaultdict[int, list[Row]] = defaultdict(list)
    for row in _rows(folder / "readings.csv", READING):
        readings[int(row["nodule_id"])].append(row)
    ids = crops["nodule_id"].astype(np.int64)
    absent = [int(i) for i in ids if int(i) not in table or int(i) not in readings]
    if absent:
        raise MissingField(
            str(folder), "nodule_id", f"{absent[0]} without a row", "a row and a reading each", "Add it."
        )
    return _joined(ids, crops, [table[int(i)] for i in ids], [readings[int(i)] for i in ids])


def texture_class(rating: float) -> int:
    """LIDC texture 1 (ground glass) to 5 (solid): 1-2 non-solid, 3-4 part-solid, 5 solid; halves round up."""
    return int(np.digitize(np.floor(rating + 0.5), [3, 5]))


def folds(nodules: Nodules, k: int, seed: int) -> NDArray[np.int64]:
    """The fold of each nodule: whole patients, those with rarer textures dealt out evenly first."""
    patients, which = np.unique(nodules.patient, return_inverse=True)
    rarest = np.full(len(patients), len(TEXTURES))
    np.minimum.at(rarest, which, np.where(nodules.readers >= PANEL, nodules.panel_texture, len(TEXTURES)))
    order = np.lexsort((np.random.default_rng(seed).permutation(len(patients)), rarest))
    fold = np.empty(len(patients), dtype=np.int64)
    fold[order] = np.arange(len(patients)) % k
    return fold[which]


def _joined(
    ids: NDArray[np.int64], crops: Mapping[str, NDArray[np.generic]], rows: Sequence[Row], panels: list[list[Row]]
) -> Nodules:
    bits = np.asarray(crops["reader_masks"], dtype=np.uint8)
    drawn = [np.stack([(b >> int(r["reader"])) & 1 for r in p]) > 0 for b, p in zip(bits, panels, strict=True)]
    rated = [np.array([int(r["texture"]) for r in p]) for p in panels]
    return Nodules(
        ids=ids,
        hu=np.asarray(crops["hu"], dtype=np.int16),
        spacing_mm=np.array([float(r["pixel_spacing_mm"]) for r in rows], dtype=np.float32),
        thickness_mm=np.array([float(r["slice_thickness_mm"]) for r in rows], dtype=np.float32),
        patient=np.array([r["patient_id"] for r in rows]),
        maker=np.array([r["manufacturer"] for r in rows]),
        readers=np.array([len(p) for p in panels]),
        mask=np.stack([d.mean(axis=0) for d in drawn]).astype(np.float32),
        ratings=np.array([np.bincount(r - 1, minlength=5) / len(r) for r in rated], dtype=np.float32),
        panel_texture=np.array([texture_class(float(np.median(r))) for r in rated]),
        signs=np.array([_signs(p) for p in panels], dtype=np.float32),
        axes_mm=np.array([_axes(p).mean(axis=0) for p in panels], dtype=np.float32),
        reader_masks=tuple(drawn),
        reader_texture=tuple(r.astype(np.float32) for r in rated),
        readings_mm=tuple(_axes(p).mean(axis=1) for p in panels),
    )


def _axes(panel: list[Row]) -> Floats:
    return np.array([(float(r["long_axis_mm"]), float(r["short_axis_mm"])) for r in panel], dtype=np.float32)


def _signs(panel: list[Row]) -> list[float]:
    """Shares of the panel; a malignancy rated "indeterminate" (3) counts half."""
    rated = {k: np.array([float(r[k]) for r in panel]) for k in ("calcification", "margin", "malignancy")}
    shapes = {k: np.array([float(r[k]) for r in panel]) for k in ("spiculation", "lobulation")}
    return [
        float((rated["calcification"] < 6).mean()),
        float((shapes["spiculation"] >= 3).mean()),
        float((shapes["lobulation"] >= 3).mean()),
        float((rated["margin"] >= 4).mean()),
        float(np.clip(rated["malignancy"] / 2 - 1, 0, 1).mean()),
    ]


def _arrays(path: Path, names: Sequence[str]) -> dict[str, NDArray[np.generic]]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in names}
    except KeyError as error:
        raise MissingField(str(path), str(error), "no such array", ", ".join(names), "Write it.") from error
    except (OSError, ValueError) as error:
        raise NotReadable(str(path), "", type(error).__name__, "a readable npz file", "Check the path.") from error


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    try:
        rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise NotReadable(str(path), "", type(error).__name__, "a readable CSV file", "Check the path.") from error
    lacking = {"nodule_id", *columns} - set(rows[0] if rows else ())
    if lacking:
        raise MissingField(str(path), ", ".join(sorted(lacking)), "no such column", "a column each", "Add it.")
    return rows
