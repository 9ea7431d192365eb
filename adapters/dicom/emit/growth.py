"""How a lesion has grown, as measurements of the group of what radlogic concludes.

PS3.16, as pydicom has it, names no change of a diameter and no doubling time: own codes, with the colon of what is of
the document and no input.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from ....engine.before import Growth
from ....engine.tracking.growth import core_change
from ....engine.types import Unknown
from ...report.growth_words import growth_of, untold_words
from ...report.view import Lesion
from . import items
from .vocabulary import is_code, shipped_vocabulary

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CHANGE: Final = ":growth_mm"
CORE: Final = ":growth_core_mm"
DOUBLING: Final = ":doubling_days"
LIMIT, OVER = ":growth_threshold", ":growth_over"  # by guideline
DIGITS: Final = 4  # of mm, probabilities and days: far below any error of theirs
MEANINGS: Final = {
    CHANGE: "Change of mean diameter since prior exam",
    ":growth_sd_mm": "Standard deviation of the error of that change",
    LIMIT: "Growth by the guideline is more than",
    OVER: "Probability of growth by the guideline",
    ":growth_months": "Months since prior exam",
    CORE: "Change of mean diameter of the solid component since prior exam",
    DOUBLING: "Volume doubling time",
    ":doubling_days_90_from": "Volume doubling time, 90 % interval, from",
    ":doubling_days_90_to": "Volume doubling time, 90 % interval, to",
}


def growth(found: Lesion) -> Iterator[Dataset]:
    """The growth of a lesion: the change once, what each guideline counts as growth, and its solid component's change.

    Why it cannot be told stands in words.
    """
    told = growth_of(found)
    if told is None:
        return
    if isinstance(told[0], Unknown):
        yield _untold(CHANGE, told[0].why)
    else:
        yield from _changed(told[0])
        yield from _by_guideline(found)
    change = core_change(found.shown)
    if change is not None:
        yield _number(CORE, change, "mm")


def _by_guideline(found: Lesion) -> Iterator[Dataset]:
    held = [(a.growth, a.reading.guideline) for a in found.decided]
    for grown, guideline in held:
        if isinstance(grown, Growth) and is_code(f"{LIMIT}:{guideline}"):
            yield from _over(grown, guideline)


def _over(grown: Growth, guideline: str) -> Iterator[Dataset]:
    """What the guideline counts as growth, and how probable it is."""
    words = shipped_vocabulary()
    for name, value, unit in ((LIMIT, grown.threshold_mm, "mm"), (OVER, grown.over_threshold, "1")):
        if value is not None:
            yield items.number(words.own(f"{name}:{guideline}", MEANINGS[name]), round(value, DIGITS), unit)


def _changed(grown: Growth) -> Iterator[Dataset]:
    yield _number(CHANGE, grown.change_mm, "mm")
    yield _number(":growth_sd_mm", grown.sd_mm, "mm")
    yield _number(":growth_months", grown.months, "mo")
    ends = zip((":doubling_days_90_from", ":doubling_days_90_to"), grown.doubling_90_days, strict=True)
    if grown.untold is not None:
        yield _untold(DOUBLING, untold_words(grown))
    elif grown.doubling_days is not None:
        yield _number(DOUBLING, grown.doubling_days, "d")
    if grown.doublings_a_year > 0:
        yield from (_number(name, days, "d") for name, days in ends if days is not None)


def _untold(name: str, why: str) -> Dataset:
    return items.text(shipped_vocabulary().own(name, MEANINGS[name]), f"cannot be told: {why}")


def _number(name: str, value: float, unit: str) -> Dataset:
    return items.number(shipped_vocabulary().own(name, MEANINGS[name]), round(value, DIGITS), unit)
