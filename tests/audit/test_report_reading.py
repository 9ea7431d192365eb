"""Statements of free-text reports, against wordings by authors who saw no grammar, and properties of the reader."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import sqrt
from pathlib import Path
from time import process_time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from radlogic.adapters.audit.reading.reader import read_report
from radlogic.adapters.audit.reading.types import Place, ReportRead

WORDINGS = sorted((Path(__file__).parent / "wordings").glob("*.yaml"))
FLOORS = {"category": (0.98, 0.95), "interval": (0.96, 0.94), "modality": (0.9, 0.88), "sizes": (0.85, 0.85)}
# what the hardest families give, and no less
HARD = {
    "a-nordic-english": {"interval": (0.95, 0.94)},
    "ed-terse": {"category": (0.98, 0.75), "interval": (0.93, 0.82)},
    "powerscribe-picklist": {"category": (0.98, 0.95), "interval": (0.9, 0.83)},
    "transplant-liver": {"category": (0.96, 0.93), "interval": (0.95, 0.95)},
    "a-india-corporate": {"category": (0.98, 0.95), "interval": (0.95, 0.94)},
    # two organs: its labels are of the one that is named first, what is read is of the lungs
    "qvt-oahu-letters": {"interval": (0.95, 0.95), "modality": (0.77, 0.65)},
    "hjt-academic": {"category": (0.96, 0.95)},
    "hjt-voice": {"interval": (0.95, 0.94), "sizes": (0.75, 0.1)},  # sizes in words
    "sln-blr-diag": {"category": (0.96, 0.95)},
    "jka-coast-dictation": {"sizes": (0.75, 0.3), "modality": (0.9, 0.85)},  # sizes in words
}
BESIDE = {"modality": (0.8, 0.65), "sizes": (0.8, 0.6)}  # of these authors' families, read for the two above
BESIDE_THE_TWO = {"ann", "bea", "rvd", "aeg", "kbo", "pnh", "bwk", "hjt", "mcq", "sln", "qvt", "dfr", "jka"}
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same, faster where it was built
Values = set[Any]


@dataclass
class Tally:
    """How often a value was stated, read, and read rightly."""

    right: int = 0
    stated: int = 0
    read: int = 0

    def add(self, truth: Values, answer: Values) -> None:
        self.right, self.stated, self.read = (
            self.right + len(truth & answer),
            self.stated + len(truth),
            self.read + len(answer),
        )


def wilson(right: int, of: int) -> tuple[float, float]:
    """95 % interval of a proportion by Wilson's score."""
    if not of:
        return 0.0, 1.0
    z, p = 1.959964, right / of
    middle, half = p + z * z / (2 * of), z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    return (middle - half) / (1 + z * z / of), (middle + half) / (1 + z * z / of)


def truths(truth: dict[str, Any]) -> dict[str, Values]:
    asked = truth["recommended"] or {}
    interval = asked.get("interval_months")
    return {
        "category": {(one["guideline"], one["category"]) for one in truth["stated"] if one["category"]},
        "interval": {tuple(map(float, interval))} if interval else set(),
        "modality": {asked["modality"]} if asked.get("modality") else set(),
        "sizes": {float(size) for size in truth["sizes_mm"]},
    }


def answers(read: ReportRead) -> dict[str, Values]:
    asked = read.recommended
    return {
        "category": {(one.guideline, one.category) for one in read.stated if one.category},
        "interval": {asked.interval_months} if asked and asked.interval_months else set(),
        "modality": {asked.modality} if asked and asked.modality else set(),
        "sizes": {size.mm for size in read.sizes},
    }


@cache
def loaded(path: Path) -> dict[str, Any]:
    family: dict[str, Any] = yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506 - a safe one
    return family


def reports(path: Path) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = loaded(path)["reports"]
    return listed


@cache
def once(text: str) -> ReportRead:
    """A text of the families, read once for all tests."""
    return read_report(text)


TEXTS = [report["text"] for path in WORDINGS for report in reports(path)]


