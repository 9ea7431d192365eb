"""Quantity -> a number in the fact's unit. Units are UCUM codes; those not listed for the fact are not guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from ...engine.types import Belief, Unknown
from .bundle import Resource
from .ledger import Standing
from .observations import Problem, Question, Readings, newest
from .vocabulary_files import FactEntry

UCUM = "http://unitsofmeasure.org"
LIMITS = ("<", "<=", ">", ">=", "ad")  # hl7.org/fhir/R4/valueset-quantity-comparator.html, and R5's "ad"
MAX_DIGITS = 30  # beyond it is no measurement; it also keeps hostile exponents from being written out
LONGEST = 2 * MAX_DIGITS + 3  # characters of such a number: digits before and after the point, sign, "0."


def belief(fact: str, readings: Readings, facts: Mapping[str, FactEntry], exam_date: date | None) -> Belief:
    """The newest number of a fact on or before the exam, in the fact's unit; unknown where that is stale."""
    found = readings.of(fact)
    if not found:
        return Unknown(readings.why_none(fact))
    question = Question(fact, facts[fact].max_age, exam_date, readings.ledger)
    return newest(found, question, lambda reading: read(reading.holder, facts[fact]))


def read(holder: Resource, fact: FactEntry) -> Decimal | Problem:
    """The number in ``fact.unit``, or why it cannot be used."""
    stated = _stated(holder)
    if isinstance(stated, Problem):
        return stated
    number, unit = stated
    if unit not in fact.units:
        known = ", ".join(u or "no unit" for u in fact.units)
        return Problem(f"is in {_quoted(unit)}; read are {known}")
    if _is_monstrous(number):
        return Problem("is no number that can be measured")
    factor = fact.units[unit]
    converted = number if factor == 1 else number * factor.numerator / factor.denominator  # multiplied first: exact
    if fact.low is not None and fact.high is not None and not fact.low <= converted <= fact.high:
        why = f"is outside the plausible range of {fact.low} to {fact.high} {fact.unit}"
        return Problem(why, Standing.OUT_OF_RANGE)
    return converted


def _stated(holder: Resource) -> tuple[Decimal, str] | Problem:
    quantity = holder.get("valueQuantity")
    if not isinstance(quantity, dict):
        number = _number(holder.get("valueInteger"))
        return (number, "") if number is not None else Problem("is not stated as a number")
    number = _number(quantity.get("value"))
    if number is None:
        return Problem("is not stated as a number")
    comparator = quantity.get("comparator")
    if comparator is not None:
        return Problem(f"is stated only as {comparator if comparator in LIMITS else 'compared with'} a limit")
    return _unit_of(quantity, number)


def _unit_of(quantity: Mapping[str, Any], number: Decimal) -> tuple[Decimal, str] | Problem:
    if quantity.get("system", UCUM) != UCUM:
        return Problem("is in a unit of another system than UCUM")
    unit = quantity.get("code", quantity.get("unit", ""))  # without a code, a unit written as UCUM writes it
    return (number, unit) if isinstance(unit, str) else Problem("has a unit that is no text")


def _number(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None
    number = Decimal(str(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


def _is_monstrous(number: Decimal) -> bool:
    return abs(number.adjusted()) > MAX_DIGITS or len(str(number)) > LONGEST


def _quoted(unit: str) -> str:
    if not unit:
        return "no unit"
    return f"the unit '{unit}'" if re.fullmatch(r"[!-~]{1,20}", unit) else "a unit that UCUM cannot write"
