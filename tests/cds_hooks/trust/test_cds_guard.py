"""The guard around the CDS services: paths, limits, browsers, and when it may be off."""

import logging
import socket

import pytest
from cds_trust_world import BASE, ISS, SERVICE, token

from radlogic.adapters.cds_hooks.trust.errors import BadTrustSetting, ReplaysUnknown
from radlogic.adapters.cds_hooks.trust.guard import route_path
from radlogic.adapters.cds_hooks.trust.settings import trust_from
from radlogic.adapters.cds_hooks.trust.start import NOBODY, NOT_VERIFIED, check_start
from radlogic.adapters.cds_hooks.trust.urls import canonical, same

ORIGIN = "https://browser.hospital.example"
PREFLIGHT = [
    ("origin", ORIGIN),
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization, content-type"),
]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/cds-services"),
        ("GET", "/cds-services/"),
        ("POST", SERVICE),
        ("POST", SERVICE + "/feedback"),
        ("POST", "/cds-services/nobody-knows"),
        ("DELETE", SERVICE),
        ("OPTIONS", SERVICE),
        ("GET", "/cds%2Dservices"),
    ],
)
def test_every_path_of_the_services_needs_a_token(world, method, path):
    assert world.call(path=path, method=method).status_code == 401


@pytest.mark.parametrize("path", ["/healthz", "/cds-servicesx", "/"])
def test_other_paths_are_none_of_its_business(world, path):
    assert world.call(path=path, method="GET").status_code in (200, 404)


def test_a_route_that_asks_who_calls_is_closed_where_the_guard_did_not_run(world):
    assert world.call(path="/unguarded", method="GET").status_code == 401


def test_a_token_for_discovery_is_for_the_address_of_discovery(world):
    path = "/cds-services"

    assert world.call(token(aud=BASE + path), path=path, method="GET").status_code == 200
    assert world.call(token(), path=path, method="GET").status_code == 401


def test_a_token_for_feedback_is_for_the_address_of_feedback(world):
    """Of one service: neither the service's own token nor another's serves there."""
    path = SERVICE + "/feedback"

    assert world.call(token(), path=path).status_code == 401
    assert world.call(token(aud=BASE + path), path=path).status_code == 404  # let in; this app keeps no feedback


def test_discovery_may_be_open(make_world):
    world = make_world(open_discovery=True)

    assert world.call(path="/cds-services", method="GET").status_code == 200
    assert world.call(path="/cds-services", method="POST").status_code == 401
    assert world.call().status_code == 401


@pytest.mark.parametrize(
    ("path", "root", "found"),
    [
        ("/cds-services", "", "/cds-services"),
        ("/ehr/cds-services/x", "/ehr", "/cds-services/x"),
        ("/cds-services/x", "/ehr", "/cds-services/x"),
        ("/ehrx/cds-services", "/ehr", "/ehrx/cds-services"),
        ("/ehr", "/ehr", ""),
    ],
)
def test_a_path_is_what_routes_see(path, root, found):
    assert route_path({"path": path, "root_path": root}) == found


def test_behind_a_proxy_that_adds_a_path_the_address_is_the_public_one(make_world):
    world = make_world(base_url=BASE + "/hospital/")

    assert world.call(token(aud=f"{BASE}/hospital{SERVICE}")).status_code == 200
    assert world.call(token()).status_code == 401


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_long_is_refused_before_a_route_reads_it(make_world, declared):
    world = make_world(body_bytes=1024)

    async def pieces():
        for _ in range(3):
            yield b"x" * 512

    sent = b"x" * 1025 if declared else pieces()
    answer = world.call(token(), content=sent)

    assert (answer.status_code, answer.json()["issue"][0]["code"], world.reached) == (413, "too-long", [])
    assert world.call(token(), content=b"x" * 1024).json()["bytes"] == 1024


def test_one_address_that_calls_too_often_waits_and_others_do_not(make_world):
    world = make_world(burst=2, requests_per_s=0.5, ticks=lambda: 7.0)
    statuses = [world.call(client=("10.0.0.1", 1)).status_code for _ in range(4)]
    limited = world.call(token(), client=("10.0.0.1", 2))

    assert statuses == [401, 401, 429, 429]
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "2")
    assert world.call(token(), client=("10.0.0.2", 1)).status_code == 200


def test_one_client_that_calls_too_often_waits_and_its_other_tenants_do_not(make_world):
    world = make_world(tenants=["a", "b"], client_burst=2, client_requests_per_s=0.5, ticks=lambda: 7.0)
    statuses = [world.call(token(tenant="a"), client=(f"10.0.0.{i}", 1)).status_code for i in range(3)]

    assert statuses == [200, 200, 429]
    assert world.call(token(tenant="b")).status_code == 200


def test_a_replay_store_that_cannot_tell_lets_nobody_pass(make_world):
    class Broken:
        async def first(self, issuer, jti, until):
            raise ReplaysUnknown("used tokens", "", "a database that refuses", "one that is up", "Check it.")

    answer = make_world(replays=Broken()).call(token())

    assert (answer.status_code, answer.json()["issue"][0]["code"]) == (503, "transient")


