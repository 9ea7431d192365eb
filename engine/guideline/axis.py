"""One uncertain measurement: a Gaussian cut to its input's range, and the pieces and points that stand for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from ..errors import BadValue
from ..types import Measured
from .load import Guideline

WIDEST = 6  # standard deviations that are cut finely; what lies beyond (2e-9) goes with the outermost points
LEAST = 1e-9  # a probability below it is no basis for an answer
GAUSS_LEGENDRE = (  # abscissa on [-1, 1] and weight, five points
    (-0.906179845938664, 0.23692688505618908),
    (-0.5384693101056831, 0.47862867049936647),
    (0.0, 0.5688888888888889),
    (0.5384693101056831, 0.47862867049936647),
    (0.906179845938664, 0.23692688505618908),
)


@dataclass(frozen=True, slots=True)
class Axis:
    """One uncertain measurement: mean and sd in the inputs' unit, cut to [low, high].

    ``names``: the input that it gives; both axes of a lesion where only their mean is ever read.
    """

    names: tuple[str, ...]
    mean: float
    sd: float
    low: Decimal
    high: Decimal

    def mass(self, a: Decimal, b: Decimal) -> float:
        """Probability of [a, b] within the range."""
        return self._between(a, b) / self._between(self.low, self.high)

    def _between(self, a: Decimal, b: Decimal) -> float:
        return between((float(a) - self.mean) / self.sd, (float(b) - self.mean) / self.sd)

    def quadrature(self, a: Decimal, b: Decimal) -> Iterator[tuple[float, Decimal]]:
        """(weight, value) of points that stand for [a, b], where nothing changes its cell by itself."""
        low = max(float(a), self.mean - WIDEST * self.sd)
        high = min(float(b), self.mean + WIDEST * self.sd)
        parts = math.ceil((high - low) / self.sd)
        if parts < 1:
            yield self.mass(a, b), (a + b) / 2  # all of it lies far out
            return
        half = (high - low) / parts / 2
        at = [(low + (2 * i + 1 + x) * half, w) for i in range(parts) for x, w in GAUSS_LEGENDRE]
        density = [w * math.exp(-(((x - self.mean) / self.sd) ** 2) / 2) for x, w in at]
        scale = self.mass(a, b) / math.fsum(density)
        yield from ((d * scale, Decimal(x)) for d, (x, _) in zip(density, at, strict=True))

    def ticks(self, step: Decimal) -> Iterator[tuple[float, Decimal]]:
        """(weight, value) of every multiple of ``step``, as values are rounded half up to it."""
        first, last = (
            int((Decimal(x) / step).to_integral_value(ROUND_CEILING))
            for x in (
                max(float(self.low), self.mean - WIDEST * self.sd),
                min(float(self.high), self.mean + WIDEST * self.sd),
            )
        )
        for k in range(first, last + 1):
            a = self.low if k == first else k * step - step / 2
            b = self.high if k == last else k * step + step / 2
            yield self.mass(a, b), k * step


def between(a: float, b: float) -> float:
    """Probability of [a, b] under the standard Gaussian, exact in both tails.

    >>> round(between(-1.96, 1.96), 3), between(9, 10) > 0
    (0.95, True)
    """
    if a > 0:
        a, b = -b, -a
    return (math.erfc(-b / math.sqrt(2)) - math.erfc(-a / math.sqrt(2))) / 2


def axis_of(guideline: Guideline, name: str, belief: Measured) -> Axis:
    """The axis of one measured input.

    Raises:
        BadValue: it is no number, is in another unit, or all but excluded by its input's range.
    """
    _, i = guideline.inputs[name]
    where = belief.source.reference
    if i["type"] != "number":
        raise BadValue(where, name, "a measurement", f"a value of this {i['type']}", "Give class probabilities.")
    if belief.unit != i["unit"]:
        raise BadValue(where, name, f"unit {belief.unit}", i["unit"], "Convert it; units are never guessed.")
    low, high = (Decimal(str(x)) for x in i["range"])
    inside = between((float(low) - belief.mean) / belief.sd, (float(high) - belief.mean) / belief.sd)
    if inside < LEAST:
        found = f"{belief.mean} ± {belief.sd} {belief.unit}"
        raise BadValue(where, name, found, f"{low} to {high} {belief.unit}", "Correct the measurement.")
    return Axis((name,), belief.mean, belief.sd, low, high)
