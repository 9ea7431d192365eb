"""A report's text -> sentences, each with its part of the report (findings, impression, history, ...) and addendum."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from .phrases import literal, words

LONGEST = 1200  # characters of a sentence; longer runs without an end are cut, so that the work stays linear
WRAPPED = 55  # a line at least this long that has no end mark goes on in the next
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
    }
)
_BULLET = re.compile(r"[ ]*(?:[-*>•+]{1,3}|\(?\d{1,2}[.)](?!\d)|#\s?\d{1,2}[.:)]?|[a-h][.)])[ ]+")
_STILL = re.compile(r"rads|\blr|categor|\bcat\b|previous|prior|that time")  # the next sentence is of the comparison too
_LOOSE = (
    ("comparison", re.compile(r"(?:prior|previous|last|outside|old)\b[\w /-]{0,28}:")),
    (
        "legend",
        re.compile(
            r"(?:[\w/-]+ ){0,4}(?:key|legend|definitions?|menu|glossary|lexicon|scale|"
            r"explanations?)(?: [\w-]+){0,5}:|categor\w+ \S{1,3} text:"
        ),
    ),
    ("impression", re.compile(r"(?:acr |us |final |overall ){0,2}(?:lung|li|ti|l)[ -]?rads(?: [\w.]+){0,2}:")),
    (
        "impression",
        re.compile(
            r"(?:[\w/-]+ ){0,2}(?:recommendations?|plan|selected|next (?:exam|step|scan|"
            r"study|ct|due)|disposition|follow[ -]?up|management)(?: [\w-]+){0,2}(?: "
            r"?\([\w ]{1,30}\))?:"
        ),
    ),
)
_END = re.compile(r"[.!?;](?=[\s\"')\]]|$)")
_ADDENDUM_TAIL = (
    r"\b(?! (?:will|to follow|may|when|once|if|pending|can|is|shall|would|should))[^\n.;:]{0,70}(?:[:.]|$|\n|-)"
)


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters ``start`` to ``end`` of the report; ``low`` is that text in lower case, of the same length."""

    start: int
    end: int
    low: str
    role: str
    zone: int  # 0 the report, 1, 2, ... its addenda in their order
    number: int


