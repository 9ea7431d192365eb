"""Worlds for the tests of this room."""

import asyncio

import pytest
from cds_trust_world import make


@pytest.fixture(scope="session")
def loop_runner():
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def make_world(loop_runner, tmp_path):
    return lambda **settings: make(loop_runner, tmp_path, **settings)


@pytest.fixture
def world(make_world):
    return make_world()
