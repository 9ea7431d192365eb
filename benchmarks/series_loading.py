"""Claim: a CT series of 300 slices loads no slower than with SimpleITK, in at most 1.5 times the volume's memory.

Writes a series of 512 x 512 x 300 (16 bit, Explicit VR Little Endian) to a temporary folder and reads it
with each loader in turn, each time in a fresh process, the files warm in the page cache. SimpleITK's time
includes GetGDCMSeriesFileNames, for radlogic too finds and sorts the files. Peak memory is VmHWM less that
after the imports. Run it with ``python benchmarks/series_loading.py [--slices N] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDE = 512


def write_series(folder: Path, slices: int) -> None:
    """A noisy body in air; the names run against the positions, so that no loader gets the order for nothing."""
    import numpy as np
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    random = np.random.default_rng(7)
    rows, columns = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    body = np.where(rows**2 / 0.5 + columns**2 / 0.8 < 1, 40, -1000) + random.normal(0, 30, (SIDE, SIDE))
    study, series = generate_uid(), generate_uid()
    for number in range(slices):
        image = Dataset()
        image.file_meta = FileMetaDataset()
        image.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        image.SOPClassUID, image.SOPInstanceUID = CTImageStorage, generate_uid()
        image.StudyInstanceUID, image.SeriesInstanceUID = study, series
        image.FrameOfReferenceUID = study
        image.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        image.Modality, image.Manufacturer, image.ConvolutionKernel = "CT", "radlogic benchmark", "LUNG"
        image.PatientName = image.PatientID = "benchmark"
        image.StudyDate, image.KVP, image.SliceThickness = "20200101", "120", "1"
        image.InstanceNumber = slices - number
        image.ImagePositionPatient = [-180, -180, number - 300]
        image.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        image.PixelSpacing = [0.703125, 0.703125]
        image.Rows = image.Columns = SIDE
        image.SamplesPerPixel, image.PhotometricInterpretation = 1, "MONOCHROME2"
        image.BitsAllocated = image.BitsStored = 16
        image.HighBit, image.PixelRepresentation = 15, 1
        image.RescaleSlope, image.RescaleIntercept, image.RescaleType = "1", "-1024", "HU"
        image.PixelData = (np.roll(body, number, axis=0) + 1024).astype("<i2").tobytes()
        image.save_as(folder / f"{slices - number:05d}.dcm", enforce_file_format=True)


def with_radlogic() -> tuple[Callable[[str], Any], Callable[[Any], Any]]:
    """How to load, and how to see what was loaded as an array."""
    from radlogic.adapters.dicom.series import read_series

    return lambda folder: read_series(Path(folder)), lambda volume: volume.hu


def with_simpleitk() -> tuple[Callable[[str], Any], Callable[[Any], Any]]:
    import SimpleITK

    def load(folder: str) -> Any:
        reader = SimpleITK.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
        return reader.Execute()

    return load, SimpleITK.GetArrayViewFromImage


LOADERS = {"radlogic": with_radlogic, "SimpleITK": with_simpleitk}


def peak_kib() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def measure(loader: str, folder: str) -> None:
    """In a process of its own: import, load once, print seconds, extra peak memory and a checksum."""
    load, as_array = LOADERS[loader]()
    before, start = peak_kib(), time.perf_counter()
    loaded = load(folder)
    seconds, extra = time.perf_counter() - start, (peak_kib() - before) * 1024
    print(json.dumps({"seconds": seconds, "bytes": extra, "checksum": int(as_array(loaded).sum(dtype="int64"))}))


def in_fresh_process(loader: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", loader, str(folder)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def compare(slices: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_series(folder, slices)
        runs: dict[str, list[dict[str, float]]] = {loader: [] for loader in LOADERS}
        for _ in range(rounds):
            for loader, results in runs.items():
                results.append(in_fresh_process(loader, folder))
    report(runs, slices)


def report(runs: dict[str, list[dict[str, float]]], slices: int) -> None:
    volume = 2 * SIDE * SIDE * slices
    sums = {run["checksum"] for results in runs.values() for run in results}
    print(f"{slices} slices of {SIDE} x {SIDE}, {volume / 1e6:.0f} MB as int16; same voxels: {len(sums) == 1}\n")
    print(f"{'loader':<12}{'median s':>10}{'min s':>8}{'max s':>8}{'peak MB':>10}{'x volume':>10}")
    medians = {}
    for loader, results in runs.items():
        seconds = [run["seconds"] for run in results]
        peak = max(run["bytes"] for run in results)
        medians[loader] = statistics.median(seconds)
        print(
            f"{loader:<12}{medians[loader]:>10.3f}{min(seconds):>8.3f}{max(seconds):>8.3f}"
            f"{peak / 1e6:>10.0f}{peak / volume:>10.2f}"
        )
    print(f"\nradlogic takes {medians['radlogic'] / medians['SimpleITK']:.2f} of SimpleITK's time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--measure", nargs=2, metavar=("LOADER", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        measure(*arguments.measure)
    else:
        compare(arguments.slices, arguments.rounds)


if __name__ == "__main__":
    main()
