"""On which exams each guideline is audited (``knowledge/measures/scope.yaml``), and the audit's settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...engine.errors import BadValue, MissingKnowledge, UnknownField
from ...engine.guideline.columns import quoted, text
from ...engine.guideline.editions import editions
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.resources import knowledge_folder, rules_folder

FOLDER, FILE = "measures", "scope.yaml"
Words = tuple[str, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Audited(_Strict):
    """One guideline: its exams, and what it calls for in the words of the tables."""

    region: str
    modality: Words = Field(min_length=1)
    kind: str
    applies: Mapping[str, Literal["yes", "no", "after_screening"]]
    why: str
    follow_up: Words = Field(min_length=1)
    work_up_by: Words = Field(min_length=1)
    recommends: Mapping[str, Words]
    any_time: Mapping[str, Words] = {}
    work_up: Words
    optional: Words = ()
    negative: Words
    positive: Words
    critical: Words
    cancer: str
    inputs: Mapping[str, str] = {}

    def column(self, name: str) -> str:
        """The column of an input: its own name, unless the tables use that for something else."""
        return self.inputs.get(name, name)

    def modalities(self, management: str) -> Words:
        """The modalities that fulfil a management; none where the guideline leaves it open."""
        return self.recommends.get(management, self.recommends["else"])

    def imaged_any_time(self) -> set[str]:
        """The imaging that some management names beside its interval: it is never too early there."""
        return {word for words in self.any_time.values() for word in words} & {*self.follow_up}

    def widely(self, management: str) -> bool:
        """Whether a work-up may be by any imaging that counts as follow-up, for the guideline itself names more."""
        named = {*self.modalities(management)} & {*self.follow_up}
        return management in self.work_up and not named <= {*self.work_up_by}


class Setting(_Strict):
    """A number that no guideline prints, with the reason for its value."""

    value: int = Field(ge=0, le=100_000)
    unit: str
    why: str


class Vocabulary(_Strict):
    """What the tables may say: words, numbers, editions with the years that readers write for their numbers."""

    words: Mapping[str, Mapping[str, Words]]
    ranges: Mapping[str, Mapping[str, tuple[int, int]]]
    editions: Mapping[str, Mapping[str, Words]]


class Scope(_Strict):
    """The file."""

    guidelines: Mapping[str, Audited]
    vocabulary: Vocabulary
    settings: Mapping[str, Setting]


@dataclass(frozen=True, slots=True)
class Edition:
    """An edition with the days on which it is in force: from ``begins`` on, until the day before ``ends``."""

    guideline: Guideline
    begins: str
    ends: str | None

    @property
    def name(self) -> str:
        """``lung-rads@2022``."""
        return self.guideline.name


@lru_cache
def scope() -> Scope:
    """The shipped scope.

    Raises:
        MissingKnowledge: the file is not there, or not of its form.
    """
    try:
        return Scope.model_validate(yaml.safe_load((knowledge_folder() / FOLDER / FILE).read_text(encoding="utf-8")))
    except (OSError, yaml.YAMLError, ValidationError) as error:
        where, found = f"knowledge/{FOLDER}/{FILE}", type(error).__name__
        raise MissingKnowledge(where, "", found, "the scope of the audit", "Restore the file.") from error


@lru_cache
def editions_of(guideline: str) -> tuple[Edition, ...]:
    """The editions of a guideline in the order in which they took effect."""
    names = [name for name, _ in editions(rules_folder()) if name.split("@")[0] == guideline]
    mine = sorted((load_guideline(name) for name in names), key=lambda g: str(g.head["effective"]))
    starts: list[str | None] = [str(g.head["effective"]) for g in mine]
    return tuple(Edition(g, str(a), b) for g, a, b in zip(mine, starts, [*starts[1:], None], strict=True))


def settings(own: Mapping[str, str] = {}) -> dict[str, int]:
    """The settings by name, with a site's own ones in their place.

    Raises:
        UnknownField: no such setting. BadValue: no whole number from 0 to 100000.
    """
    known = {name: setting.value for name, setting in scope().settings.items()}
    for name, value in own.items():
        if name not in known:
            raise UnknownField("command line", f"--setting {name}", "no such setting", ", ".join(known), "Use one.")
        if not value.isascii() or not value.isdigit() or int(value) > 100_000:
            raise BadValue("command line", f"--setting {name}", repr(value), "0 to 100000", "Give a whole number.")
        known[name] = int(value)
    return known


def listed(words: Words) -> str:
    """Words as a list of SQL."""
    return f"({', '.join(map(text, words))})" if words else "(NULL)"


def family_sql() -> str:
    """The guideline of an exam: the first whose region and modality fit and that the indication does not rule out."""
    whens = [
        f"WHEN region = {text(a.region)} AND modality IN {listed(a.modality)} AND {_not_ruled_out(a)} THEN {text(name)}"
        for name, a in scope().guidelines.items()
    ]
    return f"CASE {' '.join(whens)} END"


def _not_ruled_out(a: Audited) -> str:
    ruled = tuple(word for word, says in a.applies.items() if says == "no")
    return f"COALESCE(indication NOT IN {listed(ruled)}, TRUE)" if ruled else "TRUE"


def applies_sql(earlier: str = "first_screening < exam_date") -> str:
    """Whether that guideline applies; NULL where the indication leaves it open.

    ``earlier``: a condition on an earlier screening exam; TRUE for whether the guideline may apply.
    """
    whens = [
        f"WHEN guideline = {text(name)} AND indication = {text(word)} THEN {APPLIES[says].format(earlier=earlier)}"
        for name, a in scope().guidelines.items()
        for word, says in a.applies.items()
        if says != "no"
    ]
    return f"CASE WHEN guideline IS NULL THEN FALSE {' '.join(whens)} END"


# follow-up applies if the finding was found by screening: an earlier screening exam shows that it was
APPLIES = {"yes": "TRUE", "after_screening": "CASE WHEN {earlier} THEN TRUE END"}


def edition_sql() -> str:
    """The edition that was in force on the day of the exam, NULL where there was none."""
    whens = []
    for name in scope().guidelines:
        for e in editions_of(name):
            until = f" AND exam_date < DATE {text(e.ends)}" if e.ends else ""
            days = f"exam_date >= DATE {text(e.begins)}{until}"
            whens.append(f"WHEN guideline = {text(name)} AND {days} THEN {text(e.name)}")
    return f"CASE {' '.join(whens)} END"


def by_region(attribute: Literal["follow_up", "work_up_by", "any_time"]) -> str:
    """Whether an exam is one of those that count as follow-up (work-up, follow-up at any time) in its region."""
    regions: dict[str, set[str]] = {}
    for a in scope().guidelines.values():
        mine = a.imaged_any_time() if attribute == "any_time" else getattr(a, attribute)
        regions.setdefault(a.region, set()).update(mine)
    tests = [f"(region = {text(r)} AND modality IN {listed(tuple(sorted(m)))})" for r, m in sorted(regions.items())]
    return " OR ".join(tests)


def region_number() -> str:
    """A region as a small number; 0 for one of which no guideline speaks."""
    regions = sorted({a.region for a in scope().guidelines.values()})
    whens = " ".join(f"WHEN {text(region)} THEN {n}" for n, region in enumerate(regions, start=1))
    return f"CAST(CASE region {whens} ELSE 0 END AS UTINYINT)"


def cancer_sql() -> str:
    """The cancer that a guideline's exams look for."""
    whens = [f"WHEN {text(name)} THEN {text(a.cancer)}" for name, a in scope().guidelines.items()]
    return f"CASE {quoted('guideline')} {' '.join(whens)} END"