def test_browsers_of_listed_origins_may_call(make_world):
    world = make_world(origins=[ORIGIN])
    asked = world.call(method="OPTIONS", headers=PREFLIGHT)
    called = world.call(token(), headers=[("origin", ORIGIN)])
    refused = world.call(headers=[("origin", ORIGIN)])

    assert asked.status_code == 200
    assert {"authorization", "content-type"} <= set(asked.headers["access-control-allow-headers"].lower().split(", "))
    assert [a.headers["access-control-allow-origin"] for a in (asked, called, refused)] == [ORIGIN] * 3
    assert (called.status_code, refused.status_code) == (200, 401)
    assert "access-control-allow-credentials" not in asked.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN + ":8443", "*"])
def test_browsers_of_other_origins_may_not(make_world, origin):
    world = make_world(origins=[ORIGIN])
    asked = world.call(method="OPTIONS", headers=[("origin", origin), *PREFLIGHT[1:]])
    called = world.call(token(), headers=[("origin", origin)])

    assert asked.status_code == 400
    assert not [a for a in (asked, called) if "access-control-allow-origin" in a.headers]


def test_without_listed_origins_there_is_no_word_for_browsers(world):
    answer = world.call(token(), headers=[("origin", ORIGIN)])

    assert not [name for name in answer.headers if name.startswith("access-control")]


JSON = ("content-type", "application/json")


def test_off_everybody_on_this_machine_passes_as_nobody(make_world):
    world = make_world(verify=False)
    answer = world.call(headers=[JSON])

    assert (answer.status_code, answer.json()["issuer"]) == (200, "")


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "x-forwarded-host"])
def test_off_nobody_passes_through_a_proxy(make_world, caplog, name):
    answer = make_world(verify=False).call(headers=[(name, "for=10.0.0.1")])

    assert answer.status_code == 401
    assert "a call was refused: unverified_behind_proxy" in caplog.messages


OFF = trust_from({"verify": False})


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost", "127.0.0.9"])
def test_off_is_allowed_on_loopback_with_a_warning_at_each_start(caplog, host):
    assert [check_start(OFF, host) for _ in range(2)] == [NOT_VERIFIED] * 2
    assert caplog.messages == [NOT_VERIFIED] * 2


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "cds.hospital.example", "", "127.0.0.1.evil.example"])  # noqa: S104
def test_off_is_refused_where_others_reach_us(host):
    with pytest.raises(BadTrustSetting, match="verify"):
        check_start(OFF, host)


def test_off_is_refused_where_a_proxy_has_a_public_address():
    with pytest.raises(BadTrustSetting, match="verify"):
        check_start(trust_from({"verify": False, "base_url": "https://cds.hospital.example"}), "127.0.0.1")


def test_on_is_the_default_and_without_clients_says_that_nobody_passes(caplog):
    assert trust_from({}).verify is True
    assert check_start(trust_from({}), "10.0.0.1") == NOBODY
    assert NOBODY in caplog.messages


CLIENT = {"name": "ehr", "iss": ISS, "keys": [{"jku": "https://ehr.example/jwks"}]}


def keys(**source):
    return {"clients": [CLIENT | {"keys": [source]}]}


def server(base):
    return {"clients": [CLIENT | {"fhir_servers": [{"base": base}]}]}


BAD = {
    "jku by plain http": ("clients.0.keys.0", keys(jku="http://ehr.example/jwks")),
    "url by plain http": ("clients.0.keys.0.url", keys(jku="x", url="http://ehr.example/jwks")),
    "two places of one set": ("clients.0.keys.0", keys(jku="x", url="https://ehr.example/jwks", file="jwks")),
    "no keys": ("clients.0.keys", {"clients": [CLIENT | {"keys": []}]}),
    "a server by plain http": ("clients.0.fhir_servers.0.base", server("http://ehr.example/fhir")),
    "a server with a password": ("clients.0.fhir_servers.0.base", server("https://u:p@ehr.example/fhir")),
    "a server by a number": ("clients.0.fhir_servers.0.base", server("https://2130706433/fhir")),
    "an issuer twice": ("clients", {"clients": [CLIENT, CLIENT | {"name": "other"}]}),
    "a name twice": ("clients", {"clients": [CLIENT, CLIENT | {"iss": "other"}]}),
    "any origin": ("origins.0", {"origins": ["*"]}),
    "an origin with a path": ("origins.0", {"origins": ["https://a.example/x"]}),
    "leeway of an hour": ("leeway_s", {"leeway_s": 3600}),
    "a life of a day": ("lifetime_s", {"lifetime_s": 86_400}),
    "a network that is none": ("clients.0.networks.0", {"clients": [CLIENT | {"networks": ["10.0.0.1/8"]}]}),
    "a name that does not exist": ("verfy", {"verfy": False}),
}


