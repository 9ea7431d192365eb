"""Two exams of one drawn patient, and which nodule is which. Shares no code with ``radlogic.engine.tracking``.

A drawn chest (``engine.perception.phantom``, which nothing in tracking imports) is the current exam. The prior is the
same chest turned by 5 degrees about any axis, shifted by the table, and bent by a breathing field: the diaphragm
stands up to 4 cm higher or lower, the displacement fades towards the apex, the ribs and the spine do not go along (so
that lung slides on pleura), and the chest is wider or narrower; on top of it everything is off by some 1.5 mm that
change every 30 mm. Field of view, slices, thickness and noise differ, and in a third of the exams ground glass of 3 to
6 cm lies somewhere in the lungs that the other exam does not have.

Nodules are balls. Some are on both exams, some only on one; some grow, shrink or change their type. What a reader
states of them is off by the errors below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from radlogic.engine.perception.phantom import PhantomSpec, chest_phantom
from radlogic.engine.perception.volume import Acquisition, Volume

Array = NDArray[np.float64]

STEP = 2.5  # mm of the drawn chest's voxels, all three ways
SLICES, SIDE = 124, 150
MIDDLE = (0.0, 0.0, -52.0)
TYPES = ("solid", "part_solid", "non_solid")
SHARE = (0.68, 0.12, 0.20)
CLOSEST = 8.0  # mm between two nodules at least
TURN_DEG = 5.0
LATTICE = 30.0  # mm
WOBBLE = 1.5  # mm, standard deviation along each axis


@dataclass(frozen=True)
class Seen:
    """One nodule as stated on one exam; ``who`` is its true identity."""

    who: int
    position_mm: tuple[float, float, float]
    mean_mm: float
    type: str
    true_mm: float


@dataclass(frozen=True)
class Pair:
    current: Volume
    prior: Volume
    now: tuple[Seen, ...]
    before: tuple[Seen, ...]
    months: float

    @property
    def matches(self) -> set[int]:
        return {n.who for n in self.now} & {n.who for n in self.before}


@dataclass(frozen=True)
class Motion:
    """From the prior's coordinates to the current exam's: turned about the chest's middle, shifted, then bent."""

    turn: Array
    shift: Array
    base_mm: float
    width: float
    front_mm: float
    wobble: Array  # (3, z, y, x) mm on a lattice ``LATTICE`` apart

    def bent(self, q: Array) -> Array:
        """Displacement (n, 3) at places (n, 3) of the current exam's frame."""
        x, y, z = q.T
        low = np.clip((97 - z) / 270, 0, 1.15)
        cage = _soft(1 - np.hypot(x / 128, (y + 8) / 92), 0.05)  # 0 in the wall
        spine = 1 - np.exp(-(((x / 26) ** 2 + ((y - 62) / 30) ** 2) ** 2))
        along = self.base_mm * low**1.6 * (0.75 + 0.25 * np.clip(y / 80, -1, 1)) * cage * spine
        small = [ndimage.map_coordinates(w, _index(q) * STEP / LATTICE, order=1, mode="nearest") for w in self.wobble]
        return np.stack(
            [self.width * x * low, -self.front_mm * _soft(-y / 90, 0.3) * low, along], axis=1
        ) + np.transpose(small)

    def to_current(self, p: Array) -> Array:
        q = (p - MIDDLE) @ self.turn.T + MIDDLE + self.shift
        return np.asarray(q + self.bent(q))

    def to_prior(self, r: Array) -> Array:
        """Inverse, by fixed points: the field changes by less than half a mm each mm."""
        q = r.copy()
        for _ in range(40):
            q = r - self.bent(q)
        return np.asarray((q - self.shift - MIDDLE) @ self.turn + MIDDLE)


def _soft(value: Array, width: float) -> Array:
    return np.asarray(1 / (1 + np.exp(-value / width)))


@lru_cache(maxsize=2)
def chest(patient: int, contrast: bool = False) -> tuple[NDArray[np.int16], Array]:
    """HU (z, y, x) of a drawn patient without nodules or noise, and depth below the lung's surface in mm."""
    drawn = chest_phantom(
        PhantomSpec(
            slices=SLICES, rows=SIDE, columns=SIDE, pixel_mm=STEP, spacing_mm=STEP, slice_thickness_mm=STEP,
            kernel_fwhm_mm=2.8, noise_sd_hu=0, centre_mm=MIDDLE, patient=patient, contrast=contrast,
        )
    )  # fmt: skip
    hu = np.array(drawn.volume.hu)
    air = ndimage.binary_opening(hu < -500, iterations=2)
    pockets, _ = ndimage.label(air)
    sizes = np.bincount(pockets.ravel())
    outside = {*np.unique(pockets[:, :5]), *np.unique(pockets[:, -5:]), *np.unique(pockets[:, :, :5])}
    lung = np.isin(pockets, [n for n in range(1, len(sizes)) if sizes[n] > 2e4 and n not in outside])
    lung = ndimage.binary_closing(lung, iterations=3)
    return hu, np.asarray(ndimage.distance_transform_edt(lung, sampling=STEP))


