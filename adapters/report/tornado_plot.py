"""The uncertain numbers of a network that move a risk most, as bars round the risk as it is now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from ...engine.grounds import Grounds, NetworkNode, Sway
from .drawing import ENDING, LINE, Box, Drawing, Lines, Shape, Words, folded
from .network_words import by_name, entry_words
from .phrases import phrase
from .scales import Scale, fine, risk_scale, risk_ticks

WIDTH: Final = 800.0
LABELS: Final = 320.0
ENDS: Final = 62.0  # for the numbers beside the bars
APART: Final = 9.0  # between two bars' words
BAR: Final = 15.0
TOP: Final = 22.0
FOOT: Final = 24.0


def tornado_drawing(grounds: Grounds, risk: float, finding: str) -> tuple[Drawing, str]:
    """Bars from the least to the greatest risk over each number's range, with the interval over all of them; and the
    name of the sentence that says how the axis steps."""
    ends = [risk, *grounds.interval, *(end for s in grounds.sways for end in (s.low, s.high))]
    scale = risk_scale(ends, LABELS + ENDS, WIDTH - ENDS)
    nodes = by_name(grounds)
    rows, top = [*_interval(grounds, scale)], TOP + BAR + APART
    for sway in grounds.sways:
        lines = folded(entry_words(sway.entry, sway.node, nodes), LABELS - 4, 2)
        rows += _bar(sway, scale, top, lines, nodes)
        top += LINE * (len(lines) + 1) + APART
    bottom = top
    shapes = [*_axis(scale, bottom), *_now(scale, risk, bottom), *rows]
    spans = "; ".join(_said(sway, nodes) for sway in grounds.sways)
    describes = phrase("tornado.describes", risk=fine(risk), spans=spans)
    title = phrase("tornado.title", finding=finding)
    return Drawing(WIDTH, bottom + FOOT, title, describes, tuple(shapes)), scale.name


def _said(sway: Sway, nodes: Mapping[str, NetworkNode]) -> str:
    span = phrase("risk.span", low=fine(sway.low), high=fine(sway.high))
    return phrase("tornado.one", number=entry_words(sway.entry, sway.node, nodes), span=span)


def number_words(value: float) -> str:
    """A number of a network's tables.

    >>> number_words(-5.385484), number_words(0.0005), number_words(0.25)
    ('−5.39', '0.0005', '0.25')
    """
    return f"{value:.3g}".replace("-", "−")


def _axis(scale: Scale, bottom: float) -> Iterator[Shape]:
    yield Lines((((scale.left, bottom), (scale.right, bottom)),), "axis")
    for x, text in risk_ticks(scale):
        yield Lines((((x, TOP), (x, bottom + 4)),), "grid")
        yield Words(x, bottom + 16, text, "quiet", "middle")


def _now(scale: Scale, risk: float, bottom: float) -> Iterator[Shape]:
    x = scale.at(risk)
    yield Lines((((x, TOP - 4), (x, bottom)),), "now")
    yield Words(x, TOP - 8, phrase("tornado.now", risk=fine(risk)), "title", "middle")


def _interval(grounds: Grounds, scale: Scale) -> Iterator[Shape]:
    low, high = grounds.interval
    yield Words(2, TOP + 11, phrase("tornado.all", level=f"{100 * grounds.level:.3g}"), "title")
    yield from _span(low, high, scale, TOP, "whole")


def _bar(
    sway: Sway, scale: Scale, top: float, lines: Sequence[str], nodes: Mapping[str, NetworkNode]
) -> Iterator[Shape]:
    whole = entry_words(sway.entry, sway.node, nodes)
    for i, line in enumerate(lines):
        yield Words(2, top + LINE * (i + 0.85), line, full=whole if line.endswith(ENDING) else "")
    low, high, value = map(number_words, (sway.value_low, sway.value_high, sway.value))
    ranges = phrase("tornado.range", low=low, high=high, value=value)
    yield Words(2, top + LINE * (len(lines) + 0.85), ranges, "quiet")
    yield from _span(sway.low, sway.high, scale, top + (LINE * (len(lines) + 1) - BAR) / 2, "sway")


def _span(low: float, high: float, scale: Scale, top: float, kind: str) -> Iterator[Shape]:
    """A bar with the risk at its ends."""
    low, high = sorted((low, high))
    left, right = scale.at(low), scale.at(high)
    yield Box(left, top, max(right - left, 1.0), BAR, kind)
    yield Words(left - 5, top + 11, fine(low), "words", "end")
    yield Words(right + 5, top + 11, fine(high))
