"""What was said of a fact, weighed: one belief. Absent is unknown, and so is what contradicts itself."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from ...engine.types import Belief, Known, Unknown
from .said import Said, Weight

NOT_MENTIONED = "the record does not mention it"


def presence(said: list[Said]) -> Belief:
    """Whether something is (or was) so.

    Stated and denied: unknown, unless the denial is older than the first statement, which then is news.
    Ended entries count only where nothing says that it goes on.
    """
    states, denies = _with(said, Weight.STATES), _with(said, Weight.DENIES)
    if states:
        first = min(states, key=_day)
        against = next((d for d in denies if not _before(d, first)), None)
        return _conflict(first, against) if against else Known(True, first.source)
    over = [*denies, *_with(said, Weight.ENDED)]
    if over:
        return Known(False, max(over, key=_day).source)
    return open_question(said)


def choice(said: list[Said]) -> Belief:
    """Which of several values holds, as Conditions state it."""
    states = _with(said, Weight.STATES)
    if not states:
        return open_question(said)
    first = min(states, key=_day)
    other = next((s for s in states if s.value != first.value), None)
    return _conflict(first, other) if other else Known(first.value, first.source)


def open_question(said: Iterable[Said]) -> Unknown:
    """Unknown, with the reason that the record gives, if it gives one."""
    raised = [s for s in said if s.weight is Weight.RAISES]
    if not raised:
        return Unknown(NOT_MENTIONED)
    latest = max(raised, key=_day)
    return Unknown(latest.why, latest.source)


def contradiction(one: str, other: str) -> str:
    """The reason for two entries that cannot both be true."""
    return f"{one} and {other} contradict each other"


def _conflict(one: Said, other: Said) -> Unknown:
    return Unknown(contradiction(one.source.reference, other.source.reference), one.source)


def _with(said: list[Said], weight: Weight) -> list[Said]:
    return [s for s in said if s.weight is weight]


def _day(said: Said) -> date:
    """For ordering; what has no date comes first."""
    return said.when.first if said.when else date.min


def _before(denial: Said, statement: Said) -> bool:
    return bool(denial.when and statement.when and denial.when.last < statement.when.first)
