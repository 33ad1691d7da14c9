"""A conversation with the agent over the WebSocket."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import ClientConnection


def ask(socket: ClientConnection, message: dict[str, Any]) -> dict[str, Any]:
    socket.send(json.dumps(message))
    return hear(socket)


def hear(socket: ClientConnection) -> dict[str, Any]:
    heard: dict[str, Any] = json.loads(socket.recv(timeout=5))
    return heard


def test_the_agent_answers_in_the_thread(client: httpx.Client, service: Any, token: str) -> None:
    thread = client.post("/threads").json()["id"]
    with service.socket(token) as socket:
        events = [ask(socket, {"type": "execute_agent", "thread": thread, "text": "hello"})]
        while events[-1]["type"] != "agent_completed":
            events.append(hear(socket))
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert {event["thread"] for event in events} == {thread}
    messages = client.get(f"/threads/{thread}/messages").json()
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["text"] == events[-1]["answer"]


def test_the_handshake_says_which_revision_answers(service: Any, token: str) -> None:
    with service.socket(token) as socket:
        assert socket.response.headers["x-revision"] == "chat-test"


def test_a_browser_signs_in_with_its_first_message(service: Any, token: str) -> None:
    with service.socket(None) as socket:
        assert ask(socket, {"type": "authenticate", "token": token}) == {"type": "authenticated"}
        assert ask(socket, {"type": "ping"}) == {"type": "pong"}


@pytest.mark.parametrize("first", [{"type": "ping"}, {"type": "authenticate", "token": "forged"}])
def test_a_socket_that_does_not_sign_in_is_closed(service: Any, first: dict[str, str]) -> None:
    with service.socket(None) as socket, pytest.raises(ConnectionClosedError) as closed:
        ask(socket, first)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_a_socket_with_a_forged_header_is_closed(service: Any) -> None:
    with service.socket("forged") as socket, pytest.raises(ConnectionClosedError) as closed:
        hear(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def test_a_thread_of_nobody_is_not_found(service: Any, token: str) -> None:
    with service.socket(token) as socket:
        answer = ask(socket, {"type": "execute_agent", "thread": "nothing", "text": "hello"})
    assert answer == {"type": "error", "code": "thread_not_found", "thread": "nothing"}


@pytest.mark.parametrize("text", ["", "x" * 4001])
def test_a_bad_message_is_answered_with_an_error(service: Any, token: str, text: str) -> None:
    with service.socket(token) as socket:
        assert ask(socket, {"type": "execute_agent", "thread": "t", "text": text})["code"] == "bad_message"


def test_what_nobody_understands_is_ignored(service: Any, token: str) -> None:
    with service.socket(token) as socket:
        socket.send(json.dumps({"type": "sing"}))
        assert ask(socket, {"type": "ping"}) == {"type": "pong"}
        socket.send("no JSON")
        assert hear(socket)["code"] == "bad_message"


def test_the_states_of_a_socket_are_logged(service: Any, token: str) -> None:
    with service.socket(token) as socket:
        ask(socket, {"type": "ping"})
    events = [json.loads(line) for line in service.log.read_text().splitlines()]
    states = [event["state"] for event in events if event["event"] == "socket_state"]
    assert {"connected", "authenticated"} <= set(states)
