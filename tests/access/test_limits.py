"""Token buckets."""

from access_world import Clock
from hypothesis import given
from hypothesis import strategies as st

from radlogic.adapters.access import limits
from radlogic.adapters.access.limits import Buckets, LoginThrottle, client_of, retry_after


@given(
    st.integers(1, 20),
    st.floats(0.1, 10),
    st.lists(st.tuples(st.floats(0, 5), st.sampled_from("ab")), max_size=80),
)
def test_no_window_of_time_grants_more_than_the_bucket_holds_and_refills(capacity, per_s, asked):
    clock = Clock(0.0)
    buckets, granted = Buckets(capacity, per_s, clock), []
    for pause, key in asked:
        clock.now += pause
        if not buckets.take(key).wait_s:
            granted.append((clock.now, key))

    for key in "ab":
        times = [t for t, k in granted if k == key]
        for i, begin in enumerate(times):
            for j in range(i, len(times)):
                assert j - i + 1 <= capacity + per_s * (times[j] - begin) + 1e-6


@given(st.integers(1, 5), st.floats(0.1, 10), st.integers(6, 30))
def test_who_waits_as_long_as_told_is_let_in(capacity, per_s, tries):
    clock = Clock(0.0)
    buckets = Buckets(capacity, per_s, clock)
    for _ in range(tries):
        wait = buckets.take("k").wait_s
        if wait:
            clock.now += wait + 1e-6
            assert buckets.take("k").wait_s == 0


def test_the_first_refusal_is_told_from_those_that_follow():
    clock = Clock(0.0)
    buckets = Buckets(1, 1, clock)
    firsts = [buckets.take("k").first for _ in range(4)]
    clock.now += 1
    again = [buckets.take("k").first for _ in range(2)]

    assert (firsts, again) == ([False, True, False, False], [False, True])


def test_a_bucket_never_holds_more_than_its_capacity():
    buckets = Buckets(2, 1, Clock(0.0))
    for _ in range(5):
        buckets.give_back("k")

    assert [buckets.take("k").wait_s == 0 for _ in range(3)] == [True, True, False]


def test_memory_is_bounded_and_the_longest_unused_goes_first(monkeypatch):
    monkeypatch.setattr(limits, "MAX_KEYS", 3)
    buckets = Buckets(1, 0.001, Clock(0.0))
    for key in "abcd":
        buckets.take(key)

    assert len(buckets._kept) == 3
    assert [buckets.take(key).wait_s == 0 for key in "bcd"] == [False] * 3
    assert buckets.take("a").wait_s == 0


def test_one_address_cannot_use_up_an_accounts_tries_for_a_day():
    clock = Clock(0.0)
    throttle = LoginThrottle(clock)
    for _ in range(24 * 60 * 6):
        clock.now += 10
        throttle.take("ada", "203.0.113.9")

    assert throttle.take("ada", "192.0.2.7").wait_s == 0


def test_a_botnet_gets_at_most_three_thousand_tries_a_day_on_one_account():
    clock = Clock(0.0)
    throttle = LoginThrottle(clock)
    tried = 0
    for i in range(20_000):
        clock.now += 86_400 / 20_000
        tried += throttle.take("ada", f"10.0.{i % 250}.{i % 199}").wait_s == 0

    assert tried <= 30 + 2 * 24 * 60


def test_clients_are_told_apart_by_address_and_v6_networks_by_64_bits():
    assert client_of("192.0.2.7") != client_of("192.0.2.8")
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff") != client_of("2001:db8:0:1::1")
    assert client_of(None) == client_of("testclient") == "unknown"


def test_retry_after_is_whole_seconds_and_never_none():
    assert [retry_after(s) for s in (0.01, 1, 1.2)] == ["1", "1", "2"]
