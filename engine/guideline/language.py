"""The rule language: what a guideline's YAML files may say.

These models are the grammar; ``docs/rule-language.md`` is generated from them. A guideline is one
folder ``rules/<guideline>/<edition>/`` with ``guideline.yaml``, ``inputs.yaml`` and ``tables/*.yaml``.
There are no functions, no recursion and no free expressions, so that every reader stays decidable.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Text = Annotated[str, Field(pattern=r"\S")]  # not blank
Symbol = str | bool | int | Decimal


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Code(_Strict):
    """A code of a terminology that means this input or value, and where that was confirmed."""

    system: str
    code: str
    display: str
    source: str


class Input(_Strict):
    """One thing that can be known of an exam, a patient or a finding."""

    type: Literal["bool", "enum", "set", "number", "history", "text", "date"]
    """``set``: a list of features, each of which becomes a yes/no input ``name.feature``.
    ``history``: older sizes, a list of {months_ago, mean_mm}. ``text`` and ``date`` never decide."""
    doc: str
    """What it means, in one sentence."""
    values: tuple[str, ...] = ()
    """For ``enum`` and ``set``: all values."""
    unit: str | None = None
    """For ``number``: UCUM unit, or the word the guideline uses (mm, mm3, months, years)."""
    range: tuple[Decimal, Decimal] | None = None
    """For ``number``: least and greatest value a patient can have; outside is an input error."""
    step: Decimal | None = None
    """For ``number``: the step in which it is read (0.1 mm)."""
    absent: bool | str | None = None
    """What a reader's form means when it does not mention this input: ``false`` (not present), an
    enum value, ``n/a`` (no prior, so no prior size), or nothing: then absence is unknown."""
    absent_when: dict[str, tuple[str, ...]] = {}
    """The convention of ``absent`` holds only where these other inputs have one of these values."""
    implied: dict[str, tuple[str, ...]] = {}
    """For ``enum``: value -> other inputs. A form that mentions one of them, if only as unknown, says this value."""
    null: str | None = None
    """For ``enum``: the value that an explicit null stands for, where it does not mean unknown."""
    other: str | None = None
    """For ``enum`` that is written as free text: the value that all text which is none of the values counts as."""
    exactly: int | None = None
    """For ``set``: how many values are named where any are."""
    at: str | None = None
    """Where a case holds it, if not under its own name: ``growth.prior_size_mm``."""
    fact: str | None = None
    """The patient fact (``knowledge/facts.yaml``) that gives it where no reader states it."""
    facts: dict[str, str] = {}
    """For ``set``: value -> the patient fact that gives it."""
    reader: bool = True
    """False: not a field of a reader's form; the engine is told by an adapter (lungs in the image)."""
    ask: str = ""
    """The question to a human when this is what is missing."""
    codes: dict[str, tuple[Code, ...]] = {}
    """Codes by value (for ``bool``: ``yes``)."""

    @model_validator(mode="after")
    def _shape(self) -> Input:
        listed = self.type in ("enum", "set")
        if listed != bool(self.values):
            raise ValueError(f"`values` is for enum and set, and needed there; this is a {self.type}")
        if (self.type == "number") != (self.unit is not None and self.range is not None):
            raise ValueError("a number needs `unit` and `range`, and only a number has them")
        if self.other is not None and (self.type != "enum" or self.other not in self.values):
            raise ValueError("`other` is for an enum, and must be one of its values")
        if self.exactly is not None and self.type != "set":
            raise ValueError("`exactly` is for a set")
        return self


