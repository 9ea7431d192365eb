"""The built-in finder of nodule candidates, for exams where no other algorithm has looked.

1. The lungs on a grid of 1 mm, closed (``lung_field``).
2. Round things over six scales, those that go on as vessels do scored low (``blobs``).
3. The likeliest of them through the lung-nodule net: what it makes of a nodule that somebody points at, it makes
   nothing much of for a branching vessel.

Both scores are logistic regressions fitted on drawn chests alone (``benchmarks/candidates.py --fit``); the real
series that its figures on the model card come from were not used. A candidate is a place to look at: its output
always demands review, and an empty one does not say that there is no nodule.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingKnowledge
from ..resources import knowledge_folder
from .axial import AxialStack, axial
from .blobs import FEATURES, Blobs, blobs, strongest
from .detect import Candidate
from .grid import PIXEL_MM, SIDE, around_centre
from .lung_field import LungField, lung_field
from .lung_nodule import LungNodule, NoduleReading, reading
from .volume import Volume

Numbers = NDArray[np.float64]

LIKELY: Final = -4.0  # logit of a blob from which on the net is asked
MOST: Final = 150  # blobs a scan that the net is asked about: 1.5 s
THICKEST_MM: Final = 2.5  # declared on the model card: on thicker slices nothing was measured
SIZES_MM: Final = (4.0, 30.0)  # of nodules, declared there too
ROUNDING_MM: Final = 0.01  # of headers
WHERE: Final = "knowledge/models/candidate_finder/coefficients.json"
SEEN: Final = ("intercept", "blob", "off_centre", "roundness", "opinion", "strange", "size")


@dataclass(frozen=True, slots=True)
class Coefficients:
    """What ``--fit`` wrote: a weight a feature of both regressions, and the score from which on one is shown."""

    blob: Mapping[str, float]
    seen: Mapping[str, float]
    shown_from: float


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """The likeliest blobs with what the net made of each: ``features`` (N, len(SEEN))."""

    positions_mm: tuple[tuple[float, float, float], ...]
    diameters_mm: tuple[float, ...]
    features: Numbers


@dataclass(frozen=True, slots=True)
class Search:
    """``candidates``: likeliest first. ``looked``: whether there was lung to look at. ``outside``: why the search
    must not be relied on, beside that it is never a negative."""

    candidates: tuple[Candidate, ...]
    looked: bool
    outside: tuple[str, ...]


class CandidateFinder:
    """Proposes places in a chest CT. On one core 6 to 10 s a scan of 140 slices, 12 s and 0.6 GB one of 560.

    ``shown_from``: the least score that is shown, in [0, 1]; by default the one of the model card. Scores rank; they
    are probabilities on drawn chests only.

    Raises:
        MissingKnowledge: the coefficients or the net are absent or damaged.
    """

    name = "candidate-finder"
    validated = False  # measured on a handful of real scans: see the model card

    def __init__(
        self, folder: Traversable | None = None, net: LungNodule | None = None, shown_from: float | None = None
    ) -> None:
        folder = folder or knowledge_folder() / "models" / "candidate_finder"
        fitted = _read(folder / "coefficients.json")
        self.coefficients = coefficients_of(fitted)
        self.net = net or LungNodule()
        self.shown_from = self.coefficients.shown_from if shown_from is None else shown_from
        self.sha256 = hashlib.sha256(fitted + self.net.sha256.encode()).hexdigest()

    def detect(self, volume: Volume) -> tuple[Candidate, ...]:
        """Places where a nodule may be, likeliest first; () where the volume shows no lung.

        Raises:
            Unsupported: the volume has no axial slices.
        """
        return self.search(volume).candidates

    def search(self, volume: Volume) -> Search:
        """The candidates of ``detect``, with whether it looked and what it was not made for.

        Raises:
            Unsupported: the volume has no axial slices.
        """
        field, outside = lung_field(volume), tuple(_outside(volume))
        if field is None:
            return Search((), looked=False, outside=("no lung found in the images", *outside))
        found = self._candidates(field, volume)
        return Search(found, looked=True, outside=(*outside, *_sizes_outside(found)))

    def _candidates(self, field: LungField, volume: Volume) -> tuple[Candidate, ...]:
        found = blobs(field)
        logits = found.features @ _weights(self.coefficients.blob, FEATURES)
        likely = strongest(found, logits, LIKELY, MOST)
        looked = look(field, found.picked(likely), logits[likely], self.net, volume)
        scores = 1 / (1 + np.exp(-looked.features @ _weights(self.coefficients.seen, SEEN)))
        every = zip(looked.positions_mm, looked.diameters_mm, scores.tolist(), strict=True)
        shown = [Candidate(p, d, s) for p, d, s in every if s >= self.shown_from]
        return tuple(sorted(shown, key=lambda c: -c.score))


def _outside(volume: Volume) -> Iterator[str]:
    """What of a volume lies outside of the domain that the model card declares."""
    stack, made = axial(volume), volume.acquisition
    if made.modality != "CT":
        yield f"modality {made.modality}; the finder was made for CT"
    if not stack.acquired:
        yield "the slices are not axial; what is searched is interpolated between them"
    thickness = made.slice_thickness_mm
    for name, mm in (("slice thickness", thickness), ("distance of the slices", stack.step_mm)):
        if mm is not None and mm > THICKEST_MM + ROUNDING_MM:
            yield f"{name} {mm:g} mm, measured on up to {THICKEST_MM:g} mm"
    if thickness is None:
        yield "slice thickness not stated"


def _sizes_outside(found: Sequence[Candidate]) -> Iterator[str]:
    least, most = SIZES_MM
    count = sum(not least <= c.diameter_mm <= most for c in found)
    if count:
        yield f"{count} of the candidates not of {least:g} to {most:g} mm, the sizes that the finder was measured on"


def look(field: LungField, found: Blobs, logits: Numbers, net: LungNodule, volume: Volume) -> Looked:
    """What the net makes of each blob, on the axial slice through its middle."""
    positions = tuple(field.position_of(at) for at in found.at)
    crops = [_crop(field.stack, position) for position in positions]
    if not crops:
        return Looked((), (), np.zeros((0, len(SEEN))))
    pixel, thickness = field.stack.pixel_mm, volume.acquisition.slice_thickness_mm
    raws = net.see(np.stack([around_centre(crop, pixel) for crop in crops]))
    shape = (crops[0].shape[0], crops[0].shape[1])
    seen = [reading(raw, net.calibration, pixel, thickness, shape) for raw in raws]
    rows = [_features(s, logit, pixel) for s, logit in zip(seen, logits.tolist(), strict=True)]
    return Looked(positions, tuple(s.mean_mm for s in seen), np.array(rows))


def _crop(stack: AxialStack, position_mm: tuple[float, float, float]) -> NDArray[np.int16]:
    k, r, c = (round(i) for i in stack.index_of(position_mm))
    return stack.crop((k, r, c), 2 * math.ceil(SIDE * PIXEL_MM / stack.pixel_mm / 2) + 1)


def _features(seen: NoduleReading, logit: float, pixel_mm: float) -> tuple[float, ...]:
    """In the order of ``SEEN``: how far its outline lies from the middle in radii, how round, how bad, how strange."""
    middle = np.argwhere(seen.mask).mean(axis=0) - (np.array(seen.mask.shape) - 1) / 2
    radius = max(seen.mean_mm / 2, 1.0)
    off = min(float(np.linalg.norm(middle)) * pixel_mm / radius, 2.0)
    opinion = float(np.clip(seen.signs["malignancy_opinion"], 1e-3, 1 - 1e-3))
    strange, size = min(seen.ood_score, 2.0), math.log(max(seen.mean_mm, 1.0) / 8)
    return 1.0, logit, off, seen.short_mm / max(seen.long_mm, 1e-3), math.log(opinion / (1 - opinion)), strange, size


def coefficients_of(fitted: bytes) -> Coefficients:
    """Read what ``--fit`` wrote.

    Raises:
        MissingKnowledge: a weight is absent or no number.
    """
    try:
        record: dict[str, Any] = json.loads(fitted)
        blob, seen = ({n: float(record[p][n]) for n in names} for p, names in (("blob", FEATURES), ("seen", SEEN)))
        return Coefficients(blob, seen, float(record["shown_from"]))
    except (KeyError, TypeError, ValueError) as error:
        raise MissingKnowledge(WHERE, "", str(error), "a weight a feature", "Restore the shipped file.") from error


def _weights(by_name: Mapping[str, float], names: tuple[str, ...]) -> Numbers:
    return np.array([by_name[name] for name in names])


def _read(file: Traversable) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise MissingKnowledge(WHERE, "", "no such file", "the shipped file", "Reinstall radlogic.") from error
