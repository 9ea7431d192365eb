"""Published risk models: one evaluator for the formulas of ``knowledge/risk_models/``, on stated inputs or a case.

What is not known is named, never assumed: a missing input gives no number. Out of a model's domain the number is an
extrapolation that says so, and ``of_case`` gives none to a decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .risk_answer import RiskAnswer, check_names, checked, coherent, evaluate, model, models, zeros
from .risk_of_case import brock_of, facts_of, of_case, of_patient

__all__ = ["RiskAnswer", "brock_of", "facts_of", "models", "of_case", "of_patient", "risk"]


def risk(model_id: str, inputs: Mapping[str, Any]) -> RiskAnswer:
    """The model's answer for these inputs; None is unknown, like an input that is not given.

    Raises:
        BadValue: no such model, or a value that the input cannot have.
        UnknownField: an input that the model does not have.
        Contradiction: two inputs that cannot both be true.
        CalculationError: the formula has no finite value here.
    """
    asked = model(model_id)
    check_names(asked, inputs)
    values = {name: checked(asked, name, value) for name, value in inputs.items() if value is not None}
    coherent(asked, values)
    values |= zeros(asked, values)
    return evaluate(asked, values)
