"""The service with its review pages, new for each test."""

import asyncio

import pytest
from review_world import review_world


@pytest.fixture(scope="session")
def review_runner():
    with asyncio.Runner() as made:
        yield made


@pytest.fixture
def make_review(review_runner, tmp_path):
    return lambda **settings: review_world(review_runner, tmp_path / "store", **settings)


@pytest.fixture
def service(make_review):
    """One with the settings of a new site."""
    return make_review()
