"""A population whose truth is known: histories of screening, incidental nodules and liver surveillance.

Each exam is a vector of the case files (``generated_vectors``), a history is a walk over them
(``generated_graph``), and violations are planted, at most one an exam (``generated_plants``). What is not
planted is right by construction. Nothing of the product is imported or run.

The same seed gives the same population. It is made in chunks of patients, each from a seed of its own, so
that memory is bounded and a chunk can be made alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
from generated_graph import DIAGNOSTIC, INCIDENTAL, LUNG_NEW, LUNG_OLD, SURVEILLANCE, Graph, graph
from generated_plants import (
    AS_OF,
    CODE,
    CRITICAL_DAYS,
    ELIGIBLE_FROM,
    GRACE_DAYS,
    KINDS,
    NAMES,
    NEW_EDITION,
    SINGLE,
    WORK_UP_DAYS,
)  # fmt: skip

Ints = np.ndarray[Any, np.dtype[np.int64]]
CHUNK = 60_000  # patients
RATE = 0.08  # share of exams on which a kind is tried; about half of them can bear it
SINGLE_RATE = 0.05  # the same for the kinds that only patients with one exam can bear
NEVER = 10**6  # a day that does not come
SCREENING, INCIDENTALLY, FOLLOW_UP = 0, 1, 2  # indications
ON_TIME, EARLY, LATE, MISSED, PENDING, DIED, LEFT, NOT_JUDGED = range(8)
STATUS = ("on_time", "early", "late", "never", "pending", "died", "left", None)
EXAM = ("patient", "exam_day", "node", "indication", "kind", "status", "first_due", "last_due", "communicated")
BIOPSY, RESECTION, ABLATION = range(3)
CANCER, HCC, BENIGN = range(3)


def day(when: date) -> int:
    """A date as days since 1970-01-01."""
    return when.toordinal() - date(1970, 1, 1).toordinal()


END, NEW, BOTH = day(AS_OF), day(NEW_EDITION), day(ELIGIBLE_FROM)


@dataclass(slots=True)
class Chunk:
    """Patients and exams as arrays; events as tuples of arrays. Dates are days since 1970-01-01."""

    number: int
    male: Ints
    born: Ints
    death: Ints
    left: Ints
    pack_years: "np.ndarray[Any, Any]"
    quit_years: "np.ndarray[Any, Any]"  # on the day of the first exam; NaN: smokes now
    start: Ints
    patient: Ints
    exam_day: Ints
    node: Ints
    indication: Ints
    kind: Ints  # planted, -1 none
    status: Ints  # of the follow-up, see STATUS
    first_due: Ints
    last_due: Ints  # of the follow-up or the work-up, NEVER where none is due
    communicated: Ints  # NEVER: not communicated
    copy_of: Ints  # the exam that this is a duplicate of, or -1
    procedures: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)  # patient, day, kind
    outcomes: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)


def chunks(exams: int, seed: int, *, beside: bool = True) -> Iterator[Chunk]:
    """Chunks of whole patients until there are ``exams`` exams, or up to one history fewer."""
    left, number = exams, 0
    while left > 0:
        chunk = make_chunk(seed, number, graph(beside=beside))
        whole = _patients_within(chunk, left)
        if whole == 0:
            return
        if whole < len(chunk.born):
            yield _cut(chunk, whole)
            return
        yield chunk
        left, number = left - len(chunk.patient), number + 1


def make_chunk(seed: int, number: int, g: Graph) -> Chunk:
    """One chunk of patients, from a seed of its own."""
    rng = np.random.default_rng([seed, number])
    chunk, row = _patients(rng, number)
    walk = _Walk(rng, g, chunk)
    walk.run(row)
    walk.collect()
    _plant_single(rng, g, chunk)
    _communicate(rng, g, chunk)
    _duplicate(chunk)
    return chunk


def _patients(rng: np.random.Generator, number: int) -> tuple[Chunk, Ints]:
    """Who they are, and the row of the graph that each starts from."""
    n = CHUNK
    programme = rng.choice(3, n, p=[0.62, 0.13, 0.25])  # lung screening, incidental, liver surveillance
    earliest = np.array([day(date(2021, 3, 15)), day(date(2019, 1, 2)), day(date(2024, 1, 2))])[programme]
    start = earliest + (rng.random(n) * (END - 1 - earliest)).astype(np.int64)
    row = np.array([LUNG_NEW, INCIDENTAL, SURVEILLANCE])[programme]
    row = np.where((programme == 0) & (start < NEW), LUNG_OLD, row)
    youngest, oldest = np.array([50, 40, 30])[programme], np.array([71, 85, 80])[programme]
    days = (rng.random(n) * 365).astype(np.int64) * (rng.random(n) > 0.02)  # some are examined on their birthday
    born = add_months(start, -12 * (youngest + (rng.random(n) * (oldest - youngest)).astype(np.int64))) - days
    death = np.where(rng.random(n) < 0.03, start + 1 + (rng.random(n) * 1500).astype(np.int64), NEVER)
    left = np.where(rng.random(n) < 0.02, start + 1 + (rng.random(n) * 1500).astype(np.int64), NEVER)
    none = np.zeros(0, dtype=np.int64)
    chunk = Chunk(
        number=number,
        male=rng.choice(4, n, p=[0.48, 0.5, 0.01, 0.01]),
        born=born,
        death=np.where(death <= END, death, NEVER),
        left=np.where(left <= END, left, NEVER),
        pack_years=np.where(rng.random(n) < 0.02, 20.0, np.round(20 + rng.gamma(2.0, 12.0, n), 1)),
        quit_years=np.where(rng.random(n) < 0.5, np.nan, np.round(rng.random(n) * 9, 1)),
        start=start,
        **dict.fromkeys((*EXAM, "copy_of"), none),
    )
    return chunk, row


class _Walk:
    """The histories of a chunk, one step an exam, all patients at once."""

    def __init__(self, rng: np.random.Generator, g: Graph, chunk: Chunk) -> None:
        self.rng, self.g, self.chunk = rng, g, chunk
        self.limit: Ints  # of the patients of the step: the last day on which anything can happen
        self.horizon = np.minimum(np.minimum(chunk.death, chunk.left) - 1, END)
        self.rows: list[tuple[Ints, ...]] = []
        weights = np.array([0.0 if name in SINGLE else KINDS[name][0] for name in NAMES])
        self.weights = np.cumsum(weights / weights.sum())

    def run(self, row: Ints) -> None:
        """All steps, from the rows to start from."""
        patient = np.arange(len(row))
        when, node = self.chunk.start.copy(), self.g.pools.draw(row, self.rng.random(len(row)))
        indication = np.array([SCREENING, SCREENING, INCIDENTALLY, FOLLOW_UP, FOLLOW_UP])[row]
        while len(patient):  # every step is a later day, and the horizon is finite
            alive = when <= self.horizon[patient]  # who dies or leaves on the day of the exam has none
            patient, when, node, indication = (x[alive] for x in (patient, when, node, indication))
            patient, when, node, indication = self._step(patient, when, node, indication)

    def _step(self, p: Ints, t: Ints, node: Ints, ind: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Record these exams and say which come next."""
        g, n, self.limit = self.g, len(p), self.horizon[p]
        low, high, discussed = g.low[node], g.high[node], g.discussed[node]
        work_up, fixed = g.work_up[node] | discussed, low >= 0
        first = np.where(fixed, add_months(t, low) - grace(low), NEVER)
        end = np.where(fixed, add_months(t, high) + grace(high), np.where(work_up, t + WORK_UP_DAYS, NEVER))
        first = np.where(fixed, np.maximum(first, t), first)
        kind, change = self._kinds(p, t, node, ind, first, end)
        coming = self._next_day(t, node, first, end, change)
        pending = (self.rng.random(n) < 0.3) & (end >= END) & (kind < 0) & (fixed | work_up)
        coming = np.where(pending | (change == MISSED), NEVER, coming)
        reached = coming <= self.horizon[p]
        status = self._status(p, end, fixed | g.work_up[node], reached, change)
        self.rows.append((p, t, node, ind, kind, status, first, np.where(discussed, NEVER, end)))
        self._over_manage(p, t, kind)
        goes_on, after = self._work_up(p, t, node, coming, reached)
        keep = goes_on & ~g.ends[node]
        return self._follow(p[keep], t[keep], node[keep], after[keep])

    def _kinds(self, p: Ints, t: Ints, node: Ints, ind: Ints, first: Ints, end: Ints) -> tuple[Ints, Ints]:
        """The kind planted on each exam (-1 none), and what it makes of the follow-up (-1: nothing)."""
        rng, n = self.rng, len(p)
        tried = np.searchsorted(self.weights, rng.random(n), side="right")
        kind = np.where(rng.random(n) < RATE, tried, -1)
        kind = np.where(self.g.can[node, np.maximum(kind, 0)] & (kind >= 0), kind, -1)
        is_ = {name: kind == CODE[name] for name in NAMES}
        missed = is_["follow_up_never"] | (
            (is_["surveillance_missed"] | is_["under_management"]) & (rng.random(n) < 0.5)
        )
        late = is_["follow_up_late"] | ((is_["surveillance_missed"] | is_["under_management"]) & ~missed)
        early = is_["follow_up_early"] | is_["surveillance_early"]
        over = (end < END) & (end < self.chunk.death[p]) & (end < self.chunk.left[p])
        critical_over = t + CRITICAL_DAYS < END
        screened = (ind == SCREENING) & (t >= BOTH)
        baseline = screened & (t == self.chunk.start[p])
        lost = (missed & ~over) | (late & (end + 1 > self.horizon[p])) | (early & (first - 1 <= t))
        lost |= early & (first - 1 > self.horizon[p])
        lost |= (is_["critical_not_communicated"] | is_["critical_late"]) & ~critical_over
        lost |= is_["over_management"] & (t + 1 > self.horizon[p])
        lost |= is_["eligibility_not_documented"] & ~screened
        lost |= is_["shared_decision_not_documented"] & ~baseline
        kind = np.where(lost, -1, kind)
        change = np.select([lost, missed, late, early], [-1, MISSED, LATE, EARLY], -1)
        return kind, change

    def _next_day(self, t: Ints, node: Ints, first: Ints, end: Ints, change: Ints) -> Ints:
        """When the next exam, or the work-up, comes: within its window, with some on its very first and last day."""
        g, rng, n = self.g, self.rng, len(t)
        fixed, work_up = g.low[node] >= 0, g.work_up[node] | g.discussed[node]
        open_from = np.maximum(np.where(fixed, first, t + 1), t + 1)
        draw = rng.random(n)
        edge = rng.random(n)
        day_ = open_from + (draw * (end - open_from + 1)).astype(np.int64)
        day_ = np.where(edge < 0.03, open_from, np.where(edge < 0.06, end, day_))
        late = end + 1 + np.where(edge < 0.2, 0, (draw * 200).astype(np.int64))
        late = np.minimum(late, np.maximum(self.limit, end + 1))
        early = first - 1 - np.where(edge < 0.2, 0, (draw * (first - 2 - t)).astype(np.int64))
        early = np.minimum(early, np.maximum(self.limit, t + 1))
        unfixed = t + 30 + (draw * 30).astype(np.int64)
        return np.select(
            [change == LATE, change == EARLY, fixed | work_up], [late, np.maximum(early, t + 1), day_], unfixed
        )

    def _status(self, p: Ints, end: Ints, judged: Any, reached: Any, change: Ints) -> Ints:
        """Of the follow-up or the work-up of each exam."""
        dead, gone = self.chunk.death[p] <= end, self.chunk.left[p] <= end
        told = [~judged, change == MISSED, reached & (change >= 0), reached, dead, gone]
        return np.select(told, [NOT_JUDGED, MISSED, change, ON_TIME, DIED, LEFT], PENDING)

    def _over_manage(self, p: Ints, t: Ints, kind: Ints) -> None:
        mine = kind == CODE["over_management"]
        days = np.minimum(1 + (self.rng.random(mine.sum()) * WORK_UP_DAYS).astype(np.int64), self.limit[mine] - t[mine])
        self._event(self.chunk.procedures, p[mine], t[mine] + days, BIOPSY)

    def _work_up(self, p: Ints, t: Ints, node: Ints, coming: Ints, reached: Any) -> tuple[Any, Ints]:
        """PET/CT, tissue, diagnoses; and who goes on to a further exam, on which day."""
        g, rng, n = self.g, self.rng, len(p)
        lung = g.work_up[node] & (g.guideline[node] == 0) & reached
        liver = g.discussed[node] & reached
        pet, cancer = lung & (rng.random(n) < 0.6), rng.random(n) < 0.45
        new = [g.pet, FOLLOW_UP, -1, NOT_JUDGED, NEVER, NEVER]
        self.rows.append((p[pet], coming[pet], *(np.full(int(pet.sum()), value) for value in new)))
        tissue = np.where(pet, coming + 1 + (rng.random(n) * 20).astype(np.int64), coming)
        sampled = ((lung & (cancer | ~pet)) | liver) & (tissue <= self.horizon[p])
        self._event(self.chunk.procedures, p[sampled], tissue[sampled], BIOPSY)
        found = sampled & (cancer | liver) & (tissue + 5 <= self.horizon[p])
        self._event(self.chunk.outcomes, p[found], tissue[found] + 5, np.where(liver[found], HCC, CANCER))
        treated = found & (tissue + 30 <= self.horizon[p])
        self._event(
            self.chunk.procedures, p[treated], tissue[treated] + 30, np.where(liver[treated], ABLATION, RESECTION)
        )
        benign = sampled & ~found & lung
        self._event(self.chunk.outcomes, p[benign], tissue[benign], BENIGN)
        later = np.maximum(add_months(t, 6) + (rng.random(n) * 30).astype(np.int64) - 15, tissue + 30)
        return reached & ~liver & ~(lung & cancer), np.where(lung, later, coming)

    def _event(self, events: list[tuple[Ints, Ints, Ints]], p: Ints, when: Ints, kind: Any) -> None:
        events.append((p, when, np.broadcast_to(np.asarray(kind), p.shape)))

    def _follow(self, p: Ints, t: Ints, node: Ints, when: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """Which vector the next exam is."""
        g, n = self.g, len(p)
        edition = (when >= NEW).astype(np.int64)
        guideline, row = g.guideline[node], g.free[edition]
        months = np.where(g.work_up[node], 6, g.high[node])
        near = np.abs(when - add_months(t, np.maximum(months, 0))) <= 20  # then it can say "after n months"
        exact = g.exact[node, edition]
        row = np.where((guideline == 0) & near & (exact >= 0) & (self.rng.random(n) < 0.7), exact, row)
        row = np.where((guideline == 2) | (guideline == 3), SURVEILLANCE, row)
        diagnostic = ((guideline == 2) & g.work_up[node]) | ((guideline == 3) & self._again(node))
        row = np.where(diagnostic, DIAGNOSTIC, row)
        drawn = g.pools.draw(row, self.rng.random(n))
        ind = np.where((guideline == 0) & (when - t >= 330), SCREENING, FOLLOW_UP)
        return p, when, np.where(guideline == 1, g.plain_ct, drawn), ind

    def _again(self, node: Ints) -> Any:
        """LR-3 and LR-NC are imaged again by CT or MRI, LR-1 and LR-2 go back to ultrasound."""
        return (self.g.high[node] == 6) & (self.g.low[node] == 3) | (self.g.high[node] == 3)

    def collect(self) -> None:
        """The exams in the order of patients and days."""
        columns = [np.concatenate([row[i] for row in self.rows]) for i in range(8)]
        order = np.lexsort((columns[1], columns[0]))
        c = self.chunk
        (c.patient, c.exam_day, c.node, c.indication, c.kind, c.status, c.first_due, c.last_due) = (
            column[order].astype(np.int64) for column in columns
        )
        c.copy_of = np.full(len(order), -1)


def _plant_single(rng: np.random.Generator, g: Graph, c: Chunk) -> None:
    """The kinds of eligibility, on first screens of patients who have no other exam and no other plant."""
    alone = np.bincount(c.patient, minlength=len(c.born))[c.patient] == 1
    free = alone & (c.kind < 0) & (c.indication == SCREENING) & (c.exam_day >= BOTH) & (g.guideline[c.node] == 0)
    at = np.flatnonzero(free & (rng.random(len(free)) < SINGLE_RATE * len(SINGLE)))
    kinds = np.array([CODE[name] for name in SINGLE])[rng.integers(0, len(SINGLE), len(at))]
    c.kind[at] = kinds
    p, when, u = c.patient[at], c.exam_day[at], rng.random(len(at))
    edge = rng.random(len(at)) < 0.2
    # the day before the 50th birthday, the 81st birthday, the 78th birthday and the day before the 81st
    up_to = (u * 1000).astype(np.int64)
    born = {
        "eligibility_too_young": add_months(when, -12 * 50) + np.where(edge, 1, 1 + 3 * up_to),
        "eligibility_too_old": add_months(when, -12 * 81) - np.where(edge, 0, 3 * up_to),
        "eligibility_cms_age": np.where(edge, add_months(when, -12 * 78), add_months(when, -12 * 81) + 1 + up_to),
    }
    for name, days in born.items():
        mine = kinds == CODE[name]
        c.born[p[mine]] = days[mine]
    few, quit_ = kinds == CODE["eligibility_pack_years"], kinds == CODE["eligibility_quit_years"]
    c.pack_years[p[few]] = np.where(edge[few], 19.9, np.round(5 + u[few] * 14, 1))
    c.quit_years[p[quit_]] = np.where(edge[quit_], 16.0, np.round(16 + u[quit_] * 20, 1))


def _communicate(rng: np.random.Generator, g: Graph, c: Chunk) -> None:
    """When each result that somebody must be told of was communicated.

    An exam of a lower category that is stated as 4B or 4X is communicated too, so that it makes no
    difference whether a measure goes by the stated category or by that of the findings.
    """
    n = len(c.patient)
    too_high = c.kind == CODE["category_too_high"]
    critical = g.critical[c.node] | (too_high & (g.guideline[c.node] == 0))
    edge = rng.random(n)
    days = np.where(edge < 0.05, CRITICAL_DAYS, (rng.random(n) * (CRITICAL_DAYS + 1)).astype(np.int64))
    late = CRITICAL_DAYS + 1 + np.where(edge < 0.2, 0, (rng.random(n) * 30).astype(np.int64))
    when = c.exam_day + np.where(c.kind == CODE["critical_late"], np.minimum(late, END - c.exam_day), days)
    none = ~critical | (c.kind == CODE["critical_not_communicated"]) | (when > END)
    c.communicated = np.where(none, NEVER, when)


def _duplicate(c: Chunk) -> None:
    """Append the second copies: the original is right, the copy bears the kind."""
    originals = np.flatnonzero(c.kind == CODE["duplicate_exam"])
    c.kind[originals] = -1
    for name in ("patient", "exam_day", "node", "indication", "status", "first_due", "last_due", "communicated"):
        column = getattr(c, name)
        setattr(c, name, np.concatenate([column, column[originals]]))
    c.kind = np.concatenate([c.kind, np.full(len(originals), CODE["duplicate_exam"])])
    c.copy_of = np.concatenate([c.copy_of, originals])
    order = np.lexsort((c.copy_of, c.exam_day, c.patient))
    place = np.argsort(order)
    for name in (
        "patient",
        "exam_day",
        "node",
        "indication",
        "status",
        "first_due",
        "last_due",
        "communicated",
        "kind",
    ):
        setattr(c, name, getattr(c, name)[order])
    c.copy_of = np.where(c.copy_of[order] >= 0, place[c.copy_of[order]], -1)


def _patients_within(c: Chunk, exams: int) -> int:
    """How many patients from the first on have at most so many exams."""
    return int(np.searchsorted(np.cumsum(np.bincount(c.patient, minlength=len(c.born))), exams, side="right"))


def _cut(c: Chunk, patients: int) -> Chunk:
    """The first patients of a chunk."""
    exams = c.patient < patients
    for name in ("male", "born", "death", "left", "pack_years", "quit_years", "start"):
        setattr(c, name, getattr(c, name)[:patients])
    for name in (*EXAM[1:], "copy_of", "patient"):
        setattr(c, name, getattr(c, name)[exams])
    for events in (c.procedures, c.outcomes):
        events[:] = [tuple(x[event[0] < patients] for x in event) for event in events]  # type: ignore[misc]
    return c


def add_months(days: Ints, months: Any) -> Ints:
    """Calendar months later (or earlier), at most the month's last day."""
    when = days.astype("datetime64[D]")
    month = when.astype("datetime64[M]")
    target = month + np.asarray(months).astype("timedelta64[M]")
    last = ((target + 1).astype("datetime64[D]") - np.timedelta64(1, "D")).astype(np.int64)
    return np.minimum(
        target.astype("datetime64[D]").astype(np.int64) + (when - month.astype("datetime64[D]")).astype(np.int64), last
    )


_GRACE = np.zeros(25, dtype=np.int64)
for _months, _days in GRACE_DAYS.items():
    _GRACE[_months] = _days


def grace(months: Ints) -> Ints:
    """The days before and after the printed interval that still count as on time."""
    return _GRACE[np.maximum(months, 0)]
