"""Liver lesions drawn with known truth: what is believed of them, and what stays unknown."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from functools import cache

import numpy as np
import pytest
from liver_phantoms import AXIAL, LIVER_HU, Look, Phantom, Scan, drawn

from radlogic.engine.errors import BadValue, Contradiction, MissingField
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.guideline.propagate import propagate_finding
from radlogic.engine.perception.enhancement import (
    Agent,
    LiverEnhancement,
    MultiPhase,
    Observation,
    Phase,
    Placed,
    observe,
)
from radlogic.engine.perception.liver_grid import depth_of
from radlogic.engine.perception.liver_thresholds import FEATURES, thresholds
from radlogic.engine.types import (
    Case,
    Classes,
    Exam,
    Finding,
    Known,
    Measured,
    NotApplicable,
    Source,
    SourceKind,
    Unknown,
)

HCC = {
    "precontrast": Look(-5),
    "late_arterial": Look(35),
    "portal_venous": Look(-25, capsule=25),
    "delayed": Look(-25, capsule=20),
}
SAME = dict.fromkeys(HCC, Look(0))
METASTASIS = {
    "precontrast": Look(-10),
    "late_arterial": Look(-15, rim=30),
    "portal_venous": Look(-45, rim=-10),
    "delayed": Look(-20, rim=-20),
}
CYST = {"precontrast": Look(-50), "late_arterial": Look(-65), "portal_venous": Look(-105), "delayed": Look(-90)}
PART = {**SAME, "late_arterial": Look(0, part=40)}
RIM_WASHOUT = {**SAME, "late_arterial": Look(20), "portal_venous": Look(0, rim=-40), "delayed": Look(0, rim=-40)}
FAST = Scan(noise=9, thickness_mm=2.5, pixel_mm=1.3)
GRADED = ("precontrast", "late_arterial")


def placed(phantom: Phantom, values: np.ndarray, frame: str = "") -> Placed:
    return Placed(values, phantom.spacing_mm, phantom.origin_mm, AXIAL, frame=frame)


def observed(phantom: Phantom, modality: str = "CT", agent: Agent | None = None, **how: object) -> Observation:
    images = {Phase(name): placed(phantom, image) for name, image in phantom.images.items()}
    lesion, liver = placed(phantom, phantom.lesion), placed(phantom, phantom.liver)
    return observe(MultiPhase(images, modality, agent), lesion, liver, **how)  # type: ignore[arg-type]


@cache
def seen_as(kind: str, scan: Scan = FAST, size: float = 18.0, seed: int = 3) -> Observation:
    looks = {"hcc": HCC, "same": SAME, "metastasis": METASTASIS, "cyst": CYST, "part": PART, "rim_washout": RIM_WASHOUT}
    return observed(drawn(looks[kind], size, scan, seed=seed))


def p(seen: Observation, name: str, value: str) -> float:
    belief = seen.beliefs[name]
    assert isinstance(belief, Classes), belief
    return belief.probabilities[value]


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("hcc", "aphe", "nonrim"),
        ("hcc", "washout", "nonperipheral_pvp"),
        ("hcc", "capsule", "enhancing"),
        ("same", "aphe", "none"),
        ("same", "washout", "none"),
        ("same", "capsule", "none"),
        ("metastasis", "aphe", "rim"),
        ("cyst", "aphe", "none"),
        ("cyst", "washout", "none"),
        ("part", "aphe", "nonrim"),
        ("rim_washout", "washout", "peripheral"),
    ],
)
def test_a_clear_look_is_believed(kind, name, value):
    assert p(seen_as(kind), name, value) > 0.85


@pytest.mark.slow
@pytest.mark.parametrize("size", [12.0, 30.0])
@pytest.mark.parametrize("thickness", [1.25, 5.0])
def test_hyperenhancement_is_seen_whatever_the_size_and_slices(size, thickness):
    two = {name: HCC[name] for name in GRADED}
    seen = observed(drawn(two, size, replace(FAST, thickness_mm=thickness), seed=5))

    assert p(seen, "aphe", "none") < 0.1


@pytest.mark.slow
@pytest.mark.parametrize(
    "scan",
    [
        replace(FAST, shift_mm=3.0),
        replace(FAST, texture=6.0),
        replace(FAST, steatosis=35.0),
        replace(FAST, vessel=True),
        replace(FAST, noise=20.0),
        replace(FAST, outline_mm=1.0),
    ],
)
def test_what_disturbs_neither_hides_a_lesion_nor_makes_one(scan):
    assert p(seen_as("hcc", scan), "aphe", "nonrim") > 0.8
    assert p(seen_as("same", scan), "aphe", "none") > 0.8


def test_stronger_hyperenhancement_never_lowers_its_probability():
    strengths = [0, 8, 14, 40]
    probabilities = [
        1 - p(observed(drawn({"precontrast": Look(0), "late_arterial": Look(s)}, 15, FAST, seed=7)), "aphe", "none")
        for s in strengths
    ]

    assert probabilities == sorted(probabilities)
    assert probabilities[0] < 0.1
    assert probabilities[-1] > 0.9


def test_the_contrast_is_the_one_that_was_drawn_within_its_error():
    contrasts = seen_as("hcc").contrasts

    assert contrasts[Phase.LATE_ARTERIAL].core.mean == pytest.approx(
        35, abs=4 * contrasts[Phase.LATE_ARTERIAL].core.sd + 2
    )
    assert contrasts[Phase.LATE_ARTERIAL].liver.mean == pytest.approx(LIVER_HU["late_arterial"], abs=1.5)
    assert contrasts[Phase.PORTAL_VENOUS].core.mean == pytest.approx(-25, abs=5)
    assert 0 < contrasts[Phase.PORTAL_VENOUS].core.sd < 5


def test_the_size_is_the_ball_within_its_error():
    size = seen_as("hcc").beliefs["size_mm"]

    assert isinstance(size, Measured)
    assert size.unit == "mm"
    assert abs(size.mean - 18) < 1.645 * size.sd


def test_an_outline_from_the_arterial_phase_makes_the_size_less_certain():
    phantom = drawn({name: HCC[name] for name in GRADED}, 12, FAST)
    plain, arterial = observed(phantom), observed(phantom, drawn_on=Phase.LATE_ARTERIAL)

    assert arterial.beliefs["size_mm"].sd > plain.beliefs["size_mm"].sd
    assert any("arterial" in reason for reason in arterial.reasons)


@pytest.mark.parametrize(
    ("kept", "name", "why"),
    [
        (("portal_venous", "delayed"), "aphe", "late_arterial"),
        (("late_arterial",), "washout", "portal_venous"),
        (("late_arterial",), "capsule", "portal_venous"),
        (("late_arterial", "portal_venous"), "washout", "delayed"),
        (("late_arterial", "portal_venous"), "capsule", "delayed"),
    ],
)
def test_a_missing_phase_is_unknown_and_says_which(kept, name, why):
    belief = observed(drawn({n: SAME[n] for n in kept}, 14, FAST)).beliefs[name]

    assert isinstance(belief, Unknown)
    assert why in belief.why


def test_what_one_phase_shows_does_not_wait_for_the_other():
    kept = ("precontrast", "late_arterial", "portal_venous")

    assert p(observed(drawn({n: HCC[n] for n in kept}, 20, FAST)), "washout", "nonperipheral_pvp") > 0.9


def test_an_arterial_phase_that_nobody_called_late_can_show_but_not_deny():
    for look, expected in ((Look(40), Classes), (Look(0), Unknown)):
        phantom = drawn({"late_arterial": look}, 14, FAST)
        phantom = replace(phantom, images={"arterial": phantom.images["late_arterial"]})
        assert isinstance(observed(phantom).beliefs["aphe"], expected)


def test_no_washout_is_claimed_without_an_earlier_phase():
    late = ("portal_venous", "delayed")
    belief = observed(drawn({n: HCC[n] for n in late}, 14, FAST)).beliefs["washout"]

    assert isinstance(belief, Unknown)
    assert "earlier" in belief.why


def test_a_tiny_lesion_in_noise_leaves_the_belief_broad():
    scan = Scan(noise=60, thickness_mm=5, pixel_mm=1.0)
    seen = observed(drawn({"late_arterial": Look(10)}, 8, scan, seed=1))
    belief = seen.beliefs["aphe"]

    assert isinstance(belief, Unknown) or max(belief.probabilities.values()) < 0.9


def test_below_5_mm_nothing_is_said_but_the_size():
    seen = observed(drawn({name: HCC[name] for name in GRADED}, 3.5, FAST))

    assert {name for name, belief in seen.beliefs.items() if isinstance(belief, Unknown)} == {
        "aphe",
        "washout",
        "capsule",
    }
    assert isinstance(seen.beliefs["size_mm"], Measured)


def test_phases_that_look_swapped_are_not_read():
    phantom = drawn({name: HCC[name] for name in ("late_arterial", "portal_venous")}, 12, FAST)
    images = dict(phantom.images)
    images["late_arterial"], images["portal_venous"] = images["portal_venous"], images["late_arterial"]
    belief = observed(replace(phantom, images=images)).beliefs["aphe"]

    assert isinstance(belief, Unknown)
    assert "swapped" in belief.why


def mri(agent: Agent, looks: dict[str, Look], **how: object) -> Observation:
    """Signal of about 300 for the liver."""
    levels = dict.fromkeys(looks, 300.0)
    return observed(drawn(looks, 16, replace(FAST, noise=15), liver_level=levels), "MRI", agent, **how)


def test_with_gadoxetate_only_the_portal_venous_phase_shows_washout():
    looks = {
        "precontrast": Look(-15),
        "late_arterial": Look(100),
        "portal_venous": Look(0),
        "transitional": Look(-70),
        "hepatobiliary": Look(-120),
    }
    seen = mri(Agent.GADOXETATE, looks)

    assert p(seen, "washout", "tp_only") > 0.7
    assert p(seen, "af.hbp_hypointensity", "yes") > 0.9
    assert p(seen, "aphe", "nonrim") > 0.9
    assert seen.exam_modality == "MRI_gadoxetate"
    assert seen.contrasts[Phase.LATE_ARTERIAL].core.mean == pytest.approx(100 / 300, abs=0.05)


def test_mri_signal_has_no_unit_so_its_scale_does_not_matter():
    looks = {"precontrast": Look(0), "late_arterial": Look(60)}
    phantom = drawn(looks, 14, replace(FAST, noise=15), liver_level=dict.fromkeys(looks, 300.0))
    tenfold = replace(phantom, images={name: 10 * image for name, image in phantom.images.items()})
    first, second = (observed(one, "MRI", Agent.EXTRACELLULAR).beliefs["aphe"] for one in (phantom, tenfold))

    assert first.probabilities == pytest.approx(second.probabilities, abs=0.01)


def test_on_mri_brightness_without_a_phase_before_contrast_may_be_native():
    assert isinstance(mri(Agent.EXTRACELLULAR, {"late_arterial": Look(90)}).beliefs["aphe"], Unknown)
    assert p(mri(Agent.EXTRACELLULAR, {"late_arterial": Look(0)}), "aphe", "none") > 0.9


def test_a_lesion_that_was_as_bright_before_contrast_is_not_hyperenhancing():
    looks = {"precontrast": Look(40), "late_arterial": Look(25)}

    assert p(observed(drawn(looks, 16, FAST)), "aphe", "none") > 0.9


@pytest.mark.parametrize(
    ("modality", "agent", "phases", "error"),
    [
        ("US", None, ("late_arterial",), BadValue),
        ("CT", None, (), BadValue),
        ("MRI", None, ("late_arterial",), MissingField),
        ("CT", Agent.GADOXETATE, ("late_arterial",), Contradiction),
        ("MRI", Agent.GADOXETATE, ("delayed",), Contradiction),
        ("CT", None, ("hepatobiliary",), Contradiction),
    ],
)
def test_phases_that_no_exam_has_are_refused(modality, agent, phases, error):
    phantom = drawn(SAME, 10, FAST)
    image = placed(phantom, phantom.lesion)

    with pytest.raises(error):
        MultiPhase({Phase(name): image for name in phases}, modality, agent)


def test_other_frames_of_reference_are_refused_unless_positions_are_said_to_agree():
    phantom = drawn({"late_arterial": Look(0)}, 10, FAST)
    images = MultiPhase({Phase.LATE_ARTERIAL: placed(phantom, phantom.images["late_arterial"], "1.2")}, "CT")
    masks = placed(phantom, phantom.lesion, "1.3"), placed(phantom, phantom.liver, "1.3")

    with pytest.raises(Contradiction, match="frame"):
        observe(images, *masks)
    assert isinstance(observe(images, *masks, same_position=True).beliefs["aphe"], Classes)


def test_a_lesion_outside_the_liver_is_refused():
    phantom = drawn({"late_arterial": Look(0)}, 10, FAST)

    with pytest.raises(Contradiction, match="liver"):
        observed(
            replace(
                phantom, liver=np.roll(phantom.liver, 1000) & (np.arange(phantom.liver.shape[0]) < 2)[:, None, None]
            )
        )


@pytest.mark.parametrize("what", ["empty", "numbers"])
def test_a_mask_that_is_none_is_refused(what):
    phantom = drawn({"late_arterial": Look(0)}, 10, FAST)
    lesion = np.zeros_like(phantom.lesion) if what == "empty" else phantom.lesion.astype(np.int16)

    with pytest.raises(BadValue):
        observed(replace(phantom, lesion=lesion))


def test_a_phase_that_cuts_the_lesion_is_not_measured():
    phantom = drawn({"late_arterial": Look(40)}, 16, FAST)
    image = placed(phantom, phantom.images["late_arterial"])
    cut = image.cut((slice(image.values.shape[0] // 2, image.values.shape[0]), slice(0, 60), slice(0, 60)))
    seen = observe(
        MultiPhase({Phase.LATE_ARTERIAL: cut}, "CT"), placed(phantom, phantom.lesion), placed(phantom, phantom.liver)
    )

    assert isinstance(seen.beliefs["aphe"], Unknown)
    assert "whole lesion" in seen.beliefs["aphe"].why


def test_masks_on_another_grid_are_looked_up_by_position():
    phantom = drawn({"precontrast": Look(-5), "late_arterial": Look(35)}, 20, FAST)
    thick = replace(FAST, thickness_mm=1.25)
    other = drawn({"late_arterial": Look(35)}, 20, thick)
    images = MultiPhase({Phase(n): placed(phantom, v) for n, v in phantom.images.items()}, "CT")
    turned = Placed(
        np.ascontiguousarray(other.lesion.transpose(2, 0, 1)),
        (other.spacing_mm[2], *other.spacing_mm[:2]),
        other.origin_mm,
        AXIAL[[2, 0, 1]],
    )
    seen = observe(images, turned, placed(other, other.liver))

    assert p(seen, "aphe", "nonrim") > 0.9
    assert seen.contrasts[Phase.LATE_ARTERIAL].core.mean == pytest.approx(35, abs=5)


def test_the_lesion_may_be_cut_out_of_the_liver_mask():
    phantom = drawn({name: HCC[name] for name in GRADED}, 16, FAST)
    whole, carved = observed(phantom), observed(replace(phantom, liver=phantom.liver & ~phantom.lesion))

    assert p(carved, "aphe", "nonrim") == pytest.approx(p(whole, "aphe", "nonrim"), abs=0.05)


def test_the_answer_is_the_same_each_time():
    phantom = drawn({"late_arterial": Look(9)}, 10, FAST)

    assert observed(phantom).beliefs == observed(phantom).beliefs


def test_depth_runs_from_the_outline_midway_between_voxels():
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[2:7, 2:7, 2:7] = True
    depth = depth_of(Placed(mask, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), AXIAL), 2.0).values[6, 6]

    assert depth[3:5].tolist() == [-0.5, 0.5]
    assert depth[6] == 2.5


def test_beliefs_enter_the_guideline_under_its_names_and_the_gate_hears_of_them():
    guideline, seen = load_guideline("li-rads-ct-mri@2018"), seen_as("hcc")
    extractor = LiverEnhancement({"lesion 1": seen})
    finding = Finding("lesion 1", "observation", {})
    beliefs = extractor.beliefs(Case(Exam(), (finding,)), finding)
    human = Source(SourceKind.HUMAN, "reader")
    stated: dict = {}
    for name, (_, i) in guideline.inputs.items():
        if "absent" in i:
            absent = NotApplicable(human) if i["absent"] == "n/a" else Known(i["absent"], human)
            stated |= {f"{name}.{v}": absent for v in i["values"]} if i["type"] == "set" else {name: absent}
    exam = {"modality": Known(seen.exam_modality, human), "multiphase": Known(True, human)}
    risks = {f"risk_factors.{v}": Known(v == "cirrhosis", human) for v in guideline.inputs["risk_factors"][1]["values"]}
    patient = {"age": Known(Decimal(60), human), "cirrhosis_cause": Known("other", human)} | risks
    known = {**stated, **exam, **patient, **beliefs}
    categories = propagate_finding(guideline, known).probabilities() or {}

    assert extractor.validated is False
    assert len(extractor.sha256) == 64
    assert {b.source for b in beliefs.values()} == {Source(SourceKind.NET, extractor.name)}
    assert max(categories, key=lambda c: categories[c]) == "LR-5"
    assert extractor.beliefs(Case(Exam(), ()), Finding("lesion 2", "observation", {})) == {}


@pytest.mark.parametrize("modality", ["CT", "MRI"])
def test_every_threshold_lies_in_its_stated_range(modality):
    import yaml

    from radlogic.engine.perception.liver_thresholds import shipped_bytes

    file = yaml.safe_load(shipped_bytes())
    for name in FEATURES:
        low, high = file["thresholds"][name]["range"][modality]
        assert low <= thresholds(modality).of[name].value <= high
        assert file["thresholds"][name]["source"]
