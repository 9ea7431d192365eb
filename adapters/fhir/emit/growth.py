"""How a lesion has grown, as components of its Observation. No standard code is confirmed for any of it: own codes."""

from __future__ import annotations

from collections.abc import Iterator

from ....engine.before import Growth
from ....engine.tracking.growth import core_change
from ....engine.types import Unknown
from ...report.growth_words import growth_of, untold_words
from ...report.view import Lesion
from ...report.words import clean
from .parts import Json, quantity
from .sending import Sending, unknown

DIGITS = 4  # of mm, probabilities and days: far below any error of theirs


def growth_parts(sending: Sending, found: Lesion) -> Iterator[Json]:
    """The change with its error, growth as the guideline counts it, the doubling time; else why it cannot be told."""
    held = growth_of(found)
    if held is None:
        return
    grown, guideline = held
    if isinstance(grown, Unknown):
        yield {"code": sending.own("growth"), "dataAbsentReason": unknown(clean(grown.why))}
        yield from _core(sending, found)
        return
    yield _number(sending, "growth", grown.change_mm, "_mm")
    yield _number(sending, "growth-sd", grown.sd_mm, "_mm")
    yield _number(sending, "growth-interval", grown.months, "_months")
    yield from _over(sending, grown, guideline)
    yield from _doubling(sending, grown)
    yield from _core(sending, found)


def _core(sending: Sending, found: Lesion) -> Iterator[Json]:
    """How the solid component changed, which guidelines decide by too; its error is not known."""
    change = core_change(found.shown)
    if change is not None:
        yield _number(sending, "growth-core", change, "_mm")


def _number(sending: Sending, code: str, value: float, unit: str) -> Json:
    return {"code": sending.own(code), "valueQuantity": quantity(round(value, DIGITS), unit)}


def _over(sending: Sending, grown: Growth, guideline: str) -> Iterator[Json]:
    if grown.threshold_mm is None or grown.over_threshold is None:
        return
    within = f" within {grown.within_months:g} months" if grown.within_months is not None else ""
    words = f"probability of growth of more than {grown.threshold_mm:g} mm, which {clean(guideline)} counts{within}"
    code = sending.own("growth-over-threshold", words)
    yield {"code": code, "valueQuantity": quantity(round(grown.over_threshold, DIGITS))}


def _doubling(sending: Sending, grown: Growth) -> Iterator[Json]:
    """The time, or why it cannot be told, and its 90 % interval, which has no upper end where the lesion may not have
    grown; none where it shrinks."""
    days, (shortest, longest) = grown.doubling_days, grown.doubling_90_days
    if grown.untold is not None:
        yield {"code": sending.own("doubling-time"), "dataAbsentReason": unknown(untold_words(grown))}
    elif days is not None:
        yield _number(sending, "doubling-time", days, "_days")
    if shortest is None or grown.doublings_a_year <= 0:
        return
    ends = {"low": shortest, "high": longest}
    told = {name: quantity(round(end, DIGITS), "_days") for name, end in ends.items() if end is not None}
    yield {"code": sending.own("doubling-time-90"), "valueRange": told}
