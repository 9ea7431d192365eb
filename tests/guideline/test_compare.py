"""The changes found between two guidelines are those that patients meet, and each has a patient to show it."""

import copy
import json
import random
from dataclasses import replace
from decimal import Decimal
from functools import cache

import counted_exams
import pytest
import random_facts
import rule_cases
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters import cases
from radlogic.adapters.classify import plain
from radlogic.adapters.rules.diff import diff, shown
from radlogic.engine.errors import InputError, Unsupported
from radlogic.engine.guideline import cache as compiled
from radlogic.engine.guideline.compare import case_for, compare, outcomes_of, same
from radlogic.engine.guideline.evaluate import classify, read_finding
from radlogic.engine.guideline.load import Guideline
from radlogic.engine.types import Unknown

QUIET = {"round": "annual", "prior_ct": "available", "lungs_fully_evaluable": True}
SOLID = {"type": "solid", "status": "existing", "mean_mm": 10, "prior_mean_mm": 10, "interval_months": 3}
SMALL, LARGE = ({**SOLID, "mean_mm": size, "prior_mean_mm": size} for size in (7, 16))
CROSSES = {**SOLID, "mean_mm": 6.5, "prior_mean_mm": 5.5, "interval_months": 12}
OLDER = {"months_ago": 24, "mean_mm": 5.2}
SLOW = {**CROSSES, "mean_mm": 7, "prior_mean_mm": 6.2, "previous_category": "2", "history": [OLDER]}
AIRWAY = {"type": "airway", "airway_level": "segmental"}
PERSISTS = {**AIRWAY, "status": "existing", "growing": False, "previous_category": "4A"}
SECRETIONS = {**AIRWAY, "status": "new", "contains_air": True, "underlying_soft_tissue": False}
BASELINE = {"type": "solid", "status": "baseline"}
BENIGN_FORM = {**BASELINE, "juxtapleural": True, "margin": "smooth", "shape": "oval"}

# Written from section 1.5 of ../shared/reference/guidelines.md, with 1.1 to 1.3 and 1.6, before any comparison was run:
# (what changed, the nodule, its category by v1.1, by v2022)
KNOWN = [
    ("4A unchanged at 3 months steps down by one, not to 2", {**SOLID, "previous_category": "4A"}, "2", "3"),
    ("4B unchanged has no step down", {**LARGE, "previous_category": "4B"}, "2", "4B"),
    ("4X unchanged has no step down", {**SOLID, "previous_category": "4X"}, "2", "4X"),
    ("3 unchanged at 3 months is too early", {**SMALL, "previous_category": "3"}, "2", "3"),
    ("juxtapleural below 10 mm, not perifissural", {**BENIGN_FORM, "mean_mm": 8}, "4A", "2"),
    ("juxtapleural of 6 to 8 mm, not perifissural", {**BENIGN_FORM, "mean_mm": 7}, "3", "2"),
    ("perifissural without the benign form", {**BASELINE, "mean_mm": 9, "perifissural": True}, "2", "4A"),
    ("a subsegmental airway nodule", {**AIRWAY, "status": "baseline", "airway_level": "subsegmental"}, "4A", "2"),
    ("an airway nodule that persists at 3 months", {**PERSISTS, "interval_months": 3}, "2", "4B"),
    ("an airway nodule that persists at 2 months", {**PERSISTS, "interval_months": 2}, "4A", "4B"),
    ("secretions in a segmental airway", SECRETIONS, "4A", "2"),
    ("crossing 6 mm without growth (note 5)", {**CROSSES, "previous_category": "2"}, "2", "3"),
    ("slow growth over several screens (note 8)", SLOW, "4A", "4B"),
]
# the same for the exam: (what, what suggests infection, nodules, category and interval by v1.1, by v2022)
NEW = {"type": "solid", "status": "new", "mean_mm": 5}
IN_A_YEAR, IN_6_MONTHS, SOON = ("1", [12, 12]), ("3", [6, 6]), ("0", [1, 3])
KNOWN_EXAMS = [
    ("consolidation is 0 with a scan in 1 to 3 months", "segmental_or_lobar_consolidation", [], IN_A_YEAR, SOON),
    ("more than six new nodules are 0", "more_than_six_new_nodules", [NEW], IN_6_MONTHS, SOON),
]


