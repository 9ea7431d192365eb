"""Every example in a docstring is run, under the name by which users import it."""

import doctest
import importlib
import pkgutil

import pytest

import radlogic.adapters
import radlogic.engine

MODULES = sorted(
    module.name
    for package in (radlogic.engine, radlogic.adapters)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not module.name.endswith(".__main__") and ".training." not in module.name  # needs the extra `train`
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_are_true(name):
    module = importlib.import_module(name)

    assert doctest.testmod(module).failed == 0


def test_there_are_examples():
    found = doctest.DocTestFinder(exclude_empty=True)

    assert any(t.examples for name in MODULES for t in found.find(importlib.import_module(name)))
