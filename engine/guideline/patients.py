"""Patients who meet given cells of the variables: whether there can be one, and one who does, in facts and words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, partial

from ..types import Belief, Facts, Known, NotApplicable, Source, SourceKind
from .load import Guideline
from .situation import raw_value
from .tables import NO_FINDING, NOT_APPLICABLE, WORST, Variable
from .trials import Trials, Value
from .ways import Cells, Part, Space, Walk

SAID = Source(SourceKind.HUMAN, "a patient made for a proof")


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient of a proof: facts of the exam (patient facts among them), and of each finding."""

    exam: Facts
    findings: tuple[Facts, ...]

    def words(self) -> str:
        """All that is stated of the patient, in words."""
        parts = [_words(self.exam), *map(_words, self.findings)]
        return "; ".join(filter(None, parts)) or "any patient"

    def beside(self, other: Patient) -> str:
        """The other patient in words: where both have as many findings, only what is stated otherwise."""
        if len(self.findings) != len(other.findings):
            return other.words()
        pairs = zip((self.exam, *self.findings), (other.exam, *other.findings), strict=True)
        changed = ({n: b for n, b in theirs.items() if mine.get(n) != b} for mine, theirs in pairs)
        return f"the same but {', '.join(_words(facts) for facts in changed if facts)}"


@dataclass
class Patients:
    """The patients of a guideline. ``variables``: by name, in whichever cells they are asked about."""

    guideline: Guideline
    variables: Mapping[str, Variable]

    @cached_property
    def trials(self) -> Trials:
        """The search for their measurements."""
        return Trials(self.guideline, self.variables)

    @cached_property
    def tied(self) -> frozenset[str]:
        """The variables of which not all combinations can be."""
        return frozenset({*self.trials.tied, *self.counted})

    @cached_property
    def counted(self) -> Mapping[str, str]:
        """Feature -> its set, where exactly so many of a set are named."""
        counts = {name: i for name, (_, i) in self.guideline.inputs.items() if "exactly" in i}
        return {f"{name}.{v}": name for name, i in counts.items() for v in i["values"]}

    def can_be(self, cells: Cells) -> bool:
        """Whether some patient has all these cells."""
        named, sized = _grouped(cells, self.counted), _grouped(cells, self.trials.tied)
        return all(self._named(name, members) for name, members in named.items()) and all(
            self.trials.measured(members) is not None for members in sized.values()
        )

    def facts(self, cells: Cells, like: Facts | None = None) -> dict[str, Belief]:
        """The facts of a patient with these cells (``can_be`` has said that there is one)."""
        found: dict[str, Belief] = {}
        known = {n: raw_value(b) for n, b in (like or {}).items()}
        for members in _grouped(cells, self.trials.tied).values():
            raw = self.trials.measured(members, {n: v for n, v in known.items() if v is not None})
            found |= {n: _belief(v) for n, v in (raw or {}).items() if v is not None}
        for name, cell in ((n, c) for n, c in cells if n not in self.trials.tied):
            symbol = self.variables[name].domain[cell]
            truth = {"yes": True, "no": False}
            listed = self.guideline.inputs.get(name, ("", {"type": "bool"}))[1]["type"] == "enum"
            found[name] = _belief(symbol) if listed or symbol not in truth else Known(truth[symbol], SAID)
        return {n: found[n] for n in sorted(found, key=self._place)}

    def patient(self, cells: Cells, like: Facts | None = None) -> Patient:
        """A patient with one finding that has these cells."""
        facts = self.facts(cells, like)
        own = {n for n, b in facts.items() if self.guideline.inputs[n.partition(".")[0]][0] == "finding"}
        return Patient(
            {n: b for n, b in facts.items() if n not in own}, ({n: b for n, b in facts.items() if n in own},)
        )

    def _place(self, name: str) -> int:
        return list(self.guideline.inputs).index(name.partition(".")[0])

    def _named(self, name: str, members: Cells) -> bool:
        """Whether a set of which exactly so many values are named, or none, can have these."""
        values = self.guideline.inputs[name][1]["values"]
        needed = self.guideline.inputs[name][1]["exactly"]
        yes = sum(self.variables[n].domain[cell] == "yes" for n, cell in members)
        return not yes or yes <= needed <= len(values) - (len(members) - yes)


