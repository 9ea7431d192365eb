"""Where in a series the net sees a nodule whole: which slice, which centre, which outlines above and below.

The net sees one axial crop at a time and was trained on crops whose nodule's outline is centred, on the slice of
largest area. So the crop is moved until it is what the net knows: centred on the outline that the net itself
draws, on the slice where that outline is largest. The place where this stops moving belongs to the nodule and not
to the point that was given, so that every point in the nodule gives the same answer.

From slice to slice the outline is followed while it overlaps; it ends where the net sees nothing more, where the
overlap is lost, or at a waist beyond which another structure begins.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from .axial import AxialStack, Place, Position
from .calibration import Raw
from .grid import PIXEL_MM, SIDE, Image, around_centre, back
from .lung_nodule import LungNodule
from .measure import TOUCHING, Mask

TRAINED_SIDE: Final = 71  # pixels of the crops in training; more where the grid reaches farther
STEP_MM: Final = 2.5  # slices looked at are at most this far apart, those between are interpolated: LIDC's median
REACH_MM: Final = 3.0  # a point this close to an outline means that nodule: readers differ by as much
SEARCH_MM: Final = 5.0  # above and below the point, where its own slice shows only the nodule's end
OVERLAP: Final = 0.3  # of the smaller of two outlines on neighbouring slices
WAIST: Final = 0.5  # of the smaller of the two areas on either side of a waist
TAIL: Final = 0.05  # of the largest area: a vessel that leaves the nodule is no part of it
CONTENDER: Final = 0.8  # of the largest area: slices whose outline is drawn again, centred, before one is chosen
CONTENDERS: Final = 3
MOST_MOVES: Final = 12
MOST_LOOKS: Final = 80  # crops, beyond which the crop no longer moves; LIDC's nodules take 15 to 50
HALF_MM: Final = 35.0  # the outline is followed this far up and down
NUDGE: Final = 2  # pixels: outlines centred within this of each other are one nodule's


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One crop: what the net says, and its mask's probabilities on the crop's own pixels."""

    raw: Raw
    likely: Image


@dataclass(frozen=True, slots=True, eq=False)
class Followed:
    """A nodule in the crops around one centre. ``outlines``: by slice, on the crop's pixels; empty if there are none.

    ``away_mm``: how far the point that was given lies from them. ``settled``: the crop came to rest there.
    """

    place: Place
    outlines: Mapping[int, Mask]
    away_mm: float
    settled: bool = True


