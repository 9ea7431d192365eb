"""How long a 300-slice series takes to and from Orthanc on loopback, read back and compared, by DICOMweb and by DIMSE.

Beside it, what Orthanc takes by its own interface for the same files without any check. Needs the Debian packages
``orthanc`` and ``orthanc-dicomweb``. The series is 512 x 512; wall time, the best of three for fetching.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import dicom_images
import orthanc_server

from radlogic.adapters.archive.connect import archive_of
from radlogic.adapters.archive.fetching import fetch_series
from radlogic.adapters.archive.retry import Retrying
from radlogic.adapters.archive.settings import ArchiveSettings
from radlogic.adapters.archive.storing import store_file

SLICES, SIDE = 300, 512


def series(folder: Path) -> list[Path]:
    hu = np.random.default_rng(7).integers(-1000, 400, (SIDE, SIDE)).astype(np.int16)
    images = [dicom_images.ct_slice(np.roll(hu, n), -100 + n) for n in range(SLICES)]
    return sorted(dicom_images.save(folder, images).iterdir())


def seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    if reason := orthanc_server.lacking():
        sys.exit(f"not run: {reason}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = series(folder / "ct")
        print(f"{SLICES} slices of {SIDE} x {SIDE}, {sum(f.stat().st_size for f in files) >> 20} MiB")
        print(f"{'way':22} {'store':>8} {'fetch':>8}   s")
        with orthanc_server.running(folder / "peer") as server:
            print(f"{'Orthanc REST, unchecked':22} {seconds(lambda: server.put(*files)):8.1f} {'':>8}")
        for kind in ("dicomweb", "c-get"):
            with orthanc_server.running(folder / kind) as server:
                row(kind, server, files, folder)


def row(kind: str, server: orthanc_server.Orthanc, files: list[Path], folder: Path) -> None:
    dimse = {"dimse": {"host": "127.0.0.1", "port": server.dicom, "called": "ORTHANC"}}
    way = {"dicomweb": {"url": server.url}} if kind == "dicomweb" else dimse
    with archive_of(ArchiveSettings.model_validate(way)) as archive:
        stored = seconds(lambda: [store_file(archive, file, Retrying()) for file in files])
        series_uid = archive.series(dicom_images.STUDY)[0].uid
        each = []
        for n in range(3):
            out = folder / f"{kind}-{n}"
            each.append(seconds(lambda to=out: fetch_series(archive, dicom_images.STUDY, series_uid, to, Retrying())))
    print(f"{kind:22} {stored:8.1f} {min(each):8.1f}")


if __name__ == "__main__":
    main()
