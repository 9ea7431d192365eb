"""What the product understands of a record: the facts, and which codes state or ask for which fact.

Everything here is data of ``knowledge/``. A value set that is absent or empty is an error, never an
empty answer: a fact that nothing can state would look like a fact that no record mentions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from ...engine.errors import MissingKnowledge
from ...engine.resources import knowledge_folder, yaml_loader
from .coding import Code, codings
from .vocabulary_files import (
    NOTHING,
    UNSETTLED,
    CodeEntry,
    FactEntry,
    FactsFile,
    Index,
    LiverExams,
    PriorExams,
    ValueSet,
)

Model = TypeVar("Model", bound=BaseModel)
Folder = Traversable | Path


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code says of a fact; ``value`` is None where it raises the question and leaves it open."""

    fact: str
    value: bool | str | None
    whole: bool
    display: str
    because_of: str | None = None  # it counts only where the entry gives this fact as its reason


@dataclass(frozen=True, slots=True)
class ExamCodes:
    """What counts as an exam of one region: its codes with their words, or a series of these modalities and sites."""

    exams: Mapping[Code, str]
    modalities: tuple[str, ...]
    sites: frozenset[Code]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """All facts and codes; ``meanings_of`` and ``asked_by`` are the two questions put to it."""

    facts: Mapping[str, FactEntry]
    exact: Mapping[Code, tuple[Meaning, ...]]
    prefixes: Mapping[str, Mapping[str, tuple[tuple[str, Meaning | None], ...]]]  # system, fact, longest prefix first
    questions: Mapping[Code, tuple[str, ...]]
    relatives_of: Mapping[str, str]  # fact about relatives -> the fact that must hold of one
    not_blood: frozenset[Code]
    exams: Mapping[Code, str]
    modality: str
    sites: frozenset[Code]
    category_codes: frozenset[Code]
    categories: tuple[str, ...]
    liver: ExamCodes
    known: frozenset[Code]  # every code above that is no prefix
    systems: frozenset[str]  # every code system that is read

    def bears_on(self, resource: Mapping[str, Any]) -> bool:
        """Whether a resource's code, or that of a component, is in any value set: most of a record's are in none."""
        concept = resource.get("code")
        found = concept.get("coding") if type(concept) is dict else None
        for coding in found if type(found) is list else ():  # written out: asked of every resource of a record
            system = coding.get("system") if type(coding) is dict else None
            if type(system) is str and (system in self.prefixes or (system, str(coding.get("code"))) in self.known):
                return True
        parts = resource.get("component")
        return isinstance(parts, list) and any(self.bears_on(part) for part in parts if isinstance(part, dict))

    def meanings_of(self, system: str, code: str) -> tuple[Meaning, ...]:
        """What one coding says, of as many facts as it bears on; nothing where it is in no value set."""
        facts = self.prefixes.get(system)
        if facts is None:
            return self.exact.get((system, code), ())
        longest = (next((m for start, m in known if _under(code, start)), None) for known in facts.values())
        return tuple(meaning for meaning in longest if meaning)

    def all_meanings(self, concept: Any) -> tuple[Meaning, ...]:
        """What a CodeableConcept says: each meaning of its codings once."""
        found = codings(concept)
        if len(found) == 1:
            return self.meanings_of(*found[0])
        return tuple({(m.fact, m.value): m for code in found for m in self.meanings_of(*code)}.values())

    def asked_by(self, system: str, code: str) -> tuple[str, ...]:
        """The facts that an Observation with this code answers."""
        return self.questions.get((system, code), ())


def _under(code: str, start: str) -> bool:
    return code == start[:-1] if start.endswith("$") else code.startswith(start)


@lru_cache(maxsize=1)
def shipped() -> Vocabulary:
    """The vocabulary that ships with the product.

    Raises:
        MissingKnowledge: a file or value set is absent, empty or broken.
    """
    return load(knowledge_folder())


def load(folder: Folder) -> Vocabulary:
    """The vocabulary of a ``knowledge/`` folder.

    Raises:
        MissingKnowledge: a file or value set is absent, empty or broken.
    """
    facts = _parsed(folder / "facts.yaml", FactsFile, under="facts").facts
    terms = folder / "terminology"
    index = _parsed(terms / "index.yaml", Index)
    sets = {name: _value_set(terms, name, fact) for name, fact in facts.items() if fact.read_from == "record"}
    concepts = {name: _with_included(name, sets) for name in sets}
    _check_codes([code for s in sets.values() for code in (*s.observed_as, *s.concepts)], index)
    prior = _parsed(terms / "prior_exams.yaml", PriorExams)
    _check_codes([*prior.exams, *prior.sites, *prior.category.observed_as], index)
    exact, questions = _exact(concepts, index), _questions(sets, index)
    exams = {(index.systems[e.system], e.code): e.display for e in prior.exams}
    category_codes = frozenset((index.systems[e.system], e.code) for e in prior.category.observed_as)
    liver = _exam_codes(_parsed(terms / "liver_exams.yaml", LiverExams), index)
    return Vocabulary(
        facts=facts,
        exact=exact,
        prefixes=_prefixes(concepts, index),
        questions=questions,
        relatives_of={name: s.of_relatives for name, s in sets.items() if s.of_relatives},
        not_blood=frozenset(
            (index.systems[s.not_blood_relatives.system], code)
            for s in sets.values()
            if s.not_blood_relatives
            for code in s.not_blood_relatives.codes
        ),
        exams=exams,
        modality=prior.modality,
        sites=frozenset((index.systems[e.system], e.code) for e in prior.sites),
        category_codes=category_codes,
        categories=prior.category.values,
        liver=liver,
        known=frozenset((*exact, *questions, *exams, *category_codes, *liver.exams)),
        systems=frozenset(index.systems.values()),
    )


