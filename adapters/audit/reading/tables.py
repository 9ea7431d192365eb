"""Tables of lesions: the category and the size that stand in a column, not in a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .mentions import Mention

_HEADS = {
    "lung-rads": "lung-rads",
    "lungrads": "lung-rads",
    "l-rads": "lung-rads",
    "lung rads": "lung-rads",
    "lr": "li-rads",
    "li-rads": "li-rads",
    "lirads": "li-rads",
    "tr": "ti-rads",
    "ti-rads": "ti-rads",
    "cat": "",
    "cat.": "",
    "category": "",
    "classification": "",
    "class": "",
    "rads": "",
}
_NOW = re.compile(
    r"[ ]*\(?\b(?:now|current|today|this (?:exam|scan|study)|present|new|final|v20\d\d|acr|assigned)\b\)?[ ]*"
)
_PRIOR = re.compile(
    r"^(?:prior|previous|prev|old|last|before|baseline)\b|\b(?:prior|previous|prev\.?|old|before|last|baseline)\)?$"
)
_YEAR = re.compile(r"(?<!\()\b(?:19|20)\d\d$")
_SHORT = 3
_CELL = {
    "lung-rads": re.compile(r"(?:cat\w*\.?\s?)?([0-3]|4[abx])(s?)$"),
    "li-rads": re.compile(r"(?:lr[\s-]?)?([1-5]|m|tiv|nc)()$"),
    "ti-rads": re.compile(r"(?:tr[\s-]?)?([1-5])()$"),
}
_SIZE_HEAD = re.compile(r"(?:size|diam\w*|max|mean|dimension\w*|largest)?\s?[(\[,]?\s?(?:in )?(mm|cm)[)\]]?$")
_HEAD = 80  # characters before a list in which its guideline is named
TICKED = "marked in a list"
_ENTRY = re.compile(
    r"(?P<box>\[\s?[x✓☑*v]?\s?\]|\(\s?[x*]?\s?\)|☐|☑|>>|\*{1,2}|\{|\[|<|\()?[ ]?(?:cat(?:egory)?\.? "
    r"|lung-rads |us |lr-?|us-|tr-?)?"
    r"(?P<token>[0-5][abx]?|m|tiv|nc)(?![\w.]|[ ]?(?:mm|cm|mo|yr))[ ]?(?P<close><<|\*{1,2}|\}|\]|\)|>(?!>))?"
)
_TWO = re.compile(  # two entries, one after the other: the least that a list has
    r"[0-5][abx]?[^a-z0-9\n]{1,10}(?:cat(?:egory)?\.? |lung-rads |us |lr-?|us-|tr-?)?(?:[0-5][abx]?|m|tiv|nc)(?!\w)"
)
_EMPTY, _FULL = r"\[[ ]?\]|\([ ]?\)|☐|□", r"\[[ ]?[xv*✓☑][ ]?\]|\([ ]?[x*][ ]?\)|☑"
_BOXED = re.compile(  # an entry of a list to tick, with what it means
    rf"(?:(?P<full>{_FULL})|{_EMPTY})[ ]?(?:cat(?:egory)?\.? |lung-rads |lr-?|us-|tr-?)?(?P<token>[0-5][abx]?|m"
    rf"|tiv|nc)(?![\w.])"
    r"(?![ ]?(?:mm|cm|mo|yr))[^\n\[(☐☑□]{0,70}\s*"
)
_BETWEEN = re.compile(r"[^a-z0-9\n:]{0,3}")  # what stands between the entries of a list to pick from
_CUT = re.compile(r"\||[ ]{2,}|\t")

Cell = tuple[int, str]


def _cells(low: str, start: int, end: int) -> list[Cell]:
    bounds = [start, *(match.end() for match in _CUT.finditer(low, start, end))]
    stops = [*(match.start() for match in _CUT.finditer(low, start, end)), end]
    raw = [(a + len(low[a:b]) - len(low[a:b].lstrip()), low[a:b].strip()) for a, b in zip(bounds, stops, strict=True)]
    return [cell for cell in raw if cell[1]] if "|" not in low[start:end] else raw


@lru_cache(maxsize=8)
def rows(low: str) -> tuple[tuple[list[Cell], list[Cell]], ...]:
    """(head, row) for every row under a line of at least three cells, until a line that is no row."""
    return tuple(_rows(low)) if "|" in low or "  " in low else ()


def _rows(low: str) -> Iterator[tuple[list[Cell], list[Cell]]]:
    head: list[Cell] = []
    for match in re.finditer(r"[^\n]+|\n\s*\n", low):
        cells = _cells(low, match.start(), match.end())
        if len(cells) < 3:
            head = head if set(match[0].strip()) <= set("-|=+ ") and match[0].strip() else []
        elif head and not re.fullmatch(r"[-|=+ ]+", match[0]):
            yield head, cells
        elif not head:
            head = cells


_SITE = (
    r"(?:[rl][uml]l|lingula|(?:right|left) (?:upper|middle|lower) lobe|n(?:odule)? ?\d|l(?:esion)? ?\d|#\d"
    r"|s(?:eg(?:ment)?)? ?\d[ab]?)"
)
_SITED = re.compile(  # "lung-rads: rul 2, lul 2, rml 3"
    rf"\b(?:(?P<lung>lung[\s-]?rads|l-rads)|li[\s-]?rads|(?P<ti>ti[\s-]?rads))(?: v?20\d\d| v?1\.1)?[ ]?[:=(-]?[ ]?"
    rf"(?P<run>(?:{_SITE}[ ]?[:=(-]?[ ]?(?:4[abx]|[1-5]|m)(?!\w|\.\d|[ ]?[mc]m)\)?"
    rf"[ ]?(?:[,;/+&][ ]?)?(?:and )?){{1,8}})"
)
_SITED_CODE = re.compile(rf"{_SITE}[ ]?[:=(-]?[ ]?(?P<code>4[abx]|[1-5]|m)(?!\w|\.\d)")


def by_site(low: str) -> Iterator[Mention]:
    """Categories of lesions that follow their places, behind the guideline's name."""
    for match in _SITED.finditer(low) if "rads" in low else ():
        guideline = "lung-rads" if match["lung"] else "ti-rads" if match["ti"] else "li-rads"
        for one in _SITED_CODE.finditer(low, *match.span("run")):
            yield from _cell(guideline, (one.start("code"), one["code"]), "behind its place")


