"""Claims, full Lung-RADS v2022 on typed one-nodule exams in batches of 10,000: reading them with their trace is at
least 15 times as fast as zen-engine, 5 times as fast as clipspy, and a fifth as fast as rules written by hand in
Python without a trace; with 30 % of the inputs missing, the exact set of what is possible takes at most twice as long.

Every round reads a fresh batch, the same one for all; zen-engine, CLIPS and JSON get its size's fifth, since they are
slow. Times are the processor's; the table has the median of the rounds and their spread, and ratios are of medians.
Each reader gets an exam in the form it likes best: this product plain values by name, the hand-written rules typed
records, zen-engine and CLIPS flat words and numbers with all that follows by arithmetic ready-made. Making these
forms is not counted for anybody, and stated below the table. Our reader has read one full and one partial batch
before, and remembers from batch to batch what it worked out for unknown numbers: a first partial batch is slower.

``python benchmarks/rules_peers/run.py [--exams N] [--rounds N]``; zen-engine and clipspy are looked for where
``TESTS_PEERS`` says (``pip install --target FOLDER zen-engine clipspy``), and left out where they are not.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any

import by_clips
import by_hand
import by_zen
import exams
import rows

from radlogic.adapters import cases
from radlogic.engine.guideline import evaluate
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.guideline.many.read import Exam as Read
from radlogic.engine.guideline.many.read import Reader, beliefs
from radlogic.engine.types import Facts, Known, NotApplicable, PastSize

GUIDELINE = load_guideline("lung-rads@2022")
ALONE = 300  # exams of a round for what reads them one by one
OURS, MISSING = "radlogic, a batch, with rows", "radlogic, a batch, 30 % missing: possible"
HAND, ZEN, CLIPS = "by hand in Python, no trace", "zen-engine, with trace", "clipspy, with fired rules"
ANSWERS = ("exam", "nodule", "management", "modifier_s", "screen_result", "pet_ct_option")
Answer = tuple[str | None, ...]
Timed = dict[str, list[float]]  # exams a second in each round


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--exams", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    sys.path.append(os.environ.get("TESTS_PEERS", ""))
    peers = {name: peer for name, peer in (("zen-engine", _zen()), ("clipspy", _clips())) if peer is not None}
    reader, rates, forms, wrong = Reader(GUIDELINE), Timed(), Timed(), dict.fromkeys((HAND, ZEN, CLIPS), 0)
    reader.read(exams.batch(0, chosen.exams))  # what a reader makes ready at its first batch is not counted
    reader.read(exams.hidden(exams.batch(0, chosen.exams), 0.3, 0))
    for seed in range(1, chosen.rounds + 1):
        for label, mismatches in _round(seed, chosen.exams, reader, peers, rates, forms):
            wrong[label] += mismatches
    _table(rates, chosen)
    _claims(rates)
    for label, each in forms.items():
        print(f"{label:<52}{_median(each):>12,.0f} exams/s (not counted above)")
    read = {HAND: chosen.exams, ZEN: _some(chosen.exams), CLIPS: _some(chosen.exams)}
    for label in [label for label in wrong if label in rates]:
        print(f"{label}: {wrong[label]} answers of {read[label] * chosen.rounds:,} other than radlogic's")


def _round(
    seed: int, many: int, reader: Reader, peers: dict[str, Any], rates: Timed, forms: Timed
) -> Iterator[tuple[str, int]]:
    """Time everybody on a fresh batch; what differs from our answers, by who says so."""
    batch, few = exams.batch(seed, many), exams.batch(seed, _some(many))
    read = _timed(rates, OURS, many, lambda: reader.read(batch))
    records = _timed(forms, "typed records for the hand-written rules", many, lambda: [_record(e) for e in batch])
    by_hands = _timed(rates, HAND, many, lambda: [by_hand.classify(r) for r in records])
    yield HAND, sum(_by_hand(h) != _ours(r) for h, r in zip(by_hands, read, strict=True))
    gaps = exams.hidden(batch, 0.3, seed)
    _timed(rates, MISSING, many, lambda: reader.read(gaps))
    yield from _peers(few, [_ours(r) for r in read[: len(few)]], peers, rates, forms)
    _others(seed, many, reader, rates, forms)


def _peers(
    few: list[exams.Exam], wanted: list[Answer], peers: dict[str, Any], rates: Timed, forms: Timed
) -> Iterator[tuple[str, int]]:
    flat = _timed(
        forms, "flat values for zen-engine and CLIPS", len(few), lambda: [rows.plain(GUIDELINE, e) for e in few]
    )
    if "zen-engine" in peers:
        zen = peers["zen-engine"]
        said = _timed(rates, ZEN, len(few), lambda: [zen.read(f, trace=True) for f in flat])
        _timed(rates, "zen-engine, no trace", len(few), lambda: [zen.read(f, trace=False) for f in flat])
        yield ZEN, sum(_told(s["result"]) != w for s, w in zip(said, wanted, strict=True))
    if "clipspy" in peers:
        clips = peers["clipspy"]
        fired = _timed(rates, CLIPS, len(few), lambda: [clips.read(f) for f in flat])
        yield CLIPS, sum(_told(by_clips.results(f)) != w for f, w in zip(fired, wanted, strict=True))


def _others(seed: int, many: int, reader: Reader, rates: Timed, forms: Timed) -> None:
    """Five nodules, from JSON, and one by one with all the words."""
    five = exams.batch(seed + 1000, many // 5, 5)
    _timed(rates, "radlogic, a batch, 5 nodules each", len(five), lambda: reader.read(five))
    records = [_record(e) for e in five]
    _timed(rates, "by hand, 5 nodules each", len(five), lambda: [by_hand.classify(r) for r in records])
    gaps = exams.hidden(exams.batch(seed + 5000, many), 0.05, seed)
    _timed(rates, "radlogic, a batch, 5 % missing: possible", many, lambda: reader.read(gaps))
    texts = [_json(e) for e in exams.batch(seed + 2000, _some(many))]
    _timed(rates, "radlogic, a batch, from JSON", len(texts), lambda: reader.read([_from_json(t) for t in texts]))
    _timed(rates, "by hand, from JSON", len(texts), lambda: [by_hand.classify(_record(_loaded(t))) for t in texts])
    alone = [_facts(e) for e in exams.batch(seed + 3000, ALONE)]
    _timed(rates, "radlogic, one by one, full words", ALONE, lambda: [_classified(*a) for a in alone])
    partial = [_facts(e) for e in exams.hidden(exams.batch(seed + 4000, ALONE), 0.3, seed)]
    _timed(rates, "radlogic, one by one, 30 % missing", ALONE, lambda: [_classified(*a) for a in partial])


def _some(many: int) -> int:
    return max(1, many // 5)


def _timed(into: Timed, label: str, many: int, work: Callable[[], Any]) -> Any:
    start = time.process_time()
    found = work()
    into.setdefault(label, []).append(many / (time.process_time() - start))
    return found


def _zen() -> by_zen.Zen | None:
    try:
        return by_zen.Zen(GUIDELINE)
    except ModuleNotFoundError:
        print("zen-engine is not installed: left out")
        return None


def _clips() -> by_clips.Clips | None:
    try:
        return by_clips.Clips(GUIDELINE, rows.plain(GUIDELINE, exams.batch(0, 1)[0]))
    except ModuleNotFoundError:
        print("clipspy is not installed: left out")
        return None


def _record(exam: exams.Exam) -> by_hand.Exam:
    return by_hand.record(*exam)


def _ours(read: Read) -> Answer:
    results = read.answer.results or {}
    return read.answer.category, read.findings[0].category, *(results.get(name) for name in ANSWERS[2:])


def _by_hand(said: by_hand.Answer) -> Answer:
    category, (nodule, *_), s, screen, pet, _, why = said
    words = {None: "n/a", True: "yes", False: "no"}
    return category, nodule, f"0-{why}" if why else category, words[s], screen, words[pet]


def _told(results: Any) -> Answer:
    return tuple(results.get(name) for name in ANSWERS)


def _facts(exam: exams.Exam) -> tuple[Facts, list[tuple[str, Facts]]]:
    facts, nodules = exam
    listed = [(f"nodule {n}", beliefs(GUIDELINE, v, ("finding",))) for n, v in enumerate(nodules)]
    return beliefs(GUIDELINE, facts, ("exam", "patient")), listed


def _classified(facts: Facts, nodules: list[tuple[str, Facts]]) -> evaluate.Classification:
    return evaluate.classify(GUIDELINE, facts, nodules)


def _json(exam: exams.Exam) -> str:
    """The exam as the text of a reader's form: what is not there is left out."""
    facts, nodules = exam
    return json.dumps({"exam": _form(facts), "nodules": [_form(n) for n in nodules]}, default=_plain_json)


