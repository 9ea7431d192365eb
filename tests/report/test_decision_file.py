"""decision.json: nothing is lost, nothing half-written is left, nothing broken is read."""

import errno
import json
import math
from dataclasses import fields, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from decision_strategies import assessments
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sample_decisions import ALL, GROUNDS, fused, screening

from radlogic.adapters import decision_model
from radlogic.adapters.decision_file import dumps, loads, read_decision, schema, schema_text, write_decision
from radlogic.adapters.notice import INTENDED_USE
from radlogic.engine.errors import BadValue, InputError, MissingField, NotReadable, UnknownField, Unsupported
from radlogic.engine.grounds import Push
from radlogic.engine.perception.volume import Volume
from radlogic.engine.types import Known, PastSize, Source, SourceKind

ROOT = Path(__file__).resolve().parents[2]
SLOW_TO_DRAW = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def with_fact(value):
    """The screening decision whose exam answer holds one more fact."""
    held = screening()
    lung = held.decision.guidelines[0]
    exam = replace(lung.exam, facts={**lung.exam.facts, "more": value})
    decision = replace(held.decision, guidelines=(replace(lung, exam=exam), *held.decision.guidelines[1:]))
    return replace(held, decision=decision)


def changed(**at):
    """The screening file's text with values put at dotted paths (``record__version=...``)."""
    form = json.loads(dumps(screening()))
    for path, value in at.items():
        *way, last = path.split("__")
        place = form
        for step in way:
            place = place[int(step) if step.isdigit() else step]
        if value is ...:
            del place[last]
        else:
            place[last] = value
    return json.dumps(form)


@pytest.mark.parametrize("name", ALL)
def test_every_sample_comes_back_equal(name):
    assessment = ALL[name]()

    again = loads(dumps(assessment))

    assert again == assessment
    assert repr(again) == repr(assessment)  # decimals compare equal whatever their zeros, their texts do not


@SLOW_TO_DRAW
@given(assessments())
def test_any_assessment_comes_back_to_the_last_digit(assessment):
    again = loads(dumps(assessment, indent=None))

    assert again == assessment
    assert repr(again) == repr(assessment)


def test_one_line_of_text_holds_a_decision_for_line_oriented_files():
    assert "\n" not in dumps(screening(), indent=None)


def test_decimals_keep_the_zeros_they_were_stated_with():
    assessment = with_fact(Decimal("8.50"))
    place = assessment.decision.guidelines[0].exam

    again = loads(dumps(assessment)).decision.guidelines[0].exam

    assert str(place.facts["more"]) == str(again.facts["more"]) == "8.50"


def test_an_older_size_is_kept_exactly():
    past = Known((PastSize(Decimal("12.0"), Decimal("5.10")),), Source(SourceKind.REPORT, "report"))
    held = screening()
    case = held.record.case
    finding = replace(case.findings[0], facts={"history": past})
    assessment = replace(held, record=replace(held.record, case=replace(case, findings=(finding,))))

    again = loads(dumps(assessment)).record.case.findings[0].facts["history"]

    assert repr(again) == repr(past)


