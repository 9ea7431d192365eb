"""What a net drew and what carried its answer, kept when a case is assessed so that the page can show it on the slices.

Kept beside the slices, by the pixels' hash, the net's and the place; only for nodules that the net was asked about,
and only where the series' own slices are axial with square pixels: there the net's grid is the images' own. Elsewhere
the page says that there is none.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ...engine.errors import MissingExtra, NotReadable, Unsupported
from ...engine.record import Assessment
from ...engine.types import Finding, is_neural
from ..evidence_files import written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ...engine.perception.axial import AxialStack
    from ...engine.perception.in_series import NoduleInSeries
    from ...engine.perception.lung_nodule import LungNodule
    from ...engine.perception.volume import Volume

NET: Final = "lung-nodule"
FOLDER: Final = "evidence"  # below that of the slices
MOST_MAPS: Final = 5  # nodules of a case: a map takes two seconds, an outline a sixth of one
STEPS: Final = 127  # a change of a probability is kept in so many steps of the largest


def keep_evidence(folder: Path, assessment: Assessment, volume: Volume) -> int:
    """Keep outlines and maps of the nodules that the net was asked about; return how many.

    Raises:
        NotReadable: it cannot be written.
    """
    sha = assessment.record.knowledge.get(NET)
    asked = [f for f in assessment.record.case.findings if f.position_mm is not None and was_asked(f)]
    if not asked or sha is None:
        return 0
    from ...engine.perception.axial import axial
    from ...engine.perception.lung_nodule import LungNodule

    try:
        stack = axial(volume)
    except Unsupported:
        return 0  # neither did the net look at it
    if not stack.acquired or stack.stretch != (1.0, 1.0, 1.0):
        return 0
    model, kept = LungNodule(), 0
    for finding in asked:
        made = _made(stack, finding, model, maps=kept < MOST_MAPS)
        if made is not None:
            _write(_place(folder, volume.sha256(), sha, finding), made)
            kept += 1
    return kept


def was_asked(finding: Finding) -> bool:
    """Whether a net said anything of the finding."""
    return any(is_neural(belief) for belief in finding.facts.values())


def evidence_of(folder: Path | None, assessment: Assessment, finding: Finding) -> bytes | None:
    """What was kept of a finding, as JSON; None where nothing was.

    Raises:
        NotReadable: it is damaged.
    """
    image, sha = assessment.record.image_sha256, assessment.record.knowledge.get(NET)
    finding = _recorded(assessment, finding)
    if folder is None or not image or sha is None or finding.position_mm is None or not was_asked(finding):
        return None
    path = _place(folder, image, sha, finding)
    if not path.is_file():
        return None
    try:
        content = gzip.decompress(path.read_bytes())
        json.loads(content)
        return content
    except (OSError, EOFError, zlib.error, ValueError) as error:
        cure = "Delete it; the page then says that there is none."
        raise NotReadable("the evidence", "", type(error).__name__, "what was kept", cure) from error


def _recorded(assessment: Assessment, finding: Finding) -> Finding:
    """The finding as the record has it: where the rules were not given what nets said, it is left out elsewhere."""
    same = (f for f in assessment.record.case.findings if f.tracking_id == finding.tracking_id)
    return next(same, finding)


def _place(folder: Path, image: str, model: str, finding: Finding) -> Path:
    spot = ",".join(f"{p:.3f}" for p in finding.position_mm or ())
    name = hashlib.sha256(f"{model}|{spot}".encode()).hexdigest()[:32]
    return folder / FOLDER / image / f"{name}.json.gz"


def _write(path: Path, content: dict[str, Any]) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        found, cure = error.strerror or "a failure", "Check the folder."
        raise NotReadable("the evidence", "", found, "a folder to write to", cure) from error
    with written_whole(path) as unfinished:
        unfinished.write_bytes(gzip.compress(json.dumps(content).encode(), mtime=0))


def _made(stack: AxialStack, finding: Finding, model: LungNodule, *, maps: bool) -> dict[str, Any] | None:
    from ...engine.errors import BadValue
    from ...engine.perception.in_series import nodule_at

    try:
        found = nodule_at(stack.volume, finding.position_mm or (0.0, 0.0, 0.0), model)
    except BadValue:
        return None  # no position in the series: the net said so, and drew nothing
    if not found.seen:
        return None
    mask, start = _in_volume(stack, found.mask, found.start)
    import numpy as np

    drawn = {"start": start, "shape": mask.shape, "bits": _text(np.packbits(mask))}
    return {"version": 1, "model": model.sha256, "mask": drawn, "maps": _maps(stack, found, model) if maps else []}


def _maps(stack: AxialStack, found: NoduleInSeries, model: LungNodule) -> list[dict[str, Any]]:
    """What carries each probability; [] without the extra ``saliency``."""
    from ...engine.perception.saliency import questions, saliency_of

    side = len(found.reading.mask)
    try:
        hu = stack.crop(found.place, side)
        seen = saliency_of(model, hu, found.spacing_mm[1], questions(found.reading))
    except MissingExtra:
        return []
    corner = (found.place[0], found.place[1] - side // 2, found.place[2] - side // 2)
    return [{"of": m.of, "before": m.before, "largest": m.largest, **_steps(stack, m.fall, corner)} for m in seen.maps]


def _steps(stack: AxialStack, fall: NDArray[np.float32], corner: tuple[int, int, int]) -> dict[str, Any]:
    import numpy as np

    most = float(np.abs(fall).max())
    scaled = np.rint(fall / most * STEPS) if most else np.zeros_like(fall)
    turned, start = _in_volume(stack, scaled.astype(np.int8)[None], corner)
    return {"start": start, "shape": turned.shape, "full": most, "steps": _text(np.ascontiguousarray(turned))}


def _in_volume(stack: AxialStack, part: Any, start: tuple[int, int, int]) -> tuple[Any, list[int]]:
    """A part of the stack, and where it starts, in the volume's own order of slices, rows and columns."""
    import numpy as np

    flipped = part[tuple(slice(None, None, s) for s in stack.sign)]
    corner = [0, 0, 0]
    for a, sign, low, n in zip(stack.axis, stack.sign, start, part.shape, strict=True):
        corner[a] = int(low if sign > 0 else stack.volume.hu.shape[a] - low - n)
    return np.ascontiguousarray(flipped.transpose(np.argsort(stack.axis))), corner


def _text(values: NDArray[Any]) -> str:
    return base64.b64encode(values.tobytes()).decode("ascii")
