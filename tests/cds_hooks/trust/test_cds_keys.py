"""Key sets of clients: fetched, kept, rotated, and looked for no more often than is good."""

import asyncio
import json
import time

import pytest
from cds_trust_world import BASE, ISS, JKU, KEY, NOW, SERVICE, claims
from identity_server import EcKey, RsaKey, number, signed
from lying_fhir_server import after, bomb, endless, hangs_up, says, serving

from radlogic.adapters.cds_hooks.trust.errors import TokenRefused
from radlogic.adapters.cds_hooks.trust.keys import KeySet, usable
from radlogic.adapters.cds_hooks.trust.replay import InMemory
from radlogic.adapters.cds_hooks.trust.settings import trust_from
from radlogic.adapters.cds_hooks.trust.verify import Verifier

NEW = EcKey("key-2")


class Source:
    """A key set that counts how often it is read."""

    def __init__(self, *keys):
        self.keys, self.read, self.fails = keys, 0, None

    async def __call__(self):
        self.read += 1
        if self.fails:
            raise self.fails
        return {"keys": [key.jwk() for key in self.keys]}


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def found(loop_runner, clock):
    """The names found, one call a name, some seconds apart."""

    def of(source, *asked):
        keys = KeySet(source, clock, fresh_s=600, stale_s=3600)

        async def all_of():
            answers = []
            for seconds, kid in asked:
                clock.now += seconds
                got = await keys.named(kid)
                answers.append(got if got is None else len(got))
                await asyncio.sleep(0)  # a look in the background ends
                await asyncio.sleep(0)
            return answers

        return loop_runner.run(all_of())

    return of


def test_a_set_is_read_once_while_it_is_fresh(found):
    source = Source(KEY)

    assert found(source, (0, "key-1"), (1, "key-1"), (500, "key-1")) == [1, 1, 1]
    assert source.read == 1


def test_an_unknown_name_is_looked_for_at_most_once_a_minute(found):
    source = Source(KEY)
    forged = [(0.1, f"forged-{i}") for i in range(200)]

    assert found(source, (0, "key-1"), *forged, (60, "forged"), (1, "forged")) == [1, *[0] * 202]
    assert source.read == 2


def test_a_new_key_is_found_when_a_token_names_it(found, clock):
    source = Source(KEY)

    async def rotates():
        keys = KeySet(source, clock, fresh_s=600, stale_s=3600)
        before = await keys.named("key-2") or await keys.named("key-1")
        source.keys = (NEW,)
        clock.now += 61
        return len(before), len(await keys.named("key-2")), len(await keys.named("key-1"))

    assert asyncio.run(rotates()) == (1, 1, 0)
    assert source.read == 2


def test_a_set_that_is_no_longer_fresh_is_used_while_a_new_one_is_read(found):
    source = Source(KEY)

    assert found(source, (0, "key-1"), (601, "key-1"), (1, "key-1")) == [1, 1, 1]
    assert source.read == 2


def test_a_set_that_cannot_be_renewed_is_believed_for_an_hour_and_then_no_longer(clock):
    source = Source(KEY)

    async def lost():
        keys = KeySet(source, clock, fresh_s=600, stale_s=3600)
        answers = [await keys.named("key-1")]
        source.fails = OSError("gone")
        for _ in range(7):
            clock.now += 600
            answers.append(await keys.named("key-1"))
            await asyncio.sleep(0.001)
        return [None if a is None else len(a) for a in answers]

    assert asyncio.run(lost()) == [1] * 7 + [None]


def test_an_empty_set_does_not_replace_one_with_keys(clock):
    source = Source(KEY)

    async def emptied():
        keys = KeySet(source, clock, fresh_s=600, stale_s=3600)
        await keys.named("key-1")
        source.keys, clock.now = (), clock.now + 61
        return len(await keys.named("x")), len(await keys.named("key-1"))

    assert asyncio.run(emptied()) == (0, 1)


def test_many_calls_at_once_read_it_once(clock):
    source = Source(KEY)

    async def crowd():
        keys = KeySet(source, clock, fresh_s=600, stale_s=3600)
        return await asyncio.gather(*(keys.named("key-1") for _ in range(50)))

    assert {len(keys) for keys in asyncio.run(crowd())} == {1}
    assert source.read == 1


