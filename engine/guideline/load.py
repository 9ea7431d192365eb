"""Guidelines by name, compiled once and cached by the hash of their files.

A compiled guideline is looked for in the package (wheels ship it), then in the user's cache folder,
then compiled from the YAML and put into that cache. A cache whose hash differs is never read.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

from ..errors import Incomplete, Overlap, RuleError, UnknownGuideline
from ..resources import rules_folder
from . import numbers
from .cache import APART
from .cache import load as load_compiled
from .compile import Diagram
from .editions import Folder, editions, find, hash_of, origin_of
from .tables import NOT_APPLICABLE

Made = TypeVar("Made")


@dataclass(frozen=True)
class Guideline:
    """A compiled guideline: the plain ``document`` and a diagram each for findings, exam and population."""

    name: str  # guideline@edition
    document: Mapping[str, Any]
    finding: Diagram
    exam: Diagram
    applies: Diagram | None = None  # None: nothing says where it applies, so it is only read on request
    apart: Mapping[str, Diagram] = field(default_factory=dict)  # by table: what is compiled by itself
    origin: str = ""  # what the folder of further guidelines is called that it was read from, '' for the shipped rules

    def worked_out(self, key: Hashable, make: Callable[[], Made]) -> Made:
        """What a reader works out from the guideline alone, once."""
        if key not in self._worked_out:
            self._worked_out[key] = make()
        found: Made = self._worked_out[key]
        return found

    @cached_property
    def _worked_out(self) -> dict[Hashable, Any]:
        return {}

    @property
    def head(self) -> Mapping[str, Any]:
        """``guideline.yaml`` as a plain document."""
        head: Mapping[str, Any] = self.document["guideline"]
        return head

    @property
    def sha256(self) -> str:
        """Hash of the guideline's files."""
        return str(self.document["sha256"])

    @cached_property
    def inputs(self) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        """Every input: name -> (scope, definition)."""
        groups = self.document["inputs"]
        scopes = ("exam", "patient", "finding")
        return {name: (scope, i) for scope in scopes for name, i in groups.get(scope, {}).items()}

    @cached_property
    def numbers(self) -> Mapping[str, Mapping[str, Any]]:
        """Definitions of numbers; a number input stands for itself."""
        plain = {n: {"input": n, **i} for n, (_, i) in self.inputs.items() if i["type"] == "number"}
        defined: dict[str, Mapping[str, Any]] = self.document["inputs"].get("numbers", {})
        return plain | defined

    @cached_property
    def amounts(self) -> tuple[str, ...]:
        """The inputs that numbers rest on: numbers and lists of older sizes."""
        return tuple(n for n, (_, i) in self.inputs.items() if i["type"] in ("number", "history"))

    @cached_property
    def applies_with(self) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
        """Inputs that can be n/a only where other inputs have certain values: input -> other -> these values."""
        held = {n: i for n, (_, i) in self.inputs.items() if i.get("absent") == NOT_APPLICABLE}
        return {n: {o: tuple(v) for o, v in i["absent_when"].items()} for n, i in held.items() if "absent_when" in i}

    @cached_property
    def behind(self) -> Mapping[str, frozenset[str]]:
        """The inputs that each number rests on."""
        return {name: numbers.inputs_of(name, self.numbers) for name in self.numbers}

    @cached_property
    def rank(self) -> Mapping[str, int]:
        """Category -> place in the order of concern; results outside it are -1."""
        order = self.head.get("urgency") or [c["id"] for c in self.head["categories"]]
        ranks = {category: i for i, category in enumerate(order)}
        return ranks | dict.fromkeys(self.head.get("outside", ()), -1)


@lru_cache(maxsize=64)
def load_guideline(name: str, folders: tuple[Path, ...] = ()) -> Guideline:
    """The guideline ``name`` (``lung-rads@2022``) from the shipped rules and the given extra folders.

    Raises:
        UnknownGuideline: there is none of that name; the error lists all there are.
        RuleError: its files break the rule language, are incomplete or contradict themselves; the error names
            file, line and key.
        NotReadable: one of the folders is none.
    """
    folder = find(name, (rules_folder(), *folders))
    try:
        document, diagrams = load_compiled(hash_of(folder), lambda: _read(folder))
    except (Incomplete, Overlap) as error:
        raise _located(error, folder) from error
    apart = {n.removeprefix(APART): diagrams.pop(n) for n in [*diagrams] if n.startswith(APART)}
    return Guideline(name, document, **diagrams, apart=apart, origin=origin_of(name, folder, folders))


def in_force(guideline: str, exam_date: date | None, folders: tuple[Path, ...] = ()) -> tuple[str, str]:
    """The edition of a guideline for an exam's date, and how it was chosen, in words.

    Without a date, and for a date before the first edition, the newest.

    Raises:
        UnknownGuideline: there is none of that name.
    """
    known = [full for root in (rules_folder(), *folders) for full, _ in editions(root)]
    mine = [load_guideline(full, folders) for full in known if full.split("@")[0] == guideline]
    if not mine:
        raise UnknownGuideline("guidelines", "id", guideline, ", ".join(known), "Use one of these.")
    mine.sort(key=lambda g: str(g.head["effective"]))
    if exam_date is None:
        return mine[-1].name, f"no exam date: the newest edition, {mine[-1].name}"
    begun = [g for g in mine if g.head["effective"] <= exam_date.isoformat()]
    if not begun:
        return mine[-1].name, f"no edition was in force on {exam_date}: the newest, {mine[-1].name}"
    return begun[-1].name, f"the edition in force on {exam_date}: {begun[-1].name}"


def _read(folder: Folder) -> dict[str, Any]:
    from .source import read  # pydantic and YAML load only where the cache has no answer

    return read(folder)


def _located(error: RuleError, folder: Folder) -> RuleError:
    from .source import located  # the lines are read again only where there is something to say of them

    return located(error, folder)
