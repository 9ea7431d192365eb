"""``knowledge/monitor/*.yaml``: when an alarm sounds and why, and what the training data looked like."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ...engine.errors import MissingKnowledge
from ...engine.resources import knowledge_folder

NAMES: Final = (
    "agreement", "overrides", "group_agrees_less", "coverage", "calibration_error", "drift", "unlike_training",
    "seen_first",
)  # fmt: skip


class Strict(BaseModel):
    """A part of a file: nothing beside its fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rate(Strict):
    """The share of runs that may sound a false alarm."""

    rate: float = Field(gt=0, lt=1)
    why: str = Field(min_length=1)


class Fewest(Strict):
    """Counts below are not shown."""

    fewer_than: int = Field(ge=1)
    why: str = Field(min_length=1)


class Alarm(Strict):
    """One kind of alarm: its sentence, its bar, and the least number of exams before it may sound."""

    text: str = Field(min_length=1)
    bar: float = Field(ge=0)
    exams: int = Field(ge=1)
    why: str = Field(min_length=1)


class Resampling(Strict):
    """How often confidences are resampled."""

    resamples: int = Field(ge=99, le=1_000_000)
    why: str = Field(min_length=1)


class Thresholds(Strict):
    """``alarms.yaml``."""

    version: str
    false_alarms: Rate
    small_groups: Fewest
    small_counts: Fewest
    alarms: Mapping[str, Alarm]
    calibration: Resampling


class Numbers(Strict):
    """A quantity in the training data: its distinct values, rounded to ``step``, and how many exams have each.

    ``edges``: the inner bounds of the cells of the population stability index; a value on a bound is in the cell above.
    """

    words: str
    unit: str
    step: float = Field(gt=0)
    edges: tuple[float, ...]
    values: tuple[float, ...] = Field(min_length=1)
    counts: tuple[int, ...]

    def sample(self) -> list[float]:
        """Every exam's value."""
        return [v for v, n in zip(self.values, self.counts, strict=True) for _ in range(n)]

    def rounded(self, value: float) -> float:
        """A site's value as the reference rounds its own."""
        return round(round(value / self.step) * self.step, 6)

    def cells(self, values: list[float]) -> dict[Hashable, int]:
        """How many of the values lie in each cell, by the cell's number."""
        found: dict[Hashable, int] = dict.fromkeys(range(len(self.edges) + 1), 0)
        for value in values:
            found[sum(value >= edge for edge in self.edges)] += 1
        return found


class Reference(Strict):
    """``lidc.yaml``: the training data, one value for each exam."""

    version: str
    model: str
    model_sha256: str
    made: str
    exams: int = Field(ge=1)
    numbers: Mapping[str, Numbers]
    makers: Mapping[str, int]


@cache
def thresholds() -> Thresholds:
    """The alarms that ship.

    Raises:
        MissingKnowledge: the file is absent or not as it should be.
    """
    found = _read("alarms.yaml", Thresholds)
    if set(found.alarms) != set(NAMES):
        raise _refused("alarms.yaml", "alarms", "other alarms", ", ".join(NAMES))
    return found


@cache
def reference() -> Reference:
    """The distributions of the training data.

    Raises:
        MissingKnowledge: the file is absent or not as it should be.
    """
    return _read("lidc.yaml", Reference)


Model = TypeVar("Model", bound=BaseModel)


def _read(name: str, model: type[Model]) -> Model:
    import yaml

    try:
        content: Any = yaml.safe_load((knowledge_folder() / "monitor" / name).read_bytes())
        return model.model_validate(content)
    except OSError as error:
        raise _refused(name, "", "no such file", "the shipped file") from error
    except yaml.YAMLError as error:
        raise _refused(name, "", "no YAML", "the shipped file") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise _refused(name, ".".join(map(str, first["loc"])), first["msg"].lower(), "as it ships") from error


def _refused(name: str, field: str, found: str, allowed: str) -> MissingKnowledge:
    return MissingKnowledge(f"knowledge/monitor/{name}", field, found, allowed, "Restore the file, or correct it.")
