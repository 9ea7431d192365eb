"""The numbers of ``knowledge/models/liver_enhancement/thresholds.yaml``, for one modality."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from ..errors import MissingKnowledge
from ..resources import knowledge_folder

WHERE: Final = "knowledge/models/liver_enhancement/thresholds.yaml"
FEATURES: Final = ("hyper", "hypo", "drop", "rim", "ridge", "enhancing")
PROCEDURE: Final = (
    "registration_mm",
    "registration_same_phase_mm",
    "outline_mm",
    "size_arterial_mm",
    "capsule_mm",
    "liver_from_mm",
    "liver_to_mm",
    "smallest_mm",
    "lapse",
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """From ``value`` on a feature counts; ``sd`` is how uncertain that number is. HU, or a fraction on MRI."""

    value: float
    sd: float


@dataclass(frozen=True, slots=True)
class Thresholds:
    """``of``: by feature, see ``FEATURES``. ``unenhanced``: soft tissue before contrast, CT only (HU).
    ``procedure``: lengths in mm and the lapse rate, see ``PROCEDURE``."""

    unit: str
    of: Mapping[str, Threshold]
    unenhanced: Threshold
    procedure: Mapping[str, float]


@cache
def shipped_bytes() -> bytes:
    """The file as it is.

    Raises:
        MissingKnowledge: it is absent.
    """
    try:
        return (knowledge_folder() / "models" / "liver_enhancement" / "thresholds.yaml").read_bytes()
    except OSError as error:
        raise MissingKnowledge(WHERE, "", "no such file", "the shipped file", "Reinstall radlogic.") from error


def sha256() -> str:
    """Hash of the file: these numbers are all that the procedure knows."""
    return hashlib.sha256(shipped_bytes()).hexdigest()


@cache
def thresholds(modality: str) -> Thresholds:
    """The numbers for "CT" or "MRI".

    Raises:
        MissingKnowledge: the file or one of its numbers is absent.
    """
    import yaml

    try:
        return _read(yaml.safe_load(shipped_bytes()), modality)
    except (KeyError, TypeError, ValueError, yaml.YAMLError) as error:
        raise MissingKnowledge(WHERE, str(error), "no such number", "the shipped file", "Restore it.") from error


def _read(file: Mapping[str, Any], modality: str) -> Thresholds:
    return Thresholds(
        unit=str(file["units"][modality]),
        of={name: _threshold(file["thresholds"][name][modality]) for name in FEATURES},
        unenhanced=_threshold(file["unenhanced_hu"]),
        procedure={name: float(file["procedure"][name]["value"]) for name in PROCEDURE},
    )


def _threshold(entry: Mapping[str, Any]) -> Threshold:
    return Threshold(float(entry["value"]), float(entry["sd"]))
