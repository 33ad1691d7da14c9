"""The stand-in for GitHub keeps state as GitHub does, holds everything to GitHub's description, and fails on request."""

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from github import Auth, Github, GithubException, UnknownObjectException
from github import Repository as GithubRepository
from graphql import GraphQLInterfaceType, GraphQLObjectType, build_schema

from tests.github_stand_in import Repository, StandIn
from tests.github_stand_in.openapi import extract, graphql_extract

LINKED = """query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    closingIssuesReferences(first: 2, after: $after) {
      nodes { number state repository { nameWithOwner } } pageInfo { hasNextPage endCursor } } } } }"""


@pytest.fixture
def repository(github: StandIn) -> Repository:
    """A repository with issue 128, and pull request 129 that says that it fixes it."""
    made = github.repository("octo/chat")
    made.open_issue("Sockets close with 1011", number=128)
    made.open_pull("Serialise the state", "Fixes #128", number=129)
    return made


@contextlib.contextmanager
def client(github: StandIn, token: str | None = None) -> Iterator[Github]:
    """PyGithub, without its pauses and retries."""
    given = Auth.Token(token or github.token("octo/chat"))
    made = Github(
        base_url=github.url, auth=given, retry=None, seconds_between_writes=0, seconds_between_requests=0, per_page=100
    )
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def through(github: StandIn, repository: Repository) -> Iterator[GithubRepository.Repository]:
    """The repository as PyGithub sees it with a GITHUB_TOKEN."""
    with client(github) as made:
        yield made.get_repo(repository.full_name)


def test_merging_closes_the_linked_issue_as_github_does(
    repository: Repository, through: GithubRepository.Repository
) -> None:
    sha = repository.merge(129)
    issue, pull = through.get_issue(128), through.get_pull(129)
    assert (issue.state, issue.state_reason) == ("closed", "completed")
    assert pull.merged
    assert pull.merge_commit_sha == sha
    assert [each.number for each in through.get_commit(sha).get_pulls()] == [129]
    assert through.get_issue(129).pull_request is not None


def test_merging_leaves_the_issue_open_where_closing_is_off_or_the_base_is_no_default_branch(github: StandIn) -> None:
    quiet = github.repository("octo/quiet", auto_close=False)
    quiet.open_issue("It is slow", number=1)
    quiet.merge(quiet.open_pull("Faster", "Fixes #1").number)
    quiet.commit("Branch", branch="release")
    other = quiet.open_pull("For the release", "Closes #1", base="release")
    assert quiet.closing_references(other) == []
    quiet.auto_close = True
    quiet.merge(other.number)
    assert quiet.issues[1].state == "open"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Fixes #128", [("octo/chat", 128)]),
        ("resolves: #128 and closes octo/other#1", [("octo/chat", 128), ("octo/other", 1)]),
        ("Fix #128, #130", [("octo/chat", 128)]),
        ("FIXED https://github.com/octo/other/issues/1.", [("octo/other", 1)]),
        ("Prefixes #128, see #128, fixes #999", []),
    ],
)
def test_every_linked_issue_needs_its_own_keyword(
    github: StandIn, repository: Repository, body: str, expected: list[tuple[str, int]]
) -> None:
    github.repository("octo/other").open_issue("Over there", number=1)
    repository.open_issue("Another", number=130)
    assert repository.closing_references(repository.open_pull("Some work", body)) == expected


def test_graphql_pages_linked_issues_of_several_repositories(github: StandIn, repository: Repository) -> None:
    github.repository("octo/other").open_issue("Over there", number=7)
    github.repository("octo/secret", private=True).open_issue("Nobody sees it", number=8)
    linked = repository.open_issue("By hand").number
    pull = repository.open_pull(
        "More", "Fixes #128 #129 fixes octo/other#7 fixes octo/secret#8", linked=(f"#{linked}",)
    )
    found, after = [], None
    with client(github) as made:
        while True:
            variables = {"owner": "octo", "name": "chat", "number": pull.number, "after": after}
            data = made.requester.graphql_query(LINKED, variables)[1]["data"]
            connection = data["repository"]["pullRequest"]["closingIssuesReferences"]
            found += [(node["repository"]["nameWithOwner"], node["number"]) for node in connection["nodes"]]
            if not connection["pageInfo"]["hasNextPage"]:
                break
            after = connection["pageInfo"]["endCursor"]
    assert found == [("octo/chat", 128), ("octo/other", 7), ("octo/chat", linked)]


def test_graphql_answers_an_unknown_query_with_an_error_never_with_silence(
    github: StandIn, repository: Repository
) -> None:
    with client(github) as made:
        for query in ("{ repository(owner: 1) { stars } }", "{ broken", "query { enterprise { name } }"):
            with pytest.raises(GithubException):
                made.requester.graphql_query(query, {})
        assert len(github.violations) == 3
        github.violations.clear()
        variables = {"owner": "octo", "name": "nothing", "number": 1, "after": None}
        with pytest.raises(UnknownObjectException):
            made.requester.graphql_query(LINKED, variables)
    assert repository.issues[128].state == "open"


