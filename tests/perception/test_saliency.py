"""A map must point at what carries the answer, follow it, and be another one for another net."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from nodule_crops import HU, disc
from numpy.typing import NDArray

from radlogic.engine.errors import BadValue, MissingExtra
from radlogic.engine.perception.calibration import SIGNS, TEXTURES, Calibration, calibration_of
from radlogic.engine.perception.grid import PIXEL_MM, SIDE
from radlogic.engine.perception.lung_nodule import OUTPUTS, LungNodule
from radlogic.engine.perception.saliency import DISC_MM, LUNG_HU, SaliencyMap, questions, saliency_of
from radlogic.engine.resources import knowledge_folder

FOLDER = knowledge_folder() / "models" / "lung_nodule"
SHIPPED = calibration_of(json.loads((FOLDER / "calibration.json").read_bytes()))
PLAIN = replace(
    SHIPPED, temperature=1.0, bias=(0.0, 0.0, 0.0), signs=dict.fromkeys(SIGNS, (1.0, 0.0))
)  # probabilities are the softmax and the logistic of what a net says


class Planted:
    """A net that looks at one place for solid and at another one for malignancy, each a square of 5 x 5 pixels."""

    def __init__(self, solid: tuple[int, int], malignancy: tuple[int, int]) -> None:
        self.calibration: Calibration = PLAIN
        self.places = {"solid": solid, "malignancy_opinion": malignancy}
        self.asked = 0

    def at(self, grids: NDArray[np.float32], name: str) -> NDArray[np.float32]:
        row, column = self.places[name]
        return (grids[:, row - 2 : row + 3, column - 2 : column + 3].mean(axis=(1, 2)) + 400) / 200

    def outputs(self, grids: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self.asked += len(grids)
        texture, signs = np.zeros((len(grids), 3), np.float32), np.zeros((len(grids), len(SIGNS)), np.float32)
        texture[:, TEXTURES.index("solid")] = self.at(grids, "solid")
        signs[:, SIGNS.index("malignancy_opinion")] = self.at(grids, "malignancy_opinion")
        answers = {"texture": texture, "signs": signs}
        return [answers.get(name, np.zeros(len(grids), np.float32)) for name in OUTPUTS]


ASKED = ("solid", "malignancy_opinion")
SOFT_TISSUE = np.full((SIDE, SIDE), 40, np.int16)
PLACES = [((20, 20), (44, 40)), ((10, 50), (32, 32)), ((33, 31), (52, 12))]


def centre(found: SaliencyMap) -> NDArray[np.float64]:
    """Centre of what carries the answer, (row, column)."""
    carried = np.maximum(found.fall, 0).astype(np.float64)
    rows, columns = np.indices(carried.shape)
    return np.array([(carried * rows).sum(), (carried * columns).sum()]) / carried.sum()


# --- a planted truth -------------------------------------------------------------------------------


@pytest.mark.parametrize(("solid", "malignancy"), PLACES)
def test_each_map_peaks_where_its_own_answer_was_planted(solid, malignancy):
    maps = saliency_of(Planted(solid, malignancy), SOFT_TISSUE, PIXEL_MM, ASKED).maps
    reach = (DISC_MM / 2 + 2 * PIXEL_MM) / PIXEL_MM  # a disc that touches the place

    for found, place in zip(maps, (solid, malignancy), strict=True):
        rows, columns = np.indices(found.fall.shape)
        far = np.hypot(rows - place[0], columns - place[1]) > 2 * reach + 3
        assert np.hypot(*(np.argwhere(found.fall == found.fall.max()) - place).T).min() <= reach
        assert centre(found) == pytest.approx(place, abs=2)
        assert np.abs(found.fall[far]).max() < 0.05 * found.largest


def test_a_fall_is_the_difference_between_two_answers_of_the_net():
    """No more than what filling the whole of the place with lung takes away."""
    net = Planted((32, 32), (20, 20))
    found = saliency_of(net, SOFT_TISSUE, PIXEL_MM, ["malignancy_opinion"]).maps[0]
    with_tissue, with_lung = (1 / (1 + np.exp(-(hu + 400) / 200)) for hu in (40.0, LUNG_HU))

    assert found.before == pytest.approx(with_tissue, abs=1e-4)
    assert 0.2 * (with_tissue - with_lung) < found.largest <= with_tissue - with_lung + 1e-4


def test_what_speaks_against_an_answer_has_the_other_sign():
    maps = saliency_of(Planted((32, 32), (20, 20)), SOFT_TISSUE, PIXEL_MM, ["solid", "non_solid"]).maps

    assert maps[0].fall[32, 32] > 0.1
    assert maps[1].fall[32, 32] < -0.05


def test_lung_has_nothing_that_carries_an_answer():
    blank = np.full((71, 71), LUNG_HU, np.int16)

    for found in saliency_of(Planted((32, 32), (20, 20)), blank, 0.7, ASKED).maps:
        assert found.largest < 1e-4


def test_the_net_is_asked_once_for_each_disc_whatever_is_asked():
    nets = [Planted((32, 32), (20, 20)) for _ in range(2)]
    saliency_of(nets[0], SOFT_TISSUE, PIXEL_MM, ["solid"])
    saliency_of(nets[1], SOFT_TISSUE, PIXEL_MM, [*TEXTURES, *SIGNS])

    assert nets[0].asked == nets[1].asked <= 300


def test_maps_lie_on_the_crop_and_are_zero_where_the_net_does_not_see():
    wide = np.full((120, 100), 40, np.int16)
    found = saliency_of(Planted((32, 32), (20, 20)), wide, PIXEL_MM, ["solid"]).maps[0]

    assert found.fall.shape == wide.shape
    assert np.unravel_index(found.fall.argmax(), wide.shape) == pytest.approx((60, 50), abs=4)
    outside = np.ones(wide.shape, bool)
    outside[28:92, 18:82] = False
    assert (found.fall[outside] == 0).all()


def test_spacing_is_taken_into_account():
    """What lies 8 mm off the centre does so whatever the pixels are."""
    net = Planted((32 + 12, 32), (20, 20))
    for spacing, side in ((0.5, 81), (1.0, 41)):
        found = saliency_of(net, np.full((side, side), 40, np.int16), spacing, ["solid"]).maps[0]
        below = (centre(found)[0] - (side - 1) / 2) * spacing

        assert below == pytest.approx(12.5 * PIXEL_MM, abs=1)


# --- the shipped net (Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018) ----------------

CROP = disc(9, HU["solid"])


@pytest.fixture(scope="module")
def model() -> LungNodule:
    return LungNodule()


@pytest.fixture(scope="module")
def seen(model) -> SaliencyMap:
    """What carries the readers' opinion of malignancy of a drawn nodule."""
    return saliency_of(model, CROP, 0.7, ["malignancy_opinion"]).maps[0]


