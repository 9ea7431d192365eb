"""How long the DICOM report and segmentation of a study take: 300 slices of 512 x 512, three lesions.

    python benchmarks/dicom_out.py

Prints the processor's seconds for each step, the best of several. Reading the series and the net's outlines, which the
assessment needs anyway, are told apart from what DICOM out adds.
"""

from __future__ import annotations

import datetime as dt
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from radlogic.adapters.dicom.emit.evidence import evidence_of
from radlogic.adapters.dicom.emit.files import write_objects
from radlogic.adapters.dicom.emit.masks import LesionMask
from radlogic.adapters.dicom.emit.report import Told, report_sr
from radlogic.adapters.dicom.emit.segmentation import report_seg
from radlogic.adapters.dicom.series import read_series
from radlogic.adapters.dicom.write import write_series
from radlogic.engine.assess import assess
from radlogic.engine.knowledge import load_knowledge
from radlogic.engine.perception.volume import Acquisition, Volume
from radlogic.engine.types import Case, Exam, Finding, Indication, Known, Source, SourceKind

SLICES, SIDE, TIMES = 300, 512, 3
DAY = dt.date(2025, 3, 14)
CENTRES = ((60, 200, 150), (150, 300, 350), (240, 250, 200))
READER = Source(SourceKind.HUMAN, "findings.json", DAY)


def phantom() -> Volume:
    """Lung throughout; what is in it does not matter here."""
    hu = np.full((SLICES, SIDE, SIDE), -850, np.int16)
    axes = np.eye(3)[::-1].copy()
    return Volume(hu, (1.0, 0.7, 0.7), (-180.0, -180.0, -300.0), axes, Acquisition(slice_thickness_mm=1.0))


def ball(number: int, centre: tuple[int, int, int]) -> LesionMask:
    """A lesion of 20 mm."""
    k, i, j = np.ogrid[-10:11, -15:16, -15:16]
    mask = np.asarray(k**2 + (0.7 * i) ** 2 + (0.7 * j) ** 2 <= 100.0)
    return LesionMask(f"N{number}", "nodule", "", mask, (centre[0] - 10, centre[1] - 15, centre[2] - 15))


def finding(number: int) -> Finding:
    """What a reader states of it."""
    facts = {"type": "solid", "status": "baseline", "margin": "smooth", "mean_mm": Decimal("20.0")}
    return Finding(f"N{number}", "nodule", {name: Known(value, READER) for name, value in facts.items()})


def best(what: Callable[[], Any]) -> float:
    """The processor's seconds of the fastest of several runs."""
    taken = []
    for _ in range(TIMES):
        begun = time.process_time()
        what()
        taken.append(time.process_time() - begun)
    return min(taken)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_series(phantom(), folder / "ct", date=DAY)
        case = Case(Exam(DAY, Indication.SCREENING), tuple(finding(n) for n in (1, 2, 3)))
        decision = assess(case, load_knowledge(DAY, "lung-rads@2022"), DAY)
        told = Told(dt.datetime(2025, 3, 14, 9, 0, tzinfo=dt.UTC))
        seen, evidence = read_series(folder / "ct"), evidence_of(folder / "ct")
        masks = [ball(n, centre) for n, centre in enumerate(CENTRES, 1)]
        seg = report_seg(decision, masks, seen, evidence, told)
        sr = report_sr(decision, evidence, told, segmentation=seg)
        steps: dict[str, Callable[[], Any]] = {
            "headers of the images": lambda: evidence_of(folder / "ct"),
            "segmentation": lambda: report_seg(decision, masks, seen, evidence, told),
            "report": lambda: report_sr(decision, evidence, told, segmentation=seg),
            "write, read back": lambda: write_objects({folder / "sr.dcm": sr, folder / "seg.dcm": seg}),
        }
        taken = {step: best(what) for step, what in steps.items()}
        print(f"{SLICES} slices of {SIDE} x {SIDE}, {len(masks)} lesions, {seg.NumberOfFrames} frames; seconds of CPU")
        for step, seconds in {**taken, "DICOM out": sum(taken.values())}.items():
            print(f"  {step:24} {seconds:6.2f}")
        print(f"  {'(reading the series)':24} {best(lambda: read_series(folder / 'ct')):6.2f}")


if __name__ == "__main__":
    main()
