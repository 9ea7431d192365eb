"""The counts for the page: from rows written by hand, what is known of them, and no small cell among them."""

from datetime import date, timedelta

import pytest

from radlogic.adapters.audit.aggregates import aggregates
from radlogic.adapters.audit.crossed import crossed
from radlogic.adapters.audit.measure_files import measures
from radlogic.adapters.audit.scope import settings
from radlogic.adapters.audit.tally import Tally

duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")
pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")

AS_OF = date(2026, 6, 30)
DAY = date(2024, 1, 1)
CHOSEN = ("category-concordant", "follow-up-on-time", "work-up-begun")
DAYS = ("exam_date", "due_date", "done_date", "work_up_due", "work_up_date", "death_date", "left_date")
TEXTS = ("edition", "computed", "stated_category", "patient_id")
SCHEMA = pa.schema(
    [*((n, pa.date32()) for n in DAYS), *((n, pa.string()) for n in TEXTS), *((n, pa.uint8()) for n in CHOSEN)]
)
WORK = pa.schema(
    [("edition", pa.string()), ("category", pa.string()), ("days_late", pa.int64()), ("measure", pa.string())]
)


def code(measure, status, reason):
    return measures()[measure].code(status, reason)


def row(category="3", stated=None, follow=("met", "on_time"), concordant=None, **days):
    """A Lung-RADS exam of DAY, due after six months; ``days``: columns as days after the exam."""
    same = ("met", "same") if stated in (None, category) else ("not_met", "other_category")
    return {
        "edition": "lung-rads@2022",
        "computed": category,
        "stated_category": stated or category,
        "patient_id": "somebody",
        "exam_date": DAY,
        "due_date": DAY + timedelta(182),
        **{name: DAY + timedelta(n) for name, n in days.items()},
        "category-concordant": code("category-concordant", *(concordant or same)),
        "follow-up-on-time": code("follow-up-on-time", *follow),
        "work-up-begun": code("work-up-begun", "excluded", "no_work_up_called_for"),
    }


def counted(folder, rows, late=()):
    files = [folder / "part-0.parquet", folder / "part-1.parquet"]
    for n, file in enumerate(files):
        pq.write_table(pa.Table.from_pylist(rows[n::2], schema=SCHEMA), file)
    work = folder / "worklist.parquet"
    pq.write_table(pa.Table.from_pylist(list(late), schema=WORK), work)
    with duckdb.connect() as database:
        chosen = [Tally(measures()[name]) for name in CHOSEN]
        chosen[0].crossed = crossed(database, files, chosen[0].measure)
        return aggregates(database, files, work, chosen, settings(), AS_OF)


def disagreeing(many):
    """A thousand exams, 40 of category 3 stated as 2, and so many of category 1 stated as 3."""
    rows = [row("1") for _ in range(500)] + [row("3") for _ in range(460)]
    rows += [row("3", stated="2") for _ in range(40)] + [row("1", stated="3") for _ in range(many)]
    return rows + [row("1", concordant=("unknown", "findings_incomplete")) for _ in range(30)]


def test_the_heat_map_counts_what_can_be_judged(tmp_path):
    (heat,) = counted(tmp_path, disagreeing(30))["stated_against_computed"]

    assert heat["categories"] == ["1", "2", "3"]
    assert heat["cells"] == [[500, 0, 0], [0, 0, 40], [30, 0, 460]]
    assert (heat["stated"], heat["computed"], heat["exams"]) == ([500, 40, 490], [530, 0, 500], 1030)


def test_a_small_cell_of_the_heat_map_follows_from_nothing_that_is_shown(tmp_path):
    (heat,) = counted(tmp_path, disagreeing(4))["stated_against_computed"]

    assert heat["cells"][2][0] is None
    columns = [list(c) for c in zip(*heat["cells"], strict=True)]
    for line, whole in (*zip(heat["cells"], heat["stated"], strict=True), *zip(columns, heat["computed"], strict=True)):
        assert sum(n is None for n in line) != 1 or whole is None


def test_one_category_alone_makes_a_table_too(tmp_path):
    (heat,) = counted(tmp_path, [row("2") for _ in range(20)])["stated_against_computed"]

    assert (heat["cells"], heat["stated"], heat["computed"], heat["exams"]) == ([[20]], [20], [20], 20)


def test_each_exam_leaves_the_wait_by_what_came_first(tmp_path):
    never, died = ("not_met", "never"), ("excluded", "died_before_due")
    rows = [row(done_date=100) for _ in range(200)]  # a hundred days: in the fifteenth week
    rows += [row(follow=died, death_date=50) for _ in range(100)]
    rows += [row(follow=("excluded", "tissue_sampled"), work_up_date=50, done_date=60) for _ in range(100)]
    rows += [row(follow=never, left_date=300) for _ in range(50)]
    rows += [row(follow=never, work_up_date=120) for _ in range(50)]  # sampled after it was due: not imaging

    (curve,) = counted(tmp_path, rows)["time_to_follow_up"]

    at = {p["days"]: p for p in curve["points"]}
    assert (curve["edition"], curve["category"], curve["exams"], curve["due_days"]) == ("lung-rads@2022", "3", 500, 182)
    assert (at[49]["followed"], at[49]["ended"]) == (0, 0)
    assert (at[56]["followed"], at[56]["ended"]) == (0, pytest.approx(0.4, abs=0.011))
    assert at[105]["followed"] == pytest.approx(0.4, abs=0.011)
    assert at[126]["ended"] == pytest.approx(0.5, abs=0.011)
    assert curve["points"][-1]["followed"] == pytest.approx(0.4, abs=0.011)
    assert max(at) <= curve["horizon_days"] == 364


def test_exams_that_the_measure_leaves_out_for_other_reasons_are_on_no_curve(tmp_path):
    rows = [row(follow=("excluded", "no_printed_interval"), done_date=10) for _ in range(500)]

    assert counted(tmp_path, rows)["time_to_follow_up"] == []


def test_few_exams_have_no_curve_and_no_number(tmp_path):
    (curve,) = counted(tmp_path, [row(done_date=100) for _ in range(10)])["time_to_follow_up"]

    assert (curve["exams"], curve["points"]) == (None, [])


def test_the_worklist_is_counted_by_category_and_days_late(tmp_path):
    entry = {"edition": "lung-rads@2022", "category": "3", "measure": "follow-up-on-time"}
    late = [{**entry, "days_late": days} for days in [30] * 20 + [31] * 15 + [400] * 3]
    late += [{**entry, "category": "4A", "days_late": 10}] * 12

    found = {one["measure"]: one for one in counted(tmp_path, [row()], late)["overdue"]}

    rows = {r["of"]: (*r["exams"], r["all"]) for r in found["follow-up-on-time"]["rows"]}
    assert list(rows) == ["lung-rads@2022: 3", "lung-rads@2022: 4A", "all"]
    assert rows["lung-rads@2022: 3"][4] is None
    assert sum(k is None for k in rows["lung-rads@2022: 3"]) > 1
    assert rows["lung-rads@2022: 4A"][0] == 12
    assert found["work-up-begun"]["rows"] == []


def test_an_audit_of_nothing_has_counts_of_nothing(tmp_path):
    found = counted(tmp_path, [])

    assert found["exams"]["counted"] is None
    assert (found["stated_against_computed"], found["time_to_follow_up"]) == ([], [])


def test_nobody_is_named(tmp_path):
    assert "somebody" not in str(counted(tmp_path, [row() for _ in range(50)]))
