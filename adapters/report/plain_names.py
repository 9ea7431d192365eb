"""The engine's texts for people: names of inputs, tables and guidelines as the words that people know them by.

The engine says what it met by the names of the rules' inputs ("nodule_more_concerning_for_malignancy: no"). The
record keeps that; whoever reads a report reads words. What is no name of the guideline's, or of the vocabulary, stays
as it stands: it may be somebody's own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from .known_rules import any_rules
from .phrases import phrase
from .view import guideline_name, sentence
from .words import called, clean, either, kind_words, label, single_words, terms, unit

# A name by itself, and no part of a path, a reference or a file's name.
NAME: Final = re.compile(r"(?<![\w./\[\]@-])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/\[@-]|\.\w)")
GUIDELINE: Final = re.compile(r"(?<![\w./-])[a-z][a-z-]*@[0-9][0-9.]*[0-9](?![\w-])")
FEATURE: Final = re.compile(r"(?<![\w./\[\]@-])(?P<set>[a-z][a-z0-9_]*)\.(?P<feature>[A-Za-z][\w-]*)(?![\w/\[@]|\.\w)")
# "nodules[0]" is a lesion without a name, "nodules[0].size_mm" a fact of it.
UNNAMED: Final = re.compile(r"(?<![\w./-])(?P<lesion>[a-z_]+\[\d+\])(?:\.(?P<fact>[a-z][\w.]*\w))?(?![\w\[])")
TEST: Final = re.compile(r"(?P<name>[\w.-]+)(?: (?P<asked>.+?))?: (?P<value>.*)", re.DOTALL)
INPUT: Final = re.compile(r"(?<![\w.])(?P<name>[a-z][a-z0-9_]*) = (?P<value>[0-9.]+)")


def in_words(text: str, guidelines: Iterable[str] = ()) -> str:
    """A text of the engine, on one line, with names in it as words. ``guidelines``: those that it may speak of."""
    held = tuple(guidelines)
    said = GUIDELINE.sub(lambda found: guideline_name(found[0]), clean(text))
    said = UNNAMED.sub(_place, said)
    said = FEATURE.sub(lambda found: label(found["feature"]) if _knows(found["set"], held) else found[0], said)
    return NAME.sub(lambda found: _word(found[0], held), said)


def in_sentence(text: str, guidelines: Iterable[str] = ()) -> str:
    """The same with a full stop."""
    return sentence(in_words(text, guidelines))


def met_words(text: str, guideline: str) -> str:
    """A test that a row met, as a trace has it: what was looked at, its value, and what the row asks for.

    What it asks for is left out where it is the value itself: "status existing: existing" is said once.
    """
    found = TEST.fullmatch(clean(text))
    if found is None or not _is_test(found["name"], guideline):
        return in_words(text, (guideline,))
    value, asked = _value(found["value"], guideline), _value(found["asked"] or "", guideline)
    what = _what(found["name"], guideline)
    return phrase("reasons.test", what=what, value=value, asked="" if asked == value else asked)


def _is_test(name: str, guideline: str) -> bool:
    """Whether a trace's line begins with what a row looks at, and is no free sentence."""
    first, _, last = name.partition(".")
    return any(_knows(part, (guideline,)) or part in terms()["labels"] for part in (first, last) if part)


def _what(name: str, guideline: str) -> str:
    """What a test looks at: an input or number by its label, another table by its title."""
    rules = any_rules(guideline)
    last = name.rpartition(".")[2]
    if rules is not None and name not in rules.inputs and name not in rules.numbers:
        titles = {str(table["id"]): str(table["title"]) for table in rules.document["tables"] if table.get("title")}
        if last in titles:
            title = clean(titles[last])
            return title if title[1:2].isupper() else f"{title[:1].lower()}{title[1:]}"
    return label(name)


def _value(text: str, guideline: str) -> str:
    """A value, or several, with the inputs that a number was worked out from in words."""
    said = INPUT.sub(lambda found: f"{label(found['name'])} {found['value']} {unit(found['name'])}".rstrip(), text)
    amount, of, inputs = said.partition(" from ")
    said = phrase("reasons.amount", amount=amount, inputs=inputs) if of else said
    parts = said.split(" or ")
    whole = either([single_words("", part) for part in parts]) if len(parts) > 1 else single_words("", said)
    return in_words(whole, (guideline,))


def _word(name: str, guidelines: Sequence[str]) -> str:
    """A name in words, or the name itself where nobody knows it."""
    vocabulary = terms()
    if name in vocabulary["nodes"]:
        return str(vocabulary["nodes"][name])
    if name in vocabulary["labels"]:
        return label(name)
    if name in vocabulary["values"]:
        return single_words("", name)
    if name in vocabulary["kinds"]:
        return kind_words(name)
    return label(name) if _knows(name, guidelines) else name


def _place(found: re.Match[str]) -> str:
    name = called(found["lesion"])
    return (
        f"{name}: {label(found['fact'])}"
        if found["fact"] and name != found["lesion"]
        else found[0].replace(found["lesion"], name)
    )


def _knows(name: str, guidelines: Sequence[str]) -> bool:
    return any(name in _names(guideline) for guideline in guidelines)


def _names(guideline: str) -> frozenset[str]:
    """The names of a guideline's inputs, their values, its numbers, its tables and their results."""
    rules = any_rules(guideline)
    if rules is None:
        return frozenset()
    return rules.worked_out(
        "names for people",
        lambda: frozenset(
            {
                *rules.inputs,
                *rules.numbers,
                *(str(value) for _, given in rules.inputs.values() for value in given.get("values", ())),
                *(str(table["id"]) for table in rules.document["tables"]),
                *(str(row["then"]) for table in rules.document["tables"] for row in table.get("rows", ())),
            }
        ),
    )
