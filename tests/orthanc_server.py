"""An Orthanc of its own for a test: the programs of the Debian packages ``orthanc`` and ``orthanc-dicomweb``.

It listens on loopback only, on ports that were free, keeps everything in the folder it is given, and can be killed and
started again. Questions to it go through its own REST interface, which the product does not use.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

PLUGINS = Path("/usr/share/orthanc/plugins"), Path("/usr/lib/orthanc")
NAME = "libOrthancDicomWeb.so*"


def lacking() -> str:
    """Why there is no archive here, or an empty text."""
    if program() is None:
        return "no Orthanc: the Debian package orthanc"
    return "" if plugin() else "no DICOMweb plugin: the Debian package orthanc-dicomweb"


def program() -> str | None:
    """Where the server is; it lies beside other daemons, which no user's path names."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")


def plugin() -> Path | None:
    """Its DICOMweb plugin."""
    return next((found for folder in PLUGINS for found in sorted(folder.glob(NAME))), None)


def free_port() -> int:
    """A port that nobody had a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Orthanc:
    """One server; ``start`` and ``kill`` as often as a test wants, with the same storage and ports."""

    def __init__(self, folder: Path, **settings: object) -> None:
        self.folder, self._process = folder, None
        self.http, self.dicom = free_port(), free_port()
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "orthanc.json"
        self._file.write_text(json.dumps(self._settings() | settings), encoding="utf-8")

    def _settings(self):
        kept = str(self.folder / "kept")
        return {
            "Name": "test",
            "StorageDirectory": kept,
            "IndexDirectory": kept,
            "HttpPort": self.http,
            "DicomPort": self.dicom,
            "DicomAet": "ORTHANC",
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomAlwaysAllowStore": True,
            "DicomAlwaysAllowFind": True,
            "DicomAlwaysAllowGet": True,
            "DicomAlwaysAllowMove": True,
            "DicomModalities": {},
            "Plugins": [str(plugin())],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False},
        }

    @property
    def rest(self) -> str:
        return f"http://127.0.0.1:{self.http}"

    @property
    def url(self) -> str:
        return f"{self.rest}/dicom-web"

    def start(self) -> None:
        with (self.folder / "orthanc.log").open("ab") as log:
            self._process = subprocess.Popen([program(), self._file], stdout=log, stderr=log, cwd=self.folder)
        for _ in range(300):
            if self._process.poll() is not None:
                raise RuntimeError((self.folder / "orthanc.log").read_text(errors="replace")[-2000:])
            with contextlib.suppress(httpx.HTTPError):
                httpx.get(f"{self.rest}/system", timeout=5).raise_for_status()
                return
            time.sleep(0.1)
        raise RuntimeError("Orthanc did not start within 30 s")

    def kill(self) -> None:
        """As a power failure ends it."""
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(30)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(30)

    # ---- by its own interface ------------------------------------------------------------------

    def put(self, *files: Path) -> None:
        """Have it keep these files."""
        for file in files:
            httpx.post(f"{self.rest}/instances", content=file.read_bytes(), timeout=30).raise_for_status()

    def get(self, path: str):
        return httpx.get(f"{self.rest}/{path}", timeout=30).raise_for_status().json()

    def instances(self) -> list[dict]:
        """The main tags of all it has, one a SOP instance."""
        return [one["MainDicomTags"] for one in self.get("instances?expand")]

    def uids(self, modality: str | None = None) -> list[str]:
        """SOP Instance UIDs, of one modality or of all."""
        series = [s for s in self.get("series?expand") if modality in (None, s["MainDicomTags"].get("Modality"))]
        each = [self.get(f"series/{s['ID']}/instances") for s in series]
        return sorted(i["MainDicomTags"]["SOPInstanceUID"] for found in each for i in found)

    def file_of(self, sop_uid: str) -> bytes:
        """The file that it keeps."""
        found = httpx.post(f"{self.rest}/tools/lookup", content=sop_uid, timeout=30).json()
        name = next(one["ID"] for one in found if one["Type"] == "Instance")
        return httpx.get(f"{self.rest}/instances/{name}/file", timeout=30).content

    def stored(self) -> list[str]:
        """UIDs of the objects that came in, in order, as its log of changes tells: twice where one came twice anew."""
        changes = self.get("changes?limit=10000")["Changes"]
        return [c["ID"] for c in changes if c["ChangeType"] == "NewInstance"]


@contextlib.contextmanager
def running(folder: Path, **settings: object) -> Iterator[Orthanc]:
    """A fresh server, stopped when the block ends."""
    server = Orthanc(folder, **settings)
    server.start()
    try:
        yield server
    finally:
        server.stop()
