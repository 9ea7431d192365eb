"""What a user of ``radlogic audit`` sees of dirty input: how much, of what kind, and in which file and line."""

import json

import duckdb
from command import run
from dirty_tables import KINDS, write
from generated_dirt import add_dirt


def summary(out):
    return json.loads((out / "summary.json").read_text(encoding="utf-8"))


def test_the_command_counts_every_kind_of_dirty_line_in_its_summary(tmp_path):
    (tmp_path / "ndjson").mkdir()
    told = add_dirt(tmp_path / "ndjson", 1)
    assert len({dirt["kind"] for dirt in told["lines"]}) >= 30

    done = run("audit", tmp_path / "ndjson", "--out", tmp_path / "out", "--as-of", "2026-01-01")

    assert done.code == 0
    intake = summary(tmp_path / "out")["input"]["intake"]
    counted = {what: sum(reasons.values()) for what, reasons in intake["aside"].items()}
    aside = f"FROM '{tmp_path}/out/tables/aside.parquet' GROUP BY what"
    assert counted == dict(duckdb.sql(f"SELECT what, count(*) {aside}").fetchall())
    certain = [dirt["treatment"] for dirt in told["lines"] if dirt["treatment"] != "either"]
    either = len(told["lines"]) - len(certain)
    for what in ("line", "reference", "duplicate", "value"):
        assert certain.count(what) <= counted[what] <= certain.count(what) + either
        assert all(intake["aside"][what])
        assert f"{counted[what]} " in done.err
    read = {name: len((tmp_path / "ndjson" / name).read_bytes().splitlines()) for name in intake["files"]}
    assert {name: file["lines"] for name, file in intake["files"].items()} == read
    assert "nobody" not in json.dumps(intake)


def test_rows_of_parquet_are_checked_where_it_is_asked_for(tmp_path):
    write(tmp_path / "in", "parquet")

    plain = run("audit", tmp_path / "in", "--out", tmp_path / "plain", "--as-of", "2026-01-01")
    checked = run("audit", tmp_path / "in", "--out", tmp_path / "out", "--as-of", "2026-01-01", "--check-rows")

    assert (plain.code, checked.code) == (0, 0)
    assert "intake" not in summary(tmp_path / "plain")["input"]
    intake = summary(tmp_path / "out")["input"]["intake"]
    expected = [said["what"] for said in KINDS.values() if said.get("only", "parquet") == "parquet"]
    assert {what: sum(reasons.values()) for what, reasons in intake["aside"].items()} == {
        what: expected.count(what) for what in set(expected)
    }