def test_the_images_are_left_out():
    held = screening()
    volume = Volume(np.zeros((2, 2, 2), np.int16), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    with_images = replace(held, record=replace(held.record, case=replace(held.record.case, volume=volume)))

    assert loads(dumps(with_images)) == held


def test_every_file_says_what_it_is_for_and_that_nobody_signed():
    form = json.loads(dumps(screening()))

    assert form["intended_use"] == INTENDED_USE
    assert form["decision"]["status"] == "preliminary"


UNKEPT = {
    "nan": float("nan"),
    "infinity": float("inf"),
    "infinite-decimal": Decimal("Infinity"),
    "huge-decimal": Decimal("1E+999"),
    "date": date(2025, 1, 1),
    "set": {1, 2},
    "numpy": np.float32(1),
    "number-lookalike": {"number": "8.5"},
    "key": {1: "a"},
    "half-sign": "\ud800",
}


@pytest.mark.parametrize("value", UNKEPT.values(), ids=UNKEPT)
def test_what_json_cannot_keep_is_refused_and_not_bent(value):
    with pytest.raises(InputError, match="decision file"):
        dumps(with_fact(value))


BROKEN = {
    "no-json": ("{", NotReadable, ""),
    "empty": ("", NotReadable, ""),
    "a-list": ("[]", NotReadable, ""),
    "deep": ("[" * 100_000, NotReadable, ""),
    "name-twice": ('{"version": "1", "version": "1"}', NotReadable, ""),
    "half-sign": (changed(decision__status="\ud800"), NotReadable, ""),
    "not-a-number": (dumps(screening()).replace("0.0493", "NaN"), NotReadable, ""),
    "too-large": (dumps(screening()).replace("0.0493", "1e999"), NotReadable, ""),
    "no-version": (changed(version=...), MissingField, "version"),
    "later-version": (changed(version="2"), Unsupported, "version"),
    "later-record": (changed(record__version="2"), Unsupported, "record.version"),
    "no-record": (changed(record=...), MissingField, "record.version"),
    "no-route": (changed(decision__route=...), MissingField, "decision.route"),
    "unknown-route": (changed(decision__route="neural"), BadValue, "decision.route"),
    "unknown-field": (changed(decision__signed_by="me"), UnknownField, "decision.signed_by"),
    "no-date": (changed(record__as_of="2025-02-30"), BadValue, "record.as_of"),
    "number-for-a-date": (changed(record__as_of=0), BadValue, "record.as_of"),
    "unknown-belief": (changed(record__case__exam__facts__modality__belief="guess"), BadValue, "modality"),
    "word-for-a-flag": (changed(decision__review__required="yes"), BadValue, "decision.review.required"),
    "probabilities": (
        changed(record__case__exam__facts__modality={"belief": "classes", "probabilities": {"CT": 0.5},
                "source": {"kind": "net", "reference": "net", "when": None}}),
        BadValue, "",
    ),
    "same-lesion-twice": (changed(record__case__findings__1__tracking_id="N1"), BadValue, "tracking_id"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_by_name(name):
    text, kind, field = BROKEN[name]

    with pytest.raises(kind) as refused:
        loads(text)

    assert type(refused.value) is kind
    assert field in refused.value.field
    assert all(refused.value.as_record()[part] for part in ("where", "found", "allowed", "cure"))


def test_an_error_does_not_repeat_what_the_record_says():
    text = changed(record__case__patient__facts__age={"belief": "known", "value": ["Erika Mustermann"], "source": 7})

    with pytest.raises(InputError) as refused:
        loads(text)

    assert "Mustermann" not in str(refused.value)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, len(dumps(screening(), indent=None)) - 1))
def test_a_file_cut_short_anywhere_is_refused(length):
    with pytest.raises(NotReadable):
        loads(dumps(screening(), indent=None)[:length])


LEAVES = [None, True, 0, -1.5, "", "2025-13-01", [], {}, ["x"], {"number": "1E+99"}, {"belief": "known"}]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_file_with_any_one_value_replaced_is_read_or_refused_but_never_fails(data):
    form = json.loads(dumps(ALL["unknown_type"]()))
    place = form
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.integers(0, 5)) == 0:
            break
        place = inner
    place[key] = data.draw(st.sampled_from(LEAVES))

    try:
        again = loads(json.dumps(form))
    except InputError as refused:
        assert refused.where
    else:
        assert dumps(again)


def test_a_written_file_is_read_back(tmp_path):
    path = tmp_path / "decision.json"

    write_decision(screening(), path)

    assert read_decision(path) == screening()
    assert [each.name for each in tmp_path.iterdir()] == ["decision.json"]


def test_a_decision_that_cannot_be_kept_leaves_the_old_file_alone(tmp_path):
    path = tmp_path / "decision.json"
    write_decision(screening(), path)

    with pytest.raises(BadValue):
        write_decision(with_fact(float("nan")), path)

    assert read_decision(path) == screening()
    assert [each.name for each in tmp_path.iterdir()] == ["decision.json"]


def test_whoever_reads_while_a_decision_is_replaced_sees_the_old_one_whole(tmp_path):
    path = tmp_path / "decision.json"
    write_decision(screening(), path)

    with path.open(encoding="utf-8") as reading:
        write_decision(ALL["no_findings"](), path)
        assert loads(reading.read()) == screening()

    assert read_decision(path) == ALL["no_findings"]()


