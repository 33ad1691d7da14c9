"""What the runner gives is read once; what is empty is absent, and no secret is shown."""

from pathlib import Path

import pytest

from bot.github.client import Client
from bot.github.environment import Environment
from bot.model.errors import UsageError

GIVEN = {"GITHUB_EVENT_NAME": "push", "GITHUB_REPOSITORY": "octo/chat", "GITHUB_SHA": "a" * 40}


def test_outside_of_a_runner_it_says_what_is_missing() -> None:
    with pytest.raises(UsageError, match="GITHUB_EVENT_NAME, GITHUB_SHA not set"):
        Environment.from_environ({"GITHUB_REPOSITORY": "octo/chat", "GITHUB_SHA": ""})


def test_an_empty_variable_is_absent() -> None:
    """Trap 16: an input that is not set is there, and empty."""
    found = Environment.from_environ(
        GIVEN | {"INPUT_COMMIT": "", "GITHUB_OUTPUT": "", "INPUT_GITHUB-TOKEN": "", "GITHUB_TOKEN": "ghs_1"}
    )
    assert "commit" not in found.inputs
    assert found.output is None
    assert found.token == "ghs_1"


def test_inputs_and_state_keep_their_names() -> None:
    """Trap 16: an input's variable keeps its hyphens."""
    found = Environment.from_environ(GIVEN | {"INPUT_WORKING-DIRECTORY": "a", "STATE_begun": "true"})
    assert found.inputs["working-directory"] == "a"
    assert found.saved == {"begun": "true"}


def test_the_workflows_file_and_the_runs_page_are_known() -> None:
    found = Environment.from_environ(
        GIVEN
        | {
            "GITHUB_WORKFLOW_REF": "octo/chat/.github/workflows/stability.yml@refs/heads/main",
            "GITHUB_RUN_ID": "5",
            "GITHUB_SERVER_URL": "https://git.example",
        }
    )
    assert found.workflow_path == ".github/workflows/stability.yml"
    assert found.run_url == "https://git.example/octo/chat/actions/runs/5"


def test_no_secret_is_in_its_text() -> None:
    found = Environment.from_environ(
        GIVEN | {"INPUT_GITHUB-TOKEN": "ghs_secret", "ACTIONS_RUNTIME_TOKEN": "jwt_secret", "INPUT_X": "in_secret"}
    )
    assert "secret" not in repr(found)
    assert found.secrets() == ("ghs_secret", "jwt_secret")


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"a": NaN}', "\xff"])
def test_an_event_that_cannot_be_read_is_an_error_of_usage(tmp_path: Path, text: str) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(UsageError, match=r"event\.json"):
        Environment.from_environ(GIVEN | {"GITHUB_EVENT_PATH": str(file)})


def test_an_event_that_is_not_there_is_an_error_of_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Environment.from_environ(GIVEN | {"GITHUB_EVENT_PATH": str(tmp_path / "none.json")})


@pytest.mark.parametrize(
    ("api", "graphql"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://git.example/api/v3", "https://git.example/api/graphql"),
        ("https://api.octo.ghe.com", "https://api.octo.ghe.com/graphql"),
    ],
)
def test_graphql_is_asked_where_github_graphql_url_would_be(api: str, graphql: str) -> None:
    found = Environment.from_environ(GIVEN | {"GITHUB_API_URL": api, "GITHUB_GRAPHQL_URL": graphql})
    assert Client(found.api_url, "ghs_1", found.repository).github.requester.graphql_url == graphql
