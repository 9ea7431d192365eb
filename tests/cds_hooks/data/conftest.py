"""A FHIR server, and what fetches from it as the service of one client does."""

import itertools
import time
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from cds_granted import EC, GIVEN, GRANTED, patient, pem
from lying_fhir_server import serving

from radlogic.adapters.cds_hooks.data.fetch import FhirFetching
from radlogic.adapters.cds_hooks.request import Authorization
from radlogic.adapters.cds_hooks.seam import Client, Server
from radlogic.adapters.cds_hooks.trust.settings import FetchLimits, trust_from

PRODUCT = {"budget_ms": FetchLimits().budget_ms}
ISS = "https://ehr.hospital.example"


@pytest.fixture
def fhir():
    with serving() as server:
        yield server


class Way:
    """One client's way to its FHIR server: ``get`` asks as one call does, and times it."""

    def __init__(self, trust, resolve=None):
        self.fetching = FhirFetching(trust, **({"resolve": resolve} if resolve else {}))
        self.took = []

    def within(self, seconds, *asked):
        """Whether the same question is answered so soon; up to three times, for this machine may be busy."""
        return any(self.get(*asked) and self.took[-1] < seconds for _ in range(3))

    def get(self, needs, url, granted=GRANTED, client=Client(ISS)):  # noqa: B008 - frozen
        authorization = None if granted is None else Authorization.model_validate(granted)
        begun = time.perf_counter()
        found = self.fetching(client, Server(url, authorization))(needs)
        self.took.append(time.perf_counter() - begun)
        assert set(found) == set(needs)
        return SimpleNamespace(**found)


@pytest.fixture
def as_shipped():
    """The time that a call has if nothing is set."""
    return PRODUCT


@pytest.fixture
def way(fhir):
    """A way to the server; ``limits`` are those of one call, other keywords the server's settings.

    Without a ``budget_ms`` a call has ``LONG_S``: what is told apart must not depend on how busy this machine is.
    """
    made = []

    def make(limits=None, resolve=None, networks=("127.0.0.0/8",), base=None, ca_file=None, **server):
        listed = {"base": base or fhir.base} | server
        client = {
            "name": "ehr",
            "iss": ISS,
            "keys": [{"jku": "https://ehr.hospital.example/jwks"}],
            "fhir_servers": [listed],
            "networks": list(networks),
            "ca_file": ca_file,
        }
        trust = trust_from({"clients": [client], "fetch": limits or {}})
        made.append(Way(trust if "budget_ms" in (limits or {}) else patient(trust), resolve))
        return made[-1]

    yield make
    for one in made:
        one.fetching.close()


@pytest.fixture
def backend(fhir, tmp_path):
    """The settings of a registration; the server gives out standing-1, standing-2 and so on."""
    numbers, given = itertools.count(1), []

    def gives(handler):
        given.append((dict(handler.headers), {k: v[0] for k, v in parse_qs(handler.body).items()}))
        handler.reply(GIVEN | {"access_token": f"standing-{next(numbers)}"}, content_type="application/json")

    fhir.behaviours["/token"] = gives
    fhir.given = given
    (tmp_path / "key.pem").write_bytes(pem(EC))
    return {
        "client_id": "radlogic-backend",
        "token_url": f"{fhir.origin}/token",
        "key_file": str(tmp_path / "key.pem"),
        "kid": "our-key-1",
    }
