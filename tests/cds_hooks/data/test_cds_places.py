"""While one FHIR server is slow, calls that do not need it are answered as fast as ever."""

import asyncio
import threading
import time

import httpx
import pytest
from cds_granted import GRANTED
from cds_world import JANE, ehr, request
from lying_fhir_server import after, serving

from radlogic.adapters.cds_hooks.data.fetch import FhirFetching
from radlogic.adapters.cds_hooks.data.outcomes import WORDS, Unanswered, Why
from radlogic.adapters.cds_hooks.data.places import OF_ALL, OF_ONE, Places
from radlogic.adapters.cds_hooks.offers import warm
from radlogic.adapters.cds_hooks.trust.settings import trust_from

THREADS = 40  # of anyio, and so of FastAPI's
SLOW_S = 1.0
EMPTY = {"resourceType": "Bundle", "entry": []}
BROUGHT = {"patient": {"resourceType": "Patient", "id": JANE, "birthDate": "1960-05-04"}} | dict.fromkeys(
    ("conditions", "observations", "reports", "studies", "orders"), EMPTY
)


@pytest.fixture
def service():
    """A service whose client has a slow FHIR server and a quick one."""
    with serving() as slow, serving() as quick:
        slow.on("", after(SLOW_S))
        client = {
            "name": "ehr",
            "iss": "https://ehr.hospital.example",
            "keys": [{"jku": "https://ehr.hospital.example/jwks"}],
            "fhir_servers": [{"base": slow.base}, {"base": quick.base}],
            "networks": ["127.0.0.0/8"],
        }
        fetching = FhirFetching(trust_from({"clients": [client], "fetch": {"budget_ms": 5000}}))
        world = ehr(fetching=fetching)
        warm(world.records)  # else the first call alone takes longer than the slow server
        yield world.app, slow, quick
        fetching.close()


def timed(app, *bodies):
    """All calls at the same time, the later ones once the first are on their way: status, seconds and text of each."""

    async def one(http, body, wait_s):
        await asyncio.sleep(wait_s)
        begun = time.perf_counter()
        answer = await http.post("/cds-services/radlogic-patient-view", json=body)
        return answer.status_code, time.perf_counter() - begun, answer.text

    async def all_of_them():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as http:
            return await asyncio.gather(
                *(one(http, body, 0.2 if number >= THREADS else 0) for number, body in enumerate(bodies))
            )

    return asyncio.run(all_of_them())


def fetching_from(server):
    return request(fhirServer=server.base, fhirAuthorization=GRANTED | {"patient": JANE})


def test_calls_that_need_no_slow_server_do_not_wait_for_one(service):
    app, slow, quick = service
    brought = request(prefetch=BROUGHT)

    *crowd, with_data, from_another = timed(app, *[fetching_from(slow)] * THREADS, brought, fetching_from(quick))

    assert (with_data[0], from_another[0]) == (200, 200)
    assert max(with_data[1], from_another[1]) < SLOW_S - 0.3
    waited = [took for _, took, _ in crowd if took > SLOW_S - 0.1]
    assert OF_ONE <= len(waited) <= 2 * OF_ONE  # twice where this machine is so busy that places come free meanwhile


def test_a_call_that_finds_no_place_is_answered_at_once_and_says_why(service):
    app, slow, _ = service
    answers = timed(app, *[fetching_from(slow)] * THREADS)

    at_once = [(status, text) for status, took, text in answers if took < SLOW_S - 0.1]
    assert THREADS - 2 * OF_ONE <= len(at_once) <= THREADS - OF_ONE
    assert {status for status, _ in at_once} == {412}
    assert all(WORDS[Why.BUSY] in text for _, text in at_once)


def test_places_are_given_back_even_where_the_question_failed():
    places = Places(of_one=1, of_all=1)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), places.one("a"):
            raise ZeroDivisionError

    with places.one("a"):
        pass


@pytest.mark.parametrize(("first", "second", "left"), [("a", "a", 0), ("a", "b", 1)])
def test_places_are_counted_for_each_server_and_for_all(first, second, left):
    places = Places(of_one=1, of_all=2)
    with places.one(first):
        if left:
            with places.one(second), pytest.raises(Unanswered, match="busy"), places.one("c"):
                pytest.fail("a third place of two")
        else:
            with pytest.raises(Unanswered, match="busy"), places.one(second):
                pytest.fail("a second place of one")


def test_no_place_is_lost_or_made_by_many_threads():
    places, seen, most = Places(of_one=3, of_all=5), [], 0
    inside = threading.Semaphore(0)

    def wait():
        nonlocal most
        try:
            with places.one("a"):
                inside.release()
                seen.append(1)
                most = max(most, len(seen))
                time.sleep(0.001)
                seen.pop()
        except Unanswered:
            pass

    for _ in range(20):
        threads = [threading.Thread(target=wait) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert most <= 3
    for _ in range(3):
        with places.one("a"), places.one("a"), places.one("a"):
            pass


def test_there_are_fewer_places_than_threads_and_two_slow_servers_leave_some():
    assert 2 * OF_ONE < OF_ALL < THREADS
