"""Which tokens are believed, and that a refusal tells nothing.

The attacks are those of RFC 8725 and of the acceptance: each must end in the very same 401.
"""

import json
import logging

import pytest
from cds_trust_world import BASE, ISS, JKU, KEY, NOW, SERVICE, claims, token
from identity_server import EcKey, RsaKey, b64, part, signed, signed_with_the_public_key, unsigned

RSA = RsaKey("rsa-1")
THIEF = EcKey("key-1")  # the same name, another key
HUGE = 200_000


def raw(header, payload, key=KEY):
    """A signed token of texts that no JSON writer would write."""
    text = f"{b64(header.encode())}.{b64(payload.encode())}"
    return f"{text}.{b64(key.sign(text.encode()))}"


def twice(name, value):
    """Claims in which a name stands twice, the honest value last."""
    honest = json.dumps(claims())
    return raw(
        json.dumps({"alg": "ES384", "kid": "key-1", "typ": "JWT"}), f'{{"{name}": {json.dumps(value)}, {honest[1:]}'
    )


def swapped_payload():
    head, _, signature = token().split(".")
    return f"{head}.{part(claims(tenant='other'))}.{signature}"


ATTACKS = {
    "no algorithm": ("algorithm", lambda: unsigned(claims())),
    "no algorithm, in capitals": ("algorithm", lambda: raw('{"alg":"NONE","kid":"key-1"}', json.dumps(claims()))),
    "the public key as a shared secret": ("algorithm", lambda: signed_with_the_public_key(RSA, claims())),
    "the algorithm of another kind of key": ("signature", lambda: token(header={"alg": "RS256"})),
    "a stronger variant than was signed": ("signature", lambda: token(header={"alg": "ES512"})),
    "another service's address": ("claim_aud", lambda: token(aud=BASE + "/cds-services/other")),
    "another host's address": ("claim_aud", lambda: token(aud="https://other.example" + SERVICE)),
    "the bare host": ("claim_aud", lambda: token(aud=BASE)),
    "a longer host": ("claim_aud", lambda: token(aud=BASE + ".evil.example" + SERVICE)),
    "for us and for a stranger": ("claim_aud", lambda: token(aud=[BASE + SERVICE, "https://stranger.example/s"])),
    "for nobody": ("claim_aud", lambda: token(aud=[])),
    "for an object": ("claim_aud", lambda: token(aud={"url": BASE + SERVICE})),
    "no audience": ("claim_aud", lambda: token(aud=None)),
    "expired": ("expired", lambda: token(exp=NOW - 31, iat=NOW - 300)),
    "no exp": ("claim_exp", lambda: signed(KEY, {k: v for k, v in claims().items() if k != "exp"}, jku=JKU)),
    "exp as text": ("claim_exp", lambda: token(exp=str(NOW + 300))),
    "exp beyond all clocks": ("claim_exp", lambda: token(exp=10**300)),
    "exp that is no number": ("malformed", lambda: token(exp=float("nan"))),
    "exp true": ("claim_exp", lambda: token(exp=True)),
    "nbf in the future": ("claim_nbf", lambda: token(nbf=NOW + 31)),
    "iat in the future": ("claim_iat", lambda: token(iat=NOW + 31)),
    "iat far in the past": ("lifetime", lambda: token(iat=NOW - 86_400)),
    "no iat": ("claim_iat", lambda: token(iat=None)),
    "a life of a year": ("lifetime", lambda: token(exp=NOW + 31_536_000)),
    "no jti": ("claim_jti", lambda: token(jti=None)),
    "an empty jti": ("claim_jti", lambda: token(jti="")),
    "jti as a number": ("claim_jti", lambda: token(jti=7)),
    "jti without end": ("claim_jti", lambda: token(jti="x" * 513)),
    "another issuer": ("issuer", lambda: token(iss="https://evil.example")),
    "the issuer with a slash": ("issuer", lambda: token(iss=ISS + "/")),
    "issuers as a list": ("issuer", lambda: token(iss=[ISS])),
    "no issuer": ("issuer", lambda: token(iss=None)),
    "a foreign jku": ("jku", lambda: token(THIEF, {"jku": "https://evil.example/jwks.json"})),
    "a jku beside ours": ("jku", lambda: token(THIEF, {"jku": JKU + "?x"})),
    "a jku with our host as a name": ("jku", lambda: token(THIEF, {"jku": "https://ehr.hospital.example@evil.example/"})),
    "a jku that is no text": ("jku", lambda: token(THIEF, {"jku": [JKU]})),
    "a jku on this machine": ("jku", lambda: token(THIEF, {"jku": "http://127.0.0.1:1/jwks.json"})),
    "kid as a path": ("key_unknown", lambda: token(THIEF, {"kid": "../../../../dev/null"})),
    "kid as SQL": ("key_unknown", lambda: token(THIEF, {"kid": "key-1' UNION SELECT 'x'--"})),
    "kid as an address": ("key_unknown", lambda: token(THIEF, {"kid": "https://evil.example/jwks.json"})),
    "kid with a zero byte": ("key_unknown", lambda: token(THIEF, {"kid": "key-1\0"})),
    "kid as a list": ("kid", lambda: token(header={"kid": ["key-1"]})),
    "kid without end": ("kid", lambda: token(header={"kid": "k" * 600})),
    "no kid": ("kid", lambda: raw('{"alg":"ES384","typ":"JWT"}', json.dumps(claims()))),
    "a thief's key of the same name": ("signature", lambda: token(THIEF)),
    "the claims exchanged": ("signature", swapped_payload),
    "the signature cut": ("signature", lambda: token()[:-4]),
    "no signature": ("signature", lambda: token().rpartition(".")[0] + "."),
    "a key in the header": ("key_in_header", lambda: token(THIEF, {"jwk": THIEF.jwk()})),
    "a certificate in the header": ("key_in_header", lambda: token(THIEF, {"x5c": ["MIIB"]})),
    "a certificate's address": ("key_in_header", lambda: token(THIEF, {"x5u": "https://evil.example/c.pem"})),
    "crit that we do not know": ("header_extension", lambda: token(header={"crit": ["exp"], "exp": NOW})),
    "crit that is empty": ("header_extension", lambda: token(header={"crit": []})),
    "crit that is no list": ("header_extension", lambda: token(header={"crit": 7})),
    "a payload that is not packed": ("malformed", lambda: token(header={"b64": False, "crit": ["b64"]})),
    "a huge token": ("too_long", lambda: token(padding="x" * HUGE)),
    "a token a little too long": ("too_long", lambda: token(padding="x" * 6200)),
    "a claim twice": ("duplicate_member", lambda: twice("iss", "https://evil.example")),
    "another claim twice": ("duplicate_member", lambda: twice("exp", NOW - 999)),
    "alg twice": ("duplicate_member", lambda: raw('{"alg":"none","alg":"ES384","kid":"key-1"}', json.dumps(claims()))),
    "another type": ("type", lambda: token(header={"typ": "at+jwt"})),
    "a list for claims": ("malformed", lambda: signed(KEY, [1])),
    "nesting": ("malformed", lambda: raw('{"alg":"ES384","kid":"key-1"}', '{"a":' + "[" * 2000 + "]" * 2000 + "}")),
    "five parts": ("malformed", lambda: token() + ".x.y"),
    "one part": ("malformed", lambda: "token"),
    "letters beyond ASCII": ("malformed", lambda: "\xe4.\xe4.\xe4"),
    "a tenant that is no text": ("claim_tenant", lambda: token(tenant=["a"])),
    "a tenant with a line break": ("claim_tenant", lambda: token(tenant="a\nroot logged in")),
}  # fmt: skip


