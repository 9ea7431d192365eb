"""What the guidelines guarantee: shown by ``prove``, again by z3, and refuted with a patient where it is false."""

import copy
import random
from dataclasses import replace
from decimal import Decimal
from functools import cache

import counted_exams
import pytest
import random_facts
import rule_cases
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.engine.errors import RuleFileError
from radlogic.engine.guideline import numbers, older
from radlogic.engine.guideline.cache import pack, unpack
from radlogic.engine.guideline.editions import find
from radlogic.engine.guideline.evaluate import classify
from radlogic.engine.guideline.load import Guideline
from radlogic.engine.guideline.patients import Patients
from radlogic.engine.guideline.proofs_file import statements_of
from radlogic.engine.guideline.prove import Prover, Statement, prove, reached
from radlogic.engine.guideline.situation import raw_value
from radlogic.engine.guideline.tables import Cuts, Variable
from radlogic.engine.resources import rules_folder
from radlogic.engine.types import PastSize

LARGE = ("lung-rads@2022", "li-rads-ct-mri@2018", "lung-rads@1.1")  # z3 takes half a second for each of theirs
FEW = 2  # of which so many are shown by z3 in every run


@pytest.fixture(scope="module")
def z3_tables():
    """The encoding of tables; skipped where the extra ``prove`` is not installed."""
    return pytest.importorskip("z3_tables")


@pytest.fixture(scope="module")
def z3_statements(z3_tables):
    """Statements as z3 reads them."""
    return pytest.importorskip("z3_statements")


@cache
def statements(name):
    return statements_of(find(name, (rules_folder(),)))


def listed():
    for name in rule_cases.guidelines():
        for n, s in enumerate(s for s in statements(name) if s.kind != "unreached"):
            heavy = pytest.mark.slow if name in LARGE and n >= FEW else ()
            yield pytest.param(name, s, id=f"{name}: {s.id}", marks=heavy)


@pytest.mark.parametrize("name", rule_cases.guidelines())
def test_all_that_a_guideline_states_of_itself_holds(name):
    proofs = prove(rule_cases.guideline(name), statements(name))

    assert [p for p in proofs if not p.holds] == []
    assert len(proofs) == 3 + len(statements(name)) > 3


@pytest.mark.parametrize(("name", "statement"), [*listed()])
def test_z3_finds_no_counterexample_in_the_yaml_tables_either(name, statement, z3_statements):
    document = rule_cases.guideline(name).document

    assert z3_statements.holds(document, statement) is True
    assert z3_statements.somebody(document, statement)


def said(kind, *names, **more):
    return Statement("s", "it is so", "nowhere", kind, names, **more)


def numbered(*statements):
    return tuple(replace(s, id=f"s{n}") for n, s in enumerate(statements))


SOLID = {"type": "solid", "benign_feature": "none", "proven_benign": False}
ANCILLARY = {"before": "LR-3", "tie": "none", "favors_malignancy": "yes"}
# guideline, a statement that is false, and how many patients its counterexample has
WRONG = {
    "every solid nodule is 2": ("lung-rads@2022", said("always", "2", when={**SOLID, "status": "baseline"}), 1),
    "below 6 mm is never 4A": ("lung-rads@2022", said("never", "4A", when={**SOLID, "size": {"below": 6}}), 1),
    "a cut that no table has": ("lung-rads@2022", said("never", "4B", when={**SOLID, "size": {"below": "14.05"}}), 1),
    "slow growth is no exception": (
        "lung-rads@2022",
        said("monotone", "size", "increase_12m", "increase_overall", when={**SOLID, "status": "existing"}),
        2,
    ),
    "size makes no difference": ("fleischner@2017", said("same", "size", when={"type": "solid"}), 2),
    "risk falls": ("fleischner@2017", said("monotone", "risk", along=("high", "low")), 2),
    "rim hyperenhancement is no matter": ("li-rads-ceus@2017", said("same", "aphe"), 2),
    "size never lowers, LR-M or not": ("li-rads-ct-mri@2018", said("monotone", "size_mm"), 2),
    "ancillary features always give LR-4": ("li-rads-ct-mri@2018", said("always", "LR-4", when=ANCILLARY), 1),
    "benign features raise": ("li-rads-ct-mri@2018", said("monotone", "af.undistorted_vessels"), 2),
    "US-3 needs an observation": ("li-rads-us@2024", said("never", "US-3", when={"observation": "none"}), 1),
    "what is not absent is viable": (
        "li-rads-tra-nonradiation@2024",
        said("always", "LR-TR Viable", unless=({"masslike_enhancement": "absent"},)),
        1,
    ),
}


