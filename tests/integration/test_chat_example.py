"""The example service and its history: each revision has the faults that its story tells, and no others."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from examples.chat import history
from examples.chat.history import History
from tests.integration.chat_service import SECONDS, USER, Service, ending, hear, running, start, wait_until_ready
from tests.integration.postgresql import postgresql

PROTOCOL = re.compile(r"agent_started (agent_thinking )*(tool_executing tool_completed )*agent_completed ")
Checkout = Callable[..., Path]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> History:
    """The history."""
    return history.build(tmp_path_factory.mktemp("history") / "chat")


@pytest.fixture(scope="module")
def checkout(built: History, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Check a commit out into a work tree of its own; `but` takes some files from another commit."""

    def into(commit: str, but: tuple[str, ...] = (), of: str = "") -> Path:
        tree = tmp_path_factory.mktemp("trees") / commit[:8]
        git(built.repository, "worktree", "add", "--quiet", "--detach", str(tree), commit)
        if but:
            git(tree, "checkout", "--quiet", of, "--", *but)
        return tree

    return into


@pytest.fixture(scope="module")
def fix(built: History, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The healthy revision, running."""
    with running(checkout(built.fix), tmp_path_factory.mktemp("fix"), REVISION="chat-fix") as service:
        yield service


@pytest.fixture(scope="module")
def regression(built: History, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The revision that looked harmless, running."""
    with running(checkout(built.regression), tmp_path_factory.mktemp("regression")) as service:
        yield service


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def types(events: list[dict[str, object]]) -> str:
    return "".join(f"{event['type']} " for event in events)


def iterations(service: Service) -> int:
    """The cost of the stored password hash."""
    with sqlite3.connect(service.folder / "chat.db") as database:
        stored = database.execute("SELECT password_hash FROM users WHERE email = ?", (USER,)).fetchone()[0]
    database.close()
    return int(stored.split("$")[1])


class TestHistory:
    def test_whoever_builds_it_wherever_gets_the_same_commits(self, built: History, tmp_path: Path) -> None:
        project = tmp_path / "project"
        shutil.copytree(history.EXAMPLE, project / "examples/chat")
        for junk in ("chat.db", "chat/__pycache__/x.pyc", "tests/chat.db-wal", "reports/junit.xml", "chat/chat.db"):
            file = project / "examples/chat" / junk
            file.parent.mkdir(exist_ok=True)
            file.write_text("junk")
        (tmp_path / ".gitconfig").write_text("[commit]\ngpgsign = true\n[core]\nexcludesFile = ~/ignore\n")
        (tmp_path / "ignore").write_text("*.py\n")
        somebody = {"HOME": str(tmp_path), "GIT_DIR": "/nowhere", "GIT_AUTHOR_NAME": "Somebody", "TZ": "Asia/Tokyo"}
        done = subprocess.run(
            [sys.executable, "-m", "examples.chat.history", str(tmp_path / "again")],
            cwd=project,
            env=os.environ | somebody,
            stdout=subprocess.PIPE,
            check=True,
            umask=0o077,
        )
        again = json.loads(done.stdout)
        assert again.pop("repository") == str(tmp_path / "again")
        assert again == {name: value for name, value in vars(built).items() if name != "repository"}

    def test_it_reads_as_two_merged_pull_requests(self, built: History) -> None:
        first_parents = git(built.repository, "log", "--first-parent", "--format=%H %s", "main").splitlines()
        assert [line.partition(" ")[0] for line in first_parents] == [built.regression, built.fix, built.base]
        assert first_parents[0].endswith("Merge pull request #131 from example/harden-sign-in")
        assert first_parents[1].endswith("Merge pull request #129 from example/fix-websocket-state")
        assert git(built.repository, "show", "-s", "--format=%b", built.fix) == "Fixes #128"
        assert git(built.repository, "show", "-s", "--format=%P", built.fix).split() == [built.base, built.fix_head]
        assert git(built.repository, "show", "-s", "--format=%P", built.regression).split() == [
            built.fix,
            built.regression_head,
        ]
        assert git(built.repository, "status", "--porcelain") == ""

    def test_the_healthy_revision_is_the_tree_that_is_kept(self, built: History) -> None:
        kept = git(built.repository, "ls-tree", "-r", "--name-only", built.fix).splitlines()
        assert {"stability.yml", "chat/app.py", "tests/test_websocket.py"} <= set(kept)
        for name in kept:
            shown = subprocess.run(
                ["git", "show", f"{built.fix}:{name}"], cwd=built.repository, check=True, stdout=subprocess.PIPE
            )
            assert shown.stdout == (history.EXAMPLE / name).read_bytes(), name

    def test_a_folder_with_something_in_it_is_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.txt").write_text("years of work")
        with pytest.raises(FileExistsError, match="is not empty"):
            history.build(tmp_path)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


class TestBase:
    def test_sockets_close_with_1011(self, built: History, checkout: Checkout, tmp_path: Path) -> None:
        with running(checkout(built.base), tmp_path) as service:
            with service.socket(service.sign_in()) as websocket, pytest.raises(ConnectionClosed) as closed:
                hear(websocket)
            with service.client() as client:
                assert client.get("/health").json()["status"] == "healthy"
            log = json.dumps(service.log())
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
        assert "SocketState is not JSON serializable" in log

    def test_with_only_the_handler_mended_sockets_still_close(
        self, built: History, checkout: Checkout, tmp_path: Path
    ) -> None:
        tree = checkout(built.base, ("chat/messages.py",), of=built.fix)
        with running(tree, tmp_path) as service, pytest.raises(ConnectionClosed) as closed:
            service.ask_agent("hello")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011

    def test_with_only_the_states_mended_the_agent_never_answers(
        self, built: History, checkout: Checkout, tmp_path: Path
    ) -> None:
        tree = checkout(built.base, ("chat/states.py",), of=built.fix)
        with running(tree, tmp_path) as service:
            with service.socket(service.sign_in()) as websocket:
                websocket.send(json.dumps({"type": "execute_agent", "thread": "any", "text": "hello"}))
                websocket.send(json.dumps({"type": "ping"}))
                heard = hear(websocket)  # messages are handled in turn: what comes first answers the ping
            ignored = [event["type"] for event in service.log() if event["event"] == "message_ignored"]
        assert heard == {"type": "pong"}
        assert ignored == ["execute_agent"]


class TestFix:
    @pytest.mark.parametrize("text", ["hello", "what is 12 * (3 + 4)?", "1 / 0"])
    def test_the_agent_answers_with_all_its_events(self, fix: Service, text: str) -> None:
        events = fix.ask_agent(text)
        assert PROTOCOL.fullmatch(types(events))
        assert "tool_completed" in types(events)
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))

    def test_a_thread_reads_back_whole(self, fix: Service) -> None:
        with fix.client(fix.sign_in()) as client:
            made = client.post("/threads", json={"title": "Holidays"})
            assert made.status_code == 201
            assert set(made.json()) == {"id", "title", "created_at"}
            assert client.get(f"/threads/{made.json()['id']}").json() == made.json()

    def test_every_answer_names_the_revision(self, fix: Service) -> None:
        with fix.client() as client:
            for path in ("/", "/health", "/ready", "/version", "/docs", "/openapi.json", "/threads", "/nowhere"):
                assert client.get(path).headers["x-revision"] == "chat-fix", path
            assert client.get("/version").json()["revision"] == "chat-fix"
        with fix.socket(fix.sign_in()) as websocket:
            assert websocket.response is not None
            assert websocket.response.headers["x-revision"] == "chat-fix"

    def test_it_ends_cleanly_although_a_socket_is_open(
        self, built: History, checkout: Checkout, tmp_path: Path
    ) -> None:
        with running(checkout(built.fix), tmp_path) as service, service.socket(service.sign_in()):
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(SECONDS) == 0
            assert service.log()[-1]["level"] == "info"

    def test_it_does_not_start_without_a_password(self, built: History, checkout: Checkout, tmp_path: Path) -> None:
        service = start(checkout(built.fix), tmp_path, CHAT_PASSWORD="")
        assert service.process.wait(SECONDS) == 2
        assert "CHAT_PASSWORD is not set" in service.log()[0]["reason"]


