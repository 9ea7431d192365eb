"""The reader's form: a page of fields generated from the guidelines' inputs, and what a reader says with it.

Two uses. ``reading``: an empty form; all that is said is the reader's, and conventions fill what a reader's form
leaves out. ``correction``: the form shows what is believed; what the reader left as it was keeps its belief and its
source, what the reader changed becomes the reader's statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ...engine import facts as engine_facts
from ...engine.errors import BadValue
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.record import Assessment
from ...engine.types import (
    FOUND_BY_PROGRAM,
    Belief,
    Case,
    Facts,
    Finding,
    Indication,
    Known,
    Source,
    SourceKind,
    Unknown,
)
from .. import cases
from ..report.words import capital, clean
from .fields import SHOWN, Field, Input, Option, changed, fields_for, inputs_of, plain, short, text_of

WHERE = "review form"
LOBE: Input = {"type": "bool", "doc": "in an upper lobe; read by risk models, not by the guideline"}
MOST_FIELDS = 900  # a form has at most 1000 fields, the token and buttons among them
MOST_FINDINGS = 12
POSITION = re.compile(r"\s*(-?[0-9]{1,4}(?:\.[0-9]{1,3})?)" + r"\s*,\s*(-?[0-9]{1,4}(?:\.[0-9]{1,3})?)" * 2 + r"\s*")
Texts = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """The fields of one finding, or of the exam: those a reader is asked for, and those that are rarely so."""

    prefix: str
    title: str
    fields: tuple[Field, ...]
    rare: tuple[Field, ...]
    removable: bool = False
    candidate: bool = False  # only a program has pointed at it

    @property
    def said(self) -> bool:
        """Whether one of the rarer fields holds something, so that they must not be folded away."""
        return any(field.value not in ("", "no", "none") for field in self.rare)


class Form:
    """The form of one exam, by the guidelines that were read on it."""

    def __init__(self, assessment: Assessment, folders: tuple[Path, ...] = ()) -> None:
        """The guidelines of a decision that may apply; where none does, all that were considered."""
        self.case = assessment.record.case
        listed = [g.application for g in assessment.decision.guidelines]
        names = [a.guideline for a in listed if a.applies != "no"] or [a.guideline for a in listed]
        loaded = [load_guideline(name, folders) for name in names]
        self.by_kind: dict[str, Guideline] = {}
        for guideline in loaded:
            self.by_kind.setdefault(guideline.head["findings"]["kind"], guideline)

    @property
    def kinds(self) -> tuple[Option, ...]:
        """The kinds of finding that can be added."""
        return tuple(Option(kind, f"{kind} ({g.head['title']})") for kind, g in self.by_kind.items())

    def exam_inputs(self) -> dict[str, Input]:
        """Inputs of exam and patient over all guidelines, each once."""
        found: dict[str, Input] = {}
        for guideline in self.by_kind.values():
            for scope in ("exam", "patient"):
                found = {**inputs_of(guideline, scope), **found}
        return found

    def exam_held(self, case: Case) -> Facts:
        """What is believed of exam and patient, by input."""
        held: dict[str, Belief] = {}
        for guideline in self.by_kind.values():
            held = {**engine_facts.exam_facts(guideline, case), **held}
        return held

    # ---- as blocks of fields -------------------------------------------------------------------

    def exam_block(self, texts: Texts | None, case: Case | None) -> Block:
        """The exam's block: what is believed of ``case`` (None: an empty form), or what was typed."""
        held = self.exam_held(case) if case else {}
        about = Indication.UNKNOWN if case is None else case.exam.indication
        options = tuple(Option(i.value, i.value.replace("_", " ")) for i in Indication)
        why = Field("exam.indication", "Indication", "choice", about.value, options, doc="why the exam was made")
        fields = [*([why] if case else []), *fields_for(self.exam_inputs(), "exam", held)]
        return _block("exam", "Exam and patient", fields, texts)

    def finding_block(self, prefix: str, kind: str, title: str, shown: Finding | None, texts: Texts | None) -> Block:
        """A finding's block; ``shown``: what is believed of it, None for one that the reader adds."""
        inputs, held = self.finding_inputs(kind), shown.facts if shown else {}
        fields = [*fields_for(inputs, prefix, held), _position_field(prefix, shown)]
        made = _block(prefix, title, fields, texts)
        return replace(made, removable=True, candidate=FOUND_BY_PROGRAM in held)

    def finding_inputs(self, kind: str) -> dict[str, Input]:
        """The inputs of a kind of finding; {} for one that no guideline here reads."""
        if kind not in self.by_kind:
            return {}
        found = inputs_of(self.by_kind[kind], "finding")
        return {**found, **({"upper_lobe": LOBE} if kind == "nodule" else {})}

    def new_kinds(self, texts: Texts) -> dict[str, str]:
        """The findings that the reader added: prefix -> kind, in order. Unknown kinds are left out."""
        numbers = sorted(int(m[1]) for name in texts if (m := re.fullmatch(r"new([0-9]{1,2})\.kind", name)))
        kinds = {f"new{n}": texts[f"new{n}.kind"] for n in numbers[:MOST_FINDINGS]}
        return {prefix: kind for prefix, kind in kinds.items() if kind in self.by_kind}

    def names(self, texts: Texts) -> frozenset[str]:
        """The fields of a reading's form: those of the exam, and of each finding that the reader added."""
        found = {field.name for field in fields_for(self.exam_inputs(), "exam", {})}
        for prefix, kind in self.new_kinds(texts).items():
            found |= {field.name for field in fields_for(self.finding_inputs(kind), prefix, {})}
            found |= {f"{prefix}.kind", f"{prefix}.position"}
        return frozenset(found)

    def fits(self) -> bool:
        """Whether all findings of the case fit one form."""
        fields = len(list(fields_for(self.exam_inputs(), "exam", {})))
        for finding in self.case.findings:
            fields += len(list(fields_for(self.finding_inputs(finding.kind), "f", {}))) + 4
        return fields <= MOST_FIELDS

    # ---- as beliefs ----------------------------------------------------------------------------

    def reading(self, texts: Texts) -> Case:
        """The reader's own case: the exam's facts and findings as stated, nothing that a program said.

        Raises:
            BadValue: a field holds what its input does not allow, or more than it can; ``field`` is the form's.
        """
        for name, text in texts.items():  # all of a reading is kept, or nothing
            short(name, text)
        findings = tuple(
            self._own(prefix, kind, f"R{n}", texts) for n, (prefix, kind) in enumerate(self.new_kinds(texts).items(), 1)
        )
        stated = self._exam_stated(texts, {})
        kept = {n: b for n, b in self.case.exam.facts.items() if n not in stated and not _said_by_net(b)}
        exam = replace(self.case.exam, facts={**kept, **stated})
        return replace(self.case, exam=exam, findings=findings, assessed=tuple(self.by_kind))

    def correction(self, texts: Texts, only: frozenset[str] | None = None) -> Case:
        """The case with what the reader changed; ``only``: the prefixes of the findings that the form showed.

        Raises:
            BadValue: as ``reading``.
        """
        kept = [
            self._corrected(f"f{i}", finding, texts) if only is None or f"f{i}" in only else finding
            for i, finding in enumerate(self.case.findings)
        ]
        taken, added = {f.tracking_id for f in self.case.findings}, []
        for prefix, kind in self.new_kinds(texts).items():
            name = next(f"R{n}" for n in range(1, 1000) if f"R{n}" not in taken)
            taken.add(name)
            added.append(self._own(prefix, kind, name, texts))
        findings = (*(f for f in kept if f is not None), *added)
        return replace(self.case, exam=self._exam_corrected(texts), findings=findings)

    def _own(self, prefix: str, kind: str, name: str, texts: Texts) -> Finding:
        facts = self._stated(prefix, kind, texts, {})
        return Finding(name, kind, facts, _position(texts, prefix), text_of(facts.get("location")))

    def _corrected(self, prefix: str, shown: Finding, texts: Texts) -> Finding | None:
        if texts.get(f"{prefix}.remove"):
            return None
        inputs, facts = self.finding_inputs(shown.kind), dict(shown.facts)
        new = changed(inputs, prefix, texts, shown.facts)
        stated = self._stated(prefix, shown.kind, texts, shown.facts) if new else {}
        facts |= {name: stated[name] for name in new if name in stated}
        confirmed = bool(texts.get(f"{prefix}.confirmed")) and FOUND_BY_PROGRAM in facts
        if confirmed:
            facts.pop(FOUND_BY_PROGRAM)
        place = _position(texts, prefix) if f"{prefix}.position" in texts else shown.position_mm
        moved = _position_text(place) != _position_text(shown.position_mm)
        if moved:  # what a net saw, it saw elsewhere
            facts = {n: b for n, b in facts.items() if n == FOUND_BY_PROGRAM or not _said_by_net(b)}
        if not (new or moved or confirmed):
            return shown
        words = text_of(facts.get("location")) if "location" in new else shown.location
        position = place if moved else shown.position_mm
        return replace(shown, facts=without_idle_nets(shown.kind, facts), position_mm=position, location=words)

    def _stated(self, prefix: str, kind: str, texts: Texts, shown: Facts) -> dict[str, Belief]:
        guideline, inputs = self.by_kind[kind], self.finding_inputs(kind)
        item = plain(inputs, prefix, texts, shown)
        lobe = item.pop("upper_lobe", None)
        head = guideline.head["findings"]
        section, many = head["section"], head.get("many", True)
        with _named(prefix, inputs, f"{section}[0]." if many else f"{section}."):
            read = cases.read({section: [item] if many else item}, guideline, WHERE)
        facts = dict(read.findings[0][1])
        if "upper_lobe" in inputs:
            source = Source(SourceKind.HUMAN, f"{WHERE} upper_lobe")
            facts["upper_lobe"] = Known(lobe, source) if isinstance(lobe, bool) else Unknown("not stated", source)
        return facts

    def _exam_stated(self, texts: Texts, shown: Facts) -> dict[str, Belief]:
        found: dict[str, Belief] = {}
        for guideline in self.by_kind.values():
            parts = {scope: inputs_of(guideline, scope) for scope in ("exam", "patient")}
            items = {scope: plain(inputs, "exam", texts, shown) for scope, inputs in parts.items()}
            head = guideline.head["findings"]
            empty: Any = [] if head.get("many", True) else None
            with _named("exam", parts["exam"] | parts["patient"], "exam.", "patient."):
                said = {scope: item for scope, item in items.items() if item}
                read = cases.read({**said, head["section"]: empty}, guideline, WHERE)
            found = {**read.exam, **found}
        return found

    def _exam_corrected(self, texts: Texts) -> Any:
        held = self.exam_held(self.case)
        new = changed(self.exam_inputs(), "exam", texts, held)
        stated = self._exam_stated(texts, held) if new else {}
        facts = {**self.case.exam.facts, **{name: stated[name] for name in new if name in stated}}
        about = texts.get("exam.indication", self.case.exam.indication.value)
        if about not in list(Indication):
            raise BadValue(WHERE, "exam.indication", "another word", ", ".join(Indication), "Choose one of these.")
        return replace(self.case.exam, facts=facts, indication=Indication(about))


