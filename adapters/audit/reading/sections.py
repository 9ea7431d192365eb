"""A report's text -> sentences, each with its part of the report (findings, impression, history, ...) and addendum."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from .layers import layer, layered
from .phrases import literal, words

LONGEST = 1200  # characters of a sentence; longer runs without an end are cut, so that the work stays linear
_MANY = 4  # lines about equally long, of a text that was broken into lines
WRAPPED = 55  # a line at least this long that has no end mark goes on in the next
_BULLET = re.compile(r"[ ]*(?:[-*>•+]{1,3}|\(?\d{1,2}[.)](?!\d)|#\s?\d{1,2}[.:)]?|[a-h][.)])[ ]+")
_STILL = re.compile(r"rads|\blr|categor|\bcat\b|previous|prior|that time")  # so is the next sentence
_TODAY = re.compile(
    r"\W*(?:the (?:examination|exam|scan|study) is|overall|i|we|our|my|today|now|currently|at present"
    r"|on (?:today|the present|the current|this)"
    r"|this (?:scan|exam\w*|study|ct|mri)|(?:present|current|new|today'?s) (?:lung|li|ti|categor|assessment"
    r"|result|exam\w*|scan|study)[\w-]*)\b"
)
_THIS_PATIENT = re.compile(  # what ends an explanation, or the words of a machine
    r"\W*(?:(?:in|for|of) )?(?:this|our|the present) (?:patient|case|exam\w*|scan|study|participant"
    r"|lady|gentleman|man|woman)\b"
)
_OPEN = re.compile(
    r"[a-z]\S*[ ](?:in|at|after|of|the|an?|and|or|to|with|is|are|by|from|for|low|lung|now|as|this|which|per|no)$"
)
_NUMBER = re.compile(r"adden\w+ (?:no\.? ?|number |# ?)?([1-9])(?![\d./])")
_MID = re.compile(r"[^\n.;:]{0,60}:")  # in the middle of a line only a colon makes it a heading
_WITHDRAWN = re.compile(  # an addendum that takes back the addenda
    r"(?:previous|prior|first|above|earlier|last) addendum (?:\w+ ){0,5}"
    r"(?:mistake|error|withdrawn|wrong|retracted|void|disregard\w*)|"
    r"(?:amend\w+|adden\w+|correction)(?: of [\d/. ]+)? (?:was|is|were) (?:meant|intended|entered"
    r"|dictated|issued) (?:for|on|under)"
    r" (?:another|a different|the wrong)|(?:disregard|ignore|delete) (?:the )?(?:\w+ )?addendum"
    r"|original report (?:holds|stands|remains)"
)
_WORD = re.compile(r"\w")
_NAME_LAST, _CODE_FIRST = re.compile(r"(?:rads?|categor(?:y|ies)|cat)[ ]?:?$"), re.compile(r"[ ]*(?:lr-?)?[0-5]")
_GOES = re.compile(
    r"(?:in|at|within|w/o|w/|without|with|of|for|to|by|and|or|per|than)[ ]"
)  # a line that starts in the middle
_NUMBER_LAST = re.compile(
    r"(?:^|[ -])(?:\d{1,2}|one|two|three|four|six|eight|nine|twelve|eighteen|twenty-four|an?|annual|low"
    r"|repeat|follow-up)$"
)
_UNIT_FIRST = re.compile(r"[ ]*(?:months?|mos?|weeks?|wks?|years?|yrs?|mm|cm|ldct|ct|mri|ultrasound|screening|dose)\b")
_LESIONS = re.compile(r"\b(?:seg(?:ment)? ?[ivx\d]|nodule \d|lesion \d|obs\w* \d|[rl][uml]l\b)")
_CODE = re.compile(  # "exam: 4a" gives the examination's category and no technique
    r"[ ]*(?:(?:lung|li|ti)-?\s?rads |categor\w+ |cat\.? )*(?:lr-|us-|tr)?(?:[0-5]|4[abx]|m)s?[ ]*(?=[.,;(\n]|$)"
)
_COLUMNS = re.compile(r"\S[ ]{3,}\S")
SAYS = re.compile(
    r"rads\W{1,4}(?:v?20\d\d\W{1,3}|1\.1\W{1,3})?(?:cat\w*\W{1,3})?[0-4m](?!\d)|\blr[\s-]?\d|\bus-\d|"
    r"\d ?[mc]m\b|recommend|suggest|advis|propos|categor\w+ \d"
)
_JUDGED = re.compile(
    r"(?:rads|categor\w+|cat|score|lr)\W{0,3}(?:\w+\W)?[0-5][abx]?\b|\b4[abx]\b|\d ?(?:months?|mo|weeks?|years?)\b"
)
_READER = re.compile(r"\b(?:reader|radiologist|human|rad)(?:'s)?(?: \w+)?[ ]?:")
_FOLLOWS = re.compile(  # what comes next explains, whoever the patient is
    r"\b(?:macro|boilerplate|legend|(?:standard|explanatory|template) text|(?:reference|guideline) table|definitions)"
    r"(?: (?:is|are|text))? (?:follows?|below|appended|attached|copied)\b"
)
_LOOSE = (
    (
        "machine",
        re.compile(
            r"(?:ai|cad|software|algorithm|machine|vendor|automat\w+"
            r"|computer)(?:[ -][\w-]+){0,3}(?: ?\([^()\n]{0,100}\))?:"
            r"|[^\n:(]{0,40}\((?![^()\n]*(?<!not )(?<!un)(?:approv|verif|confirm|review|edit|accept"
            r"|sign))(?:auto\w*|ai|software|cad(?![ -]?rads)|default|template|machine"
            r"|system)\b[^()\n]*\) ?:"
        ),
    ),
    ("comparison", re.compile(r"(?:prior|previous|last|outside|old|draft 1|first draft|preliminary)\b[\w /-]{0,28}:")),
    (
        "legend",
        re.compile(
            r"(?:[\w/-]+ ){0,4}(?:key|legend|criteria|grading|printed|definitions?|menu|glossary|lexicon|scale|"
            r"explanations?|macro|boilerplate|autotext|smart ?(?:phrase|text)|(?:teaching|explanatory) notes?)"
            r"(?: [\w-]+){0,5}(?: ?\((?:do )?(?:not|for)\b[^()\n]{0,60}\))?:|categor\w+ \S{1,3} text:"
        ),
    ),
    (
        "impression",
        re.compile(
            r"(?:acr |us |final |overall ){0,2}(?:lung|li|ti|l)[ -]?rads"
            r"(?: (?![0-5][abx]?:)[\w.]+){0,2}:"
        ),
    ),
    (
        "impression",
        re.compile(
            r"(?:[\w/-]+ ){0,2}(?:recommendations?|plan|selected|next (?:exam|step|scan|"
            r"study|ct|due)|disposition|follow[ -]?up|management)(?: [\w-]+){0,2}(?: "
            r"?\([\w ]{1,30}\))?:"
        ),
    ),
)
_NOTES = re.compile(  # the heading of a legend that stands on its line without a colon
    r"what (?:does|do|is|are) [^\n?]{0,50}\?|"
    r"(?=[^\n]*(?:legend|defin|gloss|lexic|note|table|text|info))(?:[\w/-]+ ){0,3}(?:legend|definitions?"
    r"|glossary|lexicon|(?:teaching|explanatory|reference|educational) "
    r"(?:notes?|table|text|information))(?: (?:for|of|to|on|used|in)(?: [\w-]+){1,4})?[ ]*[\n.]"
)
_END = re.compile(r"[.!?;](?=[\s\"')\]]|$)")
_ADDENDUM_TAIL = (
    r"\b(?! (?:will|to follow|may|when|once|if|pending|can|is|shall|would"
    r"|should))[^\n.;:]{0,70}?(?:[:.]|$|\n|-|\*{2}|=)"
)


class Sentence(NamedTuple):
    """Characters ``start`` to ``end`` of the report; ``low`` is that text in lower case, of the same length."""

    start: int
    end: int
    low: str
    role: str
    zone: int  # 0 the report, 1, 2, ... its addenda in their order
    number: int


@cache
def _headings() -> tuple[re.Pattern[str], dict[str, str]]:
    roles = {phrase: role for role, phrases in words("headings")["roles"].items() for phrase in phrases}
    tail = r"(?:[ ]*\([^()\n]{0,40}\))?[ ]*(?P<mark>:|\.(?!\d)|[ ]-{1,2}[ ]|-{2}|=|$|(?=\n))"
    return re.compile(rf"[ ]*[*_#=]{{0,4}}(?P<name>{literal(roles)}){tail}"), roles


@cache
def _zones() -> tuple[re.Pattern[str], re.Pattern[str]]:
    later, first = literal(words("headings")["addendum"]), literal(words("headings")["original"])
    whose = literal(words("headings")["addendum_by"])
    return (
        re.compile(rf"\W{{0,6}}(?:(?:{whose}) ){{0,2}}(?:{later})(?:{_ADDENDUM_TAIL})"),
        re.compile(
            rf"\W{{0,6}}(?:(?:{first})\b[^\n.;:]{{0,40}}(?::|-{{2}}|$|\n|\.[ ]*$)|report(?: of"
            rf"| dated)? [\d/.-]{{4,10}}[^\n.;:]{{0,12}}:)"
        ),
    )


@cache
def _any_zone() -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{literal([*words('headings')['addendum'], *words('headings')['original']])})")


def unwrapped(low: str, text: str | None = None) -> tuple[str, list[tuple[int, int]]]:
    """(the text with blanks for the breaks of lines that go on, of the same length; its lines)."""
    cased = text if text is not None and len(text) == len(low) and not text.isupper() else None
    lines = list(_lines(low, cased))
    return "".join(
        low[start : end - 1].replace("\n", " ") + low[max(start, end - 1) : end] for start, end in lines
    ), lines


def sentences(low: str, lines: list[tuple[int, int]]) -> tuple[Sentence, ...]:
    """The sentences of a text and of its lines as ``unwrapped`` gives them, in order, with their parts."""
    state = _State(low)
    found = tuple(_told(one) for start, end in lines for one in state.line(low, start, end))
    taken_back = state.zones and any(one.zone and _WITHDRAWN.search(one.low) for one in found)
    return tuple(one for one in found if not one.zone) if taken_back else found


def _told(at: Sentence) -> Sentence:
    """The first sentence names the examination, unless it says something of it."""
    return at._replace(role="body") if at.role == "title" and SAYS.search(at.low) else at


def sentence_of(parts: tuple[Sentence, ...], place: int) -> Sentence | None:
    """The sentence that holds a place of the report."""
    at = bisect_right(parts, place, key=lambda one: one.start) - 1
    return parts[at] if at >= 0 and place < parts[at].end else None


def _lines(low: str, cased: str | None) -> Iterator[tuple[int, int]]:
    """Lines, those that were wrapped put together; an empty line is given as an empty range."""
    start, bounds = None, [(match.start(), match.end()) for match in re.finditer(r"[^\n]*\n?", low)]
    width = _width(low)
    for (begin, end), after in zip(bounds, [*bounds[1:], (len(low), len(low))], strict=True):
        start = begin if start is None else start
        line, following = low[begin:end].strip(), low[after[0] : after[1]]
        if end - start < LONGEST and _goes_on(line, following, cased[after[0] : after[0] + 1] if cased else "", width):
            continue
        yield start, end
        start = None


def _width(low: str) -> int:
    """The width at which the text was broken into lines; 0 where it was not, or cannot be told."""
    sizes = sorted((len(line.rstrip()) for line in low.split("\n")), reverse=True)[:_MANY]
    broken = len(sizes) == _MANY and sizes[-1] >= WRAPPED - 10 and sizes[0] <= 100 and sizes[0] - sizes[-1] <= 8
    return sizes[0] if broken else 0


def _goes_on(line: str, following: str, first: str, width: int) -> bool:
    """Does a line go on in the next? ``first``: its first letter as it was written; "" where case says nothing."""
    if not line or not following.strip() or _BULLET.match(following) or line[-1] in ".!?;":
        return False
    if _NAME_LAST.search(line) and _CODE_FIRST.match(following) and len(line) < WRAPPED:
        return "|" not in line and "  " not in line
    if (_OPEN.search(line) or _GOES.match(following)) and line[-1] not in ":|" and not _headings()[0].match(following):
        return True
    return (_NUMBER_LAST.search(line) and _UNIT_FIRST.match(following)) is not None or _wrapped(
        line, following, first, width
    )


def _wrapped(line: str, following: str, first: str, width: int) -> bool:
    if (first and not first.islower() and not first.isdigit()) or line[-1] == ":" or "|" in following:
        return False
    room = width - len(line) - len(following.split(None, 1)[0])
    full = (len(line) >= WRAPPED or (width and room <= 0)) and not _COLUMNS.search(following)
    return bool(full) and not _headings()[0].match(following) and not _zones()[0].match(following)


class _State:
    """Which part of the report the next sentence belongs to."""

    def __init__(self, low: str) -> None:
        self.marked, self.layered = bool(_any_zone().search(low)), layered(low)
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
        if self.filled and self.role in ("history", "comparison", "technique", "legend", "machine", "aside"):
            self.role = "body"

    def _line_over(self, line: str) -> None:
        brief = not line.rstrip().endswith(":") and self.filled
        if self.role in ("history", "comparison", "technique", "legend", "machine") and brief and not self.alone:
            self.role = "body"

    def _sentence(self, low: str, begin: int, stop: int) -> Iterator[Sentence]:
        begin = self._opened(low, begin, stop)
        if not _WORD.search(low, begin, stop):
            return
        if self.role in ("history", "comparison", "machine", "legend"):
            again = _TODAY if self.role in ("history", "comparison") else _THIS_PATIENT
            self.role = "body" if again.match(low, begin, stop) else self.role
        yield Sentence(begin, stop, low[begin:stop], self.role, self.zone, self.count)
        self.count, self.filled = self.count + 1, True
        if _FOLLOWS.search(low, begin, stop):
            self.role, self.filled, self.alone = "legend", False, True
            return
        if self.role == "machine" and not self.alone and _JUDGED.search(low, begin, stop):
            self.role = "body"  # it has said its category
        last = self.role == "history" and not self.alone and low.find(":", stop) < 0  # no heading follows
        last = last or (self.role == "comparison" and not self.alone and not _STILL.search(low, stop, stop + 90))
        if self.role == "title" or last:
            self.role = "body"

    def _opened(self, low: str, begin: int, stop: int) -> int:
        """Take note of a heading at ``begin``; where the sentence's own words begin."""
        bullet = _BULLET.match(low, begin, stop)
        at = bullet.end() if bullet else begin
        later, first = _zones()
        if self.layered and (reader := layer(low, at, stop)):
            self.zones += reader.later
            self.zone, self.filled = self.zones if reader.later else 0, False
            self.role = "impression" if reader.concludes else "body"
            return reader.end
        if not self.marked:
            return self._headed(low, begin, at, stop)
        if later.match(low, at, stop) and (
            not low[low.rfind("\n", 0, at) + 1 : begin].strip() or _MID.match(low, at, stop)
        ):
            number = _NUMBER.search(low, at, min(stop, at + 30))
            self.zones = self.zones + 1 if number is None else int(number[1])
            self.zone, self.role, self.filled = self.zones, "impression", False
            return at
        if first.match(low, at, stop):
            self.zone, self.role, self.filled = 0, "body", False
            return at
        return self._headed(low, begin, at, stop)

    def _headed(self, low: str, begin: int, at: int, stop: int) -> int:
        loose = _loose(low, at, stop)
        if loose:
            over = low.find("\n", loose[1] - 1)
            return self._part(loose[0], low[loose[1] : over if over >= 0 else len(low)], at)
        pattern, roles = _headings()
        match = pattern.match(low, at, stop)
        if match is None or (not match["mark"] and low[low.rfind("\n", 0, at) + 1 : begin].strip()):
            return at
        if self.zone and match["name"] == "report" and match["mark"] == ":":
            self.zone = 0  # the report itself, below its addenda
        role = roles[match["name"]] if match["name"] in roles else _role_of(match["name"])
        if role == "legend" and _LESIONS.search(low, match.end(), stop):
            role = "impression"  # "categories: segment 2 LR-3"
        role = "impression" if role == "technique" and _CODE.match(low, match.end(), stop) else role
        return self._part(role, low[match.end() : stop], at)

    def _part(self, role: str, rest: str, at: int) -> int:
        role = "body" if role == "machine" and _READER.search(rest) else role
        self.role, self.filled, self.alone = role, False, not rest.strip()
        return at


def _loose(low: str, at: int, stop: int) -> tuple[str, int] | None:
    """(the part that a heading in free words opens, where the heading ends)."""
    notes = stop - at < WRAPPED and low[stop - 1] in "\n.?"
    forms = _LOOSE if low.find(":", at, stop) >= 0 else (("legend", _NOTES),) if notes else ()
    heads = ((role, form.match(low, at, stop)) for role, form in reversed(forms))
    return next(((role, head.end()) for role, head in heads if head), None)


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
        return low.rfind("(", begin, dot) > low.rfind(")", begin, dot)
    if low.endswith("...", begin, dot + 1):
        return True
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
