"""What a decision was made with, kept by content: rules, gates, networks, risk models, calibrations.

Like a version-control tree: each file is kept once under its sha256, and a decision names one
manifest, itself kept the same way, of path -> sha256. So a decision can be computed again under the
revisions it was made with, whatever is shipped by then.

Kept are every small file under ``knowledge/`` (a new model's or calibration's file is among them
without anybody registering it) and the files of each guideline that was read. Weights of nets are
not: nets do not run again, the case in the record holds what they said.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources.abc import Traversable
from pathlib import Path

from sqlalchemy import Connection, insert, select

from ...engine.guideline.editions import editions, files_of, hash_of
from ...engine.knowledge import load_knowledge
from ...engine.record import DecisionRecord
from ...engine.resources import knowledge_folder, rules_folder
from ..site import site_folder
from .tables import REVISION

LARGEST = 1 << 20  # bytes; what is larger are weights
NEVER_READ = (
    "example",
    "terminology",
    "review",
    "monitor",
    "__pycache__",
)  # folders of the border: no decision reads them
UNREAD = (".py", ".md", ".onnx")
GUIDELINE = re.compile(r"[a-z0-9-]+@[A-Za-z0-9.-]+")  # how the record names the rules that were read
AT_ONCE = 200  # hashes a query


def keep(connection: Connection, record: DecisionRecord, rules: tuple[Path, ...] = ()) -> str:
    """Keep the content of all that the decision read; return the sha256 of its manifest.

    Names in the record whose content here has another hash (a decision made elsewhere, or by another
    version) are listed in the manifest as not kept.
    """
    asked, images = tuple(sorted(record.knowledge.items())), record.image_sha256 is not None
    manifest, contents = _gathered(asked, rules, site_folder(), images=images)
    hashes = list(contents)
    known = {sha for i in range(0, len(hashes), AT_ONCE) for sha in _known(connection, hashes[i : i + AT_ONCE])}
    fresh = [{"sha256": sha, "content": content} for sha, content in contents.items() if sha not in known]
    if fresh:
        connection.execute(insert(REVISION), fresh)
    return manifest


def _known(connection: Connection, hashes: list[str]) -> set[str]:
    return set(connection.execute(select(REVISION.c.sha256).where(REVISION.c.sha256.in_(hashes))).scalars())


@lru_cache(maxsize=32)
def _gathered(
    knowledge: tuple[tuple[str, str], ...], rules: tuple[Path, ...], site: Path | None, *, images: bool
) -> tuple[str, dict[str, bytes]]:
    """The manifest's sha256, and every content by sha256, the manifest's among them."""
    asked, files = dict(knowledge), dict(knowledge_files(site))
    missing = []
    for name, sha in asked.items():
        if GUIDELINE.fullmatch(name):
            found = dict(_guideline_files(name, sha, rules))
            files |= found
            missing += [] if found else [name]
        elif shipped_hashes(site, images=images).get(name) != sha:
            missing.append(name)
    contents = {_sha256(content): content for content in files.values()}
    tree = {"files": {path: _sha256(files[path]) for path in sorted(files)}, "not_kept": missing}
    manifest = json.dumps(tree, separators=(",", ":")).encode()
    return _sha256(manifest), {**contents, _sha256(manifest): manifest}


def knowledge_files(site: Path | None = None) -> Iterator[tuple[str, bytes]]:
    """Path -> content of what decisions may read under ``knowledge/``, a site's calibrations among it."""
    yield from _below(knowledge_folder(), "knowledge")
    if site is not None:
        yield from _below(site, "knowledge/calibration/site")


def _below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.name in NEVER_READ or item.name.endswith(UNREAD):
            continue
        if item.is_dir():
            yield from _below(item, f"{path}/{item.name}")
        elif len(content := item.read_bytes()) <= LARGEST:
            yield f"{path}/{item.name}", content


def _guideline_files(name: str, sha: str, rules: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    """Path -> content of the guideline of that name and hash, wherever it is."""
    for root in (*rules, rules_folder()):
        for full, folder in editions(root):
            if full == name and hash_of(folder) == sha:
                where = f"rules/{name.replace('@', '/')}"
                files = ((f, "tables/" if i > 1 else "") for i, f in enumerate(files_of(folder)))
                yield from ((f"{where}/{below}{file.name}", file.read_bytes()) for file, below in files)
                return


@lru_cache(maxsize=2)
def shipped_hashes(site: Path | None, *, images: bool) -> Mapping[str, str]:
    """Name -> sha256 of all that is read here besides guidelines; nets among it where there are ``images``."""
    return load_knowledge(images=images, site=site).hashes()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def read(connection: Connection, sha: str) -> bytes | None:
    """The content of that hash, if it is kept."""
    found = connection.execute(select(REVISION.c.content).where(REVISION.c.sha256 == sha)).scalar()
    return bytes(found) if found is not None else None
