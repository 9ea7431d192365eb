"""The peer of the load: HealthChain's minimal CDS service, and the same service once it reads the data it was sent.

The minimal service is the project that ``healthchain new --type cds-hooks`` writes, unchanged, served as
``healthchain serve`` serves it (which starts uvicorn on it). It reads a call with HealthChain's models and answers
with one card that never changes: no token is verified, nothing is looked up, no resource is read.

``READS`` is that project with what a service of HealthChain does first with prefetched data: its own
``CdsFhirAdapter`` makes them FHIR resources. Still no token, nothing looked up, one card that never changes.

HealthChain asks for other versions than radlogic, so it lives in a virtual environment of its own.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

VERSION = "0.16.1"
PATH = "/cds/cds-services/my-service"
MINIMAL, READS = "minimal", "reads"
ENDS = "    return CDSResponse("


def environment(folder: Path) -> Path:
    """The Python of a virtual environment with HealthChain, made there if need be.

    Raises:
        subprocess.CalledProcessError: it cannot be installed.
    """
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    if subprocess.run([python, "-c", "import healthchain"], capture_output=True, check=False).returncode:
        subprocess.run([python, "-m", "pip", "install", "-q", f"healthchain=={VERSION}"], check=True)
    found = subprocess.run(
        [python, "-c", "import importlib.metadata as m; print(m.version('healthchain'))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    if found.stdout.strip() != VERSION:
        sys.exit(f"{folder} has HealthChain {found.stdout.strip()}; what is claimed is about {VERSION}")
    return python


def project(python: Path, folder: Path, kind: str) -> Path:
    """The folder of a new project, ``MINIMAL`` or ``READS``.

    Raises:
        subprocess.CalledProcessError: HealthChain cannot make it.
    """
    command = [str(python.with_name("healthchain")), "new", kind, "--type", "cds-hooks"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    if kind == READS:
        app = folder / kind / "app.py"
        text = app.read_text(encoding="utf-8")
        if text.count(ENDS) != 1:
            sys.exit("the template of HealthChain is not the one that is known here")
        reads = "    assert CdsFhirAdapter().parse(request).fhir.prefetch_resources is not None\n"
        text = "from healthchain.io import CdsFhirAdapter\n" + text.replace(ENDS, reads + ENDS)
        app.write_text(text, encoding="utf-8")
    return folder / kind


def command(python: Path, port: int) -> list[str]:
    """What ``healthchain serve`` runs, in the project's folder (``healthchain/cli.py``, ``serve``)."""
    return [str(python), "-m", "uvicorn", "app:app", "--host", "127.0.0.1", "--port", str(port)]
