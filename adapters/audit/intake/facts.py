# ruff: noqa: S608  names and words are quoted; nothing of a record is ever SQL
"""The facts of an exam or a finding: components of an Observation -> the columns that guidelines read.

One Observation is one row. Its components become lists side by side (names, words, numbers, units), in which each
column is looked up; nothing is grouped. A number without its unit or out of its input's range is unknown and counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

from ....engine.errors import MissingKnowledge
from ....engine.guideline.columns import columns, quoted, text
from ..layout import LAYOUT
from ..scope import Edition, editions_of, scope
from ..views.rows import CompiledView
from .settings import intake

NA = "n/a"
SIZES = r"([0-9.]+) mm ([0-9.]+) months ago"  # older sizes in words
STATED = ("id", "status", "patient_id", "exam_id", "scanner", "method", "value_text", "value_system", "value_version",
          "value_code")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """An input as Observations state it: what kind it is, what it may hold, and its columns with their types."""

    name: str
    kind: str  # number, enum, bool, set, history
    columns: Mapping[str, str]
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    words: tuple[str, ...] = ()
    of: frozenset[str] = frozenset()  # the kinds of findings whose guidelines read it

    def joined(self, other: Fact) -> Fact:
        """What two guidelines, or two editions, take the input to be."""
        words = tuple(dict.fromkeys((*self.words, *other.words)))
        held = {**other.columns, **self.columns}
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Fact(self.name, self.kind, held, low, high, words, self.of | other.of)


Facts = Mapping[str, Mapping[str, Fact]]  # assessment, finding -> name -> fact


@lru_cache(maxsize=1)
def known() -> Facts:
    """The facts that some guideline reads, and those that are documented of a screening exam."""
    found: dict[str, dict[str, Fact]] = {"assessment": {}, "finding": {}}
    for guideline in scope().guidelines:
        for edition in editions_of(guideline):
            for role, scopes in (("assessment", ("exam", "patient")), ("finding", ("finding",))):
                for fact in _facts(edition, guideline, scopes):
                    held = found[role].get(fact.name)
                    found[role][fact.name] = held.joined(fact) if held else fact
    for name, kind in LAYOUT["screening"].items():
        if name != "exam_id":
            found["assessment"].setdefault(name, _documented(name, kind))
    found["assessment"]["s_modifier"] = Fact("s_modifier", "bool", {"s_modifier": "BOOLEAN"})
    return found


def _documented(name: str, kind: str) -> Fact:
    plain = {"DOUBLE": "number", "BOOLEAN": "bool"}.get(kind, "enum")
    return Fact(name, plain, {name: kind}, Decimal(0), Decimal(1000))


def _facts(edition: Edition, guideline: str, scopes: Sequence[str]) -> Iterator[Fact]:
    types = columns(edition.guideline, scopes)
    for name, (of, i) in edition.guideline.inputs.items():
        if of not in scopes or i["type"] not in ("number", "enum", "bool", "set", "history"):
            continue
        column = scope().guidelines[guideline].column(name)
        held = {f"{column}{c.removeprefix(name)}": k for c, k in types.items() if c.split(".")[0] == name}
        low, high = (Decimal(str(bound)) for bound in i.get("range", (0, 0)))
        words = tuple(map(str, (*i.get("values", ()), *([i["absent"]] if i.get("absent") else ()))))
        yield Fact(column, i["type"], held, low, high, words, frozenset({scope().guidelines[guideline].kind}))


def prepare(observations: CompiledView, parts: CompiledView, source: str) -> str:
    """The relation ``obs``: an Observation a row, with its components as lists side by side."""
    many = parts.rows.many
    if many is None or not many.columns:
        where, found = "knowledge/audit/views/observation_parts.json", "another form"
        raise MissingKnowledge(where, "", found, "one forEach with columns", "Restore the file.")
    singles = ", ".join(f"{sql} AS {quoted(n)}" for n, (sql, _) in observations.rows.single.items())
    lists = ", ".join(
        f"list_transform({many.elements}, lambda {many.name}: {sql}) AS {name}"
        for name, sql in _lists(many.columns).items()
    )
    inner = f"SELECT file, line, {singles}, {lists} FROM {source}{observations.where()}"
    return f"CREATE OR REPLACE TEMP TABLE obs AS SELECT *, {_role()} AS role FROM ({inner})"


def _role() -> str:
    """Whether an Observation is the assessment of an exam, or a finding."""
    marks = intake().assessment
    texts, codes = (", ".join(map(text, words)) for words in (marks.text, marks.codes))
    is_own = f"len(list_filter(codes, lambda c: ends_with(c, {text(marks.own)}))) > 0"
    return (
        f"CASE WHEN what IN ({texts}) OR list_has_any(codes, [{codes}]) OR {is_own} THEN 'assessment' "
        f"WHEN what IN ({', '.join(map(text, intake().findings))}) THEN 'finding' END"
    )


def _lists(column: Mapping[str, str]) -> dict[str, str]:
    """What is read of each component, from the view's columns."""
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
    units = f"coalesce({column['unit_code']}, {column['unit']})"
    rest = {"absents": "absent", "words": "words", "lows": "low", "highs": "high", "numbers": "number"}
    return {"names": name, "said": said, "units": units} | {n: column[c] for n, c in rest.items()}


