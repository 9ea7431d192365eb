"""``radlogic record erase``: by pseudonym, and by token for what was said after an erasure."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import command
import pytest
from review_world import small_volume
from store_cases import decided

from radlogic.adapters.store.cases import Store
from radlogic.adapters.store.images import keep_images

NOW = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
KEY = "0123456789abcdef"


@pytest.fixture
def kept(tmp_path):
    made = decided()
    with Store.open(tmp_path) as store:
        name = store.add(replace(made, record=replace(made.record, image_sha256="ab" * 32)), NOW, "radlogic")
    return tmp_path, name


def erase(folder, who):
    return command.run("record", "erase", who, "--store", folder, "--why", "asked for", "--json")


def test_what_is_said_after_an_erasure_can_be_erased_by_token(kept):
    folder, name = kept
    token = json.loads(erase(folder, KEY).out)["token"]
    with Store.open(folder) as store:
        store.open_reasons(name, NOW, "dr-a")
        store.override(name, "other", "Mr A. again", NOW, "dr-a")

    assert json.loads(erase(folder, token).out)["erased"] == 1
    exported = command.run("record", "export", "--store", folder, "--identified").out
    assert "Mr A. again" not in exported
    assert command.run("record", "verify", "--store", folder).code == 0


def test_the_folders_of_slices_that_stay_are_named(kept):
    folder, _ = kept
    assert json.loads(erase(folder, KEY).out)["images"] == ["ab" * 32]


@pytest.mark.parametrize("who", ["nobody", "f" * 32])
def test_a_token_or_pseudonym_of_nobody_is_refused(kept, who):
    assert erase(kept[0], who).code == 2


def test_a_damaged_slice_is_found_when_verify_is_given_the_images(kept, tmp_path_factory):
    images = tmp_path_factory.mktemp("images")
    sha = keep_images(images, small_volume())
    assert command.run("record", "verify", "--store", kept[0], "--images", images).code == 0
    min((images / sha).glob("*.gz")).write_bytes(b"x")

    result = command.run("record", "verify", "--store", kept[0], "--images", images)
    assert (result.code, f"images {sha}: slice 1" in result.out) == (1, True)
