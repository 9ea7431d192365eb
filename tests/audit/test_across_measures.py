"""What one measure hides no other tells: neither by the same cell nor by the difference of their totals."""

from collections import defaultdict
from fractions import Fraction

import numpy
import pytest

from radlogic.adapters.audit import across_measures
from radlogic.adapters.audit.across_measures import keep_apart
from radlogic.adapters.audit.measure_files import STATUSES, chosen
from radlogic.adapters.audit.tally import Tally

LEAST = 11
# edition -> exams by status, of measures of several guidelines that mostly meet
EXAMS = {
    "lung-rads@1.1": {"met": 150, "not_met": 29},
    "lung-rads@2022": {"met": 700, "not_met": 74},
    "li-rads-us@2024": {"met": 150, "not_met": 51},
    "fleischner@2017": {"met": 67, "unknown": 53},
}


def tallied(few):
    """Every measure over the same exams, ``few`` of which are of CT/MRI LI-RADS."""
    for measure in chosen():
        exams = {**EXAMS, "li-rads-ct-mri@2018": {"met": few}}
        mine = {e: dict(counts) for e, counts in exams.items() if e.split("@")[0] in measure.file.guideline}
        every = defaultdict(int)
        for counts in mine.values():
            for status, n in counts.items():
                every[status] += n
        tally = Tally(measure)
        tally.by["edition"], tally.by["all"] = mine, {"": dict(every)}
        yield tally


def told(found):
    """The sets of editions whose populations are shown, or follow at once."""
    for tally in found:
        if tally.measure.file.population == "TRUE":
            shown = tally.shown(LEAST)
            yield from ({e} for e, row in shown["by"]["edition"].items() if row["population"] is not None)
            if shown["population"] is not None:
                yield {*tally.by["edition"]}


def follows(edition, found):
    """Whether the exams of an edition follow from sums and differences of what is shown."""
    known = [*told(found)]
    names = sorted({e for one in known for e in one} | {edition})
    rows = [[float(e in one) for e in names] for one in known]
    alone = [float(e == edition) for e in names]
    return numpy.linalg.matrix_rank([*rows, alone]) == numpy.linalg.matrix_rank(rows)


@pytest.mark.parametrize("few", [1, 7, 10])
def test_few_exams_of_a_guideline_do_not_follow_from_the_totals_of_the_measures(few):
    found = [*tallied(few)]
    assert follows("li-rads-ct-mri@2018", found)  # each measure by itself hides them in vain

    keep_apart(found, LEAST)

    assert not follows("li-rads-ct-mri@2018", found)
    assert follows("lung-rads@2022", found)


def test_what_is_hidden_in_one_measure_is_hidden_in_all():
    found = [*tallied(7)]

    keep_apart(found, LEAST)

    seen = defaultdict(set)
    for tally in found:
        for edition, row in tally.shown(LEAST)["by"]["edition"].items():
            for status, n in tally.by["edition"][edition].items():
                seen[edition, status, n].add(row[status])
    assert all(len(values) == 1 for values in seen.values())
    assert {None} in seen.values()


def test_where_nothing_is_small_all_is_shown():
    found = [*tallied(20)]
    before = [tally.shown(LEAST) for tally in found]

    keep_apart(found, LEAST)

    assert [tally.shown(LEAST) for tally in found] == before


def by_reader(seed, readers=12):
    """Every measure over the same readers and months, many of which have few exams of a status."""
    chance = numpy.random.default_rng(seed)
    reader, month = chance.zipf(1.5, 400) % readers, chance.integers(0, 6, 400)
    groups = {"all": reader * 0, "edition": month // 3, "month": month, "reader_id": reader}
    for measure in chosen():
        status, tally = chance.choice(STATUSES, 400, p=[0.6, 0.1, 0.2, 0.1]), Tally(measure)
        for dimension, values in groups.items():
            for value in {*values.tolist()}:
                kinds, many = numpy.unique(status[values == value], return_counts=True)
                tally.by[dimension][f"{value}"] = dict(zip(kinds.tolist(), many.tolist(), strict=True))
        yield tally


def slowly(lines, hidden):
    """What follows, by fractions, and with every row written anew."""

    def without(row, lead, other):
        found = {k: row.get(k, 0) - row[lead] * other.get(k, 0) for k in [*row, *other]}
        return {k: c for k, c in found.items() if c}

    solved = {}
    left = [({k: Fraction(c) for k, c in line.items() if k in hidden}, {n}) for n, line in enumerate(lines)]
    for line, n in sorted(left, key=lambda one: len(one[0])):
        row, used = line, n
        for lead in [k for k in line if k in solved]:
            row, used = without(row, lead, solved[lead][0]), used | solved[lead][1]
        if row:
            first = min(row, key=lambda k: sum(k in other for other, _ in solved.values()))
            row = {k: c / row[first] for k, c in row.items()}
            held = {k: (without(old, first, row), of | used) for k, (old, of) in solved.items() if first in old}
            solved |= {**held, first: (row, used)}
    return {key: used for key, (row, used) in solved.items() if len(row) == 1}


@pytest.mark.parametrize("seed", [1, 2])
def test_as_much_is_hidden_as_by_slow_and_plain_elimination(seed, monkeypatch):
    fast, slow, calls = [*by_reader(seed)], [*by_reader(seed)], []
    keep_apart(fast, LEAST)
    monkeypatch.setattr(across_measures, "computed", lambda *of: calls.append(slowly(*of)) or calls[-1])

    keep_apart(slow, LEAST)

    assert [tally.also for tally in fast] == [tally.also for tally in slow]
    assert any(len(used) > 1 for found in calls for used in found.values())  # and it took sums of several lines
