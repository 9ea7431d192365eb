"""Sentences are data: a broken file is refused with its place, and a language needs no edit of the program."""

import ast
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from report_cases import MAKE
from rule_cases import guidelines

from radlogic.adapters import report
from radlogic.adapters.report import language, phrase_files, phrases, words
from radlogic.adapters.report.draft import report_of
from radlogic.adapters.report.phrase_files import check_reports, general, spoken
from radlogic.adapters.report.sentence import Sentence, form_of
from radlogic.adapters.report.text import report_text
from radlogic.engine.errors import BadValue, MissingKnowledge, RuleFileError
from radlogic.engine.resources import rules_folder

ROOM = Path(report.__file__).parent  # of the package that is tested, be it a checkout or a wheel


@pytest.mark.parametrize("name", guidelines())
def test_every_guideline_speaks_english_in_sentences_that_are_whole(name):
    assert "en" in check_reports(name)


@pytest.mark.parametrize(
    ("text", "values", "said"),
    [
        ("{a} b[, {c}].", {"a": "x", "c": "y"}, "x b, y."),
        ("{a} b[, {c}].", {"a": "x"}, "x b."),
        ("{a} b[, {c}].", {"c": "y"}, None),
        ("[{a}][ {b}]", {}, ""),
        ("plain", {}, "plain"),
    ],
)
def test_a_bracket_is_said_only_where_its_names_are_known(text, values, said):
    assert form_of(text).filled(values) == said


@pytest.mark.parametrize(
    "text", ["{a", "a}", "{}", "{a.b}", "{a[0]}", "{a!r}", "{a:>9}", "[a]", "[{a}", "[[{a}]]", "{A b}"]
)
def test_anything_but_plain_names_and_brackets_is_refused(text):
    with pytest.raises(ValueError, match="in braces"):
        form_of(text)


@given(st.text(alphabet="ab{}[] ._!:0", max_size=14), st.dictionaries(st.sampled_from("ab"), st.text(max_size=4)))
def test_no_value_is_read_as_a_template(text, values):
    try:
        form = form_of(text)
    except ValueError:
        return
    said = form.filled(values)

    assert said is None or all(values[name] in said for name in form.needed)


def with_folder(tmp_path, monkeypatch, change, code="xx"):
    """A language made from English: every sentence and heading changed."""
    english = yaml.safe_load((language.folder() / "en" / "sentences.yaml").read_text(encoding="utf-8"))
    for group in ("headings", "sentences"):
        english[group] = {name: change(name, text) for name, text in english[group].items()}
    english = {**english, "language": code}
    for name, content in (("en", language.folder() / "en"), (code, None)):
        (tmp_path / name).mkdir()
        vocabulary = (language.folder() / "en" / "words.yaml").read_text(encoding="utf-8")
        (tmp_path / name / "words.yaml").write_text(vocabulary, encoding="utf-8")
        text = (
            (content / "sentences.yaml").read_text("utf-8") if content else yaml.safe_dump(english, allow_unicode=True)
        )
        (tmp_path / name / "sentences.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(language, "folder", lambda: tmp_path)
    for cached in (general, spoken, words._terms):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def fresh():
    yield
    for cached in (general, spoken, words._terms):
        cached.cache_clear()


def test_another_language_is_a_folder_and_no_sentence_stays_behind(tmp_path, monkeypatch):
    with_folder(tmp_path, monkeypatch, lambda _, text: re.sub(r"[A-Za-z](?![^{]*\})", "ö", text))
    make, signed = MAKE["lung-signed-with-another-answer"]

    with language.speaking("xx"):
        report = report_of(make(), signed)

    own = [
        said
        for section in report.sections
        for group in section.groups
        for said in (*group.sentences, *(item.text for item in group.items))
    ]
    assert all(isinstance(said, Sentence) for said in own)
    assert all("ö" in said for said in own if form_of(general("en").sentences[said.template]).pieces[0][1][0].strip())
    assert "ö" in report.title
    assert language.current() == "en"


def test_a_translation_that_lacks_a_sentence_is_refused(tmp_path, monkeypatch):
    with_folder(tmp_path, monkeypatch, lambda name, text: text)
    file = tmp_path / "xx" / "sentences.yaml"
    content = yaml.safe_load(file.read_text("utf-8"))
    del content["sentences"]["silent.none"]
    file.write_text(yaml.safe_dump(content), encoding="utf-8")

    with pytest.raises(RuleFileError) as caught:
        general("xx")

    assert (caught.value.where, "silent.none" in caught.value.found) == ("report/xx/sentences.yaml", True)


def test_a_translation_with_a_name_of_its_own_is_refused_with_its_line(tmp_path, monkeypatch):
    with_folder(tmp_path, monkeypatch, lambda name, text: text + "{mine}" if name == "silent.none" else text)

    with pytest.raises(RuleFileError) as caught:
        general("xx")

    assert caught.value.found == "{mine}"
    assert re.search(r"line \d+, sentences.silent.none", caught.value.field)


def test_an_unknown_language_is_refused_and_the_known_ones_are_named():
    make, signed = MAKE["thyroid"]

    with pytest.raises(BadValue) as caught:
        report_text(make(), signed, language="tlh")

    assert caught.value.allowed == "en"


def own_rules(tmp_path, old, new):
    """Lung-RADS of a hospital's folder, with its sentences changed."""
    source = Path(str(rules_folder())) / "lung-rads" / "2022"
    target = tmp_path / "lung-rads" / "2022"
    for file in source.rglob("*.yaml"):
        copy = target / file.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(file.read_text("utf-8"), encoding="utf-8")
    file = target / "report" / "en.yaml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("mean diameter {mean_mm}", "mean diameter {mean_mn}", "{mean_mn}"),
        ("if: {status: resolved}", "if: {status: gone}", "gone"),
        ("if: {status: resolved}", "if: {state: resolved}", "{state}"),
        ("[, {descriptor}]", "[, {diameter}]", "{diameter}"),
        ("{category: NC}", "{category: N}", "N"),
        ("round: {baseline", "round: {first: f, baseline", "{first}"),
        ("language: en", "language: de", "de"),
        ("guideline: lung-rads@2022", "guideline: lung-rads@1.1", "lung-rads@1.1"),
        ("It is new.", "It is [new.", '"It is [new."'),
    ],
)
def test_a_broken_sentence_of_a_guideline_is_refused_with_file_and_place(tmp_path, old, new, found):
    folder = own_rules(tmp_path, old, new)

    with pytest.raises(RuleFileError) as caught:
        check_reports("lung-rads@2022", (folder,))

    assert caught.value.where == "lung-rads/2022/report/en.yaml"
    assert caught.value.found.strip('"') == found.strip('"')
    assert caught.value.field.startswith("line ")
    assert caught.value.allowed
    assert caught.value.cure


