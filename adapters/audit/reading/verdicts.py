"""Which of several statements that hold is the verdict on this examination, and which is only told beside it."""

from __future__ import annotations

import re
from functools import cache

from .mentions import Mention
from .phrases import any_of, listed, words
from .sections import Sentence
from .tables import TICKED
from .timelines import TODAY

TOLD, BARE = "told", "bare"  # reasons that hold only where something better is said
_REACH = 60  # characters before a code in which its sentence leads up to it
_PLACE = re.compile(  # a lesion named right before a code alone, which is then its category
    r"(?:\b(?:[rl][uml]l|lingula\w*|nodules?|lesions?|lobes?|opacity|mass|focus|index|dominant"
    r"|observation|\d ?mm|n\d|no\.? ?\d)"
    r"|#\d|[:=(]|->|→|\b(?:is|are|as|remains?|now|thus|hence|therefore|so|to|category|cat\.?|score"
    r"|grade[ds]?))[\s:,(=\"'-]{0,4}(?:an? )?$"
)
_CHECKED = re.compile(r"(?:\[\s?[vx✓☑*]\s?\]|\(\s?[x*]\s?\)|☑)\s*[^\n\[(☐]{0,30}$")


@cache
def _told_before() -> tuple[re.Pattern[str], re.Pattern[str]]:
    told = words("verdicts")
    joined = "|".join(told["joined"])
    return (
        re.compile(rf"\b(?:{'|'.join(told['told'])})(?:[ ]+(?:{joined}))*[ \"'(]*$"),
        re.compile(rf"\b(?:{'|'.join(told['concluding'])})(?:[ ]+(?:{joined}))*[ \"'(]*$"),
    )


def beside(low: str, one: Mention, at: Sentence) -> frozenset[str]:
    """Why it is rather told than stated: it stands in a narrative, or is a code without its guideline's name."""
    before = low[max(at.start, one.start - _REACH) : one.start]
    before = _HEAD.sub("", before) if at.zone else before  # the day of an addendum is not that of an examination
    told, concluding = _told_before()
    found = {TOLD} if _dated(low, one, at) or (told.search(before) and not concluding.search(before)) else set()
    if (
        one.rule.endswith(" alone")
        and one.rule.startswith("4A")
        and not _PLACE.search(before)
        and not present(low, one, at)
    ):
        found.add(BARE)
    return frozenset(found)


def _dated(low: str, one: Mention, at: Sentence) -> bool:
    """Does its clause, or the bracket in which it stands, give a day?"""
    if _DATED_AFTER.match(low, one.end, at.end) or _DATED_BEFORE.search(low, at.start, one.start):
        return True
    bracketed = "(" in low[max(at.start, one.start - 12) : one.start]
    return bracketed and _DATED_BRACKET.match(low, one.end, at.end) is not None


_DAY = (  # no edition of a guideline
    r"(?:(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}\b|spring|summer|autumn|winter"
    r"|20(?!14|17|18|19|22)\d\d\b|\d\d?[/.-]\d\d)"
)
_DATED_AFTER = re.compile(
    rf"s?[)\]\"]?(?: (?!due|next|then|ct|ldct|mri|us|repeat)\w+){{0,2}}? (?:in|on|from|at|of|dated|last|since)"
    rf" (?:(?:early|late|mid)[ -])?{_DAY}"
)
_DATED_BRACKET = re.compile(rf"[^()\n]{{0,60}}?(?<![\w/.]){_DAY}[^()\n]{{0,12}}\)")
_DATED_BEFORE = re.compile(
    rf"\b(?:in|on|from|of|since|dated|cf|last) (?:\w+ )?{_DAY}(?:(?!\b(?:now|today|but|is)\b)[^,;:(\n]){{0,40}}$"
)


def overall(low: str, one: Mention, at: Sentence) -> bool:
    """Does the writer say that it is the category of this examination: of today, overall, final, ours, or ticked?"""
    before = low[max(at.start, one.start - _REACH) : one.start + 1] + low[one.start : one.end]
    checked = _CHECKED.search(low[max(0, one.start - 40) : one.start])
    after = _OVERALL_AFTER.match(low, one.end)
    return bool(checked or after) or one.rule == TICKED or bool(listed("categories", "overall").search(before))


_HEAD = re.compile(
    r"^\W*(?:\w+ )?(?:adden|amend|correct|note|suppl|revis|late|erratum|re-?read"
    r"|review)[^:\n]{0,40}(?:: |- |$)"
)
_FIELD = re.compile(
    r"\W*(?:\d[.)] ?)?(?:(?:assessment|category|final|result|overall|score|head(?:ing|er|line)|title)"
    r"(?: of the report| field"
    r"| box)?(?: category)?[ ]?: ?)?(?:acr )?lung-?\s?rads(?: (?:category|score|assessment"
    r"|code))?(?: \([^()\n]*\))? ?(?:[:=]\s*|(?<=: lung-rads )|(?<=: lung rads ))[0-4][abx]?s?\W*$"
)
_HEADLINE = re.compile(
    r"\W*(?:report )?(?:head(?:ing|er|line)|title)(?: (?:of|in) (?:the|this) report)?[ ]?(?::|says|reads)"
)
_OVERALL_AFTER = re.compile(r"s?[ ]?[,(]?[ ]?(?:overall|in total|as a whole|for the (?:exam\w*|scan|study|patient))\b")
_SITE = re.compile(
    r"\bseg(?:ment)?\.? ?([ivx]+\b|\d[ab]?)|\b([rl][uml]l|lingula|(?:right|left) (?:upper|middle|lower) lobe)\b"
)
_LESION = re.compile(
    r"nodul|lesion|opacit|mass\b|focus|foci|cyst|lobe|\b[rl][uml]l\b|lingula|\d ?mm\b|\d ?cm\b|apex"
    r"|base\b|dominant|index|largest|#"
)


