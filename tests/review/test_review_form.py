"""The reader's form: what is sent back as it was shown changes nothing; what is changed becomes a statement."""

from datetime import date
from decimal import Decimal

import pytest
from review_world import NODULE, believed, candidate, case_of, decided
from sample_decisions import ALL

from radlogic.adapters.review.fields import text_of
from radlogic.adapters.review.form import Form
from radlogic.engine.assess import assess
from radlogic.engine.errors import BadValue
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.types import (
    FOUND_BY_PROGRAM,
    Case,
    Exam,
    Indication,
    Known,
    PastSize,
    Patient,
    Source,
    SourceKind,
    Unknown,
    is_neural,
)

CASE = case_of(NODULE)
HUMAN = Source(SourceKind.HUMAN, "test")


def form_of(case: Case) -> Form:
    return Form(decided(case))


def as_shown(form: Form) -> dict[str, str]:
    """The texts of the form as it is first shown."""
    fields = [*form.exam_block(None, form.case).fields, *form.exam_block(None, form.case).rare]
    for i, finding in enumerate(form.case.findings):
        block = form.finding_block(f"f{i}", finding.kind, "", finding, None)
        fields += [*block.fields, *block.rare]
    return {field.name: field.value for field in fields if field.value}


def facts_after(case: Case, **changes: str):
    form = form_of(case)
    return form.correction({**as_shown(form), **{f"f0.{n}": v for n, v in changes.items()}}).findings[0].facts


@pytest.mark.parametrize("case", [CASE, believed(CASE), candidate(CASE), case_of(), case_of(NODULE, prior_ct=None)])
def test_a_form_sent_back_as_it_was_shown_changes_nothing(case):
    form = form_of(case)

    assert form.correction(as_shown(form)) == form.case


@pytest.mark.parametrize("name", [name for name in ALL if name not in ("no_guideline",)])
def test_a_form_of_a_hand_made_decision_sent_back_changes_nothing(name):
    form = Form(ALL[name]())

    assert form.correction(as_shown(form)) == form.case


def test_a_changed_field_becomes_the_readers_statement_and_the_others_keep_theirs():
    before, after = CASE.findings[0].facts, facts_after(CASE, type="part_solid")

    assert (after["type"].value, after["type"].source.kind) == ("part_solid", SourceKind.HUMAN)
    assert after["type"].source.reference.startswith("review form")
    assert {n: b for n, b in after.items() if n != "type"} == {n: b for n, b in before.items() if n != "type"}


def test_an_emptied_field_is_unknown_and_says_that_the_reader_emptied_it():
    assert isinstance(facts_after(CASE, long_mm="")["long_mm"], Unknown)


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        ("mean_mm", "8.50", Decimal("8.50")),
        ("growing", "yes", True),
        ("juxtapleural", "no", False),
        ("margin", "spiculated", "spiculated"),
        ("suspicious_features.spiculation", "on", True),
        ("history", "12: 6.0; 24: 5.5", (PastSize(Decimal(12), Decimal("6.0")), PastSize(Decimal(24), Decimal("5.5")))),
        ("upper_lobe", "yes", True),
        ("location", "left lower lobe", "left lower lobe"),
    ],
)
def test_every_kind_of_field_is_read_in_its_type(name, typed, value):
    stated = facts_after(CASE, **{name: typed})[name]

    assert isinstance(stated, Known) and stated.value == value


def test_a_net_is_silent_once_a_human_stated_what_it_was_asked_for():
    case = believed(CASE)
    partly = facts_after(case, type="solid")
    wholly = facts_after(case, type="solid", mean_mm="7")

    assert {n for n, b in partly.items() if is_neural(b)} == {"mean_mm", "spiculated"}
    assert {n for n, b in wholly.items() if is_neural(b)} == set()


def test_what_a_net_saw_is_dropped_where_the_reader_moves_the_finding():
    form = form_of(believed(CASE))
    moved = form.correction({**as_shown(form), "f0.position": "40, 3, 2"}).findings[0]

    assert moved.position_mm == (40.0, 3.0, 2.0)
    assert not any(is_neural(b) for b in moved.facts.values())


