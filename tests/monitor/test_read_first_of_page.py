"""What a reader commits at the review page is what the monitor counts as read first."""

import asyncio

import pytest
from review_world import FORM, NODULE, SEEN, case_of, review_world

from radlogic.adapters.monitor.read_first import read_first_category
from radlogic.engine.guideline.load import load_guideline

AROUND = {"round": "baseline", "prior_ct": "none", "lungs_fully_evaluable": "yes", "known_lung_cancer": "no"}


@pytest.fixture(scope="module")
def runner():
    with asyncio.Runner() as made:
        yield made


@pytest.mark.parametrize(("diameters", "category"), [(("9.0", "8.0"), "4A"), (("4.0", "4.0"), "2")])
def test_the_category_of_a_reading_committed_at_the_page_is_known_to_the_monitor(runner, tmp_path, diameters, category):
    service = review_world(runner, tmp_path / "store")
    name = service.add(case_of(NODULE))
    seen = {**SEEN, "long_mm": diameters[0], "short_mm": diameters[1]}
    assert service.enter("reviewer").read(name, seen, **AROUND, s_finding="none").status_code == 303

    file = service.store.case(name)
    (committed,) = [e.body["findings"] for e in file.history if e.kind == "read"]
    assert read_first_category(committed, load_guideline(FORM), file.assessment.record.case) == category


def test_a_category_that_the_guideline_does_not_have_is_no_reading():
    form = load_guideline(FORM)
    case = case_of(NODULE)

    for answers in ({FORM: {"category": "9Z"}}, {FORM: {"category": None}}, {FORM: "4A"}, ["4A"], {"other@1": {}}):
        assert read_first_category({"answers": answers}, form, case) is None
