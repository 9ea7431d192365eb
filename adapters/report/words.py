"""From values to words, the same for every form of the report. Decides nothing and adds nothing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import yaml

from ...engine.before import DAYS_A_YEAR
from ...engine.resources import yaml_loader
from ...engine.types import Belief, Classes, Known, Measured, NotApplicable, PastSize, Reading, Source, Unknown
from . import language
from .sentence import form_of

PLACE = re.compile(r"(?P<list>[a-z_]+)\[(?P<at>\d{1,6})\]")  # what an input without identifiers is told apart by
LONGEST = 2_000  # characters of one foreign text that are shown; the decision file keeps all


@dataclass(frozen=True, slots=True)
class Row:
    """One fact: its label, its value, who said so, where and when."""

    label: str
    value: str
    who: str = ""
    reference: str = ""
    when: str = ""

    @property
    def said_by(self) -> str:
        """Who, where and when, on one line."""
        return ", ".join(part for part in (self.who, self.reference, self.when) if part)


def clean(text: str) -> str:
    """Foreign text on one line, without control and direction characters.

    A line break in a location could otherwise pass for a heading of the report, and a direction
    override could show a number backwards.

    >>> clean("left lung\\nIMPRESSION: 1")
    'left lung IMPRESSION: 1'
    """
    shown = "".join(" " if unicodedata.category(sign)[0] == "C" else sign for sign in text[:LONGEST])
    cut = f"[{worded('cut', number=str(len(text) - LONGEST))}]" if len(text) > LONGEST else ""
    return f"{' '.join(shown.split())} {cut}".rstrip()


def called(identifier: str) -> str:
    """What a lesion's identifier is to a reader: itself, unless it is only its place in a list.

    >>> called("N1"), called("nodules[0]")
    ('N1', 'Nodule 1')
    """
    found = PLACE.fullmatch(identifier)
    numbered: Mapping[str, str] = terms()["numbered"]
    if found is None or found["list"] not in numbered:
        return clean(identifier)
    return form_of(numbered[found["list"]]).filled({"number": str(int(found["at"]) + 1)}) or ""


def stop(text: str) -> str:
    """The text with a full stop, unless it has one."""
    return text if not text or text.endswith((".", "!", "?")) else f"{text}."


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]


def terms() -> Mapping[str, Any]:
    """The vocabulary of the language that is spoken, ``knowledge/report/<language>/words.yaml``."""
    return _terms(language.current())


@lru_cache(maxsize=8)
def _terms(of: str) -> Mapping[str, Any]:
    text = (language.folder() / of / "words.yaml").read_text(encoding="utf-8")
    vocabulary: Mapping[str, Any] = yaml.load(text, yaml_loader())  # noqa: S506  the safe one
    return vocabulary


def term(kind: str, name: str) -> str:
    """The vocabulary's word for a name, or the name itself."""
    return str(terms()[kind].get(name, clean(name)))


def worded(name: str, /, **values: str) -> str:
    """Words of the vocabulary's part ``said``, filled in."""
    return form_of(terms()["said"][name]).filled(values) or ""


def kind_words(kind: str) -> str:
    """A kind of finding in words."""
    return term("kinds", kind)


def label(name: str) -> str:
    """A fact's name in words, without the unit it ends in; of a feature in a set, the feature.

    >>> label("solid_mean_mm"), label("capsule"), label("age_years"), label("lrm.infiltrative")
    ('mean diameter of the solid component', 'capsule', 'age', 'infiltrative')
    """
    word = name.rpartition(".")[2]
    if word in terms()["labels"]:
        return str(terms()["labels"][word])
    stem = next((word.removesuffix(end) for end in terms()["suffixes"] if word.endswith(end)), word)
    return clean(stem.replace("_", " "))


def unit(name: str) -> str:
    """The unit that a fact's name implies, '' for none."""
    known = terms()["units"].get(name)
    ends: Mapping[str, str] = terms()["suffixes"]
    return str(known) if known is not None else next((ends[end] for end in ends if name.endswith(end)), "")


def number(value: Decimal | float) -> str:
    """A number without exponent; decimals keep the digits they were stated with.

    >>> number(Decimal("8.50")), number(12.0), number(0.25)
    ('8.50', '12', '0.25')
    """
    if isinstance(value, Decimal):
        return f"{value:f}"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def plain_words(name: str, value: Any) -> str:
    """A value in words, with the unit that its name implies."""
    if isinstance(value, Mapping):
        return "; ".join(f"{label(part)}: {plain_words(part, of)}" for part, of in value.items())
    if isinstance(value, tuple | list):
        return ", ".join(plain_words(name, part) for part in value) or worded("none")
    return single_words(name, value)