def _form(values: exams.Values) -> dict[str, Any]:
    lists: dict[str, Any] = {}
    for name in [n for n, v in values.items() if "." in n and v]:
        lists.setdefault(name.split(".")[0], []).append(name.split(".")[1])
    plain = {n: v for n, v in values.items() if "." not in n}
    return lists | {n: v for n, v in plain.items() if v is not None and (n in SAID or repr(v) != repr(_absent(n)))}


def _plain_json(value: Any) -> Any:
    if isinstance(value, PastSize):
        return {"months_ago": value.months_ago, "mean_mm": value.mean_mm}
    return float(value)


def _from_json(text: str) -> exams.Exam:
    """A reader's form as the plain values of a batch, checked as strictly as one case is."""
    stated = cases.read(cases.parse(text), GUIDELINE)
    return _values(stated.exam), [_values(facts) for _, facts in stated.findings]


def _values(facts: Facts) -> exams.Values:
    return {
        n: b.value if isinstance(b, Known) else "n/a" if isinstance(b, NotApplicable) else None
        for n, b in facts.items()
    }


def _loaded(text: str) -> exams.Exam:
    """JSON as the hand-written rules would take it: no checks, absent is the default."""
    found = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return _filled(DEFAULTS[0], found["exam"]), [_filled(DEFAULTS[1], n) for n in found["nodules"]]


