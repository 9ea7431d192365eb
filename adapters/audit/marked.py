"""The statements as the audit reads them, with marks where one says what cannot be read."""

from __future__ import annotations

from ...engine.guideline.columns import text
from .layout import LAYOUT, MONTHS, Tables
from .vocabulary import INTERVAL, NO_INTERVAL, NO_WORD


def statements(tables: Tables) -> str:
    """The statements; what states something that cannot be read has a mark, for it does not leave that out."""
    kinds = dict(LAYOUT["statements"])
    marks = {"edition": text(NO_WORD), "recommended_modality": text(NO_WORD)}
    marks |= dict.fromkeys(INTERVAL, f"CAST({NO_INTERVAL} AS {MONTHS})")
    beside = [
        f"CASE WHEN {tables.lost('statements', INTERVAL if c in INTERVAL else (c,))} THEN {mark} "
        f"ELSE {tables.value('statements', c, kinds.pop(c))} END AS {c}"
        for c, mark in marks.items()
    ]
    return tables.select("statements", kinds, beside)
