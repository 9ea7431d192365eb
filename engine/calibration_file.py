"""Calibrations as files, ``knowledge/calibration/<guideline>.yaml`` and those of a site: read, and told apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from datetime import date
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from .errors import MissingKnowledge
from .likely import Calibrator
from .perception.extractor import FeatureExtractor
from .resources import knowledge_folder

Folder = Traversable | Path


def load_calibrators(
    extractors: Iterable[FeatureExtractor], guidelines: Iterable[str], site: Path | None = None
) -> tuple[Calibrator, ...]:
    """Those of the guidelines that were fitted on the nets that are asked, as these are now; a site's go before.

    Where a decision is replayed, those of its site lie in ``knowledge/calibration/site``.

    Raises:
        MissingKnowledge: a file is broken.
    """
    nets, wanted = {e.name: e.sha256 for e in extractors if e.sha256}, set(guidelines)
    shipped = knowledge_folder() / "calibration"
    folders: tuple[Folder, ...] = (*([site] if site else []), shipped / "site", shipped)
    found: dict[str, Calibrator] = {}
    for one in (c for folder in folders for c in _read_all(folder)):
        if one.guideline in wanted and nets.get(one.extractor) == one.extractor_sha256:
            found.setdefault(one.guideline, one)
    return tuple(found.values())


def _read_all(folder: Folder) -> Iterator[Calibrator]:
    if folder.is_dir():
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if file.name.endswith(".yaml"):
                yield read_calibrator(file)


def read_calibrator(file: Folder) -> Calibrator:
    """One file.

    Raises:
        MissingKnowledge: it is not as ``written`` writes it.
    """
    import yaml

    content = file.read_bytes()
    try:
        return _calibrator(yaml.safe_load(content), hashlib.sha256(content).hexdigest())
    except (yaml.YAMLError, TypeError, ValueError, KeyError, AttributeError) as error:
        allowed = ", ".join(f.name for f in fields(Calibrator) if f.name != "sha256")
        where, cure = f"calibration {file.name}", "Fit it anew with `radlogic calibrate`, or remove it."
        raise MissingKnowledge(where, "", f"a file that is none ({type(error).__name__})", allowed, cure) from error


def _calibrator(said: Mapping[str, Any], sha256: str) -> Calibrator:
    unknown = said.keys() - {f.name for f in fields(Calibrator) if f.name != "sha256"}
    if unknown:
        raise ValueError(", ".join(sorted(unknown)))
    return Calibrator(
        guideline=_text(said["guideline"]),
        extractor=_text(said["extractor"]),
        extractor_sha256=_text(said["extractor_sha256"]),
        level=_share(said["level"]),
        at_least={_text(category): _share(bar) for category, bar in said["at_least"].items()},
        otherwise=_share(said["otherwise"]),
        cases=_count(said["cases"]),
        guarantee=_text(said["guarantee"]),
        fitted=date.fromisoformat(str(said["fitted"])),
        until=date.fromisoformat(str(said["until"])),
        site=_text(said.get("site", "")),
        sha256=sha256,
    )


def written(calibrator: Calibrator) -> str:
    """The file of a calibrator."""
    import yaml

    said = {f.name: getattr(calibrator, f.name) for f in fields(calibrator) if f.name != "sha256"}
    said |= {"at_least": dict(calibrator.at_least)}
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True, width=120)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not 0 <= float(value) <= 1:
        raise ValueError("a share lies in [0, 1]")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number, 0 or more")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text")
    return value
