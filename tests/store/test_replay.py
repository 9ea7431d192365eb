"""A kept decision, decided again: under what is shipped, and under rules that have changed since."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from store_cases import AS_OF, HUMAN, NET, decided, exam

from radlogic.adapters.decision_file import dumps, loads
from radlogic.adapters.store import replay as replaying
from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.errors import CannotReplay, NoSuchDecision
from radlogic.adapters.store.replay import replay
from radlogic.engine.resources import rules_folder
from radlogic.engine.types import (
    Known,
    Unknown,
)

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path / "store") as opened:
        yield opened


def replayed(store, decision_id):
    with store.journal.reading() as connection:
        return replay(connection, decision_id)


def said_by_a_net():
    facts = {"type": Known("part_solid", NET), "solid_mm": Known(Decimal("5"), NET)}
    case = exam()
    return replace(case, findings=(replace(case.findings[0], facts={**case.findings[0].facts, **facts}),))


def without(case, name):
    facts = {**case.findings[0].facts, name: Unknown("nobody measured it", HUMAN)}
    return replace(case, findings=(replace(case.findings[0], facts=facts),))


CASES = {
    "one guideline": exam,
    "a net spoke": said_by_a_net,
    "nothing found": lambda: replace(exam(), findings=()),
    "a size that nobody measured": lambda: without(exam(), "mean_mm"),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("guideline", ["lung-rads@2022", None], ids=["one", "all"])
def test_a_decision_is_reproduced_from_its_record_alone(store, name, guideline):
    assessment = decided(CASES[name](), guideline=guideline)
    found = replayed(store, store.add(assessment, NOW, "radlogic"))

    assert (found.equal, found.under, found.not_kept, found.erased) == (True, "what is shipped", (), False)


def test_a_record_that_says_something_else_than_was_decided_is_shown_to_differ(store):
    assessment = decided()
    guideline = assessment.decision.guidelines[0]
    lied = replace(guideline, exam=replace(guideline.exam, category="1", possible=("1",)))
    changed = replace(assessment, decision=replace(assessment.decision, guidelines=(lied,)))
    found = replayed(store, store.add(changed, NOW, "radlogic"))

    assert not found.equal
    said = {d.place: (d.kept, d.now) for d in found.differences}
    assert said["decision.guidelines[0].exam.category"] == ("1", assessment.decision.guidelines[0].exam.category)


@pytest.mark.slow
def test_a_case_that_was_changed_under_its_id_is_shown_to_differ(store):
    assessment = decided()
    record = replace(assessment.record, decision_id="0" * 32)
    found = replayed(store, store.add(replace(assessment, record=record), NOW, "radlogic"))

    assert [d.place for d in found.differences] == ["decision_id"]


@pytest.mark.slow
def test_an_erased_patients_decision_is_still_reproduced(store):
    decision_id = store.add(decided(), NOW, "radlogic")
    store.erase_patient(store.row(decision_id).patient, NOW, "admin", "asked for")
    found = replayed(store, decision_id)

    assert (found.equal, found.erased) == (True, True)


@pytest.fixture
def own_rules(tmp_path):
    """A hospital's folder with a guideline of its own: Lung-RADS under another name."""
    folder = tmp_path / "rules"
    shutil.copytree(Path(str(rules_folder())) / "lung-rads" / "2022", folder / "lung-rads" / "2022")
    return folder


ROW = '[baseline, stable], benign_juxtapleural: "no", size: {from: 6, below: 8}}, then: '


def edited(folder):
    """The hospital is more careful: a baseline solid nodule of 6 mm or more is 4A there."""
    file = folder / "lung-rads" / "2022" / "tables" / "2-nodules.yaml"
    text = file.read_text()
    assert text.count(ROW + '"3"') == 1
    file.write_text(text.replace(ROW + '"3"', ROW + "4A"))


