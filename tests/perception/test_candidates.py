"""The built-in finder: balls and tubes in lungs of a few lines, then chests drawn by the phantom, then real ones.

The chest here is arithmetic of this file alone; nothing of it is shared with the finder or the phantom.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from shared_data import ROOT, shared

from radlogic.engine.errors import MissingKnowledge, Unsupported
from radlogic.engine.perception.blobs import blobs, strongest
from radlogic.engine.perception.candidates import SIZES_MM, THICKEST_MM, CandidateFinder, Search, coefficients_of
from radlogic.engine.perception.detect import Candidate
from radlogic.engine.perception.lung_field import lung_field
from radlogic.engine.perception.volume import Acquisition, Volume

AXIAL = np.array([[0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
SPACING, SHAPE = (2.5, 1.4, 1.4), (56, 126, 200)  # 140 x 176 x 280 mm
LUNG_HU, SOLID_HU, HAZY_HU = -850, 30, -600
MADE = Acquisition(slice_thickness_mm=2.5)

Place = tuple[float, float, float]  # mm from the middle, (x to the left, y to the back, z to the head)
BALLS: dict[str, tuple[Place, float, int]] = {
    "solid of 8 mm": ((-70.0, 10.0, 10.0), 8.0, SOLID_HU),
    "solid of 5 mm": ((-60.0, -20.0, -30.0), 5.0, SOLID_HU),
    "hazy of 14 mm": ((75.0, 15.0, -5.0), 14.0, HAZY_HU),
    "solid of 20 mm": ((60.0, -10.0, 35.0), 20.0, SOLID_HU),
    "solid of 10 mm half in the wall": ((70.0, 48.0, -35.0), 10.0, SOLID_HU),
}


def grid() -> tuple[NDArray[np.float64], ...]:
    z, y, x = (np.arange(n) * s - (n - 1) * s / 2 for n, s in zip(SHAPE, SPACING, strict=True))
    return z[:, None, None], y[None, :, None], x[None, None, :]


@cache
def chest(noise: float = 20.0) -> Volume:
    """Two lungs in a body, each crossed by three slanting vessels that fork, and balls."""
    z, y, x = grid()
    body = (y / 82) ** 2 + (x / 132) ** 2 < 1
    hu = np.where(body, 40.0, -1000.0) + 0 * z
    for side in (-68.0, 68.0):
        lung = ((x - side) / 50) ** 2 + (y / 60) ** 2 + (z / 62) ** 2 < 1
        hu = np.where(lung, LUNG_HU, hu)
        for start, slope in ((-30.0, 0.2), (0.0, -0.3), (30.0, 0.4)):
            for fork in (-0.3, 0.3):
                y0, x0 = start + slope * z / 2, side - 12 + fork * np.maximum(z, 0)
                tube = (y - y0) ** 2 + (x - x0) ** 2 < 2.5**2
                hu = np.where(lung & tube, SOLID_HU, hu)
    for (bx, by, bz), width, value in BALLS.values():
        reach = np.sqrt((x - bx) ** 2 + (y - by) ** 2 + (z - bz) ** 2)
        share = np.clip((width / 2 - reach) / 1.4 + 0.5, 0, 1)  # the voxels on the rim hold some of it
        hu = hu + share * (np.maximum(value, hu) - hu)
    hu = hu + np.random.default_rng(2).normal(0, noise, SHAPE)
    first = tuple(float(a.ravel()[0]) for a in (x, y, z))
    return Volume(hu.astype(np.int16), SPACING, (first[0], first[1], first[2]), AXIAL, MADE)


@pytest.fixture(scope="module")
def finder() -> CandidateFinder:
    return CandidateFinder(shown_from=0.0)


@pytest.fixture(scope="module")
def found(finder: CandidateFinder) -> tuple[Candidate, ...]:
    return finder.detect(chest())


def near(candidates: tuple[Candidate, ...], place: Place, within: float) -> list[Candidate]:
    return [c for c in candidates if np.linalg.norm(np.subtract(c.position_mm, place)) <= within]


@pytest.mark.parametrize("name", BALLS)
def test_a_ball_is_found_at_its_middle(name: str, found: tuple[Candidate, ...]):
    place, width, _ = BALLS[name]

    hits = near(found, place, max(width / 4, 3.0))

    assert hits, name
    assert max(c.score for c in hits) >= 0.5


def test_vessels_and_walls_score_lower_than_balls(found: tuple[Candidate, ...]):
    balls = [max(c.score for c in near(found, place, max(width / 2, 5))) for place, width, _ in BALLS.values()]
    others = [c for c in found if not any(near((c,), p, max(w / 2, 5)) for p, w, _ in BALLS.values())]

    assert len([c for c in others if c.score >= min(balls)]) <= 2


def test_the_likeliest_come_first_and_none_lies_in_another(found: tuple[Candidate, ...]):
    scores = [c.score for c in found]
    places = np.array([c.position_mm for c in found])
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)[np.triu_indices(len(found), 1)]

    assert scores == sorted(scores, reverse=True)
    assert apart.min() > 3.9


def test_only_what_scores_enough_is_shown(found: tuple[Candidate, ...]):
    finder = CandidateFinder()

    shown = finder.detect(chest())

    assert 0 < finder.shown_from < 1
    assert shown == tuple(c for c in found if c.score >= finder.shown_from)


@pytest.mark.parametrize(
    ("order", "signs"), [((1, 0, 2), (1, 1, 1)), ((0, 1, 2), (-1, -1, -1)), ((2, 1, 0), (1, 1, -1))]
)
def test_the_way_the_images_run_moves_nothing(
    order: tuple[int, int, int], signs: tuple[int, int, int], finder: CandidateFinder, found: tuple[Candidate, ...]
):
    volume = chest()
    first = [0.0, 0.0, 0.0]
    for axis, sign in zip(order, signs, strict=True):
        first[axis] = float(volume.hu.shape[axis] - 1) if sign < 0 else 0.0
    turned = Volume(
        volume.hu.transpose(order)[:: signs[0], :: signs[1], :: signs[2]].copy(),
        (SPACING[order[0]], SPACING[order[1]], SPACING[order[2]]),
        volume.position_of((first[0], first[1], first[2])),
        volume.axes[list(order)] * np.array(signs)[:, None],
        MADE,
    )

    seen = finder.detect(turned)

    for place, width, _ in BALLS.values():
        one, other = (max(near(c, place, max(width / 2, 5)), key=lambda c: c.score) for c in (found, seen))
        assert one.position_mm == pytest.approx(other.position_mm, abs=1.6)
        assert one.score == pytest.approx(other.score, abs=0.2)


EMPTY = {
    "air": np.full((6, 40, 40), -1000, np.int16),
    "tissue": np.full((6, 40, 40), 40, np.int16),
    "one voxel": np.full((1, 1, 1), -800, np.int16),
}


@pytest.mark.parametrize("name", EMPTY)
def test_what_shows_no_lung_gives_no_candidate(name: str, finder: CandidateFinder):
    volume = Volume(EMPTY[name], SPACING, (0.0, 0.0, 0.0), AXIAL, MADE)

    assert finder.detect(volume) == ()
    assert finder.search(volume) == Search((), looked=False, outside=("no lung found in the images",))


@pytest.mark.parametrize(("spacing", "made", "words"), [
    (SPACING, Acquisition(slice_thickness_mm=5.0), ["slice thickness 5 mm, measured on up to 2.5 mm"]),
    (SPACING, Acquisition(), ["slice thickness not stated"]),
    (SPACING, Acquisition(modality="MR", slice_thickness_mm=1.0), ["modality MR; the finder was made for CT"]),
    ((5.0, 1.4, 1.4), MADE, ["distance of the slices 5 mm, measured on up to 2.5 mm"]),
    ((2.5, 1.4, 1.4), MADE, []),
])  # fmt: skip
def test_what_lies_outside_of_the_declared_domain_is_said(spacing, made, words, finder: CandidateFinder):
    volume = Volume(EMPTY["air"], spacing, (0.0, 0.0, 0.0), AXIAL, made)

    assert finder.search(volume).outside == ("no lung found in the images", *words)


def test_slices_that_are_not_axial_lie_outside_of_the_declared_domain(finder: CandidateFinder):
    coronal = np.array([[0.0, 1, 0], [0, 0, -1], [1, 0, 0]])
    volume = Volume(EMPTY["air"], (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), coronal, MADE)

    assert any("not axial" in why for why in finder.search(volume).outside)


def test_candidates_of_sizes_outside_of_the_declared_domain_are_said(monkeypatch, finder: CandidateFinder):
    proposed = tuple(Candidate((0.0, 0.0, 0.0), mm, 0.5) for mm in (3.0, 4.0, 30.0, 31.0))
    monkeypatch.setattr("radlogic.engine.perception.candidates.lung_field", lambda _: "lungs")
    monkeypatch.setattr(CandidateFinder, "_candidates", lambda *_: proposed)

    said = finder.search(Volume(EMPTY["air"], SPACING, (0.0, 0.0, 0.0), AXIAL, MADE))

    assert (said.looked, said.candidates) == (True, proposed)
    assert said.outside == ("2 of the candidates not of 4 to 30 mm, the sizes that the finder was measured on",)


def test_the_declared_domain_is_the_cards():
    card = (ROOT / "knowledge/models/candidate_finder/card.md").read_text(encoding="utf-8")

    assert f"axial slices of up to {THICKEST_MM:g} mm, nodules of {SIZES_MM[0]:g} to {SIZES_MM[1]:g} mm" in card


def test_images_that_are_not_axial_are_refused(finder: CandidateFinder):
    turn = np.deg2rad(45)
    tilted = np.array([[0, -np.sin(turn), np.cos(turn)], [0, np.cos(turn), np.sin(turn)], [1, 0, 0]])

    with pytest.raises(Unsupported, match="axial"):
        finder.detect(replace(chest(), axes=tilted))


def test_the_closed_lungs_hold_what_touches_the_wall_and_not_what_lies_between_them():
    field = lung_field(chest(noise=0.0))
    assert field is not None

    first = np.array(field.position_of(np.zeros(3)))
    steps = np.array([field.position_of(e) for e in np.eye(3)]) - first  # mm a step, along each axis of the grid

    def inside(place: Place) -> bool:
        z, y, x = np.rint(np.linalg.solve(steps.T, np.array(place) - first)).astype(int)
        return bool(field.inside[z, y, x])  # type: ignore[union-attr]

    (x, y, z), _, _ = BALLS["solid of 10 mm half in the wall"]
    assert inside((x, y - 2, z))
    assert not inside((0.0, 0.0, 0.0))
    assert not inside((0.0, 65.0, 0.0))


def test_the_finest_features_tell_a_ball_from_a_tube():
    field = lung_field(chest(noise=0.0))
    assert field is not None
    found = blobs(field)
    places = np.array([field.position_of(at) for at in found.at])
    ball = np.linalg.norm(places - np.array(BALLS["solid of 8 mm"][0]), axis=1) < 2
    tube = (np.abs(places[:, 2] + 40) < 10) & ~np.any(
        [np.linalg.norm(places - np.array(p), axis=1) < w for p, w, _ in BALLS.values()], axis=0
    ) & (np.abs(np.abs(places[:, 0]) - 68) < 20)  # fmt: skip

    through = found.features[:, 1]
    assert ball.any()
    assert tube.any()
    assert through[ball].min() < 0.3 < np.median(through[tube])


def test_of_two_peaks_in_one_ball_the_likelier_stays():
    field = lung_field(chest())
    assert field is not None
    found = blobs(field)
    logits = np.random.default_rng(0).normal(size=len(found.at))

    kept = strongest(found, logits, 0.0, 20)

    assert len(kept) == 20
    assert (np.diff(logits[kept]) <= 0).all()
    assert kept[0] == logits.argmax()


def test_what_is_found_follows_from_the_weights_by_their_hash(tmp_path: Path, finder: CandidateFinder):
    shipped = ROOT / "knowledge/models/candidate_finder/coefficients.json"
    record: dict[str, Any] = json.loads(shipped.read_text(encoding="utf-8"))
    record["seen"]["intercept"] -= 1
    (tmp_path / "coefficients.json").write_text(json.dumps(record), encoding="utf-8")

    other = CandidateFinder(tmp_path, finder.net)

    assert other.sha256 != finder.sha256
    assert CandidateFinder().sha256 == finder.sha256
    assert not finder.validated


def test_the_weights_were_fitted_with_the_net_that_ships(finder: CandidateFinder):
    record = json.loads((ROOT / "knowledge/models/candidate_finder/coefficients.json").read_text(encoding="utf-8"))

    assert record["net_sha256"] == finder.net.sha256, "run benchmarks/candidates.py --fit, then measure for the card"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"blob": {}, "seen": {}}', "null"])
def test_damaged_weights_are_refused(text: str):
    with pytest.raises(MissingKnowledge, match="coefficients"):
        coefficients_of(text.encode())


def test_absent_weights_are_refused(tmp_path: Path):
    with pytest.raises(MissingKnowledge, match="no such file"):
        CandidateFinder(tmp_path)


@pytest.mark.slow
def test_real_nodules_that_four_readers_saw_are_among_the_candidates():
    command = [sys.executable, "benchmarks/candidates.py", "--drawn", "0", "--truth"]
    told = subprocess.run(
        [*command, str(shared("data/chest/truth.json"))], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    row = next(line.split("|") for line in told.splitlines() if line.startswith("| 0.3 |"))

    assert row[2].strip() == "4/4"
    assert float(row[-2]) < 15