@pytest.mark.parametrize(("code", "forge"), ATTACKS.values(), ids=ATTACKS)
def test_an_attack_gets_the_same_401_and_the_log_a_code(world, caplog, code, forge):
    caplog.set_level(logging.DEBUG)
    forged = forge()

    answer = world.call(forged)

    assert (answer.status_code, answer.json(), world.reached) == (401, NOTHING_SAID, [])
    assert set(answer.headers) == {"content-length", "content-type", "www-authenticate"}
    assert answer.headers["www-authenticate"] == "Bearer"
    assert f"a call was refused: {code}" in caplog.messages
    assert not [line for line in caplog.messages if forged in line or "evil" in line or "root" in line]


NOTHING_SAID = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "login"}]}


def test_an_honest_call_comes_through_with_its_issuer_and_tenant(make_world):
    answer = make_world(tenants=["clinic-7"]).call(token(tenant="clinic-7", nbf=NOW - 1, sub="ehr"))

    assert (answer.status_code, answer.json()["issuer"], answer.json()["tenant"]) == (200, ISS, "clinic-7")


@pytest.mark.parametrize(("listed", "named"), [([], "clinic-7"), (["clinic-7"], "clinic-8"), (["clinic-7"], None)])
def test_another_tenant_of_a_trusted_issuer_is_nobody(make_world, caplog, listed, named):
    world = make_world(tenants=listed)

    assert world.call(token(tenant=named)).json() == NOTHING_SAID
    assert "tenant" in caplog.text
    assert world.reached == []


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": [BASE + SERVICE]},
        {"aud": [BASE + SERVICE, BASE + "/cds-services/other"]},
        {"aud": "HTTPS://CDS.hospital.example:443" + SERVICE},
        {"exp": NOW + 300.5, "iat": NOW - 0.5},
        {"exp": NOW - 29, "iat": NOW - 329},
        {"iat": NOW + 29, "exp": NOW + 329},
        {"tenant": None},
    ],
    ids=str,
)
def test_what_honest_clients_send_is_taken(world, changed):
    assert world.call(token(**changed)).status_code == 200


