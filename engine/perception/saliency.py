"""Which places carry what the net says of a nodule: occlusion (Zeiler and Fergus, ECCV 2014).

One place after the other is filled with aerated lung, a soft disc of ``DISC_MM``; how far a probability
then falls is what the place carried. So each map answers a question that can be asked of any net, and
checked: what would be believed if there were lung here? It shows what this net attends to. It is no
outline, no measurement, and no proof that the net attends to the right thing.

Maps stay in points of probability. Scaled to their own largest value they would hide the difference that
matters: a net with scrambled weights has a map of much the same form, a hundred times fainter.

The discs, the filling and the weighing are xaitk-saliency's (the extra ``saliency``); the net is asked
through ``outputs``, its calibration says what the answers mean. One pass answers all questions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import BadValue, MissingExtra
from .calibration import SIGNS, TEXTURES, Calibration, Floats
from .grid import PIXEL_MM, Image, around_centre, back
from .lung_nodule import OUTPUTS, NoduleReading

LUNG_HU: Final = -850.0  # aerated lung at full inspiration, about
DISC_MM: Final = 5.2  # across; smaller ones hardly change what is said of any but small nodules
STEP_PX: Final = round(DISC_MM / 2 / PIXEL_MM)  # neighbouring discs overlap by half
EDGE_MM: Final = 1.0  # sd of the blur of a disc's edge; a sharp edge is itself something to see
BATCH: Final = 32  # crops at once: beyond that only the memory grows


class Net(Protocol):
    """What is asked; ``LungNodule`` is one."""

    @property
    def calibration(self) -> Calibration:
        """What the outputs mean."""

    def outputs(self, grids: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """``OUTPUTS`` of crops on the grid (N, SIDE, SIDE) in HU, a row a crop."""


@dataclass(frozen=True, slots=True, eq=False)
class SaliencyMap:
    """``fall``: by how much the probability ``of`` a texture class or sign falls where a place is lung; (rows,
    columns) of the crop, -1 to 1, below 0 where it rises, 0 beyond what the net sees. ``before``: as it stands.
    """

    of: str
    before: float
    fall: Image

    @property
    def largest(self) -> float:
        """The largest change either way, 0 to 1."""
        return float(np.abs(self.fall).max())


@dataclass(frozen=True, slots=True, eq=False)
class Saliency:
    """A map for each question, in the order asked."""

    maps: tuple[SaliencyMap, ...]


def questions(reading: NoduleReading) -> tuple[str, str]:
    """What is worth asking of a reading: the texture class it says, and the readers' opinion of malignancy."""
    return max(TEXTURES, key=reading.texture.__getitem__), "malignancy_opinion"


def saliency_of(net: Net, hu: NDArray[np.int16], spacing_mm: float, asked: Sequence[str]) -> Saliency:
    """Which places of an axial crop (rows, columns) carry the probability of each texture class or sign ``asked``.

    Deterministic. Costs as much as reading the crop some 250 times, once for each disc.

    Raises:
        BadValue: not two axes, a spacing that is not positive, or no such class or sign.
        MissingExtra: the extra ``saliency`` is absent.
    """
    unknown = [name for name in asked if name not in (*TEXTURES, *SIGNS)]
    if unknown:
        raise BadValue("saliency", "asked", unknown[0], ", ".join((*TEXTURES, *SIGNS)), "Ask for one of these.")
    seen = around_centre(hu, spacing_mm)
    radial, masking = _library()
    radius, edge = DISC_MM / 2 / PIXEL_MM, EDGE_MM / PIXEL_MM
    discs = radial((radius, radius), (STEP_PX, STEP_PX), (edge, edge)).perturb(seen)  # 0 where lung goes
    filled = masking.occlude_image_batch(seen, discs, fill=np.full_like(seen, LUNG_HU))
    believed = _believed(net, np.concatenate([seen[None], filled]), asked)
    falls = masking.weight_regions_by_scalar(believed[0] - believed[1:], discs)
    return Saliency(
        tuple(
            SaliencyMap(name, float(before), back(fall.astype(np.float32), spacing_mm, (hu.shape[0], hu.shape[1])))
            for name, before, fall in zip(asked, believed[0], falls, strict=True)
        )
    )


def _library() -> tuple[Any, Any]:
    """What makes the discs, and the module that fills and weighs them."""
    try:
        from xaitk_saliency.impls.perturb_image.sliding_radial import SlidingRadial
        from xaitk_saliency.utils import masking
    except ModuleNotFoundError as error:
        cure = "Install it: pip install 'radlogic[saliency]'"
        raise MissingExtra("saliency", "xaitk_saliency", "no such package", "the extra `saliency`", cure) from error
    return SlidingRadial, masking


def _believed(net: Net, grids: Image, asked: Sequence[str]) -> Floats:
    """Calibrated probabilities (N, questions)."""
    parts = [dict(zip(OUTPUTS, net.outputs(grids[i : i + BATCH]), strict=True)) for i in range(0, len(grids), BATCH)]
    texture, signs = (np.concatenate([part[name] for part in parts]) for name in ("texture", "signs"))
    textures = net.calibration.texture(texture)
    return np.column_stack(
        [
            textures[:, TEXTURES.index(name)]
            if name in TEXTURES
            else [net.calibration.sign(name, float(logit)) for logit in signs[:, SIGNS.index(name)]]
            for name in asked
        ]
    )
