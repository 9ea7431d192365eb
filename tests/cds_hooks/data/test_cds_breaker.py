"""When a server is left alone, and when it is tried again."""

import pytest

from radlogic.adapters.cds_hooks.data.breaker import Breaker
from radlogic.adapters.cds_hooks.data.outcomes import TROUBLE, Why


class Clock:
    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(3, 10, clock)


def fails(breaker, times, why=Why.SERVER_FAULT, **how):
    for _ in range(times):
        assert breaker.admit()
        breaker.report(why, **({"tried_s": 0.8} | how))


@pytest.mark.parametrize("why", sorted(TROUBLE))
def test_three_failures_in_a_row_open_it(breaker, why):
    fails(breaker, 2, why)
    assert breaker.state == "closed"
    fails(breaker, 1, why)

    assert (breaker.state, breaker.admit()) == ("open", False)


@pytest.mark.parametrize("why", sorted(set(Why) - TROUBLE))
def test_what_is_about_one_question_does_not(breaker, why):
    fails(breaker, 10 if why is not Why.RATE_LIMITED else 1, why)

    assert breaker.state == ("open" if why is Why.RATE_LIMITED else "closed")


def test_an_answer_between_starts_the_count_anew(breaker):
    fails(breaker, 2)
    fails(breaker, 1, None)
    fails(breaker, 2)

    assert breaker.state == "closed"


def test_a_question_that_had_no_time_says_nothing(breaker):
    fails(breaker, 10, Why.TIMEOUT, tried_s=0.1)

    assert breaker.state == "closed"


def test_after_the_pause_one_is_asked_and_its_answer_decides(breaker, clock):
    fails(breaker, 3)
    clock.now += 10
    assert (breaker.state, breaker.admit(), breaker.admit()) == ("half-open", True, False)
    breaker.report(Why.TIMEOUT, tried_s=0.8)
    assert breaker.state == "open"
    clock.now += 10
    assert breaker.admit()
    breaker.report(None, tried_s=0.8)

    assert (breaker.state, breaker.admit(), breaker.admit()) == ("closed", True, True)


def test_one_that_never_comes_back_does_not_close_the_way_for_ever(breaker, clock):
    fails(breaker, 3)
    clock.now += 10
    assert breaker.admit()
    clock.now += 10

    assert breaker.admit()


@pytest.mark.parametrize(("wait_s", "open_s"), [(None, 1), (0.5, 0.5), (5, 5), (1e9, 60)])
def test_a_server_may_ask_for_a_while_but_not_for_ever(breaker, clock, wait_s, open_s):
    fails(breaker, 1, Why.RATE_LIMITED, wait_s=wait_s)
    clock.now += open_s - 0.01
    before = breaker.state
    clock.now += 0.02

    assert (before, breaker.state) == ("open", "closed")


def test_a_server_may_ask_for_no_time_at_all(breaker):
    fails(breaker, 1, Why.RATE_LIMITED, wait_s=0)

    assert (breaker.state, breaker.admit()) == ("closed", True)


def test_a_failing_server_may_ask_too(breaker):
    fails(breaker, 1, Why.SERVER_FAULT, wait_s=5)

    assert breaker.state == "open"
