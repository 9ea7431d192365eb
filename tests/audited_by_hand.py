# ruff: noqa: PLR0911  one return a line of the decision list
"""The measures once more, patient by patient in plain Python: what the audit in SQL is held against.

It shares nothing with the audit but the engine's ``classify``: neither the measures' files, nor their
conditions, nor the reading of the tables.
"""

import calendar
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from math import isnan

import pyarrow.parquet as pq

from radlogic.engine.errors import InputError
from radlogic.engine.guideline.evaluate import classify
from radlogic.engine.guideline.load import load_guideline
from radlogic.engine.types import Known, NotApplicable, PastSize, Source, SourceKind

SAID = Source(SourceKind.RECORD, "reference")
TABLES = ("patients", "exams", "findings", "statements", "procedures", "communications", "outcomes", "screening")
CHEST, LIVER = ("ldct", "ct", "pet_ct"), ("us", "ct", "mri", "ceus")
WORK_UP_BY = {"chest": ("ct", "pet_ct"), "liver": ("ct", "mri", "ceus")}
GRACE_PERCENT, GRACE_DAYS, WORK_UP_DAYS, CRITICAL_DAYS, CANCER_DAYS = 25, 14, 90, 7, 365
WORK_UP = {"4B", "4X", "4-large-new", "US-3", "afp"}
# what a management names beside an interval that binds another modality; `other`: tissue
ANY_TIME = {
    "4A": {"pet_ct"},
    "ct-3-pet-tissue": {"pet_ct", "other"},
    "LR-2": {"ct", "mri", "ceus"},
    "negative": {"ct", "mri", "ceus"},
}
NAMED = {
    "lung-rads": {
        "4A": {"ldct", "pet_ct"},
        "4B": {"ct", "pet_ct"},
        "4X": {"ct", "pet_ct"},
        "0-prior": set(),
        "0": set(),
        "4-large-new": {"ct", "pet_ct", "ldct"},
        "NC": set(),
        None: {"ldct"},
    },
    "fleischner": {"ct-3-pet-tissue": {"ct", "ldct", "pet_ct", "other"}, "none": set(), None: {"ct", "ldct"}},
    "li-rads-us": {"US-3": {"ct", "mri", "ceus"}, "afp": {"ct", "mri"}, None: {"us"}},
    "li-rads-ct-mri": {
        "LR-1": set(LIVER),
        "negative": set(LIVER),
        "LR-2": set(LIVER),
        **{key: {"ct", "mri", "ceus", "other"} for key in ("LR-4", "LR-5", "LR-M", "LR-TIV")},
        None: {"ct", "mri", "ceus"},
    },
}
KIND = {"lung-rads": "nodule", "fleischner": "nodule", "li-rads-us": "observation", "li-rads-ct-mri": "observation"}


def rows(folder):
    """Table -> rows; a table that is not there has none."""
    found = {}
    for name in TABLES:
        files = sorted((folder / name).glob("*.parquet")) or [f for f in [folder / f"{name}.parquet"] if f.is_file()]
        found[name] = [row for file in files for row in pq.read_table(file).to_pylist()] if files else None
    return found


def judge(folder, as_of):
    """(measure, exam_id) -> (status, reason), of every exam in a measure's population."""
    tables = meant(rows(folder))
    by_exam = {
        name: _group(tables[name] or [], "exam_id")
        for name in ("findings", "statements", "communications", "screening")
    }
    by_patient = {name: _group(tables[name] or [], "patient_id") for name in ("procedures", "outcomes", "patients")}
    there = {name for name in TABLES if tables[name] is not None}
    found = {}
    known = [e for e in tables["exams"] if e["patient_id"] is not None]
    exams = [e for e in known if e["exam_date"] is not None and e["exam_date"] <= as_of]
    undated = _group([e for e in known if e["exam_date"] is None], "patient_id")
    for patient, mine in _group(exams, "patient_id").items():
        person = (by_patient["patients"].get(patient) or [{}])[0]
        for exam in (e for e in mine if e["exam_id"] is not None):
            told = {name: by_exam[name].get(exam["exam_id"], []) for name in by_exam}
            events = {name: by_patient[name].get(patient, []) for name in ("procedures", "outcomes")}
            events["undated"] = undated.get(patient, [])
            view = View(exam, mine, person, told, events, as_of, there)
            for measure, judged in view.judged():
                found[measure, exam["exam_id"]] = judged
    return found


