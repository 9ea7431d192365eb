"""Files that ``radlogic perceive`` writes beside its records: pictures of the evidence, and whatever must be whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.errors import MissingExtra, NotReadable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..engine.perception.lung_nodule import LungNodule, NoduleReading
    from ..engine.perception.saliency import Saliency


def check_folder(path: Path, folder: Path) -> None:
    """``path`` is what was asked for; ``folder`` is where it is written.

    Raises:
        NotReadable: there is no such folder.
    """
    if not folder.is_dir():
        raise NotReadable(str(path), "", "no such folder", "a folder to write to", "Create it first.")


def write_picture(
    path: Path,
    model: LungNodule,
    hu: NDArray[np.int16],
    spacing_mm: float,
    seen: NoduleReading,
    title: str,
    sides: tuple[str, str] | None = None,
) -> None:
    """The evidence picture of a reading of an axial crop (rows, columns). ``title`` must not name the patient;
    ``sides``: letters of the patient's sides at the top and the left, None where they are not known.

    Without the extra ``saliency`` it says that saliency was not computed.

    Raises:
        NotReadable: it cannot be written; nothing is left half written.
    """
    from .report.evidence import evidence_png

    png = evidence_png(hu, spacing_mm, seen, _saliency(model, hu, spacing_mm, seen), model.sha256, title, sides)
    with written_whole(path) as unfinished:
        unfinished.write_bytes(png)


def _saliency(model: LungNodule, hu: NDArray[np.int16], spacing_mm: float, seen: NoduleReading) -> Saliency | None:
    from ..engine.perception.saliency import questions, saliency_of

    try:
        return saliency_of(model, hu, spacing_mm, questions(seen))
    except MissingExtra:
        return None  # and the picture says so


def unfinished_of(path: Path) -> Path:
    """Where ``written_whole`` writes before all is written."""
    return path.with_name(path.name + ".part")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A path to write to that takes the place of ``path`` once all is written, and is removed where that fails.

    Raises:
        NotReadable: it cannot be written.
    """
    unfinished = unfinished_of(path)
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise NotReadable(str(path), "", error.strerror or "a failure", "a file to write", "Check the path.") from error
    finally:
        if os.path.isfile(unfinished):  # noqa: PTH113 - Path.is_file raises where a name is too long
            unfinished.unlink()
