"""``docs/rule-language.md`` from the models that are the grammar: ``python tests/rule_language_page.py > docs/...``."""

import sys
import types
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from inspect import cleandoc
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from radlogic.engine.guideline import language

FILES = {
    "Guideline": "`guideline.yaml`",
    "InputsFile": "`inputs.yaml`",
    "TableFile": "each file of `tables/`",
}
ORDER = ("Guideline", "Category", "Findings", "Answer", "InputsFile", "Input", "Code", "Number", "TableFile", "Table",
         "Row", "Range", "Shift", "Silent")  # fmt: skip
PLAIN = {str: "text", bool: "yes/no", int: "whole number", Decimal: "number", date: "date", Any: "any", object: "any"}
HEAD = """# The rule language

What the YAML files of a guideline may say. This page is generated from the models in `engine/guideline/language.py` (`make docs`); a test holds it to them.

A guideline is one folder, `rules/<guideline>/<edition>/`, and the path is its name (`<guideline>@<edition>`): `guideline.yaml` (what it is, its categories and managements), `inputs.yaml` (what can be known), `tables/*.yaml` (what follows), `cases/*.yaml` (evidence, one sentence a case) and a `README.md`. There are no functions, no recursion and no free expressions, so that everything about a guideline can be decided: whether each combination of inputs reaches exactly one row, what is still possible when something is unknown, which question narrows it most.

A test in `if` or `when` is a value (`grown`), a list of values (`[baseline, new]`), a range (`{from: 6, below: 8}`), or all but some (`{not: subsegmental}`). It names an input, a number, or another table, whose result it then tests; an exam table may test `worst`, the category of the most suspicious finding, and `leading.<answer>`. `n/a` is the value of what does not arise (no prior, so no prior size), and differs from unknown, which no test can see: what is unknown leaves several rows possible.

[CONTRIBUTING](../CONTRIBUTING.md) builds a guideline in three small files.
"""


def page() -> str:
    """The whole page."""
    models = {m.__name__: m for m in vars(language).values() if isinstance(m, type) and issubclass(m, language._Strict)}
    if set(models) - {"_Strict"} != set(ORDER):
        raise ValueError(f"name every model in ORDER: {set(models) ^ set(ORDER)}")
    return "\n".join((HEAD, *(line for name in ORDER for line in section(models[name]))))


def section(model: type[BaseModel]) -> Iterator[str]:
    """One model: what it is, and its keys."""
    yield f"## {model.__name__}" + (f": {FILES[model.__name__]}" if model.__name__ in FILES else "")
    yield ""
    yield " ".join(cleandoc(model.__doc__ or "").replace("``", "`").split())
    yield ""
    yield "| key | holds | needed | meaning |"
    yield "|---|---|---|---|"
    yield from (row(field.alias or name, field) for name, field in model.model_fields.items())
    yield ""


def row(key: str, field: FieldInfo) -> str:
    """One key."""
    meaning = " ".join(cleandoc(field.description or "").replace("``", "`").split())
    return f"| `{key}` | {words(field.annotation)} | {'yes' if field.is_required() else ''} | {meaning} |".replace("  ", " ")


def words(kind: Any) -> str:
    """An annotation as a person says it.

    >>> words(tuple[str, ...] | None)
    'list of text'
    """
    origin, inside = get_origin(kind), get_args(kind)
    if kind == language.Test:
        return "test"
    if kind == language.Symbol:
        return "value"
    if origin is Annotated:
        return words(inside[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inside)
    if origin is tuple:
        return f"list of {words(inside[0])}" if inside[-1] is Ellipsis else " and ".join(map(words, inside))
    if origin is dict:
        return f"mapping of {words(inside[0])} to {words(inside[1])}"
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(words(part) for part in inside if part is not type(None)))
    return PLAIN.get(kind) or f"[{kind.__name__}](#{kind.__name__.lower()})"


if __name__ == "__main__":
    sys.stdout.write(page())