def without_idle_nets(kind: str, facts: Mapping[str, Belief]) -> dict[str, Belief]:
    """A nodule's facts without what the net would not be asked for: where humans state type and size, it is silent."""
    if kind != "nodule":
        return dict(facts)
    from ...engine.perception.nodule_beliefs import wanted_of

    human = {n: b for n, b in facts.items() if n == FOUND_BY_PROGRAM or not _said_by_net(b)}
    wanted = wanted_of(human)
    decides = {"type", "mean_mm", "solid_mean_mm"}
    return {n: b for n, b in facts.items() if n in human or (wanted and (n in wanted or n not in decides))}


def _said_by_net(belief: Belief) -> bool:
    return belief.source is not None and belief.source.kind is SourceKind.NET


def _block(prefix: str, title: str, fields: list[Field], texts: Texts | None) -> Block:
    if texts is not None:
        fields = [replace(f, value=_value(f, prefix, texts)) for f in fields]
    asked = tuple(f for f in fields if not f.rare)
    return Block(prefix, title, asked, tuple(f for f in fields if f.rare))


def _value(field: Field, prefix: str, texts: Texts) -> str:
    """What was typed; what was not sent stays as it was shown."""
    asked = field.name in texts or (field.kind == "flag" and f"{prefix}.{SHOWN}" in texts)
    return texts.get(field.name, "") if asked else field.value


