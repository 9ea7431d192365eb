"""Exams by site, scanner, sex, age, guideline and month; small groups are put together, and none is dropped."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Final, TypeVar

from .rows import Answer, Row

Case = tuple[Row, Answer]
DIMENSIONS: Final = ("site", "scanner", "sex", "age", "guideline")
MONTH: Final = "month"
GUIDELINE: Final = "guideline"
TOGETHER: Final = "small groups together"
Key = TypeVar("Key", bound=Hashable)


def cases_of(rows: Sequence[Row]) -> list[Case]:
    """One answer for each exam that any guideline answered, so that exams count alike: the first of which it is known
    what was signed, else the first."""
    return [(row, _first(row.answers)) for row in rows if row.answers]


def _first(answers: Sequence[Answer]) -> Answer:
    return next((a for a in answers if a.signed is not None), answers[0])


def cases_by(rows: Sequence[Row], dimension: str) -> list[Case]:
    """The same, but every guideline's answer where guidelines are what is compared."""
    return [(row, a) for row in rows for a in row.answers] if dimension == GUIDELINE else cases_of(rows)


def grouped(cases: Sequence[Case], dimension: str, least: int) -> dict[str, list[Case]]:
    """The cases of each group, by name; groups of fewer than ``least`` exams, and as many of the next smallest as it
    takes, are one group: nobody can subtract a small group from the total."""
    found: dict[str, list[Case]] = {}
    for row, answer in cases:
        name = answer.guideline if dimension == GUIDELINE else row.groups[dimension]
        found.setdefault(name, []).append((row, answer))
    small = _small({name: len({id(row) for row, _ in members}) for name, members in found.items()}, least)
    together = [case for name in sorted(small) for case in found.pop(name)]
    return dict(sorted(found.items())) | ({TOGETHER: together} if together else {})


def _small(sizes: Mapping[str, int], least: int) -> list[str]:
    taken: list[str] = []
    for name in sorted(sizes, key=lambda n: (sizes[n], n)):
        if sizes[name] >= least and (not taken or sum(sizes[n] for n in taken) >= least):
            break
        taken.append(name)
    return taken


def shown(counts: Mapping[Key, int], least: int) -> dict[Key, int | None]:
    """Counts that may be shown; None for one below ``least``, and for the next smallest where it would be the only
    one, so that the total does not tell it."""
    filled = sorted((n, str(key), key) for key, n in counts.items() if n)
    hidden = [key for n, _, key in filled if n < least]
    if len(hidden) == 1:
        hidden += [key for _, _, key in filled if key not in hidden][:1]
    return {key: None if key in hidden else n for key, n in counts.items()}
