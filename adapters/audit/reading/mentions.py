"""Every place that names a category, whatever its context; the forms are those of each guideline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from .phrases import speaks_of, words

# what may stand between a guideline's name and its category: marks, words of the form, an edition, a list to pick from
_GAP = (
    r"(?:[\s:=,;#\-*_\"|<>)\]({.\[✓☑]++"
    r"|(?:categor(?:y|ies|isation|ization)|cat|score|scoring|class(?:ification)?|assessment|code|level|final|overall"
    r"|exam(?:ination)?|equivalent|designation|descriptor|impression|finding|value|group|stage|system|scale|given"
    r"|edition|worst|highest|maximum|max|top|total|combined|exam-level|patient-level|20(?:14|17|18|19"
    r"|22|24)|is|as|of|this|current(?:ly)?|unchanged|stable|steady|stands|kept|keeps|maintained"
    r"|holds|now|today(?:'s)?|remains?|stays|acr|for|the|our|my"
    r"|assigned|result|grade|rating|number|study|scan|at|by|radiologist|screening|lesion|observation|nodule|equals?"
    r"|corresponds to|[vx](?=\]))\b"
    r"|(?:should|must|to|has to) (?:read|be)\b|reads\b|version|ver\b|v(?=[\s.]?[12])|1\.[01](?!\d)"
    r"|(?<=[(\[])0 ?[,/|] ?1 ?[,/|] ?2[^)\]\n]{3,30}(?=[)\]])){0,14}"
)
_NOT_SIZE = (
    r"(?![\w]|[.,]\d|\s?/\s?\d|\s?(?:mm|cm|months?|mos?|yr|years?|weeks?|wks?)\b|"
    r"-?(?:months?|mos?|years?|weeks?)\b|\s?%)"
)
_LUNG = (
    r"(?P<lung>(?:0|1|2|3|4(?:\s?-\s{0,8}|\s)?[abx]|4\s?\([abx]\))|zero|nought(?: \(0\))?|one|two|three|four[\s-][abx]|"
    r"iv[\s-]?\(?[abx]|iii|ii|i(?=[.,;:)\n]|[ ]*$))(?P<s>(?:[ "
    r"-]| ?[+/(] ?)?s\)?(?![\w/'=]|\s?=))?"
)
_LUNG_TOO = _LUNG.replace("P<lung>", "P<lung2>").replace("P<s>", "P<s2>")
_CHANGED = (
    "down|(?:steps?|stepped|goes|moved?s?|drops?|dropped|falls?|back) (?:back )?(?:down|up)?"
    "|change|revise|amend|upgrade|downgrade|reclassify|downgraded|upgraded|changed|revised|amended"
    "|lowered|raised|corrected|reclassified|recategori[sz]ed"
)
_DIGITS = {
    "i": "1",
    "ii": "2",
    "iii": "3",
    "iv": "4",
    "v": "5",
    "five": "5",
    "four": "4",
    "zero": "0",
    "nought": "0",
    "one": "1",
    "two": "2",
    "three": "3",
}


_BEFORE = ("per", "by", "under", "on", "of", "in", "to", "using", "within", "with", "for", "from", "following", "the",
           "acr", "radiology", "current", "today's")  # fmt: skip
# what a text must have for a form to be in it at all
_SIGNS: dict[str, dict[str, tuple[str, ...]]] = {
    "lung-rads": {
        "name and category": ("rad", "rats", "red", "rid", "rod"),
        "changed to": (">", "→", "down to", "back to", "up to", "s to", "ed to", "graded", "chang", "amend", "upgrad",
                       "revis", "downgrad", "lower", "rais", "corrected", "classif",
                       "categori"),
        "now": ("rads",),
        "the reader's words": ("rads",),
        "code and its meaning": ("rads",),
        "code before the name": (*(f"{word} lung" for word in _BEFORE), "l-rads", "lungrads", "(lung", "(acr", "[lung"),
        "4A, 4B, 4X alone": ("4a", "4b", "4x"),
    },
    "li-rads": {
        "name and category": ("lirad", "li-", "li ", "li.", "li_", "li\n", "l i", "lie", "lye", "lee"),
        "LR code": ("lr", "l r"),
        "US code": ("us-", "us 1", "us 2", "us 3"),
        "US code, spoken": ("us one", "us two", "us three", "us-one", "us-two", "us-three"),
        "US category": ("us cat", "us sco", "us sur"),
        "treatment response": ("tr",),
        "code before the name": (*(f"{word} li" for word in _BEFORE), "(li", "(acr", "[li"),
    },
    "ti-rads": {"name and category": ("tirad", "ti-", "ti ", "ti.", "ti_", "ti\n", "t i", "tie", "tye", "tee"),
                "TR code": ("tr",),
                "code before the name": (*(f"{word} ti" for word in _BEFORE), "(ti", "(acr", "[ti")},
    "": {"category alone": ("cat",)},
}  # fmt: skip


class Mention(NamedTuple):
    """``category`` of ``guideline`` at ``start``..``end``; ``reasons`` says why it may not hold for this exam."""

    guideline: str
    category: str
    start: int
    end: int
    rule: str
    s_modifier: bool = False
    reasons: frozenset[str] = frozenset()


@cache
def _patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    names = words("categories")["guidelines"]
    return (
        ("lung-rads", "name and category", re.compile(rf"(?<!\w){names['lung-rads']}{_GAP}{_LUNG}{_NOT_SIZE}")),
        (
            "li-rads",
            "LR code",
            re.compile(
                r"l(?<!\wl)(?<!\s\.l)[ ]?r(?:[\s-]{0,3}|-[ ]{4,8}|\s?[:=]\s?)(?P<li>4[abx]|[1-5]|m|t ?i ?v"
                r"|n ?c|one|two|three|four"
                r"|five)(?:us|g)?(?![\w]|[.,]\d|\s?(?:mm|cm|months?)\b|"
                r"\s?=)"
            ),
        ),
        (
            "li-rads",
            "US code",
            re.compile(r"us-(?<![\w/]us-)\s?(?P<us>[123])(?![\w]|[.,]\d|\s?(?:mm|cm|months?|mo|yr)\b)"),
        ),
        (
            "li-rads",
            "US code, spoken",
            re.compile(r"us(?<![\w/]us)[\s-](?P<us>one|two|three)(?=[ ]*(?:[.,;\n]|vis\b|$))"),
        ),
        (
            "li-rads",
            "name and category",
            re.compile(
                rf"(?<!\w)(?P<name>{names['li-rads']}){_GAP}(?P<li>[1-5]|m|tiv|nc|one|two|three|four"
                rf"|five|i{{2,3}}|iv|v(?=[\s.,;:)])){_NOT_SIZE}"
            ),
        ),
        (
            "lung-rads",
            "changed to",
            re.compile(
                rf"(?:(?<=[0-4abxs])\s?(?:->|=>|→)|(?<!\w)(?:{_CHANGED})(?: (?:from )?[\w -]{{1,20}}?)? "
                rf"to)\s?(?:category |cat\.? )?{_LUNG}{_NOT_SIZE}"
            ),
        ),
        (
            "li-rads",
            "US code",
            re.compile(r"(?<!\w)us (?P<us>[123])(?= ?[,(-]? ?(?:negative|subthreshold|positive|vis))"),
        ),
        (
            "li-rads",
            "US category",
            re.compile(r"(?<!\w)us (?:surveillance )?(?:category|cat|score)[\s:.]{0,3}(?P<us>[123])(?!\w)"),
        ),
        (
            "li-rads",
            "treatment response",
            re.compile(
                rf"lr(?<!\wlr)[\s-]{{0,2}}tr[\s:,-]{{0,3}}(?:[(\[][ ]?[)\]][ ]?[a-z -]{{6,16}}){{0,5}}"
                rf"(?:[(\[]x[)\]][ ]?)?(?P<tr>{'|'.join(words('categories')['responses'])})(?!\w)"
            ),
        ),
        (
            "lung-rads",
            "now",
            re.compile(
                r"(?<=rads)(?:[^.;\n]|\.\d){1,60}?\b(?:now|currently|so|hence|today|is|becomes)[ ](?:a |an |is "
                r"|cat\.? |category )?"
                rf"{_LUNG}{_NOT_SIZE}"
            ),
        ),
        ("lung-rads", "the reader's words", _own_words()),
        ("lung-rads", "code and its meaning", _with_meaning()),
        (
            "ti-rads",
            "TR code",
            re.compile(r"tr(?<!\wtr)[\s-]?(?P<ti>[1-5]|(?<=[\s-])(?:one|two|three|four|five))(?![\w]|[.,]\d)"),
        ),
        (
            "ti-rads",
            "name and category",
            re.compile(
                rf"(?<!\w){names['ti-rads']}{_GAP}(?P<ti>[1-5]|one|two|three|four|five|i{{2,3}}|iv"
                rf"|v(?=[\s.,;:)]))(?:\s?[abc])?{_NOT_SIZE}"
            ),
        ),
        (
            "",
            "category alone",
            re.compile(
                r"cat(?<!\wcat)(?<!\| cat)(?:egor(?:y|ies))?\b(?: \(?(?:of |for )?(?:this|the|present|current"
                r"|today's)(?: present| current)? "
                rf"(?:study|exam\w*|scan|ct|report|round)\b\)?| for [a-z' ]{{3,30}}(?=[:=])| (?:today"
                rf"|now|current(?:ly)?|final|overall|assigned|score|code|given|field|box|entry)\b"
                rf"| ?\([^()\n]{{1,40}}\)(?= ?[:=])| (?:under|by|per|according to"
                rf"|in) [\w. -]{{2,24}}?(?= is ))?[\s:.=#\-*]{{0,4}}(?:is |as |of |now "
                rf"|remains |to |should (?:read|be) |must (?:read|be) |reads ){{0,2}}{_LUNG}{_NOT_SIZE}"
            ),
        ),
        *((one, "code before the name", _code_first(one)) for one in GUIDELINES),
        ("lung-rads", "4A, 4B, 4X alone", re.compile(r"(?P<lung>4(?<![\w.,/-]4)[abx])(?P<s>s)?(?![\w/])")),
    )


def _own_words() -> re.Pattern[str]:
    """ "I have settled for 2", "this is a 3"."""
    said = (
        "settled? (?:for|on)|go(?:ne)? for|went for|opt(?:ed)? for|chose|choose|say"
        "|(?:call(?:ed)?|made|make|put|grade[d]?|score[d]?|class(?:ed)?|rate[d]?) (?:it|this)(?: in"
        "| at| as)?"
    )
    return re.compile(
        rf"(?<!\w)(?:(?:i|we)(?: have| would| will| now| therefore|'d|'ve|'ll)*(?: \w+)? (?:{said})"
        rf"|(?:(?:the|this) (?:whole )?(?:exam(?:ination)?|scan|study)"
        rf"(?: as a whole| overall| itself)?|this|it|today's) is) an? "
        rf"(?:category )?{_LUNG}(?=[ ]*[.,;:)]|[ ]*$|\n)".replace(" an? ", " (?:an? )?(?<! is )")
    )


def _with_meaning() -> re.Pattern[str]:
    """ "Assessment: 0 (incomplete)"."""
    meaning = "incomplete|negative|benign|probably benign|suspicious|very suspicious"
    return re.compile(
        rf"(?<!\w)(?<!cac )(?<!calcium )(?:(?:results?|outcome|score|grade|code)[ ]?:[ ]*{_LUNG}"
        r"(?=[ ]*(?:[.,;\n]|$|on account|because|due|by |per |since|in view|for ))"
        rf"|(?:assessment|results?|outcome|conclusion|impression|screen|final"
        rf"|overall)[ ]?:[ ]*{_LUNG_TOO}[ ]?[-(:,]?[ ]?(?={meaning}))"
    )


def _code_first(guideline: str) -> re.Pattern[str]:
    """ "rated as 3 per Lung-RADS", "a 3 on the Lung-RADS scale"."""
    code = {"lung-rads": _LUNG, "li-rads": "(?P<li>[1-5])", "ti-rads": "(?P<ti>[1-5])"}[guideline]
    return re.compile(
        r"(?<!\w)(?:categor\w+|cat\.?|grad\w+|rat(?:ed|ing)|scor\w+|assign\w*|class\w*|as|an?|is|given"
        r"|makes? (?:it|this)|results?:|outcome:|score:|code:|final:|impression:|assessment:|category:)"
        rf"[ ](?:an? |of |as )?\"?{code}\"?(?=[ ](?:category |finding |exam\w* )?(?:on|by|per|under|of"
        rf"|in|according to|using|with"
        r"in|as per|with|for|from|in terms of|following)[ ](?:the |today's |current "
        r"|criteria of )*(?:acr |american college of radiology )?"
        rf"(?:{words('categories')['guidelines'][guideline]})|[ ]?[(\[](?:acr "
        rf"|per )?(?:{words('categories')['guidelines'][guideline]})"
        rf"(?: v?(?:20\d\d|1\.[01]))?[)\]])"
    )


def mentions(low: str) -> tuple[Mention, ...]:
    """Every category named in the text, in the order of their places; overlapping forms are counted once."""
    spoken_of = _Named(low)
    found = sorted(
        (m for row in _patterns() for m in _of_pattern(row, low, spoken_of)), key=lambda one: (one.end, one.start)
    )
    kept: list[Mention] = []
    for one in found:
        if kept and kept[-1].end > one.start and kept[-1].end - _width(kept[-1]) < one.end:
            kept[-1] = _wider(kept[-1], one)
        else:
            kept.append(one)
    return tuple(every for one in kept for every in (one, *_instead(low, one)))


@cache
def _said_instead() -> re.Pattern[str]:
    """ "two, strike that, three": a code alone after the words that take back the one before it."""
    taken_back = "|".join(words("context")["corrections"])
    return re.compile(
        rf"[\s,.;:-]{{0,4}}(?:(?:{taken_back})[\s,.;:-]{{1,4}}){{1,3}}"
        rf"(?:(?:category|it is|that is) )?{_LUNG}{_NOT_SIZE}"
    )


def _instead(low: str, one: Mention) -> Iterator[Mention]:
    said = _said_instead().match(low, one.end) if one.guideline == "lung-rads" else None
    if said:
        yield Mention("lung-rads", _lung(said["lung"]), said.start("lung"), said.end(), "said instead", bool(said["s"]))


def _width(one: Mention) -> int:
    return one.end - one.start


def _wider(one: Mention, other: Mention) -> Mention:
    best = one if (one.end, _width(one)) >= (other.end, _width(other)) else other
    return best._replace(s_modifier=one.s_modifier or other.s_modifier)


GUIDELINES = ("lung-rads", "li-rads", "ti-rads")
_LUNG_EXAM = re.compile(
    r"ldct|low[\s-]dose|lung (?:ca(?:ncer)? )?screen|chest screen|screening (?:chest|lung|thora)|lung health"
)
# words of the liver, and codes that Lung-RADS does not have
_LIVER_EXAM = re.compile(
    r"li[\s-]?rads|liver|hepat|hcc|cirrho|segment|\blr[\s-]{0,3}(?:4(?!\s?-?[abx])|5|m\b|tiv|nc|tr\b)"
)


class _Named:
    """Which guidelines the text names at all; a category alone belongs to one of them."""

    def __init__(self, low: str) -> None:
        lung, liver, thyroid = (speaks_of(low, one) for one in GUIDELINES)
        self.lung = lung or bool(_LUNG_EXAM.search(low))
        self.thyroid = thyroid or "thyroid" in low
        self.lr_is_lung = self.lung and not _LIVER_EXAM.search(low)
        self.names = frozenset(
            name for name, is_named in zip(GUIDELINES, (self.lung, liver, thyroid), strict=True) if is_named
        )
        self.only_lung = self.lung and not liver and not thyroid


_BARE = frozenset({"category alone", "4A, 4B, 4X alone"})
_OTHER_SYSTEM = re.compile(  # whose category a code without a name may be
    r"(?<!\w)(?:(?:bi|pi|o|ni|vi|cad|(?:eu|c|k|kwak|acr)[\s-]ti|ti|node|brain)[\s-]?rads?|bosniak"
    r"|child[\s-]pugh|bclc|birads|opts?n"
    r"|deauville|asa|nyha|barcelona|bethesda|kidney|agatston)(?: (?:score|class|stage))?[\s:(-]*$"
)


_LIVER_NEAR = re.compile(r"\b(?:liver|hepat|ha?emangioma|cirrho|hcc\b|seg(?:ment)? ?\d)")
_NO_LUNG_EXAM = re.compile(r"\b(?:mri?|usg?|ultrasound|aphe|washout)\b")  # what a nodule of the lung is not followed by
NEAR = 60  # characters


def _of_liver(low: str, code: re.Match[str]) -> bool:
    """Is the liver spoken of around a code that both guidelines have? With a hyphen it is LI-RADS' own spelling."""
    near = _LIVER_NEAR.search(low, max(0, code.start() - NEAR), code.start())
    return near is not None or ("-" in code[0] and _NO_LUNG_EXAM.search(low) is not None)