class Sight:
    """Shows crops of one stack to the net, each once. ``every``: how many slices lie from one looked at to the next."""

    def __init__(self, stack: AxialStack, model: LungNodule) -> None:
        self.stack, self.model, self.bar = stack, model, model.calibration.mask_from
        self.side = max(TRAINED_SIDE, int(SIDE * PIXEL_MM / stack.pixel_mm) // 2 * 2 + 1)
        self.every = max(1, int(STEP_MM / stack.step_mm + 1e-6))
        self._seen: dict[Place, Seen] = {}

    @property
    def tired(self) -> bool:
        """Whether it has looked often enough: what moves on and on, as in the heart, is no nodule."""
        return len(self._seen) >= MOST_LOOKS

    @property
    def half(self) -> int:
        """Row and column of a crop's centre."""
        return self.side // 2

    def crop(self, place: Place) -> NDArray[np.int16]:
        """The pixels around a place."""
        return self.stack.crop(place, self.side)

    def at(self, place: Place) -> Seen:
        """What the net says of the crop around a place."""
        if place not in self._seen:
            (raw,) = self.model.see(around_centre(self.crop(place), self.stack.pixel_mm)[None])
            self._seen[place] = Seen(raw, back(raw.mask, self.stack.pixel_mm, (self.side, self.side)))
        return self._seen[place]

    def outline(self, place: Place, over: Mask | None = None) -> Mask | None:
        """The part of the mask at the crop's centre, or the one that overlaps ``over`` most; None if there is none."""
        parts, count = ndimage.label(self.at(place).likely >= self.bar, TOUCHING)
        if count == 0:
            return None
        if over is not None:
            shared = np.bincount(parts[over], minlength=count + 1)[1:]
            return np.asarray(parts == shared.argmax() + 1) if shared.any() else None
        away, nearest = ndimage.distance_transform_edt(parts == 0, return_indices=True)
        if away[self.half, self.half] * self.stack.pixel_mm > REACH_MM:
            return None
        return np.asarray(parts == parts[tuple(nearest[:, self.half, self.half])])

    def slices(self, first: int, way: int) -> Iterator[int]:
        """The slices looked at from one on, upwards or downwards: the same ones wherever one begins."""
        k = (first // self.every + 1) * self.every if way > 0 else (first - 1) // self.every * self.every
        while 0 <= k < self.stack.shape[0]:
            yield k
            k += way * self.every


def follow(sight: Sight, index: Position) -> Followed:
    """The nodule that a (slice, row, column) lies in, or the nearest one that is reached from it."""
    best = Followed((0, 0, 0), {}, np.inf)
    for start in _starts(sight, index):
        place, settled = _steady(sight, start)
        outlines = outlines_at(sight, place)
        found = Followed(place, outlines, _away(sight, index, place, outlines), settled)
        best = min(best, found, key=lambda f: f.away_mm)
        if best.away_mm <= REACH_MM or sight.tired:
            break
    return best


def _starts(sight: Sight, index: Position) -> Iterator[Place]:
    """Where to begin: at the point itself; then, for the end of a nodule, where the outline beside it is largest.

    In that order: beside the end of a nodule another structure may show a larger outline.
    """
    k, r, c = (max(0, min(round(i), n - 1)) for i, n in zip(index, sight.stack.shape, strict=True))
    reach = int(SEARCH_MM / sight.stack.step_mm)
    beside = (k + d for d in range(-reach, reach + 1) if d and d % sight.every == 0)
    looked = [k, *(n for n in beside if 0 <= n < sight.stack.shape[0])]
    areas = {n: int(o.sum()) for n in looked if (o := sight.outline((n, r, c))) is not None}
    if k in areas:
        yield k, r, c
    if areas:
        yield max(areas, key=lambda n: (areas[n], -abs(n - k))), r, c


def _away(sight: Sight, index: Position, place: Place, outlines: Mapping[int, Mask]) -> float:
    """Distance in mm of a point from the nearest pixel of the outlines."""
    along = [(k - index[0]) * sight.stack.step_mm for k in outlines]
    offsets = [np.argwhere(m) - sight.half + place[1:] - np.array(index[1:]) for m in outlines.values()]
    across = [np.hypot(o[:, 0], o[:, 1]).min() * sight.stack.pixel_mm for o in offsets]
    return float(min(np.hypot(along, across), default=np.inf))


def _steady(sight: Sight, place: Place) -> tuple[Place, bool]:
    """Where the crop stays: centred on the outline, on the slice where that is largest; and whether it does.

    Of places that lead to each other in a circle, and of those a nudge apart, the one that the net knows best.
    """
    place, been = _centred(sight, place), list[Place]()
    while place not in been and not sight.tired:
        been.append(place)
        place = _nudged(sight, _largest(sight, place))
    settled = place in been
    return (_best_known(sight, been[been.index(place) :]) if settled else place), settled


def _centred(sight: Sight, place: Place) -> Place:
    """The crop's centre on the box around the outline, within a slice."""
    been = list[Place]()
    while place not in been and len(been) < MOST_MOVES:
        been.append(place)
        outline = sight.outline(place)
        if outline is None:
            return place
        rows, columns = np.nonzero(outline)
        place = (place[0], place[1] + middle(rows) - sight.half, place[2] + middle(columns) - sight.half)
    return _best_known(sight, been[been.index(place) :]) if place in been else place


def _largest(sight: Sight, place: Place) -> Place:
    """The slice of largest area, each that may be it being centred by itself, and the centre there."""
    outlines = outlines_at(sight, place)
    if not outlines:
        return place
    areas = {k: int(m.sum()) for k, m in outlines.items()}
    widest = max(areas, key=lambda k: (areas[k], -k))
    for k in range(max(0, widest - sight.every + 1), min(widest + sight.every, sight.stack.shape[0])):
        between = sight.outline((k, *place[1:]), outlines[widest])
        areas[k] = 0 if between is None else int(between.sum())
    near = [k for k in areas if areas[k] >= CONTENDER * max(areas.values())]
    tried = sorted(near, key=lambda k: (-areas[k], k))[:CONTENDERS]
    centred = [_centred(sight, (k, *place[1:])) for k in tried]
    return max(centred, key=lambda p: (_area(sight, p), -p[0]))


def _area(sight: Sight, place: Place) -> int:
    outline = sight.outline(place)
    return 0 if outline is None else int(outline.sum())


def _nudged(sight: Sight, place: Place) -> Place:
    """Of the places where the crop stays when it is pushed a little, the one that the net knows best."""
    k, r, c = place
    pushed = [(k, r + a, c + b) for a, b in ((NUDGE, 0), (-NUDGE, 0), (0, NUDGE), (0, -NUDGE))]
    stays = {place, *(_centred(sight, p) for p in pushed)}
    return _best_known(sight, [p for p in stays if max(abs(p[1] - r), abs(p[2] - c)) <= 2 * NUDGE])


def _best_known(sight: Sight, places: Sequence[Place]) -> Place:
    """The place whose features lie nearest to the training patients'."""
    return min(places, key=lambda p: (sight.at(p).raw.distance, p))


def outlines_at(sight: Sight, place: Place) -> dict[int, Mask]:
    """The outlines from slice to slice, seen through crops with one centre; of the slices looked at."""
    first = sight.outline(place)
    if first is None:
        return {}
    found = {place[0]: first}
    for way in (1, -1):
        found |= _one_way(sight, place, first, way)
    return _without_tails(found, place[0])


def _one_way(sight: Sight, place: Place, first: Mask, way: int) -> dict[int, Mask]:
    found, last = dict[int, Mask](), first
    waist, most = place[0], int(first.sum())
    least = most
    for k in sight.slices(place[0], way):
        if abs(k - place[0]) * sight.stack.step_mm > HALF_MM:
            break
        outline = sight.outline((k, *place[1:]), last)
        if outline is None or (outline & last).sum() < OVERLAP * min(outline.sum(), last.sum()):
            break
        area = int(outline.sum())
        if least < WAIST * min(most, area):  # beyond a waist begins another structure
            return {n: m for n, m in found.items() if (n - waist) * way <= 0}
        found[k] = last = outline
        if area > most:
            most = least = area
        if area <= least:
            least, waist = area, k
    return found


def _without_tails(outlines: Mapping[int, Mask], middle_slice: int) -> dict[int, Mask]:
    """The outlines around a slice, up to the first on either side that is next to nothing."""
    least = TAIL * max(int(m.sum()) for m in outlines.values())
    thin = [k for k, m in outlines.items() if m.sum() < least]
    low = max((k for k in thin if k < middle_slice), default=-1)
    high = min((k for k in thin if k > middle_slice), default=max(outlines) + 1)
    return {k: outlines[k] for k in sorted(outlines) if low < k < high or k == middle_slice}


def filled(sight: Sight, place: Place, outlines: Mapping[int, Mask]) -> tuple[Mask, int]:
    """Bool (slices, side, side) with the slices between those looked at, and the number of its first slice."""
    if sight.every == 1:
        return np.stack([outlines[k] for k in sorted(outlines)]), min(outlines)
    at, fields = zip(*_fields(sight, place, outlines), strict=True)
    slices = np.arange(max(0, at[0] + 1), min(at[-1], sight.stack.shape[0]))
    above = np.searchsorted(at, slices, side="right").clip(1, len(at) - 1)
    low, high = np.array(at)[above - 1], np.array(at)[above]
    share = ((slices - low) / (high - low))[:, None, None]
    every = np.stack(fields)
    return (1 - share) * every[above - 1] + share * every[above] >= sight.bar, int(slices[0])


def _fields(sight: Sight, place: Place, outlines: Mapping[int, Mask]) -> Iterator[tuple[int, Image]]:
    """Probabilities by slice, without what other parts of the masks hold; nothing beyond either end."""
    nothing = np.zeros((sight.side, sight.side), dtype=np.float32)
    yield min(outlines) - sight.every, nothing
    for k in sorted(outlines):
        likely = sight.at((k, *place[1:])).likely
        yield k, np.where((likely >= sight.bar) & ~outlines[k], 0, likely)
    yield max(outlines) + sight.every, nothing


def middle(indices: NDArray[np.int64]) -> int:
    """The whole number in the middle of the lowest and the highest."""
    return int(indices.min() + indices.max()) // 2
