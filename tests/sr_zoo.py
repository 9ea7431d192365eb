"""Small structured reports and segmentations, whole and broken, written with pydicom. One broken kind a mistake.

``ZOO[name](folder)`` writes the mistake, in a file of its name, and returns the path; names begin
with the kind of object, ``sr_`` or ``seg_``. ``EXPECTED[name]`` is the error that it must get.
``report``, ``group``, ``number``, ``answer`` and ``segmentation`` make sound ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    Comprehensive3DSRStorage,
    CTImageStorage,
    ExplicitVRLittleEndian,
    SegmentationStorage,
)

from radlogic.adapters.dicom import errors
from radlogic.adapters.dicom import findings_errors as wrong
from radlogic.engine.errors import InputError

LUNG, LIVER, NODULE = "SCT 39607008 Lung", "SCT 10200004 Liver", "SCT 27925004 Nodule"
LONG_AXIS, SHORT_AXIS = "SCT 103339001 Long axis", "SCT 103340004 Short axis"
DIAMETER, VOLUME, MEAN = "SCT 81827009 Diameter", "SCT 118565006 Volume", "SCT 373098007 Mean"
TEXTURE, SOLID = "NCIt C41144 Texture", "SCT 35702001 Solid"
REPORT_UID, SEG_UID, STUDY, SERIES = (f"1.2.826.0.1.3680043.8.498.{n}" for n in (41, 42, 43, 44))


def sequence(*items: Dataset) -> list[Dataset]:
    """The items of a sequence."""
    return list(items)


def code(words: str) -> Dataset:
    """``SCT 27925004 Nodule`` as a coded entry."""
    entry = Dataset()
    entry.CodingSchemeDesignator, entry.CodeValue, entry.CodeMeaning = words.split(" ", 2)
    return entry


def item(kind: str, name: str, relationship: str = "CONTAINS", below: Iterable[Dataset] = ()) -> Dataset:
    """A content item without its value."""
    made = Dataset()
    made.ValueType, made.RelationshipType = kind, relationship
    if name:
        made.ConceptNameCodeSequence = sequence(code(name))
    if below := list(below):
        made.ContentSequence = below
    return made


def text(name: str, value: str, relationship: str = "HAS OBS CONTEXT") -> Dataset:
    """A TEXT item."""
    made = item("TEXT", name, relationship)
    made.TextValue = value
    return made


def answer(name: str, value: str, relationship: str = "CONTAINS", *below: Dataset) -> Dataset:
    """A CODE item."""
    made = item("CODE", name, relationship, below)
    made.ConceptCodeSequence = sequence(code(value))
    return made


def number(name: str, value: str, unit: str = "UCUM mm millimeter", *below: Dataset) -> Dataset:
    """A NUM item; an empty value or unit is left out."""
    made, measured = item("NUM", name, below=below), Dataset()
    if value:
        raw = value.encode() + b" " * (len(value) % 2)  # as it is: pydicom would not write what is no number
        measured[Tag("NumericValue")] = RawDataElement(Tag("NumericValue"), "DS", len(raw), raw, 0, False, True)
    if unit:
        measured.MeasurementUnitsCodeSequence = sequence(code(unit))
    made.MeasuredValueSequence = sequence(*([measured] if value or unit else []))
    return made


def derived(how: str) -> Dataset:
    """The derivation of a measurement."""
    return answer("DCM 121401 Derivation", how, "HAS CONCEPT MOD")


def tracking(identifier: str, uid: str = "") -> list[Dataset]:
    """What a group is about."""
    items = [text("DCM 112039 Tracking Identifier", identifier)] if identifier else []
    if uid:
        items.append(item("UIDREF", "DCM 112040 Tracking Unique Identifier", "HAS OBS CONTEXT"))
        items[-1].UID = uid
    return items


def group(identifier: str, *said: Dataset, uid: str = "", finding: str = NODULE, site: str = LUNG) -> Dataset:
    """A measurement group."""
    about = tracking(identifier, uid)
    about += [answer("DCM 121071 Finding", finding)] if finding else []
    about += [answer("SCT 363698007 Finding Site", site, "HAS CONCEPT MOD")] if site else []
    return item("CONTAINER", "DCM 125007 Measurement Group", below=[*about, *said])


def report(*groups: Dataset, title: str = "DCM 126000 Imaging Measurement Report") -> Dataset:
    """A TID 1500 report."""
    made = item("CONTAINER", title, below=[item("CONTAINER", "DCM 126010 Imaging Measurements", below=groups)])
    del made.RelationshipType
    made.SOPClassUID, made.SOPInstanceUID = Comprehensive3DSRStorage, REPORT_UID
    made.StudyInstanceUID, made.SeriesInstanceUID, made.Modality = STUDY, SERIES, "SR"
    made.PatientName, made.PatientID = "Zoo^Animal", "must never be shown"
    made.StudyDate, made.ContentDate = "20240229", "20240301"
    made.CompletionFlag, made.VerificationFlag = "COMPLETE", "VERIFIED"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "1500"
    made.ContentTemplateSequence = sequence(template)
    return made


def sound_report() -> Dataset:
    """One solid nodule of the lung, 8.4 x 6.1 mm."""
    sizes = (number(LONG_AXIS, "8.4"), number(SHORT_AXIS, "6.1"))
    return report(group("nodule 1", *sizes, answer(TEXTURE, SOLID), uid="2.25.1"))


def segmentation(
    masks: dict[int, NDArray[np.bool_]],
    *,
    spacing: tuple[float, float, float] = (2.0, 0.7, 0.7),
    origin: tuple[float, float, float] = (-10.0, -20.0, -30.0),
    kind: str = NODULE,
    region: str = LUNG,
) -> Dataset:
    """A BINARY segmentation of masks (slices, rows, columns) in axial planes; planes without a mask are left out."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = SegmentationStorage, SEG_UID, "SEG"
    made.StudyInstanceUID, made.SeriesInstanceUID = STUDY, f"{SERIES}.1"
    made.PatientName, made.PatientID = "Zoo^Animal", "must never be shown"
    made.StudyDate, made.ContentDate, made.SegmentationType = "20240229", "20240301", "BINARY"
    made.SegmentSequence = [_segment(n, kind, region) for n in masks]
    shown = [(n, k, mask[k]) for n, mask in masks.items() for k in range(len(mask)) if mask[k].any()]
    _, made.Rows, made.Columns = next(iter(masks.values())).shape
    made.NumberOfFrames, made.SamplesPerPixel, made.PhotometricInterpretation = len(shown), 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 1, 1, 0, 0
    made.SharedFunctionalGroupsSequence = sequence(_geometry(spacing))
    x, y, z = origin
    made.PerFrameFunctionalGroupsSequence = [_plane(n, (x, y, z + k * spacing[0])) for n, k, _ in shown]
    series = Dataset()
    series.SeriesInstanceUID = SERIES
    made.ReferencedSeriesSequence = sequence(series)
    bits = np.concatenate([plane.ravel() for _, _, plane in shown]) if shown else np.zeros(8, bool)
    made.PixelData = np.packbits(bits, bitorder="little").tobytes()
    if len(made.PixelData) % 2:
        made.PixelData += b"\0"
    made["PixelData"].VR = "OB"
    return made


