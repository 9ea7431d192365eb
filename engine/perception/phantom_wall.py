"""The chest wall of the phantom: table, skin, fat, muscles, ribs, sternum, shoulder blades, spine.

Positions are millimetres in patient coordinates (x left, y back, z head) with the carina at the
origin. Tables over the angle run from the back (0 degrees) to the front (180), alike on both sides.
Sizes are those of an average adult in full inspiration, chosen so that the pictures look right; no
measurement relies on them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .phantom_shapes import (
    OUTSIDE,
    TURNS,
    Ellipsoid,
    Field,
    Grid,
    Profile,
    Tube,
    both,
    ellipse_depth,
    paint,
    smooth_table,
    tubes_depth,
)

AIR, FAT, MUSCLE, SKIN, CARTILAGE = -1000.0, -104.0, 54.0, 20.0, 105.0
CORTEX, MARROW, DISC, CANAL = 760.0, 190.0, 85.0, 28.0

# Half-widths and front and back half-depths of the skin and of the inside of the rib cage.
OUTLINES = Profile(
    "body_side body_front body_back cage_side cage_front cage_back",
    [
        (160, 78, 50, 88, 40, 8, 40),
        (130, 168, 54, 92, 52, 12, 48),
        (110, 196, 66, 99, 58, 18, 56),
        (95, 203, 75, 104, 70, 28, 64),
        (80, 198, 84, 109, 84, 40, 71),
        (60, 187, 95, 113, 101, 58, 79),
        (40, 177, 102, 116, 113, 71, 85),
        (20, 169, 107, 118, 121, 79, 88),
        (0, 164, 111, 118, 127, 85, 90),
        (-40, 160, 115, 118, 134, 91, 92),
        (-80, 158, 116, 116, 137, 93, 92),
        (-120, 157, 115, 112, 136, 92, 88),
        (-160, 155, 113, 108, 132, 90, 82),
        (-220, 153, 111, 105, 126, 86, 78),
    ],
)
# Spine: y of the middle of the vertebral bodies, half-width and half-depth of a body.
SPINE = Profile(
    "spine_y spine_side spine_deep",
    [
        (150, 26, 11.5, 9.5),
        (110, 40, 13, 10.5),
        (60, 51, 15, 12.5),
        (0, 54, 16.5, 14.5),
        (-60, 54, 18, 15.5),
        (-120, 47, 20, 16.5),
        (-220, 33, 23, 17.5),
    ],
)

ANGLE = (np.arange(TURNS) + TURNS / 2) % TURNS * (360 / TURNS) - 180  # degrees, -180 .. 180, left positive
FOLDED = np.abs(ANGLE)  # from the back (0) to the front (180), either side
# The ribs sweep back beside the spine, and forward again beside the breastbone, before they turn in.
BULGE = (
    1
    - 0.15 * np.exp(-((FOLDED / 17) ** 2))  # between them stand the arches of the vertebrae and the back muscles
    + 0.09 * np.exp(-(((FOLDED - 36) / 16) ** 2))
    + 0.05 * np.exp(-(((FOLDED - 141) / 16) ** 2))
).astype(np.float32)
LEAN = ((1 - np.cos(np.radians(FOLDED))) / 4 + FOLDED / 360).astype(np.float32)  # 0 at the back, 1 at the front

VERTEBRA_MM = 24.5  # from one vertebra to the next; T1 at +95, T12 at -174.5
FIRST_RIB_Z = 95.0
VERTEBRAE = tuple(FIRST_RIB_Z - VERTEBRA_MM * i for i in range(-3, 14))


def outline(side: float, front: float, back: float, power: float) -> tuple[Field, Field]:
    """(radius by angle, cosine between radius and surface normal) of a super-ellipse, egg-shaped front to back."""
    turn = np.radians(ANGLE)
    deep = np.where(np.cos(turn) > 0, back, front)
    radius = ((np.abs(np.sin(turn)) / side) ** power + (np.abs(np.cos(turn)) / deep) ** power) ** (-1 / power)
    slope = np.gradient(radius, 2 * np.pi / TURNS) / radius
    return radius.astype(np.float32), (1 / np.sqrt(1 + slope * slope)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Wall:
    """Depth fields of one plane: inside the skin, and inside the rib cage."""

    body: Field
    cage: Field


def wall_of(grid: Grid, z: float) -> Wall:
    """The skin and the inner face of the ribs at level ``z``."""
    size = OUTLINES.at(z)
    skin, lean = outline(size["body_side"], size["body_front"], size["body_back"], 2.35)
    furrow = 5 * np.exp(-((FOLDED / 9) ** 2)) + 3 * np.exp(-(((FOLDED - 180) / 8) ** 2))
    turn = np.radians(ANGLE)
    uneven = 1.6 * np.cos(3 * turn + 0.7) + 1.2 * np.sin(2 * turn)  # nobody is symmetrical
    skin = (skin - furrow + uneven).astype(np.float32)
    return Wall((skin[grid.turn] - grid.radius) * lean[grid.turn], cage_depth(grid, z))


def cage_depth(grid: Grid, z: float) -> Field:
    """Depth inside the rib cage at level ``z`` (mm)."""
    size = OUTLINES.at(z)
    inner, lean = outline(size["cage_side"], size["cage_front"], size["cage_back"], 2.15)
    return np.asarray(((inner * BULGE)[grid.turn] - grid.radius) * lean[grid.turn], dtype=np.float32)


# ---- soft parts


def paint_couch(hu: Field, grid: Grid) -> None:
    """The couch below the back, a cushion in a shallow trough: the same on every plane."""
    top = np.float32(125) - grid.x * grid.x * np.float32(1 / 1500)
    width = np.float32(195) - np.abs(grid.x)
    cushion = np.minimum(np.minimum(grid.y - top + 6, top + 12 - grid.y), width)
    shell = np.minimum(np.float32(1.1) - np.abs(grid.y - top - 14), width)
    paint(hu, cushion, -925, grid.pixel_mm)
    paint(hu, shell, -120, grid.pixel_mm)


def muscle_table(z: float) -> Field:
    """Thickness of ribs and muscles outside the cage (mm) by angle: back, shoulder girdle, chest, flank."""
    high = float(np.clip((z + 70) / 60, 0, 1))  # the shoulder blade and its muscles thin out below it
    chest = float(np.clip((z + 55) / 45, 0, 1))
    top = float(np.clip((z - 40) / 50, 0, 1))
    knots = [0, 12, 24, 36, 50, 75, 98, 112, 125, 145, 158, 170, 180]
    back = [29, 36, 28, 15 + 12 * high, 13 + 25 * high, 13 + 25 * high, 14 + 8 * high]
    front = [12 + 8 * chest, 12 + 12 * chest, 12 + 14 * chest, 11 + 9 * chest, 8, 4]
    return smooth_table(knots, back + front, FOLDED) + np.float32(30 * top)


def paint_soft(hu: Field, grid: Grid, z: float, wall: Wall, grain: Field) -> None:
    """Skin, subcutaneous fat, muscle with fat between its layers, and fat inside the cage."""
    paint(hu, wall.body, SKIN, grid.pixel_mm)
    paint(hu, wall.body - 1.8, FAT + grain * 10, grid.pixel_mm)
    out = -wall.cage
    muscle = np.minimum(muscle_table(z)[grid.turn] - out + grain, wall.body - 6.0 + 0.5 * grain)
    lean = MUSCLE + grain * 8
    paint(hu, both(muscle, out + 1.5), lean, grid.pixel_mm)
    s = SPINE.at(z)
    for side in (-1, 1):  # the muscles beside the arches of the vertebrae
        beside = ellipse_depth(grid.x, grid.y, (side * 27, s["spine_y"] + s["spine_deep"] + 15), (17, 15))
        paint(hu, both(beside, wall.cage + 2), lean, grid.pixel_mm)
    # Fat planes between the layers, of uneven width, where the wall is thick enough to have layers.
    for level in (14.0, 31.0):
        paint(hu, both(0.5 + grain - np.abs(out - level - 1.2 * grain), muscle - 2.5), FAT, grid.pixel_mm)


# ---- bones


def paint_bone(hu: Field, depth: Field, grid: Grid, grain: Field, shell_mm: float = 1.3) -> None:
    """Compact bone outside, marrow with trabecular grain ``shell_mm`` below its surface."""
    paint(hu, depth, CORTEX, grid.pixel_mm)
    paint(hu, depth - shell_mm, MARROW + grain * 45, grid.pixel_mm)


def paint_ribs(hu: Field, grid: Grid, z: float, wall: Wall, grain: Field) -> None:
    """Twelve pairs that fall towards the front, with cartilage at their front ends."""
    fall = float(np.interp(z, [-60, 0, 40, 100], [104, 92, 66, 36]))
    level = (FIRST_RIB_Z - z - fall * LEAN - 2 * (ANGLE > 0)) / VERTEBRA_MM  # rib number less one, by angle
    number = np.clip(np.rint(level), 0, 11)
    off = np.abs(level - number) * VERTEBRA_MM / 7.2
    half = np.where(off < 1, 4.0 * np.sqrt(np.clip(1 - off * off, 0, 1)), OUTSIDE)
    ends = np.interp(number, [0, 6, 9, 10, 11], [176, 176, 165, 105, 75])
    half = np.where((ends > FOLDED) & (FOLDED > 21), half, OUTSIDE).astype(np.float32)
    gristle = np.interp(number, [0, 2, 5, 9], [158, 152, 142, 118]) < FOLDED
    depth = half[grid.turn] - np.abs(-wall.cage - 6.0)
    soft = gristle[grid.turn]
    paint(hu, np.where(soft, depth, OUTSIDE), CARTILAGE + grain * 12, grid.pixel_mm)
    paint_bone(hu, np.where(soft, OUTSIDE, depth), grid, grain, 1.1)


def paint_blades(hu: Field, grid: Grid, z: float, wall: Wall, grain: Field) -> None:
    """Shoulder blades: thin plates between the muscles, thick at their outer border, with a ridge above."""
    if not -62 < z < 92:
        return
    inner = np.interp(z, [-62, -30, 30, 92], [58, 46, 36, 42])
    outer = np.interp(z, [-62, -30, 30, 60, 92], [61, 66, 78, 86, 84])
    share = np.clip((FOLDED - inner) / (outer - inner), 0, 1)
    along = np.minimum(FOLDED - inner, outer - FOLDED) * 2.4  # degrees to mm at about 140 mm
    thick = np.minimum(1.5 + 3.6 * share**4 + 0.8 * (1 - share) ** 4, along + 1).astype(np.float32)
    lift = (20 + 5 * np.sin(np.pi * share)).astype(np.float32)
    out = -wall.cage
    depth = thick[grid.turn] - np.abs(out - lift[grid.turn])
    if 28 < z < 74:
        ridge = np.interp(z, [28, 74], [52, 72])
        width = (2.8 - np.abs(FOLDED - ridge) * 2.6).astype(np.float32)
        depth = np.maximum(depth, both(width[grid.turn], 15 - np.abs(out - lift[grid.turn] - 14)))
    paint_bone(hu, np.minimum(depth, wall.body - 7), grid, grain)


def paint_breastbone(hu: Field, grid: Grid, z: float, grain: Field) -> None:
    """Manubrium and body of the breastbone, with the joint between them."""
    if not -98 < z < 58:
        return
    side = float(np.interp(z, [-98, -90, -30, 1, 6, 30, 52, 58], [7, 12, 19, 15, 20, 26, 31, 22]))
    middle = -OUTLINES.at(z)["cage_front"] - 8.0
    across, deep = grid.x, np.float32(middle) + grid.x * grid.x * np.float32(1 / 260)
    depth = both(np.float32(side) - np.abs(across), np.float32(5.8) - np.abs(grid.y - deep), 4)
    if 1 < z < 5:
        paint(hu, depth, CARTILAGE, grid.pixel_mm)
    else:
        paint_bone(hu, depth, grid, grain, 1.1)


def _vertebral_arch(z: float) -> tuple[Tube, ...]:
    """Pedicles, laminae, transverse and spinous process and rib necks of the vertebra at ``z``."""
    s = SPINE.at(z)
    y, side, deep = s["spine_y"], s["spine_side"], s["spine_deep"]
    canal = y + deep + 8.5
    tubes = [Tube(((0, canal + 12, z - 1, 3.6), (0, canal + 24, z - 9, 2.6), (0, canal + 36, z - 19, 3.2)))]
    for sign in (-1, 1):
        tubes += [
            Tube(((sign * side * 0.72, y + deep * 0.6, z + 4, 4.2), (sign * 12.5, canal + 3, z + 3, 3.8))),
            Tube(((sign * 13, canal + 3, z + 5, 3.6), (0, canal + 12, z - 3, 3.6))),
            Tube(((sign * 13, canal + 3, z - 1, 3.6), (0, canal + 12, z - 8, 3.4))),
            Tube(((sign * 13, canal + 4, z + 3, 4.0), (sign * 33, canal + 13, z + 3, 4.2))),
            Tube(
                (
                    (sign * (side + 3), y + deep * 0.35, z + 10, 4.2),
                    (sign * 24, canal - 4, z + 8, 3.4),
                    (sign * 38, canal + 6, z + 3, 4.0),
                )
            ),
        ]
    return tuple(tubes)


ARCHES = tuple((z, _vertebral_arch(z)) for z in VERTEBRAE)
SHOULDERS = tuple(
    Tube(
        (
            (s * 17, -66, 50, 7.5),
            (s * 45, -64, 60, 5.5),
            (s * 85, -42, 76, 5),
            (s * 125, -8, 88, 5.5),
            (s * 150, 4, 92, 6),
        )
    )
    for s in (-1, 1)
)
HUMERI = tuple(Ellipsoid((s * 178, 18, 96), (24, 24, 25)) for s in (-1, 1))


def paint_spine(hu: Field, grid: Grid, z: float, grain: Field) -> None:
    """Vertebral bodies and discs, the canal with the cord, and the bony arches behind."""
    s = SPINE.at(z)
    window = grid.window(-48, 48, s["spine_y"] - 26, s["spine_y"] + 74)
    if window is None:
        return
    x, y = grid.at(window)
    here, texture, px = hu[window], grain[window], grid.pixel_mm
    to_middle = abs((z - FIRST_RIB_Z + VERTEBRA_MM / 2) % VERTEBRA_MM - VERTEBRA_MM / 2)
    waist = 1 - 0.09 * max(0.0, 1 - to_middle / 9)
    body = ellipse_depth(x, y, (0, s["spine_y"]), (s["spine_side"] * waist, s["spine_deep"] * waist))
    canal = ellipse_depth(x, y, (0, s["spine_y"] + s["spine_deep"] + 8.5), (10.5, 8.8))
    body = both(body, -canal - 1.0, 3)
    if to_middle > 9.9:
        paint(here, body, DISC, px)
    elif to_middle > 8.8:
        paint(here, body, CORTEX * 0.5 + texture * 60, px)
    else:
        paint_bone(here, body, grid, texture)
    paint(here, canal, FAT / 3, px)
    paint(here, canal - 1.6, CANAL, px)
    paint(here, canal - 4.2, CANAL + 14, px)
    near = [tube for middle, tubes in ARCHES if abs(z - middle) < 30 for tube in tubes]
    arch = tubes_depth(grid, z, near)
    if arch is not None:
        paint_bone(here, both(arch[window], -canal - 0.5, 1), grid, texture)


def paint_shoulders(hu: Field, grid: Grid, z: float, grain: Field) -> None:
    """Collar bones and the heads of the upper arm bones, where the planes reach them."""
    depth = tubes_depth(grid, z, SHOULDERS)
    if depth is not None:
        paint_bone(hu, depth, grid, grain)
    for head in HUMERI:
        if abs(z - head.centre[2]) < head.reach():
            paint_bone(hu, head.depth(grid.x, grid.y, z), grid, grain, 2.0)


def paint_bones(hu: Field, grid: Grid, z: float, wall: Wall, grain: Field) -> None:
    """All bones of one plane."""
    paint_ribs(hu, grid, z, wall, grain)
    paint_blades(hu, grid, z, wall, grain)
    paint_breastbone(hu, grid, z, grain)
    paint_spine(hu, grid, z, grain)
    paint_shoulders(hu, grid, z, grain)
