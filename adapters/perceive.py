"""``radlogic perceive lung-nodule``: crops and their table in, one line a nodule out."""

from __future__ import annotations

import csv
import io
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..engine.errors import BadValue, Contradiction, MissingField, NotReadable, TooLarge
from .evidence_files import check_folder, unfinished_of, write_picture, written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_BYTES: Final = 2**31  # of crops in memory: 200,000 crops of 71 x 71
ARRAYS: Final = ("hu", "nodule_id")


@dataclass(frozen=True, slots=True, eq=False)
class Crops:
    """``hu``: int16 (N, rows, columns); ``nodule_id`` (N,); per nodule the pixel spacing and slice thickness in mm,
    the latter None where the table does not say."""

    hu: NDArray[np.int16]
    nodule_id: tuple[int, ...]
    spacing_mm: tuple[float, ...]
    thickness_mm: tuple[float | None, ...]


def perceive_lung_nodules(
    crops: Path, table: Path, masks: Path | None = None, pictures: Path | None = None
) -> Iterator[dict[str, Any]]:
    """One record a nodule, in the order of ``crops``; with ``masks``, their masks (uint8, N x rows x columns) too;
    with ``pictures``, a folder, an evidence picture ``<nodule_id>.png`` of each.

    ``crops``: npz with ``hu`` (N, rows, columns) and ``nodule_id`` (N,); the nodule near the centre.
    ``table``: CSV with ``nodule_id``, ``pixel_spacing_mm`` and, if known, ``slice_thickness_mm``. Nothing
    else of either is read. The masks are written after the last record, a picture before the record of its
    nodule; without the extra ``saliency`` the pictures say that saliency was not computed.

    Raises:
        NotReadable, MissingField, BadValue, Contradiction, TooLarge: the files cannot be used; among them, before
            anything is read, masks that would take the place of the crops or the table.
        MissingKnowledge: the model is absent.
    """
    from ..engine.perception.lung_nodule import LungNodule, as_record

    if masks is not None:
        _check_masks(masks, crops, table)
    given = read(crops, table)
    for path, folder in ((masks, masks and masks.parent), (pictures, pictures)):
        if path is not None and folder is not None:
            check_folder(path, folder)
    model = LungNodule()
    outlines = []
    for i, nodule_id in enumerate(given.nodule_id):
        seen = model.read(given.hu[i], given.spacing_mm[i], given.thickness_mm[i])
        if masks is not None:
            outlines.append(seen.mask)
        if pictures is not None:
            path, title = pictures / f"{nodule_id}.png", f"Nodule {nodule_id}"
            write_picture(path, model, given.hu[i], given.spacing_mm[i], seen, title)
        yield as_record(nodule_id, seen)
    if masks is not None:
        _write_masks(masks, outlines)


def _check_masks(masks: Path, crops: Path, table: Path) -> None:
    """Writing the masks must not take the place of what is read, under whatever name or link."""
    for name, source in (("crops", crops), ("table", table)):
        if any(_same(path, source) for path in (masks, unfinished_of(masks))):
            found = f"the file of the {name}, which they would replace"
            raise Contradiction(str(masks), "--masks", found, "a file of their own", "Name another file.")


def _same(one: Path, other: Path) -> bool:
    try:
        return os.path.realpath(one) == os.path.realpath(other) or one.samefile(other)
    except OSError:
        return False  # one of them is not there (yet), or cannot be: reading or writing it says so


def read(crops: Path, table: Path) -> Crops:
    """The crops with what the table says of each.

    Raises:
        NotReadable, MissingField, BadValue, Contradiction, TooLarge: they cannot be used.
    """
    arrays = _arrays(crops)
    hu, ids = arrays["hu"], arrays["nodule_id"]
    _check(crops, hu, ids)
    rows = _rows(table)
    lacking = [int(i) for i in ids if int(i) not in rows]
    if lacking:
        raise MissingField(str(table), "nodule_id", f"no row for {lacking[0]}", "a row for each crop", "Add it.")
    picked = [rows[int(i)] for i in ids]
    return Crops(
        hu=hu.astype("int16"),
        nodule_id=tuple(int(i) for i in ids),
        spacing_mm=tuple(_length(table, row, "pixel_spacing_mm") for row in picked),
        thickness_mm=tuple(
            _length(table, r, "slice_thickness_mm") if r.get("slice_thickness_mm") else None for r in picked
        ),
    )


