"""While one FHIR server is slow, calls that do not need it are answered as fast as ever."""

import asyncio
import threading
import time

import httpx
import pytest
from cds_granted import GRANTED, patient
from cds_world import JANE, ehr, request
from lying_fhir_server import once_open, serving

from radlogic.adapters.cds_hooks.data.fetch import FhirFetching
from radlogic.adapters.cds_hooks.data.outcomes import WORDS, Unanswered, Why
from radlogic.adapters.cds_hooks.data.places import OF_ALL, OF_ONE, Places
from radlogic.adapters.cds_hooks.trust.settings import trust_from

THREADS = 40  # of anyio, and so of FastAPI's
EMPTY = {"resourceType": "Bundle", "entry": []}
BROUGHT = {"patient": {"resourceType": "Patient", "id": JANE, "birthDate": "1960-05-04"}} | dict.fromkeys(
    ("conditions", "observations", "reports", "studies", "orders"), EMPTY
)


@pytest.fixture
def service():
    """A service whose client has a quick FHIR server, and one that answers nobody until its gate is opened."""
    gate = threading.Event()
    with serving() as slow, serving() as quick:
        slow.on("", once_open(gate))
        client = {
            "name": "ehr",
            "iss": "https://ehr.hospital.example",
            "keys": [{"jku": "https://ehr.hospital.example/jwks"}],
            "fhir_servers": [{"base": slow.base}, {"base": quick.base}],
            "networks": ["127.0.0.0/8"],
        }
        fetching = FhirFetching(patient(trust_from({"clients": [client]})))
        yield ehr(fetching=fetching).app, slow, quick, gate
        gate.set()
        fetching.close()


def while_all_places_of_one_are_taken(app, crowd, *others, gate):
    """The crowd's answers before its server answers anybody, then those of others, then the rest of the crowd's."""

    async def all_of_them():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://127.0.0.1") as http:

            def ask(body):
                return asyncio.ensure_future(http.post("/cds-services/radlogic-patient-view", json=body))

            waiting, answered = {ask(body) for body in crowd}, set()
            while len(waiting) > OF_ONE:
                done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                answered |= done
            apart = [await ask(body) for body in others]
            still = [one for one in waiting if not one.done()]
            gate.set()
            return [one.result() for one in answered], apart, await asyncio.gather(*still)

    return asyncio.run(all_of_them())


def fetching_from(server):
    return request(fhirServer=server.base, fhirAuthorization=GRANTED | {"patient": JANE})


def test_calls_that_need_no_slow_server_do_not_wait_for_one(service):
    app, slow, quick, gate = service
    brought = request(prefetch=BROUGHT)

    _, apart, waited = while_all_places_of_one_are_taken(
        app, [fetching_from(slow)] * THREADS, brought, fetching_from(quick), gate=gate
    )

    assert [answer.status_code for answer in apart] == [200, 200]
    assert [answer.status_code for answer in waited] == [200] * OF_ONE


def test_a_call_that_finds_no_place_is_answered_at_once_and_says_why(service):
    app, slow, _, gate = service
    at_once, _, waited = while_all_places_of_one_are_taken(app, [fetching_from(slow)] * THREADS, gate=gate)

    assert (len(at_once), len(waited)) == (THREADS - OF_ONE, OF_ONE)
    assert {answer.status_code for answer in at_once} == {412}
    assert all(WORDS[Why.BUSY] in answer.text for answer in at_once)


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
