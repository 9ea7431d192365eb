# ruff: noqa: S608  paths of our own temporary files
"""The audit in SQL judges every exam as plain Python does, patient by patient."""

from datetime import date, timedelta

import audited_by_hand
import audited_tables
import generated_tables
import pytest

from radlogic.adapters.audit import reported
from radlogic.adapters.audit.at_scale import Order, run
from radlogic.adapters.audit.relation import AGE
from radlogic.adapters.fhir.when import whole_years

AS_OF = date(2026, 6, 30)  # of the generated populations
duckdb = pytest.importorskip("duckdb", reason="needs the extra `audit`")


@pytest.fixture(scope="module")
def population(tmp_path_factory):
    """A generated population of 1,000 exams, its violations planted."""
    folder = tmp_path_factory.mktemp("population")
    generated_tables.write(folder, 1_000, 11, beside=False)
    return folder


def judged(folder, out, as_of, **order):
    """(measure, exam_id) -> (status, reason), as the audit writes them."""
    done = run(Order(folder, out, as_of, **order))
    with duckdb.connect() as database:
        return {
            (m.id, exam): (status, reason)
            for m in done.measures
            for exam, _, _, status, reason in database.execute(reported.rows_of(m, done.files("rows"))).fetchall()
        }


@pytest.fixture(scope="module")
def found(population, tmp_path_factory):
    """What the audit makes of it."""
    return judged(population / "tables", tmp_path_factory.mktemp("out"), AS_OF)


def test_every_exam_of_a_generated_population_is_judged_as_by_hand(population, found):
    assert len(found) > 10_000
    assert found == audited_by_hand.judge(population / "tables", AS_OF)


@pytest.mark.parametrize("as_of", [date(2025, 3, 1), pytest.param(AS_OF, marks=pytest.mark.slow)])
def test_untidy_tables_are_judged_as_by_hand(population, tmp_path, as_of):
    tables = audited_tables.untidy(population / "tables", tmp_path / "untidy", 7)

    found = judged(tables, tmp_path / "out", as_of)

    assert len({*found.values()}) > 50
    assert found == audited_by_hand.judge(tables, as_of)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_larger_populations_are_judged_as_by_hand(tmp_path, seed):
    generated_tables.write(tmp_path, 5_000, seed, beside=False)
    tables = audited_tables.untidy(tmp_path / "tables", tmp_path / "untidy", seed)

    found = judged(tables, tmp_path / "out", date(2025, 12, 1), per_bucket=2_000)

    assert found == audited_by_hand.judge(tables, date(2025, 12, 1))


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_whatever_comes_after_an_exam_it_is_judged_as_by_hand(tmp_path, seed):
    generated_tables.write(tmp_path, 6_000, 4, beside=False)
    tables = audited_tables.eventful(tmp_path, tmp_path / "eventful", seed)

    found = judged(tables, tmp_path / "out", date(2026, 1, 1))

    by_hand = audited_by_hand.judge(tables, date(2026, 1, 1))
    assert {*by_hand.values()} >= WHATEVER
    assert found == by_hand


WHATEVER = {("unknown", "death_before_exam"), ("unknown", "event_not_readable"), ("excluded", "cancer_known"),
            ("met", "optional"), ("unknown", "modality_not_stated"), ("not_met", "early")}  # fmt: skip

# planted kind -> the measure that must find it, and the reasons that say so
FOUND_BY = {
    "category_too_high": ("category-concordant", {"stated_higher"}),
    "category_too_low": ("category-concordant", {"stated_lower"}),
    "recommendation_missing": ("recommendation-present", {"nothing_recommended"}),
    "interval_too_short": ("right-interval", {"shorter"}),
    "interval_too_long": ("right-interval", {"longer"}),
    "modality_wrong": ("right-modality", {"other_modality"}),
    "follow_up_late": ("follow-up-on-time", {"late"}),
    "follow_up_early": ("follow-up-on-time", {"early"}),
    "follow_up_never": ("follow-up-on-time", {"never"}),
    "surveillance_missed": ("liver-surveillance-adherence", {"late", "never"}),
    "surveillance_early": ("liver-surveillance-adherence", {"early"}),
    "over_management": ("over-management", {"tissue_sampled"}),
    "under_management": ("work-up-begun", {"late", "never"}),
    "critical_not_communicated": ("critical-result-communicated", {"not_communicated"}),
    "critical_late": ("critical-result-communicated", {"late"}),
    "eligibility_not_documented": ("eligibility-uspstf", {"not_documented.pack-years"}),
    "shared_decision_not_documented": ("eligibility-cms", {"shared_decision_not_documented"}),
    "eligibility_too_young": ("eligibility-uspstf", {"not_eligible.age"}),
    "eligibility_too_old": ("eligibility-uspstf", {"not_eligible.age"}),
    "eligibility_cms_age": ("eligibility-cms", {"not_eligible.age"}),
    "eligibility_pack_years": ("eligibility-uspstf", {"not_eligible.pack-years"}),
    "eligibility_quit_years": ("eligibility-uspstf", {"not_eligible.smoking"}),
    "eligibility_symptomatic": ("eligibility-cms", {"not_eligible.symptoms"}),
    "edition_wrong": ("edition-in-force", {"other_edition"}),
    "duplicate_exam": ("recorded-once", {"again_on_the_same_day"}),
}
RATES = {"abnormal-interpretation", "cancer-detection", "positive-predictive-value"}  # no violation by themselves


def test_all_planted_violations_are_found_and_none_is_invented(population, found):
    check(found, population)


@pytest.mark.slow
def test_all_planted_violations_of_a_hundred_thousand_exams_are_found_and_none_is_invented(tmp_path):
    generated_tables.write(tmp_path, 100_000, 3, beside=False)

    check(judged(tmp_path / "tables", tmp_path / "out", AS_OF), tmp_path)


def check(found, population):
    planted = dict(duckdb.sql(f"SELECT exam_id, kind FROM '{population / 'truth.parquet'}'").fetchall())
    unusable = {exam for (_, exam), judgement in found.items() if judgement == ("unknown", "findings_not_usable")}
    missed = [
        (exam, kind)
        for exam, kind in planted.items()
        if exam not in unusable and found.get((FOUND_BY[kind][0], exam), ("", ""))[1] not in FOUND_BY[kind][1]
    ]
    invented = [
        key
        for key, (status, _) in found.items()
        if status == "not_met" and key[0] not in RATES and key[1] not in planted
    ]
    assert planted
    assert len(unusable) * 1_000 <= len(found)
    assert missed == []
    assert invented == []


def test_an_age_is_the_age_that_the_engine_reads_from_a_birth_date():
    born = [date(1960, 2, 27) + timedelta(n) for n in range(5)]
    days = [date(year, 2, 26) + timedelta(n) for year in (2010, 2012) for n in range(6)]
    rows = ", ".join(f"(DATE '{a}', DATE '{b}')" for a in born for b in days)
    people = f"SELECT *, NULL AS age_stated FROM (VALUES {rows}) v(birth_date, exam_date)"
    query = f"SELECT birth_date, exam_date, {AGE} FROM ({people})"

    for a, b, age in duckdb.sql(query).fetchall():
        assert age == whole_years(a, b), (a, b)