GOOD = RsaKey("rsa").jwk()
NO_KEYS = {
    "a shared secret": {"kty": "oct", "kid": "k", "k": "c2VjcmV0c2VjcmV0"},
    "for encryption": GOOD | {"use": "enc"},
    "no name": {k: v for k, v in GOOD.items() if k != "kid"},
    "a name that is no text": GOOD | {"kid": 7},
    "an empty name": GOOD | {"kid": ""},
    "no modulus": {k: v for k, v in GOOD.items() if k != "n"},
    "a modulus that is no text": GOOD | {"n": 7},
    "1024 bits": GOOD | {"n": number(2**1023 + 1)},
    "16384 bits": GOOD | {"n": number(2**16383 + 1)},
    "exponent 1": GOOD | {"e": "AQ"},
    "a curve that nobody knows": KEY.jwk() | {"crv": "P-1"},
    "a point beside the curve": KEY.jwk() | {"x": KEY.jwk()["y"]},
    "no kind": {"kid": "k"},
    "a list for a kind": GOOD | {"kty": ["RSA"]},
    "text": "key",
    "nothing": None,
}


@pytest.mark.parametrize("key", NO_KEYS.values(), ids=NO_KEYS)
def test_what_is_no_key_is_passed_over_and_the_others_serve(key):
    assert list(usable({"keys": [key, KEY.jwk()]})) == ["key-1"]


@pytest.mark.parametrize("jwks", [None, [], "x", {}, {"keys": None}, {"keys": {"kty": "RSA"}}], ids=str)
def test_what_is_no_key_set_holds_no_keys(jwks):
    assert usable(jwks) == {}


def test_a_set_has_a_bound():
    assert usable({"keys": [GOOD | {"kid": str(i)} for i in range(300)]}).keys() == {str(i) for i in range(100)}


@pytest.fixture
def remote():
    with serving() as server:
        server.behaviours["/jwks"] = says({"keys": [KEY.jwk()]}, content_type="application/jwk-set+json")
        yield server


def verifier(url, networks=("127.0.0.0/8",)):
    keys = [{"jku": JKU, "url": url}, {"jku": url}]
    client = {"name": "ehr", "iss": ISS, "keys": keys, "networks": list(networks)}
    trust = trust_from({"base_url": BASE, "clients": [client]})
    return Verifier(trust, InMemory(1000, lambda: NOW), clock=lambda: NOW)


def believed(url, jku=JKU, **settings):
    """The issuer, or the code of the refusal; and the seconds it took."""

    async def one():
        made, begun = verifier(url, **settings), time.perf_counter()
        try:
            token = signed(KEY, claims(), jku=jku)
            return (await made.believed([f"Bearer {token}"], SERVICE))[1].issuer, time.perf_counter() - begun
        except TokenRefused as no:
            return no.found, time.perf_counter() - begun
        finally:
            await made.close()

    return asyncio.run(one())


def test_keys_are_fetched_from_where_the_jku_is_mapped_to(remote):
    assert believed(f"{remote.origin}/jwks")[0] == ISS
    assert [(path, headers.get("Authorization")) for path, headers in remote.asked] == [("/jwks", None)]


def test_a_jku_that_is_listed_is_fetched_itself(remote):
    url = f"{remote.origin}/jwks"

    assert believed(url, jku=url)[0] == ISS


LIES = {
    "down": hangs_up,
    "slow": after(1.5),
    "elsewhere": says(b"", 302, location="/jwks2"),
    "404": says({}, 404),
    "500": says({}, 500),
    "HTML": says(b"<html>", content_type="text/html"),
    "endless": endless,
    "a bomb": bomb,
    "deep": says(b"[" * 2000 + b"]" * 2000),
    "a key twice": says(b'{"keys":[],"keys":' + json.dumps([KEY.jwk()]).encode() + b"}"),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_key_server_that_misbehaves_lets_nobody_in_and_holds_nobody_up(remote, lie):
    remote.behaviours["/jwks"] = lie
    code, took = believed(f"{remote.origin}/jwks")

    assert (code, took < 0.8) == ("keys_unavailable", True)
    assert [path for path, _ in remote.asked] == ["/jwks"]


def test_a_key_server_at_an_address_that_is_not_listed_is_not_asked(remote):
    assert believed(f"{remote.origin}/jwks", networks=())[0] == "keys_unavailable"
    assert remote.asked == []