@pytest.mark.parametrize("header", [{"typ": "jwt"}, {"x": 1}, {"x5t": "abc"}, {"jku": JKU}], ids=str)
def test_headers_that_change_nothing_are_taken(world, header):
    assert world.call(token(header=header)).status_code == 200


def test_a_token_serves_once(world, caplog):
    used = token()

    assert [world.call(used).status_code for _ in range(3)] == [200, 401, 401]
    assert "a call was refused: replayed" in caplog.messages


def test_a_forged_token_does_not_use_up_the_honest_one(world):
    honest, forged = claims(), None
    forged = signed(THIEF, honest, jku=JKU)

    assert [world.call(forged).status_code, world.call(signed(KEY, honest, jku=JKU)).status_code] == [401, 200]


def test_the_same_jti_of_another_service_address_is_a_replay_too(world):
    """One jti is one token, whatever else it says."""
    assert world.call(token(jti="once")).status_code == 200
    assert world.call(token(jti="once", aud=[BASE + SERVICE])).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "Basic dXNlcjpwYXNz")],
        [("authorization", "Bearer")],
        [("authorization", "Bearer ")],
        [("authorization", "")],
    ],
    ids=str,
)
def test_without_a_bearer_token_nobody_passes(world, headers):
    answer = world.call(headers=headers)

    assert (answer.status_code, answer.json()) == (401, NOTHING_SAID)


def test_two_tokens_are_none(world):
    assert world.call(token(), token()).status_code == 401


def test_rsa_keys_are_taken_for_their_own_algorithm(make_world):
    world = make_world(keys=(KEY, RSA))

    assert world.call(token(RSA)).status_code == 200
    assert world.call(token(RSA, {"alg": "PS256"})).status_code == 401


def test_a_key_that_states_an_algorithm_serves_for_no_other(make_world):
    class Stated(RsaKey):
        def jwk(self):
            return super().jwk() | {"alg": "PS256"}

    key = Stated("stated")

    assert make_world(keys=(key,)).call(token(key)).status_code == 401


def test_of_two_keys_with_one_name_either_may_sign(make_world):
    """Some servers rotate without a new name."""
    world = make_world(keys=(THIEF, KEY))

    assert world.call(token(KEY)).status_code == world.call(token(THIEF)).status_code == 200