BOTH = ("lung-rads@1.1", "lung-rads@2022")
BEFORE, AFTER = (rule_cases.guideline(name) for name in BOTH)


@cache
def editions_compared():
    return compare(BEFORE, AFTER)


def variant(guideline, change):
    """The guideline as a hospital has changed it."""
    document = copy.deepcopy(guideline.document)
    change(document)
    document["sha256"] = "a hospital's own"
    document, diagrams = compiled.unpack(compiled.pack(document))
    apart = {n.removeprefix(compiled.APART): diagrams.pop(n) for n in [*diagrams] if n.startswith(compiled.APART)}
    return Guideline("variant@1", document, **diagrams, apart=apart)


def table(document, name):
    return next(t for t in document["tables"] if t["id"] == name)


def move(document, number, old, new, tables=None):
    """Every test of a number against one cut, in one table or in all, tests it against another one."""
    for t in document["tables"] if tables is None else [table(document, n) for n in tables]:
        for row in (t, *t.get("rows", ()), *t.get("any", ())):
            test = row.get("when" if row is t else "if", {}).get(number)
            if isinstance(test, dict):
                test.update(
                    {
                        k: new
                        for k, v in test.items()
                        if k in ("from", "above", "to", "below") and Decimal(str(v)) == old
                    }
                )


def stated(guideline, case):
    """A case with decimals, as the reader of cases takes it."""
    return cases.read(cases.parse(json.dumps(case, default=float)), guideline)


def facts_of(guideline, nodule):
    content = stated(guideline, case_for(guideline, {"exam": QUIET, "nodules": [nodule]}))
    return {**content.exam, **content.findings[0][1]}


def covered(changes, before, after):
    """The changes of these outcomes."""
    return [c for c in changes if ((c.before, c.rows_before), (c.after, c.rows_after)) == (before, after)]


@pytest.mark.parametrize(("what", "nodule", "before", "after"), KNOWN, ids=[k[0] for k in KNOWN])
def test_each_known_difference_between_lung_rads_1_1_and_2022_is_found(what, nodule, before, after):
    outcomes = [outcomes_of(g, facts_of(g, nodule)) for g in (BEFORE, AFTER)]
    assert [{c for c, _ in o} for o in outcomes] == [{before}, {after}]

    found = [c for a in outcomes[0] for b in outcomes[1] for c in covered(editions_compared().changes, a, b)]
    assert len(found) == len(outcomes[0]) * len(outcomes[1])


@pytest.mark.parametrize(
    ("what", "pattern", "nodules", "before", "after"), KNOWN_EXAMS, ids=[k[0] for k in KNOWN_EXAMS]
)
def test_each_known_difference_of_the_exam_is_found(what, pattern, nodules, before, after):
    exam = {**QUIET, "infectious_pattern": [pattern]}
    told = [exam_read(g, {"exam": exam, "nodules": nodules}) for g in (BEFORE, AFTER)]
    assert told == [before, after]

    found = [c for c in editions_compared().exam_changes if (c.before, c.after) == (before[0], after[0])]
    assert (before, after) in [tuple(exam_read(g, case_for(g, c.witness)) for g in (BEFORE, AFTER)) for c in found]


def test_the_dropped_scan_after_one_month_is_a_change_of_management():
    found = [(c.before, c.after) for c in editions_compared().exam_changes if "management.large-new" in c.rows_before]

    assert {("4B", "4B"), ("4X", "4X")} <= set(found)


