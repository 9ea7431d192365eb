"""What the lung-nodule net adds to stated findings, what it leaves alone, and what the gate makes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import numpy as np
import pytest
from nodule_crops import HU, disc

from radlogic.adapters.decision_file import dumps, loads
from radlogic.engine.assess import assess
from radlogic.engine.facts import is_neural
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.perception import coverage
from radlogic.engine.perception.extractor import OUTSIDE_TRAINING, perceive
from radlogic.engine.perception.nodule_beliefs import SHOWN, SOLID_PART, NoduleBeliefs, wanted_of
from radlogic.engine.perception.volume import Acquisition, Volume
from radlogic.engine.types import Case, Classes, Exam, Finding, Indication, Known, Measured, Route, Source, SourceKind

HUMAN = Source(SourceKind.HUMAN, "reader")
NET = NoduleBeliefs()
USING = replace(load_knowledge(guideline="lung-rads@2022"), extractors=(NET,))
AS_OF = date(2026, 11, 22)


def volume(texture="solid"):
    """A column 5 mm high of lung with a disc of 12 mm in its middle slices."""
    lung = disc(0, HU["solid"], seed=3)
    hu = np.stack([lung, *[disc(d, HU[texture], seed=3) for d in (9, 12, 9)], lung])
    axes = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    return Volume(hu, (2.5, 0.7, 0.7), (0.0, 0.0, 0.0), axes, Acquisition(slice_thickness_mm=2.5))


CENTRE = (24.5, 24.5, 5.0)


def finding(position=CENTRE, kind="nodule", **stated):
    return Finding("n1", kind, {n: Known(v, HUMAN) for n, v in stated.items()}, position)


def case(of, seen=None):
    return Case(Exam(date(2026, 10, 15), Indication.SCREENING), (of,), volume=seen or volume())


def test_what_nobody_stated_is_said_under_the_names_of_the_guidelines_inputs():
    said = NET.beliefs(case(finding()), finding())

    assert isinstance(said["type"], Classes)
    assert set(said["type"].probabilities) == {"solid", "part_solid", "non_solid"}
    assert isinstance(said["mean_mm"], Measured)
    assert (said["mean_mm"].mean, said["mean_mm"].unit) == (pytest.approx(12, abs=2.5), "mm")
    assert all(is_neural(b) and b.source.reference == "lung-nodule" for b in said.values())


def test_signs_are_shown_under_names_that_no_rule_reads():
    said = NET.beliefs(case(finding()), finding())

    read = {n for g in USING.guidelines for n in g.inputs}
    assert set(SHOWN) <= set(said)
    assert not read & set(SHOWN)
    assert not {"benign_feature", "margin", "suspicious_features.spiculation"} & set(said)


@pytest.mark.parametrize(("stated", "wanted"), [
    ({}, {"type", "mean_mm", "solid_mean_mm"}),
    ({"type": "solid", "mean_mm": Decimal(8)}, set()),
    ({"type": "solid", "long_mm": Decimal(8), "short_mm": Decimal(7)}, set()),
    ({"type": "solid", "volume_mm3": Decimal(80)}, set()),
    ({"type": "solid", "long_mm": Decimal(8)}, {"mean_mm"}),
    ({"type": "part_solid", "mean_mm": Decimal(8)}, {"solid_mean_mm"}),
    ({"type": "part_solid", "mean_mm": Decimal(8), "solid_volume_mm3": Decimal(8)}, set()),
    ({"mean_mm": Decimal(8)}, {"type", "solid_mean_mm"}),
])  # fmt: skip
def test_only_what_nobody_stated_is_wanted(stated, wanted):
    assert wanted_of(finding(**stated).facts) == wanted


def test_a_stated_size_in_any_form_keeps_the_nets_from_the_rules():
    """``mean_mm`` goes before the axes in the tables, so the net must not say it beside them."""
    of = finding(long_mm=Decimal(9), short_mm=Decimal(8))

    assert "mean_mm" not in perceive(case(of), (NET,)).findings[0].facts


@pytest.mark.parametrize("of", [finding(position=None), finding(kind="observation"),
                                finding(type="solid", mean_mm=Decimal(8))])  # fmt: skip
def test_without_a_place_or_a_question_nothing_is_said(of):
    assert NET.beliefs(case(of), of) == {}


def test_without_images_nothing_is_said():
    assert NET.beliefs(replace(case(finding()), volume=None), finding()) == {}


def test_where_no_nodule_is_seen_only_the_reason_is_said():
    of = finding(position=(24.5, 24.5, 5.0))
    air = Volume(np.full((5, 71, 71), -1000, np.int16), (2.5, 0.7, 0.7), (0.0, 0.0, 0.0), volume().axes)

    said = NET.beliefs(case(of, air), of)

    assert set(said) == {OUTSIDE_TRAINING}


def test_a_position_outside_of_the_series_is_a_reason_for_review_not_a_refusal():
    decided = assess(case(finding(position=(900.0, 0.0, 0.0))), USING, AS_OF)

    assert "image_unlike_training" in {r.code for r in decided.decision.review.reasons}


def test_what_the_net_says_is_shown_unconfirmed_and_never_enters_the_category(monkeypatch):
    monkeypatch.setattr(coverage, "lungs_imaged", lambda _: coverage.LungCoverage(coverage.Extent.WHOLE))

    decided = assess(case(finding()), USING, AS_OF)

    answer = decided.decision.guidelines[0].findings[0]
    assert decided.decision.route is Route.RULE_BASED
    assert {"type", "mean_mm"} <= set(answer.unconfirmed)
    assert answer.reading.category is None
    assert loads(dumps(decided)) == decided


def part_solid():
    """Ground glass of 16 mm with a solid core of 8 mm, seven slices high."""
    made = volume()
    y, x = (np.mgrid[:71, :71] - 35) * 0.7
    hazy, lung = disc(16, HU["non_solid"], seed=3), disc(0, HU["solid"], seed=3)
    core = np.where(np.hypot(y, x) <= 4, HU["solid"], hazy).astype(np.int16)
    return Volume(np.stack([lung, hazy, core, core, core, hazy, lung]), made.spacing_mm, made.origin_mm, made.axes,
                  made.acquisition)  # fmt: skip


def unvalidated(of, seen):
    decided = assess(case(of, seen), USING, AS_OF)
    return [r for r in decided.decision.review.reasons if r.code == "extractor_unvalidated"]


def test_the_size_of_the_solid_part_counts_as_not_validated():
    """No panel measured solid parts: the net's validation is of type and size alone."""
    of = finding((24.5, 24.5, 7.5), type="part_solid", mean_mm=Decimal(16))

    said = NET.beliefs(case(of, part_solid()), of)

    assert said["solid_mean_mm"].mean == pytest.approx(8, abs=2)
    assert said["solid_mean_mm"].source.reference == SOLID_PART
    assert SOLID_PART not in {NET.name, *(e.name for e in USING.extractors)}
    (reason,) = unvalidated(of, part_solid())
    assert SOLID_PART in reason.text


def test_type_and_size_alone_count_as_validated():
    of = finding(solid_mean_mm=Decimal(0))

    assert NET.beliefs(case(of), of)
    assert unvalidated(of, volume()) == []


def test_only_images_bring_the_net_in_and_the_record_names_its_files():
    assert [e.name for e in load_knowledge(guideline="lung-rads@2022").extractors] == ["upstream findings only"]

    using = load_knowledge(guideline="lung-rads@2022", images=True)

    assert using.hashes()["lung-nodule"] == NET.model.sha256
