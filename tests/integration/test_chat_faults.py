"""The golden path of the example's own spec tells the faults of issue #128 apart, and names the lost event."""

from pathlib import Path

import pytest

from bot import spec
from bot.model import Observation, Subject
from bot.probes.session import Plan, Session
from bot.safety.redact import Redactor
from examples.chat import history
from examples.chat.history import History
from tests.finding import pick
from tests.integration.chat_service import running
from tests.integration.test_chat_example import git
from tests.integration.test_documentation import PASSWORD

SPEC = history.EXAMPLE / "stability.yml"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The history."""
    return history.build(tmp_path_factory.mktemp("history") / "chat")


def tree(built: History, folder: Path, commit: str, *mended: str) -> Path:
    """A commit as it was, but for some files that are mended."""
    git(built.repository, "worktree", "add", "--quiet", "--detach", str(folder / "tree"), commit)
    if mended:
        git(folder / "tree", "checkout", "--quiet", built.fix, "--", *mended)
    return folder / "tree"


async def golden_path(tree: Path, folder: Path) -> Observation:
    text = SPEC.read_bytes().replace(b"within: 10s", b"within: 1s")
    loaded = spec.parse(text, SPEC.name, {"CHAT_PASSWORD": PASSWORD})
    probes = {"golden-path": loaded.probes["golden-path"]}
    redactor = Redactor(loaded.secrets)
    plan = Plan(probes, loaded.logins, None, redactor, loaded.digest, "here", 1, 1.0)
    with running(tree, folder, CHAT_PASSWORD=PASSWORD) as service:
        subject = Subject(service="chat", environment="t", revision="r", url=f"http://127.0.0.1:{service.port}")
        session = Session(plan, subject, None, folder)
        await session.correctness(only=["golden-path"])
    return session.runs()[0].observations[0]


def actual(found: Observation, name: str) -> str:
    return pick(found.checks, lambda check: check.id == name).actual


async def test_a_socket_that_the_service_closes_is_told_by_its_code_and_its_reason(
    built: History, tmp_path: Path
) -> None:
    found = await golden_path(tree(built, tmp_path, built.base), tmp_path)
    said = "closed by the service with 1011 (internal error): internal error"
    assert actual(found, "step 2: close") == said
    assert actual(found, "step 2: events").startswith(f"{said}; nothing came, expected agent_started")


async def test_a_message_that_nobody_answers_is_told_by_the_deadline(built: History, tmp_path: Path) -> None:
    found = await golden_path(tree(built, tmp_path, built.base, "chat/states.py"), tmp_path)
    assert actual(found, "step 2: events").startswith("no answer within 1 s; nothing came, expected agent_started")


async def test_an_event_that_was_lost_is_named(built: History, tmp_path: Path) -> None:
    found = await golden_path(tree(built, tmp_path, built.regression), tmp_path)
    assert actual(found, "step 2: events").startswith(
        "after tool_executing came agent_completed, expected tool_completed"
    )
