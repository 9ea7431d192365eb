"""A report and a segmentation written by highdicom, so that ours are not only read as ours are written."""

from __future__ import annotations

from typing import Any

import numpy as np
from dicom_zoo import ct_slice
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid


def highdicom_report() -> Any:
    """A TID 1500 report on one ground-glass nodule, 12.5 mm long, 700.25 mm3, at (1, 2, 3)."""
    from highdicom import sr
    from pydicom.sr.codedict import codes

    image = ct_image(0, (4, 4))
    person = sr.ObserverContext(codes.DCM.Person, sr.PersonObserverIdentifyingAttributes("Reader^A"))
    region = sr.ImageRegion3D(sr.GraphicTypeValues3D.POINT, np.array([[1.0, 2.0, 3.0]]), image.FrameOfReferenceUID)
    measured = sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=generate_uid(), identifier="nodule 7"),
        referenced_region=region,
        finding_type=codes.SCT.Nodule,
        finding_sites=[sr.FindingSite(codes.SCT.Lung, laterality=codes.SCT.Left)],
        measurements=[
            sr.Measurement(codes.SCT.LongAxis, 12.5, codes.UCUM.Millimeter),
            sr.Measurement(codes.SCT.Volume, 700.25, codes.UCUM.CubicMillimeter),
        ],
        qualitative_evaluations=[
            sr.QualitativeEvaluation(sr.CodedConcept("1", "99T", "Attenuation"), codes.DCM.GroundGlassOpacity)
        ],
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_person_context=person),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=[measured],
    )
    return sr.Comprehensive3DSR([image], content[0], generate_uid(), 1, generate_uid(), 1, "maker")


def highdicom_segmentation(mask: NDArray[np.bool_], coding: str, syntax: str) -> Any:
    """A nodule of the lung, in slices 2 mm apart; FRACTIONAL is 0.6 inside and 0.4 outside."""
    from highdicom import seg
    from pydicom.sr.codedict import codes

    described = seg.SegmentDescription(
        1,
        "nodule",
        codes.SCT.MorphologicallyAbnormalStructure,
        codes.SCT.Nodule,
        seg.SegmentAlgorithmTypeValues.MANUAL,
        tracking_uid=generate_uid(),
        tracking_id="nodule 7",
        anatomic_regions=[codes.SCT.Lung],
    )
    about = ([described], generate_uid(), 1, generate_uid(), 1, "maker", "model", "1", "1")
    pixels = mask * 0.6 + ~mask * 0.4 if coding == "FRACTIONAL" else mask
    images = [ct_image(k, mask.shape[1:]) for k in range(len(mask))]
    return seg.Segmentation(images, pixels, coding, *about, transfer_syntax_uid=syntax)


def ct_image(k: int, shape: tuple[int, ...]) -> Dataset:
    """The CT slice ``k`` that they refer to."""
    image = ct_slice(np.zeros(shape, np.int16), 2.0 * k)
    image.FrameOfReferenceUID, image.InstanceNumber = "1.2.3.4", k + 1
    image.StudyID = image.AccessionNumber = image.StudyTime = image.PatientSex = image.PatientBirthDate = ""
    return image