def _segment(n: int, kind: str, region: str) -> Dataset:
    segment = Dataset()
    segment.SegmentNumber, segment.SegmentLabel, segment.SegmentAlgorithmType = n, f"label {n}", "MANUAL"
    segment.TrackingID, segment.TrackingUID = f"nodule {n}", f"2.25.{n}"
    segment.SegmentedPropertyCategoryCodeSequence = sequence(code("SCT 49755003 Morphologically Abnormal Structure"))
    segment.SegmentedPropertyTypeCodeSequence = sequence(code(kind))
    segment.AnatomicRegionSequence = sequence(code(region))
    return segment


def _geometry(spacing: tuple[float, float, float]) -> Dataset:
    shared, measures, orientation = Dataset(), Dataset(), Dataset()
    measures.SpacingBetweenSlices, measures.SliceThickness = spacing[0], spacing[0]
    measures.PixelSpacing = list(spacing[1:])
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared.PixelMeasuresSequence, shared.PlaneOrientationSequence = sequence(measures), sequence(orientation)
    return shared


def _plane(n: int, position: tuple[float, float, float]) -> Dataset:
    frame, place, segment = Dataset(), Dataset(), Dataset()
    place.ImagePositionPatient, segment.ReferencedSegmentNumber = [round(p, 6) for p in position], n
    frame.PlanePositionSequence, frame.SegmentIdentificationSequence = sequence(place), sequence(segment)
    return frame