def exam_read(guideline, case):
    """(category, interval) of an exam."""
    content = stated(guideline, plain(case))
    reading = classify(guideline, content.exam, content.findings).exam
    return reading.category, reading.facts["interval_months"]


def test_what_only_one_edition_knows_is_said():
    compared = editions_compared()

    assert compared.only_before == ("perifissural",)
    assert compared.only_after == ("type: cyst",)


def confirmed(both, comparison):
    """The changes whose witness both forms accept, and that both guidelines read as they say."""
    for change in comparison.changes:
        read = []
        for guideline in both:
            content = stated(guideline, plain(case_for(guideline, change.witness)))
            facts = {**content.exam, **content.findings[0][1]}
            reading = read_finding(guideline, facts).reading
            read.append((reading.category, *outcomes_of(guideline, facts), reading.silent))
        told = [
            (change.before, (change.before, change.rows_before), change.silent_before),
            (change.after, (change.after, change.rows_after), change.silent_after),
        ]
        assert read == told
        yield change


def test_every_witness_is_a_patient_of_both_forms_who_gets_the_two_categories():
    found = list(confirmed((BEFORE, AFTER), editions_compared()))

    assert len(found) > 50
    assert editions_compared().unconfirmed == ()
    assert {name for c in found for name in c.unread} == {"perifissural"}


def test_every_exam_witness_gets_the_two_answers():
    for change in editions_compared().exam_changes:
        told = [exam_read(g, case_for(g, change.witness)) for g in (BEFORE, AFTER)]

        assert [category for category, _ in told] == [change.before, change.after]


def test_witnesses_are_accepted_as_they_are_by_both_forms_but_for_fields_that_they_name():
    for change in editions_compared().changes:
        for guideline in (BEFORE, AFTER):
            if not change.unread:
                assert case_for(guideline, change.witness) == change.witness


def test_changes_of_management_come_first_and_big_steps_before_small_ones():
    changes, managements = editions_compared().changes, AFTER.head["managements"]
    kept = [managements[c.before] == managements[c.after] for c in changes]
    steps = [-abs(AFTER.rank[c.after] - AFTER.rank[c.before]) for c in changes]

    assert list(zip(kept, steps, strict=True)) == sorted(zip(kept, steps, strict=True))
    assert "4X" in (changes[0].before, changes[0].after)
    assert (changes[-1].before, changes[-1].after) == ("4B", "4X")


def random_patient(both, chance, near=()):
    """Full facts that the forms of both can hold; half of them much like the patient of one of the changes."""
    facts = {**random_facts.facts_of(both[0], chance), **random_facts.facts_of(both[1], chance)}
    if near and chance.random() < 0.5:
        witness = chance.choice(near).witness
        content = [stated(g, plain(case_for(g, witness))) for g in both]
        like = {n: b for c in content for n, b in (c.findings[0][1] | c.exam).items() if not isinstance(b, Unknown)}
        for name in chance.sample(sorted(like), min(2, len(like))):
            like.pop(name)
        facts = random_facts.coherent(both[1], {**facts, **like}, chance)
    return facts


def uncovered(both, comparison, seed, count):
    """Random patients on whom both differ and no change says so, and how many differed."""
    chance, missed, differing = random.Random(seed), [], 0  # noqa: S311  no secret
    for _ in range(count):
        facts = random_patient(both, chance, comparison.changes)
        try:
            categories = [read_finding(g, facts).reading.category for g in both]
        except InputError:
            continue  # contradictory, or a value that one of them does not know
        if None in categories or categories[0] == categories[1]:
            continue
        differing += 1
        outcomes = [outcomes_of(g, facts) for g in both]
        pairs = [
            (a, b) for a in outcomes[0] for b in outcomes[1]
        ]  # several where a number that only rows tell apart is unknown
        missed += [] if any(covered(comparison.changes, a, b) for a, b in pairs) else [(*pairs, facts)]
    return missed, differing


