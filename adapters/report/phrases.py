"""Sentences said: by name from the language's general ones, or a guideline's own that fit what is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from ...engine.errors import MissingKnowledge, UnknownGuideline
from ...engine.types import Belief, Classes, Facts, Known, Measured, Reading, Unknown
from . import language
from .known_rules import shown_words
from .phrase_files import Code, Parts, Saying, Spoken, general, spoken
from .sentence import EXAM, Link, Sentence, form_of
from .words import belief_words, capital, clean, either, label, plain_words

VERBATIM: Final = frozenset({"finding", "findings", "who", "by", "says"})  # identifiers and traces stand as they are


def phrase(name: str, /, **values: str) -> str:
    """Words of a general sentence, filled in. Where a name that it needs has blank words, it says that they are.

    Raises:
        MissingKnowledge: there is no such sentence, or a name that it needs is not given.
    """
    sentences = general(language.current()).sentences
    form = form_of(sentences[name]) if name in sentences else None
    if form is None or not form.needed <= values.keys():
        found = "a name that is not filled in" if form else "no such sentence"
        where, cure = f"report/{language.current()}/sentences.yaml", "Restore the file."
        raise MissingKnowledge(where, name, found, "every sentence with all its names", cure)
    blank = {key: sentences["blank"] for key in form.needed if not values[key].strip()}
    return form.filled(values | blank) or ""


def say(name: str, link: Link = EXAM, /, **values: str) -> Sentence:
    """A general sentence, begun with a capital unless with an identifier, with one full stop at its end."""
    text, first = phrase(name, **values), form_of(general(language.current()).sentences[name]).first
    return Sentence(ended(text if first in VERBATIM else capital(text)), name, link)


def ended(text: str) -> str:
    """One full stop at the end, where words that were filled in brought their own."""
    return text[:-1] if text.endswith(("..", "!.", "?.", ":.")) else text


def heading(name: str) -> str:
    """A heading."""
    return general(language.current()).headings[name]


def own(guideline: str) -> Spoken | None:
    """A guideline's own sentences in the language that is spoken; None where it has none, or is not known here."""
    try:
        return spoken(guideline, language.current(), language.rules())
    except UnknownGuideline:
        return None  # a hospital's own rules that are not at hand: the general sentences say it


class Told:
    """What is stated of a lesion or exam, as a guideline's sentences may say it; keeps which facts have been told.

    Stated is what somebody said or measured. What a convention fills in, and probabilities, are told elsewhere.
    """

    def __init__(self, facts: Facts, spoken: Spoken | None, extra: Mapping[str, str] | None = None) -> None:
        self.facts = {name: belief for name, belief in facts.items() if said_or_measured(belief)}
        self.spoken, self.used = spoken, set[str]()
        self.words = {name: self._words(name, belief) for name, belief in self.facts.items()}
        self.words |= {name: words for name, words in self._sets().items() if words} | dict(extra or {})

    def paragraph(self, parts: Parts, prefix: str, link: Link) -> Iterator[Sentence]:
        """Of each part the first saying that fits."""
        for part, held in parts.items():
            saying = next((s for s in held if self._fits(s)), None)
            if saying is not None:
                yield self._said(saying, f"{prefix}.{part}.{saying.id}", link)

    def rest(self) -> Facts:
        """What is stated and has not been told yet."""
        return {n: b for n, b in self.facts.items() if n not in self.used and n.partition(".")[0] not in self.used}

    def _said(self, saying: Saying, template: str, link: Link) -> Sentence:
        form = form_of(saying.text)
        names = tuple(dict.fromkeys((*form.told(self.words), *saying.only)))
        self.used |= {*names, *(("type",) if "name" in names else ())}
        about = Link(link.finding, names, link.guideline, link.rows, link.citations)
        return Sentence(ended(capital(form.filled(self.words) or "")), template, about)

    def _fits(self, saying: Saying) -> bool:
        named = form_of(saying.text)
        has_words = all(self.words.get(name) for name in named.needed)
        met = all(self._holds(name, saying.allows(name)) for name in saying.only)
        says = bool(named.told(self.words)) or not named.names
        return has_words and met and says

    def _holds(self, name: str, allowed: tuple[Code, ...]) -> bool:
        belief = self.facts.get(name)
        if isinstance(belief, Known):
            return belief.value in allowed
        return any(self._has(f"{name}.{code}") for code in allowed)

    def _has(self, feature: str) -> bool:
        belief = self.facts.get(feature)
        return isinstance(belief, Known) and belief.value is True

    def _words(self, name: str, belief: Belief) -> str:
        if isinstance(belief, Known) and isinstance(belief.value, bool):
            return self._code(name, "true" if belief.value else "false") or plain_words(name, belief.value)
        if isinstance(belief, Known) and isinstance(belief.value, str):
            return self._code(name, belief.value) or plain_words(name, belief.value)
        return belief_words(name, belief)

    def _code(self, name: str, code: str) -> str:
        return self.spoken.values.get(name, {}).get(code, "") if self.spoken else ""

    def _sets(self) -> dict[str, str]:
        """The features of each set that are stated as present, in words."""
        found: dict[str, list[str]] = {}
        for name in self.facts:
            group, dot, feature = name.partition(".")
            if dot and self._has(name):
                found.setdefault(group, []).append(self._code(group, feature) or label(name))
        return {group: listed(words) for group, words in found.items()}


