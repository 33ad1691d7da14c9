"""Git objects and references, as the REST interface reads and writes them; the objects have git's own names.

Source: docs.github.com, "REST API endpoints for Git database"; the names of objects: git, `Documentation/gitformat-*`.
"""

import base64
import binascii
import hashlib
from typing import Any

from tests.github_stand_in.routing import Answer, Json, Refusal, Request, not_found, operation
from tests.github_stand_in.state import Commit, Entry
from tests.github_stand_in.validation import Violation
from tests.github_stand_in.world import Repository

LARGEST_BLOB = 100 * 1024 * 1024


def name_of(kind: str, content: bytes) -> str:
    """Git's name for an object."""
    return hashlib.sha1(f"{kind} {len(content)}\0".encode() + content).hexdigest()


def put_blob(repository: Repository, content: bytes) -> str:
    """Keep a file's content; its name."""
    sha = name_of("blob", content)
    repository.git_blobs[sha] = content
    return sha


def put_tree(repository: Repository, files: dict[str, Entry]) -> str:
    """Keep a tree of files (path to entry); its name."""
    sha = name_of("tree", _raw_tree(files))
    repository.trees[sha] = files
    return sha


def put_commit(repository: Repository, files: dict[str, bytes], branch: str, *, mode: str = "100644") -> str:
    """Put files on a branch as somebody with `contents: write` would: one commit on its tip."""
    tip = repository.branches.get(branch)
    kept = dict(repository.trees.get(repository.commits[tip].tree, {})) if tip else {}
    kept |= {path: Entry(mode=mode, sha=put_blob(repository, content)) for path, content in files.items()}
    made = _commit(repository, put_tree(repository, kept), [tip] if tip else [], "By hand", "ana")
    repository.branches[branch] = made.sha
    return made.sha


def files_on(repository: Repository, branch: str) -> dict[str, bytes]:
    """Every file on a branch."""
    tree = repository.trees[repository.commits[repository.branches[branch]].tree]
    return {path: repository.git_blobs[each.sha] for path, each in tree.items()}


def _raw_tree(files: dict[str, Entry]) -> bytes:
    rows: dict[str, tuple[str, str]] = {}
    for folder, below in _folders(files).items():
        rows[folder] = ("40000", name_of("tree", _raw_tree(below)))
    rows |= {path: (each.mode, each.sha) for path, each in files.items() if "/" not in path}
    # git sorts a folder as if its name ended with a slash
    order = sorted(rows, key=lambda name: name + "/" if rows[name][0] == "40000" else name)
    return b"".join(f"{rows[name][0]} {name}\0".encode() + bytes.fromhex(rows[name][1]) for name in order)


def _folders(files: dict[str, Entry]) -> dict[str, dict[str, Entry]]:
    found: dict[str, dict[str, Entry]] = {}
    for path, each in files.items():
        head, slash, rest = path.partition("/")
        if slash:
            found.setdefault(head, {})[rest] = each
    return found


def _commit(repository: Repository, tree: str, parents: list[str], message: str, login: str) -> Commit:
    number = repository._world.number()
    raw = f"tree {tree}\nparents {parents}\nauthor {login} {number}\n\n{message}".encode()
    made = Commit(sha=name_of("commit", raw), message=message, parents=parents, author=login, tree=tree)
    repository.commits[made.sha] = made
    return made


def ref_view(request: Request, branch: str) -> Json:
    """A branch as a reference."""
    sha = request.repository.branches[branch]
    api = request.site.api(request.repository)
    return {
        "ref": f"refs/heads/{branch}",
        "node_id": f"REF_{branch}",
        "url": f"{api}/git/refs/heads/{branch}",
        "object": {"type": "commit", "sha": sha, "url": f"{api}/git/commits/{sha}"},
    }


def _branch(ref: str) -> str:
    if not ref.startswith("heads/"):
        raise not_found()
    return ref.removeprefix("heads/")


@operation("git/get-ref", "contents")
def _get_ref(request: Request) -> Answer:
    branch = _branch(request.path["ref"])
    if branch not in request.repository.branches:
        raise not_found()
    return Answer(200, ref_view(request, branch))


def _pushed(request: Request, branch: str, sha: str) -> None:
    if sha not in request.repository.commits:
        raise Refusal(422, "Object does not exist")
    if branch in request.repository.protected:
        raise Refusal(422, f"Protected branch update failed for refs/heads/{branch}.")
    request.repository.branches[branch] = sha


@operation("git/create-ref", "contents")
def _create_ref(request: Request) -> Answer:
    ref = request.body["ref"]
    if not ref.startswith("refs/") or ref.count("/") < 2:
        raise Refusal(422, "Reference name must start with 'refs/' and contain at least two slashes")
    branch = _branch(ref.removeprefix("refs/"))
    if branch in request.repository.branches:
        raise Refusal(422, "Reference already exists")
    _pushed(request, branch, request.body["sha"])
    return Answer(201, ref_view(request, branch))


@operation("git/update-ref", "contents")
def _update_ref(request: Request) -> Answer:
    branch, sha = _branch(request.path["ref"]), request.body["sha"]
    repository = request.repository
    if branch not in repository.branches:
        raise Refusal(422, "Reference does not exist")
    if not request.body.get("force") and repository.branches[branch] not in repository.ancestors(sha):
        raise Refusal(422, "Update is not a fast forward")
    _pushed(request, branch, sha)
    return Answer(200, ref_view(request, branch))


