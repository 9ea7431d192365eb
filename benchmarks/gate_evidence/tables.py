"""The tables of ``docs/gate.md``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import unsettled
from measure import (
    NAMES,
    ONE,
    USING,
    Flags,
    Outcome,
    at_worst,
    bars,
    calibration,
    gated,
    groups,
    kept,
    over_splits,
    reduced,
    share,
)
from peers import without_calibration, without_gate, without_rules
from rows import SETTLED_SEPARATELY, Row

LEVEL = 0.9
LEVELS = (0.5, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)
Judge = Callable[[list[Row], list[Row]], Mapping[str, float]]


def markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """A table."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in body)])


def risk(o: Outcome, among: Flags) -> dict[str, float]:
    """Of the cases among which it is asked: wrong for certain, and wrong or not settled by the panel."""
    return {"wrong": share(o.wrong, among), "at most": share(o.wrong | o.open, among)}


def treatments(plain: Sequence[Row]) -> str:
    """What the unsettled nodules do to the bars, in each way to count them."""
    head = ["unsettled nodules", "one management", "of these wrong", "of these wrong or unsettled",
            "settled: in the set", "unsettled: all in the set"]  # fmt: skip
    return markdown(head, unsettled.table(plain))


def guarantee(plain: Sequence[Row]) -> str:
    """What is promised, counted: how often the set holds each management, at best and at worst."""
    inside = [r for r in plain if r.held.inside]

    def one(fitted: list[Row], judged: list[Row]) -> Mapping[str, float]:
        keeps, found = bars(fitted, LEVEL), dict[str, float]()
        read = {"baseline": [(r.masses, r.truth) for r in judged], "new": [r.new for r in judged]}
        for name, said in read.items():
            sets, truths = [kept(masses, keeps) for masses, _ in said], [truth for _, truth in said]
            for m in ONE:
                best, worst = at_worst(truths, sets, m)
                n = float(sum(m in t for t in truths))
                found |= {f"{name} {m} n": n, f"{name} {m} best": best, f"{name} {m} worst": worst}
        return found

    found = over_splits(inside, one)
    body = [
        [f"{NAMES[m]} ({m})", name, found[f"{name} {m} n"].split(".")[0], found[f"{name} {m} best"],
         found[f"{name} {m} worst"]] for m in ONE for name in ("baseline", "new")
    ]  # fmt: skip
    head = ["right management", "read as", "nodules that may be", "settled: in the set", "at worst"]
    return markdown(head, body)


def levels(plain: Sequence[Row]) -> str:
    """Risk against coverage as the level of the sets varies."""
    body = []
    for level in LEVELS:

        def one(fitted: list[Row], judged: list[Row], level: float = level) -> Mapping[str, float]:
            o = gated(judged, bars(fitted, level))
            inside = np.array([r.held.inside for r in judged])
            settled = np.array([len(r.truth) == 1 for r in judged])
            return {
                "stands": share(o.stands), **risk(o, o.stands), "late": share(o.late, o.stands),
                "size": float(o.size[inside].mean()), "holds": share(o.holds, inside & settled),
                "all": share(o.holds, inside & ~settled),
            }  # fmt: skip

        found = over_splits(plain, one)
        body.append([f"{level:g}", *(found[k] for k in ("stands", "wrong", "late", "at most", "holds", "all", "size"))])
    head = ["level", "stands", "of these wrong", "less urgent than right", "of these wrong or unsettled",
            "settled: in the set", "unsettled: all in the set", "managements in a set"]  # fmt: skip
    return markdown(head, body)


def signals(plain: Sequence[Row]) -> str:
    """Which signal sends how many to a human, and how many of the errors these hold."""
    codes = [c for c in USING.signals if any(c in r.codes for r in plain)]

    def one(fitted: list[Row], judged: list[Row]) -> Mapping[str, float]:
        o, free = gated(judged, bars(fitted, LEVEL)), without_gate(judged)
        raised = {c: np.array([c in r.codes for r in judged]) for c in codes} | {SETTLED_SEPARATELY: ~o.single}
        backs = {c: of for c, of in raised.items() if USING.signals[c].level >= 3}
        found: dict[str, float] = {}
        for name, of in raised.items():
            others = [x for c, x in backs.items() if c != name]
            alone = of & ~np.any(others, axis=0) if others and name in backs else of
            found |= {
                f"{name} raised": share(of),
                f"{name} alone": share(alone),
                f"{name} errors": share(of, free.wrong),
            }
        human = ~o.stands
        thick = np.array([r.may_be_part_solid for r in judged])
        found |= {
            "any raised": share(human),
            "any errors": share(human, free.wrong),
            "any open": share(human, free.open),
        }
        return found | {"series": share(human | thick), "series errors": share(human | thick, free.wrong)}

    found = over_splits(plain, one)
    order = [SETTLED_SEPARATELY, *codes]
    body = [
        [f"`{c}`", USING.signals[c].level.name.lower(), found[f"{c} raised"],
         found[f"{c} alone"] if USING.signals[c].level >= 3 else "", found[f"{c} errors"]] for c in order
    ]  # fmt: skip
    body.append(["**falls back, by any**", "", found["any raised"], "", found["any errors"]])
    body.append(["of the answers that the panel does not settle", "", "", "", found["any open"]])
    body.append(["in a series, at most, by `extractor_unvalidated` of solid parts too", "", found["series"], "",
                 found["series errors"]])  # fmt: skip
    return markdown(["signal", "level", "raised", "the only one that falls back", "of all errors"], body)


