"""How a part of a published file stands for a part of the engine, and becomes it again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue

# What str(Decimal) gives for a finite number of a size that a measurement can have.
NUMBER = r"^-?[0-9]{1,40}(\.[0-9]{1,40})?(E[+-]?[0-9]{1,2})?$"

DecimalText = Annotated[str, Field(pattern=NUMBER, description="A decimal number as text, kept exactly.")]
Plain = dict[str, JsonValue]


class Border(BaseModel):
    """A part of the file and the engine type it stands for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    makes: ClassVar[type[Any]]
    decimals: ClassVar[frozenset[str]] = frozenset()  # fields that hold decimal text
    plain: ClassVar[frozenset[str]] = frozenset()  # fields that hold what a guideline or model adds
    infinite: ClassVar[frozenset[str]] = frozenset()  # fields of numbers that may be "inf" or "-inf"
    only_here: ClassVar[frozenset[str]] = frozenset()  # fields that the engine does not have

    def to_engine(self) -> Any:
        """The engine's object; what it refuses by construction is refused here too."""
        names = [name for name in type(self).model_fields if name not in self.only_here]
        return self.makes(**{name: self._value(name) for name in names})

    def _value(self, name: str) -> Any:
        value = getattr(self, name)
        if name in self.decimals:
            return Decimal(value)
        if name in self.infinite:
            return float(value)
        return numbers_back(value) if name in self.plain else engine_value(value)


def engine_value(value: Any) -> Any:
    """A field's value in the engine's types, its parts included."""
    if isinstance(value, Border):
        return value.to_engine()
    if isinstance(value, Mapping):
        return {name: engine_value(part) for name, part in value.items()}
    return tuple(map(engine_value, value)) if isinstance(value, tuple) else value


def is_number(value: Any) -> bool:
    """Whether a plain value is the tagged form of a decimal number."""
    tagged = isinstance(value, Mapping) and list(value) == ["number"] and isinstance(value["number"], str)
    return tagged and re.fullmatch(NUMBER, value["number"]) is not None


def numbers_back(value: Any) -> Any:
    """A plain JSON value with its tagged decimal numbers as ``Decimal`` again."""
    if is_number(value):
        return Decimal(value["number"])
    if isinstance(value, Mapping):
        return {name: numbers_back(part) for name, part in value.items()}
    return [numbers_back(part) for part in value] if isinstance(value, list) else value