def test_the_shipped_net_rests_on_the_nodule(seen):
    rows, columns = np.indices(CROP.shape)
    on_it = np.hypot(rows - 35, columns - 35) * 0.7 < 4.5 + DISC_MM / 2
    carried = np.maximum(seen.fall, 0)

    assert on_it.flat[carried.argmax()]
    assert carried[on_it].sum() / carried.sum() > 3 * on_it.mean()


@pytest.mark.slow
@pytest.mark.parametrize("shift", [(8, -6), (4, -4), (-4, 3)])
def test_the_map_follows_the_nodule(model, shift):
    """Asked of a drawn ball is its texture: of its malignancy the net is in doubt, and the map too faint to follow."""
    here, moved = (saliency_of(model, np.roll(CROP, by, axis=(0, 1)), 0.7, ["solid"]).maps[0] for by in ((0, 0), shift))

    def peak(found: SaliencyMap) -> NDArray[np.float64]:
        strong = np.where(found.fall > 0.5 * found.fall.max(), found.fall, 0)
        return centre(replace(found, fall=strong))

    assert peak(moved) - peak(here) == pytest.approx(shift, abs=4)
    assert np.hypot(*(np.array(np.unravel_index(moved.fall.argmax(), CROP.shape)) - 35 - shift)) * 0.7 < 4.5


