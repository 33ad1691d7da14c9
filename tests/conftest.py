"""What every test can rely on: the stand-in for GitHub, the marker `debian`, and no clock on properties."""

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.debian import PROGRAMS, debian_program

# how long an example takes says more of the machine than of the code
settings.register_profile("stability-proof", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("stability-proof")

STAND_IN = "tests.github_stand_in.fixtures"
try:
    pytest_plugins = [STAND_IN] if importlib.util.find_spec(STAND_IN) else []
except ModuleNotFoundError:  # the folder above it is not there either
    pytest_plugins = []


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """With `-m alone`, leave out files without that mark: importing all the others takes longer than most tests."""
    if config.option.markexpr != "alone" or collection_path.suffix != ".py":
        return None
    return None if "pytest.mark.alone" in collection_path.read_text() else True


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Hold `@pytest.mark.debian("package")` before any fixture starts."""
    for mark in item.iter_markers("debian"):
        for package in mark.args:
            debian_program(PROGRAMS.get(package, package), package)