def said_or_measured(belief: Belief) -> bool:
    """Whether somebody stated it or it was measured, and no convention filled it in."""
    by_form = belief.source is not None and belief.source.kind.value == "convention"
    return isinstance(belief, Known | Measured) and not by_form


def listed(words: Iterable[str]) -> str:
    """Words with commas."""
    return ", ".join(words)


def uncertain(facts: Facts) -> Facts:
    """The facts of which only probabilities are known."""
    return {name: belief for name, belief in facts.items() if isinstance(belief, Classes)}


def unassessed(facts: Facts) -> Facts:
    """The facts of which is said that they are not known, by anybody but a form's convention."""
    return {n: b for n, b in facts.items() if isinstance(b, Unknown)}


def answer_words(reading: Reading, descriptor: str = "") -> tuple[str, str]:
    """A decided category in the guideline's own words, and the template that said so; '' twice where it has none."""
    file = own(reading.guideline)
    if file is None or reading.category is None:
        return "", ""
    words = reading_words(reading, file, descriptor) | {"category": shown_words(reading)}
    for saying in file.answer:
        said = form_of(saying.text).filled(words) if _of_answer(saying, reading) else None
        if said:
            return said, f"{reading.guideline}.answer.{saying.id}"
    return "", ""


def added_words(reading: Reading, parts: Parts, slot: str, link: Link) -> tuple[tuple[Sentence, ...], frozenset[str]]:
    """What a guideline adds to its category, in its own sentences, and which of the answers they tell."""
    file = own(reading.guideline)
    if file is None:
        return (), frozenset()
    words, said, used = reading_words(reading, file), [], set[str]()
    for part, held in parts.items():
        for saying in held:
            text = form_of(saying.text).filled(words) if _of_answer(saying, reading) else None
            if text:
                said.append(Sentence(ended(capital(text)), f"{reading.guideline}.{slot}.{part}.{saying.id}", link))
                used |= {*form_of(saying.text).told(words), *saying.only}
                break
    return tuple(said), frozenset(used)


def _of_answer(saying: Saying, reading: Reading) -> bool:
    held: dict[str, Any] = {**reading.facts, "category": reading.category}
    return all(held.get(name) in saying.allows(name) and held.get(name) is not None for name in saying.only)


def reading_words(reading: Reading, file: Spoken, descriptor: str = "") -> dict[str, str]:
    """The words of a reading's answers, by name."""
    told = {
        name: file.values.get(name, {}).get(str(value).lower() if isinstance(value, bool) else str(value), "")
        or plain_words(name, value)
        for name, value in reading.facts.items()
        if value is not None
    }
    shown = reading.facts.get("display")
    category = clean(shown) if isinstance(shown, str) and shown else clean(reading.category or "")
    return {**told, "category": category or either(reading.possible), "descriptor": clean(descriptor)}
