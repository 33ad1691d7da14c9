"""A commit's pull request and issues are found as GitHub says, and by the merge's own words until GitHub says it."""

import dataclasses

import pytest

from bot.github import links
from bot.github.client import Client, Clock
from bot.github.links import Links
from bot.model.errors import GitHubError
from tests.github_stand_in import Repository, StandIn

ASSOCIATED = r"/commits/[^/]+/pulls$"


@pytest.fixture
def home(github: StandIn) -> Repository:
    """With issue 1."""
    made = github.repository("octo/chat")
    made.open_issue("It is slow", number=1)
    return made


@pytest.fixture
def client(github: StandIn, home: Repository) -> Client:
    return Client(github.url, github.token(home.full_name), home.full_name, patience=1.0)


def found(client: Client, commit: str, number: int | None) -> Links:
    """What is found, without how sure GitHub is of it."""
    return dataclasses.replace(links.find(client, commit, number), certain=frozenset())


@pytest.mark.parametrize("squash", [False, True])
@pytest.mark.parametrize("heard", [False, True])
def test_the_pull_request_of_a_merge_is_found_whether_github_has_heard_of_it_or_not(
    github: StandIn, home: Repository, client: Client, squash: bool, heard: bool
) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number, squash=squash)
    if not heard:
        github.fail("GET", ASSOCIATED, status=200, body=[])
    assert found(client, sha, None) == Links((pull.number,), (1,), ())


def test_a_number_that_the_event_names_is_taken_at_its_word(github: StandIn, home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number)
    assert links.find(client, sha, pull.number).pull_requests == (pull.number,)
    assert github.count("GET", ASSOCIATED) == 0


