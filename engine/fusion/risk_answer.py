"""A published model's answer on checked values, and the checks.

Nothing is clipped: an input outside the range on which the model was fitted gives a number that says so.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ..errors import BadValue, CalculationError, Contradiction, UnknownField
from ..resources import knowledge_folder
from .risk_model import Input, InputValue, Model


@dataclass(frozen=True, slots=True)
class RiskAnswer:
    """A model's answer: ``probability`` in [0, 1] or ``score`` with its ``grade`` or ``group``.

    Without a number ``missing`` names what is needed. ``out_of_domain`` holds a sentence for each input that
    lies outside the range the model was fitted on, and for each reason why the model is not for this person or
    finding; the number is then an extrapolation and must not reach a decision. ``notes``: what to read it with care
    for. ``not_for``: everybody whom the model is not for; the inputs alone do not tell.
    """

    model: str
    answers: str  # "probability" | "score"
    of: str
    inputs: Mapping[str, InputValue]
    domain: str
    citation: str
    confidence: str
    probability: float | None = None
    score: float | None = None
    grade: int | None = None
    group: str | None = None
    missing: tuple[str, ...] = ()
    out_of_domain: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    not_for: tuple[str, ...] = ()

    @property
    def why(self) -> str:
        """Why there is no number, or why it must be read with care; '' where neither is so."""
        needed = f"not given: {', '.join(self.missing)}" if self.missing else ""
        return "; ".join(part for part in (needed, *self.out_of_domain, *self.notes) if part)

    def as_record(self) -> dict[str, Any]:
        """The answer as JSON values; ``grade`` and ``group`` only where the model has them."""
        number = self.probability if self.answers == "probability" else self.score
        bands = {"grade": self.grade, "group": self.group}
        return {
            "model": self.model,
            self.answers: number,
            **{name: value for name, value in bands.items() if value is not None},
            "of": self.of,
            "inputs": dict(self.inputs),
            "missing": list(self.missing),
            "out_of_domain": list(self.out_of_domain),
            "notes": list(self.notes),
            "why": self.why,
            "domain": self.domain,
            "not_for": list(self.not_for),
            "citation": self.citation,
            "confidence": self.confidence,
        }


def models() -> tuple[str, ...]:
    """The ids of the models that ship, in order."""
    from .risk_file import model_ids

    return model_ids(knowledge_folder() / "risk_models")


@lru_cache(maxsize=32)
def model(model_id: str) -> Model:
    """One model, by its id.

    Raises:
        BadValue: no such model.
        MissingKnowledge: its file is broken.
    """
    from .risk_file import load

    known = models()
    if model_id not in known:
        raise BadValue("risk", "MODEL", _shown(model_id), ", ".join(known), "Name one of these models.")
    return load(knowledge_folder() / "risk_models", model_id)


def evaluate(
    asked: Model, values: Mapping[str, InputValue], outside: tuple[str, ...] = (), notes: tuple[str, ...] = ()
) -> RiskAnswer:
    """The model's answer for values that have been checked.

    ``outside`` and ``notes``: what the case says beyond the inputs, put before what the inputs say.
    """
    missing = tuple(name for name in asked.inputs if name not in values)
    used = {name: values[name] for name in asked.inputs if name in values}
    number = None if missing else _number(asked, used)
    band = asked.band(number) if number is not None else None
    return RiskAnswer(
        model=asked.id,
        answers=asked.answers,
        of=asked.of,
        inputs=used,
        domain=asked.domain,
        citation=asked.citation,
        confidence=asked.confidence,
        probability=number if asked.answers == "probability" else None,
        score=number if asked.answers == "score" else None,
        grade=band.grade if band else None,
        group=band.group if band else None,
        missing=missing,
        out_of_domain=(*outside, *_outside(asked, used), *_off_scale(asked, number)),
        notes=(*notes, *_less_reliable(asked, used)),
        not_for=tuple(case.says for case in asked.not_for),
    )


def checked(asked: Model, name: str, value: Any) -> InputValue:
    """A value that the input can have.

    Raises:
        BadValue: it cannot.
    """
    entry = asked.inputs[name]
    fine = {"bool": _is_bool, "choice": _is_choice, "number": _is_number}[entry.type](entry, value)
    if not fine:
        raise BadValue(f"risk {asked.id}", name, _shown(value), entry.allowed(), f"Give {name}: {entry.doc}.")
    if entry.type == "number":
        return int(value) if entry.whole else float(value)
    known: InputValue = value
    return known


def check_names(asked: Model, inputs: Mapping[str, Any]) -> None:
    """Refuse what the model does not have.

    Raises:
        BadValue: no object of inputs at all.
        UnknownField: an input that the model does not have.
    """
    where = f"risk {asked.id}"
    if not isinstance(inputs, Mapping):
        raise BadValue(where, "", "no object", "an object of inputs", f"Give {', '.join(asked.inputs)}.")
    for name in inputs:
        if name not in asked.inputs:
            cure = "Correct the name or leave the field out."
            raise UnknownField(where, _shown(name), "a field the model does not have", ", ".join(asked.inputs), cure)


def _is_bool(_: Input, value: Any) -> bool:
    return isinstance(value, bool)


def _is_choice(entry: Input, value: Any) -> bool:
    return isinstance(value, str) and value in entry.values


def _is_number(entry: Input, value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return False
    if not (value.is_finite() if isinstance(value, Decimal) else isinstance(value, int) or math.isfinite(value)):
        return False
    above = entry.above is None or value > entry.above
    low = entry.at_least is None or value >= entry.at_least
    return above and low and (entry.to is None or value <= entry.to) and (not entry.whole or value == int(value))


def zeros(asked: Model, values: Mapping[str, InputValue]) -> dict[str, InputValue]:
    """Inputs that are 0 because the bool they hang on is false: years since quitting of a never smoker."""
    found: dict[str, InputValue] = {}
    for name, entry in asked.inputs.items():
        if entry.zero_unless and values.get(entry.zero_unless) is False:
            if values.get(name, 0) != 0:
                raise Contradiction(f"risk {asked.id}", name, f"a value above 0 where {entry.zero_unless} is false",
                                    f"0, or {entry.zero_unless} true", "Correct one of the two.")  # fmt: skip
            found[name] = 0.0
    return found


def coherent(asked: Model, values: Mapping[str, InputValue]) -> None:
    """Refuse inputs that cannot both be true: more years since quitting than years of age.

    Raises:
        Contradiction: an input exceeds the one that bounds it.
    """
    for name, entry in asked.inputs.items():
        bound = entry.no_more_than
        if bound and name in values and bound in values and float(values[name]) > float(values[bound]):
            raise Contradiction(f"risk {asked.id}", name, f"more than {bound}", f"at most {bound}",
                                "Correct one of the two.")  # fmt: skip


def _outside(asked: Model, values: Mapping[str, InputValue]) -> Iterator[str]:
    for name, value in values.items():
        entry = asked.inputs[name]
        if entry.valid and not entry.valid[0] <= float(value) <= entry.valid[1]:
            low, high = entry.valid
            unit = "" if entry.unit == "1" else f" {entry.unit}"
            yield f"{name} {float(value):.12g} lies outside the {low:g} to {high:g}{unit} that the model was fitted on"


def _less_reliable(asked: Model, values: Mapping[str, InputValue]) -> Iterator[str]:
    for name, value in values.items():
        entry = asked.inputs[name]
        if entry.reliable and not entry.reliable[0] <= float(value) <= entry.reliable[1]:
            low, high = entry.reliable
            yield f"the model is less reliable outside {name} {low:g} to {high:g} {entry.unit}"


def _off_scale(asked: Model, number: float | None) -> Iterator[str]:
    if asked.spans and number is not None and not asked.spans[0] <= number <= asked.spans[1]:
        yield f"the score {number:.6g} lies outside the {asked.spans[0]:g} to {asked.spans[1]:g} of its scale"


def _number(asked: Model, values: Mapping[str, InputValue]) -> float:
    try:
        number = asked.answer(values)
    except (OverflowError, ZeroDivisionError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise CalculationError(f"risk {asked.id}", "", "inputs for which the formula has no value",
                               "inputs that a patient can have", "Check the units of the inputs.")  # fmt: skip
    return number


def _shown(value: Any) -> str:
    """A number or a short code as it is; other texts are not repeated, for they may say anything."""
    if isinstance(value, int) and value.bit_length() > 128:
        return "a number of many digits"
    if isinstance(value, bool | int | float | Decimal):
        return str(value)[:40]
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w@.-]{0,39}", value, re.ASCII):
        return f"'{value}'"
    return "a text" if isinstance(value, str) else f"a value of type {type(value).__name__}"