def fields(message: memoryview) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, start, end) of the fields of a protobuf message."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        wire = key & 7
        length = varint() if wire == 2 else {1: 8, 5: 4}.get(wire, 0)
        start = at
        if wire == 0:
            varint()
        else:
            at += length
        yield key >> 3, wire, start, at


def scrambled(onnx: bytes, seed: int) -> bytes:
    """The same net with the numbers of each of its weights in another order.

    onnx.proto: ModelProto.graph is field 7, GraphProto.initializer 5, TensorProto.data_type 2 (1 = float32)
    and raw_data 9.
    """
    chance, whole = np.random.default_rng(seed), bytearray(onnx)
    view = memoryview(whole)
    shuffled = 0
    for _, _, start, end in (f for f in fields(view) if f[0] == 7):
        graph = view[start:end]
        for _, _, from_, to in (f for f in fields(graph) if f[0] == 5):
            tensor = graph[from_:to]
            parts = {number: tensor[a:b] for number, _, a, b in fields(tensor)}
            if parts[2][0] == 1 and len(parts.get(9, b"")) >= 1000:
                parts[9][:] = chance.permutation(np.frombuffer(parts[9], np.float32)).tobytes()
                shuffled += len(parts[9])
    assert shuffled > 0.8 * len(onnx)  # nearly all of the file is weights
    return bytes(whole)


def test_a_net_with_scrambled_weights_shows_next_to_nothing(tmp_path: Path, seen):
    """In points of probability. Scaled to its own largest value its map of a lone nodule looks much like the net's:
    whatever a net computes, it changes most where the crop does. So maps are never scaled like that."""
    weights, fitted = scrambled((FOLDER / "model.onnx").read_bytes(), 0), (FOLDER / "calibration.json").read_bytes()
    (tmp_path / "model.onnx").write_bytes(weights)
    (tmp_path / "calibration.json").write_bytes(fitted)
    (tmp_path / "sha256").write_text(hashlib.sha256(weights + fitted).hexdigest(), encoding="ascii")
    other = saliency_of(LungNodule(tmp_path), CROP, 0.7, ["malignancy_opinion"]).maps[0]

    assert other.largest < seen.largest / 5
    assert np.abs(seen.fall - other.fall).max() > 0.8 * seen.largest


def test_the_same_crop_gives_the_same_map():
    one, two = (saliency_of(Planted((32, 32), (20, 20)), CROP, 0.7, ASKED) for _ in range(2))

    for first, second in zip(one.maps, two.maps, strict=True):
        np.testing.assert_array_equal(first.fall, second.fall)


def test_the_class_that_was_said_and_the_opinion_are_asked_for(model):
    reading = model.read(CROP, 0.7, 1.25)
    said, opinion = questions(reading)

    assert reading.texture[said] == max(reading.texture.values())
    assert opinion in reading.signs


# --- refusals --------------------------------------------------------------------------------------


def test_a_question_that_is_none_is_refused():
    with pytest.raises(BadValue, match="histology"):
        saliency_of(Planted((32, 32), (20, 20)), SOFT_TISSUE, 0.7, ["histology"])


@pytest.mark.parametrize(("hu", "spacing"), [(np.zeros((3, 9, 9), np.int16), 0.7), (SOFT_TISSUE, 0.0)])
def test_what_is_no_crop_is_refused(hu, spacing):
    with pytest.raises(BadValue):
        saliency_of(Planted((32, 32), (20, 20)), hu, spacing, ASKED)


def test_without_the_extra_it_is_named(monkeypatch):
    for name in [n for n in sys.modules if n.split(".")[0] == "xaitk_saliency"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "xaitk_saliency", None)

    with pytest.raises(MissingExtra, match="`saliency`"):
        saliency_of(Planted((32, 32), (20, 20)), SOFT_TISSUE, 0.7, ASKED)
