"""What the files of a guideline say of each other: every name that one uses, another defines.

The grammar (``language.py``) sees one file at a time, and the compiler no lines. What stands between is
checked here, so that each mistake is said with file, line and key before anything is compiled. Raises
(from every function): RuleFileError.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

from .build import Builder
from .source import HEAD, INPUTS, TABLES, Source
from .tables import NOT_APPLICABLE, WORST, as_symbols
from .yamlfile import Place

SCOPES = ("exam", "patient", "finding")
UNTESTED = ("text", "date", "history")


@dataclass
class Names:
    """Everything of a guideline that has a name."""

    source: Source

    @cached_property
    def builder(self) -> Builder:
        """Knows the results of tables and the values of variables, once the names are sound."""
        return Builder(self.source.document)

    @property
    def head(self) -> Mapping[str, Any]:
        """``guideline.yaml``."""
        head: Mapping[str, Any] = self.source.document[HEAD]
        return head

    @property
    def inputs(self) -> Mapping[str, tuple[str, Mapping[str, Any]]]:
        """Input -> (scope, definition)."""
        return self.builder.inputs

    @property
    def numbers(self) -> Mapping[str, Mapping[str, Any]]:
        """Every number, inputs among them."""
        return self.builder.numbers

    @cached_property
    def tables(self) -> Mapping[str, tuple[int, Mapping[str, Any]]]:
        """Table -> (its place in the document, the table)."""
        return {t["id"]: (i, t) for i, t in enumerate(self.source.document[TABLES])}

    @property
    def categories(self) -> list[str]:
        """What a finding or an exam can come to: categories, and results outside them."""
        return [*self.builder.symbols, *self.head.get("outside", ())]

    def known(self, place: Place, name: str, names: Iterable[str], what: str) -> None:
        """A name is one of those there are."""
        listed = list(names)
        if name not in listed:
            close = get_close_matches(str(name), listed, 1)
            cure = f"Did you mean {close[0]}?" if close else "Correct the name."
            allowed = (
                ", ".join(listed) if len(listed) < 25 else f"one of {len(listed)} names: {', '.join(listed[:20])} ..."
            )
            raise self.source.fail(place, f"{name}, which is no {what}", allowed or "none", cure)

    def unique(self, place: Place, names: Iterable[str]) -> None:
        """No name twice in a list."""
        listed = list(names)
        for i, name in enumerate(listed):
            if name in listed[:i]:
                raise self.source.fail((*place, i), f"{name} twice", "each once", "Delete or rename one of them.")

    def outcomes(self, table: str) -> list[str]:
        """The results of a table, where its question arises."""
        return [r for r in self.builder.outcomes(table) if r != NOT_APPLICABLE]


def check(source: Source) -> None:
    """Everything that one file says of another, and every number that has to be one.

    Raises:
        RuleFileError: the first mistake, with its file, line and key.
    """
    from . import sound_inputs, sound_tables

    names = Names(source)
    _one_meaning(names)
    _categories(names)
    sound_inputs.check(names)
    _tables_exist(names)
    sound_tables.check(names)
    _head(names)


def _one_meaning(names: Names) -> None:
    """No name means two things."""
    given: dict[str, str] = {WORST: "the exam's own name for the highest category"}
    for group in (*SCOPES, "numbers"):
        for name in names.source.document[INPUTS].get(group, {}):
            _new((INPUTS, group, name), name, f"an input of {group}" if group in SCOPES else "a number", given, names)
    for i, table in enumerate(names.source.document[TABLES]):
        _new((TABLES, i, "id"), table["id"], "a table", given, names)


def _new(place: Place, name: str, what: str, given: dict[str, str], names: Names) -> None:
    if name in given:
        raise names.source.fail(
            place, f"{name}, already {given[name]}", "one meaning for a name", "Rename one of them."
        )
    given[name] = what


def _categories(names: Names) -> None:
    """Each category once, and none of them among the results that are no category."""
    given: dict[str, str] = {NOT_APPLICABLE: "the word for what does not arise"}
    for i, category in enumerate(names.head["categories"]):
        _new((HEAD, "categories", i, "id"), category["id"], "a category", given, names)
    for i, name in enumerate(names.head.get("outside", ())):
        _new((HEAD, "outside", i), name, "a result outside the categories", given, names)


def _tables_exist(names: Names) -> None:
    """The tables that ``guideline.yaml`` asks are there, and speak of what they are asked for."""
    head = names.head
    asked: list[tuple[Place, str, str]] = [
        ((HEAD, key), head[key], scope)
        for key, scope in (
            ("category", "finding"),
            ("exam_category", "exam"),
            ("management", "exam"),
            ("applies", "exam"),
        )
        if key in head
    ]
    for group, scope in (("finding_answers", "finding"), ("exam_answers", "exam")):
        asked += [((HEAD, group, n, "table"), a["table"], scope) for n, a in head.get(group, {}).items()]
    for place, table, scope in asked:
        names.known(place, table, names.tables, "table")
        found = names.tables[table][1]["scope"]
        if found != scope:
            raise names.source.fail(place, f"{table}, a table of the {found}", f"one of the {scope}", "Name another.")
    for i, name in enumerate(head.get("leading", ())):
        names.known((HEAD, "leading", i), name, head.get("finding_answers", {}), "answer of a finding")


def _head(names: Names) -> None:
    """Categories, their order and their managements, and the answers beside them."""
    from . import sound_tables

    head, source = names.head, names.source
    if head.get("urgency") and sorted(head["urgency"]) != sorted(names.builder.symbols):
        raise source.fail((HEAD, "urgency"), ", ".join(head["urgency"]), "every category once", "Complete the list.")
    if head.get("superseded") and head["superseded"] <= head["effective"]:
        raise source.fail((HEAD, "superseded"), head["superseded"], f"a day after {head['effective']}", "Correct it.")
    for key in ("category", "exam_category"):
        for result in names.outcomes(head[key]):
            names.known(_concludes(head[key], result, names), result, names.categories, "category, and not `outside`")
    _managements(names)
    for group in ("finding_answers", "exam_answers"):
        for name, answer in head.get(group, {}).items():
            if not sound_tables.scores(names, answer["table"]):
                _values((HEAD, group, name, "values"), answer, names)


def _concludes(table: str, result: str, names: Names) -> Place:
    """The first row of a table with this result; the table where it comes from elsewhere."""
    from .sound_tables import rows

    at, raw = names.tables[table]
    listed = list(rows((TABLES, at), raw))
    found = [(*place, "then") for place, row in listed if as_symbols(row["then"]) == [result]]
    for place, row in listed:
        others = enumerate(row.get("silent", {}).get("alternatives", ()))
        found += [(*place, "silent", "alternatives", i) for i, other in others if other == result]
    return next(iter(found), (TABLES, at))


def _values(place: Place, answer: Mapping[str, Any], names: Names) -> None:
    """What an answer's symbols stand for: symbols that its table has."""
    for value in answer.get("values") or {}:
        results = names.builder.outcomes(answer["table"])
        names.known((*place, value), value, results, f"result of {answer['table']}")


def _managements(names: Names) -> None:
    """Everything an exam can come to has its management, and none is for nothing."""
    table = names.head.get("management", names.head["exam_category"])
    results, given = names.outcomes(table), names.head["managements"]
    for result in results:
        if result not in given:
            found = f"no management for {result}, a result of {table}"
            raise names.source.fail((HEAD, "managements"), found, "one for each result", f"Add {result}.")
    for name, entry in given.items():
        place = (HEAD, "managements", name)
        names.known(place, name, dict.fromkeys((*results, *names.categories)), f"result of {table} and no category")
        _management(names, place, entry)


def _management(names: Names, place: Place, entry: Mapping[str, Any]) -> None:
    if not isinstance(entry.get("management"), str):
        raise names.source.fail(place, "no key management", "what is to be done, in words", "Add management.")
    months = entry.get("interval_months")
    if months is None:
        return
    pair = isinstance(months, list) and len(months) == 2 and all(type(m) in (int, float) and m >= 0 for m in months)
    if not pair or months[0] > months[1]:
        allowed = "[least, most] in months, or null"
        raise names.source.fail((*place, "interval_months"), str(months), allowed, "As in [6, 6] or [1, 3].")