class TestRegression:
    def test_hashes_cost_more_than_twice_as_much(self, fix: Service, regression: Service) -> None:
        assert iterations(regression) >= 2 * iterations(fix)

    def test_a_thread_has_lost_a_field(self, regression: Service) -> None:
        with regression.client(regression.sign_in()) as client:
            made = client.post("/threads").json()
            assert set(made) == {"id", "title"}
            assert set(client.get("/threads").json()[0]) == {"id", "title"}

    def test_the_agent_has_lost_an_event_and_answers_all_the_same(self, regression: Service) -> None:
        events = regression.ask_agent("hello")
        assert "tool_executing" in types(events)
        assert "tool_completed" not in types(events)
        assert events[-1]["answer"] == "Your message has this many words: 1."

    def test_everything_else_holds(self, regression: Service) -> None:
        with regression.client() as client:
            for path in ("/", "/health", "/ready", "/version", "/docs", "/openapi.json"):
                assert client.get(path).status_code == 200, path


@pytest.mark.parametrize("revision", ["fix", "regression"])
def test_its_own_tests_pass(built: History, checkout: Checkout, revision: str) -> None:
    tree = checkout(getattr(built, revision))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--junitxml=reports/junit.xml"],
        cwd=tree,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    suite = ET.parse(tree / "reports/junit.xml").getroot()[0]
    assert int(suite.attrib["tests"]) > 50
    assert {suite.attrib[key] for key in ("failures", "errors", "skipped")} == {"0"}
    assert git(tree, "status", "--porcelain") == ""


@pytest.mark.debian("postgresql")
class TestPostgreSQL:
    def test_two_revisions_start_at_once_on_one_empty_database(
        self, built: History, checkout: Checkout, tmp_path: Path
    ) -> None:
        trees = checkout(built.fix), checkout(built.regression)
        with (
            postgresql() as url,
            ending(start(trees[0], tmp_path / "a", DATABASE_URL=url)) as one,
            ending(start(trees[1], tmp_path / "b", DATABASE_URL=url)) as other,
        ):
            wait_until_ready(one)
            wait_until_ready(other)
            assert PROTOCOL.fullmatch(types(one.ask_agent("2 + 2")))
            with other.client(other.sign_in()) as client:
                thread = client.get("/threads").json()[0]["id"]
                messages = client.get(f"/threads/{thread}/messages").json()
            assert [message["role"] for message in messages] == ["user", "assistant"]
            started = [event["database"] for event in one.log() + other.log() if event["event"] == "started"]
            assert started == ["postgresql", "postgresql"]
