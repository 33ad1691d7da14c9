"""The examples in docstrings are what the functions do."""

import doctest
import importlib
import pkgutil

import pytest

import benchmarks
import bot

MODULES = sorted(
    found.name
    for package in (bot, benchmarks)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith("__main__") and (package is bot or found.name == "benchmarks.figures")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_hold(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder()
    found = [
        each for name in MODULES if name.startswith("bot.judge") for each in finder.find(importlib.import_module(name))
    ]
    assert sum(bool(each.examples) for each in found) > 3
