"""A hospital's own guideline is reported in its own sentences where its folder is given, and honestly without them."""

import shutil

import command
import own_rules
import pytest
from report_cases import MAKE
from report_pages import Page, words_of

from radlogic.adapters.report.known_rules import any_rules
from radlogic.adapters.report.language import reading
from radlogic.adapters.report.text import report_text
from radlogic.adapters.report_commands import Asked, report
from radlogic.engine.resources import rules_folder

SENTENCES = """\
guideline: kidney-cyst@2026
language: en
values:
  wall: {thin: a hairline wall}
lesion:
  what:
    - {id: wall, text: "A cyst with {wall}, {long_mm} by {short_mm}."}
answer:
  - {id: category, text: "Protocol 7 calls it {category}"}
"""
CASE = '{"exam": {"contrast": true, "date": "2026-05-04"}, "%s": [{"long_mm": 20, "short_mm": 18, "wall": "thin"}]}'


@pytest.fixture(scope="module")
def decided(tmp_path_factory):
    """The folder of the rules, and a decision by them."""
    folder = tmp_path_factory.mktemp("own")
    own = own_rules.filled(folder / "rules")
    with reading((folder / "rules",)):
        section = any_rules(own_rules.NAME).head["findings"]["section"]
    (folder / "case.json").write_text(CASE % section, encoding="utf-8")
    ran = command.run(
        "assess", "--findings", folder / "case.json", "--rules", folder / "rules", "--guideline", own_rules.NAME,
        "--indication", "surveillance", "--as-of", "2026-06-01", "--out", folder / "out",
    )  # fmt: skip
    assert ran.code == 0, ran
    return own, folder / "out" / "decision.json"


def told(decision, *rules, html=False):
    said = report(Asked(decision, rules=rules, html=html))
    return Page(said).text if html else words_of(said)


def test_without_sentences_of_its_own_the_general_ones_tell_all_that_is_stated(decided):
    own, decision = decided

    for text in (told(decision), told(decision, own.parent.parent)):
        for said in ("20 mm", "18 mm", "wall thin", "category low"):
            assert said in text


@pytest.mark.parametrize("html", [False, True])
def test_its_own_sentences_are_said_where_the_folder_is_given_and_only_there(decided, html):
    own, decision = decided
    (own / "report").mkdir(exist_ok=True)
    (own / "report" / "en.yaml").write_text(SENTENCES, encoding="utf-8")
    # ``spoken`` keeps what it read of a folder: another name of the same folder is another one to it
    again = own.parent.parent.parent / ("page" if html else "text")
    again.symlink_to(own.parent.parent)

    assert "A cyst with a hairline wall, 20 mm by 18 mm." in told(decision, again, html=html)
    assert "Protocol 7 calls it low" in told(decision, again, html=html)
    assert "hairline" not in told(decision, html=html)


def test_a_folder_that_is_none_is_refused(decided, tmp_path):
    from radlogic.engine.errors import NotReadable

    with pytest.raises(NotReadable):
        report(Asked(decided[1], rules=(tmp_path / "nowhere",)))


@pytest.mark.parametrize(
    ("change", "told_of_it"),
    [
        ("", ""),
        ("seen on", ", in the place of those that radlogic ships"),
        (None, "general ones: the folder rules takes the place of the guideline that radlogic ships, and has none"),
    ],
    ids=["the same", "others", "none"],
)
def test_sentences_in_the_place_of_shipped_ones_are_told_with_their_folder(tmp_path, change, told_of_it):
    made, _ = MAKE["lung-growth-and-silent-spot"]
    edition = tmp_path / "rules" / "lung-rads" / "2022"
    shutil.copytree(str(rules_folder() / "lung-rads" / "2022"), edition)
    words = edition / "report" / "en.yaml"
    if change is None:
        shutil.rmtree(words.parent)
    elif change:
        text = words.read_text(encoding="utf-8")
        words.write_text(text.replace("On the prior exam", "FIRSTHACK on the prior exam"), encoding="utf-8")
    with reading((tmp_path / "rules",)):
        text = words_of(report_text(made()))

    assert ("Sentences, ACR Lung-RADS v2022" in text) is bool(told_of_it)
    assert told_of_it in text
    assert ("of the folder rules, sha256 " in text) is bool(change)
    assert str(tmp_path) not in text
