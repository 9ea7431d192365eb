"""``docs/rule-language.md`` from the models that are the grammar; run as a program it writes the page."""

import types
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from radlogic.engine.guideline import language, proofs_file

PAGE = Path(__file__).resolve().parents[1] / "docs" / "rule-language.md"
FILES = {
    "Guideline": "`guideline.yaml`",
    "InputsFile": "`inputs.yaml`",
    "TableFile": "each file of `tables/`",
    "ProofsFile": "`proofs.yaml`",
}
PLAIN = {str: "text", bool: "yes/no", int: "whole number", Decimal: "number", date: "date", Any: "any", object: "any"}
MARK = "<!-- from here on generated -->\n"


def page() -> str:
    """The whole page: what a person wrote, then the models, each after the one that first speaks of it."""
    roots = (getattr(language, name, None) or getattr(proofs_file, name) for name in FILES)
    models = dict.fromkeys(model for root in roots for model in spoken_of(root))
    head = PAGE.read_text(encoding="utf-8").partition(MARK)[0]
    return "\n".join((head + MARK, *(line for model in models for line in section(model))))


def spoken_of(kind: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names, and those that these name."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
        for field in kind.model_fields.values():
            yield from spoken_of(field.annotation)
    for inside in get_args(kind):
        yield from spoken_of(inside)


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
    needed = "yes" if field.is_required() else ""
    return f"| `{key}` | {words(field.annotation)} | {needed} | {meaning} |".replace("  ", " ")


def words(kind: Any) -> str:
    """An annotation as a person says it.

    >>> words(tuple[str, ...] | None)
    'list of text'
    """
    if kind == language.Test:
        return "test"
    if kind == language.Symbol:
        return "value"
    many = _of_many(get_origin(kind), get_args(kind))
    return many or PLAIN.get(kind) or f"[{kind.__name__}](#{kind.__name__.lower()})"


def _of_many(origin: Any, inside: tuple[Any, ...]) -> str:
    """An annotation that holds others; '' for a plain one."""
    said = {
        Annotated: lambda: words(inside[0]),
        Literal: lambda: " or ".join(f"`{value}`" for value in inside),
        tuple: lambda: f"list of {words(inside[0])}" if inside[-1] is ... else " and ".join(map(words, inside)),
        dict: lambda: f"mapping of {words(inside[0])} to {words(inside[1])}",
        Union: lambda: _either(inside),
        types.UnionType: lambda: _either(inside),
    }
    return said[origin]() if origin in said else ""


def _either(kinds: tuple[Any, ...]) -> str:
    return " or ".join(dict.fromkeys(words(kind) for kind in kinds if kind is not type(None)))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
