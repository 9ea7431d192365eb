"""A statement on a guideline, as ``prove`` shows or refutes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import RuleFileError

Tests = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """One sentence on a guideline, in one of five kinds.

    * ``always``, ``never``: the result is (is never) one of ``names``;
    * ``monotone``: of two patients who are alike in all that the tables look at, but for the variables in ``names``,
      none of which is lower in the second, the second's result is not lower. All of ``names`` may move together: where
      size and growth both follow from one measurement, name both. Numbers grow; yes comes after no; the values of an
      enum come in the order ``along``. That the result changes between a category and none counts as falling;
    * ``same``: of two patients who are alike but for ``names`` (a set stands for its features, a measurement for all
      numbers that rest on it), both have the same result;
    * ``unreached``: no patient reaches the rows in ``names`` (``table.row``), which the compiler asked for.

    ``of`` is the table whose result is meant, the guideline's category where it is empty; ``order`` its results from
    least to most, where they are no categories. ``when``: tests as in a row; ``unless``: exceptions, each a row's
    tests. Both hold for every patient of the statement. ``readings``: the default reading of silent spots, or all.
    """

    id: str
    says: str
    cite: str
    kind: str
    names: tuple[str, ...]
    when: Tests = field(default_factory=dict)
    unless: tuple[Tests, ...] = ()
    of: str = ""
    order: tuple[str, ...] = ()
    along: tuple[str, ...] = ()
    readings: str = "default"
    file: str = "proofs.yaml"
    lines: Mapping[str, int] = field(default_factory=dict)  # of its keys in the file

    def fail(self, key: str, found: str, allowed: str, cure: str) -> RuleFileError:
        """The error at one of its keys."""
        line = [f"line {self.lines.get(key) or min(self.lines.values())}"] if self.lines else []
        return RuleFileError(self.file, ", ".join((*line, self.id, key)), found, allowed, cure)
