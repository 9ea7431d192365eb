"""CT in: a folder, a zip or a single multi-frame file to a volume in Hounsfield units.

``read_series`` is the whole of it, in the order of its lines: find the files, read their headers,
choose a series, drop copies, lay the slices into a stack, read their pixels.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Final

from ...engine.perception.volume import Volume
from .acquisition import acquisition_of
from .choose import choose
from .errors import DuplicateSlices
from .files import opened
from .geometry import stacked
from .headers import label
from .limits import MIB
from .pixels import hounsfield
from .slices import Image, Slice, found_in
from .structure import pixel_stream

_WARNINGS_SHOWN: Final = 5
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"")


def read_series(path: Path, *, progress: Callable[[int, int], None] | None = None) -> Volume:
    """Read the CT series at ``path``: a folder with its subfolders, a .zip, or a single file.

    Of several series one is chosen by the rules of ``choose``; ``notes`` say which and why, and what
    was left out. Slices are ordered along their normal. ``progress`` is called with (slices read,
    slices in all) while pixels are read.

    Returns:
        A volume of int16 Hounsfield units (slices, rows, columns). ``sop_uids`` has one UID a slice,
        in their order; the frames of a multi-frame image share theirs.

    Raises:
        InputError: one of the leaves in ``adapters/dicom/errors.py``, naming the file, the tag and the cure.
    """
    with opened(path) as entries, _warnings_of_pydicom() as warned:
        chosen, notes_on_choice = choose(found_in(entries), path.name)
        slices, notes_on_copies = _without_copies(chosen.slices)
        stack = stacked(slices)
        hu, notes_on_pixels = hounsfield(stack.slices, progress)
        acquisition, notes_on_header = acquisition_of(stack.slices[0])
    return Volume(
        hu=hu,
        spacing_mm=stack.spacing_mm,
        origin_mm=stack.origin_mm,
        axes=stack.axes,
        acquisition=acquisition,
        sop_uids=tuple(one.image.sop_uid for one in stack.slices),
        notes=(*notes_on_choice, *notes_on_copies, *stack.notes, *notes_on_pixels, *notes_on_header, *warned),
    )


@contextmanager
def _warnings_of_pydicom() -> Iterator[list[str]]:
    """Odd headers make pydicom warn of the tags that we read; once the context is left, the list holds it as notes."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield notes
    said = [str(one.message).splitlines()[0] for one in caught if issubclass(one.category, UserWarning)]
    met = dict.fromkeys(_QUOTED.sub("a value", text) for text in said)  # which may be anything somebody typed
    notes += [f"pydicom warns: {text}" for text in list(met)[:_WARNINGS_SHOWN]]
    for one in caught:
        if not issubclass(one.category, UserWarning):
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)


def _without_copies(slices: Sequence[Slice]) -> tuple[list[Slice], list[str]]:
    """One file for each SOP instance. Exports hold the same image twice at times; a changed one is no copy.

    Raises:
        DuplicateSlices: two files say that they are the same instance and differ.
    """
    by_file = [list(group) for _, group in groupby(slices, key=lambda one: id(one.image))]
    first: dict[str, list[Slice]] = {}
    kept, copies = [], []
    for file in by_file:
        image = file[0].image
        original = first.setdefault(image.sop_uid or image.name, file)
        if original is file:
            kept += file
        elif _is_copy(original, file):
            copies.append(image.name)
        else:
            raise DuplicateSlices(
                image.name,
                label("SOPInstanceUID"),
                f"the UID of {original[0].image.name} with other content",
                "one content for one UID",
                "Take the wrong one out.",
            )
    return kept, [f"left out {len(copies)} exact copies, the first: {copies[0]}"] if copies else []


def _is_copy(file: list[Slice], other: list[Slice]) -> bool:
    there = other[0].image
    image = replace(file[0].image, entry=there.entry, layout=there.layout)
    return [replace(one, image=image) for one in file] == other and _digest(file[0].image) == _digest(there)


def _digest(image: Image) -> bytes:
    """Of the bytes of the pixels as they are stored."""
    digest = hashlib.sha256()
    with pixel_stream(image.entry, image.layout) as (stream, size):
        stream.seek(image.layout.offset)
        left = size - image.layout.offset if image.layout.length is None else image.layout.length
        while left > 0 and (block := stream.read(min(left, MIB))):
            digest.update(block)
            left -= len(block)
    return digest.digest()
