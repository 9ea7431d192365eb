"""The pictures of a lesion's risk: what moved it, how far it may move, the network. Drawn from the decision alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from ...engine.record import Assessment
from ...engine.types import FindingDecision, GuidelineDecision, Reading
from .drawing import Drawing, svg
from .network_plot import network_drawing
from .phrases import phrase
from .pushes_plot import pushes_drawing
from .tornado_plot import tornado_drawing
from .view import Lesion, applied, lesions
from .words import called


@dataclass(frozen=True, slots=True)
class Plot:
    """An SVG, what it is called, and how to read it."""

    name: str
    svg: Markup
    caption: str


@dataclass(frozen=True, slots=True)
class Plots:
    """A lesion's pictures; ``open``: shown without asking, as those of the lesion that decides the exam."""

    plots: tuple[Plot, ...]
    open: bool


def plots_of(assessment: Assessment) -> dict[str, Plots]:
    """Pictures by tracking identifier, for each lesion whose risk has grounds."""
    found = [each for each in lesions(assessment) if any(answer.grounds for answer in each.risks)]
    first = deciding(assessment, found)
    return {
        each.finding.tracking_id: Plots(tuple(_plots(each, i)), each.finding.tracking_id == first)
        for i, each in enumerate(found)
    }


def deciding(assessment: Assessment, found: list[Lesion]) -> str:
    """The lesion that carries the exam's category or, where the exam has none, its management; else the first."""
    drawn = [each.finding.tracking_id for each in found]
    carrying = (
        answer.finding.tracking_id
        for guideline in applied(assessment.decision)
        for answer in guideline.findings
        if _carries(guideline, answer) and answer.finding.tracking_id in drawn
    )
    return next(carrying, drawn[0] if drawn else "")


def _carries(guideline: GuidelineDecision, answer: FindingDecision) -> bool:
    return guideline.exam is not None and _weight(guideline.exam) == _weight(answer.reading, guideline.exam)


def _weight(reading: Reading, beside: Reading | None = None) -> object:
    """The category, or the management where the exam has no category."""
    return reading.category if (beside or reading).category is not None else reading.facts.get("management")


def _plots(found: Lesion, number: int) -> Iterator[Plot]:
    who = called(found.finding.tracking_id)
    for i, answer in enumerate(found.risks):
        if answer.grounds is not None and answer.probability is not None:
            name, why = f"risk-{number}-{i}", answer.grounds
            yield _plot("pushes", pushes_drawing(why, who), name)
            drawing, steps = tornado_drawing(why, answer.probability, who)
            yield _plot("tornado", drawing, name, steps=phrase(steps))
            drawing, missing = network_drawing(why, who)
            left_out = phrase("network.left_out", number=str(missing)) if missing else ""
            yield _plot("network", drawing, name, left_out=left_out)


def _plot(kind: str, drawing: Drawing, name: str, **values: str) -> Plot:
    caption = phrase(f"{kind}.caption", **values)
    return Plot(phrase(f"{kind}.name"), svg(drawing, f"{name}-{kind}"), caption)
