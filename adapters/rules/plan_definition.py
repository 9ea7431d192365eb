"""A guideline as a FHIR R4 PlanDefinition: an action for each row of each table, and for each recommendation.

Conditions are FHIRPath on the variables that the DMN export names (``%size``, ``%size_state``), so that
both exports read alike. A number is a number where its ``_state`` is 'number'; a symbol that is not
known is no value at all, and a condition on it is empty, hence not met.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ...engine.guideline.load import Guideline
from ...engine.guideline.tables import NOT_APPLICABLE, READING, Row, Stage, Table
from ..notice import INTENDED_USE
from . import feel
from .dmn_numbers import Numbers

TYPES = "http://terminology.hl7.org/CodeSystem/plan-definition-type"
UCUM = "http://unitsofmeasure.org"
ISSUER = "urn:radlogic:plan-definition:"
Action = dict[str, Any]
SELECTION = {"any": "any"}  # of the rows of such a table several may fit; of all others exactly one


def plan_definition(guideline: Guideline) -> dict[str, Any]:
    """The guideline as a PlanDefinition resource (R4), checked against the R4B models of fhir.resources."""
    from fhir.resources.R4B.plandefinition import PlanDefinition

    head = guideline.head
    resource = {
        "resourceType": "PlanDefinition",
        "id": guideline.name.replace("@", "-").replace(".", "-"),
        "url": f"{ISSUER}{head['id']}",
        "identifier": [{"system": f"{ISSUER}sha256", "value": guideline.sha256}],
        "version": head["edition"],
        "name": "".join(part.capitalize() for part in feel.name(guideline.name).split("_")),
        "title": head["title"],
        "type": {"coding": [{"system": TYPES, "code": "eca-rule", "display": "ECA Rule"}]},
        "status": "draft",
        "description": _description(guideline),
        "usage": INTENDED_USE,
        "copyright": f"{head['title']}: {head['owner']}. The tables restate facts with their citation.",
        "effectivePeriod": {k: head[v] for k, v in (("start", "effective"), ("end", "superseded")) if v in head},
        "relatedArtifact": [{"type": "citation", "label": k, "citation": v} for k, v in head["sources"].items()],
        "action": [*_tables(guideline), _recommendations(guideline)],
    }
    PlanDefinition.model_validate(resource)
    return resource


def _description(guideline: Guideline) -> str:
    return (
        f"The decision tables of {guideline.head['title']}, one group of actions a table. The result of a table is the "
        "variable of its name, which later conditions read. Conditions are on the variables of the DMN export of the "
        "same guideline; a variable that is not known has no value, and no condition on it is met. Where the "
        "guideline is silent the default reading is given, and the other readings are documented beside it."
    )


def _tables(guideline: Guideline) -> Iterator[Action]:
    """Every table once, in the order in which they are read."""
    diagrams = [guideline.finding, *guideline.apart.values(), guideline.exam]
    titles = {t["id"]: t for t in guideline.document["tables"]}
    seen = set[str]()
    for diagram in (*diagrams, *([guideline.applies] if guideline.applies else [])):
        for table in diagram.stage.tables:
            if table.id not in seen:
                seen.add(table.id)
                yield _Group(diagram.stage, table, Numbers(guideline), titles[table.id]["cite"]).action()


class _Group:
    """The actions of one table."""

    def __init__(self, stage: Stage, table: Table, numbers: Numbers, cite: str) -> None:
        self.stage, self.table, self.numbers, self.cite = stage, table, numbers, cite

    def action(self) -> Action:
        """The table as a group of actions."""
        guard = self.table.guard
        rows = [self._row(row) for row in self._rows()]
        group: Action = {
            "id": f"table-{self.table.id}",
            "title": self.table.title,
            "description": f"table {self.table.id} ({self.table.scope}){self._made()}",
            "documentation": [{"type": "citation", "citation": self.cite}],
            "groupingBehavior": "logical-group",
            "selectionBehavior": SELECTION.get(self.table.kind, "exactly-one"),
        }
        if guard is not None:
            group["condition"] = [_condition(self._fits(guard), "the table is asked only here")]
        return {**group, "action": rows} if rows else group

    def _rows(self) -> list[Row]:
        """The rows in their default reading; of an ``any`` table the last, "no", stands for the rest."""
        at = self.stage.index[READING]
        return [r for r in self.table.rows if r.id != f"{self.table.id}.met" and 0 in r.cells.get(at, frozenset({0}))]

    def _made(self) -> str:
        parts = " ".join(self.stage.tables[p].id for p in self.table.parts)
        words = {"sum": "; adds up", "union": "; is whichever is asked of", "adjust": "; starts from"}
        return f"{words[self.table.kind]} {parts}" if self.table.kind in words else ""

    def _row(self, row: Row) -> Action:
        documents = [{"type": "citation", "citation": row.cite}]
        if row.why_silent:
            others = ", ".join(str(r.then) for r in self.table.rows if r.id.startswith(f"{row.id}/"))
            documents.append(
                {"type": "justification", "display": f"silent: {row.why_silent}; other readings: {others}"}
            )
        words = " and ".join(f"{name} {test}" for name, test in row.tests) or "whatever else"
        says = f"; {row.says}" if row.says else ""
        return {
            "id": f"row-{self.table.id}-{row.id}",
            "title": row.id,
            "description": f"{self.table.id} = {self._then(row)}{says}",
            "textEquivalent": words,
            "documentation": documents,
            "condition": [_condition(self._applies(row), words)],
        }

    def _then(self, row: Row) -> str:
        if not isinstance(row.then, tuple):
            return str(row.then)
        by, cap = row.then
        base = self.stage.tables[self.table.parts[0]].id
        return f"{base}, {by:+d} categories" + (f", to {cap} at most" if cap else "") if by else base

    def _applies(self, row: Row) -> str:
        """Where the row fits and gives way to none: what is left over by all others, or its tests."""
        rows = [r for r in self._rows() if r is not row]
        if row.id == f"{self.table.id}.otherwise":
            return _none_of(map(self._fits, rows))
        over = [self._fits(r) for r in rows if row.id in r.over]
        return f"{self._fits(row)} and {_none_of(over)}" if over else self._fits(row)

    def _fits(self, row: Row) -> str:
        variables = self.stage.variables
        tests = [self._of_variable(v, c) for v, c in row.cells.items() if variables[v].name != READING]
        tests += [self._of_table(t, s) for t, s in row.results.items()]
        return " and ".join(tests) or "true"

    def _of_variable(self, at: int, cells: frozenset[int]) -> str:
        variable = self.stage.variables[at]
        if variable.cuts is None:
            return _one_of(feel.name(variable.name), [s for i, s in enumerate(variable.domain) if i in cells])
        state, value = self.numbers.state(variable.name), f"%{self.numbers.value(variable.name)}"
        size = len(variable.cuts.points) + 1
        inside = [c for c in cells if c < size]
        known = f"%{state} = {_quoted(feel.NUMBER)}"
        ways = [f"{known} and ({feel.compared(value, variable.cuts, inside)})"] if 0 < len(inside) < size else []
        ways += [known] if len(inside) == size else []
        ways += [f"%{state} = {_quoted(NOT_APPLICABLE)}"] if len(inside) < len(cells) else []
        return f"({' or '.join(ways)})"

    def _of_table(self, t: int, symbols: frozenset[str]) -> str:
        table = self.stage.tables[t]
        if table.kind == "sum":  # points: runs of whole numbers, as the builder wrote them
            points = f"%{feel.name(table.id)}"
            runs = [f"({points} >= {a} and {points} <= {b})" for a, b in feel.runs(sorted(map(int, symbols)))]
            return f"({' or '.join(runs)})"
        return _one_of(feel.name(table.id), sorted(symbols))


def _recommendations(guideline: Guideline) -> Action:
    """What the guideline recommends, by the exam's category or the table that it names for this."""
    head = guideline.head
    source = feel.name(head.get("management", head["exam_category"]))
    names = {c["id"]: c["descriptor"] for c in head["categories"]}
    actions = [
        {
            "id": f"recommendation-{n}",
            "title": names.get(symbol, symbol),
            "description": told["management"],
            "code": [{"text": symbol}],
            "condition": [_condition(_one_of(source, [symbol]), f"{source} is {symbol}")],
            **_timing(told.get("interval_months")),
        }
        for n, (symbol, told) in enumerate(head["managements"].items())
    ]
    return {
        "id": "recommendation",
        "title": "Recommendation",
        "groupingBehavior": "logical-group",
        "selectionBehavior": "exactly-one",
        "action": actions,
    }


def _timing(months: list[int] | None) -> Mapping[str, Any]:
    """When it is due, from the day of the exam."""
    if not months:
        return {}
    low, high = ({"value": m, "unit": "months", "system": UCUM, "code": "mo"} for m in months)
    return {"timingDuration": low} if months[0] == months[1] else {"timingRange": {"low": low, "high": high}}


def _condition(expression: str, words: str) -> Mapping[str, Any]:
    told = {"language": "text/fhirpath", "expression": expression, "description": words}
    return {"kind": "applicability", "expression": told}


def _one_of(name: str, symbols: list[str]) -> str:
    if len(symbols) == 1:
        return f"%{name} = {_quoted(symbols[0])}"
    return f"%{name} in ({' | '.join(map(_quoted, symbols))})"


def _none_of(conditions: Iterable[str]) -> str:
    return f"({' or '.join(f'({c})' for c in conditions)}).not()"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
