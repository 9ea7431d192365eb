"""Lesions and alignments made by hand for the tests of tracking."""

from decimal import Decimal

import numpy as np
from scipy import ndimage

from radlogic.engine.perception.volume import Volume
from radlogic.engine.tracking.align import Alignment, Quality
from radlogic.engine.tracking.lungs import STEP_MM, Lungs
from radlogic.engine.tracking.rigid import Rigid
from radlogic.engine.types import Finding, Known, Source, SourceKind

STATED = Source(SourceKind.HUMAN, "a test")
SIDE = 56  # voxels of the block of lung, 140 mm


def lesion(name, at=None, mm=6.0, kind="solid", location="", **facts):
    stated = {"mean_mm": mm, "type": kind, **facts}
    known = {
        n: Known(Decimal(str(v)) if isinstance(v, int | float) else v, STATED)
        for n, v in stated.items()
        if v is not None
    }
    return Finding(name, "nodule", known, at, location)


def block(seed=1):
    """A cube of lung with texture that no two places share, from 0 to 140 mm on each axis."""
    grain = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(SIDE, SIDE, SIDE)), 1.2)
    hu = (-800 + 150 * grain / grain.std()).clip(-1000, 200).astype(np.float32)
    return Lungs(hu, np.ones(hu.shape, dtype=bool), np.zeros(3))


def aligned(current=None, laid=None, length_mm=140.0):
    """Both exams in one frame; ``length_mm``: how far the prior's images reach along z."""
    current = current or block()
    quality = Quality(1.0, 1.0, 0.5, 30, 0.0, 0.0)
    return Alignment(
        Rigid(np.eye(3), np.zeros(3)), current, laid or current, quality, volume(SIDE * STEP_MM), volume(length_mm)
    )


def volume(length_mm):
    axes = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    hu = np.full((int(length_mm / STEP_MM), SIDE, SIDE), -800, dtype=np.int16)
    return Volume(hu, (STEP_MM,) * 3, (0.0, 0.0, 0.0), axes)
