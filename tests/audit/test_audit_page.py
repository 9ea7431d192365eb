"""The page: everything on it, nothing from elsewhere, no small cell, and every picture with its table."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import audit_counts
import pytest

from radlogic.adapters.audit.described import described
from radlogic.adapters.audit.measure_files import measures
from radlogic.adapters.audit.page import page, write_page
from radlogic.adapters.audit.scope import settings
from radlogic.adapters.notice import INTENDED_USE
from radlogic.engine.errors import NotReadable

pytest.importorskip("sqlglot", reason="needs the extra `audit`")

FEW = ("category-concordant", "positive-predictive-value", "follow-up-on-time")
VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """What a page is made of; refuses tags that do not close."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.named, self.texts = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append((tag, found))
        self.ids += [found["id"]] if "id" in found else []
        self.named += found.get("aria-labelledby", "").split() + found.get("aria-describedby", "").split()
        self.named += [found["href"][1:]] if tag == "a" else []
        self.open += [] if tag in VOID else [tag]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


def outline(text):
    parser = Outline()
    parser.feed(text)
    assert parser.open == []
    return parser


@pytest.fixture(scope="module")
def written():
    return page(audit_counts.summary(40_000, only=FEW), audit_counts.aggregates(40_000, only=FEW))


def test_the_page_closes_its_tags_names_each_once_and_labels_what_is_there(written):
    found = outline(written)

    assert len(found.ids) == len(set(found.ids))
    assert set(found.named) <= set(found.ids)


def test_the_page_says_first_what_it_is_for(written):
    text = "".join(outline(written).texts)

    assert INTENDED_USE in text
    assert text.index(INTENDED_USE) < text.index("As of 2026-06-30")


def test_the_page_has_no_script_loads_nothing_and_allows_its_own_style_alone(written):
    found = outline(written)

    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in found.tags}
    assert not [a for _, a in found.tags if {"src", "style", "onload", "onclick"} & set(a)]
    assert all(a["href"].startswith("#") for tag, a in found.tags if tag == "a")
    style = re.search(r"<style>(.*?)</style>", written, re.S)[1]
    sha = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = [a["content"] for tag, a in found.tags if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == f"default-src 'none'; style-src 'sha256-{sha}'"


def test_every_measure_has_title_population_source_confidence_and_what_decides(written):
    text = "".join(outline(written).texts)

    for name in FEW:
        file, told = measures()[name].file, described(measures()[name], settings())
        assert f'id="m-{name}"' in written
        for said in (
            file.title,
            file.source.text.replace("`", ""),
            file.source.confidence,
            file.as_of,
            told.population,
        ):
            assert said in text
        for line in (*told.met, *told.not_met, *told.excluded, *told.unknown):
            assert line.words in text
            assert line.when in text or line.when == "TRUE"


def test_the_page_names_the_words_that_nobody_knows(written):
    text = "".join(outline(written).texts)

    assert "exams.modality, words that the audit does not know: MRT 1,204 times, <b>CT</b> 12 times" in text


def test_every_picture_has_words_and_a_table_follows_it(written):
    pictures = re.findall(r'<svg [^>]*role="img"[^>]*>(.*?)</svg>', written, re.S)

    assert len(pictures) > 20
    assert all(re.search(r"<title [^>]*>[^<]+</title><desc [^>]*>[^<]+</desc>", one) for one in pictures)
    after = [part.partition("<svg")[0] for part in written.split("</svg>")[1:]]
    assert all("<table" in part for part in after)


def test_no_path_of_a_picture_is_empty_and_every_number_is_one(written):
    ways = re.findall(r' d="([^"]*)"', written)
    pair = r"-?\d+(\.\d)? -?\d+(\.\d)?"

    assert ways
    assert all(re.fullmatch(rf"(M{pair}(L{pair})*)+", way) for way in ways)
    assert "nan" not in " ".join(re.findall(r'(?:x|y|width|height)="([^"]*)"', written))


def test_the_reader_who_is_far_worse_lies_beyond_the_limits(written):
    section = written[written.index('id="m-category-concordant"') :]
    row = re.search(r"<tr[^>]*><th scope=\"row\">R000</th>.*?</tr>", section, re.S)[0]

    assert 'class="out"' in row
    assert "beyond 99.8 %" in row


def test_the_published_bands_stand_beside_the_rates(written):
    section = written[written.index('id="m-positive-predictive-value"') :]

    assert "Published" in section
    assert "5.0 to 15.0 %" in section


def test_a_hidden_count_is_shown_as_few_and_never_drawn():
    summary = audit_counts.summary(40_000, only=FEW[:1])
    (told,) = summary["measures"]
    told["by"]["reader_id"]["R000"] |= {"met": None, "not_met": None, "rate": None, "interval": None}
    told["by"]["month"]["2019-03"] |= {"met": None, "not_met": None, "rate": None, "interval": None}

    text = page(summary, audit_counts.aggregates(40_000, only=FEW[:1]))

    assert "1 more have small cells" in text
    assert ">few<" in text
    funnel = text[text.index("<h3>By reader</h3>") : text.index("<h3>By site</h3>")]
    assert "R000" not in funnel


@pytest.mark.parametrize("exams", [0, 5, 200])
def test_small_and_empty_audits_have_a_page_too(exams):
    few = audit_counts.summary(exams, only=FEW)

    text = page(few, audit_counts.aggregates(exams, only=()))

    assert outline(text).ids.count("m-follow-up-on-time") == 1
    assert re.search(r">([1-9]|10)</td>", text[text.index('id="m-category-concordant"') :]) is None or exams > 0


def test_of_thousands_of_readers_the_table_lists_those_beyond_the_limits_first():
    many = audit_counts.summary(6_000_000, readers=600, only=FEW[:1])

    text = page(many, audit_counts.aggregates(6_000_000, only=FEW[:1]))

    table = re.search(r"<table><caption>[^<]*by reader: the first 500 of 600.*?</table>", text, re.S)[0]
    where = re.findall(r'<td class="t">([^<]*)</td></tr>', table)
    assert len(where) == 500
    assert where == sorted(where, key=["beyond 99.8 %", "beyond 95 %", "inside"].index)
    assert where[0] == "beyond 99.8 %"


def test_words_of_the_data_are_escaped():
    summary = audit_counts.summary(40_000, only=FEW[:1])
    (told,) = summary["measures"]
    told["by"]["reader_id"]["<script>alert(1)</script>"] = told["by"]["reader_id"].pop("R000")

    assert "<script" not in page(summary, audit_counts.aggregates(40_000, only=FEW[:1]))


def test_the_page_is_written_beside_its_files_and_the_same_twice(tmp_path):
    summary, counts = audit_counts.summary(40_000, only=FEW[:1]), audit_counts.aggregates(40_000, only=FEW[:1])
    (tmp_path / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (tmp_path / "aggregates.json").write_text(json.dumps(counts), encoding="utf-8")

    first = write_page(tmp_path).read_bytes()

    assert write_page(tmp_path).read_bytes() == first
    assert sorted(f.name for f in tmp_path.iterdir()) == ["aggregates.json", "page.html", "summary.json"]


@pytest.mark.parametrize("content", [None, "{", "{}", "[]"])
def test_files_that_are_none_of_an_audit_are_refused_and_no_page_is_left(tmp_path, content):
    if content is not None:
        for name in ("summary.json", "aggregates.json"):
            (tmp_path / name).write_text(content, encoding="utf-8")

    with pytest.raises(NotReadable):
        write_page(tmp_path)
    assert not list(tmp_path.glob("*.html")) + list(tmp_path.glob(".*"))
