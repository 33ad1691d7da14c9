"""The lists of packages say the same: pyproject.toml, the lock, and docs/dependencies.md."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LISTS = {
    "runtime.txt": PROJECT["project"]["dependencies"],
    "chat.txt": PROJECT["dependency-groups"]["chat"],
    "dev.txt": [
        *PROJECT["project"]["dependencies"],
        *(each for group in PROJECT["dependency-groups"].values() for each in group if isinstance(each, str)),
    ],
}


def _name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert match, requirement
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("requirement", LISTS["dev.txt"])
def test_each_package_that_is_asked_for_is_explained(requirement: str) -> None:
    first_cells = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs" / "dependencies.md").read_text(), re.MULTILINE)
    assert _name(requirement) in {_name(each) for cell in first_cells for each in cell.split(", ")}


@pytest.mark.parametrize("name", LISTS)
def test_each_package_that_is_asked_for_is_locked_by_hash(name: str) -> None:
    lock = (ROOT / "requirements" / name).read_text()
    entries = re.findall(r"^([a-z0-9-]+)(?:\[[a-z,]+\])?==(\S+)(.*?)(?=^\S|\Z)", lock, re.MULTILINE | re.DOTALL)
    assert {_name(each) for each in LISTS[name]} <= {package for package, _, _ in entries}
    assert all("--hash=sha256:" in rest for _, _, rest in entries)


def test_a_package_has_one_version_in_every_list() -> None:
    found: dict[str, set[str]] = {}
    for name in LISTS:
        for package, version in re.findall(
            r"^([a-z0-9-]+)\S*?==(\S+)", (ROOT / "requirements" / name).read_text(), re.MULTILINE
        ):
            found.setdefault(package, set()).add(version)
    assert not {package: versions for package, versions in found.items() if len(versions) > 1}


@pytest.mark.parametrize("name", LISTS)
def test_the_lock_names_no_index_and_no_place_of_a_machine(name: str) -> None:
    assert not re.search(r"://|^--|^\s*(/|\.\.?/)", (ROOT / "requirements" / name).read_text(), re.MULTILINE)
