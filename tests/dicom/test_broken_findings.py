"""Broken reports and segmentations: each gets its own error, and no damage gets a traceback."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from sr_zoo import EXPECTED, ZOO, sound_report, sound_segmentation, write

from radlogic.adapters.dicom.seg import findings_from_seg, read_seg
from radlogic.adapters.dicom.sr import read_sr
from radlogic.engine.errors import InputError
from radlogic.engine.types import Finding

Reader = Callable[[Path], tuple[Finding, ...]]
SOUND: dict[str, tuple[Callable[[], Dataset], Reader]] = {
    "sr": (sound_report, read_sr),
    "seg": (sound_segmentation, findings_from_seg),
}


@pytest.mark.parametrize("name", ZOO)
def test_each_mistake_gets_its_own_error(tmp_path: Path, name: str) -> None:
    path = ZOO[name](tmp_path)
    _, read = SOUND[name.split("_", maxsplit=1)[0]]

    with pytest.raises(InputError) as caught:
        read(path)

    error = caught.value
    assert type(error) is EXPECTED[name]
    assert name in error.where
    assert all((error.found, error.allowed, error.cure))
    assert not any(secret in str(error) for secret in ("Zoo^Animal", "must never be shown"))
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", SOUND)
def test_no_part_of_a_file_is_taken_for_the_whole(tmp_path: Path, kind: str) -> None:
    make, read = SOUND[kind]
    whole, part = write(make(), tmp_path / "whole.dcm").read_bytes(), tmp_path / "part.dcm"
    for end in range(140, len(whole) - 8, 7):  # the last bytes of a mask may be padding
        part.write_bytes(whole[:end])
        with pytest.raises(InputError):
            read(part)


@pytest.mark.parametrize("kind", SOUND)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.slow
def test_no_damage_to_the_bytes_is_a_traceback(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    make, read = SOUND[kind]
    whole = bytearray(write(make(), tmp_path / "whole.dcm").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(132, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged.dcm"
    path.write_bytes(whole)
    try:
        found = read(path)
    except InputError as error:
        assert error.cure
    else:
        assert all(isinstance(finding, Finding) for finding in found)


def test_what_is_too_large_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    path = ZOO["seg_of_65535_x_65535_x_10000"](tmp_path)
    with pytest.raises(InputError):
        read_seg(path)  # imports and codes are loaded
    tracemalloc.start()
    try:
        with pytest.raises(InputError):
            read_seg(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 4 << 20
