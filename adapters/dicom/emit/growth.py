"""How a lesion has grown, as measurements of the group of what radlogic concludes.

PS3.16, as pydicom has it, names no change of a diameter and no doubling time: own codes, with the colon of what is of
the document and no input.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from ....engine.before import Growth
from ....engine.types import FindingDecision, Unknown
from . import items
from .vocabulary import is_code, shipped_vocabulary

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CHANGE: Final = ":growth_mm"
LIMIT, OVER = ":growth_threshold", ":growth_over"  # by guideline
DIGITS: Final = 4  # of mm, probabilities and days: far below any error of theirs
MEANINGS: Final = {
    CHANGE: "Change of mean diameter since prior exam",
    ":growth_sd_mm": "Standard deviation of the error of that change",
    LIMIT: "Growth by the guideline is more than",
    OVER: "Probability of growth by the guideline",
    ":growth_months": "Months since prior exam",
    ":doubling_days": "Volume doubling time",
    ":doubling_days_90_from": "Volume doubling time, 90 % interval, from",
    ":doubling_days_90_to": "Volume doubling time, 90 % interval, to",
}


def growth(answers: Iterable[FindingDecision]) -> Iterator[Dataset]:
    """The growth that guidelines' answers for one lesion hold: the change once, what each counts as growth.

    Why it cannot be told stands in words.
    """
    held = [(a.growth, a.reading.guideline) for a in answers if a.growth is not None]
    if not held:
        return
    first = held[0][0]
    if isinstance(first, Unknown):
        yield items.text(shipped_vocabulary().own(CHANGE, MEANINGS[CHANGE]), f"cannot be told: {first.why}")
        return
    yield from _changed(first)
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
    if grown.doubling_days is not None:
        yield _number(":doubling_days", grown.doubling_days, "d")
        yield from (_number(name, days, "d") for name, days in ends if days is not None)


def _number(name: str, value: float, unit: str) -> Dataset:
    return items.number(shipped_vocabulary().own(name, MEANINGS[name]), round(value, DIGITS), unit)