@settings(max_examples=6, deadline=None)  # each draws many patients
@given(seed=st.integers(0, 2**32))
@pytest.mark.slow
def test_every_random_patient_on_whom_the_editions_differ_is_in_a_change(seed):
    missed, differing = uncovered((BEFORE, AFTER), editions_compared(), seed, 150)

    assert missed == []
    assert differing > 5


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_every_random_exam_that_only_the_exam_tables_change_is_in_an_exam_change(seed):
    chance, found = random.Random(seed), editions_compared().exam_changes  # noqa: S311  no secret
    for _ in range(60):
        facts = random_patient((BEFORE, AFTER), chance)
        try:
            results = [classify(g, facts, [("nodule", facts)]) for g in (BEFORE, AFTER)]
        except InputError:
            continue
        nodules, exams = [r.findings[0].category for r in results], [r.exam for r in results]
        categories, intervals = [e.category for e in exams], [e.facts["interval_months"] for e in exams]
        if None in (*nodules, *categories) or nodules[0] != nodules[1]:
            continue
        if categories[0] != categories[1] or intervals[0] != intervals[1]:
            assert tuple(categories) in {(c.before, c.after) for c in found}


@pytest.mark.slow
def test_a_threshold_moved_by_one_tick_changes_exactly_the_patients_on_it():
    def later(document):
        move(document, "size", Decimal(6), "6.1", ["solid"])

    hospital = variant(BEFORE, later)
    compared = compare(BEFORE, hospital)
    found = {(c.before, c.after, c.rows_before, c.rows_after) for c in confirmed((BEFORE, hospital), compared)}

    assert compared.unconfirmed == ()
    assert {(b, a) for b, a, _, _ in found} == {("3", "2"), ("4A", "3"), ("4X", "2")}
    assert ("3", "2", ("solid.S3-base",), ("solid.S2-base",)) in found
    for change in compared.changes:
        assert change.witness["nodules"][0]["mean_mm"] == 6
    assert not same(BEFORE, hospital)
    assert uncovered((BEFORE, hospital), compared, 1, 150)[0] == []


@pytest.mark.slow
def test_rows_rewritten_without_a_change_of_meaning_are_the_same_guideline():
    def split(document):
        rows = table(document, "solid")["rows"]
        first = next(r for r in rows if r["id"] == "S2-base")
        rows.remove(first)
        for growth in ("baseline", "stable"):
            rows.append({**first, "id": f"S2-{growth}", "if": {**first["if"], "growth": growth}})

    def reorder(document):
        document["inputs"]["order"] = [*document["inputs"]["order"][::-1][:6], *document["inputs"]["order"][:-6]]

    for rewritten in (variant(BEFORE, split), variant(BEFORE, reorder)):
        assert same(BEFORE, rewritten)
        assert same(rewritten, BEFORE)
        assert compare(BEFORE, rewritten).exam_changes == ()
        assert compare(BEFORE, rewritten).changes == ()


def test_a_silent_spot_settled_by_a_hospital_is_not_the_same_but_changes_no_default():
    def settle(document):
        row = next(r for r in table(document, "solid")["rows"] if r["id"] == "S4A-slow")
        del row["silent"]

    hospital = variant(BEFORE, settle)

    assert not same(BEFORE, hospital)
    assert compare(BEFORE, hospital).changes == ()


def test_another_management_of_the_exam_is_an_exam_change():
    def shorter(document):
        document["guideline"]["managements"]["3"]["interval_months"] = [3, 3]

    hospital = variant(BEFORE, shorter)
    compared = compare(BEFORE, hospital)

    assert not same(BEFORE, hospital)
    assert compared.changes == ()
    assert {(c.before, c.after) for c in compared.exam_changes} == {("3", "3")}


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_equal_guidelines_have_no_changes(name):
    guideline = rule_cases.guideline(name)
    other = replace(guideline, document={**guideline.document, "sha256": "read again"})
    compared = compare(guideline, other)

    assert same(guideline, other)
    assert (compared.changes, compared.exam_changes, compared.unconfirmed) == ((), (), ())
    assert (compared.only_before, compared.only_after) == ((), ())