def _column(head: list[Cell], row: list[Cell], at: int) -> Cell | None:
    index = at if len(head) == len(row) else at - len(head)
    return row[index] if -len(row) <= index < len(row) else None


def table_mentions(low: str) -> list[Mention]:
    """Categories that stand alone in the column of a guideline."""
    lung = "lr" not in low.split() and bool(re.search(r"lung[\s-]?rads|ldct|low[\s-]dose", low))
    found: list[Mention] = []
    for head, row in rows(low):
        for at, (_, name) in enumerate(head):
            plain = _NOW.sub("", name).strip() if _YEAR.search(name) is None or "rads" in name else name
            plain = _YEAR.sub("", plain).strip() if "rads" in name else plain
            if plain in _HEADS and (cell := _column(head, row, at)):
                found += _cell(_HEADS[plain] or ("lung-rads" if lung else "li-rads"), cell)
    return [*found, *by_site(low)]


def _cell(guideline: str, cell: Cell, rule: str = "column of a table", us: bool = False) -> Iterator[Mention]:
    match = _CELL[guideline].match(cell[1])
    prefix = "US-" if rule == TICKED and us else {"lung-rads": "", "li-rads": "LR-", "ti-rads": "TR"}[guideline]
    if match:
        yield Mention(guideline, prefix + match[1].upper(), cell[0], cell[0] + len(cell[1]), rule, match[2] == "s")


