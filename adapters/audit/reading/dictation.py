"""A text in plain small letters, its dictated marks ("full stop") written; each character in its place."""

from __future__ import annotations

import re
from functools import cache

from .phrases import words

_SAME = str.maketrans(
    {
        "–": "-",
        "—": "-",
        "‑": "-",
        "−": "-",
        "‐": "-",
        "×": "x",
        "\u00a0": " ",
        "\t": " ",
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "’": "'",
        "‘": "'",
        "\r": " ",
        "☒": "☑",
        "✓": "☑",
        "✔": "☑",
        "µ": "u",
        "™": " ",
        "®": " ",
        "：": ":",
        "≦": "≤",
        "≧": "≥",
        "⇒": "→",
        "➔": "→",
        "➜": "→",
        "⟶": "→",
        "\u2009": " ",
        "\u202f": " ",
        "\u2002": " ",
        "\u2003": " ",
    }
)
_KEY = re.compile(r"(?<=[a-z])_(?=[a-z])")  # "lung_rads" is a name of two words
_BRACKETED = re.compile(  # "[6] months", "Lung-RADS: <2>"
    r"[\[{<_](\d{1,2}(?:[.,]\d)?)[\]}>_](?=[ ]?(?:months?|mos?|weeks?|wks?|years?|yrs?|mm|cm)\b)"
    r"|(?:(?<=rads[: ][ ])|(?<=category[:=][ ]))[\[{<_]([0-4][abx]?s?)[\]}>_](?=[ ]*(?:$|\n|lung|li-|[,.;(]))"
)


def lowered(text: str) -> str:
    """Lower case with plain dashes, blanks and quotes, spoken marks written; every character keeps its place."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    low = _KEY.sub(" ", low) if "_" in low else low
    low = _BRACKETED.sub(lambda match: f" {match[1] or match[2]} ", low)
    return marked(low.translate(_SAME))


def marked(low: str) -> str:
    """The text with its spoken marks written, of the same length; blanks fill what a mark leaves over."""
    for sign, shown, spoken in _marks():
        if sign in low and shown.search(low):
            low = spoken[1].sub(lambda match, mark=spoken[0]: _written(match, mark), low)  # type: ignore[misc]
    return low


def _written(match: re.Match[str], mark: str) -> str:
    return match[0][: match.start("mark") - match.start()] + mark.ljust(match.end() - match.start("mark"))


@cache
def _marks() -> tuple[tuple[str, re.Pattern[str], tuple[str, re.Pattern[str]]], ...]:
    """(the word, what a text has in which it is a mark, (the mark, where it stands for it))."""
    told = words("headings")["spoken"]
    return tuple(
        (
            one["word"],
            re.compile(one.get("where", "")),
            (one["mark"], re.compile(f"{one['before']}(?P<mark>{one['said']})(?!\\w)")),
        )
        for one in told
    )
