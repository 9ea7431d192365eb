"""What the words and numbers of the tables mean: those that the audit knows (``knowledge/measures/scope.yaml``).

Words are compared without regard to case. What nobody knows, and a number that cannot be, is NULL: unknown, and
counted. A guideline or a source that is not known stays as it is: it is another one, and is asked for nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...engine.guideline.columns import text
from .scope import listed, scope

INTERVAL = ("interval_min_months", "interval_max_months")
KEPT = {"guideline", "source"}  # of these an unknown word says something: that it is none of ours
NO_INTERVAL, NO_WORD, SEVERAL = -1, "~unreadable", "several"  # marks in statements; a word that is known comes first


def watched(table: str) -> frozenset[str]:
    """The columns of a table whose values are looked at."""
    vocabulary = scope().vocabulary
    own = {"edition", "guideline", *INTERVAL} if table == "statements" else set()
    return frozenset({*vocabulary.words.get(table, {}), *vocabulary.ranges.get(table, {})} | own)


def understood(table: str, column: str, said: Mapping[str, str]) -> str:
    """What a watched column means as SQL; ``said``: column -> the value as it stands, as SQL."""
    vocabulary, sql = scope().vocabulary, said[column]
    if column in INTERVAL:
        return f"CASE WHEN {_possible(said)} THEN {sql} END"
    if column == "edition":
        return _edition(sql, said["guideline"])
    if column in vocabulary.ranges.get(table, {}):
        low, high = vocabulary.ranges[table][column]
        return f"CASE WHEN {sql} BETWEEN {low} AND {high} THEN {sql} END"
    words = tuple(scope().guidelines) if column == "guideline" else vocabulary.words[table][column]
    bare, known = f"LOWER(TRIM({sql}))", listed(words)
    other = f" ELSE {sql}" if column in KEPT else ""
    return f"CASE WHEN {sql} IN {known} THEN {sql} WHEN {bare} IN {known} THEN {bare}{other} END"


def _possible(said: Mapping[str, str]) -> str:
    """Whether an interval can be: neither end below 0 or beyond a life, and the first not after the last."""
    low, high = scope().vocabulary.ranges["statements"]["interval"]
    ends = [f"COALESCE({said[c]} BETWEEN {low} AND {high}, TRUE)" for c in INTERVAL]
    first, last = (said[c] for c in INTERVAL)
    return " AND ".join([*ends, f"COALESCE({first} <= {last}, TRUE)"])


def _edition(sql: str, guideline: str) -> str:
    """An edition of a known guideline by its number, also after a v, or by the year that readers write for it."""
    bare, of = f"LOWER(TRIM({sql}))", f"LOWER(TRIM({guideline}))"
    number = f"CASE WHEN {bare} LIKE 'v%' THEN SUBSTR({bare}, 2) ELSE {bare} END"
    every = scope().vocabulary.editions
    exact = listed(tuple(f"{name}@{edition}" for name, editions in every.items() for edition in editions))
    whens = [
        f"WHEN {of} = {text(name)} AND ({number}) IN {listed((edition, *also))} THEN {text(edition)}"
        for name, editions in every.items()
        for edition, also in editions.items()
    ]
    other = f"WHEN COALESCE({of} NOT IN {listed(tuple(every))}, TRUE) THEN {sql}"
    return f"CASE WHEN {guideline} || '@' || {sql} IN {exact} THEN {sql} {other} {' '.join(whens)} END"
