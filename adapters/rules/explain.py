"""``radlogic rules explain``: a guideline's tables for a radiologist, as one page that loads nothing.

Everything printed is the data that decides: nothing on the page is written a second time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from ...engine.errors import InputError
from ...engine.guideline.editions import Folder, find
from ...engine.guideline.load import Guideline, load_guideline
from ...engine.guideline.tables import WORST
from ...engine.resources import rules_folder
from ..notice import INTENDED_USE
from . import wording
from .coverage import rows_of
from .examples import examples, run
from .rendering import environment, template_text

MOST_COLUMNS, MOST_EXAMPLES = 6, 2
Shown = dict[str, Any]
SCOPES = {"exam": "Of the exam", "patient": "Of the patient", "finding": "Of each finding"}


@dataclass(frozen=True)
class Page:
    """A guideline, the cases that reach each of its rows, and what was proven of it."""

    guideline: Guideline
    cases: Mapping[str, tuple[str, ...]]  # "table.row" -> the sentences of the cases, most telling first
    proofs: Sequence[Any]

    @property
    def head(self) -> Mapping[str, Any]:
        """``guideline.yaml``."""
        return self.guideline.head

    def view(self) -> Shown:
        """Everything that the template prints."""
        tables = [self.table(t) for t in self.guideline.document["tables"]]
        rows = [(t, r) for t in tables for r in t["rows"]]
        return {
            "head": self.head,
            "name": self.guideline.name,
            "sha256": self.guideline.sha256,
            "categories": list(self.categories()),
            "managements": list(self.managements()),
            "inputs": list(self.inputs()),
            "numbers": list(self.numbers()),
            "limits": list(self.limits()),
            "tables": tables,
            "silent": [(t, r) for t, r in rows if r["silent"]],
            "waived": [(t, r) for t, r in rows if r["over"]],
            "proofs": self.proofs,
            "marks": wording.MARKS,
            "intended_use": INTENDED_USE,
        }

    def categories(self) -> Iterator[Shown]:
        """From least to most concern, each with what is done."""
        for category in self.head["categories"]:
            done = self.head["managements"].get(category["id"], {})
            risk = " to ".join(map(str, category["risk"])) + " %" if "risk" in category else ""
            yield {
                **category,
                "risk": risk,
                "source": category.get("risk_source", ""),
                "prevalence": category.get("prevalence", ""),
                **_managed(done),
            }

    def managements(self) -> Iterator[Shown]:
        """What is done where the exam comes to something that is no category, or a category splits."""
        named = {c["id"] for c in self.head["categories"]}
        yield from ({"id": k, **_managed(m)} for k, m in self.head["managements"].items() if k not in named)

    def inputs(self) -> Iterator[Shown]:
        """What can be known, by scope."""
        for scope, of in groupby(self.guideline.inputs.items(), key=lambda item: item[1][0]):
            listed = [(name, definition) for name, (_, definition) in of]
            yield {"title": SCOPES[scope], "scope": scope, "rows": [self.input(n, d) for n, d in listed]}

    def input(self, name: str, definition: Mapping[str, Any]) -> Shown:
        """One input."""
        codes = [c for coded in definition.get("codes", {}).values() for c in coded]
        return {
            "name": name,
            "label": wording.label(name),
            "doc": definition["doc"],
            "can_be": wording.kind_of(definition),
            "absent": wording.absence(definition),
            "ask": definition.get("ask", ""),
            "codes": codes,
        }

    def numbers(self) -> Iterator[Shown]:
        """Numbers that follow from inputs."""
        for name, d in self.guideline.document["inputs"].get("numbers", {}).items():
            of_unit = wording.unit(self.guideline, name)
            yield {
                "name": name,
                "label": wording.label(name),
                "doc": d["doc"],
                "unit": of_unit,
                "formula": wording.formula(d),
            }

    def limits(self) -> Iterator[str]:
        """What is refused as a contradiction."""
        for limit in self.guideline.document["inputs"].get("at_most", ()):
            yield f"{wording.label(limit['small'])} ≤ {wording.label(limit['large'])}: {limit['why']}"

    def table(self, table: Mapping[str, Any]) -> Shown:
        """One table: as a grid where its rows look at few things, else with a list of conditions in each row."""
        listed = [*table.get("rows", ()), *table.get("any", ())]
        names = list(dict.fromkeys(name for row in listed for name in row.get("if", {})))
        columns = [self.looked_at(name) for name in names] if 0 < len(names) <= MOST_COLUMNS else []
        rows = [self.row(table, row, names) for row in listed]
        if "otherwise" in table:
            rows.append(self.row(table, table["otherwise"] | {"id": "otherwise"}, names, otherwise=True))
        return {
            "id": table["id"],
            "title": table["title"],
            "scope": table["scope"],
            "cite": table["cite"],
            "mark": table.get("mark", "V2"),
            "how": self.how(table),
            "role": self.role(table["id"]),
            "columns": columns,
            "when": self.conditions(table.get("when", {})),
            "rows": rows,
            "count": len(rows),
        }

    def role(self, table: str) -> str:
        """What the guideline asks this table for."""
        roles = {
            self.head.get("applies"): "says whether the guideline applies",
            self.head["category"]: "gives the category of a finding",
            self.head["exam_category"]: "gives the category of the exam",
            self.head.get("management"): "gives the management",
        }
        answers = {**self.head.get("finding_answers", {}), **self.head.get("exam_answers", {})}
        given = [wording.label(name) for name, answer in answers.items() if answer["table"] == table]
        return roles.get(table) or (f"gives: {', '.join(given)}" if given else "")

    def how(self, table: Mapping[str, Any]) -> str:
        """How the rows make a result."""
        titles = {t["id"]: t["title"] for t in self.guideline.document["tables"]}
        named = ", ".join(f"“{titles[t]}”" for t in (*table.get("sum", ()), *table.get("union", ())))
        if "sum" in table:
            return f"The points of these tables are added up: {named}."
        if "union" in table:
            return f"The result of whichever of these tables is asked: {named}."
        if "adjust" in table:
            return f"Starts from the result of “{titles[table['adjust']]}”; exactly one row fits."
        return "Yes if at least one row fits, no if none does." if "any" in table else "Exactly one row fits."

    def displays(self, table: Mapping[str, Any]) -> Mapping[Any, str]:
        """Category -> how it is printed, for a table whose results are categories."""
        named = {c["id"]: c["display"] for c in self.head["categories"]}
        given = {row["then"] for row in table.get("rows", ()) if isinstance(row["then"], str)}
        return named if given and given <= {*named, *self.head.get("outside", ())} and "adjust" not in table else {}

    def looked_at(self, name: str) -> Shown:
        """What a test looks at, and where the page explains it."""
        plain, numbers = name.partition(".")[0], self.guideline.document["inputs"].get("numbers", {})
        kind = "number" if name in numbers else "input" if plain in self.guideline.inputs else "table"
        anchor = f"{kind}-{plain}" if plain not in (WORST, "leading") else ""
        return {
            "label": wording.label(name),
            "anchor": anchor,
            "unit": wording.unit(self.guideline, name),
            "name": name,
        }

    def conditions(self, tests: Mapping[str, Any]) -> list[tuple[Shown, str]]:
        """Each test: what it looks at, and its words."""
        return [(self.looked_at(n), wording.test(t, wording.unit(self.guideline, n))) for n, t in tests.items()]

    def row(
        self, table: Mapping[str, Any], row: Mapping[str, Any], names: Sequence[str], *, otherwise: bool = False
    ) -> Shown:
        """One row."""
        kind = "adjust" if "adjust" in table else "any" if "any" in table else "decide"
        shown = self.displays(table)
        tests, silent = row.get("if", {}), row.get("silent")
        reached = self.cases.get(f"{table['id']}.{row['id']}", ())
        words = {name: wording.test(t, wording.unit(self.guideline, name)) for name, t in tests.items()}
        others = [shown.get(a) or wording.result(a, kind) for a in silent["alternatives"]] if silent else []
        return {
            "id": row["id"],
            "otherwise": otherwise,
            "cells": [words.get(n, "") for n in names],
            "conditions": self.conditions(tests),
            "result": shown.get(str(row["then"])) or wording.result(row["then"], kind),
            "says": row.get("says", ""),
            "cite": row.get("cite", ""),
            "mark": row.get("mark", ""),
            "over": row.get("over", ()),
            "because": row.get("because", ""),
            "silent": {"alternatives": others, "why": silent["why"]} if silent else None,
            "examples": reached[:MOST_EXAMPLES],
            "more": max(0, len(reached) - MOST_EXAMPLES),
        }


def _managed(entry: Mapping[str, Any]) -> Shown:
    return {"management": entry.get("management", ""), "interval": wording.months(entry.get("interval_months"))}


def page(name: str, folders: tuple[Path, ...] = ()) -> str:
    """The page of a guideline as HTML, everything in one file.

    Raises:
        UnknownGuideline, RuleError.
    """
    from ...engine.guideline.proofs_file import statements_of
    from ...engine.guideline.prove import prove

    guideline, folder = load_guideline(name, folders), find(name, (rules_folder(), *folders))
    proofs = prove(guideline, statements_of(folder))
    view = Page(guideline, by_row(guideline, folder), proofs).view()
    template = environment(escaped=True).get_template("explain.html.j2")
    return template.render(**view, css=template_text("explain.css"))


def by_row(guideline: Guideline, folder: Folder) -> dict[str, tuple[str, ...]]:
    """The cases that reach each row: decided ones first, and of these the ones whose rarest row it is."""
    reached = list(_reached(guideline, folder))
    often = Counter(row for _, _, rows in reached for row in rows)
    cases: dict[str, list[tuple[bool, int, str]]] = {}
    for name, undecided, rows in reached:
        for row in rows:
            rarer = sum(often[other] < often[row] for other in rows)
            cases.setdefault(row, []).append((undecided, rarer, name))
    return {row: tuple(c[-1] for c in sorted(named, key=lambda c: c[:-1])) for row, named in cases.items()}


def _reached(guideline: Guideline, folder: Folder) -> Iterator[tuple[str, bool, frozenset[str]]]:
    """Each case: its sentence, whether its answer is open, the rows that it reaches."""
    for example in examples(folder):
        try:
            answered = run(guideline, example)
        except InputError:
            continue  # `rules check` lists a case that is none of the guideline's form; it is no example here
        yield example.name, answered.answer["category"] is None, rows_of(guideline, answered)