def picked(low: str) -> tuple[list[Mention], frozenset[int]]:
    """(the marked category of each list to pick from, where the tokens of those lists end)."""
    chosen: list[Mention] = []
    ends: set[int] = set()
    for run in _runs(low):
        ends |= {entry.end("token") for entry in run}
        marked = [entry for entry in run if _marked(entry, run)]
        line = low.rfind("\n", 0, run[0].start()) + 1
        if len(marked) == 1 and (guideline := _list_of(low[line : run[0].start()] or low)):
            chosen += _cell(guideline, (marked[0].start("token"), marked[0]["token"]), TICKED, _of_us(marked[0]))
    if "x" in low or "☑" in low:
        chosen += [one for run in _boxed(low) for one in _ticked(low, run) if one.end not in ends]
    return chosen, frozenset(ends)


def _boxed(low: str) -> Iterator[list[re.Match[str]]]:
    """Runs of at least three boxes, each with a code and what it means, one right after the other."""
    run: list[re.Match[str]] = []
    for entry in (*_BOXED.finditer(low), None):
        if run and (entry is None or run[-1].end() != entry.start()):
            if len({one["token"] for one in run}) > 2:
                yield run
            run = []
        if entry:
            run.append(entry)


def _ticked(low: str, run: list[re.Match[str]]) -> Iterator[Mention]:
    """The one entry of a run that is ticked, where the words before the list say of which guideline it is."""
    full = [entry for entry in run if entry["full"]]
    guideline = _list_of(low[max(0, run[0].start() - _HEAD) : run[0].start()])
    if len(full) == 1 and guideline:
        yield from _cell(guideline, (full[0].start("token"), full[0]["token"]), TICKED, _of_us(full[0]))


def _of_us(entry: re.Match[str]) -> bool:
    return "us" in entry[0][: entry.start("token") - entry.start()]


def _runs(low: str) -> Iterator[list[re.Match[str]]]:
    """Runs of at least three different entries with nothing of words between them."""
    run: list[re.Match[str]] = []
    if not _TWO.search(low):
        return
    for entry in (*_ENTRY.finditer(low), None):
        if run and (entry is None or not _BETWEEN.fullmatch(low, run[-1].end(), entry.start())):
            if len(run) > 2 and len({one["token"] for one in run}) == len(run):
                yield run
            run = []
        if entry:
            run.append(entry)


def _marked(entry: re.Match[str], run: list[re.Match[str]]) -> bool:
    box = (entry["box"] or "").strip("[]() ")
    if box in ("x", "✓", "☑", "v", "*", "**", ">>"):
        return True
    if entry["box"] == "(" and (
        len(run) <= _SHORT or [one["token"] for one in run] != sorted(one["token"] for one in run)
    ):
        return False  # brackets are many things
    return (
        bool(entry["box"] and entry["close"])
        and entry["box"] in "{[<("
        and sum(bool(other["box"]) for other in run) == 1
    )


def _list_of(head: str) -> str | None:
    if re.search(r"li[\s-]?rads|\blr\b", head):
        return "li-rads"
    return (
        "ti-rads"
        if re.search(r"ti[\s-]?rads|\btr\b", head)
        else "lung-rads"
        if re.search(r"rads|categor|\bcat\b", head)
        else None
    )


def table_prior(low: str) -> list[tuple[int, int]]:
    """Places of cells under a head that says that they are of an earlier examination."""
    found = []
    for head, row in rows(low):
        dated = any(_NOW.search(name) for _, name in head)
        cells = (
            _column(head, row, at)
            for at, (_, name) in enumerate(head)
            if _PRIOR.search(name) or (dated and _YEAR.search(name))
        )
        found += [(cell[0], cell[0] + len(cell[1])) for cell in cells if cell]
    return found


def table_sizes(low: str) -> list[tuple[float, int, int]]:
    """(mm, start, end) of numbers in a column whose head names the unit."""
    found = []
    for head, row in rows(low):
        for at, (_, name) in enumerate(head):
            unit, cell = _SIZE_HEAD.match(name), _column(head, row, at)
            if unit and cell and (numbers := re.fullmatch(r"[\d.,]+(?:\s?x\s?[\d.,]+){0,2}", cell[1])):
                values = [float(part.replace(",", ".").strip(". ")) for part in re.split(r"\s?x\s?", numbers[0])]
                found.append((max(values) * (10 if unit[1] == "cm" else 1), cell[0], cell[0] + len(cell[1])))
    return found