def _filled(default: exams.Values, stated: dict[str, Any]) -> exams.Values:
    made = default | {n: v for n, v in stated.items() if n in default}
    for name in ("infectious_pattern", "suspicious_features"):
        made |= {f"{name}.{v}": True for v in stated.get(name, ())}
    made["history"] = [PastSize(p["months_ago"], p["mean_mm"]) for p in stated.get("history", ())]
    return made


def _absent(name: str) -> Any:
    return GUIDELINE.inputs[name.split(".", maxsplit=1)[0]][1].get("absent")


SAID = ("growing",)  # what the form takes as absent only for some types
DEFAULTS = [{n: _absent(n) for n in values} for values in (exams.batch(0, 1)[0][0], exams.batch(0, 1)[0][1][0])]


def _table(rates: Timed, chosen: argparse.Namespace) -> None:
    print(f"{GUIDELINE.name}, {chosen.rounds} rounds of {chosen.exams:,} exams\n")
    print(f"{'exams/s':<48}{'median':>12}{'least':>12}{'most':>12}{'of ours':>10}")
    whole = _median(rates[OURS])
    for label, each in rates.items():
        middle = _median(each)
        print(f"{label:<48}{middle:>12,.0f}{min(each):>12,.0f}{max(each):>12,.0f}{middle / whole:>10.3f}")


def _claims(rates: Timed) -> None:
    print()
    for label, other, least in ((OURS, ZEN, 15), (OURS, CLIPS, 5), (OURS, HAND, 0.2), (MISSING, OURS, 0.5)):
        if other in rates:
            ratio = _median(rates[label]) / _median(rates[other])
            print(f"{label} / {other}: {ratio:.2f} (claim: at least {least}; {'held' if ratio >= least else 'MISSED'})")
    print()


def _median(each: Sequence[float]) -> float:
    return statistics.median(each)


if __name__ == "__main__":
    main()
