"""The words of the grammar, read once from ``knowledge/report_reading`` and compiled."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Any

import yaml

from ....engine.resources import knowledge_folder


@cache
def words(name: str) -> dict[str, Any]:
    """One file of phrases. Every scalar is text (``no`` is a word here, not a boolean)."""
    text = knowledge_folder().joinpath("report_reading", f"{name}.yaml").read_text(encoding="utf-8")
    read: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes text, lists, dicts only
    return read


def any_of(patterns: Iterable[str], before: str = r"(?<!\w)", after: str = "") -> re.Pattern[str]:
    """One pattern for a list of alternatives, tried in their order."""
    return re.compile(f"{before}(?:{by_letter(patterns)}){after}")


_PLAIN = re.compile(r"[a-z](?![?*+{|])")


def by_letter(patterns: Iterable[str]) -> str:
    """The alternatives, those that begin with the same letter together: a place is asked for each letter once."""
    groups: dict[str, list[str]] = {}
    for number, pattern in enumerate(patterns):
        for letter, part in _opened(pattern) or [(str(number), pattern)]:
            groups.setdefault(letter, []).append(part)
    return "|".join(group[0] if len(group) == 1 else f"(?:{'|'.join(group)})" for group in groups.values())


_LEADING = re.compile(r"\(\?:([^()\[\]\\]+)\)(?![?*+{])")


def _opened(pattern: str) -> list[tuple[str, str]]:
    """(its first letter, the pattern); of one that opens with words to choose from, each letter with its words."""
    if _forks(pattern):
        return []
    if _PLAIN.match(pattern):
        return [(pattern[0], pattern)]
    leading = _LEADING.match(pattern)
    choices = leading[1].split("|") if leading else []
    if not leading or not all(_PLAIN.match(one) for one in choices):
        return []
    letters = dict.fromkeys(one[0] for one in choices)
    rest = pattern[leading.end() :]
    return [(one, f"(?:{'|'.join(c for c in choices if c[0] == one)}){rest}") for one in letters]


def _forks(pattern: str) -> bool:
    """Is there a bar outside of all brackets?"""
    plain = re.sub(r"\\.|\[[^\]]*\]", "", pattern)
    while (shorter := re.sub(r"\([^()]*\)", "", plain)) != plain:
        plain = shorter
    return "|" in plain


def literal(phrases: Iterable[str]) -> str:
    """Alternatives of plain phrases, longest first, blanks and hyphens between words interchangeable."""
    ordered = sorted(phrases, key=lambda phrase: (-len(phrase), phrase))
    return by_letter(re.escape(phrase).replace(r"\ ", r"[\s-]{1,3}") for phrase in ordered)


@cache
def listed(name: str, key: str, after: str = "") -> re.Pattern[str]:
    """The list ``key`` of the file ``name`` as one pattern of regular expressions."""
    return any_of(words(name)[key], after=after)


def speaks_of(low: str, guideline: str) -> bool:
    """Is the guideline named? The name is looked for only where its last syllable stands."""
    return any(sign in low for sign in ("rad", "rats", "reds", "rid", "rods", "raid")) and bool(
        named(guideline).search(low)
    )


@cache
def named(guideline: str) -> re.Pattern[str]:
    """The names of a guideline, as they are written and as they are misheard."""
    return re.compile(rf"(?<!\w){words('categories')['guidelines'][guideline]}")
