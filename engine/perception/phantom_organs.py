"""The heart, great vessels, airways, gullet and upper abdomen of the phantom, and the diaphragm.

Same coordinates as the chest wall: millimetres, x left, y back, z head, the carina at the origin.
Each tube is a row of (x, y, z, radius).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy.interpolate import PchipInterpolator

from .phantom_shapes import OUTSIDE, Ellipsoid, Field, Grid, Tube, both, either, paint, smooth_table, tubes_depth
from .phantom_wall import FAT, MUSCLE, SPINE

AORTA = (
    Tube(
        (
            (4, -18, -58, 15),
            (-8, -27, -32, 15.5),
            (-14, -33, -6, 15),
            (-11, -28, 12, 14.5),
            (2, -11, 23, 14),
            (14, 9, 24, 13.3),
            (22, 27, 15, 12.8),
            (25, 38, -4, 12.3),
            (24, 42, -40, 12),
            (20, 41, -80, 11.7),
            (13, 36, -130, 11.3),
            (5, 24, -220, 10),
        )
    ),
    Tube(((-2, -18, 24, 7), (-13, -13, 48, 6.5), (-24, -5, 82, 6), (-48, 4, 104, 5))),
    Tube(((-21, -8, 74, 4), (-22, 4, 98, 3.8), (-24, 8, 150, 3.6))),
    Tube(((7, -4, 27, 4.6), (15, 1, 60, 4.2), (21, 6, 100, 4), (25, 8, 150, 3.8))),
    Tube(((17, 11, 27, 5.5), (23, 13, 58, 5.2), (30, 6, 84, 5), (58, 2, 112, 4.6))),
)
LUNG_ARTERIES = (
    Tube(((14, -50, -56, 14), (19, -43, -32, 14), (21, -30, -14, 13.5))),
    Tube(((19, -27, -16, 11), (2, -11, -19, 10.8), (-20, -6, -21, 10), (-39, -1, -25, 8.5), (-45, 8, -42, 7))),
    Tube(((21, -28, -14, 11.5), (32, -9, -10, 10.6), (41, 10, -12, 9.5), (46, 21, -26, 7.8))),
)
VEINS = (
    Tube(((-34, -22, -66, 10), (-33, -24, -16, 9.5), (-29, -28, 22, 9), (-33, -22, 64, 8), (-44, -8, 106, 6.5))),
    Tube(((-27, -29, 24, 8), (-4, -37, 36, 7), (20, -31, 50, 7), (34, -16, 84, 6.5), (48, -8, 108, 6))),
    Tube(((-27, 4, -92, 12), (-25, 10, -125, 12.5), (-22, 14, -220, 11))),
    Tube(((-9, 37, -190, 3.2), (-10, 38, -20, 3.8), (-13, 34, 4, 4.4), (-22, 14, 11, 4.6), (-30, -15, 9, 4.6))),
    Tube(((-27, 0, 102, 6), (-29, 2, 150, 6))),
    Tube(((30, 2, 102, 5.5), (32, 2, 150, 5.5))),
)
LUNG_VEINS = (
    Tube(((-16, 10, -46, 7), (-34, 0, -38, 6), (-45, -8, -30, 5))),
    Tube(((-20, 22, -54, 7), (-36, 30, -58, 6), (-47, 34, -60, 5))),
    Tube(((24, 10, -42, 7), (38, -2, -34, 6), (47, -9, -26, 5))),
    Tube(((26, 21, -52, 7), (38, 29, -55, 6), (48, 34, -57, 5))),
)
AIRWAYS = (
    Tube(((0, -13, 150, 8.5), (0, -2, 92, 8.6), (-1, 6, 50, 8.6), (-2, 12, 18, 8.5), (-1, 14, 2, 8.2))),
    Tube(((-3, 14, 3, 7.2), (-14, 15, -12, 6.8), (-26, 15, -22, 6.2), (-32, 17, -34, 5.4), (-36, 21, -48, 4.6))),
    Tube(((1, 14, 3, 6.6), (18, 17, -14, 6.2), (34, 20, -28, 5.8), (40, 25, -40, 4.8), (42, 29, -50, 4.4))),
    Tube(((-24, 15, -19, 4.8), (-38, 13, -15, 4.4), (-48, 12, -11, 3.8))),
    Tube(((-33, 17, -40, 3.4), (-41, 8, -46, 2.9), (-49, 0, -52, 2.4))),
    Tube(((36, 19, -29, 4.8), (46, 13, -27, 4.2), (54, 8, -25, 3.7))),
)
NECK_MUSCLES = tuple(
    tube
    for s in (-1, 1)
    for tube in (
        Tube(((s * 30, 28, 150, 9), (s * 44, 26, 105, 9), (s * 56, 20, 84, 5))),  # scalenes
        Tube(((s * 9, 14, 150, 5), (s * 9, 27, 105, 5), (s * 8, 37, 70, 3))),  # before the spine
        Tube(((s * 44, 0, 150, 9), (s * 30, -34, 96, 7.5), (s * 18, -56, 62, 5))),  # to the breastbone
    )
)
GULLET = (
    Tube(
        (
            (5, 22, 150, 6.5),
            (5, 24, 70, 6.5),
            (6, 29, 10, 6.5),
            (6, 31, -50, 6.5),
            (11, 25, -105, 7),
            (20, 14, -135, 7.5),
        )
    ),
)

_LEFT_VENTRICLE = ((0.68, -0.50, -0.54), (0.55, 0.83, -0.07), (0.49, -0.25, 0.84))
HEART = (
    Ellipsoid((47, -27, -86), (56, 35, 36), _LEFT_VENTRICLE),  # left ventricle
    Ellipsoid((16, -48, -84), (46, 25, 40)),  # right ventricle
    Ellipsoid((-26, -20, -80), (27, 31, 38)),  # right atrium
    Ellipsoid((6, 12, -56), (34, 19, 25)),  # left atrium
    Ellipsoid((10, -20, -88), (36, 26, 30)),  # the grooves at the crux, filled with fat and vessels
)
CHAMBERS = (
    Ellipsoid((43, -25, -85), (43, 23, 25), _LEFT_VENTRICLE),
    Ellipsoid((14, -51, -82), (38, 18, 33)),
    Ellipsoid((-28, -20, -80), (22, 26, 33)),
    Ellipsoid((6, 12, -56), (30, 16, 22)),
)
# Fat in the grooves of the heart, with a coronary artery in it.
GROOVES = (
    Tube(((-12, -55, -46, 6), (-17, -58, -66, 8), (-23, -53, -84, 8), (-22, -44, -106, 7))),
    Tube(((30, -38, -38, 4), (48, -50, -56, 6), (61, -63, -78, 6.5), (74, -65, -104, 4))),
    Tube(((30, -14, -42, 4), (46, 9, -60, 7), (47, 17, -78, 7), (41, 17, -92, 5))),
)
CORONARIES = tuple(Tube(tuple((x, y, z, 1.5) for x, y, z, _ in groove.knots)) for groove in GROOVES)

_DOME_LEAN = 0.34  # the domes are sheared: the lung reaches deeper at the back than at the front
DOMES = (
    Ellipsoid((-66, 0, -168), (72, 84, 74)),
    Ellipsoid((60, 4, -176), (72, 82, 70)),
    Ellipsoid((4, -34, -186), (66, 58, 64)),
)
SPLEEN = Ellipsoid((94, 44, -172), (24, 44, 46), ((0.8, 0.55, 0), (-0.55, 0.8, 0), (0, 0, 1)))
STOMACH = Ellipsoid((58, -22, -168), (46, 48, 42))
LIVER_VESSELS = (
    Tube(((-26, 6, -112, 5), (-50, -6, -128, 4), (-82, -16, -150, 3))),
    Tube(((-26, 6, -112, 5), (-55, 22, -124, 4), (-92, 34, -142, 2.8))),
    Tube(((-26, 4, -114, 4.5), (-22, -28, -130, 3.6), (-14, -50, -146, 2.8))),
    Tube(((-30, -8, -170, 7), (-52, -8, -164, 5.5), (-80, 2, -156, 4), (-100, -8, -150, 2.6))),
)

# Half-width (mm) of the fat between the lungs, by y (columns) and level (rows).
_PLATE_Y = (-100.0, -72.0, -45.0, -15.0, 15.0, 38.0, 56.0, 70.0, 85.0, 102.0)
_PLATE_Z = (-230.0, -120.0, -60.0, -10.0, 20.0, 50.0, 80.0, 110.0)
_PLATE = PchipInterpolator(
    _PLATE_Z,
    np.array(
        [
            (16, 14, 12, 14, 14, 12, 18, 21, 25, 32),
            (10, 9, 8, 12, 14, 11, 18, 21, 25, 32),
            (4, 4, 6, 12, 14, 10, 17, 21, 25, 32),
            (3, 2, 5, 13, 15, 11, 16, 21, 25, 32),
            (6, 3, 8, 15, 14, 11, 15, 20, 24, 32),
            (22, 18, 24, 30, 19, 13, 14, 20, 26, 36),
            (34, 32, 34, 32, 25, 17, 15, 20, 26, 36),
            (60, 60, 50, 42, 32, 22, 20, 26, 36, 50),
        ],
        dtype=float,
    ),
)


@dataclass(frozen=True, eq=False)
class Organs:
    """Depth fields of one plane; None where an organ is not near it."""

    heart: Field | None
    aorta: Field | None
    lung_arteries: Field | None
    veins: Field | None
    lung_veins: Field | None
    airways: Field | None
    gullet: Field | None
    abdomen: Field  # below the diaphragm
    between: Field  # everything between the lungs, with its fat


def organs_of(grid: Grid, z: float) -> Organs:
    """Where the organs lie on the plane ``z``."""
    found = {
        "heart": heart_depth(grid, z, HEART),
        "aorta": tubes_depth(grid, z, AORTA, 8),
        "lung_arteries": tubes_depth(grid, z, LUNG_ARTERIES, 8),
        "veins": tubes_depth(grid, z, VEINS, 8),
        "lung_veins": tubes_depth(grid, z, LUNG_VEINS, 3),
        "airways": tubes_depth(grid, z, AIRWAYS, 6),
        "gullet": tubes_depth(grid, z, GULLET, 6),
    }
    return Organs(**found, abdomen=abdomen_depth(grid, z), between=between_depth(grid, z, found))


def heart_depth(grid: Grid, z: float, parts: tuple[Ellipsoid, ...]) -> Field | None:
    """Depth in the union of ``parts``, its grooves filled smoothly."""
    if not -150 < z < -18:
        return None
    window = grid.window(-85, 110, -105, 60)
    if window is None:
        return None
    x, y = grid.at(window)
    depth = np.full(grid.shape, OUTSIDE, dtype=np.float32)
    here = parts[0].depth(x, y, z)
    for part in parts[1:]:
        here = either(here, part.depth(x, y, z), 6)
    depth[window] = here
    return depth


def abdomen_depth(grid: Grid, z: float) -> Field:
    """Depth below the diaphragm: two domes and the saddle that carries the heart."""
    if z > -55:
        return np.full(grid.shape, OUTSIDE, dtype=np.float32)
    level = z + np.float32(_DOME_LEAN) * grid.y
    depths = []
    for dome in DOMES:
        height = np.maximum(level - dome.centre[2], 0) * np.float32(1 / dome.half[2])
        u = (grid.x - dome.centre[0]) * np.float32(1 / dome.half[0])
        v = (grid.y - dome.centre[1]) * np.float32(1 / dome.half[1])
        q = np.sqrt(u * u + v * v + height * height + np.float32(1e-6))
        depths.append(((1 - q) * np.float32(74)).astype(np.float32))
    return reduce(lambda a, b: either(a, b, 10), depths)


def plate_depth(grid: Grid, z: float) -> Field:
    """Depth in the fat between the lungs and beside the spine, as wide as the table says."""
    width = _PLATE(min(max(z, _PLATE_Z[0]), _PLATE_Z[-1]))
    back = SPINE.at(z)["spine_y"] - 56  # the part beside the spine follows it
    knots = np.array(_PLATE_Y) + np.where(np.array(_PLATE_Y) > 30, back, 0)
    leftwards = np.clip(grid.y * np.float32(-7 / 60), 0, 7)  # the heart draws the front part to the left
    half = smooth_table(knots, width, grid.y[:, 0])[:, None]
    return np.asarray(half - np.abs(grid.x - leftwards), dtype=np.float32)


def between_depth(grid: Grid, z: float, organs: dict[str, Field | None]) -> Field:
    """What keeps the lungs apart: the fat, and the organs with a margin of fat about them."""
    depth = plate_depth(grid, z)
    margins = {"heart": 2.5, "aorta": 1.6, "lung_arteries": 0.8, "veins": 1.5, "airways": 1.5, "gullet": 1.5}
    for name, margin in margins.items():
        organ = organs[name]
        if organ is not None:
            depth = either(depth, organ + np.float32(margin), 6)
    return depth


# ---- paint


@dataclass(frozen=True)
class Blood:
    """HU of blood and organs, without or with a contrast agent in the arterial to venous phase."""

    aorta: float = 42.0
    lung: float = 42.0
    vein: float = 42.0
    heart_wall: float = 46.0
    liver: float = 60.0
    liver_vessel: float = 42.0
    spleen: float = 52.0


PLAIN, ENHANCED = Blood(), Blood(255, 235, 190, 105, 92, 135, 118)


def paint_abdomen(hu: Field, grid: Grid, z: float, organs: Organs, blood: Blood, grain: Field) -> None:
    """Diaphragm, liver with its veins, spleen and stomach with its bubble, in fat."""
    if organs.abdomen.max() < -1:
        return
    px, inside = grid.pixel_mm, organs.abdomen
    paint(hu, inside, MUSCLE, px)
    paint(hu, inside - 3, FAT + grain * 8, px)
    spleen = both(SPLEEN.depth(grid.x, grid.y, z), inside - 3.5, 4)
    stomach = both(STOMACH.depth(grid.x, grid.y, z), inside - 4.5, 6)
    edge = np.float32(26) - 0.55 * grid.x - 0.16 * (grid.y + 20) - 3 * grain
    liver = both(both(inside - 3, edge, 14), -stomach - 2, 4)
    behind = np.asarray(52 - grid.y - 0.35 * np.maximum(grid.x + 70, 0), dtype=np.float32)
    liver = both(liver, behind, 12)
    paint(hu, spleen, blood.spleen + grain * 3, px)
    paint(hu, liver, blood.liver + grain * 5, px)
    vessels = tubes_depth(grid, z, LIVER_VESSELS)
    if vessels is not None:
        paint(hu, both(vessels, liver - 2), blood.liver_vessel, px)
    paint(hu, stomach, 40, px)
    above = np.asarray(np.float32(-30) - grid.y, dtype=np.float32)
    paint(hu, stomach - 4, 18, px)
    paint(hu, both(stomach - 4, above), -960, px)


def paint_neck(hu: Field, grid: Grid, z: float) -> None:
    """The muscles at the root of the neck; the tops of the lungs are laid over them."""
    neck = tubes_depth(grid, z, NECK_MUSCLES)
    if neck is not None:
        paint(hu, neck, MUSCLE, grid.pixel_mm)


def paint_between(hu: Field, grid: Grid, z: float, organs: Organs, blood: Blood) -> None:
    """Heart, great vessels, gullet, thyroid, windpipe and main bronchi."""
    px = grid.pixel_mm
    if organs.heart is not None:
        paint(hu, organs.heart, blood.heart_wall, px)
        chambers = heart_depth(grid, z, CHAMBERS)
        if chambers is not None:
            paint(hu, chambers, (blood.aorta + blood.lung) / 2, px)
        for tubes, value in (GROOVES, FAT), (CORONARIES, blood.aorta):
            depth = tubes_depth(grid, z, tubes)
            if depth is not None:
                paint(hu, both(depth, organs.heart + 3), value, px)
    vessels = (
        (organs.veins, blood.vein),
        (organs.lung_veins, blood.lung),
        (organs.lung_arteries, blood.lung),
        (organs.aorta, blood.aorta),
    )
    for depth, value in vessels:
        if depth is not None:
            paint(hu, depth, value, px)
    if organs.gullet is not None:
        paint(hu, organs.gullet, 40, px)
        air = 1.6 * np.sin(z / 13) + 1.1 * np.sin(z / 7 + 1) - 1  # a little here and there
        paint(hu, organs.gullet - np.float32(6.5 - air), -600, px)
    if organs.airways is not None:
        paint(hu, organs.airways + 1.4, 35, px)
        paint(hu, organs.airways, -985, px)
    for side in (-1, 1):  # the thyroid beside the windpipe
        if 78 < z < 125:
            paint(hu, Ellipsoid((side * 15, -6, 100), (8, 11, 22)).depth(grid.x, grid.y, z), 110, px)