def single_words(name: str, value: Any) -> str:
    """A value without parts in words."""
    match value:
        case None:
            return worded("none")
        case bool():
            return worded("true" if value else "false")
        case Decimal() | int() | float() if name.endswith("_months"):
            return months_words(value)
        case Decimal() | int() | float():
            return f"{number(value)} {unit(name)}".rstrip()
        case PastSize(months_ago, mean_mm):
            return worded("past", size=f"{number(mean_mm)} mm", time=months_words(months_ago))
        case _:
            code = isinstance(value, str) and value.replace("_", "").isalnum() and value.islower()
            return str(terms()["values"].get(value, clean(value.replace("_", " ") if code else str(value))))


def months_words(months: Decimal | float) -> str:
    """Months as people say them: whole, with a half, or with what is left in days (``months_between``).

    >>> months_words(Decimal("12.00")), months_words(1), months_words(7.5), months_words(Decimal("12.03"))
    ('12 months', '1 month', '7.5 months', '12 months and 1 day')
    >>> months_words(Decimal("0.10")), months_words(0)
    ('3 days', '0 days')
    """
    exact = Decimal(str(round(months, 2)))
    if exact > 1 and exact % 1 == Decimal("0.5"):
        return _counted("months", f"{exact.normalize():f}")
    whole = int(exact)
    days = round((exact - whole) * Decimal(DAYS_A_YEAR) / 12)
    said = [_counted(*one) for one in (("months", f"{whole}"), ("days", f"{days}")) if one[1] != "0"]
    return (
        worded("months_days", months=said[0], days=said[1]) if len(said) == 2 else (said or [_counted("days", "0")])[0]
    )


def _counted(what: str, count: str) -> str:
    return worded(f"{what}_one") if count == "1" else worded(what, number=count)


def belief_words(name: str, belief: Belief) -> str:
    """What a finding is taken to be, in words."""
    match belief:
        case Known(value):
            return plain_words(name, value)
        case Unknown(why):
            return worded("unknown", why=clean(why))
        case NotApplicable():
            return worded("not_applicable")
        case Classes(probabilities):
            likely = sorted(probabilities.items(), key=lambda item: -item[1])
            return ", ".join(f"{plain_words(name, word)} {percent(p)}" for word, p in likely)
        case Measured(mean, sd, of):
            return worded("measured", mean=number(mean), sd=number(sd), unit=clean(of))


def row(name: str, belief: Belief) -> Row:
    """A belief as a row of a table."""
    return Row(label(name), belief_words(name, belief), *said(belief.source))


def said(source: Source | None) -> tuple[str, str, str]:
    """Who, where and when."""
    if source is None:
        return "", "", ""
    when = source.when.isoformat() if source.when else ""
    return term("sources", source.kind), clean(source.reference), when


def percent(probability: float) -> str:
    """A probability as a percentage with one decimal.

    >>> percent(0.0493), percent(0.0001), percent(0.9999), percent(1.0)
    ('4.9 %', '<0.1 %', '>99.9 %', '100.0 %')
    """
    if 0 < probability < 0.0005:
        return "<0.1 %"
    return ">99.9 %" if 0.9995 <= probability < 1 else f"{100 * probability:.1f} %"


def either(words: Iterable[str]) -> str:
    """Alternatives in words.

    >>> either(["3", "4A", "4B"])
    '3, 4A or 4B'
    """
    *most, last = [clean(word) for word in words] or [worded("none")]
    return worded("either", most=", ".join(most), last=last) if most else last


def interval_words(interval: Any) -> str:
    """An interval ``[from, to]`` in months, in words; null is no fixed interval.

    >>> interval_words([3, 3]), interval_words([0, 6]), interval_words([1, 3]), interval_words(None)
    ('in 3 months', 'within 6 months', 'in 1 to 3 months', 'no fixed interval')
    """
    if interval is None:
        return worded("no_interval")
    pair = isinstance(interval, Sequence) and len(interval) == 2
    if not pair or not all(isinstance(month, Decimal | int | float) for month in interval):
        return plain_words("interval_months", interval)
    first, last = (number(month) for month in interval)
    one = "_one" if last == "1" else ""
    if first == last:
        return worded(f"in{one}", last=last)
    return worded(f"within{one}", last=last) if first == "0" else worded("between", first=first, last=last)


def category_words(reading: Reading) -> str:
    """The category as the guideline displays it, or what remains possible."""
    shown = reading.facts.get("display")
    if reading.category is not None:
        return clean(shown) if isinstance(shown, str) and shown else clean(reading.category)
    if reading.possible:
        return either(reading.possible)
    return clean(shown) if isinstance(shown, str) and shown else worded("no_category")