def first_cut(guideline):
    """A number that a finding table tests, and one of its cuts; None where it tests none."""
    for variable in guideline.finding.stage.variables:
        if variable.cuts is not None:
            return variable.name, variable.cuts.points[-1][0]
    return None


@pytest.mark.slow  # compiles each guideline anew
@pytest.mark.parametrize("name", [n for n in rule_cases.guidelines() if first_cut(rule_cases.guideline(n))])
def test_a_moved_threshold_of_any_guideline_is_found_with_patients_to_show_it(name):
    guideline = rule_cases.guideline(name)
    number, cut = first_cut(guideline)
    tick = Decimal(guideline.numbers[number].get("round", 1))
    hospital = variant(guideline, lambda d: move(d, number, cut, str(cut + tick)))
    compared = compare(guideline, hospital)

    assert compared.unconfirmed == ()
    assert not same(guideline, hospital)
    assert list(confirmed((guideline, hospital), compared)) == list(compared.changes)
    assert uncovered((guideline, hospital), compared, 3, 200)[0] == []


def test_guidelines_of_different_findings_are_refused():
    with pytest.raises(Unsupported, match="findings of one kind"):
        compare(AFTER, rule_cases.guideline("li-rads-us@2024"))

    assert not same(AFTER, rule_cases.guideline("li-rads-us@2024"))


def test_one_name_with_two_units_is_refused_by_name():
    def centimetres(document):
        document["inputs"]["finding"]["mean_mm"]["unit"] = "cm"

    hospital = variant(BEFORE, centimetres)
    with pytest.raises(Unsupported, match="mean_mm"):
        compare(BEFORE, hospital)

    assert not same(BEFORE, hospital)


def test_an_input_that_only_a_hospital_has_is_free_for_the_other():
    def smoker(document):
        document["inputs"]["finding"]["in_a_smoker"] = {"type": "bool", "absent": False, "doc": "the patient smokes"}
        rows = table(document, "solid")["rows"]
        first = next(r for r in rows if r["id"] == "S2-base")
        rows.append({**first, "id": "S3-smoker", "if": {**first["if"], "in_a_smoker": True}, "then": "3"})
        first["if"] = {**first["if"], "in_a_smoker": False}

    hospital = variant(BEFORE, smoker)
    compared = compare(BEFORE, hospital)
    small = [c for c in confirmed((BEFORE, hospital), compared) if c.rows_after == ("solid.S3-smoker",)]

    assert compared.only_after == ("in_a_smoker",)
    assert [(c.before, c.after, c.unread) for c in small] == [("2", "3", ("in_a_smoker",))]
    assert small[0].witness["nodules"][0]["in_a_smoker"] is True


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("growth", [False, True])
@pytest.mark.parametrize("count", [3, 4, 5, 9])
def test_a_moved_count_of_earlier_exams_is_a_change_however_many_they_are(count, growth, own_cache, tmp_path):
    both = [counted_exams.earlier(tmp_path, n, e, growth=growth) for n, e in ((count, "1"), (count + 1, "2"))]

    compared = compare(*both)
    found = list(confirmed(both, compared))

    assert [(c.before, c.after) for c in found] == [("call", "letter")]
    assert compared.unconfirmed == ()
    assert not same(*both)


def test_counts_beyond_the_search_are_never_said_to_be_alike(own_cache, tmp_path):
    both = [counted_exams.earlier(tmp_path, n, e) for n, e in ((300, "1"), (301, "2"))]

    compared = compare(*both)

    assert compared.changes == ()
    assert "a count of 301 earlier exams is asked for" in compared.unconfirmed[0]
    assert "alike" not in shown(diff(*both))
    assert not same(*both)