def test_comments_are_made_edited_found_and_deleted(
    github: StandIn, repository: Repository, through: GithubRepository.Repository
) -> None:
    comment = through.get_pull(129).create_issue_comment("first")
    comment.edit("second")
    assert comment.user.login == "github-actions[bot]"
    assert [each.body for each in through.get_issue(129).get_comments()] == ["second"]
    comment.create_reaction("eyes")
    comment.create_reaction("eyes")
    assert [each.content for each in comment.get_reactions()] == ["eyes"]
    on_commit = through.get_commit(repository.branches["main"]).create_comment("on the commit")
    on_commit.edit("edited")
    assert [each.body for each in through.get_commit("main").get_comments()] == ["edited"]
    comment.delete()
    assert list(through.get_issue(129).get_comments()) == []
    assert [each.method for each in github.requests if each.method != "GET"][:3] == ["POST", "PATCH", "POST"]


def test_a_status_of_each_context_is_the_newest(repository: Repository, through: GithubRepository.Repository) -> None:
    commit = through.get_commit(repository.branches["main"])
    for state in ("pending", "failure", "success"):
        commit.create_status(state, context="stability", description=state, target_url="https://example.com/run")
    assert commit.get_combined_status().state == "success"
    commit.create_status("pending", context="other")
    combined = commit.get_combined_status()
    assert (combined.state, combined.total_count) == ("pending", 2)
    assert [each.state for each in commit.get_statuses()] == ["pending", "success", "failure", "pending"]


def test_updates_of_a_check_run_add_annotations(repository: Repository, through: GithubRepository.Repository) -> None:
    sha = repository.branches["main"]
    note = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "slower"}
    check = through.create_check_run("proof", sha, status="in_progress")
    for _ in range(2):
        check.edit(output={"title": "t", "summary": "s", "annotations": [note] * 50})
    check.edit(conclusion="failure")
    assert check.output.annotations_count == 100
    assert sum(1 for _ in check.get_annotations()) == 100
    assert [(each.name, each.status, each.conclusion) for each in through.get_commit(sha).get_check_runs()] == [
        ("proof", "completed", "failure")
    ]


def test_a_deployment_needs_its_checks_unless_told_otherwise(
    repository: Repository, through: GithubRepository.Repository
) -> None:
    sha = repository.branches["main"]
    through.get_commit(sha).create_status("failure", context="ci")
    with pytest.raises(GithubException, match="409"):
        through.create_deployment(sha, auto_merge=False)
    made = through.create_deployment(
        sha, auto_merge=False, required_contexts=[], environment="staging", payload={"artifact": 7}
    )
    made.create_status("success", environment_url="https://staging.example.com", description="up")
    later = through.create_deployment(sha, auto_merge=False, required_contexts=[], environment="staging")
    later.create_status("success")
    assert [each.state for each in made.get_statuses()] == ["inactive", "success"]
    found = through.get_deployments(environment="staging")
    assert [each.payload for each in found] == [{}, {"artifact": 7}]


def test_reopening_and_closing_say_why(repository: Repository, through: GithubRepository.Repository) -> None:
    issue = through.get_issue(128)
    issue.edit(state="closed", state_reason="not_planned")
    issue.edit(state="closed", state_reason="completed")
    assert issue.state_reason == "not_planned", "the reason is ignored unless the state changes"
    issue.edit(state="open")
    assert (issue.state, issue.state_reason, issue.closed_at) == ("open", "reopened", None)
    assert repository.issues[128].state_reason == "reopened"


