"""One service of a compose file, in the engine's words."""

from pathlib import Path

import pytest

from bot.deploy.docker import compose
from bot.model.errors import DeployError

FILE = """
name: Chat-App
x-common: &common
  user: "1000"
  environment: {LEVEL: info}
services:
  database: {image: "postgres:16"}
  chat:
    <<: *common
    build: {context: service, dockerfile: Dockerfile.slim}
    command: python -m chat --title "two words"
    environment: [LEVEL=debug, "PASSWORD=${PASSWORD:?give one}", "PLAIN", "COST=$$5"]
    healthcheck: {test: curl -f localhost, interval: 1m30s, timeout: 500ms, retries: 3}
    volumes: ["data:/data", "./seed:/seed:ro"]
    depends_on: [database]
    ports: ["80:8080"]
    mem_limit: 512mb
    cpus: "1.5"
volumes: {data: {}}
"""


def read(text: str, service: str = "chat", name: str = "deploy/compose.yml") -> compose.Composed:
    return compose.read(text.encode(), name, service, Path("/home/ana/Chat"))


def test_a_service_is_put_into_the_engines_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PASSWORD", "apple")
    monkeypatch.setenv("PLAIN", "passed on")
    found = read(FILE)
    assert (found.image, found.context, found.dockerfile) == (None, "deploy/service", "Dockerfile.slim")
    assert found.network == "chat-app_default"
    assert found.body["Cmd"] == ["python", "-m", "chat", "--title", "two words"]
    assert found.body["Env"] == ["LEVEL=debug", "PASSWORD=apple", "PLAIN=passed on", "COST=$5"]
    assert found.body["User"] == "1000"
    assert found.body["Healthcheck"] == {
        "Test": ["CMD-SHELL", "curl -f localhost"],
        "Interval": 90_000_000_000,
        "Timeout": 500_000_000,
        "Retries": 3,
    }
    assert found.body["HostConfig"] == {
        "Binds": ["chat-app_data:/data", "./seed:/seed:ro"],
        "Memory": 512 * 1024 * 1024,
        "NanoCpus": 1_500_000_000,
    }


def test_the_project_is_called_after_its_folder_where_it_says_no_name() -> None:
    assert read("services: {chat: {image: a}}").network == "chat_default"
    named = "services: {chat: {image: a, networks: [inner]}}\nnetworks: {inner: {external: true, name: shared}}"
    assert read(named).network == "shared"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("services: [", "compose.yml:1:12: not YAML"),
        ("services: {web: {image: a}}", "there is no service 'chat'; it has web"),
        (
            "services:\n  chat:\n    image: a\n    devices: [x]",
            "compose.yml:4:5: the key 'devices' of the service 'chat'",
        ),
        ("services:\n  chat: {command: a}", "'image' of the service 'chat' is missing, and so is `build`"),
        ("services:\n  chat: {image: a, cpus: many}", "'cpus' of the service 'chat' is not what it should be"),
        ("services:\n  chat: {image: '${NOT_SET:?name it}'}", "${NOT_SET} is not set: name it"),
        ("services:\n  chat: {build: {context: ., target: x}}", "has 'target', which is not understood here"),
        ("services:\n  chat: {image: a, volumes: [{type: bind}]}", "write volumes in the short form"),
        ("services:\n  chat: {image: a, healthcheck: {test: x, interval: soon}}", "'soon' is no duration"),
    ],
)
def test_each_slip_is_one_message_that_says_where(text: str, said: str) -> None:
    with pytest.raises(DeployError) as caught:
        read(text)
    assert said in str(caught.value)
