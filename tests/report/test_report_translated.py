"""A second language is one folder: a report in a made-up one holds no word of ours that its folders do not hold.

The made-up language has every template and word of English in letters of another alphabet. What is then left in Latin
letters came past the templates, unless it is the decision's own: what was stated, what the tables and the engine said,
names and identifiers. Those are English in the record, and stay as they were recorded.
"""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache

import pytest
import report_cases
import yaml
from report_pages import Page
from sample_decisions import fused

from radlogic.adapters.decision_file import dumps
from radlogic.adapters.notice import INTENDED_USE
from radlogic.adapters.report import language, phrase_files, phrases, words
from radlogic.adapters.report.html import report_html
from radlogic.adapters.report.phrases import phrase
from radlogic.adapters.report.signed import Signed
from radlogic.adapters.report.text import report_text
from radlogic.adapters.store.vocabulary import override_reasons
from radlogic.engine.errors import UnknownGuideline
from radlogic.engine.guideline.load import load_guideline

CODE = "qps"  # of no language (BCP 47 keeps qaa to qtz for private use)
LATIN = "abcdefghijklmnopqrstuvwxyz"
OTHER = "абцдефгхийклмнопярстувщжчз"  # 26 of another alphabet, which has capitals too
LETTERS = str.maketrans(LATIN + LATIN.upper(), OTHER + OTHER.upper())
PARTS = re.compile(r"(\{\w+\})")
LISTS = ("technique", "comparison", "indication", "sentence", "placed")  # of names, not of words
# International symbols of units and axes, which every language writes alike.
SYMBOLS = {"mm", "mm3", "mm2", "cm", "HU", "kV", "ng", "mL", "s", "x", "y", "z", "sha256", "SD"}
SIGNED = Signed(
    "dr-a",
    datetime(2026, 10, 16, 9, 30, tzinfo=UTC),
    "overridden",
    {"guideline": "lung-rads@2022", "category": "4A", "management": "3-month LDCT"},
    "clinical_context",
)


def other(text):
    """Text in the other alphabet, but for the names in braces."""
    return "".join(part if PARTS.fullmatch(part) else part.translate(LETTERS) for part in PARTS.split(text))


def turned(held):
    """Every text below a part of a file in the other alphabet."""
    if isinstance(held, dict):
        return {key: turned(value) for key, value in held.items()}
    return [turned(value) for value in held] if isinstance(held, list) else other(held)