@pytest.mark.parametrize("path", WORDINGS, ids=lambda path: path.stem)
def test_each_family_is_read_with_the_precision_and_recall_asked_for(path: Path) -> None:
    tallies = {name: Tally() for name in FLOORS}
    wrong: Counter[str] = Counter()
    for report in reports(path):
        truth, answer = truths(report["truth"]), answers(once(report["text"]))
        for name, tally in tallies.items():
            tally.add(truth[name], answer[name])
            wrong[f"{name} of report {report['id']}"] += truth[name] != answer[name]
    print(table(path.stem, tallies))  # noqa: T201 - shown by pytest -s
    for name, (precision, recall) in floors(path).items():
        tally = tallies[name]
        assert tally.right >= precision * tally.read, (name, +wrong)
        assert tally.right >= recall * tally.stated, (name, +wrong)


def floors(path: Path) -> dict[str, tuple[float, float]]:
    author = loaded(path)["author"]
    return FLOORS | (BESIDE if author in BESIDE_THE_TWO else {}) | HARD.get(path.stem, {})


def table(family: str, tallies: dict[str, Tally]) -> str:
    """Precision and recall of a family, with Wilson's 95 % intervals."""
    rows = [
        f"{family:24} {name:9} {_share(one.right, one.read)} {_share(one.right, one.stated)}"
        for name, one in tallies.items()
    ]
    return "\n".join(rows)


def _share(right: int, of: int) -> str:
    low, high = wilson(right, of)
    return f"{right}/{of} [{low:.3f}, {high:.3f}]"


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    low, high = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def places(read: ReportRead) -> list[Place]:
    asked = read.recommended
    found = [place for one in read.stated for place in (one.place, one.edition_place, one.modifier_place)]
    found += [size.place for size in read.sizes]
    found += [asked.interval_place, asked.modality_place, asked.none_place] if asked else []
    return [place for place in found if place]


NUMERALS = {
    "I": "1",
    "FOUR": "4",
    "FIVE": "5",
    "ZERO": "0",
    "ONE": "1",
    "TWO": "2",
    "THREE": "3",
    "III": "3",
    "II": "2",
    "V": "5",
    "IV": "4",
}


@pytest.mark.parametrize("path", WORDINGS, ids=lambda path: path.stem)
def test_every_value_stands_at_words_of_the_text(path: Path) -> None:
    for text in (report["text"] for report in reports(path)):
        read = once(text)
        for place in places(read):
            assert 0 <= place.start < place.end <= len(text)
            assert text[place.start : place.end].strip()
            assert place.rule
        for one in read.stated:
            said = text[one.place.start : one.place.end].upper().strip(" .)]")
            said = said if said.endswith("VIABLE") else said.removesuffix("S").strip(" -+(/[]")
            spoken = said.endswith("T I V")  # LR-TIV as it is dictated: no numeral
            said = (
                said
                if spoken
                else next((said.removesuffix(n) + d for n, d in NUMERALS.items() if f" {said}".endswith(f" {n}")), said)
            )
            if one.category:
                assert said.endswith(one.category.upper()[-1])


QUIET = [
    "",
    "   \n\n",
    "CT chest. No acute findings.",
    "Ultrasound of the liver: normal. No focal lesion.",
    "Legend: Lung-RADS 1 negative, Lung-RADS 2 benign, Lung-RADS 3 probably benign, Lung-RADS 4A suspicious.",
    "History: LR-5 in 2021, treated. The liver is unremarkable.",
    "Findings do not meet criteria for Lung-RADS 4A.",
    'Outside report: "Lung-RADS 3, LDCT in 6 months."',
    "Comparison: 3/8/2024, Lung-RADS 2.\nFindings: clear lungs.",
    "If the nodule grows, Lung-RADS 4B would apply.",
]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_not_said_stays_unknown(text: str) -> None:
    read = read_report(text)
    assert [one for one in read.stated if one.category] == []
    assert read.recommended is None or read.recommended.interval_months is None


NOT_ASKED = [
    "Impression: LDCT in 6 months is not necessary. Lung-RADS 1.",
    "Low dose CT chest, annual screening examination.\nFindings: clear.\nImpression: Lung-RADS 1.",
    "LDCT 6 month follow-up.\nComparison: LDCT 6 months earlier.\nNodule stable 6 mm.\nLung-RADS 2.",
    "Impression: Nodule has been stable on CT over 24 months. Lung-RADS 2.",
    "This 6 month LDCT shows no change. Lung-RADS 2.",
    "LDCT. The patient was told to have LDCT in 6 months. Impression: Lung-RADS 2.",
    "Impression: Lung-RADS 3. Previous recommendation of 3 month LDCT was not followed.",
    "Impression: 6 mm nodule, follow-up CT at 6 months showed stability. Lung-RADS 2.",
    "Impression: Lung-RADS 4A. PET/CT performed 3 months ago was negative.",
    "Impression: Lung-RADS 2. Smoking cessation within 3 months advised. Antibiotics for 2 weeks.",
    "Impression: Lung-RADS 2. Short-interval follow-up LDCT.",
]


