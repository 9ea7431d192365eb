"""``rules explain``: everything that decides is on the page, nothing is loaded, and it can be read without eyes."""

import re
from html.parser import HTMLParser

import command
import own_rules
import pytest
import rule_cases

from radlogic.adapters.notice import INTENDED_USE
from radlogic.adapters.rules.explain import page

SMALL = [
    name for name in rule_cases.guidelines() if name not in ("lung-rads@2022", "li-rads-ct-mri@2018", "lung-rads@1.1")
]
BIG = [pytest.param(name, marks=pytest.mark.slow) for name in rule_cases.guidelines() if name not in SMALL]
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Reader(HTMLParser):
    """What stands on a page: text, ids, links, and each tag closed in order."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.open, self.ids, self.links, self.words, self.attributes = [], [], [], [], [], []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for key, value in attrs if key == "id"]
        self.links += [value for key, value in attrs if key in ("href", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


@pytest.fixture(scope="module", params=[*SMALL, *BIG])
def read(request):
    return request.param, Reader(page(request.param))


def test_every_table_row_input_and_category_is_on_the_page(read):
    name, found = read
    guideline = rule_cases.guideline(name)
    tables = guideline.document["tables"]
    rows = [f"row-{t['id']}-{r['id']}" for t in tables for r in (*t.get("rows", ()), *t.get("any", ()))]

    assert {*rows, *(f"table-{t['id']}" for t in tables), *(f"input-{n}" for n in guideline.inputs)} <= set(found.ids)
    for words in (*(t["title"] for t in tables), *(t["cite"] for t in tables), guideline.head["owner"], INTENDED_USE,
                  *(m["management"] for m in guideline.head["managements"].values()),
                  *(c["descriptor"] for c in guideline.head["categories"])):  # fmt: skip
        assert " ".join(words.split()) in found.text


def test_every_silent_spot_and_every_waiver_gives_its_reason(read):
    name, found = read
    rows = [r for t in rule_cases.guideline(name).document["tables"] for r in (*t.get("rows", ()), *t.get("any", ()))]

    assert all(r["silent"]["why"] in found.text for r in rows if "silent" in r)
    assert all(r["because"] in found.text for r in rows if "over" in r)


def test_nothing_is_loaded_from_elsewhere(read):
    _, found = read

    assert all(link.startswith("#") for link in found.links)
    assert not {"script", "img", "link", "iframe"} & set(found.tags)


def test_links_lead_somewhere_and_ids_are_there_once(read):
    _, found = read

    assert {link[1:] for link in found.links} <= set(found.ids)
    assert len(set(found.ids)) == len(found.ids)


def test_it_is_well_formed_and_can_be_read_without_eyes(read):
    _, found = read

    assert found.open == []
    assert found.tags.count("h1") == found.tags.count("main") == found.tags.count("nav") == 1
    assert found.tags.count("caption") == found.tags.count("table")
    assert ("lang", "en") in found.attributes
    assert ("scope", "row") in found.attributes


def test_words_of_a_guideline_cannot_become_markup(tmp_path):
    folder = own_rules.filled(tmp_path)
    head = (folder / "guideline.yaml").read_text()
    (folder / "guideline.yaml").write_text(head.replace("Kidney cyst", "<script>alert(1)</script>"))

    html = page(own_rules.NAME, (tmp_path,))

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>" not in html


def test_examples_stand_beside_the_row_that_they_reach(tmp_path):
    own_rules.filled(tmp_path)
    row = page(own_rules.NAME, (tmp_path,)).split('id="row-septa-calcium"')[1].split("</tr>")[0]

    assert "calcium raises a thin cyst" in row
    assert "septa raise a thin cyst" not in row


def test_it_is_written_to_the_file_named(tmp_path):
    out = tmp_path / "page.html"
    result = command.run("rules", "explain", "fleischner", "--out", out)

    assert (result.code, result.out) == (0, f"wrote {out}\n")
    assert out.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert command.run("rules", "explain", "fleischner").out == out.read_text(encoding="utf-8")


COLOURS = [  # ink on ground: text needs 4.5, WCAG 2.2 AA
    ("ink", "page"), ("ink", "card"), ("quiet", "page"), ("quiet", "card"), ("quiet", "head"), ("quiet", "warn"),
    ("accent", "page"), ("accent", "card"), ("warn-ink", "warn"), ("ink", "warn"), ("good", "page"), ("bad", "page"),
]  # fmt: skip


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), COLOURS)
def test_text_stands_out_from_its_ground_in_light_and_dark(scheme, ink, ground):
    from radlogic.adapters.rules.rendering import template_text

    blocks = re.findall(r":root \{(.*?)\}", template_text("explain.css"), re.DOTALL)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", blocks[scheme == "dark"]))
    light, dark = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)

    assert (light + 0.05) / (dark + 0.05) >= 4.5