def _position_field(prefix: str, shown: Finding | None) -> Field:
    text = _position_text(shown.position_mm) if shown else ""
    doc = "x, y, z in patient coordinates; in the images: click, then take the cross"
    return Field(f"{prefix}.position", "Position", "text", text, unit="mm", doc=doc)


def _position_text(position: tuple[float, float, float] | None) -> str:
    return "" if position is None else ", ".join(f"{p:.1f}" for p in position)


def _position(texts: Texts, prefix: str) -> tuple[float, float, float] | None:
    text = texts.get(f"{prefix}.position", "").strip()
    if not text:
        return None
    found = POSITION.fullmatch(text)
    if found is None:
        allowed = "x, y, z in mm, as -52.4, 31.0, 118.5"
        raise BadValue(WHERE, f"{prefix}.position", "a text of another form", allowed, "Correct it, or leave it empty.")
    x, y, z = (float(p) for p in found.groups())
    return x, y, z


class _named:
    """Puts the form's own field name into an error of the reader's form."""

    def __init__(self, prefix: str, inputs: Mapping[str, Input], *places: str) -> None:
        self.names = {f"{place}{i.get('at', n)}": f"{prefix}.{n}" for n, i in inputs.items() for place in places}

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, BadValue):
            path = re.sub(r"\[[0-9]+\]$", "", error.field)
            error.field = self.names.get(error.field) or self.names.get(path) or error.field


def titles(form: Form, texts: Texts, *, showing: bool) -> Iterator[tuple[str, str, str, Finding | None]]:
    """(prefix, kind, title, finding) of every finding of a form; ``showing``: those of the case come first."""
    if showing:
        for i, finding in enumerate(form.case.findings):
            yield f"f{i}", finding.kind, f"{capital(clean(finding.kind))} {clean(finding.tracking_id)}", finding
    for n, (prefix, kind) in enumerate(form.new_kinds(texts).items(), 1):
        yield prefix, kind, f"Your {kind} {n}", None