def by_group(plain: Sequence[Row]) -> str:
    """How often the set holds the panel's management, and how the answers that stand do, by group."""

    def one(fitted: list[Row], judged: list[Row]) -> Mapping[str, float]:
        judged = [r for r in judged if r.held.inside]
        o, settled = gated(judged, bars(fitted, LEVEL)), np.array([len(r.truth) == 1 for r in judged])
        found: dict[str, float] = {}
        for name, of in {"all": np.ones(len(judged), dtype=bool), **groups(judged)}.items():
            found |= {
                f"{name} n": float(of.sum()), f"{name} holds": share(o.holds, of & settled),
                f"{name} all": share(o.holds, of & ~settled), f"{name} meets": share(o.meets, of & ~settled),
                f"{name} stands": share(o.stands, of), f"{name} wrong": share(o.wrong, of & o.stands),
                f"{name} most": share(o.wrong | o.open, of & o.stands),
            }  # fmt: skip
        return found

    found = over_splits(plain, one)
    names = ["all", *groups(plain)]
    keys = ("holds", "all", "meets", "stands", "wrong", "most")
    body = [[n, found[f"{n} n"].split(".")[0], *(found[f"{n} {k}"] for k in keys)] for n in names]
    head = ["nodules in the domain", "n", "settled: in the set", "unsettled: all in it", "unsettled: any in it",
            "stands", "of these wrong", "wrong or unsettled"]  # fmt: skip
    return markdown(head, body)


def calibrations(plain: Sequence[Row]) -> str:
    """Reliability of the most probable management, before and after the gate."""

    def one(fitted: list[Row], judged: list[Row]) -> Mapping[str, float]:
        o = gated(judged, bars(fitted, LEVEL))
        settled, free = np.array([len(r.truth) == 1 for r in judged]), without_gate(judged)
        found: dict[str, float] = {}
        for name, of in (("all", settled), ("stands", settled & o.stands), ("human", settled & ~o.stands)):
            picked = [r for r, p in zip(judged, of, strict=True) if p]
            c = calibration(picked, free.top[of], ~free.wrong[of])
            mean = {f"{name} said": float(free.top[of].mean()), f"{name} right": share(~free.wrong, of)}
            found |= {f"{name} n": float(of.sum()), f"{name} ece": c.ece, f"{name} brier": c.brier, **mean}
        return found

    found = over_splits(plain, one)
    words = {"all": "before the gate", "stands": "stands", "human": "sent to a human"}
    body = [
        [words[n], found[f"{n} n"].split(".")[0], *(found[f"{n} {k}"] for k in ("said", "right", "ece", "brier"))]
        for n in words
    ]
    return markdown(["settled nodules", "n", "mean probability", "right", "ECE", "Brier"], body)


def readers(plain: Sequence[Row]) -> str:
    """Each reader against the rest of the panel, beside the engine against the same."""

    def one(fitted: list[Row], judged: list[Row]) -> Mapping[str, float]:
        o, free = gated(judged, bars(fitted, LEVEL)), without_gate(judged)
        found: dict[str, float] = {}
        for name, of in (("all", np.ones(len(judged), bool)), ("stands", o.stands), ("human", ~o.stands)):
            pairs = [(r, p) for r, picked in zip(judged, of, strict=True) if picked for p in r.against_rest]
            settled = [(r, own, rest) for r, (own, rest) in pairs if len(rest) == 1]
            answer = {id(r): _answer(r) for r, _ in pairs}
            found |= {
                f"{name} n": float(len(settled)),
                f"{name} reader": float(np.mean([not own & rest for _, own, rest in settled])),
                f"{name} reader most": float(np.mean([own != rest for _, own, rest in settled])),
                f"{name} engine": float(np.mean([answer[id(r)] not in rest for r, _, rest in settled])),
            }
        return found | {"free": share(free.wrong)}

    found = over_splits(plain, one)
    words = {"all": "all", "stands": "stands", "human": "sent to a human"}
    body = [
        [words[n], found[f"{n} n"].split(".")[0], found[f"{n} reader"], found[f"{n} reader most"], found[f"{n} engine"]]
        for n in words
    ]
    head = ["readings of panels of 3 or 4", "n", "a reader is wrong", "a reader is wrong or leaves it open",
            "the engine's most probable answer is wrong"]  # fmt: skip
    return markdown(head, body)


