"""Worlds and browsers for the tests of this room."""

import asyncio

import pytest
from access_world import World, world
from identity_server import CLIENT, IdentityServer, running

from radlogic.adapters.access import accounts
from radlogic.adapters.access.permissions import Role


@pytest.fixture(scope="session")
def runner():
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def make_world(runner):
    return lambda **settings: world(runner, **settings)


@pytest.fixture
def here(make_world) -> World:
    """A world with one account of each role, named after it."""
    made = make_world()
    for role in Role:
        made.account(role.value, role)
    return made


@pytest.fixture(scope="module")
def _server():
    with running() as server:
        yield server


@pytest.fixture
def provider(_server):
    """An honest server, whatever the test before made of it."""
    fresh = IdentityServer(_server.base, key=_server.key)
    for name, value in vars(fresh).items():
        setattr(_server, name, value)
    return _server


@pytest.fixture
def known(make_world, provider):
    """A world whose hospital logs people in."""
    roles = {"rad": "reviewer", "audit": "auditor"}
    oidc = {"issuer": provider.base, "client_id": CLIENT, "label": "hospital", "roles": roles}
    return make_world(oidc=oidc)


@pytest.fixture
def launched(make_world, provider):
    """A world that an EHR may launch, with one account that the EHR knows."""
    made = make_world(smart=[{"iss": provider.fhir, "client_id": CLIENT}])
    made.account("reader")
    accounts.link(made.engine, "reader", provider.fhir, "Practitioner/7")
    provider.user = {"sub": "ehr-user", "fhirUser": f"{provider.fhir}/Practitioner/7"}
    provider.context = {"patient": "pat-4711", "encounter": "enc-12"}
    return made