def _index(p: Array) -> Array:
    """(3, n) fractional index (z, y, x) of places in the drawn chest."""
    first = np.array(MIDDLE) - (np.array([SIDE, SIDE, SLICES]) - 1) * STEP / 2
    return np.asarray(((p - first) / STEP)[:, ::-1].T)


def motion(chance: np.random.Generator, base_mm: float | None = None, turn_deg: float = TURN_DEG) -> Motion:
    axis = chance.normal(size=3)
    axis /= np.linalg.norm(axis)
    angle = math.radians(turn_deg)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    base = chance.uniform(-40, 40) if base_mm is None else base_mm
    return Motion(
        turn,
        chance.uniform(-25, 25, 3),
        base,
        chance.uniform(-0.03, 0.03),
        base / 40 * 8,
        chance.normal(0, WOBBLE, (3, 12, 14, 14)),
    )


def nodules(chance: np.random.Generator, depth: Array, count: int, crowded: bool) -> Array:
    """Places (n, 3) in the lungs, none nearer to another than ``CLOSEST``; crowded ones come in clusters."""
    inside = np.argwhere(depth > 4)
    found: list[Array] = []
    while len(found) < count:
        if crowded and found and chance.random() < 0.4:
            away = chance.normal(size=3)
            at = found[chance.integers(len(found))] + away / np.linalg.norm(away) * chance.uniform(8, 14)
        else:
            k, r, c = inside[chance.integers(len(inside))] + chance.uniform(-0.5, 0.5, 3)
            at = np.array([(c - (SIDE - 1) / 2), (r - (SIDE - 1) / 2), (k - (SLICES - 1) / 2)]) * STEP + MIDDLE
        k, r, c = np.rint(_index(at[None])[:, 0]).astype(int)
        if min(k, r, c) < 0 or k >= SLICES or r >= SIDE or c >= SIDE or depth[k, r, c] <= 3:
            continue
        if all(np.linalg.norm(at - other) >= CLOSEST for other in found):
            found.append(at)
    return np.array(found)


