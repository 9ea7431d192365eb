"""``radlogic perceive``: what nets see in images, by crop, by series, of a liver observation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .command_line import Json

perceive = typer.Typer(
    help="What a net sees in images, as calibrated beliefs. It decides nothing.", no_args_is_help=True
)


@perceive.command("lung-nodule")
def lung_nodule(
    crops: Annotated[Path, typer.Argument(help="npz with hu (N, rows, columns) and nodule_id (N,).")],
    table: Annotated[Path, typer.Argument(help="CSV with nodule_id, pixel_spacing_mm, slice_thickness_mm.")],
    masks: Annotated[Path | None, typer.Option(help="Also write the masks here, as npz.")] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Also write a picture of the evidence for each, into this folder.")
    ] = None,
) -> None:
    """Texture, size and features of lung nodules on axial crops: one JSON object a line, in the order of the file."""
    from .perceive import perceive_lung_nodules

    for record in perceive_lung_nodules(crops, table, masks, pictures):
        typer.echo(json.dumps(record, ensure_ascii=False))


@perceive.command("series")
def perceive_a_series(
    series: Annotated[Path, typer.Argument(help="CT: a folder, a zip or a multi-frame file.")],
    at: Annotated[
        list[str] | None, typer.Option(help="X,Y,Z of a point in a nodule (mm, DICOM patient); may be repeated.")
    ] = None,
    seg: Annotated[Path | None, typer.Option(help="DICOM SEG of the series with outlines of nodules.")] = None,
    findings: Annotated[Path | None, typer.Option(help="JSON case, SR or SEG whose nodules have positions.")] = None,
    find: Annotated[bool, typer.Option("--find", help="Also propose candidates; each needs review.")] = False,
    pictures: Annotated[
        Path | None, typer.Option(help="Also write a picture of the evidence for each that is seen, into this folder.")
    ] = None,
) -> None:
    """Nodules of a whole CT in 3-D, read on the slice where each is largest: one JSON object a line.

    "seen" means that the net draws an outline there, not that a nodule is there. The last line of --find tells of the
    search itself; no candidate does not mean no nodule.
    """
    from .dicom.series import read_series
    from .perceive_series import perceive_series, position

    points = [position(text) for text in at or ()]
    for record in perceive_series(read_series(series), points, seg, findings, find=find, pictures=pictures):
        typer.echo(json.dumps(record, ensure_ascii=False))


@perceive.command("liver-observation")
def liver_observation(
    phase: Annotated[list[str], typer.Option(help="NAME=FOLDER, one for each phase: late_arterial=A, ...")],
    lesion: Annotated[Path, typer.Option(help="DICOM SEG with the lesion, drawn to its outer edge.")],
    liver: Annotated[Path, typer.Option(help="DICOM SEG with the liver.")],
    agent: Annotated[str | None, typer.Option(help="extracellular, gadoxetate or gadobenate")] = None,
    lesion_segment: Annotated[int | None, typer.Option(help="Its number, where the SEG holds several.")] = None,
    liver_segment: Annotated[int | None, typer.Option(help="Its number, where the SEG holds several.")] = None,
    same_position: Annotated[bool, typer.Option(help="Positions agree across frames of reference.")] = False,
    as_json: Json = False,
) -> None:
    """Hyperenhancement, washout, capsule and size of a liver lesion on multiphase CT. Not validated on real lesions."""
    from .perceive_liver import perceive_liver_observation, shown

    answer = perceive_liver_observation(
        phase,
        lesion,
        liver,
        agent=agent,
        lesion_segment=lesion_segment,
        liver_segment=liver_segment,
        same_position=same_position,
    )
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else shown(answer))