@dataclass
class Exams:
    """Exams of a guideline, with the findings that make them so."""

    guideline: Guideline
    space: Space
    patients: Patients
    known: dict[Cells, Patient | None] = field(default_factory=dict)

    def exam(self, cells: Cells) -> Patient | None:
        """An exam with these cells, and with findings that give it the highest category and the leading answers."""
        if cells not in self.known:
            self.known[cells] = self._exam(cells)
        return self.known[cells]

    def _exam(self, cells: Cells) -> Patient | None:
        by_name = self.space.builder.by_name
        own = self._shared(cells)
        if not self.patients.can_be(own):
            return None
        told = {n: by_name[n].domain[c] for n, c in cells - own}
        worst = told.pop(WORST, None)
        if worst in (None, NO_FINDING) and all(by_name[n].domain[0] == r for n, r in told.items()):
            return Patient(self.patients.facts(own), ())
        found = None if worst == NO_FINDING else self._findings(own, worst, told)
        if found is None:
            return None
        shared = own.union(*map(self._shared, found))
        return Patient(self.patients.facts(shared), tuple(self.patients.facts(f - shared) for f in found))

    def _findings(self, own: Cells, worst: str | None, told: Mapping[str, str]) -> list[Cells] | None:
        """One finding of this category with these answers; else one for each answer, for the exam takes the greater."""
        one = self._finding(own, worst, lambda answers: all(answers[n] == r for n, r in told.items()))
        if one is not None or not told or not self.guideline.head["findings"].get("many", True):
            return None if one is None else [one]
        found: list[Cells] = []
        for name in told:
            shared = own.union(*map(self._shared, found))
            one = self._finding(shared, worst, partial(_reaches, told, name))
            if one is None:
                return None
            found.append(one)
        return found

    def _finding(self, own: Cells, worst: str | None, fits: Callable[[Mapping[str, str]], bool]) -> Cells | None:
        """The cells of a finding on an exam with its ``own``."""

        def wanted(ends: tuple[tuple[str, ...], ...]) -> bool:
            return worst in (None, ends[0][0]) and fits(dict(zip(self.leading, ends[0][1:], strict=True)))

        fixed = dict(own)
        options = [[(c,) for c in range(len(v.domain)) if fixed.get(v.name, c) == c] for v in self.space.variables]
        path = Walk(self.space, (self.findings,), options, wanted, self.patients.tied, self.patients.can_be).first()
        return None if path is None else own | self.space.cells(path)

    def _shared(self, cells: Cells) -> Cells:
        """What of a finding's cells are the exam's or the patient's."""
        return frozenset((n, c) for n, c in cells if self.space.builder.by_name[n].scope in ("exam", "patient"))

    @cached_property
    def leading(self) -> tuple[str, ...]:
        """The answers of a finding that the exam looks at, as the exam names them."""
        return tuple(f"leading.{name}" for name in self.guideline.head.get("leading", ()))

    @cached_property
    def findings(self) -> Part:
        """What the exam needs to know of a finding, by all readings."""
        stage, head = self.guideline.finding.stage, self.guideline.head
        answers = [head["finding_answers"][n]["table"] for n in head.get("leading", ())]
        tables = [stage.table(t) for t in (head["category"], *answers)]
        return self.space.part(self.guideline.finding, lambda leaf: tuple(leaf.results[t] for t in tables), "all")


def _reaches(told: Mapping[str, str], name: str, answers: Mapping[str, str]) -> bool:
    """Whether a finding has one of the answers, and exceeds none: the exam takes the greater of each."""
    return answers[name] == told[name] and all(answers[n] <= r for n, r in told.items())


def _belief(value: Value) -> Belief:
    return NotApplicable(SAID) if value == NOT_APPLICABLE else Known(value, SAID)


def _words(facts: Mapping[str, Belief]) -> str:
    return ", ".join(f"{name} = {_value(belief)}" for name, belief in facts.items())


def _value(belief: Belief) -> str:
    value = belief.value if isinstance(belief, Known) else NOT_APPLICABLE
    if isinstance(value, tuple):
        return " and ".join(f"{p.mean_mm} mm {p.months_ago} months ago" for p in value) or "no older exam"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


def _grouped(cells: Cells, group: Mapping[str, str]) -> dict[str, Cells]:
    """The cells that belong to each group."""
    found: dict[str, set[tuple[str, int]]] = {}
    for name, cell in cells:
        if name in group:
            found.setdefault(group[name], set()).add((name, cell))
    return {name: frozenset(members) for name, members in found.items()}