@pytest.mark.parametrize(("name", "statement", "patients"), WRONG.values(), ids=WRONG)
def test_a_false_statement_is_refuted_by_a_patient_whom_evaluate_confirms(name, statement, patients):
    guideline = rule_cases.guideline(name)
    proof = proof_of(guideline, statement)

    found = [category(guideline, p) for p in proof.patients]

    assert not proof.holds
    assert len(found) == patients
    assert None not in found
    assert confirmed(guideline, statement, found)
    assert all(f": {c}" in proof.witness for c in found)


def proof_of(guideline, statement):
    return Prover(guideline, [statement]).proof(statement)


def category(guideline, patient):
    (reading,) = classify(guideline, patient.exam, [("1", patient.findings[0])]).findings
    return reading.category


def confirmed(guideline, statement, found):
    if statement.kind == "monotone":
        return guideline.rank[found[1]] < guideline.rank[found[0]]
    if statement.kind == "same":
        return found[0] != found[1]
    return (found[0] in statement.names) == (statement.kind == "never")


def test_a_statement_on_the_exam_is_refuted_by_an_exam_with_its_findings():
    guideline = rule_cases.guideline("lung-rads@2022")
    proof = proof_of(guideline, said("never", "4B", of="exam", when={"leading.pet": "yes"}))
    (patient,) = proof.patients

    result = classify(guideline, patient.exam, [(str(n), f) for n, f in enumerate(patient.findings)])

    assert not proof.holds
    assert result.exam.category == "4B"
    assert any(r.facts["pet"] == "yes" for r in result.findings)


def test_two_exams_are_told_apart_though_one_has_no_finding():
    guideline = rule_cases.guideline("lung-rads@2022")

    proof = proof_of(guideline, said("monotone", "worst", of="exam", along=("4B", "none")))

    assert [len(p.findings) for p in proof.patients] == [1, 0]
    assert [f": {c}" in proof.witness for c in ("4B", "1")] == [True, True]


def test_numbers_that_follow_from_one_measurement_are_not_taken_as_independent():
    """Growth beyond its prior size by less than 1.5 mm cannot come to 15 mm from below 8 mm."""
    guideline = rule_cases.guideline("lung-rads@2022")
    tests = {**SOLID, "status": "existing", "prior_size": {"below": 8}, "size": {"from": 15}}

    possible = proof_of(guideline, said("always", "4B", "4X", when={**tests, "increase_overall": {"above": "1.5"}}))
    nobody = proof_of(guideline, said("always", "1", when={**tests, "increase_overall": {"to": "1.5"}}))

    assert possible.holds
    assert (nobody.holds, nobody.witness) == (False, "no patient meets its tests, so it says nothing")


def test_a_set_of_which_two_are_named_never_has_three():
    guideline = rule_cases.guideline("li-rads-ct-mri@2018")
    three = {f"unsure_between.LR-{n}": True for n in (3, 4, 5)}

    proof = proof_of(guideline, said("always", "LR-3", when=three))

    assert proof.witness == "no patient meets its tests, so it says nothing"


