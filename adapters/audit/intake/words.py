"""FHIR's days, months and codes as SQL in the words of the audit's tables."""

from __future__ import annotations

from collections.abc import Sequence

from ....engine.guideline.columns import text
from .settings import intake

DAY = r"^\d{4}-\d{2}-\d{2}(T|$)"


def day(sql: str) -> str:
    """The day of a FHIR date or dateTime; NULL where it names no whole day, or none that there is."""
    return f"CASE WHEN regexp_matches({sql}, {text(DAY)}) THEN TRY_CAST(substr({sql}, 1, 10) AS DATE) END"


def months(number: str, code: str, unit: str) -> str:
    """A number of months; NULL in another unit, or in none."""
    listed = ", ".join(map(text, intake().months))
    return f"CASE WHEN coalesce({code}, {unit}) IN ({listed}) THEN {number} END"


def word(kind: str, columns: Sequence[str]) -> str:
    """The table's word for what texts, or lists of codes (``..codes``), say; NULL where none says one."""
    return _asked(kind, columns, unknown="NULL")


def known(kind: str, columns: Sequence[str]) -> str:
    """Whether one of them says something that the table has a word for, if only that it is not known."""
    return f"({_asked(kind, columns, unknown=text('unknown'))} IS NOT NULL)"


def one_of(column: str, words: Sequence[str]) -> str:
    """Whether a text is one of some words; with none of them, no."""
    return f"coalesce({column} IN ({', '.join(map(text, words))}), FALSE)" if words else "FALSE"


def _asked(kind: str, columns: Sequence[str], unknown: str) -> str:
    asked = []
    for column in columns:
        for own, others in intake().words[kind].items():
            meets = _meets(column, [*([own] if own else []), *others])
            asked.append(f"WHEN {meets} THEN {text(own) if own else unknown}")
    return f"CASE {' '.join(asked)} END"


def _meets(column: str, words: Sequence[str]) -> str:
    """Whether a text, or one of several codes, is one of the words; ``C34.*`` are all codes that begin so."""
    begun = [word.removesuffix("*") for word in words if word.endswith("*")]
    listed = ", ".join(text(word) for word in words if not word.endswith("*"))
    if not column.endswith("codes"):
        return f"lower(trim({column})) IN ({listed.lower()})"
    asked = [f"list_has_any({column}, [{listed}])"]
    asked += [f"len(list_filter({column}, lambda c: starts_with(c, {text(word)}))) > 0" for word in begun]
    return f"({' OR '.join(asked)})"