@operation("git/create-blob", "contents")
def _create_blob(request: Request) -> Answer:
    given, encoding = request.body["content"], request.body.get("encoding", "utf-8")
    try:
        content = base64.b64decode(given, validate=True) if encoding == "base64" else given.encode()
    except binascii.Error:
        # GitHub's description of this 422 contradicts itself (any object is two of its `oneOf`), so it cannot be answered
        raise Violation("git/create-blob: content is not valid Base64") from None
    sha = put_blob(request.repository, content)
    return Answer(201, {"sha": sha, "url": request.site.api(request.repository, f"/git/blobs/{sha}")})


@operation("git/get-blob", "contents")
def _get_blob(request: Request) -> Answer:
    sha = request.path["file_sha"]
    content = request.repository.git_blobs.get(sha)
    if content is None:
        raise not_found()
    if len(content) > LARGEST_BLOB:
        raise Refusal(403, "This API returns blobs up to 100 MB in size.")
    return Answer(
        200,
        {
            "sha": sha,
            "node_id": f"B_{sha[:20]}",
            "size": len(content),
            "url": request.site.api(request.repository, f"/git/blobs/{sha}"),
            "content": base64.encodebytes(content).decode(),
            "encoding": "base64",
        },
    )


@operation("git/create-tree", "contents")
def _create_tree(request: Request) -> Answer:
    repository, base = request.repository, request.body.get("base_tree")
    if base is not None and base not in repository.trees:
        raise Refusal(422, "base_tree is not a valid tree")
    if not request.body["tree"]:
        raise Refusal(422, "Invalid tree info")
    files = dict(repository.trees[base]) if base else {}
    for each in request.body["tree"]:
        path, sha = each.get("path", ""), each.get("sha")
        if not path or path.startswith("/") or ".." in path.split("/"):
            raise Refusal(422, "tree.path contains a malformed path component")
        if sha is None and "content" not in each:
            if path not in files:
                raise Refusal(422, "GitRPC::BadObjectState")
            del files[path]
            continue
        sha = sha or put_blob(repository, each["content"].encode())
        if sha not in repository.git_blobs:
            raise Refusal(422, f"tree.sha {sha} is not a valid blob")
        files[path] = Entry(mode=each.get("mode", "100644"), sha=sha)
    return Answer(201, _tree_view(request, put_tree(repository, files), recursive=False))


@operation("git/get-tree", "contents")
def _get_tree(request: Request) -> Answer:
    sha = request.path["tree_sha"]
    if sha not in request.repository.trees:
        raise not_found()
    return Answer(200, _tree_view(request, sha, recursive="recursive" in request.query))


def _tree_view(request: Request, sha: str, *, recursive: bool) -> Json:
    repository, api = request.repository, request.site.api(request.repository)
    files = repository.trees[sha]
    rows: list[dict[str, Any]] = []
    for path, each in sorted(files.items()):
        if recursive or "/" not in path:
            size = len(repository.git_blobs[each.sha])
            url = f"{api}/git/blobs/{each.sha}"
            rows.append({"path": path, "mode": each.mode, "type": "blob", "sha": each.sha, "size": size, "url": url})
    for folder, below in sorted(_every_folder(files, recursive=recursive).items()):
        name = name_of("tree", _raw_tree(below))
        rows.append({"path": folder, "mode": "040000", "type": "tree", "sha": name, "url": f"{api}/git/trees/{name}"})
    most = request.site.limits.tree_entries
    rows.sort(key=lambda row: row["path"])
    return {"sha": sha, "url": f"{api}/git/trees/{sha}", "tree": rows[:most], "truncated": len(rows) > most}


def _every_folder(files: dict[str, Entry], *, recursive: bool, above: str = "") -> dict[str, dict[str, Entry]]:
    found: dict[str, dict[str, Entry]] = {}
    for folder, below in _folders(files).items():
        found[above + folder] = below
        if recursive:
            found |= _every_folder(below, recursive=True, above=f"{above}{folder}/")
    return found


def commit_view(request: Request, commit: Commit) -> Json:
    """A commit as git has it."""
    repository, api = request.repository, request.site.api(request.repository)
    person = {"name": commit.author, "email": commit.email, "date": commit.date}
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha[:20]}",
        "url": f"{api}/git/commits/{commit.sha}",
        "html_url": request.site.html(repository, f"/commit/{commit.sha}"),
        "author": person,
        "committer": person,
        "message": commit.message,
        "tree": {"sha": commit.tree, "url": f"{api}/git/trees/{commit.tree}"},
        "parents": [
            {
                "sha": sha,
                "url": f"{api}/git/commits/{sha}",
                "html_url": request.site.html(repository, f"/commit/{sha}"),
            }
            for sha in commit.parents
        ],
        "verification": {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        },
    }


@operation("git/create-commit", "contents")
def _create_commit(request: Request) -> Answer:
    repository, tree, parents = request.repository, request.body["tree"], request.body.get("parents", [])
    if tree not in repository.trees:
        raise Refusal(422, "Tree SHA does not exist")
    if any(each not in repository.commits for each in parents):
        raise Refusal(422, "Parent SHA does not exist or is not a commit object")
    author = request.body.get("author", {}).get("name", request.login)
    made = _commit(repository, tree, parents, request.body["message"], author)
    return Answer(201, commit_view(request, made))


@operation("git/get-commit", "contents")
def _get_commit(request: Request) -> Answer:
    commit = request.repository.commits.get(request.path["commit_sha"])
    if commit is None:
        raise not_found()
    return Answer(200, commit_view(request, commit))
