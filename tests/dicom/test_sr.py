"""TID 1500 reports to findings: sound ones, one made by highdicom, a real one, and the broken ones of the zoo."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from highdicom_objects import highdicom_report
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.uid import SegmentationStorage
from shared_data import shared
from sr_zoo import (
    DIAMETER,
    LIVER,
    LONG_AXIS,
    MEAN,
    SHORT_AXIS,
    SOLID,
    TEXTURE,
    VOLUME,
    answer,
    code,
    derived,
    group,
    item,
    number,
    report,
    sequence,
    sound_report,
    text,
    write,
)

from radlogic.adapters.dicom.sr import SrReport, read_sr, read_sr_report
from radlogic.engine.types import Finding, Known, SourceKind, Unknown

CM, ML = "UCUM cm centimeter", "UCUM ml milliliter"


def values(finding: Finding) -> dict[str, Any]:
    """What is known of a finding; what is unknown as '?'."""
    return {name: belief.value if isinstance(belief, Known) else "?" for name, belief in finding.facts.items()}


def read(folder: Path, *groups: Dataset) -> SrReport:
    return read_sr_report(write(report(*groups), folder / "report.dcm"))


def only(folder: Path, *said: Dataset, **about: str) -> Finding:
    (finding,) = read(folder, group("nodule 1", *said, **about)).findings
    return finding


def why(finding: Finding, name: str) -> str:
    belief = finding.facts[name]
    assert isinstance(belief, Unknown)
    return belief.why


def test_a_group_becomes_a_nodule_with_its_sizes_and_type(tmp_path: Path) -> None:
    (finding,) = read_sr(write(sound_report(), tmp_path / "report.dcm"))

    assert (finding.tracking_id, finding.kind, finding.location) == ("nodule 1", "nodule", "Lung")
    assert values(finding) == {"long_mm": Decimal("8.4"), "short_mm": Decimal("6.1"), "type": "solid"}


def test_every_fact_says_which_report_and_group_it_is_from_and_when(tmp_path: Path) -> None:
    (finding,) = read_sr(write(sound_report(), tmp_path / "report.dcm"))

    source = finding.facts["long_mm"].source
    assert source is not None
    assert (source.kind, source.reference) == (
        SourceKind.REPORT,
        "SR 1.2.826.0.1.3680043.8.498.41 group 1 (nodule 1)",
    )
    assert str(source.when) == "2024-03-01"


def test_the_exam_is_that_of_the_study_and_the_form_is_a_readers(tmp_path: Path) -> None:
    found = read_sr_report(write(sound_report(), tmp_path / "report.dcm"))

    assert (str(found.exam.date), found.exam.study_uid, found.form) == (
        "2024-02-29",
        "1.2.826.0.1.3680043.8.498.43",
        "reader",
    )
    assert found.exam.notes == ()


@pytest.mark.parametrize("scheme", ["SRT", "SNM3", "99SDM", "srt"])
def test_older_codes_of_a_concept_read_the_same(tmp_path: Path, scheme: str) -> None:
    said = (
        number(f"{scheme} G-A185 Long axis", "8.4"),
        number(f"{scheme} G-A186 Short axis", "6.1"),
        number(f"{scheme} G-D705 Volume", "0.24", ML),
    )

    found = only(tmp_path, *said, finding=f"{scheme} M-03010 Nodule", site=f"{scheme} T-28000 Lung")

    assert found.kind == "nodule"
    assert values(found) == {"long_mm": Decimal("8.4"), "short_mm": Decimal("6.1"), "volume_mm3": Decimal("240")}


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        (LONG_AXIS, "8.4", "UCUM mm millimeter", "8.4"),
        (LONG_AXIS, "0.84", CM, "8.4"),
        (VOLUME, "240", "UCUM mm3 cubic millimeter", "240"),
        (VOLUME, "0.24", "UCUM cm3 cubic centimeter", "240"),
        (VOLUME, "0.24", "UCUM mL milliliter", "240"),
        (LONG_AXIS, "0", "UCUM mm millimeter", "0"),
    ],
)
def test_units_are_converted_by_their_factor(tmp_path: Path, name: str, value: str, unit: str, expected: str) -> None:
    assert list(values(only(tmp_path, number(name, value, unit))).values()) == [Decimal(expected)]


@pytest.mark.parametrize("unit", ["UCUM m meter", "UCUM [in_i] inch", "UCUM mm3 cubic", "99UNIT mm millimeter"])
def test_another_unit_leaves_the_size_unknown_and_says_so(tmp_path: Path, unit: str) -> None:
    found = only(tmp_path, number(LONG_AXIS, "8", unit))

    assert unit.split(" ")[1] in why(found, "long_mm")
    assert "mm, cm" in why(found, "long_mm")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals(min_value=0, max_value=300, places=6), st.sampled_from([("UCUM mm millimeter", 1), (CM, 10)]))
def test_no_digit_of_a_length_is_lost(tmp_path: Path, value: Decimal, unit: tuple[str, int]) -> None:
    found = only(tmp_path, number(LONG_AXIS, f"{value:f}", unit[0]))

    assert values(found)["long_mm"] == value * unit[1]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([number(DIAMETER, "7", "UCUM mm millimeter", derived(MEAN))], {"mean_mm": "7"}),
        ([number(DIAMETER, "7", "UCUM mm millimeter", derived("SCT 56851009 Maximum"))], {"long_mm": "7"}),
        ([number(DIAMETER, "7")], {"mean_mm": "7"}),
        ([number(DIAMETER, "7"), number(LONG_AXIS, "8")], {"long_mm": "8"}),
        ([number(DIAMETER, "7", "UCUM mm millimeter", derived("SCT 255605001 Minimum"))], {}),
        ([number(LONG_AXIS, "8", "UCUM mm millimeter", derived(MEAN))], {}),
    ],
)
def test_a_diameter_is_read_by_its_derivation(tmp_path: Path, said: list[Dataset], expected: dict[str, str]) -> None:
    assert {name: str(value) for name, value in values(only(tmp_path, *said)).items()} == expected


def test_a_diameter_that_gives_way_is_kept_in_words_and_two_that_differ_are_unknown(tmp_path: Path) -> None:
    beside_axis = read(tmp_path, group("nodule 1", number(DIAMETER, "7"), number(LONG_AXIS, "8")))

    assert beside_axis.origins[0].unread == ("Diameter (SCT 81827009) = 7 mm",)
    assert values(only(tmp_path, number(DIAMETER, "7"), number(DIAMETER, "9"))) == {"mean_mm": "?"}


def test_a_second_finding_of_a_group_is_not_dropped(tmp_path: Path) -> None:
    found = read(tmp_path, group("nodule 1", answer("DCM 121071 Finding", "SCT 46621007 Atelectasis")))

    assert found.findings[0].kind == "nodule"
    assert found.origins[0].unread == ("Finding (DCM 121071) = Atelectasis (SCT 46621007)",)


def test_a_diameter_of_no_stated_kind_is_noted(tmp_path: Path) -> None:
    found = read(tmp_path, group("nodule 1", number(DIAMETER, "7")))

    assert any("not said to be long, short or mean" in note for note in found.exam.notes)


def test_a_size_with_a_modifier_that_is_not_known_is_not_the_size_of_the_lesion(tmp_path: Path) -> None:
    solid_part = number(
        LONG_AXIS, "4", "UCUM mm millimeter", answer("99T 1 Component", "99T 2 Solid part", "HAS CONCEPT MOD")
    )

    found = read(tmp_path, group("nodule 1", solid_part))

    assert values(found.findings[0]) == {}
    assert found.origins[0].unread == ("Long axis (SCT 103339001), Solid part = 4 mm",)


def test_a_size_that_could_not_be_measured_is_unknown(tmp_path: Path) -> None:
    failed = number(LONG_AXIS, "", "")
    failed.NumericValueQualifierCodeSequence = sequence(code("DCM 114007 Measurement not attempted"))

    assert "Measurement not attempted" in why(only(tmp_path, failed), "long_mm")


def test_an_answer_that_is_read_without_its_question_is_noted(tmp_path: Path) -> None:
    found = read(tmp_path, group("nodule 1", answer("99T 1 Consistency", SOLID)))

    assert values(found.findings[0]) == {"type": "solid"}
    assert "Consistency (99T 1) = Solid (SCT 35702001): read by the answer" in found.exam.notes[0]


def test_an_answer_without_meaning_leaves_its_question_open(tmp_path: Path) -> None:
    found = read(tmp_path, group("nodule 1", answer(TEXTURE, "99LIDCQIICR 002 2 out of 5")))

    assert "2 out of 5" in why(found.findings[0], "type")
    assert found.origins[0].unread == ("Texture (NCIt C41144) = 2 out of 5 (99LIDCQIICR 002)",)


def test_solid_calcification_is_not_a_solid_nodule(tmp_path: Path) -> None:
    found = only(tmp_path, answer("NCIt C3672 Calcification", "SCT 35702001 Solid"))

    assert values(found) == {"benign_feature": "?"}


def test_what_is_not_in_the_mapping_is_kept_in_words(tmp_path: Path) -> None:
    said = (
        answer("RADLEX RID36042 Malignancy", "99LIDCQIICR 904 4 out of 5"),
        number("DCM 112031 Attenuation Coefficient", "-640", "UCUM [hnsf'U] Hounsfield unit"),
        text("DCM 121106 Comment", "words about the patient", "CONTAINS"),
    )

    found = read(tmp_path, group("nodule 1", *said))

    assert found.origins[0].unread == (
        "Malignancy (RADLEX RID36042) = 4 out of 5 (99LIDCQIICR 904)",
        "Attenuation Coefficient (DCM 112031) = -640 [hnsf'U]",
        "Comment (DCM 121106) (not coded)",
    )
    assert any("Attenuation Coefficient" in note for note in found.exam.notes)
    assert not any("words about the patient" in note for note in found.exam.notes)


@pytest.mark.parametrize(
    ("finding", "site", "kind"),
    [
        ("SCT 27925004 Nodule", "SCT 39607008 Lung", "nodule"),
        ("SCT 27925004 Nodule", "SCT 45653009 Upper lobe of lung", "nodule"),
        ("", "SCT 39607008 Lung", "nodule"),
        ("SCT 786838002 Nodule of lung", "", "nodule"),
        ("SCT 4147007 Mass", "SCT 10200004 Liver", "observation"),
        ("SCT 4147007 Mass", "SCT 277959000 Couinaud hepatic segment V", "observation"),
        ("SCT 27925004 Nodule", "", "lesion"),
        ("SCT 27925004 Nodule", "SCT 69748006 Thyroid", "lesion"),
        ("SCT 46621007 Atelectasis", "SCT 39607008 Lung", "lesion"),
        ("RADLEX RID50151 Solid pulmonary nodule", "SCT 10200004 Liver", "lesion"),
    ],
)
def test_the_kind_follows_from_what_it_is_and_where(tmp_path: Path, finding: str, site: str, kind: str) -> None:
    assert only(tmp_path, finding=finding, site=site).kind == kind


def test_the_name_of_a_finding_may_state_its_type(tmp_path: Path) -> None:
    assert values(only(tmp_path, finding="RADLEX RID50152 Part-solid pulmonary nodule")) == {"type": "part_solid"}


def test_an_observation_of_the_liver_has_one_size_and_no_features_of_nodules(tmp_path: Path) -> None:
    said = (number(LONG_AXIS, "21"), number(SHORT_AXIS, "17"), answer(TEXTURE, SOLID))

    found = read(tmp_path, group("o", *said, site=LIVER))

    assert values(found.findings[0]) == {"size_mm": Decimal(21)}
    assert len(found.origins[0].unread) == 2


def test_groups_of_one_tracking_uid_are_one_lesion(tmp_path: Path) -> None:
    axes = group("nodule 1", number(LONG_AXIS, "8.4"), uid="2.25.1")
    volume = group("nodule 1", number(VOLUME, "240", "UCUM mm3 cubic millimeter"), uid="2.25.1")

    found = read(tmp_path, axes, volume)

    assert [values(finding) for finding in found.findings] == [{"long_mm": Decimal("8.4"), "volume_mm3": Decimal(240)}]
    assert (found.origins[0].groups, found.origins[0].tracking_uid) == ((1, 2), "2.25.1")


def test_a_size_stated_twice_alike_is_known_and_stated_differently_is_unknown(tmp_path: Path) -> None:
    found = only(
        tmp_path, number(LONG_AXIS, "8.4"), number(LONG_AXIS, "8.40"), number(SHORT_AXIS, "6"), number(SHORT_AXIS, "7")
    )

    assert values(found) == {"long_mm": Decimal("8.4"), "short_mm": "?"}
    assert why(found, "short_mm") == "stated differently: 6, 7"


def test_two_lesions_under_one_name_keep_apart(tmp_path: Path) -> None:
    found = read(tmp_path, group("nodule", uid="2.25.1"), group("nodule", uid="2.25.2"))

    assert [finding.tracking_id for finding in found.findings] == ["nodule [2.25.1]", "nodule [2.25.2]"]


def test_a_lesion_may_be_named_by_its_uid_alone(tmp_path: Path) -> None:
    assert [finding.tracking_id for finding in read(tmp_path, group("", uid="2.25.1")).findings] == ["2.25.1"]


def test_the_segment_that_was_measured_is_kept(tmp_path: Path) -> None:
    reference = item("IMAGE", "DCM 121191 Referenced Segment")
    one = Dataset()
    one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID = SegmentationStorage, "1.2.3.4"
    one.ReferencedSegmentNumber = 3
    reference.ReferencedSOPSequence = sequence(one)

    found = read(tmp_path, group("nodule 1", number(LONG_AXIS, "8"), reference))

    source = found.findings[0].facts["long_mm"].source
    assert source is not None
    assert source.reference.endswith("group 1 (nodule 1), SEG 1.2.3.4 segment 3")
    assert [(s.sop_uid, s.number) for s in found.origins[0].segments] == [("1.2.3.4", "3")]


def test_points_in_patient_coordinates_give_the_position(tmp_path: Path) -> None:
    region = item("SCOORD3D", "DCM 111030 Image Region")
    region.GraphicType, region.GraphicData = "POLYLINE", [0.0, 0, 7, 4, 0, 7, 4, 2, 7, 0, 2, 7]

    assert only(tmp_path, region).position_mm == (2.0, 1.0, 7.0)


def test_sites_are_words_with_their_modifiers(tmp_path: Path) -> None:
    side = answer("SCT 272741003 Laterality", "SCT 24028007 Right", "HAS CONCEPT MOD")
    site = answer("SCT 363698007 Finding Site", "SCT 45653009 Upper lobe of lung", "HAS CONCEPT MOD", side)

    found = only(tmp_path, site, site="")

    assert (found.kind, found.location) == ("nodule", "Upper lobe of lung, Right")


@pytest.mark.parametrize(
    ("keyword", "value", "note"),
    [
        ("CompletionFlag", "PARTIAL", "partial"),
        ("VerificationFlag", "UNVERIFIED", "not verified"),
        ("PreliminaryFlag", "PRELIMINARY", "preliminary"),
    ],
)
def test_the_state_of_the_document_is_noted(tmp_path: Path, keyword: str, value: str, note: str) -> None:
    made = sound_report()
    setattr(made, keyword, value)

    notes = read_sr_report(write(made, tmp_path / "report.dcm")).exam.notes

    assert len(notes) == 1
    assert note in notes[0]


def test_what_is_said_of_the_whole_exam_is_noted(tmp_path: Path) -> None:
    made = sound_report()
    evaluations = item("CONTAINER", "UMLS C0034375 Qualitative Evaluations")
    evaluations.ContentSequence = sequence(answer("SCT 1362105002 Lung-RADS category", "99T 4A 4A"))
    made.ContentSequence.append(evaluations)

    (note,) = read_sr_report(write(made, tmp_path / "report.dcm")).exam.notes

    assert "Lung-RADS category (SCT 1362105002) = 4A (99T 4A)" in note


def test_a_report_written_by_highdicom_reads_alike(tmp_path: Path) -> None:
    path = tmp_path / "highdicom.dcm"
    highdicom_report().save_as(path)

    (finding,) = read_sr(path)

    assert (finding.tracking_id, finding.kind, finding.location) == ("nodule 7", "nodule", "Lung, Left")
    assert values(finding) == {"long_mm": Decimal("12.5"), "volume_mm3": Decimal("700.25"), "type": "non_solid"}
    assert finding.position_mm == (1.0, 2.0, 3.0)


def test_a_real_report_reads() -> None:
    found = read_sr_report(shared("data/dicom/sr_and_seg") / "sr.dcm")

    (finding,), (origin,) = found.findings, found.origins
    assert (finding.tracking_id, finding.kind) == ("primary tumor", "lesion")
    assert finding.location == "pharyngeal tonsil (adenoid)"
    assert values(finding) == {"volume_mm3": Decimal("33582.4")}
    assert origin.tracking_uid == "2.25.318774060119084600392715520575818119084"
    assert [segment.number for segment in origin.segments] == ["1"]
    assert len([words for words in origin.unread if words.startswith("SUVbw")]) == 10
    assert {"the report says that it is partial", "the report is not verified"} < set(found.exam.notes)
