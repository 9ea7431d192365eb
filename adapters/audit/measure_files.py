"""The measures: each a file of ``knowledge/measures/``, compiled to one CASE over the relation of exams.

A measure is a decision list. An exam is in its population where one of its guidelines applies and
``population`` holds; NULL leaves that open and the exam is ``unknown``. Then the first step whose
condition holds gives status and reason. A condition that is NULL does not hold, and an exam that
reaches no step is unknown: nothing that is not known counts as met or as not met.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...engine.errors import MissingExtra, RuleFileError, UnknownField
from ...engine.guideline.columns import text
from ...engine.programme import load_programme
from ...engine.resources import knowledge_folder
from .layout import LAYOUT
from .scope import FILE, FOLDER, scope

Status = Literal["met", "not_met", "excluded", "unknown"]
STATUSES: tuple[Status, ...] = ("met", "not_met", "excluded", "unknown")
OPEN, UNDECIDED = "application_unconfirmed", "not_decided"

# What a measure may ask of an exam: the columns of the relation that ``relation.py`` makes
RELATION = frozenset(
    [
        "optional",
        "again",
        "unclear_again",
        "stated_edition",
        "exam_date",
        "region",
        "modality",
        "indication",
        "sex",
        "age",
        "site_id",
        "reader_id",
        "scanner",
        "death_date",
        "left_date",
        "unclear_gone",
        "has_report",
        "has_statement",
        "has_findings",
        "assessed",
        "guideline",
        "applies",
        "edition",
        "computed",
        "computed_status",
        "computed_rank",
        "by_default",
        "management",
        "from_months",
        "to_months",
        "open_modality",
        "modality_is_named",
        "any_time",
        "stated_any_time",
        "work_up",
        "stated_guideline",
        "stated_category",
        "stated_rank",
        "stated_positive",
        "stated_negative",
        "stated_critical",
        "stated_conflict",
        "stated_from",
        "stated_to",
        "stated_modality",
        "stated_no_followup",
        "stated_unreadable",
        "stated_unfound",
        "done_date",
        "any_time_date",
        "first_due",
        "last_due",
        "work_up_date",
        "work_up_due",
        "procedure_date",
        "diagnosis_date",
        "known_since",
        "communicated_at",
        "unclear_exam",
        "unclear_any_time",
        "unclear_plain",
        "unclear_work_up",
        "unclear_procedure",
        "unclear_diagnosis",
        "unclear_known",
        "unclear_communication",
        "has_screening",
        "screening_unreadable",
        "screening_conflict",
        "screening_round",
        "pack_years",
        "years_since_quit",
        "smoking_status",
        "shared_decision_documented",
        "cessation_counselled",
        "asymptomatic",
        "as_of",
    ]
)
ONLY = ("And", "Or", "Not", "Is", "Null", "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "Add", "In", "Column", "Identifier",
        "Literal", "Boolean", "Coalesce", "Least", "Paren")  # fmt: skip


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(_Strict):
    """One line of the list: where ``when`` holds, the exam has this status for this reason."""

    status: Status
    reason: str = Field(pattern=r"^[a-z0-9_.-]+$")
    when: str


class Told(_Strict):
    """Where a measure comes from, and how sure that is."""

    text: str
    confidence: str


class File(_Strict):
    """A measure as its file has it."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    title: str
    guideline: tuple[str, ...] = Field(min_length=1)
    improvement: Literal["increase", "decrease"] | None
    source: Told
    as_of: str
    population: str = "TRUE"
    needs: tuple[str, ...] = ()
    programme: str = ""
    by: Literal["computed", "stated_category"] = "computed"
    bands: Mapping[str, tuple[float, float]] = {}
    steps: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()


