"""How a lesion has grown since the newest earlier exam, in sentences: the change, the guideline's growth, doubling.

The error is known of the whole nodule's size; of its solid component the change alone is told.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...engine.before import Growth, Untold
from ...engine.tracking.denied import denials
from ...engine.tracking.growth import core_change
from ...engine.tracking.growth import growth_of as of_finding
from ...engine.types import Unknown
from .phrases import phrase, say
from .sentence import Link, Sentence
from .view import Lesion, guideline_name, sentence
from .words import clean, months_words, number, percent


def growth_of(found: Lesion) -> tuple[Growth | Unknown, str] | None:
    """A lesion's growth and the guideline that reads it: the first that says what growth is, else the first.

    Where no guideline reads the lesion, its growth by the same facts, and '' for the guideline.
    """
    told = [(d.growth, d.reading.guideline) for d in found.decided if d.growth is not None]
    if not found.decided and (alone := of_finding(found.finding_shown)) is not None:
        return alone, ""
    meant = [one for one in told if isinstance(one[0], Growth) and one[0].threshold_mm is not None]
    return next(iter((*meant, *told)), None)


def denied(found: Lesion) -> Mapping[str, str]:
    """What is stated of a lesion and denied by the earlier exam, by name: it is told as open, not as it stands."""
    return denials(found.finding_shown)


def growth_sentences(found: Lesion, link: Link) -> tuple[Sentence, ...]:
    """What is told of it, or why nothing can be; none where no earlier exam was compared, or the lesion is new."""
    held, open_ = growth_of(found), denied(found)
    if open_:
        return tuple(say("lesion.denied", link, text=sentence(text)) for text in open_.values())
    if held is None:
        return ()
    grown, guideline = held
    if isinstance(grown, Unknown):
        return (say("lesion.growth_unknown", link, why=clean(grown.why)), *_core(found, link))
    return (_changed(grown, link), *_over(grown, guideline, link), *_doubling(grown, link), *_core(found, link))


def _changed(grown: Growth, link: Link) -> Sentence:
    low, high = (signed_mm(mm) for mm in grown.change_90_mm)
    change, time = signed_mm(grown.change_mm), months_words(grown.months)
    return say("lesion.growth", link, change=change, sd=f"{grown.sd_mm:.1f}", low=low, high=high, time=time)


def _over(grown: Growth, guideline: str, link: Link) -> Iterator[Sentence]:
    if grown.threshold_mm is None or grown.over_threshold is None:
        return
    words = {"threshold": number(grown.threshold_mm), "guideline": guideline_name(guideline)}
    yield say("lesion.growth_over", link, probability=percent(grown.over_threshold), **words)
    if grown.within_months is not None and not grown.in_time:
        yield say("lesion.growth_late", link, within=number(grown.within_months), guideline=words["guideline"])


def _doubling(grown: Growth, link: Link) -> Iterator[Sentence]:
    days, (shortest, longest) = grown.doubling_days, grown.doubling_90_days
    if grown.untold is not None:
        yield say("lesion.doubling_untold", link, why=untold_words(grown))
    elif days is not None and shortest is not None and longest is not None:
        yield say("lesion.doubling", link, days=in_days(days), shortest=in_days(shortest), longest=in_days(longest))


def untold_words(grown: Growth) -> str:
    """Why there is no doubling time that can be told; with what can."""
    if grown.untold is Untold.DATES:
        return phrase("doubling.dates", time=months_words(grown.months))
    return phrase("doubling.errors", shortest=in_days(grown.doubling_90_days[0] or 0))


def in_days(days: float) -> str:
    """Days, below ten to a tenth.

    >>> in_days(103.6), in_days(1.31)
    ('104', '1.3')
    """
    return f"{days:.0f}" if days >= 10 else f"{days:.1f}"


def _core(found: Lesion, link: Link) -> Iterator[Sentence]:
    """How the solid component changed, where both sizes of it are known and differ: by that, too, guidelines decide."""
    change = core_change(found.shown)
    if change is not None:
        yield say("lesion.growth_core", link, change=signed_mm(change))


def signed_mm(mm: float) -> str:
    """A change with its sign.

    >>> signed_mm(1.94), signed_mm(-0.5), signed_mm(-0.01)
    ('+1.9', '-0.5', '+0.0')
    """
    return f"{round(mm, 1) + 0.0:+.1f}"