def ball(radius_mm: float = 5.0, shape: tuple[int, int, int] = (11, 30, 26)) -> NDArray[np.bool_]:
    """A ball in the middle of a grid with the spacing of ``segmentation``."""
    k, i, j = np.ogrid[tuple(slice(n) for n in shape)]
    middle = [(n - 1) / 2 for n in shape]
    squares = ((k - middle[0]) * 2) ** 2 + ((i - middle[1]) * 0.7) ** 2 + ((j - middle[2]) * 0.7) ** 2
    return np.asarray(squares <= radius_mm**2)


def sound_segmentation() -> Dataset:
    """A ball of 10 mm as a nodule of the lung."""
    return segmentation({1: ball()})


def write(made: Dataset, path: Path) -> Path:
    """The object as a DICOM file."""
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.save_as(path, enforce_file_format=True)
    return path


def _changed(sound: Callable[[], Dataset], **values: object) -> Callable[[], Dataset]:
    def change() -> Dataset:
        made = sound()
        for keyword, value in values.items():
            setattr(made, keyword, value)
        return made

    return change


def _one(*said: Dataset, **about: str) -> Callable[[], Dataset]:
    return lambda: report(group("nodule 1", *said, **about))


def _too_deep() -> Dataset:
    inner = item("CONTAINER", "DCM 111028 Image Library")
    for _ in range(20):
        inner = item("CONTAINER", "DCM 111028 Image Library", below=[inner])
    made = sound_report()
    made.ContentSequence.append(inner)
    return made


def _two_identifiers() -> Dataset:
    return report(item("CONTAINER", "DCM 125007 Measurement Group", below=tracking("nodule 1") + tracking("nodule 2")))


def _time_points() -> Dataset:
    first, second = (text("UMLS C2348792 Time Point", when) for when in "12")
    return report(group("nodule 1", first, uid="2.25.1"), group("nodule 2", second, uid="2.25.2"))


def _frame(number: int, change: Callable[[Dataset], None]) -> Callable[[], Dataset]:
    def changed() -> Dataset:
        made = sound_segmentation()
        change(made.PerFrameFunctionalGroupsSequence[number])
        return made

    return changed


def _moved(frame: Dataset) -> None:
    frame.PlanePositionSequence[0].ImagePositionPatient[2] += 0.7


def _of_segment_seven(frame: Dataset) -> None:
    frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber = 7


def _without_place(frame: Dataset) -> None:
    del frame.PlanePositionSequence


def _twice() -> Dataset:
    made = sound_segmentation()
    made.SegmentSequence.append(_segment(1, NODULE, LUNG))
    return made


def _cut_short(sound: Callable[[], Dataset], keep: float) -> Callable[[Path], Path]:
    def cut(path: Path) -> Path:
        whole = write(sound(), path).read_bytes()
        path.write_bytes(whole[: int(len(whole) * keep)])
        return path

    return cut


def _no_dicom(path: Path) -> Path:
    path.write_text("Nodule of 8 mm in the right upper lobe. " * 10, encoding="utf-8")
    return path


_AXIS, _MM = LONG_AXIS, "UCUM mm millimeter"
_UID_TWICE = (group("nodule 1", uid="2.25.1"), group("nodule 2", uid="2.25.1"))
_HALF_NAMED = (group("nodule 1", uid="2.25.1"), group("nodule 1"))