# guideline: (table, row, what is changed of it), and statements that this breaks
CHANGED = {
    "fleischner@2017": (
        ("solid", "S-small-low", {"then": "optional-12"}),
        {"small-solid-at-low-risk-needs-nothing"},
    ),
    "li-rads-ceus@2017": (
        ("ceus", "nonrim-large", {"then": "CEUS LR-5"}),
        {"LR-5-needs-APHE-late-mild-washout-and-10-mm"},
    ),
    "li-rads-us@2024": (
        ("threshold", "thrombus", {"if": {"new_thrombus": True, "vis": "A"}}),
        {"thrombus-is-US-3", "visualization-and-AFP-change-no-category"},
    ),
    "li-rads-tra-radiation@2024": (
        ("response", "viable", {"then": "LR-TR Nonprogressing"}),
        {"new-or-increased-is-viable"},
    ),
    "ti-rads@2017": (("echogenicity_points", "very-hypo", {"then": 1}), {"points-grow-with-echogenicity"}),
}


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_row_breaks_the_statement_that_is_about_it(name, z3_statements):
    (table, row, change), broken = CHANGED[name]
    changed = mutated(rule_cases.guideline(name), table, row, change)

    found = {p.id for p in prove(changed, statements(name)) if not p.holds}
    by_z3 = {s.id for s in statements(name) if z3_statements.holds(changed.document, s) is not True}

    assert found == by_z3
    assert broken <= found


def mutated(guideline, table, row, change):
    document = copy.deepcopy(dict(guideline.document))
    (rows,) = [t.get("rows", t.get("any")) for t in document["tables"] if t["id"] == table]
    next(r for r in rows if r["id"] == row).update(change)
    document, diagrams = unpack(pack(document))
    return Guideline(guideline.name, document, **diagrams)


def test_a_row_that_no_patient_reaches_is_named():
    guideline = rule_cases.guideline("lung-rads@1.1")

    _, rows, _ = prove(guideline)

    assert not rows.holds
    assert rows.witness == "no patient reaches highest.0, highest.NC, exam.0, exam.NC, management.0"


def test_a_row_called_unreached_that_somebody_reaches_is_found():
    proof = proof_of(rule_cases.guideline("fleischner@2017"), said("unreached", "solid.S-large"))

    assert not proof.holds
    assert proof.witness.startswith("solid.S-large: ")


DECIDED = [n for n in rule_cases.guidelines() if n not in LARGE]


@pytest.mark.parametrize("name", DECIDED)
def test_who_reaches_a_row_has_it_in_the_trace(name):
    guideline = rule_cases.guideline(name)
    silent = {f"{t['id']}.{r['id']}" for t in guideline.document["tables"] for r in t.get("rows", ()) if "silent" in r}

    for row, patient in reached(guideline).items():
        table = next(t for t in guideline.document["tables"] if t["id"] == row.partition(".")[0])
        if table["scope"] == "finding" and patient.findings and not silent:
            (reading,) = classify(guideline, patient.exam, [("1", patient.findings[0])]).findings
            in_trace = {
                f"{s.row.partition('.')[0]}.{r}" for s in reading.trace for r in s.row.partition(".")[2].split(", ")
            }
            assert row in in_trace, (row, patient.words())


@pytest.mark.parametrize("name", [n for n in rule_cases.guidelines() if rule_cases.guideline(n).numbers])
def test_whoever_can_be_is_found_by_trial(name):
    """The search for measurements misses no combination that random measurements show."""
    guideline, chance = rule_cases.guideline(name), random.Random(11)  # noqa: S311  no secret
    variables = {v.name: v for v in guideline.finding.stage.variables}
    patients = Patients(guideline, variables)
    for _ in range(40):
        facts = random_facts.coherent(guideline, random_facts.facts_of(guideline, chance), chance)
        raw = {n: raw_value(facts.get(n)) for n in guideline.amounts if not n.endswith("mm3")}
        cells = frozenset(cells_of(variables, guideline.numbers, raw))
        if cells:
            assert patients.can_be(cells), (name, cells, raw)


def cells_of(variables, definitions, raw):
    for name, v in variables.items():
        amount = numbers.number(name, definitions, raw) if v.cuts else None
        if amount is not None:
            yield name, v.cuts.cell(amount) if isinstance(amount, Decimal) else v.domain.index("n/a")


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("growth", [False, True])
@pytest.mark.parametrize("count", [3, 4, 5, 9, older.MOST_LISTED])
def test_a_row_for_many_earlier_exams_is_reached_however_many_they_are(count, growth, own_cache, tmp_path):
    guideline = counted_exams.earlier(tmp_path, count, growth=growth)
    false = numbered(said("never", "call"), said("unreached", "told.often"))

    *general, never, unreached = prove(guideline, false)

    assert [p.id for p in general if not p.holds] == []
    for proof in (never, unreached):
        assert not proof.holds
        assert category(guideline, proof.patients[0]) == "call"


