"""The stand-in's limits are GitHub's: lengths, pages, what a token may do, and how often."""

import httpx
import pytest

from tests.github_stand_in import Limits, Repository, StandIn

NOTE = {"path": "a.py", "start_line": 1, "end_line": 1, "annotation_level": "notice", "message": "slower"}


@pytest.fixture
def repository(github: StandIn) -> Repository:
    """A repository with issue 1."""
    made = github.repository("octo/chat")
    made.open_issue("It is slow", number=1)
    return made


class Caller:
    """Calls the stand-in with one token."""

    def __init__(self, github: StandIn, token: str | None) -> None:
        self.url = f"{github.url}/repos/octo/chat"
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def get(self, path: str, **query: int) -> httpx.Response:
        return httpx.get(self.url + path, params=query, headers=self.headers)

    def post(self, path: str, **body: object) -> httpx.Response:
        return httpx.post(self.url + path, json=body, headers=self.headers)

    def patch(self, path: str, **body: object) -> httpx.Response:
        return httpx.patch(self.url + path, json=body, headers=self.headers)


@pytest.fixture
def call(github: StandIn, repository: Repository) -> Caller:
    """With a GITHUB_TOKEN that may do everything."""
    return Caller(github, github.token(repository.full_name))


def test_lengths_over_githubs_limits_are_422(call: Caller, repository: Repository) -> None:
    sha = repository.branches["main"]
    status, check = f"/statuses/{sha}", {"name": "proof", "head_sha": sha}

    def output(**more: object) -> dict[str, object]:
        return {"title": "t", "summary": "s", **more}

    answers = [
        (
            call.post("/issues/1/comments", body="x" * 65_536),
            call.post("/issues/1/comments", body="x" * 65_537),
            "65536",
        ),
        (call.patch("/issues/1", body="x" * 65_536), call.patch("/issues/1", body="x" * 65_537), "65536"),
        (
            call.post(status, state="success", description="x" * 140),
            call.post(status, state="success", description="x" * 141),
            "140",
        ),
        (
            call.post(status, state="success", context="x" * 255),
            call.post(status, state="success", context="x" * 256),
            "255",
        ),
        (
            call.post("/check-runs", **check, output=output(text="x" * 65_535)),
            call.post("/check-runs", **check, output=output(text="x" * 65_536)),
            "65535",
        ),
        (
            call.post("/check-runs", **check, output=output(annotations=[NOTE] * 50)),
            call.post("/check-runs", **check, output=output(annotations=[NOTE] * 51)),
            "50 items",
        ),
    ]
    for within, beyond, number in answers:
        assert within.status_code in (200, 201)
        assert beyond.status_code == 422
        assert number in beyond.text


def test_a_deployments_description_may_have_140_characters(call: Caller, repository: Repository) -> None:
    sha = repository.branches["main"]
    made = call.post("/deployments", ref=sha, required_contexts=[], auto_merge=False, description="x" * 140)
    assert made.status_code == 201
    statuses = f"/deployments/{made.json()['id']}/statuses"
    assert call.post(statuses, state="success", description="x" * 140).status_code == 201
    assert call.post(statuses, state="success", description="x" * 141).status_code == 422


def test_pages_are_of_30_and_never_of_more_than_100(call: Caller, repository: Repository) -> None:
    for number in range(130):
        repository.comment(1, f"comment {number}")
    first = call.get("/issues/1/comments")
    assert len(first.json()) == 30
    assert first.links["next"]["url"].endswith("page=2")
    assert first.links["last"]["url"].endswith("page=5")
    assert len(call.get("/issues/1/comments", per_page=500).json()) == 100
    last = httpx.get(first.links["last"]["url"])
    assert [each["body"] for each in last.json()] == [f"comment {number}" for number in range(120, 130)]
    assert "next" not in last.links


def test_the_combined_status_has_30_of_its_statuses_a_page(call: Caller, repository: Repository) -> None:
    sha = repository.branches["main"]
    for number in range(31):
        call.post(f"/statuses/{sha}", state="success" if number < 30 else "failure", context=f"context {number}")
    combined = call.get(f"/commits/{sha}/status").json()
    assert (combined["state"], combined["total_count"], len(combined["statuses"])) == ("failure", 31, 30)


def test_a_token_may_do_what_its_permissions_say(github: StandIn, repository: Repository) -> None:
    sha = repository.branches["main"]
    issues_only = Caller(github, github.token("octo/chat", {"issues": "write"}))
    assert issues_only.post("/issues/1/comments", body="hello").status_code == 201
    refused = issues_only.post(f"/statuses/{sha}", state="success")
    assert refused.status_code == 403
    assert refused.json()["message"] == "Resource not accessible by integration"
    assert issues_only.get(f"/commits/{sha}/status").status_code == 200, "what is public anybody may read"
    repository.private = True
    assert issues_only.get(f"/commits/{sha}/status").status_code == 403
    assert Caller(github, None).get("/issues/1").status_code == 404


