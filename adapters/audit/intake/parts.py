# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""The components of Observations: each different one is read once, however often it stands in a block.

An export says the same few thousand things millions of times (``known_lung_cancer: false``), so that a component is
parsed, looked up among the facts and judged once, by its text. What it means is a row of the relation ``meaning``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ....engine.errors import MissingKnowledge
from ....engine.guideline.columns import quoted, text
from ..views.rows import CompiledView
from ..views.values import Shape, member_sql
from .facts import NA, Facts
from .settings import intake

WHERE = "knowledge/audit/views/observation_parts.json"
SIZES = r"([0-9.]+) mm ([0-9.]+) months ago"  # older sizes in words


@dataclass(frozen=True)
class Parts:
    """Which element of an Observation holds its facts, the shape of one, and what is read of it."""

    element: str
    structure: str
    name: str  # of the parameter that the columns' SQL is about
    columns: Mapping[str, str]

    @classmethod
    def of(cls, view: CompiledView, shape: Shape, beside: CompiledView) -> Parts:
        """The parts of a view with one ``forEach`` over a list of the resource, which no other view reads.

        Raises:
            MissingKnowledge: the view has another form.
        """
        many = view.rows.many
        lists = {name: found for name, found in shape.members.items() if found.many and found.members}
        element = next((n for n in lists if many and many.elements == member_sql("r", n)), None)
        alone = element is not None and not any(member_sql("r", element) in sql for sql in _sqls(beside))
        if many is None or not many.columns or element is None or not alone:
            found = "another form"
            raise MissingKnowledge(WHERE, "", found, "columns for each of one list of elements", "Restore the file.")
        one = Shape(lists[element].kind, False, lists[element].members)
        return cls(element, one.structure(), many.name, many.columns)

    def meanings(self, source: str, kinds: Facts) -> str:
        """What each text of ``source`` (``place``, ``text``) means, a row for each role in which it means something."""
        listed = ", ".join(f"{sql} AS {name}" for name, sql in _read(self.columns).items())
        made = ", ".join(f"{sql} AS {quoted(name)}" for name, sql in _meant(kinds).items())
        # each step is computed once: otherwise its SQL would be written into every use of it
        return (
            f"WITH part AS MATERIALIZED (SELECT place, from_json(text, {self.structure}) AS {self.name} "
            f"FROM {source}), "
            f"read AS MATERIALIZED (SELECT place, {listed} FROM part), "
            f"known AS MATERIALIZED (SELECT *, {USABLE} AS usable FROM read JOIN fact USING (name)) "
            f"SELECT place, role, slot, name, said, low, high, {made}, {REASON} AS reason FROM known "
            "ORDER BY place, role"
        )


def _sqls(view: CompiledView) -> Iterator[str]:
    yield from (sql for sql, _ in view.rows.single.values())
    yield from view.conditions


def _read(column: Mapping[str, str]) -> dict[str, str]:
    """What is read of a component, from the view's columns."""
    systems = intake().systems

    def of(number: int, end: str) -> str:
        sql = column[f"system_{number}"]
        return f"({' OR '.join(f'ends_with({sql}, {text(address)})' for address in systems[end])})"

    name = (
        f"CASE WHEN {column['system_1']} IS NULL THEN {column['name']} "
        f"WHEN {of(1, 'feature')} THEN {column['code_1']} WHEN {of(2, 'feature')} THEN {column['code_2']} "
        f"WHEN {of(1, 'observable')} THEN split_part({column['code_1']}, '.', -1) ELSE {column['name']} END"
    )
    last = f"({column['words']})[-1]"
    word = f"CASE WHEN starts_with({last}, ({name}) || '.') THEN substr({last}, length({name}) + 2) ELSE {last} END"
    said = (
        f"CASE WHEN {column['said']} IS NOT NULL THEN {column['said']} "
        f"WHEN {column['yes']} IS NOT NULL THEN CAST({column['yes']} AS VARCHAR) "
        f"WHEN {column['absent']} = 'not-applicable' THEN '{NA}' WHEN {last} IS NOT NULL THEN {word} END"
    )
    unit = f"coalesce({column['unit_code']}, {column['unit']})"
    rest = {c: column[c] for c in ("absent", "words", "low", "high", "number")}
    return {"name": name, "said": said, "unit": unit} | rest


USABLE = "(number BETWEEN least AND most AND list_contains(units, unit))"
REASON = (
    "CASE WHEN NOT is_fact OR absent IS NOT NULL THEN NULL "
    f"WHEN kind = 'number' AND said = '{NA}' THEN NULL "
    "WHEN kind = 'number' AND number IS NULL THEN 'no readable number' "
    "WHEN kind = 'number' AND unit IS NULL THEN 'a number without a unit' "
    "WHEN kind = 'number' AND NOT list_contains(units, unit) THEN 'a number in another unit' "
    "WHEN kind = 'number' AND NOT number BETWEEN least AND most THEN 'a number out of its range' "
    "WHEN kind IN ('enum', 'bool') AND said IS NULL THEN 'no value' "
    f"WHEN kind = 'bool' AND said NOT IN ('true', 'false', '{NA}') THEN 'neither yes nor no' "
    "WHEN kind = 'enum' AND len(allowed) > 0 AND NOT list_contains(allowed, said) THEN 'a word that it cannot have' END"
)


def number_column(kind: str) -> str:
    """The column of ``meaning`` with a number as a type."""
    return f"number {kind}"


def sizes_column(kind: str) -> str:
    """The column of ``meaning`` with older sizes as a type."""
    return f"sizes {kind}"


def _meant(kinds: Facts) -> dict[str, str]:
    """The values that columns take: yes or no, not applicable, the words of a set, numbers and sizes as their types."""
    yes = "CASE said WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
    types = {(f.kind, kind) for facts in kinds.values() for f in facts.values() for kind in f.columns.values()}
    numbers = sorted(kind for of, kind in types if of == "number" and kind != "BOOLEAN")
    sizes = sorted(kind for of, kind in types if of == "history")
    return {
        "yes": yes,
        "na_number": f"CASE WHEN said = '{NA}' THEN TRUE WHEN usable THEN FALSE END",
        "na_bool": f"CASE WHEN said = '{NA}' THEN TRUE WHEN said IN ('true', 'false') THEN FALSE END",
        "has": HAS,
        **{number_column(kind): f"CASE WHEN usable THEN TRY_CAST(number AS {kind}) END" for kind in numbers},
        **{sizes_column(kind): _sizes(kind) for kind in sizes},
    }


# of a set: which of its words are present; where neither a word nor ``false`` stands, nothing is known of any
HAS = (
    "CASE WHEN kind = 'set' THEN list_transform(members, lambda w: CASE WHEN said = 'false' THEN FALSE "
    "WHEN len(words) > 0 THEN list_contains(words, w) END) END"
)


def _sizes(kind: str) -> str:
    """Older sizes; an Observation that states none has none, for its form lists all that there are."""
    found, pattern = f"regexp_extract_all(said, {text(SIZES)})", text(SIZES)
    one = f"struct_pack(months_ago := regexp_extract(s, {pattern}, 2), mean_mm := regexp_extract(s, {pattern}, 1))"
    listed = f"coalesce(list_transform({found}, lambda s: {one}), [])"
    return f"CASE WHEN kind = 'history' THEN CAST({listed} AS {kind}) END"