@pytest.mark.slow
def test_a_decision_is_replayed_under_the_rules_it_was_made_with_although_they_changed(store, own_rules):
    """What a hospital's own rules said is kept by content: editing or losing the folder changes no replay."""
    edited(own_rules)
    own, shipped = decided(folders=(own_rules,)), decided()
    assert [a.decision.guidelines[0].findings[0].reading.category for a in (own, shipped)] == ["4A", "3"]
    decision_id = store.add(own, NOW, "radlogic", rules=(own_rules,))
    shutil.rmtree(own_rules)

    found = replayed(store, decision_id)
    assert (found.equal, found.under, found.not_kept) == (True, "the kept revisions", ())


@pytest.mark.slow
def test_under_kept_rules_too_a_changed_answer_is_found(store, own_rules):
    edited(own_rules)
    own = decided(folders=(own_rules,))
    lied = replace(own, decision=replace(own.decision, guidelines=decided().decision.guidelines))
    found = replayed(store, store.add(lied, NOW, "radlogic", rules=(own_rules,)))

    said = {d.place: (d.kept, d.now) for d in found.differences}
    assert said["decision.guidelines[0].findings[0].reading.category"] == ("3", "4A")


def test_rules_that_were_not_kept_are_said_to_be_missing(store, own_rules):
    head = own_rules / "lung-rads" / "2022" / "guideline.yaml"
    head.write_text(head.read_text() + "\n# of this hospital\n")
    decision_id = store.add(decided(folders=(own_rules,)), NOW, "radlogic")  # without naming the folder

    with pytest.raises(CannotReplay, match="lung-rads@2022"):
        replayed(store, decision_id)


def test_a_decision_that_is_not_there_cannot_be_replayed(store):
    with pytest.raises(NoSuchDecision):
        replayed(store, "nobody")


def test_the_case_in_a_record_survives_the_file_to_the_last_letter():
    """The id is worked out from the case's text: an order or a zero that the file loses would change it."""
    assessment = decided(said_by_a_net())

    assert repr(loads(dumps(assessment)).record.case) == repr(assessment.record.case)


def test_what_was_met_while_reading_pixels_stays_in_the_record():
    class Pixels:
        notes = ("two slices left out",)

        def sha256(self):
            return "f" * 64

    from radlogic.engine.record import record_of

    plain = decided()
    record = record_of(replace(exam(), volume=Pixels()), plain.decision, {}, AS_OF, own_rules={})

    assert (record.case.volume, record.case.exam.notes) == (None, ("read on a phone", "two slices left out"))
    assert record.image_sha256 == "f" * 64


def test_the_folder_for_a_replay_holds_what_was_kept_and_nothing_newer(tmp_path):
    contents = {"knowledge/gates.yaml": b"old", "rules/lung-rads/2022/guideline.yaml": b"old"}
    replaying.lay_out(tmp_path / "radlogic", contents)
    package = tmp_path / "radlogic"

    assert (package / "knowledge" / "gates.yaml").read_bytes() == b"old"
    assert [p.name for p in (package / "rules" / "lung-rads" / "2022").iterdir()] == ["guideline.yaml"]
    assert not (package / "knowledge" / "facts.yaml").exists()
    assert (package / "knowledge" / "models" / "lung_nodule" / "model.onnx").is_symlink()
    assert (package / "rules" / "fleischner").is_symlink()
    assert (package / "engine" / "assess.py").is_file()


def test_every_kept_file_is_kept_once(store):
    for mean in ("5.0", "6.0", "7.0"):
        store.add(decided(exam(mean_mm=Decimal(mean))), NOW, "radlogic")
    from sqlalchemy import text

    with store.journal.reading() as connection:
        bodies = [
            json.loads(b) for b in connection.execute(text("SELECT body FROM entry WHERE kind = 'decided'")).scalars()
        ]
        count = connection.execute(text("SELECT count(*) FROM revision")).scalar()
    assert len({body["revisions"] for body in bodies}) == 1
    assert count < 100