def test_the_permission_for_pull_requests_is_none_for_issues(github: StandIn, repository: Repository) -> None:
    pull = repository.open_pull("Faster")
    pulls_only = Caller(github, github.token("octo/chat", {"pull-requests": "write"}))
    assert pulls_only.post(f"/issues/{pull.number}/comments", body="hello").status_code == 201
    assert pulls_only.post("/issues/1/comments", body="hello").status_code == 403
    assert pulls_only.patch("/issues/1", state="closed").status_code == 403


def test_a_forks_token_may_only_read(github: StandIn, repository: Repository) -> None:
    fork = Caller(github, github.fork_token("octo/chat"))
    assert fork.get("/issues/1").status_code == 200
    assert fork.post("/issues/1/comments", body="hello").status_code == 403
    assert fork.patch("/issues/1", state="closed").status_code == 403
    assert fork.post("/check-runs", name="proof", head_sha=repository.branches["main"]).status_code == 403
    assert repository.comments == {}


def test_a_token_of_another_repository_may_not_write(github: StandIn, repository: Repository) -> None:
    github.repository("octo/other")
    other = Caller(github, github.token("octo/other"))
    assert other.get("/issues/1").status_code == 200
    assert other.post("/issues/1/comments", body="hello").status_code == 403
    assert repository.comments == {}


def test_check_runs_are_for_apps_and_the_user_is_for_people(github: StandIn, repository: Repository) -> None:
    person = Caller(github, github.personal_token("octo"))
    refused = person.post("/check-runs", name="proof", head_sha=repository.branches["main"])
    assert (refused.status_code, refused.json()["message"]) == (403, "You must authenticate via a GitHub App.")
    assert person.post(f"/statuses/{repository.branches['main']}", state="success").status_code == 201
    assert httpx.get(f"{github.url}/user", headers=person.headers).json()["login"] == "octo"
    app = {"Authorization": f"Bearer {github.token('octo/chat')}"}
    assert httpx.get(f"{github.url}/user", headers=app).status_code == 403


def test_bad_credentials_and_none(github: StandIn, repository: Repository) -> None:
    assert Caller(github, "ghs_wrong").get("/issues/1").json()["message"] == "Bad credentials"
    assert Caller(github, None).get("/issues/1").status_code == 200
    assert Caller(github, None).post("/issues/1/comments", body="hello").status_code == 401
    assert repository.comments == {}


def test_what_somebody_may_do_in_a_repository_can_be_asked(call: Caller, repository: Repository) -> None:
    repository.collaborators |= {"mia": "maintain", "tim": "triage"}
    found = {
        login: call.get(f"/collaborators/{login}/permission").json()
        for login in ("octo", "mia", "tim", "github-actions[bot]")
    }
    assert [(each["permission"], each["role_name"]) for each in found.values()] == [
        ("admin", "admin"),
        ("write", "maintain"),
        ("read", "triage"),
        ("read", "read"),
    ]
    assert call.get("/collaborators/nobody/permission").status_code == 404


def test_the_hours_requests_are_counted_and_end(github: StandIn, repository: Repository) -> None:
    github.limits.an_hour = 2
    caller = Caller(github, github.token("octo/chat"))
    assert [caller.get("/issues/1").headers["X-RateLimit-Remaining"] for _ in range(2)] == ["1", "0"]
    over = caller.get("/issues/1")
    assert (over.status_code, over.headers["X-RateLimit-Remaining"]) == (403, "0")
    assert "API rate limit exceeded" in over.json()["message"]
    github.limits.status = 429
    assert caller.get("/issues/1").status_code == 429
    assert repository.comments == {}


def test_too_much_content_in_a_minute_has_to_wait() -> None:
    with StandIn(limits=Limits(content_a_minute=2, retry_after=7)) as github:
        github.repository("octo/chat").open_issue("It is slow", number=1)
        caller = Caller(github, github.token("octo/chat"))
        answers = [caller.post("/issues/1/comments", body=str(number)) for number in range(3)]
        assert [each.status_code for each in answers] == [201, 201, 403]
        assert answers[2].headers["Retry-After"] == "7"
        assert "secondary rate limit" in answers[2].json()["message"]
        assert caller.get("/issues/1").status_code == 200
        assert github.violations == []