_MADE: dict[str, tuple[Callable[[], Dataset], type[InputError]]] = {
    "sr_that_is_a_ct_image": (_changed(sound_report, SOPClassUID=CTImageStorage), wrong.NotAReport),
    "sr_of_chest_cad": (lambda: report(title="DCM 112000 Chest CAD Report"), wrong.OtherTemplate),
    "sr_without_groups": (report, wrong.NoMeasurementGroups),
    "sr_group_without_tracking_identifier": (lambda: report(group("")), wrong.NoTrackingIdentifier),
    "sr_group_with_two_tracking_identifiers": (_two_identifiers, wrong.ConflictingTracking),
    "sr_tracking_uid_with_two_identifiers": (lambda: report(*_UID_TWICE), wrong.ConflictingTracking),
    "sr_identifier_with_and_without_uid": (lambda: report(*_HALF_NAMED), wrong.ConflictingTracking),
    "sr_of_several_time_points": (_time_points, wrong.SeveralTimePoints),
    "sr_measurement_without_value": (_one(number(_AXIS, "", _MM)), wrong.NoMeasuredValue),
    "sr_measurement_without_unit": (_one(number(_AXIS, "8.4", "")), wrong.NoUnit),
    "sr_measurement_not_a_number": (_one(number(_AXIS, "nan")), wrong.NotANumber),
    "sr_measurement_infinite": (_one(number(_AXIS, "inf")), wrong.NotANumber),
    "sr_measurement_in_words": (_one(number(_AXIS, "eight")), wrong.NotANumber),
    "sr_negative_length": (_one(number(_AXIS, "-8.4")), wrong.ImpossibleSize),
    "sr_length_of_a_house": (_one(number(_AXIS, "8400", "UCUM cm centimeter")), wrong.ImpossibleSize),
    "sr_nested_too_deep": (_too_deep, wrong.ContentTooDeep),
    "sr_item_of_unknown_type": (_one(item("NUMBER", LONG_AXIS)), errors.BadHeaderValue),
    "sr_content_date_of_no_calendar": (_changed(sound_report, ContentDate="20240231"), errors.BadHeaderValue),
    "seg_that_is_a_report": (sound_report, wrong.NotASegmentation),
    "seg_with_an_empty_segment": (lambda: segmentation({1: ball(), 2: ball(0) & False}), wrong.EmptySegment),
    "seg_frame_of_undeclared_segment": (_frame(0, _of_segment_seven), wrong.SegmentsDisagree),
    "seg_segment_declared_twice": (_twice, wrong.SegmentsDisagree),
    "seg_frame_without_place": (_frame(1, _without_place), wrong.NoPlane),
    "seg_uneven_planes": (_frame(1, _moved), wrong.UnevenPlanes),
    "seg_of_a_surface": (_changed(sound_segmentation, SegmentationType="SURFACE"), wrong.SegmentationKind),
    "seg_of_65535_x_65535_x_10000": (
        _changed(sound_segmentation, Rows=65535, Columns=65535, NumberOfFrames=10000),
        wrong.SegmentationTooLarge,
    ),
    "seg_with_fewer_pixels_than_declared": (_changed(sound_segmentation, Rows=300), wrong.SegmentPixelsCut),
    "seg_with_more_frames_than_places": (
        _changed(sound_segmentation, NumberOfFrames=12),
        errors.FrameCountDisagrees,
    ),
}


def _writer(name: str) -> Callable[[Path], Path]:
    return lambda folder: write(_MADE[name][0](), folder / f"{name}.dcm")


def _raw(name: str, make: Callable[[Path], Path]) -> Callable[[Path], Path]:
    return lambda folder: make(folder / f"{name}.dcm")


ZOO: dict[str, Callable[[Path], Path]] = {name: _writer(name) for name in _MADE} | {
    "sr_cut_short": _raw("sr_cut_short", _cut_short(sound_report, 0.6)),
    "sr_that_is_text": _raw("sr_that_is_text", _no_dicom),
    "seg_cut_short": _raw("seg_cut_short", _cut_short(sound_segmentation, 0.9)),
}
EXPECTED: dict[str, type[InputError]] = {name: kind for name, (_, kind) in _MADE.items()} | {
    "sr_cut_short": errors.TruncatedFile,
    "sr_that_is_text": errors.NotDicom,
    "seg_cut_short": wrong.SegmentPixelsCut,
}