def test_where_the_search_cannot_be_complete_nothing_that_rests_on_it_is_said_to_hold(own_cache, tmp_path):
    guideline = counted_exams.earlier(tmp_path, older.MOST_LISTED + 2)
    claims = numbered(said("never", "call"), said("unreached", "told.often"), said("always", "letter", "call"))

    _, rows, _, *proofs = prove(guideline, claims)

    assert [p.holds for p in (rows, *proofs)] == [False, False, False, True]
    for proof in (rows, *proofs[:2]):
        assert "not proved: a count of 202 earlier exams is asked for" in proof.witness


def test_a_known_case_refutes_what_the_search_calls_unreached_and_the_search_itself():
    guideline = rule_cases.guideline("lung-rads@1.1")  # nobody reaches exam.0, by search
    free = said("always", "1", "2", "3", "4A", "4B", "4X", "0")
    claims = numbered(said("unreached", "exam.0"), free)

    assert [p.holds for p in prove(guideline, claims)[3:]] == [True, True]
    refuted = prove(guideline, claims, shown=["exam.0"])

    assert (refuted[3].holds, refuted[3].witness) == (False, "exam.0: a known case reaches it")
    assert "known cases reach exam.0, where the search for patients finds nobody" in refuted[1].witness
    assert refuted[4].holds  # shown without the search


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_whoever_has_any_list_of_older_exams_is_found_by_trial(data):
    """No combination of counts and growth that some list gives is missed."""
    cuts = data.draw(st.fixed_dictionaries({n: st.lists(POINT, min_size=1, max_size=2) for n in ("recent", "whole")}))
    cuts["exams"] = data.draw(st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=2))
    numbers_of_it = yaml.safe_load(counted_exams.INPUTS)
    variables, raw = {}, data.draw(st.fixed_dictionaries(MEASURED))
    for name, points in cuts.items():
        found = Cuts(tuple(sorted({(Decimal(c), above) for c, above in points})))
        words = (*map(found.words, range(len(found.points) + 1)), *(("n/a",) if name != "exams" else ()))
        variables[name] = Variable(name, "derived", words, cuts=found)
    for key in ("prior_mm", "months"):
        raw[key] = "n/a" if raw["first"] else raw[key]
    first = raw.pop("first")
    guideline = Guideline("earlier@1", {"guideline": {}, "inputs": numbers_of_it}, None, None)
    cells = frozenset(cells_of(variables, guideline.numbers, raw))

    assert len(cells) == 3 or not first
    assert Patients(guideline, variables).can_be(cells), (cells, raw)


TENTHS = st.integers(10, 150).map(lambda n: Decimal(n) / 10)
POINT = st.tuples(st.sampled_from(["-1", "0", "0.5", "1.5", "2"]), st.booleans())
PAST = st.builds(PastSize, st.integers(1, 40).map(Decimal), TENTHS)
MEASURED = {
    "mean_mm": TENTHS, "prior_mm": TENTHS, "months": st.integers(1, 40).map(Decimal), "first": st.booleans(),
    "history": st.lists(PAST, max_size=9).map(tuple),
}  # fmt: skip


def a_test(guideline):
    """A random test on an input, or on a number at a cut or off it."""
    variables = [v for v in guideline.finding.stage.variables if v.name != "reading"]

    def of(v):
        if v.cuts is None:
            return st.lists(st.sampled_from(v.domain), min_size=1, unique=True)
        cuts = sorted({c for c, _ in v.cuts.points} | {Decimal("7.25")})
        return st.builds(
            lambda bound, cut: {bound: str(cut)}, st.sampled_from(["from", "below"]), st.sampled_from(cuts)
        )

    return st.sampled_from(variables).flatmap(lambda v: st.tuples(st.just(v.name), of(v)))


