"""Every example of the documentation is run, on the service that it is about."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot import spec
from bot.model import Subject
from bot.probes.logins.registry import LOGINS
from bot.probes.rollout.settings import Watch
from bot.probes.session import Plan, Session
from bot.safety.redact import Redactor
from bot.strategy import Strategy
from tests.finding import pick
from tests.integration import servers
from tests.integration.chat_service import Service, running
from tests.integration.servers import answers, of_json, plain, service
from tests.integration.subprotocols import everything

ROOT = Path(__file__).parents[2]
PASSWORD = "a-password-of-the-examples"
LOGIN = """
login:
  user: {http: POST /auth/login, json: {email: ana@example.com, password: "${CHAT_PASSWORD}"}, token: $.access_token}
"""


STEPS = "probes/steps"
SOCKET_STEPS = ("websocket", "graphql-ws", "socket.io")


def event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def streams(text: str) -> servers.Route:
    return answers(plain(200, text.encode(), "text/event-stream"))


STAND_INS: dict[str, dict[str, servers.Route]] = {
    "http": {
        "POST /files": answers(of_json({"id": 7, "name": "report.csv", "state": "stored", "tags": ["a"]}, 201)),
        "GET /files/7/latest": answers(plain(302, b"", extra="location: /files/7\r\n")),
        "GET /files/7": answers(plain(200, b"a,b\n1,2\n", "text/csv")),
        "PUT /files/7": answers(of_json({})),
    },
    "sse": {
        "POST /auth/login": answers(of_json({"access_token": "a-token"})),
        "GET /stream": streams(event("started", {"id": 1}) + event("token", {"text": "a"}) + event("done", {})),
        "POST /v1/chat/completions": streams('data: {"object": "chat.completion.chunk"}\n\ndata: [DONE]\n\n'),
    },
}
"""For pages of steps about what the chat example does not do."""


def examples(folder: str) -> list[object]:
    found = []
    for page in sorted((ROOT / "docs" / folder).glob("*.md")):
        found += [
            pytest.param(text, id=page.stem) for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
        ]
    return found


@pytest.fixture(scope="module")
def chat(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(ROOT / "examples" / "chat", tmp_path_factory.mktemp("chat"), CHAT_PASSWORD=PASSWORD) as service:
        yield service


@pytest.mark.parametrize("text", examples("probes"))
async def test_each_probe_of_the_documentation_holds(text: str, chat: Service, tmp_path: Path) -> None:
    await holds(text, f"http://127.0.0.1:{chat.port}", tmp_path)


@pytest.mark.parametrize("text", examples(STEPS))
async def test_each_step_of_the_documentation_holds(
    text: str, chat: Service, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    page = request.node.callspec.id.rstrip("0123456789")  # a number, where a page has several examples
    if page in STAND_INS:
        async with service(STAND_INS[page]) as up:
            await holds(text, up.url, tmp_path)
    elif page in SOCKET_STEPS:
        async with everything() as url:
            await holds(text, url, tmp_path)
    else:
        await holds(text, f"http://127.0.0.1:{chat.port}", tmp_path)


async def holds(text: str, url: str, tmp_path: Path) -> None:
    login = "" if text.startswith("login:") else LOGIN
    loaded = spec.parse(f"version: 1\nservice: chat\n{login}{text}".encode(), "page.md", {"CHAT_PASSWORD": PASSWORD})
    plan = Plan(
        probes=loaded.probes,
        logins=loaded.logins,
        identity=None,
        redactor=Redactor(loaded.secrets),
        spec=loaded.digest,
        vantage="here",
        seed=1,
        time=1.0,
    )
    subject = Subject(service="chat", environment="test", revision="chat", url=url)
    session = Session(plan, subject, None, tmp_path)
    await session.correctness()

    run, _ = session.runs()
    assert [(each.probe, each.state, each.reason) for each in run.observations if each.state != "measured"] == []


def test_each_login_of_the_documentation_is_right() -> None:
    page = (ROOT / "docs" / "probes" / "login.md").read_text()
    [text] = re.findall(r"```yml\n(.*?)```", page, re.DOTALL)
    rest = "version: 1\nservice: chat\nprobes: {health: {http: GET /health}}\n"
    loaded = spec.parse(f"{rest}{text}".encode(), "login.md", {"CHAT_PASSWORD": PASSWORD})

    kinds = {each.kind for each in loaded.logins.values()}
    assert kinds | {"http"} == set(LOGINS)


@pytest.mark.parametrize("text", examples("targets"))
def test_each_target_of_the_documentation_is_right(text: str) -> None:
    loaded = spec.parse(
        f"version: 1\nservice: chat\n{text}probes: {{health: {{http: GET /health}}}}\n".encode(), "page.md"
    )

    assert loaded.target is not None


def test_the_spec_in_the_readme_is_right() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    whole = pick(blocks, lambda block: block.startswith("version: 1"))

    assert set(spec.parse(whole.encode(), "README.md").probes) == {"health", "golden-path"}


def test_each_probe_and_target_has_its_page() -> None:
    from bot.deploy.registry import TARGETS
    from bot.probes.registry import PROBES

    for folder, kinds in (("probes", PROBES), ("targets", TARGETS)):
        assert {path.stem for path in (ROOT / "docs" / folder).glob("*.md")} - {"README", "login"} == set(kinds)


def test_each_step_has_its_page() -> None:
    from bot.probes.steps.registry import STEPS as KINDS

    assert {path.stem for path in (ROOT / "docs" / STEPS).glob("*.md")} == set(KINDS)


def test_the_strategy_of_the_documentation_is_right_and_no_key_is_left_out() -> None:
    page = (ROOT / "docs" / "rollout.md").read_text()
    [text] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    loaded = spec.parse(f"version: 1\nservice: chat\n{text}probes: {{health: {{http: GET /health}}}}\n".encode())

    assert loaded.strategy.promote == (10, 50, 100)
    for key in (*Strategy.model_fields, *Watch.model_fields):
        assert f"`{key}`" in page, key