def test_a_candidate_stays_one_until_the_reader_confirms_it():
    form = form_of(candidate(CASE))
    texts = as_shown(form)
    confirmed = form.correction({**texts, "f0.confirmed": "on"}).findings[0].facts

    assert FOUND_BY_PROGRAM in form.correction(texts).findings[0].facts
    assert FOUND_BY_PROGRAM not in confirmed


def test_the_indication_can_be_stated():
    form = form_of(CASE)
    texts = {**as_shown(form), "exam.indication": "incidental"}

    assert form.correction(texts).exam.indication is Indication.INCIDENTAL
    with pytest.raises(BadValue, match="screening, incidental"):
        form.correction({**texts, "exam.indication": "curiosity"})


def test_a_reading_holds_nothing_that_a_program_or_another_reader_said():
    form = form_of(believed(case_of(NODULE, {**NODULE, "tracking_id": "N2"})))
    read = form.reading({"new1.kind": "nodule", "new1.type": "solid", "new1.position": "1, 2, 3"})

    assert [f.tracking_id for f in read.findings] == ["R1"]
    assert read.findings[0].position_mm == (1.0, 2.0, 3.0)
    assert isinstance(read.exam.facts["round"], Unknown)
    assert not any(is_neural(b) for f in read.findings for b in f.facts.values())
    assert read.patient == form.case.patient


def test_added_findings_get_names_that_nothing_else_has():
    taken = case_of({**NODULE, "tracking_id": "R1"})
    form = form_of(taken)
    added = form.correction({**as_shown(form), "new1.kind": "nodule", "new3.kind": "nodule", "new1.type": "solid"})

    assert [f.tracking_id for f in added.findings] == ["R1", "R2", "R3"]


def test_a_kind_that_no_guideline_here_reads_is_not_added():
    assert form_of(CASE).new_kinds({"new1.kind": "fracture", "new2.kind": "nodule"}) == {"new2": "nodule"}


def test_a_form_of_one_finding_leaves_the_others_as_they_are():
    form = form_of(case_of(NODULE, {**NODULE, "tracking_id": "N2"}))
    texts = {n: t for n, t in as_shown(form).items() if not n.startswith("f0.")}
    after = form.correction({**texts, "f1.type": "part_solid"}, frozenset({"f1"}))

    assert after.findings[0] == form.case.findings[0]
    assert after.findings[1].facts["type"].value == "part_solid"


def test_a_case_with_more_findings_than_a_form_holds_says_so():
    many = [{**NODULE, "tracking_id": f"N{i}"} for i in range(40)]

    assert (form_of(case_of(*many[:5])).fits(), form_of(case_of(*many)).fits()) == (True, False)


def test_an_error_names_the_forms_own_field():
    form = form_of(CASE)
    for name, text in (("f0.long_mm", "999"), ("f0.type", "gas"), ("exam.round", "third"), ("f0.position", "1 2 3")):
        with pytest.raises(BadValue) as caught:
            form.correction({**as_shown(form), name: text})
        assert caught.value.field == name


@pytest.mark.parametrize("value", [True, False, Decimal("7.40"), "part_solid"])
def test_a_value_and_its_text_are_the_same_thing(value):
    words = {"True": "yes", "False": "no"}

    assert text_of(Known(value, HUMAN)) == words.get(str(value), str(value))


def test_nested_inputs_and_sets_of_a_liver_form_are_read():
    """LI-RADS states one observation, features in sets, and growth in an object of its own."""
    case = Case(Exam(date(2026, 10, 15), Indication.SURVEILLANCE), (), Patient("p"), assessed=("observation",))
    form = Form(assess(case, load_knowledge(None, "li-rads-ct-mri@2018"), date(2026, 11, 1)))
    texts = {
        "exam.modality": "CT", "exam.age": "61", "exam.risk_factors.cirrhosis": "on", "new1.kind": "observation",
        "new1.aphe": "nonrim", "new1.size_mm": "22", "new1.prior_size_mm": "20", "new1.af.mosaic": "on",
    }  # fmt: skip
    read = form.reading(texts)
    facts = read.findings[0].facts

    assert (read.exam.facts["age"].value, read.exam.facts["risk_factors.cirrhosis"].value) == (Decimal(61), True)
    assert (facts["prior_size_mm"].value, facts["aphe"].value) == (Decimal(20), "nonrim")
    assert (facts["af.mosaic"].value, facts["af.fat_in_mass"].value) == (True, False)