def test_a_full_disk_leaves_the_old_file_alone_and_nothing_behind(tmp_path, monkeypatch):
    path = tmp_path / "decision.json"
    write_decision(screening(), path)

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(BadValue, match="No space left"):
        write_decision(ALL["no_findings"](), path)

    assert read_decision(path) == screening()
    assert [each.name for each in tmp_path.iterdir()] == ["decision.json"]


def test_a_failing_move_leaves_nothing_behind(tmp_path):
    taken = tmp_path / "decision.json"
    taken.mkdir()  # a folder stands where the file should go

    with pytest.raises(BadValue, match=r"decision\.json"):
        write_decision(screening(), taken)

    assert list(tmp_path.rglob("*")) == [taken]


@pytest.mark.parametrize("place", ["missing", "file"])
def test_a_folder_that_is_none_is_an_error_of_ours(tmp_path, place):
    (tmp_path / "file").write_text("taken", encoding="utf-8")

    with pytest.raises(BadValue, match="folder"):
        write_decision(screening(), tmp_path / place / "decision.json")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["no-file", "not-utf8"])
def test_a_file_that_cannot_be_read_is_an_error_of_ours(tmp_path, content):
    path = tmp_path / "decision.json"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(NotReadable, match=r"decision\.json"):
        read_decision(path)


def test_the_published_schema_is_current():
    published = (ROOT / "docs" / "decision.schema.json").read_text(encoding="utf-8")

    assert published == schema_text(), "run: python -m radlogic.adapters.decision_file > docs/decision.schema.json"


# Files from before do not have them.
LATER = {"Exam": {"compared", "unmatched"}, "Finding": {"before"}, "FindingDecision": {"growth"}}
LATER["DecisionRecord"] = {"own_rules"}


def test_the_schema_is_closed_and_every_field_is_described():
    form = schema()
    objects = [form, *(part for part in form["$defs"].values() if part.get("type") == "object")]

    assert form["$schema"].endswith("2020-12/schema")
    for part in objects:
        assert part["additionalProperties"] is False
        later = LATER.get(part["title"], set())
        assert set(part["required"]) | later == set(part["properties"])
        assert all(field.get("description") for field in part["properties"].values()), part["title"]


def test_a_file_from_before_exams_were_compared_is_read_as_one_that_compared_nothing():
    form = json.loads(dumps(fused()))
    for name in ("compared", "unmatched"):
        assert form["record"]["case"]["exam"].pop(name) == []

    assert loads(json.dumps(form)) == loads(dumps(fused()))


def test_a_file_from_before_growth_was_told_is_read_as_one_that_compared_no_lesion():
    form = json.loads(dumps(fused()))
    for finding in form["record"]["case"]["findings"]:
        assert finding.pop("before") is None
    for answer in (f for g in form["decision"]["guidelines"] for f in g["findings"]):
        assert answer.pop("growth") is None
        assert answer["finding"].pop("before") is None

    assert loads(json.dumps(form)) == loads(dumps(fused()))


MIRRORED = [m for m in vars(decision_model).values() if isinstance(m, type) and hasattr(m, "makes")]


@pytest.mark.parametrize("model", MIRRORED, ids=lambda model: model.__name__)
def test_the_file_has_exactly_the_fields_of_the_engine(model):
    in_engine = {part.name for part in fields(model.makes)} - {"volume"}

    assert set(model.model_fields) - model.only_here == in_engine


@pytest.mark.parametrize("odds", [math.inf, -math.inf])
def test_a_certain_risk_is_kept_though_json_has_no_number_for_its_odds(odds):
    push = Push("size", "about_10", odds, odds, False)
    why = replace(GROUNDS, posterior=odds, together=odds, pushes=(push,))
    assessment = fused()
    lung, *rest = assessment.decision.guidelines
    answer, *others = lung.findings
    certain = replace(answer, risk=replace(answer.risk, probability=float(odds > 0), grounds=why))
    first = replace(lung, findings=(certain, *others))
    assessment = replace(assessment, decision=replace(assessment.decision, guidelines=(first, *rest)))

    assert loads(dumps(assessment)) == assessment
