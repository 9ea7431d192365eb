"""Where a number stands on an axis, and the round numbers to print below it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from .drawing import width_of

LOG_FROM: Final = 10.0  # greatest over least risk from which equal steps would press the small ones together
LEAST: Final = 1e-6  # of a risk: less is shown as less than this
ROUND: Final = (1.0, 2.0, 5.0)
GAP: Final = 12.0  # between two numbers below an axis
MOST_DECADES: Final = 6
MOST_ODDS: Final = 1000.0  # more than the log-odds of any floating number


@dataclass(frozen=True, slots=True)
class Scale:
    """An axis from ``left`` to ``right``: ``of`` makes values evenly spaced; values outside stand at the ends."""

    low: float
    high: float
    left: float
    right: float
    of: Callable[[float], float]
    name: str  # of the sentence that says how equal steps are to be read

    def at(self, value: float) -> float:
        """The place of a value."""
        low, high = self.of(self.low), self.of(self.high)
        share = (self.of(min(max(value, self.low), self.high)) - low) / (high - low)
        return self.left + share * (self.right - self.left)

    def holds(self, value: float) -> bool:
        """Whether the value lies on the axis."""
        return self.low <= value <= self.high


def _itself(value: float) -> float:
    return value


def _below(value: float) -> float:
    return math.log(value)


def _above(value: float) -> float:
    return -math.log1p(-value)


def risk_scale(risks: Sequence[float], left: float, right: float) -> Scale:
    """An axis that holds all these risks.

    Even steps; equal ratios where the least and greatest differ tenfold, all lying below one half (of the risk) or
    above (of what is missing to 1): a risk of 0.02 % and one of 2 % could not be told apart otherwise.
    """
    low, high = min(risks), max(risks)
    if low > 0 and high <= 0.5 and high / low >= LOG_FROM:
        return Scale(low / 1.25, high * 1.25, left, right, _below, "steps.ratios")
    if low >= 0.5 and high < 1 and (1 - low) / (1 - high) >= LOG_FROM:
        return Scale(1 - (1 - low) * 1.25, 1 - (1 - high) / 1.25, left, right, _above, "steps.rest")
    margin = max(0.08 * (high - low), 1e-4)
    return Scale(max(low - margin, 0.0), min(high + margin, 1.0), left, right, _itself, "steps.even")


def odds_scale(log_odds: Iterable[float], left: float, right: float) -> Scale:
    """An axis of log-odds that holds all finite ones among these."""
    finite = [min(max(x, -MOST_ODDS), MOST_ODDS) for x in log_odds if math.isfinite(x)] or [0.0]
    low, high = min(finite), max(finite)
    margin = max(0.06 * (high - low), 0.25)
    return Scale(low - margin, high + margin, left, right, _itself, "steps.odds")


def risk_ticks(scale: Scale) -> tuple[tuple[float, str], ...]:
    """Places and words of round risks, far enough apart."""
    if scale.of is _itself:
        values = even(scale.low, scale.high)
    else:
        small = _decades(*sorted((scale.low, scale.high) if scale.of is _below else (1 - scale.high, 1 - scale.low)))
        values = small if scale.of is _below else [1 - v for v in reversed(small)]
    return _thinned([(scale.at(v), tick_words(v)) for v in values if scale.holds(v)])


def odds_ticks(scale: Scale) -> tuple[tuple[float, str], ...]:
    """Places and words of round risks on an axis of log-odds: one half first, then the whole tens to both sides."""
    some = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4]
    tiny = [m * 10.0**-k for k in range(MOST_DECADES, 2, -1) for m in (1, 2, 5)]
    risks = [*tiny, *some, 0.5, *(1 - p for p in reversed(some)), *(1 - p for p in reversed(tiny))]
    held = [p for p in risks if scale.holds(log_odds(p))]
    return _thinned([(scale.at(log_odds(p)), tick_words(p)) for p in held])


def log_odds(p: float) -> float:
    """Natural logarithm of p over the rest; -inf at 0 and inf at 1."""
    if 0 < p < 1:
        return math.log(p) - math.log1p(-p)
    return math.inf if p else -math.inf


def risk_of(odds: float) -> float:
    """The probability with those log-odds.

    >>> risk_of(0.0), risk_of(math.inf), risk_of(-math.inf)
    (0.5, 1.0, 0.0)
    """
    if odds >= 0:
        return 1 / (1 + math.exp(-odds))
    return math.exp(odds) / (1 + math.exp(odds))


def tick_words(p: float) -> str:
    """A round risk in percent, with the digits it has.

    >>> tick_words(0.2), tick_words(0.0005), tick_words(0.999)
    ('20 %', '0.05 %', '99.9 %')
    """
    return f"{round(100 * p, 10):.12g} %"


def fine(p: float) -> str:
    """A risk in percent with one decimal, or with as many as its distance from 0 or 1 needs for two digits.

    >>> fine(0.1227), fine(0.0049), fine(0.99951), fine(1e-9), fine(1.0)
    ('12.3 %', '0.49 %', '99.951 %', '<0.0001 %', '100 %')
    """
    rest = min(p, 1 - p)
    if rest <= 0:
        return "100 %" if p else "0 %"
    if rest < LEAST:
        return "<0.0001 %" if p < 0.5 else ">99.9999 %"
    decimals = max(1, 1 - math.floor(math.log10(100 * rest))) if rest < 0.01 else 1
    return f"{100 * p:.{decimals}f} %"


def even(low: float, high: float) -> list[float]:
    """Round numbers between two, evenly spaced, about five."""
    raw = (high - low) / 5
    power = 10.0 ** math.floor(math.log10(raw))
    step = power * next((m for m in ROUND if m * power >= raw), 10.0)
    return [round(i * step, 12) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _decades(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [m * 10.0**k for k in range(first, last + 1) for m in ROUND if low <= m * 10.0**k <= high]


def _thinned(ticks: Sequence[tuple[float, str]]) -> tuple[tuple[float, str], ...]:
    kept: list[tuple[float, str]] = []
    for at, text in ticks:
        if not kept or at - kept[-1][0] >= (width_of(text) + width_of(kept[-1][1])) / 2 + GAP:
            kept.append((at, text))
    return tuple(kept)
