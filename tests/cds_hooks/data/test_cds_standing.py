"""The standing connection: tokens of our own, asked for with a signed assertion and kept while they hold."""

import base64
import json
import threading
import time

import pytest
from cds_granted import EC, GIVEN, LONG_S, in_a_call_that_arrived, pem
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from lying_fhir_server import after, once_open, says

from radlogic.adapters.cds_hooks.data.backend import signing_key
from radlogic.adapters.cds_hooks.data.outcomes import WORDS, Why
from radlogic.adapters.cds_hooks.seam import UNVERIFIED
from radlogic.adapters.cds_hooks.trust.errors import BadTrustSetting
from radlogic.adapters.cds_hooks.trust.settings import Backend

NEEDS = {"patient": "Patient/7"}
RSA = rsa.generate_private_key(65537, 2048)


def unpacked(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def fhir_tokens(fhir):
    return [headers.get("Authorization") for path, headers in fhir.asked if path.startswith("/fhir")]


def test_a_call_without_a_token_is_served_by_the_standing_connection(fhir, way, backend):
    mine = way(backend=backend)

    assert [bool(mine.get(NEEDS, fhir.base, None).patient.value) for _ in range(3)] == [True] * 3
    assert (fhir_tokens(fhir), len(fhir.given)) == (["Bearer standing-1"] * 3, 1)


def test_the_request_for_a_token_is_as_smart_has_it(fhir, way, backend):
    way(backend=backend).get(NEEDS, fhir.base, None)
    headers, sent = fhir.given[0]
    header, claims, signature = sent.pop("client_assertion").split(".")
    said, stated = json.loads(unpacked(header)), json.loads(unpacked(claims))
    r, s = (int.from_bytes(part, "big") for part in (unpacked(signature)[:48], unpacked(signature)[48:]))

    EC.public_key().verify(encode_dss_signature(r, s), f"{header}.{claims}".encode(), ec.ECDSA(hashes.SHA384()))
    assert sent == {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert said == {"typ": "JWT", "alg": "ES384", "kid": "our-key-1"}
    assert (stated["iss"], stated["sub"], stated["aud"]) == ("radlogic-backend",) * 2 + (f"{fhir.origin}/token",)
    assert 0 < stated["exp"] - time.time() <= 300 and len(stated["jti"]) >= 22
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_rs384_and_keys_as_jwk_work_too(fhir, way, backend, tmp_path):
    (tmp_path / "rsa.pem").write_bytes(pem(RSA))
    way(backend=backend | {"alg": "RS384", "key_file": str(tmp_path / "rsa.pem")}).get(NEEDS, fhir.base, None)
    header, claims, signature = fhir.given[0][1]["client_assertion"].split(".")

    RSA.public_key().verify(unpacked(signature), f"{header}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA384())

    numbers = EC.private_numbers()
    values = {"x": numbers.public_numbers.x, "y": numbers.public_numbers.y, "d": numbers.private_value}
    jwk = {k: base64.urlsafe_b64encode(v.to_bytes(48, "big")).decode().rstrip("=") for k, v in values.items()}
    (tmp_path / "key.jwk").write_text(json.dumps({"kty": "EC", "crv": "P-384"} | jwk), encoding="utf-8")
    assert signing_key(Backend(**backend | {"key_file": tmp_path / "key.jwk"})).is_private


def test_a_token_that_the_server_takes_no_more_is_asked_for_anew(fhir, way, backend):
    mine = way(backend=backend)
    mine.get(NEEDS, fhir.base, None)
    fhir.on("", says({}, 401))
    refused = mine.get(NEEDS, fhir.base, None).patient.lacking
    fhir.behaviours.pop("/fhir/")
    found = mine.get(NEEDS, fhir.base, None).patient.value

    assert (refused, bool(found)) == (WORDS[Why.UNAUTHORIZED], True)
    assert fhir_tokens(fhir) == ["Bearer standing-1"] * 2 + ["Bearer standing-2"]


def test_a_token_is_not_used_in_its_last_seconds(fhir, way, backend):
    fhir.behaviours["/token"] = says(GIVEN | {"expires_in": 31})
    mine = way(backend=backend)
    mine.get(NEEDS, fhir.base, None)
    time.sleep(1.05)
    mine.get(NEEDS, fhir.base, None)

    assert sum(path == "/token" for path, _ in fhir.asked) == 2


REFUSALS = {
    "no": (says({"error": "invalid_client"}, 400), Why.UNEXPECTED_STATUS),
    "401": (says({}, 401), Why.UNAUTHORIZED),
    "500": (says({}, 500), Why.SERVER_FAULT),
    "elsewhere": (says(b"", 307, location="/token2"), Why.REDIRECTED),
    "a list": (says([]), Why.NOT_FHIR),
    "no token": (says({"token_type": "bearer"}), Why.BAD_AUTHORIZATION),
    "a token with a line break": (says(GIVEN | {"access_token": "a\r\nb"}), Why.BAD_AUTHORIZATION),
    "another kind": (says(GIVEN | {"token_type": "mac"}), Why.BAD_AUTHORIZATION),
}


@pytest.mark.parametrize(("behaviour", "why"), REFUSALS.values(), ids=REFUSALS)
def test_without_a_token_nothing_is_asked_and_it_is_not_asked_for_again_at_once(fhir, way, backend, behaviour, why):
    fhir.behaviours["/token"] = behaviour
    mine = way(backend=backend)

    assert [mine.get(NEEDS, fhir.base, None).patient.lacking for _ in range(3)] == [WORDS[why]] * 3
    assert [path for path, _ in fhir.asked] == ["/token"]


def test_a_token_that_comes_late_serves_the_next_call(fhir, way, backend):
    gate = threading.Event()
    fhir.behaviours["/token"] = once_open(gate, fhir.behaviours["/token"])
    mine = way(backend=backend)
    first = in_a_call_that_arrived(LONG_S - 0.2, lambda: mine.get(NEEDS, fhir.base, None).patient.lacking)
    gate.set()

    assert (first, mine.get(NEEDS, fhir.base, None).patient.lacking) == (WORDS[Why.TIMEOUT], "")
    assert len(fhir.given) == 1


def test_many_at_once_ask_for_one_token(fhir, way, backend):
    fhir.behaviours["/token"] = after(0.1, fhir.behaviours["/token"])

    found = way(backend=backend).get({f"q{i}": f"ServiceRequest/{i}" for i in range(6)}, fhir.base, None)

    assert all(datum.value for datum in vars(found).values())
    assert len(fhir.given) == 1


def test_a_caller_who_is_not_verified_does_not_get_our_standing(fhir, way, backend):
    lacking = way(backend=backend).get(NEEDS, fhir.base, None, client=UNVERIFIED).patient.lacking

    assert (lacking, fhir.asked) == (WORDS[Why.NO_TOKEN], [])


def test_a_call_that_brings_a_token_is_served_with_that_one(fhir, way, backend):
    way(backend=backend).get(NEEDS, fhir.base)

    assert (fhir.tokens(), fhir.given) == (["Bearer tok-5e.cr-3t_value"], [])


NO_KEYS = {
    "empty": b"",
    "text": b"no key",
    "an empty object": b"{}",
    "cut": b"{",
    "another kind": pem(RSA),
    "another curve": pem(ec.generate_private_key(ec.SECP256R1())),
    "public": EC.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
}


@pytest.mark.parametrize("content", NO_KEYS.values(), ids=NO_KEYS)
def test_a_file_without_our_private_key_is_refused(backend, tmp_path, content):
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(BadTrustSetting, match=r"backend\.key_file"):
        signing_key(Backend(**backend))


def test_a_file_that_is_not_there_is_refused(backend, tmp_path):
    with pytest.raises(BadTrustSetting, match=r"backend\.key_file"):
        signing_key(Backend(**backend | {"key_file": tmp_path / "none"}))
