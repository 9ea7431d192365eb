"""Counts of an audit as large as wanted, for its page: both its files, without an exam behind them."""

import json
import random
from dataclasses import asdict

from radlogic.adapters.audit.described import described
from radlogic.adapters.audit.measure_files import measures
from radlogic.adapters.audit.scope import scope, settings
from radlogic.adapters.audit.tally import Tally
from radlogic.adapters.notice import INTENDED_USE

LEAST = 11
CATEGORIES = ("1", "2", "0", "3", "4A", "4B", "4X")


def names(prefix, many):
    return [f"{prefix}{n:03}" for n in range(many)]


def tally(measure, exams, chance, readers, sites, months):
    """A measure's counts: about so many exams, nine in ten judged, 97 % of these met; one reader is far worse."""
    found = Tally(measure)
    groups = {
        "all": [""],
        "edition": ["lung-rads@1.1", "lung-rads@2022"],
        "stated_category": list(CATEGORIES),
        "computed": list(CATEGORIES),
        "month": [f"{2019 + n // 12}-{n % 12 + 1:02}" for n in range(months)],
        "reader_id": [*names("R", readers), "not stated"],
        "site_id": names("S", sites),
        "scanner": ["Alpha 64", "Beta 128", "Gamma"],
        "sex": ["female", "male"],
        "age_band": ["0-49", "50-64", "65-79", "80-"],
    }
    for name, values in groups.items():
        for value in values:
            n = max(1, round(exams / len(values) * chance.uniform(0.6, 1.4)))
            judged, rate = round(0.9 * n), 0.9 if value == "R000" else 0.97
            met = min(judged, max(0, round(chance.gauss(judged * rate, (judged * rate * (1 - rate)) ** 0.5))))
            found.by[name][value] = {"met": met, "not_met": judged - met, "excluded": n - judged, "unknown": 0}
    for status, n in found.all.items():
        reason = next((r for s, r in measure.outcomes if s == status), "")
        found.reasons[status][reason] = n
    return found


def told(found):
    """A tally as ``summary.json`` has it."""
    file = found.measure.file
    bands = {"printed_percent": {c: list(b) for c, b in file.bands.items()}} if file.bands else {}
    return {
        "id": file.id,
        "title": file.title,
        "guidelines": list(file.guideline),
        "improvement": file.improvement,
        "source": file.source.model_dump(),
        "as_of": file.as_of,
        **bands,
        **found.shown(LEAST),
    }


def summary(exams, readers=12, sites=4, months=24, only=None, seed=1):
    chance = random.Random(seed)  # noqa: S311  nothing secret is drawn
    chosen = [m for name, m in measures().items() if only is None or name in only]
    return {
        "intended_use": INTENDED_USE,
        "as_of": "2026-06-30",
        "settings": {n: {"value": s.value, "why": s.why} for n, s in scope().settings.items()},
        "input": {
            "rows": {"exams": exams},
            "remarks": ["table screening: not there, so it is empty"],
            "unreadable_values": {"exams.exam_date": 3},
            "unknown_words": {"exams.modality": {"MRT": 1204, "<b>CT</b>": 12}},
            "exams_put_aside": {"no exam_id": 2},
        },
        "guidelines": ["lung-rads@2022"],
        "overdue": {},
        "measures": [told(tally(m, exams, chance, readers, sites, months)) for m in chosen],
    }


def curve(category, due):
    weeks = range(2 * due // 7)
    points = [
        {
            "days": 7 * (n + 1),
            "waiting": 11 * (1000 - n),
            "followed": min(n / (due / 7), 1.0),
            "interval": [min(max(n / (due / 7) - 0.02, 0), 0.98), min(n / (due / 7) + 0.02, 1.0)],
            "ended": 0.01,
        }
        for n in weeks
    ]
    return {
        "measure": "follow-up-on-time",
        "edition": "lung-rads@2022",
        "category": category,
        "exams": 11000,
        "due_days": due,
        "horizon_days": 2 * due,
        "points": points,
    }


def aggregates(exams, only=None):
    many = len(CATEGORIES)
    cells = [[exams // 10 if r == c else 0 if abs(r - c) > 2 else None for c in range(many)] for r in range(many)]
    rows = [{"of": f"lung-rads@2022: {c}", "exams": [20, None, 0, 40, 0], "all": None} for c in CATEGORIES]
    chosen = [m for name, m in measures().items() if only is None or name in only]
    return {
        "as_of": "2026-06-30",
        "exams": {"first": "2019-01-01", "last": "2026-06-30", "counted": exams},
        "smallest_cell": LEAST,
        "stated_against_computed": [
            {
                "edition": "lung-rads@2022",
                "categories": list(CATEGORIES),
                "cells": cells,
                "stated": [exams // 8] * many,
                "computed": [exams // 8] * many,
                "exams": exams,
            }
        ],
        "time_to_follow_up": [curve(c, d) for c, d in (("1", 366), ("3", 184), ("4A", 92))],
        "overdue": [
            {
                "measure": "follow-up-on-time",
                "days_late": ["1 to 30", "31 to 90", "91 to 180", "181 to 365", "more than 365"],
                "rows": rows,
            }
        ],
        "measures": {m.id: _plain(described(m, settings())) for m in chosen},
    }


def _plain(one):
    return json.loads(json.dumps(asdict(one)))