def _answer(r: Row) -> str | None:
    from radlogic.engine.likely import most_probable

    return most_probable(r.masses)


def ablations(plain: Sequence[Row], raw: Sequence[Row]) -> str:
    """The product beside itself without its parts."""
    by_id = {r.held.nodule: r for r in raw}

    def one(fitted: list[Row], judged: list[Row]) -> Mapping[str, float]:
        own, shown = without_gate(judged), [by_id[r.held.nodule] for r in judged]
        head, masses = without_rules(fitted, judged, LEVEL)
        headed = [replace(r, masses=m) for r, m in zip(judged, masses, strict=True)]
        arms = {
            "whole": (gated(judged, bars(fitted, LEVEL)), own),
            "rules": (head, without_gate(headed)),
            "calibration": (without_calibration(judged, shown), without_gate(shown)),
            "gate": (own, own),
        }
        found: dict[str, float] = {}
        settled = np.array([len(r.truth) == 1 for r in judged])
        for name, (o, free) in arms.items():
            found |= {f"{name} stands": share(o.stands), **{f"{name} {k}": v for k, v in risk(o, o.stands).items()}}
            found |= {f"{name} holds": share(o.holds, settled), f"{name} all": share(o.holds, ~settled)}
            found |= {f"{name} free": share(free.wrong)}
        return found

    found = over_splits(plain, one)
    words = {"whole": "the product", "rules": "without rules (a learned head)",
             "calibration": "without calibration (90 % of the mass)", "gate": "without gate"}  # fmt: skip
    keys = ("stands", "wrong", "at most", "holds", "all")
    body = [[words[n], *("–" if n == "gate" and k in {"holds", "all"} else found[f"{n} {k}"] for k in keys),
             found[f"{n} free"]] for n in words]  # fmt: skip
    head = ["", "stands", "of these wrong", "wrong or unsettled", "settled: in the set", "unsettled: all in it",
            "most probable of all nodules wrong"]  # fmt: skip
    return markdown(head, body)


def _held_up(fitted: Sequence[Row], judged: Sequence[Row]) -> dict[str, float]:
    """Bars from the plain half; the other half as another scan shows it, by the signals of the beliefs alone."""
    judged = [replace(r, codes=reduced(r)) for r in judged]
    o, free = gated(judged, bars(fitted, LEVEL)), without_gate(judged)
    inside, settled = np.array([r.held.inside for r in judged]), np.array([len(r.truth) == 1 for r in judged])
    return {
        "flagged": share(~inside), "holds": share(o.holds, settled), "stands": share(o.stands), **risk(o, o.stands),
        "free": share(free.wrong),
    }  # fmt: skip


KEYS = ("flagged", "holds", "stands", "wrong", "at most", "free")
HEAD = (
    "flagged",
    "settled: in the set",
    "stands",
    "of these wrong",
    "wrong or unsettled",
    "most probable of all wrong",
)


def shifts(plain: Sequence[Row], others: Mapping[str, Sequence[Row]]) -> str:
    """The same nodules as other scans would show them."""
    body = []
    for name, of in {"as they are": plain, **others}.items():
        shown = {r.held.nodule: r for r in of}

        def one(fitted: list[Row], judged: list[Row], shown: dict[int, Row] = shown) -> Mapping[str, float]:
            return _held_up(fitted, [shown[r.held.nodule] for r in judged])

        found = over_splits(plain, one)
        body.append([name.replace("_", " "), *(found[k] for k in KEYS)])
    return markdown(["crops", *HEAD], body)


def left_out(plain: Sequence[Row], apart: Sequence[Row]) -> str:
    """Each manufacturer by nets and bars that never saw its scanners, and by those that did."""
    body = []
    for maker in sorted({r.held.maker for r in plain}):
        others = [r for r in plain if r.held.maker != maker]
        mine = [r for r in apart if r.held.maker == maker]
        known = [r for r in plain if r.held.maker == maker]
        for name, judged in ((maker, mine), ("its scanners known to the net", known)):
            found = _held_up(others, judged)
            body.append([name, str(len(judged)), *(f"{found[k]:.3f}" for k in KEYS)])
    return markdown(["left out", "n", *HEAD], body)
