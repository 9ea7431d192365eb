"""The panel's interval about a mask's diameter: on readers of LIDC where they are at hand, on drawn ones everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lidc_pairs import Pairs, reader_pairs

from radlogic.engine.errors import BadValue, MissingKnowledge
from radlogic.engine.perception.reader_error import ReaderError, fitted, shipped_reader_error

NO_INTERVAL = "error: {floor_mm: 1, share: 0.1, bounds: [1, 2], domain_mm: [4, 40]}\n"
SHIPPED = shipped_reader_error()


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    return reader_pairs()


def coverage(error: ReaderError, measured: np.ndarray, readings: np.ndarray) -> float:
    low, high = np.array([error.interval_mm(float(mm)) for mm in measured]).T
    return float(np.mean((low <= readings) & (readings <= high)))


@pytest.mark.slow
def test_on_patients_kept_aside_9_of_10_readings_lie_in_the_interval_of_another_readers_mask(pairs):
    kept = pairs.held_out

    assert 0.87 <= coverage(SHIPPED, pairs.measured_mm[kept], pairs.reading_mm[kept]) <= 0.93


@pytest.mark.slow
def test_what_ships_is_the_fit_to_the_other_patients(pairs):
    used = ~pairs.held_out
    found = fitted(pairs.measured_mm[used], pairs.reading_mm[used], SHIPPED.domain_mm)

    assert (found.floor_mm, found.share, *found.bounds) == pytest.approx(
        (SHIPPED.floor_mm, SHIPPED.share, *SHIPPED.bounds), rel=0.02
    )


@pytest.mark.slow
@pytest.mark.parametrize(("low", "high", "least"), [(4, 6, 0.88), (6, 10, 0.88), (10, 20, 0.85), (20, 40, 0.82)])
def test_no_size_is_far_from_its_share(pairs, low, high, least):
    kept = pairs.held_out & (pairs.measured_mm >= low) & (pairs.measured_mm < high)

    assert coverage(SHIPPED, pairs.measured_mm[kept], pairs.reading_mm[kept]) >= least


@settings(max_examples=60, deadline=None)
@given(st.floats(0.5, 60), st.floats(0, 5), st.floats(0, 5))
def test_the_interval_holds_the_diameter_and_widens_with_the_masks_own_error(mean, sd, more):
    low, high = SHIPPED.interval_mm(mean, sd)
    lower, higher = SHIPPED.interval_mm(mean, sd + more)

    assert 0 <= lower <= low <= mean <= high <= higher
    assert SHIPPED.sd_mm(mean, sd) <= SHIPPED.sd_mm(mean, sd + more)
    assert high - low <= 2 * 1.6449 * SHIPPED.sd_mm(mean, sd) * 1.01


def drawn_pairs(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Readings with heavy tails about a measured diameter, wider where it is larger."""
    chance = np.random.default_rng(seed)
    measured = chance.uniform(4, 30, count)
    return measured, measured + np.hypot(0.8, 0.1 * measured) * chance.laplace(0, 1, count)


def test_a_fit_finds_what_the_readings_were_drawn_from_and_covers_others():
    found = fitted(*drawn_pairs(6000, 0), (4, 30))

    assert (found.floor_mm, found.share) == pytest.approx((0.8, 0.1), rel=0.2)
    assert found.bounds == pytest.approx((-np.log(10), np.log(10)), rel=0.1)  # a Laplace distribution's 5 and 95 %
    assert coverage(found, *drawn_pairs(6000, 1)) == pytest.approx(0.9, abs=0.015)


def test_too_few_or_ill_matched_pairs_are_refused():
    measured, readings = drawn_pairs(199, 0)
    for one, other in ((measured, readings), (np.ones(300), np.ones(299))):
        with pytest.raises(BadValue):
            fitted(one, other, (4, 30))


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 0.1), (-1.0, 0.1), (5.0, -0.1), (float("nan"), 0.1), (5.0, np.inf)])
def test_what_is_no_diameter_is_refused(mean, sd):
    with pytest.raises(BadValue):
        SHIPPED.interval_mm(mean, sd)


def test_outside_of_what_was_fitted_it_says_so():
    assert SHIPPED.outside(3.0) == ("diameter 3.0 mm, fitted on 4 to 40 mm",)
    assert SHIPPED.outside(10.0) == ()


@pytest.mark.parametrize(
    "text", [None, "source: nobody\n", "error: {floor_mm: 1, share: x, bounds: [0, 1]}\n", NO_INTERVAL, "[: :"]
)
def test_a_missing_or_broken_file_is_named(tmp_path, text):
    if text is not None:
        (tmp_path / "models" / "measurement").mkdir(parents=True)
        (tmp_path / "models" / "measurement" / "reader_error.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(MissingKnowledge) as caught:
        shipped_reader_error(tmp_path)

    assert caught.value.where == "knowledge/models/measurement/reader_error.yaml"
