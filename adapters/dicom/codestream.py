"""Compressed (encapsulated) pixels: whole, of the declared size, decoded frame by frame (PS3.5 A.4)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import error as NotEnoughBytes
from struct import unpack_from
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, RLELossless

from .errors import BrokenPixelData, CodecMissing, TruncatedFile
from .headers import FOREIGN, in_words, label
from .slices import Image

_ITEM, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE0DD
# What python-gdcm, the extra ``codecs``, reads: JPEG, JPEG lossless, JPEG-LS and JPEG 2000 (PS3.5 A.4.1 to A.4.4).
_EXTRA: Final = frozenset(f"1.2.840.10008.1.2.4.{code}" for code in (50, 51, 57, 70, 80, 81, 90, 91))
_DECODER_FAULTS: Final = (*FOREIGN, RuntimeError, MemoryError)
_END_OF_IMAGE: Final = b"\xff\xd9"  # the same marker in JPEG, JPEG-LS and JPEG 2000
_START_OF_FRAME: Final = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})


def decoded_frames(stream: BinaryIO, size: int, image: Image) -> Iterator[tuple[int, NDArray[Any]]]:
    """The frames in the order of the file, each (rows, columns) of stored values, at most 16 bits wide.

    Raises:
        CodecMissing: no installed codec reads the transfer syntax.
        TruncatedFile: a fragment, the end marker of a frame, or a whole frame is not there.
        BrokenPixelData: a frame is of another size than the header says, or does not decode.
    """
    decoder = _decoder_for(image)
    _check_fragments(stream, size, image)
    stream.seek(image.layout.offset)
    frames = generate_frames(stream, number_of_frames=image.frames)
    for number in range(image.frames):
        frame = _next(frames, image)
        _check_frame(frame, image)
        yield number, _decoded(decoder, frame, image)


def _decoder_for(image: Image) -> Any:
    from pydicom.pixels.decoders.base import get_decoder  # imports every codec: only where pixels are compressed

    syntax = UID(image.layout.transfer_syntax)
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError as error:
        raise _codec_missing(image, syntax) from error
    if not decoder.is_encapsulated:
        raise _broken(image, f"compressed pixels in the uncompressed {syntax.name}")
    if not decoder.is_available:
        raise _codec_missing(image, syntax)
    if image.layout.length is not None:
        raise _broken(image, f"uncompressed pixels in {syntax.name}")
    return decoder


def _codec_missing(image: Image, syntax: UID) -> CodecMissing:
    cure = "pip install radlogic[codecs]" if syntax in _EXTRA else "Store the images as Explicit VR Little Endian"
    return CodecMissing(
        image.name,
        "TransferSyntaxUID (0002,0010)",
        f"{in_words(syntax)} and no codec for it",
        "an encoding whose codec is installed",
        f"{cure}.",
    )


def _check_fragments(stream: BinaryIO, size: int, image: Image) -> None:
    """Hop over the fragments to their end: openjpeg decodes what is left of a cut file without a word."""
    at = image.layout.offset
    while at + 8 <= size:
        stream.seek(at)
        group, number, length = unpack_from("<HHL", stream.read(8))
        tag, at = group << 16 | number, at + 8
        if tag == _SEQUENCE_END:
            return
        if tag != _ITEM:
            raise _broken(image, "something else than fragments")
        at += length
    raise _cut(image, "the end of the compressed pixels is missing")


def _next(frames: Iterator[bytes], image: Image) -> bytes:
    try:
        return next(frames)
    except StopIteration as error:
        raise _cut(image, f"fewer frames than the {image.frames} of the header") from error
    except FOREIGN as error:
        raise _broken(image, "fragments that make up no frames") from error


def _check_frame(frame: bytes, image: Image) -> None:
    if image.layout.transfer_syntax == RLELossless:
        return  # has no size of its own: the decoder is told ours
    if not frame.rstrip(b"\0").endswith(_END_OF_IMAGE):
        raise _cut(image, "a frame without its end marker")
    try:
        rows, columns, components = _declared(frame)
    except NotEnoughBytes as error:
        raise _broken(image, "a frame without a header of its own") from error
    if (rows, columns, components) != (image.rows, image.columns, 1):
        raise _broken(image, f"a frame of {rows} x {columns} pixels of {components} values")


def _declared(frame: bytes) -> tuple[int, int, int]:
    """Rows, columns and components that a codestream states: ISO 15444-1 A.5.1 (SIZ), ISO 10918-1 B.2.2 (SOF)."""
    siz = frame.find(b"\xff\x4f\xff\x51", 0, 512)  # after the boxes that some writers put before it
    if siz >= 0:
        right, bottom, left, top = unpack_from(">4L", frame, siz + 8)
        return bottom - top, right - left, unpack_from(">H", frame, siz + 40)[0]
    at = 2
    while True:
        marker, length = unpack_from(">HH", frame, at)
        if marker & 0xFF in _START_OF_FRAME:
            rows, columns, components = unpack_from(">HHB", frame, at + 5)
            return rows, columns, components
        at += 2 + max(length, 2)


def _decoded(decoder: Any, frame: bytes, image: Image) -> NDArray[Any]:
    try:
        pixels, _ = decoder.as_array(encapsulate([frame]), raw=True, **_options(image))
    except _DECODER_FAULTS as error:
        raise _broken(image, "pixels that do not decode") from error
    if pixels.shape != (image.rows, image.columns) or pixels.dtype.itemsize > np.dtype(np.int16).itemsize:
        raise _broken(image, f"pixels that decode to {pixels.dtype} {pixels.shape}")
    return np.asarray(pixels)


def _options(image: Image) -> dict[str, Any]:
    allocated, stored, _ = image.bits
    return {
        "rows": image.rows,
        "columns": image.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "photometric_interpretation": image.photometric,
        "bits_allocated": allocated,
        "bits_stored": stored,
        "pixel_representation": int(image.signed),
        "correct_unused_bits": False,  # ours to judge, in ``pixels``
        # pylibjpeg-rle is faster, but panics on a damaged frame: past our border, and with a trace on standard error
        "decoding_plugin": "pydicom" if image.layout.transfer_syntax == RLELossless else "",
    }


def _broken(image: Image, found: str) -> BrokenPixelData:
    allowed = f"{image.frames} frames of {image.rows} x {image.columns} pixels of one value"
    return BrokenPixelData(image.name, label("PixelData"), found, allowed, "Export the file again.")


def _cut(image: Image, found: str) -> TruncatedFile:
    return TruncatedFile(image.name, label("PixelData"), found, "all frames whole", "Copy or export the file again.")