def _of_pattern(row: tuple[str, str, re.Pattern[str]], low: str, spoken_of: _Named) -> Iterator[Mention]:
    guideline, rule, pattern = row
    if (guideline == "lung-rads" or rule == "name and category") and guideline not in spoken_of.names:
        return
    if not any(sign in low for sign in _SIGNS[guideline][rule]):
        return
    for match in pattern.finditer(low):
        groups: dict[str, str] = {name.rstrip("2"): value for name, value in match.groupdict().items() if value}
        if rule in _BARE and _OTHER_SYSTEM.search(low, max(0, match.start() - 28), match.start()):
            continue
        if (
            groups.get("lung")
            and (guideline or spoken_of.only_lung or groups["lung"].startswith("4"))
            and spoken_of.lung
        ):
            if rule.startswith("4A") and re.search(
                r"(?:\bseg\w*\.?|\bsegments?|\bs)[\s-]*(?:\w{1,3}[/,-]\s?)?$",
                low[max(0, match.start() - 14) : match.start()],
            ):
                continue
            yield Mention("lung-rads", _lung(groups["lung"]), match.start(), match.end(), rule, bool(groups.get("s")))
        elif groups.get("li") and rule == "LR code" and spoken_of.lr_is_lung and not _of_liver(low, match):
            if groups["li"] in "123" or groups["li"][1:]:
                yield Mention("lung-rads", groups["li"].upper(), match.start(), match.end(), rule)
        elif groups.get("li") and groups["li"] not in ("4a", "4b", "4x"):
            kind = "US" if (groups.get("name") or "").startswith("us") and groups["li"] in "123" else "LR"
            yield Mention(
                "li-rads",
                f"{kind}-{_DIGITS.get(groups['li'], groups['li']).replace(' ', '').upper()}",
                match.start(),
                match.end(),
                rule,
            )
        elif groups.get("tr"):
            yield Mention("li-rads", _response(groups["tr"]), match.start(), match.end(), rule)
        elif groups.get("us"):
            yield Mention("li-rads", f"US-{_DIGITS.get(groups['us'], groups['us'])}", match.start(), match.end(), rule)
        elif groups.get("ti") and (spoken_of.thyroid or match.group()[2:3].isdigit()):
            yield Mention("ti-rads", f"TR{_DIGITS.get(groups['ti'], groups['ti'])}", match.start(), match.end(), rule)


def _response(said: str) -> str:
    return f"LR-TR {re.sub(r'[^a-z]', '', said).capitalize()}"


def _lung(token: str) -> str:
    token = token.removesuffix(" (0)")
    digit, letter = re.fullmatch(r"([a-z]+?|\d)[\s(-]*([abx]?)\)?", token).groups()  # type: ignore[union-attr]
    return _DIGITS.get(digit, digit) + letter.upper()
