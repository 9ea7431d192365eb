"""What each piece of evidence does to a risk, step by step from what is believed before any of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ...engine.grounds import Grounds, Push
from .drawing import ENDING, LINE, Box, Drawing, Lines, Shape, Words, folded, words
from .network_words import odds_words, push_words, shown, signed
from .phrases import phrase
from .scales import Scale, fine, odds_scale, odds_ticks, risk_of
from .words import capital, clean

WIDTH: Final = 800.0
LABELS: Final = 270.0
NUMBERS: Final = 230.0
APART: Final = 8.0  # between the words of two rungs
BAR: Final = 13.0
FOOT: Final = 24.0
TOP: Final = 4.0
BEYOND: Final = 14.0  # how far a bar without end reaches past the axis


@dataclass(frozen=True, slots=True)
class Rung:
    """One line of the picture: log-odds ``before`` and ``after``; a sum is drawn from its own place alone."""

    text: str
    number: str
    kind: str
    before: float
    after: float


def pushes_drawing(grounds: Grounds, finding: str) -> Drawing:
    """The steps from the prior to the posterior log-odds, the weightiest first."""
    rungs = ladder(grounds)
    held = (x for rung in rungs for x in (rung.before, rung.after))
    scale = odds_scale(held, LABELS + BEYOND, WIDTH - NUMBERS - BEYOND)
    bars, middles, top = list[Shape](), list[float](), TOP
    for rung in rungs:
        lines = folded(clean(rung.text), LABELS - 8, 2, bold=rung.kind == "sum")
        middles.append(top + (LINE * len(lines) + APART) / 2)
        bars += [*_labels(rung, lines, top + APART / 2), *_bar(rung, scale, middles[-1])]
        top += LINE * len(lines) + APART
    shapes = (*_axis(scale, top), *_steps(rungs, middles, scale), *bars)
    said = "; ".join(f"{rung.text}: {rung.number}" for rung in rungs)
    title, describes = phrase("pushes.title", finding=finding), phrase("pushes.describes", steps=said)
    return Drawing(WIDTH, top + FOOT, title, describes, shapes)


def ladder(grounds: Grounds) -> tuple[Rung, ...]:
    """The prior, each piece, what they do together beyond that, and the posterior."""
    at = grounds.prior
    rungs = [Rung(phrase("pushes.before"), fine(risk_of(at)), "sum", at, at)]
    for push in grounds.pushes:
        rungs.append(_push(push, at))
        at = rungs[-1].after
    if grounds.together:
        after = at + grounds.together
        rungs.append(Rung(phrase("pushes.together"), _number(grounds.together), "both", at, after))
    end = grounds.posterior
    return (*rungs, Rung(phrase("pushes.after"), fine(risk_of(end)), "sum", end, end))


def _push(push: Push, at: float) -> Rung:
    step = shown(push)
    kind, number = "for" if step > 0 else "against", _number(step)
    if push.interacts:
        number = phrase("pushes.alone", step=number, alone=signed(push.alone))
    return Rung(capital(push_words(push)) + ("*" if push.interacts else ""), number, kind, at, at + step)


def _number(step: float) -> str:
    return f"{signed(step)}, {odds_words(step)}"


def _axis(scale: Scale, bottom: float) -> Iterator[Shape]:
    yield Lines((((scale.left, bottom), (scale.right, bottom)),), "axis")
    for x, text in odds_ticks(scale):
        yield Lines((((x, TOP), (x, bottom + 4)),), "grid")
        yield Words(x, bottom + 16, text, "quiet", "middle")


def _labels(rung: Rung, lines: Sequence[str], top: float) -> Iterator[Shape]:
    kind, whole = "title" if rung.kind == "sum" else "words", clean(rung.text)
    for i, line in enumerate(lines):
        yield Words(2, top + LINE * (i + 0.8), line, kind, full=whole if line.endswith(ENDING) else "")
    middle = top + LINE * (len(lines) / 2 + 0.3)
    yield words(WIDTH - NUMBERS + 6, middle, rung.number, NUMBERS - 6, kind)


def _bar(rung: Rung, scale: Scale, middle: float) -> Iterator[Shape]:
    start, end = _place(rung.before, scale), _place(rung.after, scale)
    if start is None or end is None:
        return
    if rung.kind == "sum":
        yield Box(end - 3, middle - 8, 6, 16, "sum")
        return
    yield Box(min(start, end), middle - BAR / 2, max(abs(end - start), 1.0), BAR, rung.kind)
    if math.isinf(rung.after) and not math.isinf(rung.before):  # it goes on without end
        on = 6.0 if end > start else -6.0
        head = ((end, middle - 8), (end + on, middle), (end, middle + 8), (end, middle - 8))
        yield Lines((head,), f"tip {rung.kind}")


def _steps(rungs: Sequence[Rung], middles: Sequence[float], scale: Scale) -> Iterator[Shape]:
    """From the end of each bar to the next."""
    for rung, here, below in zip(rungs, middles, middles[1:], strict=False):
        x = _place(rung.after, scale)
        if x is not None:
            yield Lines((((x, here), (x, below)),), "step")


def _place(odds: float, scale: Scale) -> float | None:
    """Where log-odds stand: past the axis where they have no end; nowhere, where a certainty meets its opposite."""
    if math.isnan(odds):
        return None
    if math.isinf(odds):
        return scale.right + BEYOND - 6 if odds > 0 else scale.left - BEYOND + 6
    return scale.at(odds)