@pytest.mark.parametrize("text", NOT_ASKED)
def test_a_length_of_time_that_is_not_asked_for_is_no_interval(text: str) -> None:
    asked = read_report(text).recommended
    assert asked is None or asked.interval_months is None


def test_by_reference_is_a_recommendation_without_interval_and_modality() -> None:
    asked = read_report("LDCT. Impression: Lung-RADS 2. Follow-up as per Lung-RADS.").recommended
    assert asked is not None
    assert (asked.interval_months, asked.modality, asked.none) == (None, None, False)


def test_two_categories_of_one_examination_that_exclude_each_other_are_unknown() -> None:
    read = read_report("LDCT. Impression: Lung-RADS 0. Lung-RADS 4A.")
    assert read.category("lung-rads") is None
    assert read.conflicts == ("lung-rads",)


@pytest.mark.parametrize(
    ("said", "months"),
    [
        ("in 4 weeks", (1, 1)),
        ("in 6 weeks", (1.5, 1.5)),
        ("in 8 weeks", (2, 2)),
        ("in 12 weeks", (3, 3)),
        ("in 26 weeks", (6, 6)),
        ("in 52 weeks", (12, 12)),
        ("6/12", (6, 6)),
        ("q6mo", (6, 6)),
        ("in half a year", (6, 6)),
        ("in one year's time", (12, 12)),
        ("in 6 to 12 months", (6, 12)),
        ("in 3-6 mos", (3, 6)),
        ("in twelve months", (12, 12)),
        ("yearly", (12, 12)),
        ("now", (0, 0)),
        ("every two years", (24, 24)),
        ("in 18 months", (18, 18)),
        ("between 6 and 12 months", (6, 12)),
        ("in 90 days", (3, 3)),
        ("every 6 months", (6, 6)),
    ],
)
def test_an_interval_is_read_in_months_however_it_is_said(said: str, months: tuple[float, float]) -> None:
    asked = read_report(f"CT chest. Impression: Stable nodule. LDCT recommended {said}.").recommended
    assert asked is not None
    assert asked.interval_months == months


PHRASES = yaml.safe_load((Path(__file__).parent / "report_phrases.yaml").read_text(encoding="utf-8"))


def test_a_category_is_read_in_every_form_of_words_and_every_kind_of_report() -> None:
    wrong = []
    for phrase, category in PHRASES["categories"]:
        for frame in PHRASES["frames"]["liver" if str(category).startswith(("LR", "US")) else "lung"]:
            found = [one.category for one in read_report(frame.format(phrase)).stated]
            wrong += [(phrase, found)] * (found != ([category] if category else []))
    assert wrong == []


def test_whole_reports_by_hand_are_read_as_their_words_say() -> None:
    wrong = []
    for text, categories, months in PHRASES["reports"]:
        read = once(text)
        found = sorted(one.category for one in read.stated if one.category)
        asked = read.recommended.interval_months if read.recommended else None
        right = found == sorted(categories) and asked == (tuple(map(float, months)) if months else None)
        wrong += [] if right else [(text, found, asked)]
    assert wrong == []


def test_an_interval_is_read_in_every_form_of_words_and_every_kind_of_report() -> None:
    wrong = []
    for phrase, months in PHRASES["intervals"]:
        for frame in PHRASES["frames"]["lung"]:
            asked = read_report(frame.format(phrase)).recommended
            found = asked.interval_months if asked else None
            wrong += [(phrase, found)] * (found != (tuple(months) if months else None))
    assert wrong == []


