"""``proofs.yaml`` beside a guideline's tables: what the guideline must guarantee, as statements on it.

The file is not part of the guideline: it changes no answer, and is not in the hash. What each kind of statement
means is said at ``prove.Statement``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from . import yamlfile
from .editions import Folder
from .grammar import mistake
from .language import Symbol, Test, Text
from .prove import Statement
from .tables import as_symbols

FILE = "proofs.yaml"
KINDS = ("always", "never", "monotone", "same", "unreached")
Some = Symbol | tuple[Symbol, ...]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, use_attribute_docstrings=True)


class Unless(_Strict):
    """An exception: whom a statement is not on, and why the guideline wants it so."""

    if_: dict[str, Test] = Field(alias="if", min_length=1)
    because: Text


class StatementEntry(_Strict):
    """One statement. Exactly one of ``always``, ``never``, ``monotone``, ``same``, ``unreached`` is given."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$")
    says: Text
    """The sentence that a radiologist reads."""
    cite: Text
    """Where the guideline says it; for ``unreached`` why no patient is like this."""
    when: dict[str, Test] = {}
    """Whom it is on: tests as in a row, on inputs, numbers and results of tables. Cuts need not be the tables'."""
    unless: tuple[Unless, ...] = ()
    of: str | None = None
    """The table whose result is meant; absent: the guideline's category."""
    readings: Literal["default", "all"] = "default"
    """Whether it holds by the default reading of silent spots, or by every reading."""
    always: Some | None = None
    """The result is one of these."""
    never: Some | None = None
    """The result is none of these."""
    monotone: Some | None = None
    """The result never falls as this number grows, this feature is added, or this enum moves ``along``."""
    with_: tuple[str, ...] = Field(default=(), alias="with")
    """For ``monotone``: what grows along with it, because both follow from one measurement."""
    along: tuple[Symbol, ...] = ()
    """For ``monotone`` of an enum: its values from least to most."""
    order: tuple[Symbol, ...] = ()
    """For ``monotone`` of a table whose results are no categories: its results from least to most."""
    same: Some | None = None
    """These make no difference: inputs (a set: all its features) or numbers."""
    unreached: Some | None = None
    """Rows, as ``table.row``, that no patient reaches, though the compiler asks for them."""

    @model_validator(mode="after")
    def _shape(self) -> StatementEntry:
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if len(given) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)}; found {', '.join(given) or 'none'}")
        if given != ["monotone"] and (self.with_ or self.along or self.order):
            raise ValueError("`with`, `along` and `order` are for `monotone`")
        if given == ["unreached"] and (self.when or self.unless or self.of or self.readings != "default"):
            raise ValueError("`unreached` names rows and has no tests")
        return self


class ProofsFile(_Strict):
    """``proofs.yaml``."""

    statements: tuple[StatementEntry, ...] = Field(min_length=1)

    @field_validator("statements")
    @classmethod
    def _one_of_a_name(cls, statements: tuple[StatementEntry, ...]) -> tuple[StatementEntry, ...]:
        ids = [s.id for s in statements]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"a statement's id is used once; found {', '.join(twice)} twice")
        return statements


def statements_of(folder: Folder) -> tuple[Statement, ...]:
    """The statements beside a guideline's tables; none where there is no ``proofs.yaml``.

    Raises:
        RuleFileError: the file breaks its schema; the error names file, line and key.
    """
    file = folder / FILE
    if not file.is_file():
        return ()
    name = f"{Path(str(folder)).parent.name}/{folder.name}/{FILE}"
    content, lines = yamlfile.load(file, name)
    try:
        parsed = ProofsFile.model_validate(content)
    except ValidationError as error:
        raise mistake(error, content, ProofsFile, name, lines) from error
    found = []
    for i, entry in enumerate(parsed.statements):
        own = {key: yamlfile.line_of(lines, ("statements", i, key)) for key in content["statements"][i]}
        found.append(replace(_statement(entry), file=name, lines=own))
    return tuple(found)


def _statement(entry: StatementEntry) -> Statement:
    plain: dict[str, Any] = entry.model_dump(mode="json", by_alias=True, exclude_none=True, exclude_defaults=True)
    kind = next(k for k in KINDS if k in plain)
    return Statement(
        id=entry.id,
        says=entry.says,
        cite=entry.cite,
        kind=kind,
        names=(*as_symbols(plain[kind]), *entry.with_),
        when=plain.get("when", {}),
        unless=tuple(u["if"] for u in plain.get("unless", ())),
        of=entry.of or "",
        order=tuple(as_symbols(plain.get("order", []))),
        along=tuple(as_symbols(plain.get("along", []))),
        readings=entry.readings,
    )
