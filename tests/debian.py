"""Programs that come from Debian packages: a test that lacks one is skipped with its reason, and fails when CI=true."""

import os
import shutil
from pathlib import Path
from typing import NoReturn

import pytest

PROGRAMS = {"postgresql": "initdb"}
"""The program that shows that a package is here, where it is not called as the package is."""

ELSEWHERE = ("/usr/lib/postgresql/*/bin", "/usr/sbin")
"""Where Debian keeps programs that are not on everybody's PATH; the last match is the newest."""


def missing(reason: str) -> NoReturn:
    """Skip the test for want of something that a clone need not have; in CI that is a failure."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true: nothing may be skipped)", pytrace=False)
    pytest.skip(reason)


def debian_program(name: str, package: str) -> Path:
    """The path of a program; skips the test that asks where it is missing, and fails it when CI=true."""
    if found := shutil.which(name):
        return Path(found)
    for pattern in ELSEWHERE:
        here = sorted(folder / name for folder in Path("/").glob(pattern[1:]) if (folder / name).exists())
        if here:
            return here[-1]
    missing(f"{name} is not installed: apt-get install {package}")
