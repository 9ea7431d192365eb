"""Whether the answer may stand as it is, or a human must look, and on which route it is given.

The gate only ever makes the answer more careful: each signal has a level, and the result is the highest of all that
were raised. No signal can take another back. Texts, levels and bars are in ``knowledge/gates.yaml``; what raises a
signal is in ``signals``.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

from .types import Priority, Review, ReviewReason, Route

if TYPE_CHECKING:
    from .knowledge import Knowledge

Raised = tuple[str, str]  # (code, detail)


class Level(IntEnum):
    """How careful an answer must be. Each level asks for all that those below it ask for."""

    STANDS = 0  # hybrid, nothing speaks against it
    LOOK = 1  # hybrid, a human looks when there is time
    LOOK_SOON = 2  # hybrid, a human looks soon
    FALL_BACK = 3  # the rule-based answer, a human looks soon
    FALL_BACK_NOW = 4  # the rule-based answer, a human looks at once

    @property
    def route(self) -> Route:
        """On which route the answer is given."""
        return Route.RULE_BASED if self >= Level.FALL_BACK else Route.HYBRID

    @property
    def priority(self) -> Priority:
        """How soon a human must look."""
        soon = Priority.SOON if self >= Level.LOOK_SOON else Priority.ROUTINE
        return Priority.URGENT if self is Level.FALL_BACK_NOW else soon


def gate(raised: Iterable[Raised], using: Knowledge) -> tuple[Route, Review]:
    """The route and review of the highest level that any signal has; every reason once."""
    found = [(using.signals[code], detail) for code, detail in dict.fromkeys(raised)]
    level = highest(signal.level for signal, _ in found)
    reasons = tuple(ReviewReason(s.code, s.text.format(detail=detail), s.level.priority) for s, detail in found)
    return level.route, Review(level > Level.STANDS, level.priority, reasons)


def highest(levels: Iterable[Level]) -> Level:
    """The most careful of the levels; the lowest there is where there are none."""
    return max(levels, default=Level.STANDS)
