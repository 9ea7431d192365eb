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
        letter = pattern[0] if _PLAIN.match(pattern) and not _forks(pattern) else str(number)
        groups.setdefault(letter, []).append(pattern)
    return "|".join(group[0] if len(group) == 1 else f"(?:{'|'.join(group)})" for group in groups.values())


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
