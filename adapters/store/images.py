"""The slices of assessed series, kept below the store so that a page can show what was decided on.

A decision keeps only the hash of its pixels; the pixels lie in a folder of that name: one gzip file a
slice, int16 Hounsfield units (little-endian, row after row), and ``geometry.json``. Nothing of the
header but the geometry is kept, so nothing that names a patient. A folder appears whole or not at all,
and is held against its name before the first slice is shown.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import secrets
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...engine.errors import BadValue, NotReadable
from .errors import StoreUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...engine.perception.volume import Volume

FOLDER = "images"  # below a store that is a folder
GEOMETRY = "geometry.json"
SHA256 = re.compile(r"[0-9a-f]{64}")
FAST = 1  # gzip: level 6 takes four times as long for 1 % less (112 slices of a drawn chest)
MOST_OPEN = 64
Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Geometry:
    """As of a ``Volume``: ``shape`` (slices, rows, columns), mm, directions; and the sha256 of each slice's bytes."""

    shape: tuple[int, int, int]
    spacing_mm: Triple
    origin_mm: Triple
    axes: tuple[Triple, Triple, Triple]
    slices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KeptImages:
    """A series that was held against its hash when it was opened."""

    folder: Path
    sha256: str
    geometry: Geometry

    def packed(self, number: int) -> bytes:
        """A slice, counted from 0: gzip of int16 Hounsfield units, little-endian, row after row.

        Raises:
            BadValue: there is no such slice. NotReadable: it is not as it was kept.
        """
        if not 0 <= number < len(self.geometry.slices):
            allowed = f"0 to {len(self.geometry.slices) - 1}"
            raise BadValue("images", "slice", str(number)[:12], allowed, "Ask for one that is there.")
        packed = _bytes(self.folder / _name(number))
        if hashlib.sha256(_unpacked(packed, number)).hexdigest() != self.geometry.slices[number]:
            raise _damaged(f"slice {number + 1} that is not what was kept")
        return packed

    def hu(self, number: int) -> NDArray[np.int16]:
        """The same as an array (rows, columns), read-only."""
        import numpy as np

        found = np.frombuffer(gzip.decompress(self.packed(number)), dtype="<i2").reshape(self.geometry.shape[1:])
        return found.astype(np.int16, copy=False)

    def slab(self, number: int) -> Volume:
        """One slice as a volume of its own, in its place in the patient."""
        return self._volume(self.hu(number)[None], number)

    def volume(self) -> Volume:
        """The whole series; what the header said beside the geometry is not kept."""
        import numpy as np

        return self._volume(np.stack([self.hu(n) for n in range(len(self.geometry.slices))]), 0)

    def _volume(self, hu: NDArray[np.int16], first: int) -> Volume:
        import numpy as np

        from ...engine.perception.volume import Volume

        g = self.geometry
        axes, start = np.array(g.axes), first * g.spacing_mm[0]
        x, y, z = (o + start * a for o, a in zip(g.origin_mm, g.axes[0], strict=True)) if first else g.origin_mm
        return Volume(np.ascontiguousarray(hu), g.spacing_mm, (x, y, z), axes)


def images_folder(place: str | Path, stated: Path | None = None) -> Path | None:
    """Where a store's images lie: as stated, else below a folder; None for a database of which nothing is stated."""
    if stated is not None:
        return stated
    return None if "://" in str(place) else Path(place) / FOLDER


def keep_images(folder: Path, volume: Volume) -> str:
    """Keep the volume's slices; return its sha256. What is there already stays.

    Args:
        folder: of all series, as ``images_folder`` gives it; made if need be.
        volume: what was assessed.

    Raises:
        StoreUnavailable: it cannot be written; nothing of it is left.
    """
    sha = volume.sha256()
    if (folder / sha).is_dir():
        return sha
    fresh = folder / f".{sha[:16]}.{secrets.token_hex(4)}.part"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.mkdir(mode=0o700)
        _write_all(fresh, volume, sha)
        _into_place(fresh, folder / sha)
    except OSError as error:
        found, cure = error.strerror or type(error).__name__, "Check the folder and the disk, then try again."
        raise StoreUnavailable("the images", "", found, "a folder that can be written", cure) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return sha