@pytest.mark.parametrize(("field", "values"), BAD.values(), ids=BAD)
def test_settings_that_would_open_a_hole_are_refused_without_their_values(field, values):
    with pytest.raises(BadTrustSetting) as refused:
        trust_from(values)

    assert refused.value.field == field
    assert "u:p" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ca_file": "none.pem"}, "ehr.ca_file"),
        ({"keys": [{"jku": "x", "file": "none.json"}]}, "ehr.keys.file"),
        (
            {
                "fhir_servers": [
                    {
                        "base": "https://e.example/fhir",
                        "backend": {
                            "client_id": "c",
                            "token_url": "https://e.example/t",
                            "key_file": "none",
                            "kid": "k",
                        },
                    }
                ]
            },
            "backend.key_file",
        ),
    ],
    ids=["ca", "keys", "backend"],
)
def test_files_that_are_not_there_are_found_at_the_start(changes, field):
    with pytest.raises(BadTrustSetting) as refused:
        check_start(trust_from({"clients": [CLIENT | changes]}), "127.0.0.1")

    assert refused.value.field == field


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://EHR.example", "https://ehr.example"),
        ("HTTPS://ehr.example:443/Fhir//", "https://ehr.example/Fhir"),
        ("http://[::1]:80/r4", "http://[::1]/r4"),
        ("https://ehr.example.:8443/a/b", "https://ehr.example:8443/a/b"),
    ],
)
def test_an_address_has_one_form(url, found):
    assert canonical(url) == canonical(found) == found
    assert same(url, found)


ONE, TWO = {"base": "https://one.example/r4"}, {"base": "https://two.example/r4"}
OTHER = CLIENT | {"name": "other", "iss": "https://other.example"}
SEVERAL = {
    "two servers of one client": [CLIENT | {"fhir_servers": [ONE, TWO]}],
    "two clients of two servers": [CLIENT | {"fhir_servers": [ONE]}, OTHER | {"fhir_servers": [TWO]}],
    "two clients, and one without a server": [CLIENT | {"fhir_servers": [ONE]}, OTHER],
    "two clients without servers": [CLIENT, OTHER],
}


@pytest.mark.parametrize("clients", SEVERAL.values(), ids=SEVERAL)
@pytest.mark.parametrize("verify", [True, False])
def test_clients_of_several_fhir_servers_over_one_store_stop_the_start(clients, verify):
    with pytest.raises(BadTrustSetting) as refused:
        check_start(trust_from({"clients": clients, "verify": verify}), "127.0.0.1")

    assert refused.value.field == "clients.fhir_servers"
    assert "example" not in str(refused.value)


def test_clients_that_share_one_fhir_server_may_share_a_store():
    same_one = {"base": "HTTPS://One.example:443/r4/"}
    listed = trust_from({"clients": [CLIENT | {"fhir_servers": [ONE]}, OTHER | {"fhir_servers": [same_one]}]})

    assert check_start(listed, "127.0.0.1") is None
    assert listed.bases == {"https://one.example/r4"}


OF_PAGES = {
    "a page of another origin": [("origin", "https://evil.example"), JSON],
    "a page that hides its origin": [("origin", "null"), JSON],
    "a page's call without origin": [("sec-fetch-site", "cross-site"), JSON],
    "a page on another port": [("sec-fetch-site", "same-site"), JSON],
}


@pytest.mark.parametrize("headers", OF_PAGES.values(), ids=OF_PAGES)
@pytest.mark.parametrize("path", [SERVICE, f"{SERVICE}/feedback"])
def test_without_verification_no_foreign_web_page_comes_through(make_world, caplog, headers, path):
    world = make_world(verify=False, origins=["https://ehr.example"])

    assert world.call(headers=headers, path=path).status_code == 401
    assert "unverified_from_page" in caplog.text
    assert world.reached == []


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_without_verification_only_json_comes_through(make_world, kind):
    world = make_world(verify=False)

    assert world.call(headers=[("content-type", kind)]).status_code == 415
    assert world.call().status_code == 415
    assert world.reached == []


@pytest.mark.parametrize(
    "headers",
    [[], [("origin", "https://ehr.example"), ("sec-fetch-site", "cross-site")], [("origin", BASE)]],
    ids=["no page", "a listed page", "our own page"],
)
def test_without_verification_who_is_no_foreign_page_comes_through(make_world, headers):
    world = make_world(verify=False, origins=["https://ehr.example"])

    assert world.call(headers=[("content-type", "application/json; charset=utf-8"), *headers]).status_code == 200


def test_a_huge_token_on_the_wire_reaches_no_service(world, caplog):
    """Through a real server: what its parser does not refuse, we do."""
    import threading

    import uvicorn

    caplog.set_level(logging.WARNING)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(world.app, log_config=None, access_log=False, lifespan="off", ws="none")
        runs = uvicorn.Server(config)
        thread = threading.Thread(target=runs.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            answers = [_status(listener.getsockname(), "x" * size) for size in (10_000, 14_000, 70_000)]
        finally:
            runs.should_exit = True
            thread.join(10)

    assert answers[:2] == ["401", "401"] and answers[2] in ("400", "401", "431")
    assert world.reached == []


def _status(address, text):
    with socket.create_connection(address, timeout=10) as wire:
        head = f"POST {SERVICE} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {text}\r\nContent-Length: 2\r\n\r\n{{}}"
        wire.sendall(head.encode())
        return wire.recv(100).split(b" ")[1].decode()
