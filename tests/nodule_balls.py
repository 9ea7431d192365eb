"""Balls drawn in noisy lung, as volumes in any orientation."""

from __future__ import annotations

import numpy as np

from radlogic.engine.perception.volume import Acquisition, Volume

MADE = Acquisition(slice_thickness_mm=1.25)
UPRIGHT = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])  # slices to the head, rows to the back, columns to the left


def ball(diameter_mm=12.0, hu=30, spacing=(1.25, 0.7, 0.7), shape=(40, 110, 110), centre=None, **how):
    """A ball of even HU in noisy lung: (volume, patient position of its centre)."""
    axes = np.asarray(how.get("axes", UPRIGHT))
    chance = np.random.default_rng(4)
    middle = np.asarray(centre or [(n - 1) / 2 for n in shape])
    away = np.sqrt(
        sum(((np.arange(n) - m) * s).reshape([-1 if a == b else 1 for b in range(3)]) ** 2
            for a, (n, m, s) in enumerate(zip(shape, middle, spacing, strict=True)))
    )  # fmt: skip
    inside = np.clip((diameter_mm / 2 - away) / 0.7 + 0.5, 0, 1)
    hu3 = (-860 * (1 - inside) + hu * inside + chance.normal(0, 22, shape)).astype(np.int16)
    volume = Volume(hu3, spacing, (-20.0, 30.0, -50.0), axes, how.get("made", MADE))
    return volume, volume.position_of(tuple(middle))
