"""Every way a DICOM SR or SEG is refused, beside those of ``errors.py`` (of its file and header).

* NotReadable
  x SegmentPixelsCut      the mask's pixels are fewer than its header says, or do not decode
* BadValue
  x NotAReport            DICOM, but no structured report
  x NotASegmentation      DICOM, but no segmentation
  x NotANumber            a measurement whose value is not a finite decimal number
* MissingField
  x NoMeasurementGroups   a measurement report without a measurement group
  x NoTrackingIdentifier  a group that does not say which lesion it is about
  x NoMeasuredValue       a measurement without a value, and without saying why
  x NoUnit                a measurement without a unit
  x NoPlane               a frame whose place in the patient is not said
  x EmptySegment          a segment without a single pixel
* TooLarge
  x ContentTooDeep        content items nested deeper than any template has
  x SegmentationTooLarge  more frames or pixels than are taken, refused before memory is
* Contradiction
  x ConflictingTracking   one lesion under two names, or one name with and without its UID
  x SegmentsDisagree      a frame of a segment that is not declared, or a segment declared twice
* Unsupported
  x OtherTemplate         a structured report of another kind than TID 1500
  x SeveralTimePoints     one report on several exams
  x SeveralObjects        a folder or archive where one object is asked for
  x SegmentationKind      a coding of masks that is not read
  x UnevenPlanes          planes that do not form a stack
* CalculationError
  x ImpossibleSize        a length or volume below zero
"""

from __future__ import annotations

from ...engine.errors import (
    BadValue,
    CalculationError,
    Contradiction,
    MissingField,
    NotReadable,
    TooLarge,
    Unsupported,
)


class SegmentPixelsCut(NotReadable):
    """The mask's pixels are fewer than its header says, or do not decode."""


class NotAReport(BadValue):
    """DICOM, but no structured report."""


class NotASegmentation(BadValue):
    """DICOM, but no segmentation."""


class NotANumber(BadValue):
    """A measurement whose value is not a finite decimal number."""


class NoMeasurementGroups(MissingField):
    """A measurement report without a measurement group."""


class NoTrackingIdentifier(MissingField):
    """A group does not say which lesion it is about."""


class NoMeasuredValue(MissingField):
    """A measurement without a value, and without saying why."""


class NoUnit(MissingField):
    """A measurement without a unit."""


class NoPlane(MissingField):
    """The place of a frame in the patient is not said."""


class EmptySegment(MissingField):
    """A segment without a single pixel."""


class ContentTooDeep(TooLarge):
    """Content items are nested deeper than any template has."""


class SegmentationTooLarge(TooLarge):
    """More frames or pixels than are taken, refused before memory is."""


class ConflictingTracking(Contradiction):
    """One lesion under two names, or one name with and without its UID."""


class SegmentsDisagree(Contradiction):
    """A frame belongs to a segment that is not declared, or a segment is declared twice."""


class OtherTemplate(Unsupported):
    """A structured report of another kind than TID 1500."""


class SeveralTimePoints(Unsupported):
    """One report on several exams."""


class SeveralObjects(Unsupported):
    """A folder or archive where one object is asked for."""


class SegmentationKind(Unsupported):
    """A coding of masks that is not read."""


class UnevenPlanes(Unsupported):
    """Planes that do not form a stack."""


class ImpossibleSize(CalculationError):
    """A length or volume below zero."""