@pytest.mark.parametrize("name", ["li-rads-ceus@2017", "li-rads-us@2024", "fleischner@2017"])
@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_prove_and_z3_agree_on_any_statement(name, z3_statements, data):
    guideline = rule_cases.guideline(name)
    whom = dict(data.draw(st.lists(a_test(guideline), max_size=3)))
    what = tuple(data.draw(st.lists(st.sampled_from([c["id"] for c in guideline.head["categories"]]), min_size=1)))
    moved = data.draw(st.sampled_from([v.name for v in guideline.finding.stage.variables if v.name != "reading"]))
    kind = data.draw(st.sampled_from(["always", "never", "same"]))
    statement = said(kind, *([moved] if kind == "same" else what), when=whom)

    found = proof_of(guideline, statement)

    expected = z3_statements.holds(guideline.document, statement) is True
    assert found.holds == (expected and z3_statements.somebody(guideline.document, statement))


def test_z3_tells_equivalent_tables_from_others(z3_tables):
    guideline = rule_cases.guideline("fleischner@2017")
    alike, other = (copy.deepcopy(dict(guideline.document)) for _ in range(2))
    rows = {id(d): next(t for t in d["tables"] if t["id"] == "solid")["rows"] for d in (alike, other)}
    rows[id(alike)][0]["if"]["size"] = {"to": "5"}  # whole millimetres: below 6 is to 5
    rows[id(other)][0]["if"]["size"] = {"below": "5"}

    assert z3_tables.equivalent(guideline.document, alike, ["nodule"]) is True
    assert z3_tables.equivalent(guideline.document, other, ["nodule"])["size"] == "5"


BAD = {
    "a result that the table has not": (said("never", "9"), "found 9; allowed: "),
    "a table that is not there": (said("never", "2", of="nodules"), "s, of: found nodules"),
    "an input that is not there": (said("same", "spikes"), "s, same: found spikes"),
    "a number that no table asks": (said("monotone", "axes_mean"), "s, monotone: found axes_mean"),
    "a test on what is not there": (said("never", "2", when={"spikes": True}), "found the table spikes"),
    "a value that is not there": (said("never", "2", when={"type": "soft"}), "found soft"),
    "an order of values that are not there": (said("monotone", "type", along=("a", "b")), "s, along: found a, b"),
    "a row that is not there": (said("unreached", "solid.S9"), "s, unreached: found solid.S9"),
}  # fmt: skip


@pytest.mark.parametrize(("statement", "words"), BAD.values(), ids=BAD)
def test_a_statement_on_what_is_not_there_is_an_error(statement, words):
    with pytest.raises(RuleFileError) as caught:
        proof_of(rule_cases.guideline("lung-rads@1.1"), statement)

    assert words in str(caught.value)
    assert caught.value.cure


FILES = {
    "no kind": ("{id: a, says: b, cite: c}", "exactly one of always"),
    "two kinds": ("{id: a, says: b, cite: c, always: x, never: y}", "found always, never"),
    "no citation": ("{id: a, says: b, always: x}", "cite"),
    "a key that is none": ("{id: a, says: b, cite: c, always: x, whenever: {}}", "whenever"),
    "with without monotone": ("{id: a, says: b, cite: c, always: x, with: [y]}", "are for `monotone`"),
    "an exception without reason": ("{id: a, says: b, cite: c, always: x, unless: [{if: {y: 1}}]}", "because"),
    "an id twice": ("{id: a, says: b, cite: c, always: x}\n  - {id: a, says: b, cite: c, never: x}", "found a twice"),
}


@pytest.mark.parametrize(("entry", "words"), FILES.values(), ids=FILES)
def test_a_file_that_breaks_its_schema_names_the_place(tmp_path, entry, words):
    (tmp_path / "proofs.yaml").write_text(f"statements:\n  - {entry}\n", encoding="utf-8")

    with pytest.raises(RuleFileError) as caught:
        statements_of(tmp_path)

    assert words in str(caught.value)
    assert "proofs.yaml" in str(caught.value)


def test_a_guideline_without_statements_still_gets_the_general_ones(tmp_path):
    assert statements_of(tmp_path) == ()
    assert [p.id for p in prove(rule_cases.guideline("li-rads-tr@2018"))] == ["complete", "rows", "silent"]
