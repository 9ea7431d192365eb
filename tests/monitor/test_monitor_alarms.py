"""Each alarm sounds where its fault was planted, and none where none was."""

from dataclasses import replace
from functools import cache

import pytest
from signed_exams import AT_THE_BARS, NOTHING, Plant, rows

from radlogic.adapters.monitor.alarms import tests as all_tests
from radlogic.adapters.monitor.groups import DIMENSIONS
from radlogic.adapters.monitor.thresholds import NAMES, reference, thresholds

EXAMS = 600
PLANTED = {
    "agreement": Plant(agree=0.70),
    "overrides": Plant(overridden=0.25),
    "group_agrees_less": Plant(worse={"PHILIPS iCT": 0.68}),
    "coverage": Plant(covered=0.80),
    "calibration_error": Plant(overconfident=0.12),
    "drift": Plant(shift=3.0),
    "unlike_training": Plant(unlike=0.20),
    "seen_first": Plant(read_first=0.70),
}


def made_of(exams, by=DIMENSIONS):
    return all_tests(exams, by, thresholds(), reference())


def sounding(exams):
    return {(t.alarm, t.group) for t in made_of(exams) if t.sounds}


@cache
def heard(alarm):
    """The alarms that sound where the fault of that one was planted."""
    return sounding(rows(EXAMS, 7, PLANTED[alarm]))


def test_there_is_a_planted_fault_for_every_alarm():
    assert set(PLANTED) == set(NAMES)


@pytest.mark.parametrize("alarm", PLANTED)
def test_an_alarm_sounds_where_its_fault_was_planted_and_no_other_does(alarm):
    assert {name for name, _ in heard(alarm)} == {alarm}


def test_the_scanner_with_the_fault_is_named_and_no_other():
    assert heard("group_agrees_less") == {("group_agrees_less", "scanner PHILIPS iCT")}


def test_a_manufacturer_that_was_never_trained_on_sounds():
    assert sounding(rows(EXAMS, 7, Plant(maker="CANON"))) == {("drift", "manufacturer")}


def test_what_is_planted_in_diameters_shows_in_diameters_alone():
    assert heard("drift") == {("drift", "diameter of the largest nodule, by the net")}


@pytest.mark.parametrize("seed", range(2))
def test_no_alarm_sounds_where_nothing_was_planted(seed):
    assert sounding(rows(EXAMS, seed, NOTHING)) == set()


@pytest.mark.parametrize("alarm", PLANTED)
def test_no_alarm_sounds_below_its_number_of_exams(alarm):
    plant = replace(PLANTED[alarm], **({"agree": 0.0} if alarm == "agreement" else {}))

    assert made_of(rows(20, 7, plant)) == []


def test_every_test_has_the_exams_that_its_alarm_asks_for():
    assert all(t.exams >= thresholds().alarms[t.alarm].exams for t in made_of(rows(150, 7, PLANTED["coverage"])))


def test_the_same_exams_give_the_same_tests():
    exams = rows(300, 5, PLANTED["calibration_error"])

    assert made_of(exams) == made_of(exams)


@pytest.mark.slow
def test_at_the_bars_themselves_at_most_the_stated_share_of_runs_sounds():
    """Every true value exactly at its bar, where a false alarm is the likeliest."""
    false_alarms = sum(bool(sounding(rows(EXAMS, seed, AT_THE_BARS))) for seed in range(200))

    assert false_alarms / 200 <= thresholds().false_alarms.rate
