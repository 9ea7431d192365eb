"""Which of several series is read: one rule after another, each keeping the best of those that are left.

The rules are stated in ``RULES``; what was chosen, and by which rule each other series was left out,
is said in the notes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any, Final

import numpy as np
import yaml

from .errors import NoCT, NotDicom, OnlyLocalizers
from .headers import label
from .slices import Found, Slice

_NAMES_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Series:
    """The slices that share a Series Instance UID, scouts left out."""

    uid: str
    slices: tuple[Slice, ...]

    @property
    def thickness(self) -> float | None:
        """Of the thickest slice, in mm; None where one does not say."""
        stated = [one.thickness for one in self.slices]
        return None if None in stated else max(value for value in stated if value is not None)

    @property
    def kernel(self) -> str:
        """The kernel of its first slice."""
        return self.slices[0].kernel

    def __str__(self) -> str:
        thickness = "thickness not stated" if self.thickness is None else f"{self.thickness:g} mm"
        count = f"{len(self.slices)} slice{'s' if len(self.slices) > 1 else ''}"
        return f"{self.uid or 'without UID'} ({count}, {thickness}, kernel {self.kernel or 'not stated'})"


def _is_original(series: Series) -> bool:
    return all(one.original for one in series.slices)


def _is_stack(series: Series) -> bool:
    return len({one.position for one in series.slices}) > 1


def _is_axial(series: Series) -> bool:
    """Whether the slices look along the body: their normal is within 25 degrees of it."""
    if series.slices[0].orientation is None:
        return False
    (right, back, _), (down, deep, _) = np.split(np.clip(series.slices[0].orientation, -1, 1), 2)
    return bool(abs(right * deep - back * down) > 0.9)  # the third component of their cross product


def _thinness(series: Series) -> float:
    return -np.inf if series.thickness is None else -round(series.thickness, 2)


def _has_lung_kernel(series: Series) -> bool:
    return any(pattern.fullmatch(series.kernel) for pattern in lung_kernels())


RULES: Final[tuple[tuple[str, Callable[[Series], Any]], ...]] = (
    ("original rather than derived", _is_original),
    ("a stack rather than one place again and again (bolus tracking)", _is_stack),
    ("axial", _is_axial),
    ("thinnest slices", _thinness),
    ("lung kernel", _has_lung_kernel),
    ("most slices", lambda series: len(series.slices)),
    ("first by UID", lambda series: [-ord(letter) for letter in series.uid] + [1]),
)


@cache
def lung_kernels() -> tuple[re.Pattern[str], ...]:
    """The patterns of ``knowledge/dicom/lung_kernels.yaml``."""
    text = files("radlogic.knowledge").joinpath("dicom", "lung_kernels.yaml").read_text(encoding="utf-8")
    makers = yaml.safe_load(text)["kernels"]
    return tuple(re.compile(pattern, re.IGNORECASE) for maker in makers for pattern in maker["patterns"])


def choose(found: Found, where: str) -> tuple[Series, tuple[str, ...]]:
    """The series to read, and notes: why this one, and what was left out and why.

    Raises:
        NotDicom: there is no DICOM file.
        NoCT: there is no CT image.
        OnlyLocalizers: there are only scouts.
    """
    scouts = [one for one in found.slices if one.localizer]
    rest = sorted((one for one in found.slices if not one.localizer), key=lambda one: one.series_uid)
    series = [Series(uid, tuple(slices)) for uid, slices in groupby(rest, key=lambda one: one.series_uid)]
    if not series:
        _refuse(found, where)
    chosen, notes = _by_rules(series)
    if not chosen.uid:
        notes.append(f"no {label('SeriesInstanceUID')}: all slices without one are taken as one series")
    if scouts:
        notes.append(f"left out localizer images: {len(scouts)}")
    return chosen, (*notes, *_strangers(found))


def _by_rules(series: list[Series]) -> tuple[Series, list[str]]:
    left, out = series, []
    for name, value in RULES if len(series) > 1 else ():
        best = max(map(value, left))
        out += [f"left out series {one}: the rule '{name}' prefers another" for one in left if value(one) != best]
        left = [one for one in left if value(one) == best]
    reason = f"of {len(series)}, by the rules: {', '.join(name for name, _ in RULES)}" if out else "the only CT series"
    return left[0], [f"read series {left[0]}: {reason}", *out]


def _strangers(found: Found) -> list[str]:
    kinds = sorted(Counter(found.others).items())
    notes = [f"left out {_files(count)} of another kind than CT images: {kind}" for kind, count in kinds]
    if found.not_dicom:
        notes.append(f"skipped {_files(len(found.not_dicom))} of another format than DICOM: {_listed(found.not_dicom)}")
    return notes


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _refuse(found: Found, where: str) -> None:
    if found.slices:
        raise OnlyLocalizers(
            where,
            "ImageType (0008,0008)",
            f"{len(found.slices)} localizer images",
            "CT slices",
            "Give the axial series.",
        )
    if found.others:
        kinds = ", ".join(sorted(set(found.others)))
        raise NoCT(where, "SOPClassUID (0008,0016)", kinds, "CT Image or Enhanced CT Image", "Give the CT series.")
    names = _listed(found.not_dicom) or "only a DICOMDIR"
    raise NotDicom(where, "", names, "DICOM files (PS3.10)", "Give the folder, zip or file that holds the CT series.")