def pair(seed: int, *, patient: int | None = None, count: int = 22, crowded: bool | None = None) -> Pair:
    """One pair of exams with about ``count`` nodules on each."""
    chance = np.random.default_rng([seed, 41])
    hu, depth = chest(patient if patient is not None else seed // 3 + 1)
    moved, months = motion(chance), float(chance.choice([3, 6, 12, 12, 24]))
    at = nodules(chance, depth, count + 2, chance.random() < 0.3 if crowded is None else crowded)
    truth = [_life(chance, months) for _ in at]
    before_at = moved.to_prior(at)
    views = (_view(chance), _view(chance))
    now = [(i, at[i], mm, kind) for i, (mm, kind, _, _) in enumerate(truth) if mm > 0]
    before = [(i, before_at[i], mm, kind) for i, (_, _, mm, kind) in enumerate(truth) if mm > 0]
    current = scanned(hu, lambda p: p, now, views[0], chance)
    prior = scanned(hu, moved.to_current, before, views[1], chance)
    seen = [tuple(_stated(chance, n, v) for n in ns if _on(n[1], v)) for ns, v in ((now, current), (before, prior))]
    return Pair(current, prior, seen[0], seen[1], months)


def _life(chance: np.random.Generator, months: float) -> tuple[float, str, float, str]:
    """(mm now, type now, mm before, type before); 0 mm where it is not there."""
    before = float(np.clip(math.exp(chance.normal(math.log(6), 0.42)), 3.5, 24))
    kind = str(chance.choice(TYPES, p=SHARE))
    fate = chance.random()
    if fate < 0.09:
        return 0.0, kind, before, kind
    if fate < 0.18:
        return before, kind, 0.0, kind
    days = months * 30.4
    rate = 0.0 if chance.random() < 0.7 else chance.choice([1, 1, -1]) * days / chance.uniform(120, 700)
    now = float(np.clip(before * 2 ** (rate / 3), 2.5, 40))
    return now, _changed(chance, kind), before, kind


def _changed(chance: np.random.Generator, kind: str) -> str:
    if chance.random() > 0.08:
        return kind
    return {"non_solid": "part_solid", "part_solid": "solid", "solid": "solid"}[kind]


def _stated(chance: np.random.Generator, n: tuple[int, Array, float, str], volume: Volume) -> Seen:
    who, at, mm, kind = n
    off = chance.normal(size=3) * (0.8, 0.8, 0.3 * volume.spacing_mm[0])
    said = max(2.0, mm + chance.normal() * math.hypot(0.5, 0.08 * mm))
    if chance.random() < 0.05:
        kind = str(chance.choice(TYPES))
    x, y, z = (float(v) for v in np.asarray(volume.origin_mm) * 0 + at + off)
    return Seen(who, (x, y, z), round(said, 1), kind, mm)


@dataclass(frozen=True)
class View:
    """A grid and a scanner: first voxel (x, y, z mm), voxels (z, y, x), their sizes (z, y, x mm), noise in HU."""

    first: Array
    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    noise: float


def _view(chance: np.random.Generator) -> View:
    thick, pixel = float(chance.choice([2.5, 2.5, 3.0, 5.0])), float(chance.uniform(2.2, 2.7))
    low, high = -212 + chance.uniform(-30, 12), 103 + chance.uniform(-6, 15)
    half = chance.uniform(168, 185)
    n = int(2 * half / pixel)
    first = np.array([-half + chance.uniform(-8, 8), -half + chance.uniform(-8, 8), low])
    return View(first, (int((high - low) / thick), n, n), (thick, pixel, pixel), float(chance.uniform(10, 60)))


def scanned(hu: NDArray[np.int16], to_chest, drawn, view: View, chance: np.random.Generator) -> Volume:  # type: ignore[no-untyped-def]
    """The drawn chest on a view's grid, its nodules put in, with the noise of its scanner."""
    z, y, x = (view.first[2 - a] + np.arange(view.shape[a]) * view.spacing[a] for a in range(3))
    image = np.empty(view.shape, dtype=np.float32)
    plane = np.stack(np.meshgrid(y, x, indexing="ij")[::-1], axis=-1).reshape(-1, 2)
    thick = ndimage.gaussian_filter1d(hu.astype(np.float32), max(view.spacing[0] - STEP, 0.01) / 2.4 / STEP, axis=0)
    for k, level in enumerate(z):
        p = np.column_stack([plane, np.full(len(plane), level)])
        image[k] = ndimage.map_coordinates(
            thick, _index(to_chest(p)), order=1, mode="constant", cval=-1000, output=np.float32
        ).reshape(view.shape[1:])
    for _, at, mm, kind in drawn:
        _draw(image, (z, y, x), at, mm, kind, view.spacing[0])
    if chance.random() < 1 / 3:
        _haze(image, (z, y, x), chance)
    image += chance.normal(size=image.shape).astype(np.float32) * np.float32(view.noise)
    axes = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    x0, y0, z0 = (float(v) for v in view.first)
    made = Acquisition(manufacturer="radlogic phantom", slice_thickness_mm=view.spacing[0])
    return Volume(np.rint(np.clip(image, -1024, 3071)).astype(np.int16), view.spacing, (x0, y0, z0), axes, made)


def _draw(image: Array, levels: tuple[Array, Array, Array], at: Array, mm: float, kind: str, thick: float) -> None:
    """A ball with edges as soft as the voxels are large."""
    box = [
        slice(*np.searchsorted(line, [at[2 - a] - mm / 2 - 6, at[2 - a] + mm / 2 + 6])) for a, line in enumerate(levels)
    ]
    z, y, x = (line[b] for line, b in zip(levels, box, strict=True))
    away = np.sqrt((z[:, None, None] - at[2]) ** 2 + (y[None, :, None] - at[1]) ** 2 + (x[None, None, :] - at[0]) ** 2)
    part = image[tuple(box)]
    hazy = _soft((mm / 2 - away) / 1.0, 0.9 * thick / STEP)
    part += hazy * np.maximum((30 if kind == "solid" else -620) - part, 0)
    if kind == "part_solid":
        part += _soft((mm / 4 - away) / 1.0, 0.9) * np.maximum(30 - part, 0)


def _haze(image: Array, levels: tuple[Array, Array, Array], chance: np.random.Generator) -> None:
    """Ground glass of 3 to 6 cm with soft edges, somewhere in a lung."""
    at = np.array([chance.uniform(-140, 40), chance.uniform(-40, 40), chance.choice([-85, 85])])
    z, y, x = levels
    away = np.sqrt((z[:, None, None] - at[0]) ** 2 + (y[None, :, None] - at[1]) ** 2 + (x[None, None, :] - at[2]) ** 2)
    share = _soft((chance.uniform(15, 30) - away) / 6.0, 0.5) * chance.uniform(0.2, 0.4)
    image += np.where(image < -300, share * (-300 - image), 0)


def _on(at: Array, volume: Volume) -> bool:
    index = volume.index_of(tuple(at))
    return all(1 <= i <= n - 2 for i, n in zip(index, volume.hu.shape, strict=True))


def flipped(volume: Volume) -> Volume:
    """The same images with left and right exchanged: a header that lies, or another patient's mirror image."""
    return replace(volume, hu=np.ascontiguousarray(volume.hu[:, :, ::-1]))
