"""``radlogic perceive liver-observation``: CT phases and two masks in, one object with beliefs and measurements out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import BadValue, Contradiction, MissingField, Unsupported
from ..engine.types import Belief, Classes, Measured, Unknown
from .notice import INTENDED_USE

if TYPE_CHECKING:
    from ..engine.perception.enhancement import Observation
    from ..engine.perception.liver_contrast import Contrast, PhaseContrast
    from ..engine.perception.liver_grid import Placed
    from ..engine.perception.volume import Volume
    from .dicom.seg_masks import SegmentMask

PLACE = "command line"


def perceive_liver_observation(
    phases: Sequence[str],
    lesion: Path,
    liver: Path,
    *,
    agent: str | None = None,
    lesion_segment: int | None = None,
    liver_segment: int | None = None,
    same_position: bool = False,
) -> dict[str, Any]:
    """The observation as a record.

    ``phases``: "late_arterial=FOLDER" and so on. ``lesion``, ``liver``: DICOM segmentations; a segment number is needed
    where one holds several. ``same_position``: trust positions across frames of reference.

    Raises:
        InputError: a phase, image or mask that cannot be used.
        Unsupported: MRI, which is not read from DICOM by this version.
    """
    from ..engine.perception.enhancement import MultiPhase, observe

    paths = _paths(phases)
    given = _agent(agent)
    volumes = {phase: _volume(path) for phase, path in paths.items()}
    images = {phase: _placed(volumes[phase], paths[phase]) for phase in paths}
    lesion_mask, drawn_on = _lesion(lesion, lesion_segment, volumes)
    seen = observe(
        MultiPhase(images, "CT", given),
        lesion_mask,
        _mask(liver, _segment(liver, None, liver_segment)),
        drawn_on=drawn_on,
        same_position=same_position,
    )
    return record(seen, drawn_on)


def _paths(phases: Sequence[str]) -> dict[Any, Path]:
    from ..engine.perception.liver_phases import Phase

    found: dict[Any, Path] = {}
    for text in phases:
        name, equals, path = text.partition("=")
        if not equals or name not in list(Phase) or not path:
            raise BadValue(PLACE, "--phase", name, f"NAME=FOLDER with {', '.join(Phase)}", "Name the phase.")
        if name in found:
            raise Contradiction(PLACE, "--phase", f"{name} twice", "each phase once", "Leave one out.")
        found[Phase(name)] = Path(path)
    if not found:
        raise MissingField(PLACE, "--phase", "none", "at least one", "Give the phases as NAME=FOLDER.")
    return found


def _agent(text: str | None) -> Any:
    from ..engine.perception.liver_phases import Agent

    if text is not None and text not in list(Agent):
        raise BadValue(PLACE, "--agent", text, ", ".join(Agent), "Name one of these.")
    return Agent(text) if text else None


def _volume(path: Path) -> Volume:
    from .dicom.errors import NoCT
    from .dicom.series import read_series

    try:
        return read_series(path)
    except NoCT as error:
        cure = "MRI is not read from DICOM by this version; radlogic.engine.perception.enhancement takes it as arrays."
        raise Unsupported(error.where, error.field, error.found, "the phases of a CT", cure) from error


def _placed(volume: Volume, path: Path) -> Placed:
    from ..engine.perception.liver_grid import of_volume

    return of_volume(volume, _frame_of(path, volume))


def _frame_of(path: Path, volume: Volume) -> str:
    """The Frame of Reference UID of the series, from the first of its images; '' where it has none."""
    from .dicom.files import opened
    from .dicom.headers import parse
    from .dicom.structure import layout_of

    tags = ("SpecificCharacterSet", "SOPInstanceUID", "FrameOfReferenceUID")
    mine = set(volume.sop_uids)
    with opened(path) as entries:
        for entry in entries:
            if (header := _header(entry, parse, layout_of, tags)) and header.text("SOPInstanceUID") in mine:
                return str(header.text("FrameOfReferenceUID"))
    return ""


def _header(entry: Any, parse: Any, layout_of: Any, tags: tuple[str, ...]) -> Any:
    """None for a file that is no DICOM: the reader of the series has noted it already."""
    from .dicom.errors import NotDicom

    try:
        layout, dataset = layout_of(entry)
    except NotDicom:
        return None
    return parse(layout, dataset, tags, entry.name, {})


def _lesion(path: Path, number: int | None, volumes: Mapping[Any, Volume]) -> tuple[Placed, Any]:
    """The mask, and the phase whose images its segmentation refers to and whose grid it shares, if there is one."""
    for phase, volume in volumes.items():
        segment = _segment(path, volume, number)
        if segment.on_volume:
            return _mask(path, segment), phase
    return _mask(path, _segment(path, None, number)), None


def _segment(path: Path, volume: Volume | None, number: int | None) -> SegmentMask:
    from .dicom.seg import read_seg

    found = read_seg(path, volume)
    wanted = [one for one in found if number is None or one.number == number]
    if len(wanted) != 1:
        there = ", ".join(str(one.number) for one in found)
        where, what = path.name, f"segments {there}" if number is None else f"no segment {number}, but {there}"
        raise BadValue(where, "SegmentNumber", what, "one segment", "Name it: --lesion-segment, --liver-segment.")
    return wanted[0]


def _mask(path: Path, segment: SegmentMask) -> Placed:
    from ..engine.perception.liver_grid import Placed
    from .dicom.objects import opened_object

    with opened_object(path) as found:
        frame = found.header.text("FrameOfReferenceUID")
    grid = segment.grid
    origin = grid.position_of(segment.start)
    return Placed(segment.mask, grid.spacing_mm, origin, grid.axes, frame=frame)


def record(seen: Observation, drawn_on: Any = None) -> dict[str, Any]:
    """For JSON. Contrasts with their standard deviation; null where nothing was resolved."""
    from ..engine.perception.enhancement import NAME, UNVALIDATED

    beliefs = {name: shown for name, belief in seen.beliefs.items() if (shown := _belief(belief)) is not None}
    unknown = {name: belief.why for name, belief in seen.beliefs.items() if isinstance(belief, Unknown)}
    return {
        "extractor": NAME,
        "validated": False,
        "card": UNVALIDATED,
        "intended_use": INTENDED_USE,
        "modality": seen.exam_modality,
        "mask_drawn_on": str(drawn_on) if drawn_on else None,
        "beliefs": beliefs,
        "unknown": unknown,
        "measured": {str(phase): _phase(contrast) for phase, contrast in seen.contrasts.items()},
        "required_phases_missing": [str(phase) for phase in seen.lacking],
        "reasons": list(seen.reasons),
    }


def _belief(belief: Belief) -> dict[str, Any] | None:
    if isinstance(belief, Classes):
        return {"probabilities": {name: round(p, 4) for name, p in belief.probabilities.items()}}
    if isinstance(belief, Measured):
        return {"mean": round(belief.mean, 2), "sd": round(belief.sd, 2), "unit": belief.unit}
    return None


def _phase(seen: PhaseContrast) -> dict[str, Any]:
    return {
        "unit": seen.unit,
        "liver": _contrast(seen.liver),
        "noise": round(seen.noise, 2),
        "voxels": seen.voxels,
        **{name: _contrast(getattr(seen, name)) for name in ("whole", "core", "rim", "rim_excess", "ridge")},
    }


def _contrast(contrast: Contrast) -> dict[str, float] | None:
    return {"mean": round(contrast.mean, 3), "sd": round(contrast.sd, 3)} if contrast.resolved else None


def shown(answer: Mapping[str, Any]) -> str:
    """The record for people, as plain text."""
    lines = [f"{answer['intended_use']}", f"{answer['card']}", ""]
    for name, belief in answer["beliefs"].items():
        if "probabilities" in belief:
            lines.append(f"{name}: " + ", ".join(f"{c} {p:.0%}" for c, p in belief["probabilities"].items()))
        else:
            lines.append(f"{name}: {belief['mean']:.1f} ± {belief['sd']:.1f} {belief['unit']}")
    lines += [f"{name}: unknown ({why})" for name, why in answer["unknown"].items()]
    for phase, seen in answer["measured"].items():
        whole = seen["whole"]
        value = "not resolved" if whole is None else f"{whole['mean']:.3g} ± {whole['sd']:.2g}"
        lines.append(f"  {phase}: lesion less liver {value} ({seen['unit']})")
    lines += [f"  {reason}" for reason in answer["reasons"]]
    if answer["required_phases_missing"]:
        lines.append(f"  missing, though LI-RADS requires it: {', '.join(answer['required_phases_missing'])}")
    return "\n".join(lines)