def test_a_commit_of_a_pull_request_that_is_not_merged_belongs_to_none(home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    assert pull.pull is not None
    assert links.find(client, pull.pull.head_sha, None) == Links((), (), ())


def test_a_commit_that_only_claims_to_be_a_merge_belongs_to_none(home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    home.merge(pull.number)
    for message in (f"Merge pull request #{pull.number} from mallory/x", f"Something (#{pull.number})", "No (#999)"):
        assert links.find(client, home.commit(message), None) == Links((), (), ()), message


def test_an_issue_that_somebody_linked_by_hand_is_found(home: Repository, client: Client) -> None:
    pull = home.open_pull("Faster", "no keyword", linked=("#1",))
    assert links.find(client, home.merge(pull.number), None).issues == (1,)


def test_more_issues_than_a_page_holds_are_all_counted_and_a_few_of_them_settled(
    home: Repository, client: Client
) -> None:
    numbers = [home.open_issue("another").number for _ in range(60)]
    pull = home.open_pull("Faster", "no keyword", linked=tuple(f"#{number}" for number in numbers))
    given = links.find(client, home.merge(pull.number), None)
    assert given.issues == tuple(numbers[:20])
    assert given.left == ("40 more issues are left alone: a change settles 20 at most",)


def test_an_issue_is_named_once_however_often_it_is_mentioned(
    github: StandIn, home: Repository, client: Client
) -> None:
    github.repository("octo/docs").open_issue("Elsewhere", number=5)
    pull = home.open_pull(
        "Faster", "Fixes #1, closes: #1 and RESOLVED OCTO/chat#1; fix octo/docs#5, fix octo/docs#5", linked=("#1",)
    )
    assert found(client, home.merge(pull.number), None) == Links((pull.number,), (1,), ("octo/docs#5",))


@pytest.mark.parametrize(
    "body", ["mentions #1", "prefixes #1", "hotfix-fixes#1", "fixed the thing in #1", "hot-fixes #1", "unfix #1"]
)
def test_what_is_no_closing_keyword_closes_nothing(home: Repository, client: Client, body: str) -> None:
    pull = home.open_pull("Faster", body)
    assert links.find(client, home.merge(pull.number), None).issues == ()


def test_a_merge_into_another_branch_closes_nothing(home: Repository, client: Client) -> None:
    home.commit("a release", branch="release")
    pull = home.open_pull("Faster", "Fixes #1", base="release")
    assert found(client, home.merge(pull.number), pull.number) == Links((pull.number,), (), ())


def test_a_token_that_may_not_ask_for_links_still_reads_the_keywords(
    github: StandIn, home: Repository, client: Client
) -> None:
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number)
    github.fail("POST", "/graphql$", status=403, body={"message": "Resource not accessible by integration"})
    assert links.find(client, sha, None).issues == (1,)


def test_links_that_github_failed_to_give_are_said_and_the_keywords_are_read(
    github: StandIn, home: Repository, client: Client
) -> None:
    home.open_issue("linked by hand", number=2)
    pull = home.open_pull("Faster", "Fixes #1", linked=("#2",))
    sha = home.merge(pull.number)
    github.fail("POST", "/graphql$", times=99)
    given = links.find(client, sha, None)
    assert (given.pull_requests, given.issues) == ((pull.number,), (1,))
    assert given.failed is not None
    assert links.find(Client(github.url, client.token, client.name, patience=0), sha, pull.number).failed is not None


def test_a_github_that_gives_nothing_is_an_error_and_not_a_commit_without_a_pull_request(
    github: StandIn, home: Repository, client: Client
) -> None:
    github.fail("GET", ASSOCIATED, times=99)
    with pytest.raises(GitHubError):
        links.find(client, home.branches["main"], None)


def proofs(home: Repository, client: Client, body: str) -> Links:
    pull = home.open_pull("Faster", body)
    return links.find(client, home.merge(pull.number), None)


@pytest.mark.parametrize(
    ("body", "numbers"),
    [
        ("Proof: #1", (1,)),
        ("text\n\n- proof: #1, #7 and #8", (1, 7, 8)),
        ("Proof: octo/chat#1 #7", (1, 7)),
        ("PROOF:#1&#7", (1, 7)),
        ("Proof: #1, and #7 as well as #8", (1, 7)),
        ("Proof: see #1", ()),
        ("waterproof: #1", ()),
        ("a Proof: #1", ()),
        ("<!-- Proof: #1 -->", ()),
        ("`Proof: #1`", ()),
        ("Proof: #0x1", ()),
    ],
)
def test_issues_that_are_named_with_proof_are_found(
    github: StandIn, home: Repository, client: Client, body: str, numbers: tuple[int, ...]
) -> None:
    for number in (7, 8):
        home.open_issue("Another", number=number)
    seen = proofs(home, client, body)
    assert (seen.issues, seen.elsewhere, seen.certain) == (numbers, (), frozenset())


def test_issues_of_other_repositories_named_with_proof_are_elsewhere(home: Repository, client: Client) -> None:
    assert proofs(home, client, "Proof: octo/docs#5").elsewhere == ("octo/docs#5",)


@pytest.mark.parametrize("squash", [False, True])
def test_a_commits_own_words_name_issues_too(home: Repository, client: Client, squash: bool) -> None:
    pull = home.open_pull("Faster\n\nProof: #1" if squash else "Faster")
    sha = home.merge(pull.number, squash=squash)
    assert links.find(client, sha, None).issues == ((1,) if squash else ())
    assert links.find(client, home.commit("Mend it\n\nProof: #1"), None).issues == (1,)


def test_a_merge_into_another_branch_proves_no_issue(home: Repository, client: Client) -> None:
    home.commit("a release", branch="release")
    pull = home.open_pull("Faster", "Proof: #1", base="release")
    assert links.find(client, home.merge(pull.number), None).issues == ()


@pytest.mark.timeout(60)
def test_a_long_line_after_the_word_is_read_once(client: Client) -> None:
    """Ten times what a body can hold: by the square of it this would take hours."""
    for text in (" " * 600_000, "and " * 150_000, "a/" * 300_000, "proof: " * 80_000, "and" * 200_000):
        assert links._proofs(client, f"Proof: {text}!") == []
    assert len(links._proofs(client, "Proof: " + "#1," * 200_000)) == 200_000


def test_a_commit_of_several_pull_requests_belongs_to_all_of_them(home: Repository, client: Client) -> None:
    home.open_issue("Another", number=7)
    first = home.open_pull("Faster", "Fixes #1")
    second = home.open_pull("Faster, on top of it", "Fixes #7", head="more")
    sha = home.merge(first.number)
    home.merge(second.number, commit=sha)
    seen = links.find(client, sha, None)
    assert (seen.pull_requests, seen.issues) == ((first.number, second.number), (1, 7))


@pytest.mark.parametrize("missed", [1, 3])
def test_a_merge_that_github_has_not_taken_note_of_is_asked_for_again(
    github: StandIn, home: Repository, missed: int
) -> None:
    """Neither the list nor the pull request itself knows of the merge yet."""
    waited: list[float] = []
    client = Client(github.url, github.token(home.full_name), home.full_name, clock=Clock(sleep=waited.append))
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number)
    github.fail("GET", ASSOCIATED, times=missed, status=200, body=[])
    github.fail("GET", "/pulls/[0-9]+$", times=missed, status=404, body={"message": "Not Found"})
    assert links.find(client, sha, None).pull_requests == (pull.number,)
    assert waited == [1.0, 2.0, 4.0][:missed]


def test_waiting_for_a_merge_ends_with_the_patience(github: StandIn, home: Repository) -> None:
    waited: list[float] = []
    clock = Clock(sleep=waited.append)
    client = Client(github.url, github.token(home.full_name), home.full_name, patience=2.5, clock=clock)
    pull = home.open_pull("Faster", "Fixes #1")
    sha = home.merge(pull.number)
    github.fail("GET", ASSOCIATED, times=9, status=200, body=[])
    github.fail("GET", "/pulls/[0-9]+$", times=9, status=404, body={"message": "Not Found"})
    assert links.find(client, sha, None).pull_requests == ()
    assert waited == [1.0]


@pytest.mark.parametrize("message", ["Mend it", "Mend it, see #1"])
def test_a_direct_push_is_asked_for_once(github: StandIn, home: Repository, message: str) -> None:
    waited: list[float] = []
    client = Client(github.url, github.token(home.full_name), home.full_name, clock=Clock(sleep=waited.append))
    links.find(client, home.commit(message), None)
    assert (waited, github.count("GET", ASSOCIATED)) == ([], 1)


def test_an_old_merge_is_asked_for_once(github: StandIn, home: Repository) -> None:
    waited: list[float] = []
    client = Client(github.url, github.token(home.full_name), home.full_name, clock=Clock(sleep=waited.append))
    sha = home.commit("Merge pull request #99 from octo/topic")
    home.commits[sha].date = "2020-01-01T00:00:00Z"
    links.find(client, sha, None)
    assert waited == []