def selects(kinds: Facts) -> dict[str, str]:
    """From ``obs``: the rows of assessments and findings, what of them cannot be used, and what is none of both."""
    stated = ", ".join(STATED).replace("status", "status AS resource_status")
    return {
        "assessments": f"SELECT file, line, {stated}, {_interval()}, {_all(kinds['assessment'])} "
        "FROM obs WHERE role = 'assessment'",
        "findings": _findings(kinds["finding"]),
        "bad_facts": _bad(),
        "other_observations": "SELECT file, count(*) AS lines FROM obs WHERE role IS NULL GROUP BY file",
    }


def _findings(facts: Mapping[str, Fact]) -> str:
    """The findings, kind by kind: of each kind what its guidelines read, of any other kind nothing."""
    of = sorted({kind for fact in facts.values() for kind in fact.of})
    types = {column: kind for fact in facts.values() for column, kind in fact.columns.items()}
    nulls = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(column)}" for column, kind in types.items())
    parts = [(nulls, f"what NOT IN ({', '.join(map(text, of))})")]
    parts += [(_all({n: f for n, f in facts.items() if kind in f.of}), f"what = {text(kind)}") for kind in of]
    head = "SELECT file, line, id, status AS resource_status, patient_id, exam_id, what"
    return " UNION ALL BY NAME ".join(
        f"{head}, {columns} FROM obs WHERE role = 'finding' AND {which}" for columns, which in parts
    )


def _interval() -> str:
    """The interval as the product's own reports state it."""
    at = "list_position(names, 'interval')"
    return f"lows[{at}] AS interval_low, highs[{at}] AS interval_high"


def _all(facts: Mapping[str, Fact]) -> str:
    return ", ".join(f"{sql} AS {quoted(name)}" for fact in facts.values() for name, sql in _columns(fact))


def _columns(fact: Fact) -> Iterator[tuple[str, str]]:
    """The columns of a fact as SQL."""
    at = f"list_position(names, {text(fact.name)})"
    said = f"said[{at}]"
    yes = f"CASE {said} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE END"
    for column, kind in fact.columns.items():
        beside = column.removeprefix(fact.name).removeprefix(".")
        match fact.kind:
            case "number" if not beside:
                yield column, f"CASE WHEN {_usable(fact, at)} THEN TRY_CAST(numbers[{at}] AS {kind}) END"
            case "number":
                yield column, f"CASE WHEN {said} = '{NA}' THEN TRUE WHEN {_usable(fact, at)} THEN FALSE END"
            case "bool" if not beside:
                yield column, yes
            case "bool":
                yield column, f"CASE WHEN {said} = '{NA}' THEN TRUE WHEN ({yes}) IS NOT NULL THEN FALSE END"
            case "set":
                yield column, _member(fact, at, beside)
            case "history":
                yield column, _sizes(said, kind)
            case _:
                yield column, said


def _usable(fact: Fact, at: str) -> str:
    units = ", ".join(map(text, intake().units_of(fact.name)))
    return f"numbers[{at}] BETWEEN {fact.low} AND {fact.high} AND units[{at}] IN ({units})"


