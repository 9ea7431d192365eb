# ruff: noqa: S608  the SQL is of this file
"""The views' runner: cases written from the specification, and what every error names."""

import json
from functools import cache
from pathlib import Path

import duckdb
import pytest
import yaml

from radlogic.adapters.audit.intake.settings import views
from radlogic.adapters.audit.views.definition import read_view, view_of
from radlogic.adapters.audit.views.rows import compile_view
from radlogic.engine.errors import BadValue, InputError, Unsupported

TOLD = yaml.safe_load((Path(__file__).parent / "sql_on_fhir" / "cases.yaml").read_text(encoding="utf-8"))
RESOURCES = TOLD["resources"]


@cache
def database():
    """One database with the resources of the cases, for all of them."""
    made = duckdb.connect(config={"threads": 1})
    _hold(made, "told", RESOURCES)
    return made


def _hold(database, table, resources):
    database.execute(f"CREATE OR REPLACE TABLE {table} (text VARCHAR)")
    database.executemany(f"INSERT INTO {table} VALUES (?)", [[json.dumps(r)] for r in resources])


def run(view, table="told"):
    """The columns and rows of a view over the resources of a table."""
    made = compile_view(view_of(view, "a view"), "a view")
    source = f"(SELECT from_json(text, {made.shape.structure()}) AS r FROM {table})"
    found = database().execute(made.select(source))
    names = [column[0] for column in found.description]
    return names, [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.mark.parametrize("case", TOLD["cases"], ids=lambda case: case["name"])
def test_a_view_gives_the_rows_that_the_specification_says(case):
    if case.get("error"):
        with pytest.raises((InputError, duckdb.Error)):
            run(case["view"])
        return
    names, rows = run(case["view"])

    def key(row):
        return json.dumps(row, sort_keys=True)

    assert sorted(rows, key=key) == sorted(case["rows"], key=key)
    assert names == case.get("columns", names)


def test_an_error_names_the_view_the_column_the_path_and_what_is_allowed():
    view = {"resource": "Patient", "select": [{"column": [{"name": "born", "path": "birthday"}]}]}
    with pytest.raises(BadValue) as raised:
        run(view)

    error = raised.value
    assert (error.where, error.field, error.found) == ("a view, column born", "path", "Patient.birthday")
    assert "birthDate" in error.allowed
    view["select"][0]["column"][0]["path"] = "birthDate.today()"
    with pytest.raises(Unsupported, match=r"today\(\).*getReferenceKey"):
        run(view)


def test_resources_nested_deeper_than_repeat_follows_end_the_query_and_are_not_cut_off():
    inner = {"linkId": "x"}
    for _ in range(9):
        inner = {"linkId": "x", "item": [inner]}
    view = {
        "resource": "QuestionnaireResponse",
        "select": [{"repeat": ["item"], "column": [{"name": "l", "path": "linkId"}]}],
    }
    deep = {"resourceType": "QuestionnaireResponse", "id": "d", "status": "completed", "item": [inner]}

    _hold(database(), "deep", [deep])

    with pytest.raises(duckdb.Error, match="deeper than the levels"):
        run(view, "deep")


@pytest.mark.parametrize("name", sorted(views()))
def test_each_shipped_view_compiles_is_named_as_its_file_and_declares_every_type(name):
    view = views()[name]
    made = compile_view(view, name)

    def columns(select):
        yield from select.column
        for inner in (*select.select, *select.unionAll):
            yield from columns(inner)

    assert view.name == name
    assert all(column.type for select in view.select for column in columns(select))
    assert list(made.columns) == [c.name for select in view.select for c in columns(select)]


def test_a_view_that_is_no_json_is_refused():
    with pytest.raises(InputError, match="no JSON"):
        read_view("{", "a view")
