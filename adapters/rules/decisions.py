"""A decision model as DMN sees it, before it becomes XML: inputs, decisions, and what each decision needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a decision table: a test a column, what follows, and its annotations by the table's clauses."""

    tests: tuple[str, ...]
    output: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision: a table (``columns`` are FEEL expressions) or, where ``expression`` is set, that expression.

    ``policy``: UNIQUE or FIRST. ``needs``: names of the inputs and decisions that it reads.
    """

    name: str
    label: str
    doc: str
    needs: tuple[str, ...]
    policy: str = "UNIQUE"
    columns: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    expression: str | None = None
    type: str = "string"


@dataclass(frozen=True, slots=True)
class Datum:
    """One input: its name, its type as DMN names it, and the values it may have (FEEL unary tests, or empty)."""

    name: str
    doc: str
    type: str
    allowed: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """A decision service: what a caller may ask for, and which decisions answer it."""

    name: str
    doc: str
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Model:
    """A whole decision model. ``decisions`` by name, each after those that it needs."""

    inputs: Mapping[str, Datum]
    decisions: Mapping[str, Decision]
    services: tuple[Service, ...] = field(default=())

    def behind(self, outputs: Iterable[str]) -> tuple[str, ...]:
        """All decisions that these rest on, themselves among them, in order."""
        needed = set(outputs)
        for name in reversed(list(self.decisions)):
            if name in needed:
                needed.update(self.decisions[name].needs)
        return tuple(name for name in self.decisions if name in needed)

    def inputs_behind(self, decisions: Iterable[str]) -> tuple[str, ...]:
        """All inputs that these decisions read."""
        read = {need for name in decisions for need in self.decisions[name].needs}
        return tuple(name for name in self.inputs if name in read)