def _arrays(path: Path) -> Mapping[str, NDArray[Any]]:
    import numpy as np

    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            size = sum(part.file_size for part in file.zip.infolist() if part.filename.removesuffix(".npy") in ARRAYS)
            if size > LARGEST_BYTES:
                raise TooLarge(str(path), "hu", f"{size} bytes", f"at most {LARGEST_BYTES}", "Split the file.")
            lacking = [name for name in ARRAYS if name not in file.files]
            if lacking:
                raise MissingField(str(path), lacking[0], "no such array", ", ".join(ARRAYS), "Add it.")
            return {name: file[name] for name in ARRAYS}
    except (OSError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        found = getattr(error, "strerror", None) or "bytes that are no npz of plain numbers"
        raise NotReadable(str(path), "", found, "an npz file of numbers", "Check the path.") from error


def _check(path: Path, hu: NDArray[Any], ids: NDArray[Any]) -> None:
    import numpy as np

    if hu.ndim != 3 or hu.dtype.kind not in "iu" or min(hu.shape[1:], default=0) < 2:
        found = f"{hu.dtype} {hu.shape}"
        raise BadValue(str(path), "hu", found, "integers (nodules, rows, columns)", "Give HU after rescale.")
    if ids.ndim != 1 or ids.dtype.kind not in "iu" or len(ids) != len(hu):
        raise BadValue(str(path), "nodule_id", f"{ids.dtype} {ids.shape}", f"{len(hu)} integers", "One a crop.")
    if len(np.unique(ids)) != len(ids):
        raise Contradiction(str(path), "nodule_id", "the same number twice", "one each", "Rename one of them.")
    if len(hu) and (hu.min() < np.iinfo(np.int16).min or hu.max() > np.iinfo(np.int16).max):
        raise BadValue(str(path), "hu", f"{hu.min()} to {hu.max()}", "Hounsfield units", "Rescale first.")


def _rows(path: Path) -> dict[int, Mapping[str, str]]:
    try:
        table = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig")))
        rows, columns = list(table), table.fieldnames or ()
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        found = getattr(error, "strerror", None) or "bytes that are no CSV in UTF-8"
        raise NotReadable(str(path), "", found, "a readable CSV file", "Check the path.") from error
    for name in ("nodule_id", "pixel_spacing_mm"):
        if name not in columns:
            raise MissingField(str(path), name, "no such column", "a column of it", "Add it.")
    numbered: dict[int, Mapping[str, str]] = {_number(path, row["nodule_id"]): row for row in rows}
    if len(numbered) != len(rows):
        raise Contradiction(str(path), "nodule_id", "the same number twice", "one row each", "Remove one of them.")
    return numbered


def _number(path: Path, text: str | None) -> int:
    try:
        return int(text or "")
    except ValueError as error:
        raise BadValue(str(path), "nodule_id", "no whole number", "a whole number", "Correct the row.") from error


def _length(path: Path, row: Mapping[str, str], name: str) -> float:
    try:
        value = float(row[name] or "")
    except ValueError:
        value = math.nan
    if not 0 < value < 100:
        where = f"{name} of nodule {row['nodule_id']}"
        raise BadValue(str(path), where, "no positive length", "mm, above 0 and below 100", "Correct the row.")
    return value


def _write_masks(path: Path, outlines: list[NDArray[np.bool_]]) -> None:
    import numpy as np

    with written_whole(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, masks=np.array(outlines, dtype=np.uint8))