def test_a_file_that_nothing_reads_is_refused(tmp_path):
    folder = own_rules(tmp_path, "It is new.", "It is new.")
    (folder / "lung-rads" / "2022" / "report" / "english.yaml").write_text("language: en\n", encoding="utf-8")

    with pytest.raises(RuleFileError, match="a file that nothing reads"):
        check_reports("lung-rads@2022", (folder,))


def calls_of(name):
    """(sentence, names given) of every call of ``phrase`` and ``say`` with a plain name, over the room's files."""
    for file in sorted(ROOM.glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in name
            if called and node.args and isinstance(node.args[0], ast.Constant):
                plain = all(k.arg for k in node.keywords)
                yield file.name, node.args[0].value, {k.arg for k in node.keywords if k.arg}, plain


def test_every_sentence_that_the_program_says_is_there_with_the_names_it_is_given():
    known = general("en").sentences
    for file, name, given_, plain in calls_of({"phrase", "say"}):
        assert name in known, (file, name)
        assert given_ <= form_of(known[name]).names, (file, name)
        assert not plain or form_of(known[name]).needed <= given_, (file, name)


def test_every_sentence_of_the_language_is_said_somewhere():
    source = "".join(f.read_text("utf-8") for f in (*ROOM.glob("*.py"), *ROOM.glob("templates/*.j2")))
    built = {f"indication.{why}" for why in ("screening", "incidental", "surveillance", "known_cancer", "unknown")}
    built |= {f"signed.{how}" for how in ("accepted", "corrected", "overridden")}
    built |= {f"{plot}.{part}" for plot in ("pushes", "tornado", "network") for part in ("name", "caption")}
    built |= {f"network.{frame}" for frame in ("told", "inferred", "asked")}
    grounds = ("prior", "for", "against", "small", "together", "turns", "thresholds", "gaps", "unknown")
    built |= {f"risk.{row}" for row in (*grounds, "contradictions", "sways")}

    assert [n for n in general("en").sentences if f'"{n}"' not in source and n not in built] == []


def test_a_sentence_without_its_name_is_an_error_and_a_blank_one_says_so():
    with pytest.raises(MissingKnowledge):
        phrases.phrase("note")
    with pytest.raises(MissingKnowledge):
        phrases.phrase("no such sentence")

    assert phrases.say("note", note=" ") == "(blank)"
    assert phrase_files.ACROSS == "across.yaml"
