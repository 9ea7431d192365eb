"""Every way a DICOM input is refused, each below the leaf of ``engine/errors.py`` that it refines.

* NotReadable
  x PathNotFound          nothing is at the path, or it may not be read
  x EmptyFolder           the folder or archive holds no file at all
  x NotDicom              no file in it is DICOM (PS3.10: 128 bytes, then ``DICM``)
  x UnreadableArchive     the zip is damaged, encrypted or packed in a way that we cannot unpack
  x TruncatedFile         the file ends before what its header promises
  x BrokenHeader          the header's structure cannot be followed
  x BrokenPixelData       the pixels do not decode, or decode to another size than the header says
* BadValue
  x BadHeaderValue        a tag holds no value of its kind (text in a number)
  x BadGeometry           an orientation or spacing that no image can have
  x BadRescale            a rescale slope or intercept that no CT can have
  x UnevenSpacing         the distances between the slices differ
* MissingField
  x MissingGeometry       a tag that places the slice in the patient is absent
  x MissingRescale        slope or intercept is absent; they are never assumed
  x MissingTag            another tag that the pixels cannot be read without is absent
  x MissingSlices         there is a gap in the stack
* TooLarge
  x OversizedImage        rows, columns or frames beyond ``limits``
  x OversizedHeader       a header with more bytes, elements or nesting than any CT has
  x OversizedArchive      a zip (or deflated file) that unfolds to more than it can honestly hold
  x TooManyFiles          a folder with more files than an exam has
* Contradiction
  x DuplicateSlices       two different images at one position, or one image in two versions
  x MixedOrientation      slices of one series that look in different directions
  x MixedMatrix           slices of one series with different rows and columns
  x MixedPixelSpacing     slices of one series with different pixel sizes
  x ShiftedSlices         a slice that lies beside the stack
  x FrameCountDisagrees   NumberOfFrames and the per-frame groups differ
  x BitsDisagree          stored values need more bits than BitsStored says
* Unsupported
  x NoCT                  DICOM, but no CT image
  x OnlyLocalizers        CT, but only scout images
  x GantryTilt            the slices are sheared against the stack
  x CodecMissing          the pixels are compressed in a way that no installed codec reads
  x UnsupportedPixels     pixels that are not 16 bit single-channel integers
  x NotHounsfield         the rescaled values are not in Hounsfield units
* CalculationError
  x HounsfieldOutOfRange  rescaled values beyond int16

Sentences name the file (relative to what was given) and the tag, and never quote what identifies a patient.
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


class PathNotFound(NotReadable):
    """Nothing is at the path, or it may not be read."""


class EmptyFolder(NotReadable):
    """The folder or archive holds no file at all."""


class NotDicom(NotReadable):
    """No file in it is DICOM."""


class UnreadableArchive(NotReadable):
    """The zip is damaged, encrypted or packed in a way that cannot be unpacked."""


class TruncatedFile(NotReadable):
    """The file ends before what its header promises."""


class BrokenHeader(NotReadable):
    """The header's structure cannot be followed."""


class BrokenPixelData(NotReadable):
    """The pixels do not decode, or decode to another size than the header says."""


class BadHeaderValue(BadValue):
    """A tag holds no value of its kind."""


class BadGeometry(BadValue):
    """An orientation or spacing that no image can have."""


class BadRescale(BadValue):
    """A rescale slope or intercept that no CT can have."""


class UnevenSpacing(BadValue):
    """The distances between the slices differ."""


class MissingGeometry(MissingField):
    """A tag that places the slice in the patient is absent."""


class MissingRescale(MissingField):
    """Slope or intercept is absent; they are never assumed."""


class MissingTag(MissingField):
    """A tag that the pixels cannot be read without is absent."""


class MissingSlices(MissingField):
    """There is a gap in the stack."""


class OversizedImage(TooLarge):
    """Rows, columns or frames beyond what is taken."""


class OversizedHeader(TooLarge):
    """A header with more bytes, elements or nesting than any CT has."""


class OversizedArchive(TooLarge):
    """A zip or deflated file that unfolds to more than it can honestly hold."""


class TooManyFiles(TooLarge):
    """A folder with more files than an exam has."""


class DuplicateSlices(Contradiction):
    """Two different images at one position, or one image in two versions."""


class MixedOrientation(Contradiction):
    """Slices of one series look in different directions."""


class MixedMatrix(Contradiction):
    """Slices of one series have different rows and columns."""


class MixedPixelSpacing(Contradiction):
    """Slices of one series have different pixel sizes."""


class ShiftedSlices(Contradiction):
    """A slice lies beside the stack."""


class FrameCountDisagrees(Contradiction):
    """NumberOfFrames and the per-frame groups differ."""


class BitsDisagree(Contradiction):
    """Stored values need more bits than BitsStored says."""


class NoCT(Unsupported):
    """DICOM, but no CT image."""


class OnlyLocalizers(Unsupported):
    """CT, but only scout images."""


class GantryTilt(Unsupported):
    """The slices are sheared against the stack."""


class CodecMissing(Unsupported):
    """The pixels are compressed in a way that no installed codec reads."""


class UnsupportedPixels(Unsupported):
    """Pixels that are not 16 bit single-channel integers."""


class NotHounsfield(Unsupported):
    """The rescaled values are not in Hounsfield units."""


class HounsfieldOutOfRange(CalculationError):
    """Rescaled values beyond int16."""