ASIDES = yaml.safe_load((Path(__file__).parent / "report_asides.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", ["prior", "neg", "hyp", "ai", "leg"])
def test_a_sentence_beside_the_statement_does_not_change_it(kind: str) -> None:
    wrong = []
    for base in ASIDES["bases"]:
        stated = answers(once(base))["category"]
        for said in ASIDES[kind]:
            aside = said.format(C="LR-5" if "LR-" in base else "Lung-RADS 4A")
            aside = aside[0].upper() + aside[1:]
            texts = (f"{base}\n\n{aside}", f"{base} {aside}")
            wrong += [text for text in texts if answers(read_report(text))["category"] != stated]
    assert wrong == []


def test_a_category_is_stated_in_many_ways() -> None:
    texts = [
        f"LDCT chest.\nNodule RUL.\n{said.format(C='Lung-RADS 3')} LDCT in 6 months." for said in ASIDES["verdicts"]
    ]
    assert [text for text in texts if read_report(text).category("lung-rads") != "3"] == []


def test_an_interval_is_asked_for_in_many_ways_whatever_other_times_are_told() -> None:
    wrong = []
    for number, said in enumerate(ASIDES["intervals"]):
        told = ASIDES["other_times"][number % len(ASIDES["other_times"])]
        for text in (f"LDCT chest. Lung-RADS 3. {said}", f"LDCT chest.\nLung-RADS 3. {said}\n{told}"):
            asked = read_report(text).recommended
            wrong += [text] * (asked is None or asked.interval_months != (6, 6))
    assert wrong == []


@pytest.mark.parametrize("head", ASIDES["addenda"])
def test_what_stands_under_a_later_head_holds(head: str) -> None:
    text = f"LDCT chest.\nNodule RUL.\nIMPRESSION: Lung-RADS 4A. LDCT in 3 months.\n\n{head}"
    read = read_report(f"{text} The nodule is unchanged since 2019. Lung-RADS 2. LDCT in 12 months.")
    assert read.category("lung-rads") == "2"
    assert read.recommended is not None
    assert read.recommended.interval_months == (12, 12)


@pytest.mark.parametrize("slip", ["correction,", "strike that,", "scratch that,", "sorry,", "no,", "I mean"])
def test_a_dictated_slip_is_taken_back(slip: str) -> None:
    read = read_report(f"LDCT. Impression: Lung-RADS 4A, {slip} Lung-RADS 3. LDCT in 3 months, {slip} 6 months.")
    assert read.category("lung-rads") == "3"
    assert read.recommended is not None
    assert read.recommended.interval_months == (6, 6)


PAST = (
    "History of Lung-RADS 4B nodule resected in 2019. ",
    "Previously Lung-RADS 3. ",
    "Prior exam was read as Lung-RADS 4A. ",
    "The outside report stated Lung-RADS 4X. ",
    "Hx of LR-5 treated 2020. ",
    "LR-4 on the outside MRI of 2021. ",
    "Does not meet criteria for Lung-RADS 4B. ",
    "If it grows, Lung-RADS 4X would apply. ",
)
HISTORY = (("lung", r"lung-?\s?rads"), ("li", r"\bli-?\s?rads"))
DONE = st.sampled_from([text for text in TEXTS if not text.startswith("ADDENDUM")])  # some write the newest first
# of another guideline's history nothing is said here: it may be taken for that of a code that stands alone ("LR 2")
NAMED = {kind: [text for text in TEXTS if re.search(name, text, re.I)] for kind, name in HISTORY}


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_sentences_of_history_before_a_report_change_no_answer(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(NAMED)))
    past = data.draw(
        st.lists(st.sampled_from([p for p in PAST if (kind == "li") == ("LR-" in p)]), min_size=1, max_size=3)
    )
    text = data.draw(st.sampled_from(NAMED[kind]))
    before, after = read_report("Chest CT.\n" + text), read_report("Chest CT.\n" + "".join(past) + "\n" + text)
    assert answers(after)["category"] == answers(before)["category"]
    assert answers(after)["interval"] == answers(before)["interval"]


@settings(max_examples=20, deadline=None)
@given(text=DONE)
def test_an_addendum_that_changes_category_and_interval_holds(text: str) -> None:
    read = read_report(
        f"{text}\n\nADDENDUM: The category is changed to Lung-RADS 4A. LDCT in 3 months is recommended.\n"
    )
    assert read.category("lung-rads") == "4A"
    assert read.recommended is not None
    assert read.recommended.interval_months == (3, 3)