MODALITIES, PLACES = "ldct ct pet_ct mri us ceus other", "chest liver thyroid other"
WORDS = {
    "exams": {
        "modality": MODALITIES,
        "region": PLACES,
        "indication": "screening incidental surveillance known_cancer unknown",
        "round": "baseline annual",
    },
    "findings": {"kind": "nodule observation us_observation ceus_observation"},
    "procedures": {"kind": "biopsy resection ablation other", "region": PLACES},
    "communications": {"kind": "critical_result"},
    "outcomes": {"kind": "lung_cancer hcc thyroid_cancer benign"},
    "screening": {"smoking_status": "current former never"},
}
NUMBERS = {"exams": {"age": 130}, "screening": {"pack_years": 500, "years_since_quit": 120}}
EDITIONS = {
    "lung-rads": "1.0 1.1 2022",
    "fleischner": "2005 2013 2017",
    "li-rads-us": "2017 2024",
    "li-rads-ct-mri": "2011 2013 2014 2017 2018",
}
UNREAD, ENDS = "~", ("interval_min_months", "interval_max_months")  # what is stated in no known word; comes last


def meant(tables):
    """What the rows mean: known words in any case, numbers that can be; all else is not known."""
    for name, listed in tables.items():
        for row in listed or ():
            for key, value in row.items():
                row[key] = None if isinstance(value, float) and isnan(value) else value
                if key in ("exam_id", "patient_id") and isinstance(value, str) and not value.strip():
                    row[key] = None
            if name == "exams" and row["exam_date"] is not None and row["exam_date"].year < 1900:
                row["exam_date"] = None
            before = dict(row)
            for key in WORDS.get(name, {}):
                row[key] = _word(row.get(key), WORDS[name][key])
            for key, most in NUMBERS.get(name, {}).items():
                row[key] = row.get(key) if row.get(key) is not None and 0 <= row[key] <= most else None
            row["unread"] = any(before.get(key) is not None and row[key] is None for key in row)
            if name == "statements":
                _statement(row)
    return tables


def _word(value, known):
    return value.strip().lower() if value is not None and value.strip().lower() in known.split() else None


def _statement(row):
    """A statement that says something which cannot be read does not leave it out."""
    row["guideline"] = _word(row["guideline"], " ".join(EDITIONS)) or row["guideline"]
    row["source"] = _word(row["source"], "structured text") or row["source"]
    if row["recommended_modality"] is not None:
        row["recommended_modality"] = _word(row["recommended_modality"], MODALITIES) or UNREAD
    if row["edition"] is not None and row["guideline"] in EDITIONS:
        said = row["edition"].strip().lower().removeprefix("v")
        said = {"2014": "1.0", "2019": "1.1"}.get(said, said) if row["guideline"] == "lung-rads" else said
        row["edition"] = _word(said, EDITIONS[row["guideline"]]) or UNREAD
    ends = [row[end] for end in ENDS if row[end] is not None]
    if any(not 0 <= end <= 1200 for end in ends) or ends != sorted(ends):
        row |= dict.fromkeys(ENDS, -1)


def _day(value):
    """A date that can be read."""
    return value if isinstance(value, date) else None


def _group(items, key):
    found = defaultdict(list)
    for item in items:
        found[item[key]].append(item)
    return found


def _edge(group, key, pick):
    return pick((s[key] for s in group if s[key] is not None), default=None)


def _says_when(group):
    return any(s["no_followup"] or s["interval_min_months"] is not None or s["interval_max_months"] is not None
               for s in group)  # fmt: skip


def _disputed(group):
    """2 where the statements of one source cannot all be true of when to come again, else 1."""
    lows, highs = ({s[k] for s in group if s[k] is not None} for k in ("interval_min_months", "interval_max_months"))
    none = any(s["no_followup"] for s in group)
    odd = lows and highs and min(lows) > max(highs)
    return 2 if len(lows) > 1 or len(highs) > 1 or odd or (none and (lows or highs)) else 1


def months_later(day, months):
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def years(born, day):
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def facts(guideline, row, scopes):
    """A row as facts of a guideline."""
    found = {}
    for name, (scope, i) in guideline.inputs.items():
        if scope not in scopes or i["type"] in ("text", "date"):
            continue
        for fact in [f"{name}.{v}" for v in i["values"]] if i["type"] == "set" else [name]:
            value = row.get(fact)
            if i["type"] == "enum" and value is not None:
                value = next((str(v) for v in (*i["values"], i.get("absent"), "n/a") if v is not None
                              and str(v).casefold() == value.strip().casefold()), value)  # fmt: skip
            if row.get(f"{fact}.na") or value == "n/a" or (i["type"] == "history" and value == []):
                found[fact] = NotApplicable(SAID)
            elif i["type"] == "history" and value is not None:
                found[fact] = Known(tuple(PastSize(_tick(p["months_ago"]), _tick(p["mean_mm"])) for p in value), SAID)
            elif value is not None:
                found[fact] = Known(_tick(value) if i["type"] == "number" else value, SAID)
    return found