@dataclass(frozen=True)
class Measure:
    """A measure, and what its codes mean: code n (from 1) is ``outcomes[n - 1]``."""

    file: File

    @property
    def id(self) -> str:
        """The name, which is that of the file."""
        return self.file.id

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order, those of a programme among them."""
        needs = tuple(Step(status="unknown", reason=f"no_{n}", when=f"no_{n}") for n in self.file.needs)
        own = (*_of_programme(self.file.programme), *self.file.after) if self.file.programme else ()
        last = (Step(status="met", reason="documented", when="TRUE"),) if self.file.programme else ()
        return (*needs, *self.file.steps, *own, *last)

    @cached_property
    def outcomes(self) -> tuple[tuple[Status, str], ...]:
        """(status, reason) by code; the first two are those of an open population and of no step."""
        found: list[tuple[Status, str]] = [("unknown", OPEN), ("unknown", UNDECIDED)]
        for step in self.steps:
            if (step.status, step.reason) not in found:
                found.append((step.status, step.reason))
        return tuple(found)

    def code(self, status: str, reason: str) -> int:
        """The code of an outcome."""
        return 1 + [*self.outcomes].index((status, reason))  # type: ignore[arg-type]

    def sql(self, numbers: Mapping[str, int], absent: frozenset[str], word: str = "VARCHAR") -> str:
        """The code of an exam as an expression; NULL outside the population.

        ``numbers``: the settings; ``absent``: tables that are not there; ``word``: the type of the guideline.
        """
        population = f"(applies AND ({self.file.population}))"
        whens = [f"WHEN {_holds(s.when, numbers, absent)} THEN {self.code(s.status, s.reason)}" for s in self.steps]
        inside = f"CASE {' '.join(whens)} ELSE 2 END"
        mine = ", ".join(f"CAST({text(name)} AS {word})" for name in self.file.guideline)
        return (
            f"CAST(CASE WHEN guideline IN ({mine}) THEN "
            f"CASE WHEN {population} THEN {inside} WHEN {population} IS NULL THEN 1 END END AS UTINYINT)"
        )


@lru_cache
def measures() -> Mapping[str, Measure]:
    """All shipped measures by name, checked.

    Raises:
        RuleFileError: a file is not of its form, or asks for what no exam has.
    """
    folder = knowledge_folder() / FOLDER
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml") and f.name != FILE), key=lambda f: f.name)
    return {m.id: m for m in (_read(f.read_text(encoding="utf-8"), f.name) for f in files)}


def chosen(names: tuple[str, ...] = ()) -> tuple[Measure, ...]:
    """The measures of these names in order of name, all where none is given.

    Raises:
        UnknownField: there is none of that name.
    """
    known = measures()
    for name in names:
        if name not in known:
            raise UnknownField("command line", f"--measures {name}", "no such measure", ", ".join(known), "Use one.")
    return tuple(known[name] for name in sorted(set(names or known)))


def asked_for(measures: Iterable[Measure]) -> frozenset[str]:
    """The columns of an exam that these measures look at."""
    conditions = " ".join(c for m in measures for c in (m.file.population, *(step.when for step in m.steps)))
    return RELATION.intersection(re.findall(r"\w+", conditions))


def _read(content: str, name: str) -> Measure:
    where = f"knowledge/{FOLDER}/{name}"
    try:
        measure = Measure(File.model_validate(yaml.safe_load(content)))
    except (yaml.YAMLError, ValidationError) as error:
        found = str(error).splitlines()[0]
        raise RuleFileError(where, "line 1", found, "the form of a measure", "See docs/audit.md.") from error
    if f"{measure.id}.yaml" != name:
        raise RuleFileError(where, "id", measure.id, name.removesuffix(".yaml"), "Name the file after the measure.")
    for table in measure.file.needs:
        if table not in LAYOUT:
            raise RuleFileError(where, "needs", table, ", ".join(LAYOUT), "Correct the name.")
    for guideline in measure.file.guideline:
        if guideline not in scope().guidelines:
            raise RuleFileError(where, "guideline", guideline, ", ".join(scope().guidelines), "Correct the name.")
    for condition in (measure.file.population, *(s.when for s in measure.file.steps + measure.file.after)):
        _check(condition, where)
    return measure


def _check(condition: str, where: str) -> None:
    """Refuse what is no plain condition on the columns of an exam.

    Raises:
        RuleFileError: it is none. MissingExtra: the extra ``audit`` is absent.
    """
    try:
        import sqlglot
        from sqlglot import expressions
    except ImportError as error:
        cure = "Install it: pip install 'radlogic[audit]'"
        raise MissingExtra("audit", "sqlglot", "no such package", "the extra `audit`", cure) from error
    try:
        tree = sqlglot.parse_one(condition, read="duckdb")
    except sqlglot.errors.ParseError as error:
        raise RuleFileError(where, "when", condition, "a condition in SQL", "Correct the syntax.") from error
    allowed = tuple(getattr(expressions, kind) for kind in ONLY)
    names = RELATION | set(scope().settings)
    for node in tree.walk():
        if not isinstance(node, allowed):
            raise RuleFileError(where, "when", node.sql(), ", ".join(ONLY), "Say it with these alone.")
        if isinstance(node, expressions.Column) and node.name not in names:
            raise RuleFileError(where, "when", node.name, ", ".join(sorted(names)), "Use one of these columns.")


def _holds(condition: str, numbers: Mapping[str, int], absent: frozenset[str]) -> str:
    """A condition with the settings and the absent tables filled in."""
    if condition.startswith("no_") and condition[3:] in LAYOUT:
        return str(condition[3:] in absent).upper()
    for name, value in numbers.items():
        condition = condition.replace(name, str(value))
    return f"({condition})"


# How the audit's tables say what a programme asks for; the exam's population already leaves out known cancer.
FACTS = {"age_years": "age", "pack_years": "pack_years", "smoking_status": "smoking_status",
         "years_since_quitting": "years_since_quit", "lung_cancer_symptoms": "NOT asymptomatic"}  # fmt: skip
CANCER = "lung_cancer"


def _of_programme(name: str) -> tuple[Step, ...]:
    """A programme's criteria as steps: what rules the person out first, then what is not documented."""
    asked = load_programme(name)
    early = Step(status="excluded", reason="before_programme", when=f"exam_date < DATE {text(str(asked.effective))}")
    outside = [case for case in asked.outside if any(test.fact != CANCER for test in case.any)]
    out = [Step(status="not_met", reason="not_eligible.outside", when=_any(case.any)) for case in outside]
    fails = [Step(status="not_met", reason=f"not_eligible.{c.id}", when=f"NOT ({_any(c.any)})") for c in asked.criteria]
    silent = [
        Step(status="unknown" if c.id == "age" else "not_met", reason=f"not_documented.{c.id}",
             when=f"({_any(c.any)}) IS NULL")
        for c in asked.criteria
    ]  # fmt: skip
    return (early, *out, *fails, *silent)


def _any(tests: tuple[object, ...]) -> str:
    return " OR ".join(map(_test, tests))


def _test(test: object) -> str:
    """One test of a programme as SQL, NULL where the fact is."""
    fact, low, high, words = (getattr(test, name) for name in ("fact", "low", "high", "one_of"))
    column = FACTS[fact]
    if words:
        either = [f"({column}) = {str(w).upper() if isinstance(w, bool) else text(w)}" for w in words]
        return f"({' OR '.join(either)})"
    bounds = [f"{column} {sign} {bound}" for sign, bound in ((">=", low), ("<=", high)) if bound is not None]
    return f"({' AND '.join(bounds)})"
