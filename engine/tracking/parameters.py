"""The numbers that matching works with: ``knowledge/tracking/matching.yaml``, which says where each is from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources.abc import Traversable
from typing import Any, Final

import yaml

from ..errors import MissingKnowledge
from ..resources import knowledge_folder

FILE: Final = "tracking/matching.yaml"


@dataclass(frozen=True, slots=True)
class Parameters:
    """``threshold``: of the probability from which a match is taken without review; the others as in the file.

    Raises:
        ValueError: a number is out of its range.
    """

    threshold: float
    alignment: Mapping[str, float]
    position: Mapping[str, float]
    size: Mapping[str, float]
    types: Mapping[str, Mapping[str, float]]
    frequency: Mapping[str, float]
    rates: Mapping[str, float]
    words: Mapping[str, float]
    sha256: str = ""

    def __post_init__(self) -> None:
        if not 0.5 < self.threshold < 1:
            raise ValueError(f"threshold {self.threshold}")
        groups = (self.alignment, self.position, self.size, self.frequency, self.rates, self.words)
        if any(not value > 0 for group in groups for value in group.values()):
            raise ValueError("a number that is not above 0")
        for name, row in self.types.items():
            if row.keys() != self.frequency.keys() or any(not p > 0 for p in row.values()):
                raise ValueError(f"types.{name}")


@lru_cache(maxsize=1)
def shipped_parameters() -> Parameters:
    """What ``knowledge/`` holds.

    Raises:
        MissingKnowledge: the file is absent, or a number of it.
    """
    return read_parameters(knowledge_folder())


def read_parameters(folder: Traversable) -> Parameters:
    """The same, of a folder laid out as ``knowledge/``.

    Raises:
        MissingKnowledge: the file is absent, or a number of it.
    """
    try:
        text = folder.joinpath(*FILE.split("/")).read_text(encoding="utf-8")
        held: Mapping[str, Any] = yaml.safe_load(text)
        groups = {n: {k: float(v) for k, v in held[n].items()} for n in _GROUPS}
        types = {a: {b: float(p) for b, p in row.items()} for a, row in held["types"].items()}
        digest = hashlib.sha256(text.encode()).hexdigest()
        return Parameters(float(held["threshold"]["probability"]), types=types, sha256=digest, **groups)
    except (OSError, yaml.YAMLError, KeyError, TypeError, AttributeError, ValueError) as error:
        cure = "Reinstall radlogic."
        raise MissingKnowledge(f"knowledge/{FILE}", "", type(error).__name__, "the shipped file", cure) from error


_GROUPS: Final = ("alignment", "position", "size", "frequency", "rates", "words")
