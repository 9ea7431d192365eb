"""Stored pixels to Hounsfield units, slice by slice into one array.

Native pixels are read from the file straight into their place in the volume and rescaled there, so
that nothing of the size of the volume exists twice. Compressed ones go through pydicom's decoders,
after their own header was held against the file's: a codestream may declare any size.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from .codestream import decoded_frames
from .errors import (
    BadRescale,
    BitsDisagree,
    BrokenPixelData,
    HounsfieldOutOfRange,
    MissingRescale,
    NotHounsfield,
    OversizedImage,
    TruncatedFile,
    UnsupportedPixels,
)
from .headers import label
from .limits import MAX_VOXELS
from .slices import Image, Slice
from .structure import EXPLICIT_BIG, NATIVE, PIXEL_DATA, pixel_stream

AIR_HU: Final = -1024  # the lowest CT number of the 12 bit scale; what padding is shown as
# Padding declared as a value between air and the top of the 12 bit scale may as well be patient: it is left alone.
_PATIENT_HU: Final = (-1000.0, 3071.0)
_BELOW_NOISE_HU: Final = -1500  # noise takes air some hundred HU below -1000, never this far
_INT16: Final = np.iinfo(np.int16)

Plane = NDArray[np.int16]
Stored = NDArray[np.int16] | NDArray[np.uint16]


def hounsfield(
    slices: Sequence[Slice], progress: Callable[[int, int], None] | None = None
) -> tuple[NDArray[np.int16], tuple[str, ...]]:
    """The slices as int16 (slices, rows, columns) in HU, in their order, and notes on what was met.

    A rescale that is not whole is rounded to the nearest HU. Voxels that the header declares as
    padding become ``AIR_HU``. ``progress`` is called with (slices read, slices in all).

    Raises:
        MissingRescale, BadRescale, NotHounsfield, HounsfieldOutOfRange, BitsDisagree: of the values.
        UnsupportedPixels, CodecMissing, OversizedImage: refused before memory is taken.
        TruncatedFile, BrokenPixelData: of the bytes.
    """
    for one in slices:
        _check_rescale(one)
        _check_pixels(one.image)
    volume = _room_for(slices)
    padded = done = 0
    for image, places in _by_image(slices):
        for place, plane in _planes(image, places, volume):
            padded += _to_hounsfield(plane, slices[place])
            done += 1
            if progress:
                progress(done, len(slices))
    return volume, tuple(_notes(slices, padded, int(volume.min())))


def _check_rescale(one: Slice) -> None:
    for keyword, value in (("RescaleSlope", one.slope), ("RescaleIntercept", one.intercept)):
        if value is None:
            raise MissingRescale(
                one.where, label(keyword), "nothing", "the way from stored values to HU", "Export the original images."
            )
    if one.slope is not None and one.slope <= 0:
        raise BadRescale(one.where, label("RescaleSlope"), f"{one.slope:g}", "a number above 0", "Export it again.")
    if one.unit not in ("", "HU"):
        raise NotHounsfield(
            one.where, label("RescaleType"), one.unit[:16], "HU", "Give the images in Hounsfield units."
        )


def _check_pixels(image: Image) -> None:
    allocated, stored, high = image.bits
    if image.layout.tag != PIXEL_DATA or allocated != 16 or not 1 <= stored <= 16 or high != stored - 1:
        raise UnsupportedPixels(
            image.name,
            f"{label('BitsAllocated')}, BitsStored, HighBit",
            f"{allocated}, {stored}, {high}" if image.layout.tag == PIXEL_DATA else "floating point pixels",
            "16, up to 16, one less than stored (PS3.3 A.3.3, PS3.5 8.1.1)",
            "Export the original CT images.",
        )
    if image.photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise UnsupportedPixels(
            image.name,
            label("PhotometricInterpretation"),
            image.photometric[:16] or "nothing",
            "MONOCHROME2",
            "Export CT images.",
        )


def _room_for(slices: Sequence[Slice]) -> NDArray[np.int16]:
    shape = (len(slices), slices[0].image.rows, slices[0].image.columns)
    too_large = OversizedImage(
        slices[0].image.name, "the series", f"{shape} voxels", f"{MAX_VOXELS} voxels in all", "Give one series only."
    )
    if shape[0] * shape[1] * shape[2] > MAX_VOXELS:
        raise too_large
    try:
        return np.empty(shape, np.int16)
    except MemoryError as error:
        raise too_large from error


def _by_image(slices: Sequence[Slice]) -> list[tuple[Image, dict[int, int]]]:
    """Each file once, with the frames that are wanted of it and their places in the volume."""
    images: dict[int, tuple[Image, dict[int, int]]] = {}
    for place, one in enumerate(slices):
        images.setdefault(id(one.image), (one.image, {}))[1][one.frame] = place
    return list(images.values())


def _planes(image: Image, places: dict[int, int], volume: NDArray[np.int16]) -> Iterator[tuple[int, Plane]]:
    """Fill the planes of one file with stored values, their 16 bits as they are."""
    with pixel_stream(image.entry, image.layout) as (stream, size):
        if image.layout.transfer_syntax in NATIVE and image.layout.length is not None:
            _check_native_length(image, image.layout.length, size)
            for frame, place in places.items():
                _read_native(stream, image, frame, volume[place])
                yield place, volume[place]
        else:
            for frame, pixels in decoded_frames(stream, size, image):
                if frame in places:
                    plane = volume[places[frame]]
                    plane.view(_stored_type(image))[...] = pixels
                    yield places[frame], plane


def _check_native_length(image: Image, declared: int, size: int) -> None:
    needed = 2 * image.rows * image.columns * image.frames
    if image.layout.offset + min(declared, needed) > size:
        raise TruncatedFile(
            image.name,
            label("PixelData"),
            f"{size - image.layout.offset} of {needed} bytes of pixels",
            "all of them",
            "Copy or export the file again.",
        )
    if declared < needed:
        raise BrokenPixelData(
            image.name,
            label("PixelData"),
            f"{declared} bytes",
            f"{needed} for its rows and columns",
            "Export it again.",
        )


def _read_native(stream: BinaryIO, image: Image, frame: int, plane: Plane) -> None:
    stream.seek(image.layout.offset + frame * plane.nbytes)
    read = stream.readinto(plane.data.cast("B"))  # type: ignore[attr-defined]  # all our streams have it
    if read != plane.nbytes:
        raise TruncatedFile(
            image.name, label("PixelData"), f"{read} bytes of a frame", f"{plane.nbytes}", "Copy the file again."
        )
    if (image.layout.transfer_syntax == EXPLICIT_BIG) != (sys.byteorder == "big"):
        plane.byteswap(inplace=True)


def _stored_type(image: Image) -> type[np.int16] | type[np.uint16]:
    return np.int16 if image.signed else np.uint16


def _to_hounsfield(plane: Plane, one: Slice) -> int:
    """Rescale in place; the number of voxels of padding."""
    slope, intercept = one.slope or 0.0, one.intercept or 0.0
    stored: Stored = plane.view(np.int16) if one.image.signed else plane.view(np.uint16)
    padding = _padding_in(stored, one.image, slope, intercept)
    if padding is not None:
        stored[padding] = stored.ravel()[int(padding.ravel().argmin())]  # some other value, so that limits hold
        if padding.all():
            plane[...] = AIR_HU
            return plane.size
    low, high = _used_bits(stored, one)
    lowest, highest = low * slope + intercept, high * slope + intercept
    if lowest < _INT16.min or highest > _INT16.max:
        raise HounsfieldOutOfRange(
            one.where,
            f"{label('RescaleSlope')}, RescaleIntercept",
            f"{lowest:g} to {highest:g} HU",
            f"{_INT16.min} to {_INT16.max} HU",
            "Correct the rescale, or declare padding by PixelPaddingValue.",
        )
    _rescale(plane, stored, slope, intercept)
    if padding is None:
        return 0
    plane[padding] = AIR_HU
    return int(padding.sum())


def _rescale(plane: Plane, stored: Stored, slope: float, intercept: float) -> None:
    if slope == 1 and intercept == int(intercept):
        bits = plane.view(np.uint16)  # addition modulo 2^16 is right for both signs, for the sum fits
        np.add(bits, np.uint16(int(intercept) & 0xFFFF), out=bits)
    else:
        plane[...] = np.rint(stored * slope + intercept)


def _used_bits(stored: Stored, one: Slice) -> tuple[int, int]:
    """The lowest and highest stored value, once bits above BitsStored are out of the way (PS3.5 8.1.1)."""
    bits, low, high = one.image.bits[1], int(stored.min()), int(stored.max())
    lowest, highest = (-(1 << bits - 1), (1 << bits - 1) - 1) if one.image.signed else (0, (1 << bits) - 1)
    if lowest <= low and high <= highest:
        return low, high
    if one.image.signed and low >= 0 and high < 1 << bits:  # the sign was not extended, as the standard allows
        np.left_shift(stored, 16 - bits, out=stored)
        np.right_shift(stored, 16 - bits, out=stored)
        return int(stored.min()), int(stored.max())
    raise BitsDisagree(
        one.where,
        label("BitsStored"),
        f"{bits} bits and stored values from {low} to {high}",
        f"{lowest} to {highest}",
        "Correct the tag, or take overlays out of the pixels.",
    )


def _padding_in(stored: Stored, image: Image, slope: float, intercept: float) -> NDArray[np.bool_] | None:
    """Where the plane is padding; None where nowhere, or where it cannot be told from patient."""
    if image.padding is None or not _is_outside(image.padding, slope, intercept):
        return None
    first, last = image.padding
    padding: NDArray[np.bool_] = stored == first if first == last else (stored >= first) & (stored <= last)
    return padding if padding.any() else None


def _is_outside(padding: tuple[int, int], slope: float, intercept: float) -> bool:
    low, high = (value * slope + intercept for value in padding)
    return high <= _PATIENT_HU[0] or low > _PATIENT_HU[1]


def _notes(slices: Sequence[Slice], padded: int, lowest: int) -> Iterator[str]:
    one = slices[0]
    if padded:
        yield f"{padded} voxels of declared padding are shown as {AIR_HU} HU"
    if lowest < _BELOW_NOISE_HU:
        yield f"values down to {lowest} HU, which no patient has: padding that the header does not declare, left as is"
    if one.image.padding and not _is_outside(one.image.padding, one.slope or 0.0, one.intercept or 0.0):
        yield f"{label('PixelPaddingValue')} is a value that patients have too: those voxels are left as they are"
    if any(two.image.lossy for two in slices):
        yield "the pixels were compressed with loss"
