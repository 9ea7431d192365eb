"""What was read from a text, as rows of the audit's table of statements, and where each value stood."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from .reading.phrases import words
from .reading.types import Place, ReportRead, StatedCategory

NOTHING = (None, None, None, None)
Row = tuple[Any, ...]


def arrow_types() -> dict[str, Any]:
    """The Arrow type of every column of both kinds of rows, and of the number of the text that comes first."""
    import pyarrow as pa

    said = ("guideline", "edition", "category", "recommended_modality", "source", "field", "value", "rule")
    marks, months = ("s_modifier", "no_followup"), ("interval_min_months", "interval_max_months")
    return {
        "number": pa.int64(), "start": pa.int32(), "end": pa.int32(), **dict.fromkeys(said, pa.string()),
        **dict.fromkeys(marks, pa.bool_()), **dict.fromkeys(months, pa.decimal128(6, 1)),
    }  # fmt: skip


def statements_of(read: ReportRead) -> Iterator[Row]:
    """(guideline, edition, category, s_modifier, least and greatest months, modality, no_followup, "text") rows.

    What is asked for next stands in the row of the one guideline that is spoken of; where there are several, or none,
    in a row of its own. Statements that contradict each other are rows each: the audit calls them conflicting. Where
    nothing was read there is no row.
    """
    said = [*map(_said, read.stated), *map(_said, read.disputed)]
    asked = _asked(read)
    if asked == NOTHING:
        yield from ((*one, *NOTHING, "text") for one in said)
    elif len(said) == 1:
        yield (*said[0], *asked, "text")
    else:
        yield from ((*one, *NOTHING, "text") for one in said)
        yield (None, None, None, None, *asked, "text")


def places_of(read: ReportRead) -> Iterator[Row]:
    """(field, value, start, end, rule) of every value that was read; places in characters, half open."""
    for one in (*read.stated, *read.disputed):
        guideline, edition, category, modifier = _said(one)
        yield from _placed("category" if category else "guideline", category or guideline, one.place)
        yield from _placed("edition", edition, one.edition_place)
        yield from _placed("s_modifier", None if modifier is None else str(modifier).lower(), one.modifier_place)
    asked = read.recommended
    if asked is not None:
        low, high = asked.interval_months or (None, None)
        yield from _placed("interval_months", f"{low:g}-{high:g}" if low is not None else None, asked.interval_place)
        yield from _placed("recommended_modality", asked.modality, asked.modality_place)
        yield from _placed("no_followup", "true" if asked.none else None, asked.none_place)


def _placed(field: str, value: str | None, place: Place | None) -> Iterator[Row]:
    if value is not None and place is not None:
        yield field, value, place.start, place.end, place.rule


def _said(one: StatedCategory) -> Row:
    """In the audit's words: its guideline of liver reports, and the edition that a year of publication stands for."""
    names = words("audit")
    kind = (one.category or "").split("-", maxsplit=1)[0]
    guideline = names["guidelines"].get(one.guideline, {}).get(kind, one.guideline)
    edition = names["editions"].get(guideline, {}).get(one.edition, one.edition)
    return guideline, edition, one.category, one.s_modifier


def _asked(read: ReportRead) -> Row:
    asked = read.recommended
    if asked is None or (asked.interval_months is None and asked.modality is None and not asked.none):
        return NOTHING
    low, high = asked.interval_months or (None, None)
    return _tenths(low), _tenths(high), asked.modality, asked.none


def _tenths(number: float | None) -> Decimal | None:
    return None if number is None else Decimal(f"{number:.1f}")