def _write_all(fresh: Path, volume: Volume, sha: str) -> None:
    hashes = []
    for number, hu in enumerate(volume.hu):
        raw = hu.astype("<i2").tobytes()
        hashes.append(hashlib.sha256(raw).hexdigest())
        _write(fresh / _name(number), gzip.compress(raw, FAST, mtime=0))
    x, y, z = ((float(a[0]), float(a[1]), float(a[2])) for a in volume.axes)
    s, r, c = volume.hu.shape
    kept = Geometry((s, r, c), volume.spacing_mm, volume.origin_mm, (x, y, z), tuple(hashes))
    _write(fresh / GEOMETRY, json.dumps({"version": 1, **asdict(kept)}).encode())
    if _opened(fresh, sha).sha256 != sha:  # read back as it will be: what cannot be shown is not kept
        raise _damaged("a series that does not come back as it was")


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _into_place(fresh: Path, place: Path) -> None:
    """All at once; where another process was faster its files, which are the same, stay."""
    with contextlib.suppress(FileExistsError):
        try:
            fresh.rename(place)
        except OSError:
            if not place.is_dir():
                raise
    for changed in (place, place.parent):
        handle = os.open(changed, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def geometry_of(folder: Path, sha256: str) -> Geometry | None:
    """What is said of the series of that hash, for a page that only tells of it; None where it is not kept.

    Nothing is held against the hash: who shows a voxel asks ``kept_images``.

    Raises:
        NotReadable: it cannot be read.
    """
    if not SHA256.fullmatch(sha256) or not (folder / sha256).is_dir():
        return None
    return _geometry(_bytes(folder / sha256 / GEOMETRY))


def kept_images(folder: Path, sha256: str) -> KeptImages | None:
    """The series of that hash; None where it is not kept.

    All of it is read once and held against the hash; a process remembers the last 64 that it opened.

    Raises:
        NotReadable: it is not as it was kept.
    """
    if not SHA256.fullmatch(sha256) or not (folder / sha256).is_dir():
        return None
    return _remembered(folder / sha256, sha256)


def check_series(folder: Path, sha256: str) -> None:
    """Read all of a kept series, whatever this process remembers of it.

    Raises:
        NotReadable: it is not as it was kept.
    """
    _opened(folder / sha256, sha256)


@lru_cache(maxsize=MOST_OPEN)
def _remembered(place: Path, sha256: str) -> KeptImages:
    return _opened(place, sha256)


def _opened(place: Path, sha256: str) -> KeptImages:
    geometry = _geometry(_bytes(place / GEOMETRY))
    whole = hashlib.sha256()
    for number, expected in enumerate(geometry.slices):
        raw = _unpacked(_bytes(place / _name(number)), number)
        if hashlib.sha256(raw).hexdigest() != expected:
            raise _damaged(f"slice {number + 1} that is not what was kept")
        whole.update(raw)
    axes = [list(axis) for axis in geometry.axes]
    whole.update(repr((geometry.shape, geometry.spacing_mm, geometry.origin_mm, axes)).encode())
    if whole.hexdigest() != sha256:  # as ``Volume.sha256``
        raise _damaged("pixels or a geometry of another hash")
    return KeptImages(place, sha256, geometry)


def _geometry(content: bytes) -> Geometry:
    try:
        read = json.loads(content)
        axes = tuple(_three(axis) for axis in read["axes"])
        shape = tuple(int(n) for n in read["shape"])
        slices = tuple(str(s) for s in read["slices"])
        if read["version"] != 1 or len(axes) != 3 or len(shape) != 3 or shape[0] != len(slices):
            raise ValueError("parts that do not fit")
        (x, y, z), (s, r, c) = axes, shape
        return Geometry((s, r, c), _three(read["spacing_mm"]), _three(read["origin_mm"]), (x, y, z), slices)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged("a geometry that cannot be read") from error


def _three(values: Any) -> Triple:
    x, y, z = (float(v) for v in values)
    return x, y, z


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _damaged(f"{path.name}: {error.strerror or type(error).__name__}") from error


def _unpacked(packed: bytes, number: int) -> bytes:
    try:
        return gzip.decompress(packed)
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(f"slice {number + 1} that cannot be unpacked") from error


def _damaged(found: str) -> NotReadable:
    return NotReadable("the images", "", found, "the pixels that were assessed", "Restore the folder from its backup.")


def _name(number: int) -> str:
    return f"{number:05d}.hu.gz"


def every_series(folder: Path) -> Iterator[str]:
    """The hashes of all series that are kept, in order."""
    if folder.is_dir():
        yield from sorted(p.name for p in folder.iterdir() if SHA256.fullmatch(p.name))
