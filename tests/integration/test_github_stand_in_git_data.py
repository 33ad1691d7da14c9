"""The stand-in's git data: git's own names, fast-forward only, and the refusals in GitHub's words."""

import base64
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.github_stand_in import Repository, StandIn

FILES = {"README.md": b"a\n", "chat/staging/last.json": b"{}", "chat.x": b"b", "chat-y/z": b"\x00\xff"}


@pytest.fixture
def home(github: StandIn) -> Repository:
    return github.repository("octo/chat")


class Git:
    """The interface, as a client of it."""

    def __init__(self, github: StandIn, permissions: dict[str, str] | None = None) -> None:
        self.base = f"{github.url}/repos/octo/chat/git"
        self.headers = {"Authorization": f"Bearer {github.token('octo/chat', permissions)}"}

    def __call__(self, verb: str, path: str, **body: object) -> httpx.Response:
        return httpx.request(verb, self.base + path, json=body or None, headers=self.headers)

    def tree(self, files: dict[str, bytes], base: str | None = None) -> str:
        rows = []
        for path, content in files.items():
            sent = base64.b64encode(content).decode()
            blob = self("POST", "/blobs", content=sent, encoding="base64").json()["sha"]
            rows.append({"path": path, "mode": "100644", "type": "blob", "sha": blob})
        given = {"base_tree": base} if base else {}
        return str(self("POST", "/trees", tree=rows, **given).json()["sha"])

    def commit(self, tree: str, *parents: str) -> str:
        return str(self("POST", "/commits", message="x", tree=tree, parents=list(parents)).json()["sha"])


def test_trees_have_the_names_that_git_gives_them(github: StandIn, home: Repository, tmp_path: Path) -> None:
    del home
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    real = subprocess.run(
        ["git", "write-tree"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout.strip()
    git = Git(github)
    assert git.tree(FILES) == real
    listed = git("GET", f"/trees/{real}?recursive=1").json()
    assert {each["path"] for each in listed["tree"] if each["type"] == "blob"} == set(FILES)
    assert listed["truncated"] is False


def test_a_reference_moves_only_forward(github: StandIn, home: Repository) -> None:
    git = Git(github)
    tree = git.tree(FILES)
    first, apart = git.commit(tree), git.commit(tree)
    second = git.commit(git.tree({"new": b""}, tree), first)
    made = git("POST", "/refs", ref="refs/heads/data", sha=first)
    assert (made.status_code, made.json()["object"]["sha"]) == (201, first)
    assert git("POST", "/refs", ref="refs/heads/data", sha=first).json()["message"] == "Reference already exists"
    refused = git("PATCH", "/refs/heads/data", sha=apart, force=False)
    assert (refused.status_code, refused.json()["message"]) == (422, "Update is not a fast forward")
    assert git("PATCH", "/refs/heads/data", sha=second, force=False).status_code == 200
    assert git("PATCH", "/refs/heads/none", sha=second).json()["message"] == "Reference does not exist"
    assert home.branches["data"] == second
    assert git("GET", "/ref/heads/none").status_code == 404


def test_what_is_not_there_cannot_be_pointed_at(github: StandIn, home: Repository) -> None:
    del home
    git = Git(github)
    assert git("POST", "/refs", ref="refs/heads/data", sha="0" * 40).status_code == 422
    assert git("POST", "/commits", message="x", tree="0" * 40).status_code == 422
    assert git("POST", "/trees", base_tree="0" * 40, tree=[]).status_code == 422
    gone = {"path": "x", "mode": "100644", "type": "blob", "sha": None}
    assert git("POST", "/trees", tree=[gone]).json()["message"] == "GitRPC::BadObjectState"


def test_writing_takes_the_permission(github: StandIn, home: Repository) -> None:
    del home
    git = Git(github, {"contents": "read"})
    answer = git("POST", "/blobs", content="x", encoding="utf-8")
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")
