"""The lung-nodule net at run time: ONNX Runtime, numpy and the shipped calibration; no torch.

``knowledge/models/lung_nodule/`` holds ``model.onnx``, ``calibration.json``, ``metrics.json`` and the card.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from ..errors import MissingKnowledge
from ..resources import knowledge_folder
from .calibration import SIGNS, TEXTURES, Calibration, Raw, calibration_of
from .grid import PIXEL_MM, Image, around_centre, back
from .measure import TOUCHING, Axes, Mask, measure_slice

OUTPUTS: Final = ("mask", "texture", "signs", "axes_mm", "spread_mm", "distance")
NEAR_MM: Final = 5.0  # beyond a click beside the nodule, within the distance to the next one
LARGEST_MM: Final = 40.0  # one side of the grid is 35 mm; half of what lies beyond is guessed from the rest
SHOWN_MM: Final = 30.0
LEAST: Final = 0.25  # probability of a pixel below which it is in no mask, however faint the nodule


@dataclass(frozen=True, slots=True, eq=False)
class NoduleReading:
    """What is believed of one nodule, calibrated against a panel of radiologists (not histology).

    ``texture``, ``signs``: probabilities. ``texture_set``: the classes not ruled out at 90 %. Lengths in mm on
    the slice shown; ``interval_mm`` holds 90 % of single readers. ``mask``: on the crop's own pixels.
    ``ood_score``: distance of the features over the one that 1 in 20 lung nodules exceeds.
    ``outside``: why the answer must not be relied on; empty where nothing speaks against it.
    """

    texture: dict[str, float]
    texture_set: tuple[str, ...]
    mean_mm: float
    sd_mm: float
    interval_mm: tuple[float, float]
    long_mm: float
    short_mm: float
    signs: dict[str, float]
    mask: Mask
    ood_score: float
    outside: tuple[str, ...]

    @property
    def in_distribution(self) -> bool:
        """Nothing speaks against relying on the calibration."""
        return not self.outside


class LungNodule:
    """Sees nodules on axial crops. Loading takes about 0.1 s; reuse the instance.

    Raises:
        MissingKnowledge: a file of the model is absent, its hash is not the one on the card, or it is of
            another grid.
    """

    name = "lung-nodule"
    # Each member was judged on the LIDC patients that it had not seen, and another three as one on a fold that none
    # of them had (knowledge/models/lung_nodule/card.md, as_one.json); this very mean, on no patient kept aside.
    validated = True

    def __init__(self, folder: Traversable | None = None, threads: int = 1) -> None:
        folder = folder or knowledge_folder() / "models" / "lung_nodule"
        weights, fitted = _bytes(folder, "model.onnx"), _bytes(folder, "calibration.json")
        self.sha256 = hashlib.sha256(weights + fitted).hexdigest()
        stated = _bytes(folder, "sha256").decode().strip()
        if stated != self.sha256:
            raise MissingKnowledge(
                str(folder), "sha256", self.sha256, stated, "Restore the shipped files, or train and export anew."
            )
        self.calibration = calibration_of(json.loads(fitted))
        if self.calibration.pixel_mm != PIXEL_MM:  # weights of another grid would see every nodule in a wrong size
            found = f"{self.calibration.pixel_mm} mm"
            raise MissingKnowledge(str(folder), "pixel_mm", found, f"{PIXEL_MM} mm", "Train and export anew.")
        self._session = _session(weights, threads)

    def see(self, grids: NDArray[np.float32]) -> list[Raw]:
        """What the net says of crops on the grid (N, SIDE, SIDE) in HU."""
        return [Raw(m, t, s, a, float(w), float(d)) for m, t, s, a, w, d in zip(*self.outputs(grids), strict=True)]

    def outputs(self, grids: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """``OUTPUTS`` of the net, a row a crop on the grid (N, SIDE, SIDE)."""
        found: list[NDArray[np.float32]] = self._session.run(list(OUTPUTS), {"hu": grids[:, None]})
        return found

    def read(self, hu: NDArray[np.int16], spacing_mm: float, slice_thickness_mm: float | None = None) -> NoduleReading:
        """An axial crop (rows, columns) with the nodule within a few mm of its centre, square pixels.

        Raises:
            BadValue: not two axes, or a spacing that is not positive.
        """
        (raw,) = self.see(around_centre(hu, spacing_mm)[None])
        return reading(raw, self.calibration, spacing_mm, slice_thickness_mm, (hu.shape[0], hu.shape[1]))


def reading(
    raw: Raw,
    calibration: Calibration,
    spacing_mm: float,
    slice_thickness_mm: float | None,
    shape: tuple[int, int],
) -> NoduleReading:
    """What may be believed of what the net says, on a crop of ``shape`` with pixels of ``spacing_mm``."""
    mask, measured = outlined(raw.mask, spacing_mm, shape)
    texture = calibration.texture(raw.texture)
    mean, sd, interval = calibration.diameter(float(raw.axes_mm.mean()), measured.mean_mm, raw.spread_mm)
    long_mm, short_mm = (
        calibration.of_net * float(net) + (1 - calibration.of_net) * of_mask
        for net, of_mask in zip(raw.axes_mm, (measured.long_mm, measured.short_mm), strict=True)
    )
    score = raw.distance / calibration.far
    far = () if score <= 1 else (f"features {score:.2f} times as far from LIDC's nodules as 19 in 20 of them",)
    domain = calibration.domain.outside(spacing_mm, slice_thickness_mm)
    return NoduleReading(
        texture=dict(zip(TEXTURES, texture.tolist(), strict=True)),
        texture_set=calibration.texture_set(texture),
        mean_mm=mean,
        sd_mm=sd,
        interval_mm=interval,
        long_mm=long_mm,
        short_mm=short_mm,
        signs={name: calibration.sign(name, float(v)) for name, v in zip(SIGNS, raw.signs, strict=True)},
        mask=mask,
        ood_score=score,
        outside=(*far, *domain, *_too_large(long_mm), *_cut(shape, spacing_mm)),
    )


def _too_large(long_mm: float) -> tuple[str, ...]:
    return (f"{long_mm:.0f} mm long: a crop holds nodules of up to {LARGEST_MM:g} mm",) if long_mm > LARGEST_MM else ()


def _cut(shape: tuple[int, int], spacing_mm: float) -> tuple[str, ...]:
    """Beyond the crop the nearest pixel goes on, which no scan does; the smallest crops of the training show 32 mm."""
    shown = min(shape) * spacing_mm
    return (f"the crop shows only {shown:.0f} mm, at least {SHOWN_MM:g} are needed",) if shown < SHOWN_MM else ()


def outlined(probabilities: Image, spacing_mm: float, shape: tuple[int, int]) -> tuple[Mask, Axes]:
    """The mask of the largest expected Dice, on the crop's pixels, of the part at the crop's centre; with its size.

    A crop may show a second nodule or a vessel that looks like one; the one that was pointed at is at the centre.
    Where no pixel is likely enough, the likeliest alone.
    """
    native = back(probabilities, spacing_mm, shape)
    within = native >= LEAST
    if not within.any():
        mask = np.zeros(shape, dtype=bool)
        mask.flat[native.argmax()] = True
    else:
        within = _central(within, spacing_mm)
        mask = _central(within & (native >= best_threshold(native[within])), spacing_mm)
    return mask, measure_slice(mask, (spacing_mm, spacing_mm))


def best_threshold(probabilities: NDArray[np.floating]) -> float:
    """From which probability on pixels make the mask of the largest expected Dice, taken at its plug-in value.

    With k pixels of the highest probabilities that is 2 (sum of these) / (k + sum of all); about half of the
    Dice that can be hoped for (Lipton, Elkan and Naryanaswamy, ECML PKDD 2014).
    """
    falling = np.sort(probabilities)[::-1].astype(np.float64)
    expected = 2 * np.cumsum(falling) / (np.arange(1, len(falling) + 1) + falling.sum())
    return float(falling[expected.argmax()])


def _central(mask: Mask, spacing_mm: float) -> Mask:
    """Of the connected parts of a mask that is not empty, the one that lies most at the centre."""
    labels, parts = ndimage.label(mask, TOUCHING)
    near = ndimage.sum(_near(spacing_mm, mask.shape), labels, range(1, parts + 1))
    return np.asarray(labels == 1 + int(np.argmax(near)))


def _near(spacing_mm: float, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """How near each pixel lies to the centre, falling to 1/e at ``NEAR_MM``."""
    y, x = (np.exp(-(((np.arange(n) - (n - 1) / 2) * spacing_mm / NEAR_MM) ** 2)) for n in shape)
    return np.outer(y, x)


def _bytes(folder: Traversable, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        where = f"{folder}/{name}"
        raise MissingKnowledge(where, "", "no such file", "the shipped file", "Reinstall radlogic.") from error


def _session(weights: bytes, threads: int) -> Any:
    import onnxruntime  # 0.1 s: only where a net is asked

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3  # errors only: what it has to say of its optimisations is no one's concern
    return onnxruntime.InferenceSession(weights, options, providers=["CPUExecutionProvider"])


def as_record(nodule_id: int, seen: NoduleReading) -> dict[str, Any]:
    """One line of ``radlogic perceive lung-nodule``."""
    return {
        "nodule_id": nodule_id,
        "texture": seen.texture,
        "texture_set": list(seen.texture_set),
        "mean_mm": seen.mean_mm,
        "mean_mm_sd": seen.sd_mm,
        "mean_mm_interval90": list(seen.interval_mm),
        "long_mm": seen.long_mm,
        "short_mm": seen.short_mm,
        **seen.signs,
        "in_distribution": seen.in_distribution,
        "ood_score": seen.ood_score,
        "outside": list(seen.outside),
    }
