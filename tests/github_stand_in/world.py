"""Repositories, and the world that they are in: what a test sets up, and what happens as it happens on GitHub."""

import hashlib
import io
import re
import uuid
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from tests.github_stand_in.git import read_history
from tests.github_stand_in.state import (
    ROBOT,
    Artifact,
    Blob,
    CheckRun,
    Comment,
    Commit,
    Deployment,
    Entry,
    Issue,
    Pull,
    Status,
    Thing,
    Token,
    User,
    WorkflowRun,
    now,
)

KEYWORDS = re.compile(
    r"(?<![\w-])(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+"
    r"(?:https?://[^\s/]+/(?P<site>[\w.-]+/[\w.-]+)/issues/(?P<there>[0-9]{1,9})\b"
    r"|(?P<repo>[\w.-]+/[\w.-]+)?#(?P<number>[0-9]{1,9})\b)",
    re.IGNORECASE,
)
"""GitHub's closing keywords; every issue needs its own (docs: linking a pull request to an issue)."""


class Repository(Thing):
    """One repository. Commits are given, or read from the git repository at `git`."""

    id: int
    full_name: str
    default_branch: str = "main"
    private: bool = False
    fork_of: str | None = None
    auto_close: bool = True
    git: Path | None = None
    commits: dict[str, Commit] = Field(default_factory=dict)
    branches: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    files: dict[str, bytes] = Field(default_factory=dict)
    collaborators: dict[str, str] = Field(default_factory=dict)
    issues: dict[int, Issue] = Field(default_factory=dict)
    comments: dict[int, Comment] = Field(default_factory=dict)
    statuses: list[Status] = Field(default_factory=list)
    check_runs: dict[int, CheckRun] = Field(default_factory=dict)
    deployments: dict[int, Deployment] = Field(default_factory=dict)
    runs: dict[int, WorkflowRun] = Field(default_factory=dict)
    artifacts: dict[int, Artifact] = Field(default_factory=dict)
    git_blobs: dict[str, bytes] = Field(default_factory=dict)
    trees: dict[str, dict[str, Entry]] = Field(default_factory=dict)
    protected: list[str] = Field(default_factory=list)
    created_at: str = Field(default_factory=now)
    _world: "World" = PrivateAttr()

    @property
    def owner(self) -> str:
        """The account that it belongs to."""
        return self.full_name.split("/")[0]

    @property
    def name(self) -> str:
        """Its name without the owner."""
        return self.full_name.split("/")[1]

    def find(self, ref: str) -> Commit | None:
        """The commit of a branch, a tag, a full reference, or a (possibly shortened) SHA. Of a tag and a branch of one
        name it is the tag's, as in git (gitrevisions(7)): GitHub does not say which it takes."""
        if ref in self.tags:
            return self.commits[self.tags[ref]]
        name = ref.removeprefix("refs/").removeprefix("heads/")
        if self.git and name not in self.branches and ref not in self.commits:
            history = read_history(self.git)
            # a branch that was pushed here stays where it was pushed: git may be ahead of what GitHub has
            self.branches = history.branches | self.branches
            self.commits.update({sha: Commit(**fields) for sha, fields in history.commits.items()})
        if found := self.commits.get(self.branches.get(name, ref)):
            return found
        matches = [each for sha, each in self.commits.items() if len(ref) >= 7 and sha.startswith(ref)]
        return matches[0] if len(matches) == 1 else None

    def ancestors(self, sha: str) -> set[str]:
        """The commit itself, and all that it stands on."""
        seen: set[str] = set()
        waiting = [sha]
        while waiting:
            commit = self.find(waiting.pop())
            if commit and commit.sha not in seen:
                seen.add(commit.sha)
                waiting += commit.parents
        return seen

    def commit(self, message: str, *, branch: str | None = None, parents: list[str] | None = None) -> str:
        """Add a commit on a branch (the default branch unless told), and push it; its SHA."""
        branch = branch or self.default_branch
        if parents is None:
            tip = self.branches.get(branch) or self.branches.get(self.default_branch)
            parents = [tip] if tip else []
        sha = hashlib.sha1(f"{message}\0{parents}\0{self._world.number()}".encode()).hexdigest()
        tree = hashlib.sha1(f"tree {sha}".encode()).hexdigest()
        self.commits[sha] = Commit(sha=sha, message=message, parents=parents, tree=tree)
        self.push(sha, branch=branch)
        return sha

    def push(self, sha: str, *, branch: str | None = None) -> None:
        """Move a branch to a known commit; keywords in new commits of the default branch close issues."""
        branch = branch or self.default_branch
        before = self.ancestors(self.branches[branch]) if branch in self.branches else set()
        self.branches[branch] = sha
        if branch == self.default_branch and before:
            for new in self.ancestors(sha) - before:
                self._close_named_in(self.commits[new].message, by=self.owner)

    def open_issue(self, title: str, body: str = "", *, login: str | None = None, number: int | None = None) -> Issue:
        """Open an issue."""
        number = number or max(self.issues, default=0) + 1
        issue = Issue(id=self._world.number(), number=number, title=title, body=body or None, login=login or self.owner)
        self.issues[number] = issue
        return issue

    def open_pull(
        self,
        title: str,
        body: str = "",
        *,
        number: int | None = None,
        login: str | None = None,
        head: str = "topic",
        head_sha: str | None = None,
        head_repository: str | None = None,
        base: str | None = None,
        linked: tuple[str, ...] = (),
    ) -> Issue:
        """Open a pull request; without `head_sha` a commit is made on the branch `head`.

        `head_repository` is the fork's full name when it comes from one; `linked` are issues (`owner/name#1`, or
        `#1`) that somebody linked by hand.
        """
        base = base or self.default_branch
        issue = self.open_issue(title, body, login=login, number=number)
        base_sha = self.branches[base]
        if head_sha is None:
            head_sha = self.commit(title, branch=head, parents=[base_sha])
        issue.pull = Pull(
            base=base,
            base_sha=base_sha,
            head=head,
            head_sha=head_sha,
            head_repository=head_repository or self.full_name,
            commits=[head_sha],
            linked=[name if name[0] != "#" else self.full_name + name for name in linked],
        )
        return issue

    def closing_references(self, issue: Issue) -> list[tuple[str, int]]:
        """(full name, number) of the issues that the pull request closes, as GitHub lists them."""
        found: list[tuple[str, int]] = []
        if issue.pull and issue.pull.base == self.default_branch:
            found += self._named_in(issue.body or "")
        for name in issue.pull.linked if issue.pull else ():
            repository, _, number = name.partition("#")
            found.append((repository, int(number)))
        unique = dict.fromkeys(found)
        issues = [(each, self._world.issue(*each)) for each in unique]
        return [each for each, found in issues if found and not found.pull]

    def edit(self, number: int, body: str, *, by: str, after: float = 60.0) -> None:
        """Somebody changes the words of an issue or a pull request, so many seconds from now."""
        issue = self.issues[number]
        at = datetime.now(UTC) + timedelta(seconds=after)
        issue.body, issue.edited_by, issue.edited_at = body, by, at.strftime("%Y-%m-%dT%H:%M:%SZ")

    def merge(self, number: int, *, commit: str | None = None, by: str | None = None, squash: bool = False) -> str:
        """Merge a pull request as GitHub does: the merge commit's SHA. Linked issues close, unless that is off.

        `commit` names the merge commit where it exists already, as it must in a repository that is read from git.
        """
        issue = self.issues[number]
        pull = issue.pull
        if pull is None:
            raise ValueError(f"{self.full_name}#{number} is not a pull request")
        by = by or self.owner
        if commit is None:
            if self.git:
                raise ValueError("a repository that is read from git needs merge(..., commit=SHA)")
            tip = self.branches[pull.base]
            message = f"{issue.title} (#{number})" if squash else f"Merge pull request #{number} from {pull.head}"
            commit = self.commit(message, branch=pull.base, parents=[tip] if squash else [tip, pull.head_sha])
        else:
            if self.find(commit) is None:
                raise ValueError(f"{commit} is not a commit of {self.full_name}")
            self.push(commit, branch=pull.base)
        pull.merged, pull.merged_at, pull.merged_by, pull.merge_commit_sha = True, now(), by, commit
        issue.close(None, by)
        if self.auto_close:
            for name, closed in self.closing_references(issue):
                linked = self._world.issue(name, closed)
                if linked and pull.base == self.default_branch:
                    linked.close("completed", by)
        return commit

    def comment(self, number: int, body: str, *, login: str | None = None) -> Comment:
        """Leave a comment on an issue or a pull request."""
        login = login or self.owner
        made = Comment(id=self._world.number(), login=login, body=body, number=number, app=login == ROBOT)
        self.comments[made.id] = made
        return made

    def comments_on(self, number: int) -> list[Comment]:
        """The comments on an issue or a pull request, oldest first."""
        return [each for each in self.comments.values() if each.number == number]

    def workflow_run(
        self,
        *,
        event: str = "push",
        path: str = ".github/workflows/stability.yml",
        head_branch: str | None = None,
        head_sha: str | None = None,
        head_repository: str | None = None,
        login: str | None = None,
    ) -> WorkflowRun:
        """Start a run of a workflow: on the default branch, unless told; on none (`""`) where a commit was deployed."""
        branch = self.default_branch if head_branch is None else head_branch
        run = WorkflowRun(
            id=self._world.number(),
            event=event,
            path=path,
            head_branch=branch or None,
            head_sha=head_sha or self.branches[branch or self.default_branch],
            head_repository=head_repository or self.full_name,
            login=login or self.owner,
        )
        self.runs[run.id] = run
        return run

    def upload(self, run: WorkflowRun, name: str, files: dict[str, bytes], *, days: float = 90.0) -> Artifact:
        """What a job of the run would have uploaded: one artifact, with these files in its zip."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in files.items():
                archive.writestr(path, content)
        content = packed.getvalue()
        made = Artifact(
            id=self._world.number(),
            name=name,
            run=run.id,
            blob=self._world.new_blob(content),
            size=len(content),
            digest=f"sha256:{hashlib.sha256(content).hexdigest()}",
            final=True,
            expires_at=(datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        self.artifacts[made.id] = made
        return made

    def content(self, artifact: Artifact) -> dict[str, bytes]:
        """The files in an artifact's zip."""
        packed = self._world.blobs[artifact.blob].content or b""
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def _named_in(self, text: str) -> list[tuple[str, int]]:
        return [
            (each["site"] or each["repo"] or self.full_name, int(each["there"] or each["number"]))
            for each in KEYWORDS.finditer(text)
        ]

    def _close_named_in(self, message: str, by: str) -> None:
        for name, number in self._named_in(message):
            issue = self._world.issue(name, number)
            if issue and issue.pull is None and name == self.full_name:
                issue.close("completed", by)