@lru_cache
def english(name):
    return yaml.safe_load((language.folder() / "en" / name).read_text(encoding="utf-8"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The languages with the made-up one beside; and the guidelines' own sentences in it."""
    real = language.folder()
    for code in ("en", CODE):
        (tmp_path / code).mkdir()
        for name in ("sentences.yaml", "words.yaml"):
            held = english(name)
            kept = {k: held[k] for k in ("language", *LISTS) if k in held}
            made = (turned({k: v for k, v in held.items() if k not in kept}) | kept) if code == CODE else held
            made |= {"language": code} if name == "sentences.yaml" else {}
            (tmp_path / code / name).write_text(yaml.safe_dump(made, allow_unicode=True), encoding="utf-8")
    whole = phrase_files.spoken

    def spoken(guideline, of, rules=()):
        held = whole(guideline, "en", rules)
        if held is None or of == "en":
            return held
        plain = held.model_dump(by_alias=True)
        mine = {key: _own(plain[key]) for key in plain.keys() - {"guideline", "language"}}
        return phrase_files.Spoken.model_validate({**plain, **mine, "language": of})

    _forget()
    monkeypatch.setattr(language, "folder", lambda: tmp_path)
    monkeypatch.setattr(phrases, "spoken", spoken)
    yield tmp_path
    monkeypatch.setattr(language, "folder", lambda: real)
    _forget()


def _forget():
    for held in (phrase_files.general, words._terms):
        held.cache_clear()


def _own(held):
    """A guideline's sentences and words in the other alphabet: texts and values, but no names and no conditions."""
    if isinstance(held, dict):
        return {k: v if k in ("id", "if") else _own(v) for k, v in held.items()}
    return [_own(each) for each in held] if isinstance(held, list | tuple) else other(held)


def with_names(folder, assessment):
    """Words for every name and code of the decision, as a translator would write them; those of English are made."""
    place = folder / CODE / "words.yaml"
    held = yaml.safe_load(place.read_text(encoding="utf-8"))
    with language.speaking("en"):
        numbers = {name for g in assessment.decision.guidelines for name in _numbers(g.application.guideline)}
        for name in names_of(json.loads(dumps(assessment))) | numbers:
            word = name.rpartition(".")[2]
            held["labels"].setdefault(word, other(words.label(word)))
            held["values"].setdefault(word, other(words.single_words("", word)))
            held["nodes"].setdefault(word, other(words.label(word)))
            held["states"].setdefault(word, other(words.single_words("", word)))
    place.write_text(yaml.safe_dump(held, allow_unicode=True), encoding="utf-8")
    words._terms.cache_clear()


def names_of(held):
    """What can be a name or a code: keys, and texts that are one."""
    if isinstance(held, dict):
        return {*held, *(n for value in held.values() for n in names_of(value))}
    if isinstance(held, list):
        return {name for value in held for name in names_of(value)}
    return {held} if isinstance(held, str) and re.fullmatch(r"[A-Za-z][A-Za-z0-9_.]*", held) else set()


def recorded(assessment, *more):
    """The decision's own texts, the longest first: whole, and the pieces that a list of them is shown in."""
    texts = {*_texts(json.loads(dumps(assessment))), *more}
    texts |= {text for g in assessment.decision.guidelines for text in _texts(_document(g.application.guideline))}
    texts |= {piece for text in texts for piece in re.split(r"; |: |, |\b[a-z]+(?:_[a-z0-9]+)+\b", text)}
    texts |= {*assessment.record.knowledge, *(digest[:16] for digest in assessment.record.knowledge.values())}
    return sorted((" ".join(text.lower().rstrip(".").split()) for text in texts), key=len, reverse=True)


def _document(name):
    """A guideline's own files: what its tables say is in the language of the tables."""
    try:
        return json.loads(json.dumps(load_guideline(name, ()).document, default=str))
    except UnknownGuideline:
        return {}


def _numbers(name):
    return _document(name).get("inputs", {}).get("numbers", {})


def _texts(held):
    if isinstance(held, dict):
        yield from (text for value in held.values() for text in _texts(value))
        yield from (key for key in held if "@" in key or "-" in key)  # of the record's hashes, of probabilities
    elif isinstance(held, list):
        yield from (text for value in held for text in _texts(value))
    elif isinstance(held, str):
        yield held


def latin(text, texts):
    """The words in Latin letters that are not of the decision."""
    left = " ".join(text.lower().split())
    for known in texts:
        if known in left and re.search("[a-z]", known):
            left = re.sub(rf"(?<![a-z0-9]){re.escape(known)}(?![a-z0-9])", " ", left)
    return {word for word in re.findall("[a-z][a-z0-9]*", left) if word not in {s.lower() for s in SYMBOLS}}


def shown(html):
    """All that a page says: its texts, and what it says on pointing and to those who hear it."""
    page = Page(html)
    pointed = (attrs[name] for _, attrs in page.elements for name in ("title", "alt", "aria-label") if name in attrs)
    return [*page.texts, *pointed]


MADE = {"grown": report_cases.grown, "measured": report_cases.measured, "fused": fused}


@pytest.mark.parametrize("signed", [None, SIGNED], ids=["draft", "overridden"])
@pytest.mark.parametrize("name", MADE)
def test_a_report_in_another_language_holds_no_word_of_ours_that_came_past_its_folder(folder, name, signed):
    made = MADE[name]()
    with_names(folder, made)
    said = (signed.by, *map(str, signed.override.values()), override_reasons()[signed.reason].words) if signed else ()
    texts = recorded(made, *said)

    page, plain = report_html(made, signed=signed, language=CODE), report_text(made, signed, CODE)

    ours = {text: left for text in shown(page) if (left := latin(text, texts))}
    assert not ours, ours
    whole = {word for text in texts for word in re.findall("[a-z][a-z0-9]*", text)}
    assert latin(plain, texts) <= whole  # columns of the plain text interleave their words, so that they stand alone


def test_the_made_up_language_is_seen_through_by_the_test_itself(folder):
    made = fused()
    with_names(folder, made)
    texts = recorded(made)

    assert "evidence" in latin("before any evidence", texts)
    assert latin(other("before any evidence"), texts) == set()
    assert any(latin(text, texts) for text in shown(report_html(made)))  # in English all of it is found


def test_the_intended_use_of_the_reference_language_is_that_of_the_whole_product():
    assert phrase("intended_use") == INTENDED_USE


def test_the_intended_use_stands_in_the_style_sheet_as_plain_signs():
    html = report_html(replace(fused()))
    style = html.split("<style>")[1].split("</style>")[0]

    content = re.search(r'content: "([^"]*)"', style)[1]
    assert re.sub(r"\\([0-9a-f]{6})", lambda sign: chr(int(sign[1], 16)), content) == INTENDED_USE
