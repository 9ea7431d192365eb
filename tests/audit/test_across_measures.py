"""What one measure hides no other tells: neither by the same cell nor by the difference of their totals."""

from collections import defaultdict

import numpy
import pytest

from radlogic.adapters.audit.across_measures import keep_apart
from radlogic.adapters.audit.measure_files import chosen
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
