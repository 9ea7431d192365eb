# ruff: noqa: S608  the SQL is this file's own
"""No count of 1 to 10 that the audit hides can be computed from what it shows.

The attacker has ``summary.json`` and ``aggregates.json`` (the page is made of these two), knows every sum that holds
(``sums``), and that the same group, status or reason with the same count is the same exams. Nothing here is the
product's: unknowns are the counts of ``counts/*.parquet``, a linear system tells which of them follow.
"""

import json
from collections import defaultdict
from datetime import date

import generated_tables
import numpy
import pytest
from scipy import sparse
from scipy.sparse.linalg import lsqr

from radlogic.adapters.audit.folder import audit_folder
from radlogic.adapters.audit.measure_files import chosen
from radlogic.adapters.audit.tally import tallies

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
LEAST = 11
STATUSES = ("met", "not_met", "excluded", "unknown")
CONCORDANT = "category-concordant"


def told(out):
    """(the counts that are there by name, those of them that are shown, the sums that hold)."""
    summary, aggregates = (json.loads((out / name).read_text()) for name in ("summary.json", "aggregates.json"))
    rows = duckdb.sql(
        "SELECT measure, dimension, COALESCE(value, 'not stated'), status, reason, SUM(n)::INT "
        f"FROM '{out}/counts/*.parquet' GROUP BY ALL"
    ).fetchall()
    truth, shown, sums = defaultdict(int), {}, []
    parts = defaultdict(set)
    for measure, dimension, value, status, reason, n in rows:
        where = (measure, dimension, value if dimension != "all" else "")
        truth[(*where, status)] += n
        truth[(*where, "population")] += n
        parts[(*where, "population")].add((*where, status))
        if dimension != "all":
            for kind in (status, "population"):
                parts[(measure, "all", "", kind, dimension)].add((*where, kind))
        if dimension in ("all", "edition"):
            truth[(*where, "reason", reason)] += n
            parts[(*where, status, "by reason")].add((*where, "reason", reason))
            if dimension == "edition":
                parts[(measure, "all", "", "reason", reason, "by edition")].add((*where, "reason", reason))
    for total, of in parts.items():
        name = total[:4] if total[-1] not in ("by edition",) else total[:5]
        sums.append((name, of))
    for one in summary["measures"]:
        measure = one["id"]
        groups = {("all", ""): one} | {(d, v): row for d, found in one["by"].items() for v, row in found.items()}
        for (dimension, value), row in groups.items():
            shown |= {(measure, dimension, value, kind): row[kind] for kind in (*STATUSES, "population")}
        for reasons in one["reasons"].values():
            shown |= {(measure, "all", "", "reason", reason): n for reason, n in reasons.items()}
    _heats(out, aggregates, truth, shown, sums)
    known = {name: n for name, n in shown.items() if n is not None}
    assert {name: truth[name] for name in known} == known  # what is shown is true
    return truth, known, sums, shown


def _heats(out, aggregates, truth, shown, sums):
    """Stated against computed: its cells, their rows and columns, and what ``summary.json`` calls met."""
    judged = duckdb.sql(
        f"SELECT edition, stated_category, computed, status, COUNT(*) FROM '{out}/measures/{CONCORDANT}.parquet' "
        f"JOIN '{out}/rows/*.parquet' USING (exam_id) WHERE status IN ('met', 'not_met') GROUP BY ALL"
    ).fetchall()
    sides = defaultdict(set)
    for edition, stated, computed, status, n in judged:
        cell = ("heat", edition, stated, computed)
        truth[cell] = n
        sides["heat", edition, "stated", stated].add(cell)
        sides["heat", edition, "computed", computed].add(cell)
        sides["heat", edition, "exams"].add(cell)
        sides[CONCORDANT, "edition", edition, status].add(cell)
        sides[CONCORDANT, "stated_category", stated, status].add(cell)
        sides[CONCORDANT, "computed", computed, status].add(cell)
    for name, of in sides.items():
        if name[0] == "heat":
            truth[name] = sum(truth[cell] for cell in of)
        assert truth[name] == sum(truth[cell] for cell in of)
        sums.append((name, of))
    for heat in aggregates["stated_against_computed"]:
        names, edition = heat["categories"], heat["edition"]
        shown["heat", edition, "exams"] = heat["exams"]
        for r, a in enumerate(names):
            shown["heat", edition, "stated", a] = heat["stated"][r]
            shown["heat", edition, "computed", a] = heat["computed"][r]
            shown |= {("heat", edition, a, b): heat["cells"][r][c] for c, b in enumerate(names)}