def _member(fact: Fact, at: str, word: str) -> str:
    """Whether a word is in a set: stated by itself, or among the words that are present; ``false`` is none of them."""
    alone = f"said[list_position(names, {text(f'{fact.name}.{word}')})]"
    stated = f"CASE {alone} WHEN 'true' THEN TRUE WHEN 'false' THEN FALSE"
    return (
        f"{stated} ELSE CASE WHEN said[{at}] = 'false' THEN FALSE ELSE list_contains(words[{at}], {text(word)}) END END"
    )


def _sizes(said: str, kind: str) -> str:
    """Older sizes; an Observation that states none has none, for its form lists all that there are."""
    found = f"regexp_extract_all({said}, {text(SIZES)})"
    one = (
        f"struct_pack(months_ago := regexp_extract(s, {text(SIZES)}, 2), mean_mm := regexp_extract(s, "
        f"{text(SIZES)}, 1))"
    )
    return f"CAST(coalesce(list_transform({found}, lambda s: {one}), []) AS {kind})"


def dictionary(kinds: Facts) -> Iterator[str]:
    """The relation ``fact``: what each fact may hold."""
    yield (
        "CREATE OR REPLACE TABLE fact (role VARCHAR, name VARCHAR, kind VARCHAR, low DOUBLE, high DOUBLE, "
        "units VARCHAR[], words VARCHAR[])"
    )
    rows = [_row(role, fact) for role, facts in kinds.items() for fact in facts.values()]
    yield f"INSERT INTO fact VALUES {', '.join(rows)}"


def _row(role: str, fact: Fact) -> str:
    units, words = (f"[{', '.join(map(text, w))}]::VARCHAR[]" for w in (intake().units_of(fact.name), fact.words))
    return f"({text(role)}, {text(fact.name)}, {text(fact.kind)}, {fact.low}, {fact.high}, {units}, {words})"


def _bad() -> str:
    """The facts that are stated and cannot be used, by file and line."""
    reasons = (
        "CASE WHEN absent IS NOT NULL THEN NULL "
        f"WHEN kind = 'number' AND said = '{NA}' THEN NULL "
        "WHEN kind = 'number' AND number IS NULL THEN 'no readable number' "
        "WHEN kind = 'number' AND unit IS NULL THEN 'a number without a unit' "
        "WHEN kind = 'number' AND NOT list_contains(units, unit) THEN 'a number in another unit' "
        "WHEN kind = 'number' AND NOT number BETWEEN low AND high THEN 'a number out of its range' "
        "WHEN kind IN ('enum', 'bool') AND said IS NULL THEN 'no value' "
        f"WHEN kind = 'bool' AND said NOT IN ('true', 'false', '{NA}') THEN 'neither yes nor no' "
        "WHEN kind = 'enum' AND len(words) > 0 AND NOT list_contains(words, said) THEN 'a word that it cannot have' END"
    )
    inner = (
        "SELECT file, line, role, unnest(names) AS name, unnest(said) AS said, unnest(numbers) AS number, "
        "unnest(units) AS unit, unnest(absents) AS absent FROM obs WHERE role IS NOT NULL"
    )
    values = (
        f"SELECT file, line, 'value' AS what, {reasons} AS reason, name AS field "
        f"FROM ({inner}) o JOIN (SELECT * RENAME (units AS known_units) FROM fact) USING (role, name) "
        "WHERE reason IS NOT NULL"
    ).replace("list_contains(units, unit)", "list_contains(known_units, unit)")
    twice = (
        "SELECT file, line, 'line' AS what, 'the same fact stated twice' AS reason, name AS field FROM "
        "(SELECT file, line, role, unnest(names) AS name FROM obs WHERE role IS NOT NULL AND "
        "len(list_distinct(names)) < len(names)) "
        "JOIN fact USING (role, name) GROUP BY file, line, name HAVING count(*) > 1"
    )
    return f"{values} UNION ALL {twice}"


def make(database: Any, kinds: Facts) -> None:
    """Make the relation of what each fact may hold."""
    for statement in dictionary(kinds):
        database.execute(statement)
