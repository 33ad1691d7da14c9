"""A branch that holds data, written through GitHub's git data API: blobs, trees, commits and one reference.

A write is a commit on the branch's tip, and the reference is moved with `force: false`: it moves only from the tip that
was read, so whoever comes second reads again and repeats. That is why the branch keeps its history: cutting it would
take a forced update, and of two at once one would be lost. (docs.github.com, "REST API endpoints for Git references".)
"""

import base64
import binascii
import hashlib
import random
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from bot.github.client import Client, Missing
from bot.github.kin import Kin
from bot.github.tip import tip
from bot.model.errors import FormatError, GitHubError, UsageError, WorkError

DEFAULT = "stability-proof-data"
LARGEST = 40 * 1024 * 1024
"""Bytes of one file: GitHub gives blobs of up to 100 MB, and takes less in one request."""
TRIES = 8
FILE, FOLDER = "100644", "040000"
NAME = re.compile(r"(?!/)(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)|/$|\.$))[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
"""Of the names that git takes (git-check-ref-format) those that need no quoting anywhere."""
OBJECT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
MOVED = re.compile(
    r"not a fast forward|Reference already exists|Reference does not exist|Reference update failed", re.IGNORECASE
)
"""GitHub's words, with 422, when the reference is no longer where it was read."""
README = (
    b"# Stability Proof's data\n\nThe runs that new deploys are compared with. The action writes this branch; "
    b"nothing here is code.\nDeleting the branch is safe: the next run begins anew.\n"
)


@dataclass(frozen=True)
class BranchFile:
    """One file of the branch."""

    branch: "DataBranch"
    blob: str
    size: int

    def read(self) -> bytes:
        """Its content. Raises as `DataBranch.content` does."""
        return self.branch.content(self.blob, self.size)


@dataclass(frozen=True)
class _Tip:
    """The newest commit of the branch, its tree, and every entry below it."""

    commit: str
    tree: str
    entries: Mapping[str, Mapping[str, Any]]


class DataBranch:
    """The branch `name` of one repository. `head` is the deployed commit.

    Raises:
        UsageError: it is not a name for this.
    """

    def __init__(self, client: Client, name: str, head: Callable[[], str], default_branch: str = "") -> None:
        if not NAME.fullmatch(name):
            raise UsageError(
                f"baseline: {name[:80]!r} is no name for the data branch; use letters, digits, `.`, `_`, `-`, `/`"
            )
        if name == default_branch:
            raise UsageError(f"baseline: {name} is the default branch; the data needs a branch of its own")
        self.client = client
        self.name = name
        self.head = head
        self.kin = Kin(client, head)
        self.trunk = Kin(client, lambda: tip(client, default_branch)) if default_branch else None
        self._read: _Tip | None = None
        self._blobs: dict[str, bytes] = {}
        self._written: dict[bytes, str] = {}

    def files(self, folder: str) -> dict[str, BranchFile]:
        """The files below a folder. The branch is read once, and again when it is written.

        Raises:
            GitHubError: GitHub is out of reach, or the token may not read it.
            FormatError: it is not a tree that can be read whole, or something below the folder is not a plain file.
        """
        if self._read is None:
            self._read = self._tip()
        return self._below(self._read, folder)

    def stranger(self, commit: str) -> str | None:
        """Why a commit is none that the deployed one stands on; None when it is."""
        return self.kin.stranger(commit)

    def unmerged(self) -> str | None:
        """Why a run of the deployed commit is not to be kept: it is not, or not yet, on the default branch.

        Raises:
            GitHubError: GitHub is out of reach.
        """
        if self.trunk is None:
            return "which branch is the default one is not known"
        return None if self.trunk.stranger(self.head()) is None else "its commit is not on the default branch"

    def content(self, blob: str, size: int) -> bytes:
        """The content of a blob.

        Raises:
            FormatError: it is too large, or not what git calls by that name.
        """
        if size > LARGEST:
            raise FormatError(f"a file of {size:,} bytes on {self.name}; a baseline has at most {LARGEST:,}")
        if blob not in self._blobs:
            said = self._ask("GET", f"/git/blobs/{blob}")
            try:
                if said.get("encoding") != "base64":
                    raise FormatError(f"the blob {blob[:12]} is not sent as base64")
                data = base64.b64decode(str(said.get("content")).replace("\n", ""), validate=True)
            except binascii.Error:
                raise FormatError(f"the blob {blob[:12]} is not sent as base64") from None
            if _object_name(data, blob) != blob:
                raise FormatError(f"the blob {blob[:12]} has other bytes than those of its name")
            self._blobs[blob] = data
        return self._blobs[blob]

    def write(
        self, folder: str, change: Callable[[Mapping[str, BranchFile]], Mapping[str, bytes | None]], message: str
    ) -> None:
        """Write or take away files as `change` says, on the newest tip there is; bounded tries.

        Raises:
            GitHubError: the token may not, the branch is protected, or others were faster every time.
        """
        for pause in range(TRIES):
            tip = self._tip()
            try:
                changes = change(self._below(tip, folder))
            except FormatError as error:
                raise WorkError(f"the data branch {self.name} cannot be read: {error}") from None
            if not changes:
                return
            try:
                self._move(tip, self._commit(tip, folder, changes, message))
            except GitHubError as error:
                if not MOVED.search(str(error)):
                    raise _explained(error, self.name) from None
            else:
                self._read = None
                return
            time.sleep(random.uniform(0, min(4.0, 0.2 * 2**pause)))  # noqa: S311 - so that two do not meet again
        raise GitHubError(f"the data branch {self.name} was moved by others {TRIES} times while it was written")

    def _tip(self) -> _Tip | None:
        """Where the branch is; None where there is none."""
        try:
            ref = self._ask("GET", f"/git/ref/heads/{quote(self.name)}")
        except Missing:
            return None
        commit = _sha(ref.get("object"), "reference")
        tree = _sha(self._ask("GET", f"/git/commits/{commit}").get("tree"), "commit")
        listed = self._ask("GET", f"/git/trees/{tree}", recursive="1")
        entries = listed.get("tree")
        if listed.get("truncated") is not False:
            raise GitHubError(f"the data branch {self.name} has more files than GitHub lists; delete it to begin anew")
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise GitHubError("GitHub's answer about a tree is not understood")
        return _Tip(commit, tree, {str(each.get("path")): each for each in entries})

    def _below(self, tip: _Tip | None, folder: str) -> dict[str, BranchFile]:
        found: dict[str, BranchFile] = {}
        for path, entry in tip.entries.items() if tip else ():
            if not path.startswith(folder + "/") or entry.get("type") == "tree":
                continue
            size = entry.get("size")
            if entry.get("type") != "blob" or entry.get("mode") != FILE or not isinstance(size, int):
                raise FormatError(f"{path} on {self.name} is a link or a program, not a plain file")
            found[path.removeprefix(folder + "/")] = BranchFile(self, _sha(entry, "tree"), size)
        return found

    def _commit(self, tip: _Tip | None, folder: str, changes: Mapping[str, bytes | None], message: str) -> str:
        """A commit with these changes on a tip, or without a parent where there is none; no reference names it yet."""
        entries: list[dict[str, str | None]] = [
            {
                "path": f"{folder}/{path}",
                "mode": FILE,
                "type": "blob",
                "sha": None if data is None else self._blob(data),
            }
            for path, data in sorted(changes.items())
        ]
        body: dict[str, Any] = {"tree": entries}
        if tip is None:
            entries.append({"path": "README.md", "mode": FILE, "type": "blob", "sha": self._blob(README)})
        else:
            body["base_tree"] = tip.tree
        tree = _sha(self._ask("POST", "/git/trees", body), "tree")
        wanted = {"message": message, "tree": tree, "parents": [tip.commit] if tip else []}
        return _sha(self._ask("POST", "/git/commits", wanted), "commit")

    def _blob(self, data: bytes) -> str:
        if len(data) > LARGEST:
            raise GitHubError(f"a file of {len(data):,} bytes is too large for the data branch ({LARGEST:,})")
        if data not in self._written:
            body = {"content": base64.b64encode(data).decode(), "encoding": "base64"}
            self._written[data] = _sha(self._ask("POST", "/git/blobs", body), "blob")
        return self._written[data]

    def _move(self, tip: _Tip | None, commit: str) -> None:
        """Move the reference, or make it. Sent twice it does no harm: the second finds it moved, and looks again."""
        if tip is None:
            self._ask("POST", "/git/refs", {"ref": f"refs/heads/{self.name}", "sha": commit})
        else:
            self._ask("PATCH", f"/git/refs/heads/{quote(self.name)}", {"sha": commit, "force": False})

    def _ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None, **parameters: str) -> Mapping[str, Any]:
        """One call. All of them can be repeated: objects are named by their content, and the reference says where it is."""
        where = f"/repos/{self.client.name}{path}"
        permission = "contents: read" if verb == "GET" else "contents: write"
        requester = self.client.github.requester
        _, data = self.client.call(
            permission,
            lambda: requester.requestJsonAndCheck(
                verb, where, parameters=dict(parameters) or None, input=dict(body) if body is not None else None
            ),
        )
        if not isinstance(data, dict):
            raise GitHubError(f"GitHub's answer about {path.partition('?')[0][:60]} is not understood")
        return data


def _sha(said: object, what: str) -> str:
    found = said.get("sha") if isinstance(said, Mapping) else None
    if not isinstance(found, str) or not OBJECT.fullmatch(found):
        raise GitHubError(f"GitHub's answer about a {what} is not understood")
    return found


def _object_name(data: bytes, like: str) -> str:
    """Git's name for a blob, by the hash that the repository uses."""
    whole = b"blob %d\0" % len(data) + data
    return (
        hashlib.sha256(whole).hexdigest() if len(like) == 64 else hashlib.sha1(whole, usedforsecurity=False).hexdigest()
    )


def _explained(error: GitHubError, name: str) -> GitHubError:
    if re.search(r"protected branch|rule violations|GH006|GH013", str(error), re.IGNORECASE):
        return GitHubError(
            f"the data branch {name} is protected ({error}); leave it out of the branch protection and rulesets"
        )
    return error