def lowered(text: str) -> str:
    """Lower case with plain dashes, blanks and quotes; every character keeps its place."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(char.lower() if len(char.lower()) == 1 else char for char in text)
    return low.translate(_SAME)


@cache
def _headings() -> tuple[re.Pattern[str], dict[str, str]]:
    roles = {phrase: role for role, phrases in words("headings")["roles"].items() for phrase in phrases}
    tail = r"(?:[ ]*\([^()\n]{0,40}\))?[ ]*(?P<mark>:|\.(?!\d)|[ ]-{1,2}[ ]|-{2}|=|$|(?=\n))"
    return re.compile(rf"[ ]*[*_#=]{{0,4}}(?P<name>{literal(roles)}){tail}"), roles


@cache
def _zones() -> tuple[re.Pattern[str], re.Pattern[str]]:
    later, first = literal(words("headings")["addendum"]), literal(words("headings")["original"])
    return re.compile(rf"\W{{0,6}}(?:{later})(?:{_ADDENDUM_TAIL})"), re.compile(rf"\W{{0,6}}(?:{first})\b")


def sentences(low: str, text: str | None = None) -> tuple[Sentence, ...]:
    """The sentences of a text that ``lowered`` made of ``text``, in order, with their parts."""
    cased = text if text is not None and len(text) == len(low) and not text.isupper() else None
    state = _State()
    return tuple(found for start, end in _lines(low, cased) for found in state.line(low, start, end))


def _lines(low: str, cased: str | None) -> Iterator[tuple[int, int]]:
    """Lines, those that were wrapped put together; an empty line is given as an empty range."""
    start, bounds = None, [(match.start(), match.end()) for match in re.finditer(r"[^\n]*\n?", low)]
    for (begin, end), after in zip(bounds, [*bounds[1:], (len(low), len(low))], strict=True):
        start = begin if start is None else start
        line, following = low[begin:end].strip(), low[after[0] : after[1]]
        if end - start < LONGEST and _goes_on(line, following, cased[after[0] : after[0] + 1] if cased else ""):
            continue
        yield start, end
        start = None


def _goes_on(line: str, following: str, first: str) -> bool:
    if not line or not following.strip() or _BULLET.match(following) or line[-1] in ".!?;":
        return False
    if (
        re.search(r"(?:rads?|categor(?:y|ies)|cat)[ ]?:?$", line)
        and re.match(r"[ ]*(?:lr-?)?[0-5]", following)
        and len(line) < WRAPPED
    ):
        return "|" not in line and not re.search(r"[ ]{2,}", line)
    if first and not first.islower() and not first.isdigit():
        return False
    if line[-1] == ":" or "|" in following or re.search(r"\S[ ]{3,}\S", following):
        return False
    return len(line) >= WRAPPED and not _headings()[0].match(following) and not _zones()[0].match(following)


class _State:
    """Which part of the report the next sentence belongs to."""

    def __init__(self) -> None:
        self.role, self.zone, self.count, self.zones = "title", 0, 0, 0
        self.alone = False  # the heading stood on a line of its own
        self.filled = False  # a heading alone on its line holds until its paragraph ends

    def line(self, low: str, start: int, end: int) -> Iterator[Sentence]:
        if not low[start:end].strip():
            self._paragraph()
            return
        for begin, stop in _split(low, start, end):
            yield from self._sentence(low, begin, stop)
        self._line_over(low[start:end])

    def _paragraph(self) -> None:
        if self.filled and self.role in ("history", "comparison", "technique", "legend", "aside"):
            self.role = "body"

    def _line_over(self, line: str) -> None:
        brief = not line.rstrip().endswith(":") and self.filled
        if self.role in ("history", "comparison", "technique", "legend") and brief and not self.alone:
            self.role = "body"

    def _sentence(self, low: str, begin: int, stop: int) -> Iterator[Sentence]:
        begin = self._opened(low, begin, stop)
        if not re.search(r"\w", low[begin:stop]):
            return
        yield Sentence(begin, stop, low[begin:stop], self.role, self.zone, self.count)
        self.count, self.filled = self.count + 1, True
        if self.role == "title" or (
            self.role == "comparison" and not self.alone and not _STILL.search(low, stop, stop + 90)
        ):
            self.role = "body"

    def _opened(self, low: str, begin: int, stop: int) -> int:
        """Take note of a heading at ``begin``; where the sentence's own words begin."""
        bullet = _BULLET.match(low, begin, stop)
        at = bullet.end() if bullet else begin
        later, first = _zones()
        if later.match(low, at, stop):
            self.zones += 1
            self.zone, self.role, self.filled = self.zones, "impression", False
            return at
        if first.match(low, at, stop):
            self.zone, self.role, self.filled = 0, "body", False
            return at
        return self._headed(low, at, stop)

    def _headed(self, low: str, at: int, stop: int) -> int:
        pattern, roles = _headings()
        match = pattern.match(low, at, stop)
        for role, loose in _LOOSE:
            if head := loose.match(low, at, stop):
                self.role, self.filled, self.alone = role, False, not low[head.end() : stop].strip()
                return at
        if match is None:
            return at
        role = (
            roles[re.sub(r"[\s-]+", " ", match["name"])]
            if re.sub(r"[\s-]+", " ", match["name"]) in roles
            else _role_of(match["name"])
        )
        self.role, self.filled, self.alone = role, False, not low[match.end() : stop].strip()
        return at


@cache
def _role_of(name: str) -> str:
    plain = re.sub(r"[\s-]+", " ", name)
    roles = _headings()[1]
    return next(role for phrase, role in roles.items() if re.sub(r"[\s-]+", " ", phrase) == plain)


@cache
def _abbreviations() -> frozenset[str]:
    return frozenset(words("headings")["abbreviations"]) | frozenset(name for name in words("times")["months"])


def _split(low: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in _END.finditer(low, start, end):
        if match.end() - begin < LONGEST and _inside(low, begin, match.start(), end):
            continue
        yield from _chopped(begin, match.end())
        begin = match.end()
    yield from _chopped(begin, end)


def _inside(low: str, begin: int, dot: int, end: int) -> bool:
    """Is the full stop at ``dot`` part of an abbreviation or of a number of a list?"""
    if low[dot] != ".":
        return False
    word = re.search(r"[\w.]*$", low[max(begin, dot - 12) : dot])
    last = word[0] if word else ""
    if last.isdigit() and len(last) <= 2 and not low[begin : dot - len(last)].strip(" -*>"):
        return True
    following = low[dot + 1 : dot + 12].lstrip()
    if last in words("times")["months"]:
        return following[:1].isdigit()
    return last in _abbreviations() and (last != "no" or following[:1].isdigit())


def _chopped(begin: int, end: int) -> Iterator[tuple[int, int]]:
    for at in range(begin, end, LONGEST):
        yield at, min(at + LONGEST, end)