def test_commits_come_from_a_real_git_repository(github: StandIn, tmp_path: Path) -> None:
    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=Ana", "-c", "user.email=ana@example.com")
        command = ["git", *identity, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    git("init", "-q", "-b", "main")
    (tmp_path / "spec.yml").write_text("version: 1\n")
    git("add", ".")
    git("commit", "-q", "-m", "Base")
    base = git("rev-parse", "HEAD")
    made = github.repository("octo/real", git=tmp_path)
    git("commit", "-q", "--allow-empty", "-m", "Fix\n\nFixes #1")
    fix = git("rev-parse", "HEAD")
    made.open_issue("It is broken", number=1)
    pull = made.open_pull("Fix", number=2, head_sha=fix)
    with client(github, github.token("octo/real")) as api:
        through = api.get_repo("octo/real")
        assert through.get_commit("main").sha == base, "nobody has pushed yet"
        made.merge(pull.number, commit=fix)
        assert through.get_commit("main").commit.message == "Fix\n\nFixes #1"
        assert (through.compare(base, fix).status, through.compare(fix, base).status) == ("ahead", "behind")
        assert through.get_contents("spec.yml", ref=base).decoded_content == b"version: 1\n"
    assert made.issues[1].state == "closed", "the message of a commit closes issues too"


def test_what_github_does_not_describe_is_refused_and_recorded(github: StandIn, repository: Repository) -> None:
    headers = {"Authorization": f"Bearer {github.token(repository.full_name)}"}
    comments = f"{github.url}/repos/octo/chat/issues/128/comments"
    with httpx.Client(headers=headers) as http:
        wrong = [
            http.get(f"{github.url}/repos/octo/chat/stars"),
            http.post(comments, json={"text": "no body"}),
            http.post(comments, json={"body": 5}),
            http.post(comments, json={"body": "fine", "colour": "green"}),
            http.get(comments, params={"newest": "true"}),
            http.post(f"{github.url}/repos/octo/chat/statuses/{'0' * 40}", json={"state": "green"}),
        ]
    assert [each.status_code for each in wrong] == [500] * len(wrong)
    assert len(github.violations) == len(wrong)
    assert "issues/create-comment" in wrong[1].json()["message"]
    github.violations.clear()
    assert repository.comments == {}


def test_an_answer_that_github_would_not_give_is_refused_too(github: StandIn, repository: Repository) -> None:
    repository.issues[128].created_at = "yesterday"
    assert httpx.get(f"{github.url}/repos/octo/chat/issues/128").status_code == 500
    assert "issues/get" in github.violations.pop()


def test_a_failed_post_may_have_had_its_effect(github: StandIn, repository: Repository) -> None:
    url = f"{github.url}/repos/octo/chat/issues/129/comments"
    headers = {"Authorization": f"Bearer {github.token(repository.full_name)}"}
    github.fail("POST", r"/comments$", after_effect=True)
    statuses = [httpx.post(url, json={"body": "once"}, headers=headers).status_code for _ in range(2)]
    assert statuses == [502, 201]
    assert [each.body for each in repository.comments_on(129)] == ["once", "once"]
    github.fail("POST", r"/comments$", status=503, retry_after=2)
    refused = httpx.post(url, json={"body": "never"}, headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "2")
    assert len(repository.comments) == 2
    assert [each.status for each in github.requests] == [502, 201, 503]


def test_a_connection_can_be_reset_or_hang(github: StandIn, repository: Repository) -> None:
    url = f"{github.url}/repos/{repository.full_name}"
    github.fail("GET", "", drop=True)
    with pytest.raises(httpx.ReadError):
        httpx.get(url)
    github.fail("GET", "", hang=30)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(url, timeout=0.2)
    github.fail("GET", "", hang=0.2, status=None)
    before = time.monotonic()
    assert httpx.get(url).status_code == 200
    assert time.monotonic() - before >= 0.2


def test_a_state_file_keeps_everything(tmp_path: Path) -> None:
    kept = tmp_path / "github.json"
    with StandIn(state=kept) as github:
        made = github.repository("octo/chat")
        made.open_issue("It is slow", number=3)
        made.upload(made.workflow_run(), "baseline", {"run.json": b"\x00\xff"})
        token = github.token("octo/chat")
        url = f"{github.url}/repos/octo/chat/issues/3/comments"
        headers = {"Authorization": f"token {token}"}
        assert httpx.post(url, json={"body": "kept"}, headers=headers).status_code == 201
        assert "kept" in kept.read_text(), "not only at the end"
    with StandIn(state=kept) as again:
        there = again.repository("octo/chat")
        assert [each.body for each in there.comments_on(3)] == ["kept"]
        [artifact] = there.artifacts.values()
        assert there.content(artifact) == {"run.json": b"\x00\xff"}
        there.open_issue("Another")
        assert again.world.tokens[token].may("issues", "write")


def test_it_starts_by_itself(tmp_path: Path) -> None:
    kept = tmp_path / "github.json"
    command = [sys.executable, "-m", "tests.github_stand_in", "--state", str(kept), "--repository", "octo/chat"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = dict(process.stdout.readline().strip().split("=", 1) for _ in range(3))
        token = lines["GITHUB_TOKEN"].split("  #")[0]
        answer = httpx.post(
            f"{lines['GITHUB_API_URL']}/repos/octo/chat/issues",
            json={"title": "From outside"},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert answer.status_code == 201
        process.terminate()
        assert process.wait(timeout=30) == 0
    assert json.loads(kept.read_text())["repositories"]["octo/chat"]["issues"]["1"]["title"] == "From outside"


def test_what_is_extracted_of_githubs_description_is_what_is_there() -> None:
    """Without npm at hand: whoever adds an operation to the file by hand loses it at the next extraction."""
    whole = json.loads((Path(extract.__file__).parent / "github.json").read_text())
    there = [(each["template"], each["method"].lower()) for each in whole["operations"]]
    assert there == [*extract.OPERATIONS, *((old, "get") for old in extract.LEGACY)]
    needed = extract.references(whole["operations"])
    while more := extract.references({name: whole["$defs"][name] for name in needed}) - needed:
        needed |= more
    assert set(whole["$defs"]) == needed


def test_what_is_extracted_of_githubs_schema_is_what_is_there() -> None:
    schema = build_schema((Path(extract.__file__).parent / "github.graphql").read_text())
    there = {
        name: set(each.fields)
        for name, each in schema.type_map.items()
        if not name.startswith("__") and isinstance(each, GraphQLObjectType | GraphQLInterfaceType)
    }
    assert there == graphql_extract.KEPT
