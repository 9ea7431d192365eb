"""Exams laid on each other: drawn ones, real ones moved and bent by a program, and some that do not belong together."""

import sys
import zipfile
from dataclasses import replace
from functools import cache

import numpy as np
import paired_phantoms as drawn
import pytest
from scipy import ndimage
from shared_data import shared
from tracked import lesion

from radlogic.adapters.dicom.series import read_series
from radlogic.engine.errors import MissingExtra
from radlogic.engine.perception.volume import Volume
from radlogic.engine.tracking.align import Alignment, align
from radlogic.engine.tracking.match import Fate, match, match_prior
from radlogic.engine.types import Unknown

REAL = ("LIDC-IDRI-0001", "LIDC-IDRI-0003")


@pytest.fixture(scope="module")
def exams():
    return drawn.pair(3, count=24, crowded=True)


def named(seen, when):
    return [lesion(f"{when}[{i}]", n.position_mm, n.mean_mm, n.type) for i, n in enumerate(seen)]


def test_lesions_are_found_again_on_a_turned_and_breathing_chest(exams):
    alignment = align(exams.current, exams.prior)
    found = match(named(exams.now, "now"), named(exams.before, "before"), alignment, months=exams.months)

    who = {f"{w}[{i}]": n.who for w, ns in (("now", exams.now), ("before", exams.before)) for i, n in enumerate(ns)}
    same = [m for m in found.found if m.fate is Fate.SAME and m.accepted]
    assert all(who[m.current] == who[m.prior] for m in same)
    assert len(same) >= 0.9 * len(exams.matches)
    assert all(
        who[m.current or m.prior] not in exams.matches for m in found.found if m.fate is not Fate.SAME and m.accepted
    )
    assert 3 < alignment.quality.turned_deg < 7


def test_an_exam_without_lungs_is_refused(exams):
    empty = Volume(np.full((40, 60, 60), 40, dtype=np.int16), (5.0, 5.0, 5.0), (0.0, 0.0, 0.0), exams.prior.axes)

    found = align(empty, exams.prior)

    assert isinstance(found, Unknown)
    assert "current exam shows too little lung" in found.why


@pytest.mark.slow
def test_a_mirrored_exam_and_another_patient_are_refused(exams):
    for prior in (drawn.flipped(exams.prior), drawn.pair(303).prior):
        found = align(exams.current, prior)
        assert isinstance(found, Unknown)
        assert "could not be laid on each other" in found.why


@cache
def real(name):
    """A real series on every fourth pixel, after the mean of four by four."""
    path = shared(f"data/chest/{name}.zip")
    assert zipfile.is_zipfile(path)
    volume = read_series(path)
    n, rows, columns = volume.hu.shape
    hu = np.clip(volume.hu, -1000, 1500).reshape(n, rows // 4, 4, columns // 4, 4).mean(axis=(2, 4))
    dz, dy, dx = volume.spacing_mm
    origin = volume.position_of((0.0, 1.5, 1.5))
    return Volume(np.rint(hu).astype(np.int16), (dz, dy * 4, dx * 4), origin, volume.axes)


def bent(volume, seed, base_mm):
    """A real chest turned by 5 degrees, shifted, and breathing: and the way from its places back to the original's."""
    chance = np.random.default_rng(seed)
    moved = drawn.motion(chance, base_mm=base_mm)
    middle = np.array(volume.position_of(tuple((n - 1) / 2 for n in volume.hu.shape)))
    off = middle - np.array([0.0, 10.0, -50.0])  # the drawn chest's frame has its carina at the origin
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in volume.hu.shape), indexing="ij"), -1).reshape(
        -1, 3
    )
    places = np.array(volume.origin_mm) + (grid * volume.spacing_mm) @ volume.axes
    to = moved.to_current(places - off) + off
    index = ((to - volume.origin_mm) @ volume.axes.T / volume.spacing_mm).T
    hu = ndimage.map_coordinates(volume.hu.astype(np.float32), index, order=1, cval=-1000).reshape(volume.hu.shape)
    hu += chance.normal(0, 25, hu.shape)
    prior = Volume(np.rint(hu).astype(np.int16), volume.spacing_mm, volume.origin_mm, volume.axes)
    return prior, lambda p: moved.to_prior(p - off) + off


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(("seed", "base_mm"), [(1, 25.0), (2, -25.0)])
def test_places_in_a_real_chest_that_was_bent_are_found_to_within_some_mm(name, seed, base_mm):
    current = real(name)
    prior, to_prior = bent(current, seed, base_mm)

    alignment = align(current, prior)

    assert isinstance(alignment, Alignment)
    inside = alignment.current.inside
    picked = np.argwhere(ndimage.binary_erosion(inside, iterations=2))
    places = alignment.current.place_of(np.random.default_rng(7).permutation(picked)[:60])
    clear = inside, alignment.laid.inside
    truth = [alignment.motion.back(to_prior(p[None])[0]) - p for p in places]
    seen = [alignment.around(p, clear) for p in places]
    off = [np.linalg.norm(t - s.shift_mm) for t, s in zip(truth, seen, strict=True) if s is not None]
    assert np.median(off) < 2.5
    assert np.mean(np.array(off) < 6) > 0.9


@pytest.mark.slow
def test_two_real_patients_are_told_apart():
    found = align(real(REAL[0]), real(REAL[1]))

    assert isinstance(found, Unknown)
    assert "look alike" in found.why


def test_only_two_cts_are_laid_on_each_other(exams):
    other = replace(exams.prior, acquisition=replace(exams.prior.acquisition, modality="PT"))

    assert "one of these is PT" in align(exams.current, other).why


def test_without_the_library_the_error_names_the_extra(exams, monkeypatch):
    monkeypatch.setitem(sys.modules, "SimpleITK", None)

    with pytest.raises(MissingExtra, match=r"radlogic\[tracking\]"):
        align(exams.current, exams.prior)


def test_without_prior_images_words_are_all_there_is(exams):
    found = match_prior(exams.current, named(exams.now, "now"), None, named(exams.before, "before"), 12)

    assert not any(m.accepted for m in found.found)


@pytest.mark.slow
def test_nine_in_ten_are_found_again_and_none_wrongly_in_crowded_chests():
    true, taken = 0, 0
    for seed in range(200, 206):
        two = drawn.pair(seed, count=30, crowded=True)
        who = {f"{w}[{i}]": n.who for w, ns in (("now", two.now), ("before", two.before)) for i, n in enumerate(ns)}
        found = match_prior(two.current, named(two.now, "now"), two.prior, named(two.before, "before"), two.months)
        accepted = [m for m in found.found if m.accepted]
        assert all(who[m.current] == who[m.prior] for m in accepted if m.fate is Fate.SAME)
        assert all(who[m.current or m.prior] not in two.matches for m in accepted if m.fate is not Fate.SAME)
        true, taken = true + len(two.matches), taken + sum(m.fate is Fate.SAME for m in accepted)

    assert taken >= 0.9 * true
