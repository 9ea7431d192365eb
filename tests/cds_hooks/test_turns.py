"""Who works out an answer when: one after the other, and nobody waits for one who waits."""

import threading
import time

import pytest

from radlogic.adapters.cds_hooks.turns import aside, turn

FOREVER = 30.0


def begun(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_one_works_at_a_time():
    order, inside, most = [], [], []

    def work(name):
        with turn(FOREVER):
            inside.append(name)
            most.append(len(inside))
            time.sleep(0.01)
            order.append(name)
            inside.remove(name)

    with turn(FOREVER):
        threads = [begun(lambda name=name: work(name)) for name in range(5)]
    for thread in threads:
        thread.join(FOREVER)

    assert sorted(order) == [0, 1, 2, 3, 4]
    assert set(most) == {1}


def test_who_waits_for_something_else_lets_the_next_one_work():
    arrived, worked = threading.Event(), threading.Event()

    def other():
        arrived.set()
        with turn(FOREVER):
            worked.set()

    with turn(FOREVER):
        thread = begun(other)
        assert arrived.wait(FOREVER)
        assert not worked.wait(0.05)
        with aside():
            assert worked.wait(FOREVER)
    thread.join(FOREVER)


def test_patience_ends_where_the_one_before_never_does():
    held, free = threading.Event(), threading.Event()

    def stuck():
        with turn(FOREVER):
            held.set()
            free.wait(FOREVER)

    thread = begun(stuck)
    assert held.wait(FOREVER)
    begin = time.monotonic()
    with turn(0.05):
        waited = time.monotonic() - begin
    free.set()
    thread.join(FOREVER)

    assert 0.04 < waited < FOREVER / 2
    with turn(FOREVER):  # who went on without a turn has given none back
        assert not begun_gets_one()


def begun_gets_one():
    got = []
    thread = begun(lambda: got.append(_is_mine(0.05)))
    thread.join(FOREVER)
    return got[0]


def _is_mine(patience_s):
    from radlogic.adapters.cds_hooks import turns

    with turn(patience_s):
        return turns._TURN.mine


def test_an_error_gives_the_turn_back():
    with pytest.raises(ValueError, match="ours"), turn(FOREVER), aside():
        raise ValueError("ours")

    assert _is_mine(FOREVER)
