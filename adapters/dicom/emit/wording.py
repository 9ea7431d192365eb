"""Texts as DICOM's value representations take them (PS3.5 section 6.2): lengths, control characters, names."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MEANING: Final = 64  # characters of Code Meaning and of any LO
NAME: Final = 64  # characters of one component group of a PN
PART: Final = re.compile(r"(?<!\d)\.|\.(?!\d)")  # of what stands before it
_KEPT: Final = "\n\t"  # of the control characters, what long texts may hold


def plain(text: str) -> str:
    """Text without control, direction and surrogate characters, its ends bare: for UT and UC.

    >>> plain(" left\\x00 lung ")
    'left lung'
    """
    kept = (c if c in _KEPT or unicodedata.category(c)[0] != "C" else "" for c in text)
    return "".join(kept).strip()


def line(text: str, longest: int = MEANING) -> str:
    """The same on one line, without backslashes, cut to a length: for LO and SH.

    >>> line("a\\\\b\\nc")
    'a/b c'
    """
    words = " ".join(plain(text).replace("\\", "/").split())
    return words if len(words) <= longest else words[: longest - 1].rstrip() + "…"


def meaning(value: str) -> str:
    """A code's value in words, never empty (Code Meaning is type 1). A dot between digits is of a number or edition.

    >>> meaning("suspicious_features.spiculation"), meaning("lung-rads@1.1 category 3")
    ('suspicious features: spiculation', 'lung-rads@1.1 category 3')
    """
    return line(PART.sub(": ", value.replace("_", " "))) or "(no words)"


def person(name: str) -> str:
    """A name, or what an account is called, as a PN of one component group; '' where nothing is left of it.

    Components (``Family^Given``) are kept; other delimiters and what a PN may not hold become spaces. What has no
    components is a family name, and is written as one.

    >>> person("Reader^Anna"), person("a=b\\\\c")
    ('Reader^Anna', 'a b c^')
    """
    words = " ".join(plain(name).replace("\\", " ").replace("=", " ").split())
    parts = [part.strip() for part in words.split("^")]
    cut = "^".join(parts[:5]).rstrip("^")[: NAME - 1]
    return cut if "^" in cut or not cut else f"{cut}^"
