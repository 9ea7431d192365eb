"""Words that stand for an examination or another next step."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from .phrases import by_letter, words

SAME = "same"  # "rescan": what this examination was


class Step(NamedTuple):
    """One of ldct, ct, pet_ct, mri, us, biopsy, other (or "screening") at ``start``..``end`` of the text."""

    modality: str
    start: int
    end: int


@cache
def _pattern() -> re.Pattern[str]:
    named = (f"(?P<{name}>{by_letter(forms)})" for name, forms in words("modalities")["modalities"].items())
    return re.compile(rf"(?<![\w])(?:{'|'.join(named)})")


def steps(low: str, start: int, end: int, screening_ct: bool) -> list[Step]:
    """Every step named between the two places; a round of screening is a low-dose CT where the report is of one."""
    found = [Step(match.lastgroup or "", match.start(), match.end()) for match in _pattern().finditer(low, start, end)]
    return [
        Step("ldct" if screening_ct else SAME, one.start, one.end) if one.modality == "screening" else one
        for one in found
    ]