class Number(_Strict):
    """A number that follows from inputs. Exactly one of the ways to make it is given."""

    doc: str
    unit: str
    input: str | None = None
    """The input itself."""
    mean_of: tuple[str, str] | None = None
    """Half the sum of two numbers."""
    either: tuple[str, ...] | None = None
    """Whichever of these is known; where several are, they must agree within ``round``."""
    difference: tuple[str, str] | None = None
    """First less second."""
    percent_change: tuple[str, str] | None = None
    """(first - second) / second x 100."""
    largest_increase: dict[Literal["now", "prior", "interval", "history", "within_months"], str] | None = None
    """The largest increase of ``now`` over the ``prior`` (``interval`` months ago) and the sizes in
    ``history``; with ``within_months`` only over those at most that old. n/a where there is none."""
    count_exams: dict[Literal["prior", "interval", "history"], str] | None = None
    """How many earlier exams measured the finding; the prior is counted once if history repeats it."""
    same_cuts: dict[str, Any] | None = None
    """{first: number, or: number, cuts: [[4, 34], ...]}: two units with paired cuts. Where only the
    second is known it is taken to lie at the greatest paired cut that it reaches."""
    round: Decimal | None = None
    """Rounded half up to this step, in decimal arithmetic."""

    KINDS: ClassVar = (
        "input", "mean_of", "either", "difference", "percent_change", "largest_increase", "count_exams", "same_cuts",
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_way(self) -> Number:
        given = [kind for kind in self.KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(self.KINDS)}; found {', '.join(given) or 'none'}")
        return self


class Range(_Strict):
    """``from`` and ``to`` are included, ``above`` and ``below`` excluded; ``or: n/a`` also takes n/a."""

    from_: Decimal | None = Field(default=None, alias="from")
    above: Decimal | None = None
    to: Decimal | None = None
    below: Decimal | None = None
    or_: Literal["n/a"] | None = Field(default=None, alias="or")


Test = Symbol | tuple[Symbol, ...] | Range | dict[Literal["not"], Symbol | tuple[Symbol, ...]]


class Shift(_Strict):
    """An adjustment of a category: steps up (or down, negative), to ``cap`` at most."""

    by: int
    cap: str | None = None


class Silent(_Strict):
    """A spot where the guideline's text does not decide. ``then`` is the default reading."""

    alternatives: tuple[str, ...] = Field(min_length=1)
    why: Text


class Row(_Strict):
    """A conjunction of tests, and what follows. Exactly one row of a table may fit."""

    id: str
    if_: dict[str, Test] = Field(default={}, alias="if")
    then: Symbol | Shift
    cite: Text | None = None
    """Where in the guideline; the table's citation where absent."""
    mark: Literal["V2", "V1", "M"] | None = None
    """Confidence, where it is not the table's."""
    says: str = ""
    """What it concludes, in words, where the symbol does not say it."""
    silent: Silent | None = None
    over: tuple[str, ...] = ()
    """Rows that also fit and give way to this one: an overlap waived by name."""
    because: str = ""
    """Why they give way; needed with ``over``."""

    @model_validator(mode="after")
    def _waiver_has_reason(self) -> Row:
        if bool(self.over) != bool(self.because.strip()):
            raise ValueError("`over` needs `because`, and only `over` does")
        return self


class Table(_Strict):
    """One table. ``rows`` decide; ``any`` says yes when one of its rows fits; ``sum`` adds up the
    points of other tables; ``union`` takes the result of whichever is asked; ``adjust`` shifts the
    category of another table by its rows, or replaces it."""

    id: Name
    title: str
    scope: Literal["finding", "exam"]
    cite: Text
    mark: Literal["V2", "V1", "M"] = "V2"
    """Confidence: two or more sources agree, one source, or expert recollection."""
    when: dict[str, Test] = {}
    """The table is asked only here; elsewhere its result is ``n/a``."""
    rows: tuple[Row, ...] = ()
    any: tuple[Row, ...] = ()
    sum: tuple[Name, ...] = ()
    union: tuple[Name, ...] = ()
    """The result of whichever of these tables is asked; exactly one must be."""
    adjust: Name | None = None
    otherwise: Row | None = None
    """The row for whatever no other row fits."""

    @model_validator(mode="after")
    def _one_kind(self) -> Table:
        if sum(map(bool, (self.rows, self.any, self.sum, self.union))) != 1:
            raise ValueError("exactly one of `rows`, `any`, `sum`, `union`")
        ids = [row.id for row in (*self.rows, *self.any)]
        if len(set(ids)) != len(ids):
            raise ValueError("a row id is used twice")
        return self


class TableFile(_Strict):
    """A file of ``tables/``: one or more tables that belong on one page."""

    tables: tuple[Table, ...] = Field(min_length=1)


class AtMost(_Strict):
    """One number is never greater than another."""

    small: str
    large: str
    why: str


class InputsFile(_Strict):
    """``inputs.yaml``. Inputs by scope in the order in which a human would be asked."""

    exam: dict[Name, Input] = {}
    patient: dict[Name, Input] = {}
    finding: dict[Name, Input] = {}
    numbers: dict[Name, Number] = {}
    at_most: tuple[AtMost, ...] = ()
    """What no patient can have otherwise; facts that break it are a contradiction."""
    order: tuple[str, ...] = ()
    """Optional: inputs and numbers that the compiled structure asks first; the rest follow."""


class Category(_Strict):
    """One category. ``risk`` is the printed probability band in percent, None where none is printed."""

    id: str
    display: str
    descriptor: str
    risk: tuple[Decimal, Decimal] | None = None
    risk_source: str = ""
    prevalence: str = ""


class Findings(_Strict):
    """How a case of this guideline names its findings: the key, the kind, one or a list."""

    section: str
    kind: str
    many: bool = True
    null: Literal["none", "unknown"] = "unknown"
    """What null in the place of the findings means: that there are none, or that it is not known."""


class Answer(_Strict):
    """One field of the answer: the table that gives it, and what its symbols stand for."""

    table: Name
    values: dict[str, Any] | None = None
    """Symbol -> value in the answer; absent: the symbol itself."""
    apart: bool = False
    """For an answer on a finding: compiled by itself, where compiling it with the category would only multiply
    both. Not for one that is ``leading``."""


class Guideline(_Strict):
    """``guideline.yaml``."""

    id: str
    edition: str
    title: str
    effective: date
    superseded: date | None = None
    owner: str
    """Whose guideline and mark it is."""
    sources: dict[str, str] = Field(min_length=1)
    findings: Findings
    categories: tuple[Category, ...] = Field(min_length=1)
    """From least to most concern: adjustments step along them, the exam takes the highest of its findings'."""
    urgency: tuple[str, ...] = ()
    """The categories as the exam ranks its findings, least urgent first, where that is another order."""
    outside: tuple[str, ...] = ()
    """Results that are no category (not classified, no category, negative)."""
    applies: Name | None = None
    """The exam table that says whether the guideline applies: yes, conditional or no."""
    category: Name
    """The finding table that gives the category."""
    exam_category: Name
    """The exam table that gives the exam's category; it may test ``worst`` and ``leading.<answer>``."""
    managements: dict[str, dict[str, Any]]
    """Category (or the symbol of the table ``management``) -> management, interval_months, ..."""
    management: Name | None = None
    finding_answers: dict[Name, Answer] = {}
    exam_answers: dict[Name, Answer] = {}
    leading: tuple[Name, ...] = ()
    """Finding answers that the exam tables may test on the most suspicious finding."""

    @model_validator(mode="after")
    def _leading_is_not_apart(self) -> Guideline:
        apart = [n for n in self.leading if n in self.finding_answers and self.finding_answers[n].apart]
        if apart:
            raise ValueError(f"{', '.join(apart)} cannot be both `leading` and `apart`")
        return self