@settings(max_examples=60, deadline=None)
@given(
    text=st.text(max_size=400)
    | st.lists(
        st.sampled_from(
            [
                "lung-rads",
                "4A",
                "LR-5",
                "3",
                "x",
                "mm",
                "cm",
                ",",
                ".",
                "\n",
                "[x]",
                "[",
                "]",
                "|",
                ":",
                "in",
                "months",
                "not",
                "if",
                "prior",
                '"',
            ]
        ),
        max_size=80,
    ).map(" ".join)
)
def test_any_text_is_read_without_error_and_twice_the_same(text: str) -> None:
    read = read_report(text)
    assert read == read_report(text)
    assert all(0 <= place.start < place.end <= len(text) for place in places(read))


HOSTILE = [
    " ",
    "x",
    "lung-rads ",
    "1 2 3 ",
    "lr-5, ",
    "no ",
    '"a ',
    "[ ] 4a ",
    "3 x 4 x 5 mm ",
    "a\n",
    "a | b | 4a | ",
    "in 3 months ",
    ". ",
    "lung-rads : : : ",
    "lung-rads 4a, correction ",
    "....",
    "((((",
    "fleischner ",
    "lung-rads category is ",
    "2023: 4a ",
    "prior/now: 4a / 3 ",
    "us-1 [ ] ",
    '"a": "4a", ',
    "{3, 6 months} ",
    "categories 3, 4a, 4b ",
    "the scan of 3 march 2023 was ",
    "not yet resolved differ ",
    "urgent ct of the chest and ",
]


@pytest.mark.slow
@pytest.mark.parametrize("unit", HOSTILE)
def test_time_grows_with_the_length_of_the_text_and_no_faster(unit: str) -> None:
    short, long = (min(_seconds(unit, size) for _ in range(2)) for size in (10_000, 40_000))
    assert long < 4 * 2.5 * max(short, 0.02), (short, long)


def _seconds(unit: str, size: int) -> float:
    text, start = (unit * (size // len(unit) + 1))[:size], process_time()
    read_report(text)
    return process_time() - start


@pytest.mark.parametrize(
    ("text", "category", "interval"),
    [
        ("LDCT. IMPRESSION COLON LUNG RATS 4 DASH A PERIOD\nLOW DOSE CT IN 3 MONTHS PERIOD", "4A", (3, 3)),
        ("Liver MRI. Impression: L R 4, strike that, L R five. Repeat MRI in 3 months.", "LR-5", (3, 3)),
        ("LDCT. Impression: Lung-RADS three, no, sorry, four A. LDCT 3 months.", "4A", (3, 3)),
        ("CT colon. Incidental 5 mm nodule. CT chest in 12 months.", None, (12, 12)),
        ("LDCT. Lung-RADS 2. LDCT in 12 months.\nDefinitions\nLung-RADS 3: 6 month CT. 4B: PET.", "2", (12, 12)),
        ("LDCT. Lung-RADS 1. LDCT in 12 months. Note: Lung-RADS 3 = 6 months; Lung-RADS 4A = 3 months.", "1", (12, 12)),
        ("LDCT. RUL Lung-RADS 2; LUL nodule Lung-RADS 3; RLL nodule Lung-RADS 4A. LDCT in 3 months.", "4A", (3, 3)),
        ("LUNG-RADS (tick one)\n( ) 1 negative\n( ) 2 benign\n(x) 3 probably benign\nLDCT in 6 months", "3", (6, 6)),
        ("LDCT. Lung-RADS 3. LDCT 6 months.\n\nSecond reader addendum: Lung-RADS 2. LDCT in 12 months.", "2", (12, 12)),
        ("LDCT. Lung-RADS 2. Screening schedule unchanged at 12 months.", "2", (12, 12)),
        ("LDCT. Impression: Lung-RADS 2. Nodule unchanged at 24 months.", "2", None),
        ("LDCT. Lung-RADS 3. The interval is shortened from 12 to 6 months, LDCT.", "3", (6, 6)),
        ("CT chest. 7 mm nodule. The guideline allows 6 to 12 months, so repeat CT in 6 months.", None, (6, 6)),
        ("LDCT. She missed the scan booked for 3 months. Lung-RADS 2. LDCT in 12 months.", "2", (12, 12)),
        ("LDCT. Lung-RADS 2. The CT today is limited by motion in both lower lobes and by the arms.", "2", None),
    ],
)  # fmt: skip
def test_a_principle_holds_for_neighbours_of_what_was_written(text: str, category: str | None, interval: Any) -> None:
    read = read_report(text)
    assert [one.category for one in read.stated if one.category] == ([category] if category else [])
    assert (read.recommended.interval_months if read.recommended else None) == interval
