"""Studies, settings and seams for tests of the watch: small drawn series, and a report that a test can read."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import dicom_images
import yaml
from pydicom import config
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import BasicTextSRStorage, ExplicitVRLittleEndian, generate_uid

from radlogic.adapters.archive.connect import archive_of
from radlogic.adapters.archive.retry import Retrying
from radlogic.adapters.archive.watch.gathering import Gather
from radlogic.adapters.archive.watch.journal import Journal
from radlogic.adapters.archive.watch.loop import Watch
from radlogic.adapters.archive.watch.seams import Seams
from radlogic.adapters.archive.watch.settings import read_settings
from radlogic.adapters.archive.watch.work import Bench
from radlogic.adapters.store.cases import Filter, Store
from radlogic.adapters.store.states import State

TODAY = date(2024, 3, 1)  # the day after the drawn studies
STUDY, SERIES = "1.2.826.0.1.3680043.8.498.1.{}", "1.2.826.0.1.3680043.8.498.2.{}"
PATIENT = "must never be shown"


@contextmanager
def as_it_is():
    """Values are written though the standard does not allow them."""
    with config.disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def study(folder: Path, number: int, *, day: str = "20240229", slices: int = 4, first: int = 0, **tags) -> list[Path]:
    """Files of one study with one series; ``first`` counts slices on from an earlier part of it."""
    with as_it_is():  # a test may want what the standard does not
        return _study(folder, number, day, slices, first, tags)


def _study(folder, number, day, slices, first, tags):
    images = dicom_images.series(first + slices)[first:]
    for at, image in enumerate(images, first):
        image.StudyInstanceUID, image.SeriesInstanceUID = STUDY.format(number), SERIES.format(number)
        image.SOPInstanceUID = f"{SERIES.format(number)}.{at + 1}"
        image.file_meta.MediaStorageSOPInstanceUID = image.SOPInstanceUID
        image.StudyDate, image.StudyDescription = day, "CT Chest"
        image.FrameOfReferenceUID = "1.2.826.0.1.3680043.8.498.3"
        dicom_images.put(**tags)(image)
    return sorted(dicom_images.save(folder / f"study-{number}-{first}", images).iterdir())


def settings(folder: Path, way: dict, **watch) -> Path:
    """A settings file in which nothing waits long."""
    quick = {"attempts": 2, "first_wait_s": 0.01, "longest_wait_s": 0.02, "connect_s": 5, "silence_s": 10}
    mine = {
        "state": str(folder / "state"),
        "store": str(folder / "store"),
        "every_s": 0.05,
        "stable_s": 0,
        "longest_wait_s": 0.01,
        "rules": [{"name": "chest", "described": "chest", "least_instances": 2, "region": "chest"}],
    }
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({"archive": {**quick, **way}, "watch": {**mine, **watch}}), encoding="utf-8")
    return path


def text_report(done) -> list[Dataset]:
    """A report of one sentence, on the study that was assessed, under a new UID."""
    from pydicom import dcmread

    image = dcmread(next(iter(sorted(done.series.rglob("*.dcm")))), stop_before_pixels=True)
    report = Dataset()
    report.file_meta = FileMetaDataset()
    report.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    report.SOPClassUID, report.SOPInstanceUID = BasicTextSRStorage, generate_uid()
    for keyword in ("StudyInstanceUID", "PatientID", "PatientName", "StudyDate"):
        report[keyword] = image[keyword]
    report.SeriesInstanceUID, report.Modality, report.Manufacturer = generate_uid(), "SR", "radlogic"
    report.SeriesDescription = done.assessment.record.decision_id
    return [report]


class World:
    """One watch that can be ended and begun again on the same folder, with a clock of the test's own."""

    def __init__(self, folder: Path, way: dict, seams: Seams | None = None, **watch) -> None:
        self.folder, self.file = folder, settings(folder, way, **watch)
        self.seams = seams or Seams(emit=text_report)
        self.now, self.said = 1000.0, []

    def look(self, change: Callable[[Watch], object] = lambda _: None) -> bool:
        """One look and what is due, as a process of its own would."""
        chosen = read_settings(self.file)
        retrying = Retrying(chosen.archive.attempts, 0.0, 0.0)
        self.now += 1
        with archive_of(chosen.archive) as archive, Journal(chosen.watch.state) as journal:
            bench = Bench(chosen.watch, journal, archive, archive, Gather(retrying, 1 << 30), self.seams)
            watch = Watch(bench, self._say, lambda: self.now, lambda: TODAY, threading.Event())
            change(watch)
            return watch.once()

    def _say(self, event, **facts):
        self.said.append(json.dumps({"event": event, **facts}))

    def jobs(self):
        """Each job's step and reason, oldest first."""
        import sqlite3

        with sqlite3.connect(self.folder / "state" / "journal.sqlite") as db:
            found = db.execute("SELECT step, why FROM job ORDER BY number").fetchall()
        db.close()
        return found

    def steps(self):
        return [step for step, _ in self.jobs()]

    def decisions(self):
        """Ids of the decisions that the store holds."""
        with Store.open(self.folder / "store") as store:
            return sorted(row.decision_id for row in store.worklist(Filter(states=tuple(State)), limit=1000))

    def assessments(self):
        with Store.open(self.folder / "store") as store:
            return [store.case(one).assessment for one in self.decisions()]


def structured_report(folder: Path, number: int, *, day: str = "20240229", name: str = "report", **tags) -> Path:
    """A TID 1500 report of highdicom's, of a study of ``study``."""
    from highdicom_objects import highdicom_report

    report = highdicom_report()
    own = {"StudyInstanceUID": STUDY.format(number), "PatientID": PATIENT, "StudyDate": day}
    own |= {"SeriesInstanceUID": generate_uid(), "SOPInstanceUID": generate_uid(), "Manufacturer": "another"}
    dicom_images.put(**(own | tags))(report)
    report.file_meta.MediaStorageSOPInstanceUID = report.SOPInstanceUID
    folder.mkdir(parents=True, exist_ok=True)
    report.save_as(folder / f"{name}-{number}.dcm", enforce_file_format=True)
    return folder / f"{name}-{number}.dcm"