class World(Thing):
    """Everything: repositories, accounts, tokens, blobs."""

    repositories: dict[str, Repository] = Field(default_factory=dict)
    users: dict[str, User] = Field(default_factory=dict)
    tokens: dict[str, Token] = Field(default_factory=dict)
    blobs: dict[str, Blob] = Field(default_factory=dict)
    last_number: int = 1_200_300

    def model_post_init(self, _context: object) -> None:
        """Let every repository know its world."""
        for each in self.repositories.values():
            each._world = self

    def number(self) -> int:
        """A number that nothing else has."""
        self.last_number += 7
        return self.last_number

    def new_blob(self, content: bytes | None = None) -> str:
        """A place in the blob store; its name."""
        name = uuid.uuid4().hex
        self.blobs[name] = Blob(content=content)
        return name

    def user(self, login: str) -> User:
        """An account; it is made when it is first named."""
        if login not in self.users:
            self.users[login] = User(login=login, id=41898282 if login == ROBOT else self.number())
        return self.users[login]

    def repository(self, full_name: str, **fields: Any) -> Repository:
        """A repository; it is made, with a first commit, when it is first named."""
        if full_name not in self.repositories:
            made = Repository(id=self.number(), full_name=full_name, **fields)
            made._world = self
            made.collaborators.setdefault(made.owner, "admin")
            self.repositories[full_name] = made
            if made.git:
                made.find("HEAD")
            elif not made.commits:
                made.commit("First commit")
        return self.repositories[full_name]

    def issue(self, full_name: str, number: int) -> Issue | None:
        """An issue (or pull request) of any repository."""
        repository = self.repositories.get(full_name)
        return repository.issues.get(number) if repository else None