def after_screening() -> Words:
    """The indications of which an earlier screening exam decides."""
    found = {word for a in scope().guidelines.values() for word, says in a.applies.items() if says == "after_screening"}
    return tuple(sorted(found))


def modality_rows() -> list[dict[str, Any]]:
    """One row a modality that some management names, with a bit of its own."""
    named = {word for a in scope().guidelines.values() for words in a.recommends.values() for word in words}
    return [{"modality": word, "bit": 1 << n} for n, word in enumerate(sorted(named))]


def management_rows() -> list[dict[str, Any]]:
    """One row an edition and management: the modalities that fulfil it, and whether it calls for work-up at once.

    ``named``: the sum of the modalities' bits, 0 where the guideline leaves the modality open; ``any_time``: that of
    those that no interval binds; ``tissue``: whether sampling is one of them; ``widely``: see ``Audited``.
    """
    bit = {row["modality"]: row["bit"] for row in modality_rows()}
    return [
        {
            "edition": e.name,
            "management": key,
            "named": sum(bit[word] for word in set(a.modalities(key))),
            "any_time": sum(bit[word] for word in set(a.any_time.get(key, ()))),
            "tissue": "other" in a.any_time.get(key, ()),
            "work_up": key in a.work_up,
            "widely": a.widely(key),
            "optional": key in a.optional,
        }
        for name, a in scope().guidelines.items()
        for e in editions_of(name)
        for key in e.guideline.head["managements"]
    ]


def category_rows() -> list[dict[str, Any]]:
    """One row an edition and category: its rank in the guideline's order of concern, and how a screen counts it."""
    return [
        {"edition": e.name, "category": c, "rank": rank, "positive": c in a.positive, "negative": c in a.negative,
         "critical": c in a.critical}
        for name, a in scope().guidelines.items()
        for e in editions_of(name)
        for c, rank in e.guideline.rank.items()
    ]  # fmt: skip
