"""Calibrations as files: written and read alike, broken ones named, and those taken that fit the nets."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import date

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from radlogic.engine import calibration_file
from radlogic.engine.calibration_file import load_calibrators, read_calibrator, written
from radlogic.engine.errors import MissingKnowledge
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.likely import Calibrator, fair_share
from radlogic.engine.perception.nodule_beliefs import NoduleBeliefs
from radlogic.engine.resources import knowledge_folder

ONE = Calibrator(
    guideline="lung-rads@2022",
    extractor="net",
    extractor_sha256="a" * 64,
    level=0.9,
    at_least={"2": 0.125, "4A": 0.01},
    otherwise=0.0,
    cases=12,
    guarantee='of 12 readings: "quoted", and a line\nbroken',
    fitted=date(2026, 11, 22),
    until=date(2027, 11, 22),
)
SHIPPED = sorted(f.name for f in (knowledge_folder() / "calibration").iterdir() if f.name.endswith(".yaml"))


@dataclass(frozen=True)
class Net:
    name: str
    sha256: str
    validated: bool = True

    def beliefs(self, case, finding):
        return {}


NET = Net("net", "a" * 64)


def stored(folder, one, name="x.yaml"):
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name
    file.write_text(written(one), encoding="utf-8")
    return file


def test_what_is_written_is_read_alike_with_the_hash_of_its_bytes(tmp_path):
    file = stored(tmp_path, ONE)

    assert read_calibrator(file) == replace(ONE, sha256=hashlib.sha256(file.read_bytes()).hexdigest())


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@given(
    st.dictionaries(st.sampled_from(["1", "2", "4A", "4B", "none", "yes", "0x1"]), st.floats(0, 1), max_size=5),
    st.floats(0, 1),
    st.integers(0, 10**6),
    words,
    words,
    st.dates(),
)
def test_any_calibrator_survives_its_file(tmp_path_factory, bars, otherwise, cases, guarantee, site, day):
    one = replace(
        ONE, at_least=bars, otherwise=otherwise, cases=cases, guarantee=guarantee, site=site, fitted=day, until=day
    )
    file = stored(tmp_path_factory.getbasetemp(), one)

    assert replace(read_calibrator(file), sha256="") == one


BROKEN = {
    "no yaml": "a: [",
    "a list": "- 1",
    "nothing": "",
    "no text": b"\xff\xfe\x00",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_none_is_named_with_its_cure(tmp_path, content):
    file = tmp_path / "broken.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(MissingKnowledge) as error:
        read_calibrator(file)

    assert "broken.yaml" in error.value.where
    assert "radlogic calibrate" in error.value.cure


@pytest.mark.parametrize("lacking", ["guideline", "extractor", "extractor_sha256", "level", "at_least", "otherwise",
                                     "cases", "guarantee", "fitted", "until"])  # fmt: skip
def test_a_file_without_one_of_its_fields_is_none(tmp_path, lacking):
    said = yaml.safe_load(written(ONE))
    del said[lacking]
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")

    with pytest.raises(MissingKnowledge):
        read_calibrator(tmp_path / "x.yaml")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("level", 1.5), ("level", "high"), ("level", True), ("level", None), ("otherwise", -0.1),
        ("otherwise", float("nan")),
        ("at_least", {"2": 2}), ("at_least", {"2": None}), ("at_least", {2: 0.1}), ("at_least", [0.1]),
        ("cases", -1), ("cases", 1.5), ("cases", True), ("cases", "many"), ("guarantee", 5), ("guideline", None),
        ("extractor_sha256", 1), ("fitted", "yesterday"), ("until", 7), ("site", None), ("more", "said"),
        ("sha256", "a" * 64),
    ],
)  # fmt: skip
def test_a_field_of_another_kind_is_refused(tmp_path, field, value):
    said = yaml.safe_load(written(ONE)) | {field: value}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump(said), encoding="utf-8")

    with pytest.raises(MissingKnowledge):
        read_calibrator(tmp_path / "x.yaml")


def shipping(monkeypatch, tmp_path, *calibrators):
    monkeypatch.setattr(calibration_file, "knowledge_folder", lambda: tmp_path)
    for i, one in enumerate(calibrators):
        stored(tmp_path / "calibration", one, f"{i}.yaml")


def test_only_what_was_fitted_on_this_very_net_is_taken(monkeypatch, tmp_path):
    shipping(monkeypatch, tmp_path, ONE)

    assert [c.guideline for c in load_calibrators([NET], ["lung-rads@2022"])] == ["lung-rads@2022"]
    assert load_calibrators([Net("net", "b" * 64)], ["lung-rads@2022"]) == ()
    assert load_calibrators([Net("other", "a" * 64)], ["lung-rads@2022"]) == ()
    assert load_calibrators([], ["lung-rads@2022"]) == ()
    assert load_calibrators([NET], ["lung-rads@1.1"]) == ()


def test_a_sites_own_goes_before_the_shipped_one_and_leaves_the_others(monkeypatch, tmp_path):
    shipping(monkeypatch, tmp_path, ONE, replace(ONE, guideline="lung-rads@1.1"))
    stored(tmp_path / "site", replace(ONE, site="here"))

    found = load_calibrators([NET], ["lung-rads@2022", "lung-rads@1.1"], tmp_path / "site")

    assert {c.guideline: c.site for c in found} == {"lung-rads@2022": "here", "lung-rads@1.1": ""}


def test_a_sites_calibration_of_an_older_net_gives_way_to_the_shipped_one(monkeypatch, tmp_path):
    shipping(monkeypatch, tmp_path, ONE)
    stored(tmp_path / "site", replace(ONE, site="here", extractor_sha256="b" * 64))

    assert [c.site for c in load_calibrators([NET], ["lung-rads@2022"], tmp_path / "site")] == [""]


def test_without_a_folder_there_are_none(monkeypatch, tmp_path):
    monkeypatch.setattr(calibration_file, "knowledge_folder", lambda: tmp_path)

    assert load_calibrators([NET], ["lung-rads@2022"], tmp_path / "no such site") == ()


def test_a_broken_file_is_not_passed_over(monkeypatch, tmp_path):
    shipping(monkeypatch, tmp_path, ONE)
    (tmp_path / "calibration" / "y.yaml").write_text("- 1", encoding="utf-8")

    with pytest.raises(MissingKnowledge):
        load_calibrators([NET], ["lung-rads@2022"])


def test_lung_rads_ships_calibrated():
    assert {"lung-rads@2022.yaml", "lung-rads@1.1.yaml"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_calibration_is_of_the_shipped_net_and_says_what_it_promises(name):
    one = read_calibrator(knowledge_folder() / "calibration" / name)
    guideline = load_guideline(one.guideline)

    assert name == f"{one.guideline}.yaml"
    assert (one.extractor, one.extractor_sha256) == (NoduleBeliefs.name, NoduleBeliefs().sha256)
    assert set(one.at_least) <= {str(c["id"]) for c in guideline.head["categories"]}
    assert all(0 < bar <= fair_share(guideline) for bar in one.at_least.values())
    assert 360 <= (one.until - one.fitted).days <= 366
    assert one.site == ""
    for words in ("LIDC", "not histology", "not your site", "right management", "90 %", f"{one.cases} nodules"):
        assert words in one.guarantee


@pytest.mark.parametrize("name", SHIPPED)
def test_each_shipped_calibration_is_found_for_its_guideline(name):
    guideline = name.removesuffix(".yaml")

    assert [c.guideline for c in load_calibrators([NoduleBeliefs()], [guideline])] == [guideline]
