"""What GitHub does that one would not expect: each trap of the list in `tests/README.md` has a test that says its number.

Here are those that nobody else holds: how a release names its image, and what a signature can be about.
"""

import ast
import re
import subprocess
from pathlib import Path
from typing import Any

import yaml

from tests.finding import pick

ROOT = Path(__file__).parents[3]
LISTED = re.findall(r"^(\d+)\. ", (ROOT / "tests" / "README.md").read_text(), re.MULTILINE)
RELEASE: dict[str, Any] = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
PAGE = (ROOT / "docs" / "github" / "verdict-on-github.md").read_text()
DIGEST = "sha256:" + "0123456789abcdef" * 4


def held(path: Path) -> set[str]:
    """The traps that the tests of a file say they hold."""
    every = (each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.FunctionDef))
    said = (ast.get_docstring(each) or "" for each in every if each.name.startswith("test_"))
    return {number for words in said for number in re.findall(r"\ATrap (\d+): ", words)}


def test_each_trap_of_the_list_has_a_test_that_says_so() -> None:
    assert [str(number) for number in range(1, 21)] == LISTED
    found = set[str]().union(*(held(path) for path in (ROOT / "tests").rglob("test_*.py")))
    assert found == set(LISTED)


def test_a_release_names_a_finished_image_by_its_digest(tmp_path: Path) -> None:
    """Trap 17: an image that is a Dockerfile is built anew in every job; one that is a tag can become another."""
    act = pick(RELEASE["jobs"]["tag"]["steps"], lambda each: "action.yml" in each.get("run", ""))["run"]
    (edit,) = (line for line in act.splitlines() if line.startswith("sed "))
    before = (ROOT / "action.yml").read_text()
    (tmp_path / "action.yml").write_text(before)
    image = f"ghcr.io/octo/stability-proof@{DIGEST}"
    subprocess.run(["sh", "-c", edit], cwd=tmp_path, env={"IMAGE": image, "PATH": "/usr/bin:/bin"}, check=True)

    after = (tmp_path / "action.yml").read_text()

    assert yaml.safe_load(after)["runs"]["image"] == f"docker://{image}"
    changed = [pair for pair in zip(before.splitlines(), after.splitlines(), strict=True) if pair[0] != pair[1]]
    assert changed == [("  image: Dockerfile", f"  image: docker://{image}")]
    (push,) = (each["run"] for each in RELEASE["jobs"]["image"]["steps"] if each.get("id") == "push")
    assert '"^$name@"' in push, "what the registry calls it by its digest"


def test_every_example_uses_a_release_and_none_a_branch() -> None:
    """Trap 17: a branch's action.yml says `Dockerfile`."""
    for path in (ROOT / "examples" / "workflows").rglob("*.yml"):
        used = re.findall(r"uses: (OWNER/stability-proof\S*|\./\S*)", path.read_text())
        assert used
        assert all(re.fullmatch(r"OWNER/stability-proof@[0-9a-f]{40}", each) for each in used), path


def test_what_the_page_signs_is_the_proof_by_its_sha256_and_never_the_commit() -> None:
    """Trap 20: sigstore's clients take no subject that is a git commit, and none without a name."""
    block = next(
        each for each in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if "attest-build-provenance@" in each
    )
    ours, signing = yaml.safe_load(block)
    assert signing["with"] == {
        "subject-name": "proof.zip",
        "subject-digest": f"${{{{ steps.{ours['id']}.outputs.proof-digest }}}}",
    }
    assert "gitCommit" not in (ROOT / "bot" / "proof.py").read_text()
    outputs = yaml.safe_load((ROOT / "action.yml").read_text())["outputs"]
    assert {"proof-digest", "proof-path"} <= set(outputs)
    step = pick(RELEASE["jobs"]["image"]["steps"], lambda each: "attest" in each.get("uses", ""))
    assert step["with"]["subject-digest"] == "${{ steps.push.outputs.digest }}", "and so is a release's image"
