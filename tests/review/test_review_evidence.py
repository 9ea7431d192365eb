"""What a net drew, kept when a case is assessed, and laid over the slices where the nodule really is."""

import base64
import json
from dataclasses import replace
from decimal import Decimal
from importlib.util import find_spec

import numpy as np
import pytest
from nodule_balls import UPRIGHT, ball
from review_world import DAY, NODULE, NOW, case_of, decided, knowledge

from radlogic.adapters.access.permissions import Role
from radlogic.adapters.assess import keep
from radlogic.adapters.review import evidence
from radlogic.adapters.review.evidence import evidence_of, keep_evidence
from radlogic.adapters.store.images import keep_images, kept_images
from radlogic.engine.assess import assess
from radlogic.engine.errors import NotReadable

TURNED = {
    "as it is read": UPRIGHT,
    "from head to feet": UPRIGHT * [[-1], [1], [1]],
    "rows to the front": UPRIGHT * [[1], [-1], [1]],
    "columns to the right": UPRIGHT * [[1], [1], [-1]],
    "rows and columns changed": UPRIGHT[[0, 2, 1]],
}
SLANTED = np.array([[0.6, 0, 0.8], [0.8, 0, -0.6], [0, 1, 0]]) @ np.array([[1.0, 0, 0], [0, 0.6, 0.8], [0, -0.8, 0.6]])


@pytest.fixture
def no_maps(monkeypatch):
    monkeypatch.setattr(evidence, "MOST_MAPS", 0)  # an outline takes a sixth of a second, a map two


def asked(volume, position):
    """A decision on a nodule of which only the place is stated, so that the net is asked."""
    bare = case_of({"tracking_id": "N1", "status": "baseline"})
    placed = replace(bare.findings[0], position_mm=position)
    return assess(replace(bare, findings=(placed,), volume=volume), knowledge(images=True), DAY)


def drawn(held: bytes, shape) -> np.ndarray:
    """The kept outline, filled, as a mask of the volume."""
    mask = json.loads(held)["mask"]
    bits = np.unpackbits(np.frombuffer(base64.b64decode(mask["bits"]), np.uint8))
    part = bits[: np.prod(mask["shape"])].reshape(mask["shape"]).astype(bool)
    whole = np.zeros(shape, bool)
    whole[tuple(slice(a, a + n) for a, n in zip(mask["start"], mask["shape"], strict=True))] = part
    return whole


EACH = [pytest.param(how, marks=[pytest.mark.slow] if "to the" in how else []) for how in TURNED]


@pytest.mark.parametrize("how", EACH)
def test_the_outline_lies_on_the_nodule_whatever_way_the_slices_are_stored(tmp_path, no_maps, how):
    volume, position = ball(axes=TURNED[how], centre=[17, 60, 45])
    made = asked(volume, position)
    count = keep_evidence(tmp_path, made, volume)
    mask = drawn(evidence_of(tmp_path, made, made.record.case.findings[0]), volume.hu.shape)
    bright = volume.hu > -400  # the ball, by its pixels

    assert count == 1
    assert (mask & bright).sum() > 0.8 * mask.sum()
    assert (mask & bright).sum() > 0.8 * bright.sum()


def test_assessing_keeps_slices_outline_and_map_and_the_page_gives_them(make_review, tmp_path):
    volume, position = ball()
    made = asked(volume, position)
    service, kept = make_review(), made.record.decision_id
    keep(made, tmp_path / "store", volume=volume)
    page = service.enter(Role.AUDITOR)
    about = page.get(f"/review/{kept}/viewer.json").json()
    held = page.get(f"/review/{kept}/evidence/0")
    found = {m["of"]: m for m in held.json()["maps"]}

    assert (kept_images(service.desk.images, volume.sha256()).volume().hu == volume.hu).all()
    assert about["marks"][0]["evidence"] is True
    assert "The outline that the net drew" in page.page(kept)
    assert bool(found) == (find_spec("xaitk_saliency") is not None)  # maps need the extra `saliency`
    assert all(0 < m["full"] <= 1 for m in found.values())
    assert service.enter(Role.READER).get(f"/review/{kept}/evidence/0").status_code == 409


def test_a_nodule_that_no_net_was_asked_about_has_no_outline(tmp_path):
    volume, position = ball()
    stated = decided(case_of({**NODULE, "position_mm": [Decimal(str(p)) for p in position]}), volume)

    assert keep_evidence(tmp_path, stated, volume) == 0
    assert list(tmp_path.iterdir()) == []


def test_slices_that_are_not_axial_get_no_outline_and_no_error(tmp_path):
    volume, position = ball(axes=SLANTED)
    made = asked(volume, position)

    assert keep_evidence(tmp_path, made, volume) == 0


def test_an_outline_that_is_damaged_is_not_shown_and_the_case_still_is(service, tmp_path, no_maps):
    volume, position = ball()
    made = asked(volume, position)
    keep_images(service.desk.images, volume)
    keep_evidence(service.desk.images, made, volume)
    file = next((service.desk.images / "evidence").rglob("*.json.gz"))
    file.write_bytes(file.read_bytes()[:-20])
    kept = service.store.add(made, NOW, "radlogic")

    with pytest.raises(NotReadable):
        evidence_of(service.desk.images, made, made.record.case.findings[0])
    assert "No outline and no saliency" in service.enter(Role.AUDITOR).page(kept)
