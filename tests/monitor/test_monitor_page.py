"""The page and the JSON: everything on them, nothing from elsewhere, the same twice."""

import json
import re
from html.parser import HTMLParser

import pytest
from signed_exams import Plant, rows

from radlogic.adapters.monitor.page import page
from radlogic.adapters.monitor.signed import Counts
from radlogic.adapters.monitor.watched import as_record, watched
from radlogic.adapters.notice import INTENDED_USE

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """What a page is made of; refuses tags that do not close."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.labelled = [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.labelled += found.get("aria-labelledby", "").split() + found.get("aria-describedby", "").split()
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(text):
    parser = Outline()
    parser.feed(text)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def faulty():
    return watched(rows(300, 3, Plant(worse={"PHILIPS iCT": 0.4}, overconfident=0.12)), Counts(320, 300))


@pytest.fixture(scope="module")
def written(faulty):
    return page(faulty)


def test_the_page_closes_its_tags_names_each_once_and_labels_what_is_there(written):
    found = outline(written)

    assert len(found.ids) == len(set(found.ids))
    assert set(found.labelled) <= set(found.ids)


def test_the_page_has_no_script_and_loads_nothing(written):
    found = outline(written)

    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in found.tags}
    assert not any(name in attrs for _, attrs in found.tags for name in ("src", "href", "onclick"))
    assert "url(" not in written
    assert set(re.findall(r"https?://[^\"' ]+", written)) == {"http://www.w3.org/2000/svg"}


def test_the_page_says_what_it_is_for_and_what_sounds(written, faulty):
    assert INTENDED_USE in written
    assert {t.alarm for t in faulty.alarms} == {"group_agrees_less", "calibration_error"}
    for test in faulty.alarms:
        assert test.group in written
        assert faulty.known.alarms[test.alarm].text in written.replace("&#39;", "'")


def test_every_picture_has_a_title_and_its_numbers_in_words(written):
    pictures = re.findall(r"<svg.*?</svg>", written, re.DOTALL)

    assert len(pictures) > 10
    assert all("<title" in p and re.search(r"<desc[^>]*>.*\d.*</desc>", p) for p in pictures)


def test_the_same_exams_give_the_same_page_and_record(faulty, written):
    again = watched(rows(300, 3, Plant(worse={"PHILIPS iCT": 0.4}, overconfident=0.12)), Counts(320, 300))

    assert page(again) == written
    assert json.dumps(as_record(again), allow_nan=False) == json.dumps(as_record(faulty), allow_nan=False)


def test_foreign_words_are_escaped():
    exams = rows(40, 1)
    for row in exams:
        row.groups["scanner"] = "<script>alert(1)</script>"

    assert "<script" not in page(watched(exams, Counts(40, 40)))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_a_store_with_hardly_a_signature_gives_a_page_that_says_so(n):
    found = watched(rows(n, 1), Counts(n, n))

    assert "No test was made" in page(found)
    assert json.loads(json.dumps(as_record(found), allow_nan=False))["alarms"] == []


def test_groups_and_cells_of_a_handful_are_nowhere(faulty):
    record = as_record(faulty)

    groups = [f["exams"] for by in record["groups"].values() for f in by.values()]
    cells = [c["exams"] for cells in record["tables"].values() for c in cells]
    assert min(groups) >= faulty.known.small_groups.fewer_than
    assert None in cells
    assert min(n for n in cells if n is not None) >= faulty.known.small_counts.fewer_than


def test_every_exam_is_in_one_group_of_each_dimension(faulty):
    record = as_record(faulty)

    assert {name: sum(f["exams"] for f in by.values()) for name, by in record["groups"].items()} == dict.fromkeys(
        record["groups"], 300
    )
    assert sum(f["exams"] for f in record["months"].values()) == 300