def _tick(value):
    return Decimal(str(value)).quantize(Decimal("0.0001")).normalize() + 0


@cache
def _classified(name, key):
    guideline = load_guideline(name)
    exam, findings, assessed = _KEYS[key]
    try:
        return classify(guideline, exam, [(str(n), f) for n, f in enumerate(findings)], assessed=assessed)
    except InputError as error:
        return error


_KEYS = {}


class View:
    """One exam with all that is known of it on the day."""

    def __init__(self, exam, mine, person, told, events, as_of, there):
        self.exam, self.mine, self.person, self.told, self.events = exam, mine, person, told, events
        self.as_of, self.there, self.day = as_of, there, exam["exam_date"]
        born = person.get("birth_date")
        stated_age = exam.get("age")
        self.age = int(stated_age) if stated_age is not None else years(born, self.day) if born else None
        self.guideline = self._guideline()
        self.applies = self._applies()
        self.edition = self._edition()
        self.death, self.left = (self._known(_day(person.get(k))) for k in ("death_date", "left_date"))
        self.gone = any(
            _day(person.get(day)) is None and (person.get(said) or bool(person.get(day)))
            for said, day in (("deceased", "death_date"), ("left", "left_date"))
        )
        self.left = self.left if self.left and self.left >= self.day else None  # whoever left before was there again
        self._state()
        self._read()
        self._follow()

    def _known(self, day):
        return day if day is not None and day <= self.as_of else None

    def _guideline(self):
        e = self.exam
        at, why = (e["region"], e["modality"]), e["indication"]
        if at == ("chest", "ldct") and why not in ("incidental", "known_cancer"):
            return "lung-rads"
        if at == ("chest", "ct") and why not in ("screening", "known_cancer"):
            return "fleischner"
        if at == ("liver", "us") and why not in ("incidental", "known_cancer"):
            return "li-rads-us"
        return "li-rads-ct-mri" if at in (("liver", "ct"), ("liver", "mri")) else None

    def _applies(self):
        why = self.exam["indication"]
        if self.guideline == "lung-rads":
            earlier = any(
                o["indication"] == "screening"
                and o["modality"] == "ldct"
                and o["exam_date"] < self.day
                and o["region"] == "chest"
                for o in self.mine
            )
            return True if why == "screening" else True if why == "surveillance" and earlier else None
        if self.guideline == "fleischner":
            return True if why == "incidental" else None
        yes = {
            "li-rads-us": ("surveillance", "screening"),
            "li-rads-ct-mri": ("surveillance", "screening", "incidental"),
        }
        return True if why in yes.get(self.guideline, ()) else None

    def _edition(self):
        began = {
            "lung-rads": [("2022", date(2022, 11, 1)), ("1.1", date(2019, 1, 1))],
            "fleischner": [("2017", date(2017, 1, 1))],
            "li-rads-us": [("2024", date(2024, 1, 1))],
            "li-rads-ct-mri": [("2018", date(2018, 7, 1))],
        }
        fits = [f"{self.guideline}@{e}" for e, first in began.get(self.guideline, ()) if self.day >= first]
        return fits[0] if fits else None

    def _state(self):
        mine = [s for s in self.told["statements"] if s["guideline"] in (None, self.guideline)]
        groups = [[s for s in mine if s["source"] == "structured"], [s for s in mine if s["source"] != "structured"]]
        self.structured, self.stated = bool(groups[0]), bool(mine)
        groups = [g for g in groups if g]

        def first(key, pick=min, only=False):
            for group in groups:
                values = [
                    s[key] for s in group if s[key] is not None and (not only or s["guideline"] == self.guideline)
                ]
                if values:
                    return pick(values)
            return None

        self.category = first("category", only=True)
        when = next((g for g in groups if _says_when(g)), [])  # an interval, or that there is none, is one field
        self.low, self.high = _edge(when, "interval_min_months", min), _edge(when, "interval_max_months", max)
        self.modality, self.named_guideline = first("recommended_modality"), first("guideline", max)
        editions = [
            f"{s['guideline']}@{s['edition']}" for g in groups[:1] for s in g if s["guideline"] and s["edition"]
        ]
        more = [f"{s['guideline']}@{s['edition']}" for g in groups[1:] for s in g if s["guideline"] and s["edition"]]
        named = {*(editions or more)}
        self.named_edition = named.pop() if len(named) == 1 else "several" if named else None
        self.unread = -1 in (self.low, self.high) or self.modality == UNREAD
        # what nobody found in a text may still stand there
        silent = not when and self.modality is None and any(s["source"] == "text" for s in mine)
        self.unread = "recommendation_not_found_in_text" if silent else "statement_not_readable" if self.unread else ""
        self.low, self.high = (None if n == -1 else n for n in (self.low, self.high))
        self.modality = None if self.modality == UNREAD else self.modality
        said = [any(s["no_followup"] for s in g) for g in groups if any(s["no_followup"] is not None for s in g)]
        self.none_needed = any(s["no_followup"] for s in when) if when else bool(said and said[0])
        told = [{"category": self._words(g, "category"), "modality": self._words(g, "recommended_modality"),
                 "when": {*range(_disputed(g))}} for g in groups]  # fmt: skip
        spoken = [{"category": t["category"], "modality": t["modality"], "when": _says_when(g)}
                  for t, g in zip(told, groups, strict=True)]  # fmt: skip
        self.conflict = any(
            len(next((t[k] for t, s in zip(told, spoken, strict=True) if s[k]), told[0][k] if told else ())) > 1
            for k in ("category", "modality", "when")
        ) or any(len(v) > 1 for v in (told[0].values() if told else ()))
        self.report = self.exam.get("report_text") is not None

    def _words(self, group, key):
        return {s[key] for s in group
                if s[key] is not None and (key != "category" or s["guideline"] == self.guideline)}  # fmt: skip

    def _read(self):
        self.computed = self.management = self.months = None
        self.refused = self.by_default = False
        if self.edition is None:
            return
        guideline = load_guideline(self.edition)
        row = {**self.exam, "age": self.age}
        if self.guideline == "li-rads-ct-mri":
            row["modality"] = self.exam.get("ct_mri_modality")
        exam = facts(guideline, row, ("exam", "patient"))
        findings = [
            facts(guideline, f, ("finding",)) for f in self.told["findings"] if f["kind"] == KIND[self.guideline]
        ]
        looked = self.exam.get("assessed")
        if looked is None:
            looked = bool(self.told["findings"]) or self.structured
        key = repr((sorted(exam.items()), [sorted(f.items()) for f in findings], looked))
        _KEYS[key] = exam, findings, looked
        whole = _classified(self.edition, key)
        if isinstance(whole, InputError):
            self.refused = True
            return
        if any(f["kind"] is None for f in self.told["findings"]):  # it may be any
            self.refused = True
            return
        self.computed = whole.exam.category
        if self.computed is not None:
            words = whole.exam.facts.get("management")
            known = guideline.head["managements"]
            same = [k for k in (self.computed, *known) if k in known and known[k]["management"] == words]
            self.management, self.months = same[0] if same else None, whole.exam.facts.get("interval_months")
            self.by_default = whole.exam.silent or any(f.silent for f in whole.findings)
        self.rank = guideline.rank

    def _follow(self):
        """What came after, and what may have: of that nobody can say what it was, where, or when."""
        region = self.exam["region"]
        counts, works = {"chest": CHEST, "liver": LIVER}.get(region, ()), WORK_UP_BY.get(region, ())
        later = [o for o in self.mine if o["exam_date"] > self.day]
        sure = [o for o in later if o["region"] == region and o["modality"] is not None]
        open_exams = [o for o in (*later, *self.events["undated"]) if o not in sure and o["region"] in (None, region)]
        any_time = ANY_TIME.get(self.management, set())
        works = {*works, *self._names()} & {*counts} if self.management in WORK_UP else works
        soon, plain = ([m for m in counts if (m in any_time) is which] for which in (True, False))
        self.done, self.soon, self.worked = (
            [o["exam_date"] for o in sure if o["modality"] in these] for these in (plain, soon, works)
        )
        self.maybe_done, self.maybe_soon, self.maybe_worked = (
            self._dates(open_exams, these) for these in (plain, soon, works)
        )
        tissue = [p for p in self._since("procedures", "procedure_date")
                  if p["kind"] != "other" and p["region"] in (None, region)]  # fmt: skip
        self.tissue, self.maybe_tissue = self._sorted(tissue, "procedure_date", ("kind", "region"))
        if "other" in any_time:  # then sampling is the follow-up
            self.soon, self.maybe_soon = self.soon + self.tissue, self.maybe_soon + self.maybe_tissue
            self.tissue, self.maybe_tissue = [], []
        cancer = {"lung-rads": "lung_cancer", "fleischner": "lung_cancer"}.get(self.guideline, "hcc")
        ill = [o for o in self._since("outcomes", "diagnosis_date") if o["kind"] in (None, cancer)]
        self.ill, self.maybe_ill = self._sorted(ill, "diagnosis_date", ("kind",))
        self.diagnosed = min(self.ill, default=None)
        before = {o["kind"] for o in self.events["outcomes"]
                  if o["diagnosis_date"] is not None and o["diagnosis_date"] < self.day}  # fmt: skip
        undated = any(o["diagnosis_date"] is None for o in ill)
        self.known, self.maybe_known = cancer in before, None in before or undated

    def _dates(self, exams, counts):
        return [o["exam_date"] or self.day for o in exams if o["modality"] in (None, *counts) and counts]

    def _since(self, name, key):
        return [e for e in self.events[name] if e[key] is None or self.day <= e[key] <= self.as_of]

    def _sorted(self, events, key, asked):
        """The days of those that are sure, and of those that are not."""
        sure = [all(e[k] is not None for k in (key, *asked)) for e in events]
        days = [e[key] or self.day for e in events]
        return tuple([d for d, s in zip(days, sure, strict=True) if s is which] for which in (True, False))

    def _whatever(self, decide, certain, open_days):
        """What holds whichever of the open events took place; ``decide`` is asked for each choice of them."""
        every = sorted({(k, day) for k, days in enumerate(open_days) for day in days})
        asked = [
            decide(*(min([*days, *(d for n, (of, d) in enumerate(every) if of == k and bits >> n & 1)], default=None)
                     for k, days in enumerate(certain)))
            for bits in range(2 ** len(every))
        ]  # fmt: skip
        found = {*asked}
        if len(found) == 1:
            return asked[0]
        if found == {("not_met", "late"), ("not_met", "never")}:
            return "not_met", "late_or_never"
        if found == {("excluded", "cancer_diagnosed"), ("excluded", "tissue_sampled")}:
            return "excluded", "tissue_sampled"  # which came in any case
        return "unknown", "event_not_readable"

    def judged(self):
        """(measure, (status, reason)) of each measure that the exam belongs to."""
        if self.guideline is None:
            return
        every = {
            "category-concordant": self._concordant,
            "recommendation-present": self._present,
            "right-interval": self._interval,
            "right-modality": self._modality,
            "over-management": self._over,
            "under-management": self._under,
            "edition-in-force": self._named,
            "recorded-once": self._once,
        }
        if self.guideline == "lung-rads":
            every |= {
                "abnormal-interpretation": self._abnormal,
                "cancer-detection": self._detected,
                "positive-predictive-value": self._ppv,
                "critical-result-communicated": self._critical,
            }
            if self.exam["indication"] in (None, "screening"):
                every |= {
                    "eligibility-uspstf": lambda: self._eligible(80, cms=False),
                    "eligibility-cms": lambda: self._eligible(77, cms=True),
                }
        every["liver-surveillance-adherence" if self.guideline == "li-rads-us" else "follow-up-on-time"] = self._on_time
        if self.guideline != "fleischner":
            every["work-up-begun"] = self._work_up
        else:
            every["mips-364"] = self._mips
        for measure, decide in every.items():
            yield measure, decide() if self.applies else ("unknown", "application_unconfirmed")

    def _undecided(self):
        if self.edition is None:
            return "excluded", "no_edition_in_force"
        if self.refused:
            return "unknown", "findings_not_usable"
        return None

    def _unread(self):
        return None if self.stated or self.report else ("unknown", "no_report")

    def _concordant(self):
        if self.edition is None:
            return "excluded", "no_edition_in_force"
        if self._unread():
            return self._unread()
        if self.conflict or self.category is None:
            return "unknown", "conflicting_statements" if self.conflict else "category_not_stated"
        if self.category not in load_guideline(self.edition).rank:
            return "unknown", "not_a_category"
        if self.refused or self.computed is None:
            return "unknown", "findings_not_usable" if self.refused else "findings_incomplete"
        if self.category == self.computed:
            return "met", "same"
        if self.by_default:
            return "unknown", "guideline_silent"
        a, b = self.rank[self.category], self.rank[self.computed]
        return "not_met", "stated_higher" if a > b else "stated_lower" if a < b else "other_category"

    def _present(self):
        if self.edition is None:
            return "excluded", "no_edition_in_force"
        if self._unread():
            return self._unread()
        if self.low is not None or self.high is not None:
            return ("unknown", "conflicting_statements") if self.none_needed else ("met", "interval")
        if self.none_needed:
            return "met", "no_follow_up_needed"
        if self.modality is not None:
            return "met", "modality"
        if not self.stated:
            return "unknown", "not_extracted"
        return ("unknown", self.unread) if self.unread else ("not_met", "nothing_recommended")

    def _shorter(self):
        return (self.low if self.low is not None else self.high) < self.months[0]

    def _bound(self):
        """Whether the printed interval binds what is stated: None where no modality is stated and one is free."""
        free = ANY_TIME.get(self.management, set())
        return True if not free else None if self.modality is None else self.modality not in free

    def _longer(self):
        return (self.high if self.high is not None else self.low) > self.months[1]

    def _of_report(self):
        if self.edition is None:
            return "excluded", "no_edition_in_force"
        if self._unread():
            return self._unread()
        if self.conflict:
            return "unknown", "conflicting_statements"
        if self.refused or self.management is None:
            return "unknown", "findings_not_usable" if self.refused else "findings_incomplete"
        return None

    def _interval(self):
        if self._of_report():
            return self._of_report()
        if not self.months:
            return "excluded", "no_printed_interval"
        if self.by_default:
            return "unknown", "guideline_silent"
        optional = self.management == "optional-12"
        if self.low is None and self.high is None:
            if self.none_needed:
                return ("met", "optional") if optional else ("not_met", "no_follow_up_stated")
            return "unknown", self.unread or "interval_not_stated"
        if self._shorter() and self._bound() is not False:
            return ("not_met", "shorter") if self._bound() else ("unknown", self.unread or "modality_not_stated")
        if optional:
            return "met", "optional"
        return ("not_met", "longer") if self._longer() else ("met", "within")

    def _names(self):
        table = NAMED[self.guideline]
        return table.get(self.management, table[None])

    def _modality(self):
        if self._of_report():
            return self._of_report()
        if not self._names():
            return "excluded", "no_printed_modality"
        if self.by_default:
            return "unknown", "guideline_silent"
        if self.modality is None:
            return "unknown", self.unread or "modality_not_stated"
        return ("met", "named") if self.modality in self._names() else ("not_met", "other_modality")

    def _managed(self):
        if self._undecided():
            return self._undecided()
        return ("unknown", "findings_incomplete") if self.management is None else None

    def _on_time(self):
        if self._managed():
            return self._managed()
        if not self.months:
            return "excluded", "no_printed_interval"
        if self.management == "optional-12":
            return "excluded", "optional"
        if self.by_default:
            return "unknown", "guideline_silent"
        grace = [timedelta(max(GRACE_DAYS, m * 30 * GRACE_PERCENT // 100)) for m in self.months]
        first, last = (months_later(self.day, m) for m in self.months)
        first, last = first - grace[0], last + grace[1]
        if self.known or self.maybe_known:
            return ("excluded", "cancer_known") if self.known else ("unknown", "event_not_readable")

        def followed(plain, soon, tissue, ill):
            done = min((day for day in (plain, soon) if day), default=None)
            until = min(done or last, last)
            if ill and ill <= until:
                return "excluded", "cancer_diagnosed"
            if tissue and tissue <= until:
                return "excluded", "tissue_sampled"
            if done and done < first and done != soon:
                return "not_met", "early"
            return ("met", "on_time") if done and done <= last else self._missed(last, done)

        return self._whatever(
            followed,
            (self.done, self.soon, self.tissue, self.ill),
            (self.maybe_done, self.maybe_soon, self.maybe_tissue, self.maybe_ill),
        )

    def _missed(self, last, done):
        if self.death and self.death < self.day:
            return "unknown", "death_before_exam"
        if self.death and self.death <= last:
            return "excluded", "died_before_due"
        if self.left and self.left <= last:
            return "excluded", "left_before_due"
        if done:
            return "not_met", "late"
        if last >= self.as_of:
            return "excluded", "not_yet_due"
        return ("unknown", "event_not_readable") if self.gone else ("not_met", "never")

    def _work_up(self):
        if self._managed():
            return self._managed()
        if self.management not in WORK_UP:
            return "excluded", "no_work_up_called_for"
        if self.by_default:
            return "unknown", "guideline_silent"
        if self.known or self.maybe_known:
            return ("excluded", "cancer_known") if self.known else ("unknown", "event_not_readable")
        last = self.day + timedelta(WORK_UP_DAYS)
        return self._whatever(
            lambda done: ("met", "on_time") if done and done <= last else self._missed(last, done),
            ([*self.worked, *self.tissue, *self.ill],),
            ([*self.maybe_worked, *self.maybe_tissue, *self.maybe_ill],),
        )

    def _over(self):
        if self._managed():
            return self._managed()
        if not self.months:
            return "excluded", "no_printed_interval"
        if self.by_default:
            return "unknown", "guideline_silent"
        due = self.day + timedelta(WORK_UP_DAYS)
        soon = self._whatever(
            lambda tissue, done: bool(tissue and tissue <= due and (done is None or tissue < done)),
            (self.tissue, self.done + self.soon), (self.maybe_tissue, self.maybe_done + self.maybe_soon),
        )  # fmt: skip
        if soon is True:
            return "not_met", "tissue_sampled"
        if self.conflict:
            return "unknown", "conflicting_statements"
        sooner = (self.low is not None or self.high is not None) and self._shorter()
        if sooner and self._bound() is True:
            return "not_met", "interval_shorter"
        if self.modality == "pet_ct" and self._names() and "pet_ct" not in self._names():
            return "not_met", "pet_ct_recommended"
        if soon is not False:
            return "unknown", "event_not_readable"
        if self.unread:
            return "unknown", self.unread
        silent = self.low is None and self.high is None and self.modality is None and not self.none_needed
        if sooner and self._bound() is None:
            return "unknown", "modality_not_stated"
        return ("unknown", "nothing_stated") if silent else ("met", "not_beyond")

    def _under(self):
        if self._managed():
            return self._managed()
        work_up = self.management in WORK_UP
        if not self.months and not work_up:
            return "excluded", "no_printed_management"
        if self.by_default:
            return "unknown", "guideline_silent"
        if self._unread():
            return self._unread()
        if self.conflict:
            return "unknown", "conflicting_statements"
        if self.management == "optional-12" and (self.none_needed or self.low is not None or self.high is not None):
            return "met", "optional"
        if self.none_needed:
            return "not_met", "no_follow_up_stated"
        some = self.low if self.low is not None else self.high
        if work_up and some is not None and some > 3:
            return "not_met", "interval_for_work_up"
        if self.unread and (work_up or some is None):
            return "unknown", self.unread
        if work_up and (some is not None or self.modality is not None):
            return "met", "work_up_recommended"
        if some is None:
            return "unknown", "nothing_stated"
        return ("not_met", "interval_longer") if self._longer() else ("met", "not_less")

    def _named(self):
        if self.edition is None:
            return "excluded", "no_edition_in_force"
        if self._unread():
            return self._unread()
        if self.named_edition is None:
            return "unknown", "edition_not_stated"
        if self.named_edition == "several" or self.named_edition.endswith(UNREAD):
            return "unknown", "edition_not_readable" if self.named_edition != "several" else "conflicting_statements"
        return ("met", "same") if self.named_edition == self.edition else ("not_met", "other_edition")

    def _once(self):
        earlier = [
            o for o in (*self.mine, *self.events["undated"]) if o["exam_id"] and o["exam_id"] < self.exam["exam_id"]
        ]
        before = [
            o
            for o in earlier
            if (o["exam_date"], o["modality"], o["region"]) == (self.day, self.exam["modality"], self.exam["region"])
        ]
        maybe = [
            o
            for o in earlier
            if o["exam_date"] in (None, self.day)
            and o["modality"] in (None, self.exam["modality"])
            and o["region"] in (None, self.exam["region"])
        ]
        if maybe and not before:
            return "unknown", "event_not_readable"
        return ("not_met", "again_on_the_same_day") if before else ("met", "once")

    def _screen(self):
        if self.edition is None:
            return "excluded", "no_edition_in_force"
        if self.conflict or self.category is None:
            return "unknown", "conflicting_statements" if self.conflict else "category_not_stated"
        return None if self.category in load_guideline(self.edition).rank else ("unknown", "not_a_category")

    @property
    def positive(self):
        return self.category in ("3", "4A", "4B", "4X")

    def _abnormal(self):
        if self._screen():
            return self._screen()
        if self.positive:
            return "met", "positive"
        return ("not_met", "negative") if self.category in ("1", "2") else ("excluded", "incomplete")

    def _detected(self):
        if "outcomes" not in self.there:
            return "unknown", "no_outcomes"
        if self._screen():
            return self._screen()
        if not self.positive and self.category not in ("1", "2"):
            return "excluded", "incomplete"
        return self._year("detected" if self.positive else None, "missed")

    def _ppv(self):
        if "outcomes" not in self.there:
            return "unknown", "no_outcomes"
        if self._screen():
            return self._screen()
        return self._year("cancer", None) if self.positive else ("excluded", "not_positive")

    def _year(self, hit, miss):
        end = self.day + timedelta(CANCER_DAYS)
        if end >= self.as_of:
            return "excluded", "year_not_over"
        if self.known or self.maybe_known:
            return ("excluded", "cancer_known") if self.known else ("unknown", "event_not_readable")
        ill = self.diagnosed and self.diagnosed <= end
        if hit and ill:
            return "met", hit
        if not ill and any(day <= end for day in self.maybe_ill):
            return "unknown", "event_not_readable"
        if self.death and self.death < self.day:
            return "unknown", "death_before_exam"
        for day, why in ((self.death, "died"), (self.left, "left")):
            if day and day <= end:
                return "excluded", f"{why}_within_year"
        if self.gone:
            return "unknown", "event_not_readable"
        return "not_met", miss if ill and miss else "no_cancer"

    def _critical(self):
        if "communications" not in self.there:
            return "unknown", "no_communications"
        if self._screen():
            return self._screen()
        if self.category not in ("4B", "4X"):
            return "excluded", "not_critical"
        told = min(
            (
                c["communicated_at"]
                for c in self.told["communications"]
                if c["kind"] == "critical_result" and c["communicated_at"] and c["communicated_at"] <= self.as_of
            ),
            default=None,
            key=lambda day: (day < self.day, day),
        )
        maybe = [
            c["communicated_at"] or self.day
            for c in self.told["communications"]
            if (c["kind"] is None or c["communicated_at"] is None) and (c["communicated_at"] or self.day) <= self.as_of
        ]
        last = self.day + timedelta(CRITICAL_DAYS)
        if told and self.day <= told <= last:
            return "met", "in_time"
        if any(self.day <= day <= last for day in maybe):
            return "unknown", "event_not_readable"
        if told:
            return ("unknown", "dated_before_exam") if told < self.day else ("not_met", "late")
        if last >= self.as_of:
            return "excluded", "not_yet_due"
        if any(day > last for day in maybe):
            return "not_met", "late_or_never"
        return ("unknown", "event_not_readable") if maybe else ("not_met", "not_communicated")

    def _unusable(self, told, said):
        """Why the records of a screening exam cannot be used; '' where they can."""
        if "screening" not in self.there or not told:
            return "no_screening_record" if "screening" in self.there else "no_screening"
        if True in said.pop("unread"):
            return "screening_not_readable"
        return "conflicting_screening" if any(len(values) > 1 for values in said.values()) else ""

    def _eligible(self, oldest, *, cms):
        if self.exam["indication"] is None:
            return "unknown", "application_unconfirmed"
        told = self.told["screening"]
        said = {k: {row[k] for row in told if row[k] is not None} for k in (told or [{}])[0]}
        why = self._unusable(told, said)
        if why:
            return "unknown", why
        if self.day < (date(2022, 2, 10) if cms else date(2021, 3, 9)):
            return "excluded", "before_programme"
        s = {k: next(iter(values), None) for k, values in said.items()}
        age = None if self.age is None else 50 <= self.age <= oldest
        well, enough = s["asymptomatic"], None if s["pack_years"] is None else s["pack_years"] >= 20
        current = None if s["smoking_status"] is None else s["smoking_status"] == "current"
        recent = None if s["years_since_quit"] is None else s["years_since_quit"] <= 15
        smoking = True if current or recent else False if current is False and recent is False else None
        criteria = {"age": age, **({"symptoms": well} if cms else {}), "pack-years": enough, "smoking": smoking}
        if not cms and well is False:
            return "not_met", "not_eligible.outside"
        for name, holds in criteria.items():
            if holds is False:
                return "not_met", f"not_eligible.{name}"
        for name, holds in criteria.items():
            if holds is None:
                return "unknown" if name == "age" else "not_met", f"not_documented.{name}"
        if cms and self.exam.get("round") is None:
            return "unknown", "round_unknown"
        if cms and self.exam["round"] == "baseline" and not s["shared_decision_documented"]:
            silent = s["shared_decision_documented"] is None
            return "not_met", "shared_decision_not_documented" if silent else "no_shared_decision"
        return "met", "documented"

    def _mips(self):
        if self.age is None or self.age < 35:
            return ("unknown", "age_unknown") if self.age is None else ("excluded", "below_35_years")
        if not self.told["findings"]:
            return ("excluded", "no_nodule") if self.exam.get("assessed") else ("unknown", "findings_not_stated")
        if self._unread():
            return self._unread()
        if not self.stated:
            return "unknown", "not_extracted"
        if self.conflict:
            return "unknown", "conflicting_statements"
        if self.unread and not self.none_needed:
            return "unknown", self.unread
        if not self.none_needed and self.low is None and self.high is None:
            return "not_met", "no_interval"
        if not self.none_needed and self.modality is None:
            return "not_met", "no_modality"
        return ("not_met", "no_source") if self.named_guideline is None else ("met", "complete")