def contradicted(pool: list[tuple[Mention, Sentence]], firm: list[tuple[Mention, Sentence]]) -> bool:
    """Does a field for the category of the examination say another one than a sentence that names no lesion?

    So does the heading of a report that gives another than its conclusion, where no addendum decides.
    """
    heads = {one.category for one, at in firm if _HEADLINE.match(at.low)} if not pool[0][1].zone else set()
    if heads and heads != {one.category for one, _ in pool}:
        return True
    fields = {one.category for one, at in pool if _FIELD.match(at.low)}
    plain = {one.category for one, at in pool if not _LESION.search(at.low)}
    return len(fields) == 1 and len(plain) > 1


def apart(now: list[tuple[Mention, Sentence]], pool: list[tuple[Mention, Sentence]]) -> bool:
    """Are those of today of several lesions, or of one where others are of others, by their places?"""
    mine, every = _sites(now), _sites(pool)
    return len(mine) > 1 or bool(mine and every - mine)


def _sites(pool: list[tuple[Mention, Sentence]]) -> set[str]:
    return {match[0] for _, at in pool for match in _SITE.finditer(at.low)}


def two_of_one(pool: list[tuple[Mention, Sentence]]) -> bool:
    """Do two parts of the report give one lesion, by the only place that both name, two categories?"""
    if len({one.category for one, _ in pool}) != 2 or len({at.role for _, at in pool}) != 2:
        return False
    sites = [{match[1] or match[2] for match in _SITE.finditer(at.low)} for _, at in pool]
    return all(len(site) == 1 for site in sites) and len(set.union(*sites)) == 1


def plain(low: str, pool: list[tuple[Mention, Sentence]]) -> list[tuple[Mention, Sentence]]:
    """Those of several that stand by themselves; whatever is meant by words before it, what depends on them gives way.

    No cue decides here but the place in the sentence: after a preposition or an article a code is spoken of, and one
    that ends its clause concludes. Found by taking half of all cues away: the rules that were then right most often.
    """
    lung = pool[0][0].guideline == "lung-rads"
    for stands in (_by_itself, _named, _not_past, _ends_clause) if lung else (_by_itself,):
        pool = [pair for pair in pool if stands(low, *pair)] or pool
    return pool


def _by_itself(low: str, one: Mention, at: Sentence) -> bool:
    before = low[max(at.start, one.start - _REACH) : one.start]
    return not _DEPENDS.search(before) or bool(_told_before()[1].search(before))


def _named(_: str, one: Mention, __: Sentence) -> bool:
    return not one.rule.startswith("4A")


def _not_past(low: str, one: Mention, at: Sentence) -> bool:
    clause = max((m.end() for m in _COMMA.finditer(low, at.start, one.start)), default=at.start)
    return not _PAST.search(low, clause, one.start)


def _ends_clause(low: str, one: Mention, _: Sentence) -> bool:
    return bool(_CLAUSE_END.match(low, one.end))


_DEPENDS = re.compile(
    r"\b(?:for|of|to|than|as|with|from|by|after|or|(?<!is )(?<!now )(?<!this )(?<!it )"
    r"(?<!nodule )(?<!lesion )(?<!observation )(?<!obs )(?:(?<=[a-z] )an?|the)|was|not|nor|no|into|without"
    r"|despite|because|if"
    r"|versus|vs|be|been|were|her|his|their|its|meets?|call|called|given|reach|reaching|excludes?|against|on|at|in)"
    r"[\s\"'(]*$"
)
_COMMA = re.compile(r"[,;:(]|\bbut\b")
_PAST = re.compile(
    r"\b(?:was|were|had|been|\w+ed|gave|came|given|then|seen|(?:19|20)\d\d|\d\d?/\d\d?"
    r"|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\b"
)
_CLAUSE_END = re.compile(r"s?[ ]*(?:$|[.,;\n(\[-]|\b(?:and|but|so|which|with|on|by|because)\b)")


@cache
def _present(kind: str) -> re.Pattern[str]:
    return any_of(words("verdicts")[kind])


def present(low: str, one: Mention, at: Sentence) -> bool:
    """Do the words before it in its sentence say that it is of today, or that the writer speaks?"""
    before = low[max(at.start, one.start - _REACH) : one.end]
    if one.rule == TODAY or _present("present").search(before):
        return True
    return one.guideline == "lung-rads" and bool(_present("own").search(before))  # the others grade each lesion