def _exam_codes(found: LiverExams, index: Index) -> ExamCodes:
    _check_codes([*found.exams, *found.sites], index)
    exams = {(index.systems[e.system], e.code): e.display for e in found.exams}
    return ExamCodes(exams, found.modalities, frozenset((index.systems[e.system], e.code) for e in found.sites))


def _parsed(file: Folder, model: type[Model], under: str = "") -> Model:
    try:
        content: Any = yaml.load(file.read_text(encoding="utf-8"), yaml_loader())  # noqa: S506  the safe one
        return model.model_validate({under: content} if under else content)
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        said = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": "no readable YAML file"}
        place = ".".join(str(part) for part in said["loc"])
        raise _missing(f"knowledge/{file.name}", place, str(said["msg"])) from error


def _missing(where: str, field: str, found: str) -> MissingKnowledge:
    return MissingKnowledge(
        where, field, found, "a complete file of the product", "Reinstall radlogic or mend the file."
    )


def _value_set(terms: Folder, name: str, fact: FactEntry) -> ValueSet:
    found = _parsed(terms / f"{name}.yaml", ValueSet)
    if found.fact != name:
        raise _missing(f"knowledge/{name}.yaml", "fact", f"the fact {found.fact}")
    if not (found.observed_as if fact.type == "quantity" else found.concepts):
        raise _missing(f"knowledge/{name}.yaml", "", "a value set without codes")
    allowed = {"bool": (True, False), "enum": fact.values, "quantity": ()}[fact.type]
    for entry in found.concepts:
        if entry.because_of == name:
            raise _missing(f"knowledge/{name}.yaml", f"concepts {entry.code}", "a reason that is the fact itself")
        if entry.means not in (*allowed, UNSETTLED, NOTHING):
            raise _missing(f"knowledge/{name}.yaml", f"concepts {entry.code}", f"means {entry.means}")
    return found


def _with_included(name: str, sets: Mapping[str, ValueSet]) -> tuple[CodeEntry, ...]:
    """A set's own entries, and those of the sets it includes where it has none for the same code."""
    own = {(e.system, e.code): e for e in sets[name].concepts}
    for other in sets[name].includes:
        if other not in sets:
            raise _missing(f"knowledge/{name}.yaml", "includes", f"the unknown set {other}")
        own = {(e.system, e.code): e for e in sets[other].concepts} | own
    return tuple(own.values())


def _check_codes(entries: list[CodeEntry], index: Index) -> None:
    for entry in entries:
        if entry.system not in index.systems or entry.source not in index.sources:
            raise _missing("knowledge/terminology", f"code {entry.code}", "a code without known system or source")
        if entry.below and entry.system not in index.by_prefix:
            raise _missing("knowledge/terminology", f"code {entry.code}", "`below` in a system without prefixes")


def _meaning(fact: str, entry: CodeEntry) -> Meaning | None:
    if entry.means == NOTHING:
        return None
    value = None if entry.means == UNSETTLED else entry.means
    return Meaning(fact, value, entry.whole, entry.display, entry.because_of)


def _exact(concepts: Mapping[str, tuple[CodeEntry, ...]], index: Index) -> dict[Code, tuple[Meaning, ...]]:
    found: dict[Code, tuple[Meaning, ...]] = {}
    for fact, entries in concepts.items():
        for entry in entries:
            meaning = _meaning(fact, entry)
            if meaning and entry.system not in index.by_prefix:
                code = (index.systems[entry.system], entry.code)
                found[code] = (*found.get(code, ()), meaning)
    return found


def _prefixes(
    concepts: Mapping[str, tuple[CodeEntry, ...]], index: Index
) -> dict[str, dict[str, tuple[tuple[str, Meaning | None], ...]]]:
    """Per system and fact, the entries from the longest to the shortest; '$' ends an entry that takes no children."""
    found: dict[str, dict[str, tuple[tuple[str, Meaning | None], ...]]] = {}
    for system in index.by_prefix:
        found[index.systems[system]] = {
            fact: tuple(
                (entry.code + ("" if entry.below else "$"), _meaning(fact, entry))
                for entry in sorted(entries, key=lambda e: -len(e.code))
                if entry.system == system
            )
            for fact, entries in concepts.items()
        }
    return found


def _questions(sets: Mapping[str, ValueSet], index: Index) -> dict[Code, tuple[str, ...]]:
    found: dict[Code, tuple[str, ...]] = {}
    for fact, value_set in sets.items():
        for entry in value_set.observed_as:
            code = (index.systems[entry.system], entry.code)
            found[code] = (*found.get(code, ()), fact)
    return found