def same(name, n):
    """What two measures call alike is the same exams where the count is the same."""
    if name[0] == "heat":
        return name
    return (*name[1:], n)


def follow(truth, known, sums):
    """The counts that are not shown and follow from those that are."""
    unknown = {name: same(name, n) for name, n in truth.items() if n and name not in known}
    open_ = {*unknown.values()} - {same(name, n) for name, n in known.items()}
    leaked = {name for name, alike in unknown.items() if alike not in open_}
    rows = []
    for total, parts in sums:
        row = defaultdict(int)
        for name, sign in [*((part, 1) for part in parts), (total, -1)]:
            if truth[name] and (alike := same(name, truth[name])) in open_:
                row[alike] += sign
        rows.append({alike: c for alike, c in row.items() if c})
    found = _determined([row for row in rows if row])
    return leaked | {name for name, alike in unknown.items() if alike in found}


def _determined(rows):
    """The unknowns that all solutions have alike: what is left of any vector off the rows is 0 there."""
    names = sorted({alike for row in rows for alike in row}, key=repr)
    place = {alike: n for n, alike in enumerate(names)}
    entries = [(n, place[alike], c) for n, row in enumerate(rows) for alike, c in row.items()]
    where, which, what = zip(*entries, strict=True)
    matrix = sparse.csr_matrix((what, (where, which)), shape=(len(rows), len(names)), dtype=float)
    chance, reach = numpy.random.default_rng(1), numpy.zeros(len(names))
    for _ in range(3):
        some = chance.normal(size=len(names))
        on_rows = lsqr(matrix, matrix @ some, atol=1e-12, btol=1e-12, iter_lim=20_000)[0]
        reach = numpy.maximum(reach, numpy.abs(some - on_rows))
    return {alike for alike in names if reach[place[alike]] < 1e-5}


def small_that_follow(out):
    truth, known, sums, shown = told(out)
    return sorted((name for name in follow(truth, known, sums) if truth[name] < LEAST and name in shown), key=repr)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("computed")
    generated_tables.write(folder / "in", 400, 11, beside=False)
    audit_folder(folder / "in" / "tables", folder / "out", date(2025, 12, 31), by_measure=True)
    return folder / "out"


def test_the_attacker_subtracts_and_knows_that_what_is_alike_is_the_same():
    exams = {("a", "all", "", "met"): 20, ("a", "all", "", "not_met"): 5, ("a", "all", "", "population"): 25}
    exams |= {("b", *name[1:]): n for name, n in exams.items()}
    sums = [((m, "all", "", "population"), {(m, "all", "", "met"), (m, "all", "", "not_met")}) for m in "ab"]
    shown = [("a", "all", "", "population"), ("b", "all", "", "met")]

    assert follow(exams, {name: exams[name] for name in shown}, sums) == exams.keys() - set(shown)
    assert not follow(exams, {name: exams[name] for name in shown[:1]}, sums[:1]) - {("b", "all", "", "population")}


def test_no_small_count_that_is_hidden_follows_from_what_is_shown(out):
    assert small_that_follow(out) == []


def test_each_measure_alone_would_tell(out, tmp_path):
    with duckdb.connect() as database:
        found = tallies(database, sorted((out / "counts").glob("*.parquet")), chosen())
    summary = json.loads((out / "summary.json").read_text())
    alone = {tally.measure.id: tally.shown(LEAST) for tally in found}
    summary["measures"] = [one | alone[one["id"]] for one in summary["measures"]]
    for name in ("counts", "rows", "measures", "aggregates.json"):
        (tmp_path / name).symlink_to(out / name)
    (tmp_path / "summary.json").write_text(json.dumps(summary))

    assert small_that_follow(tmp_path)
