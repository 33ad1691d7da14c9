"""What a `websocket` step can do on its sockets, on real ones."""

import asyncio
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from bot.model import Progress
from bot.probes.logins.password import PasswordLogin
from bot.probes.registry import PROBES
from bot.probes.session import Session
from tests.finding import pick
from tests.integration import servers
from tests.integration.servers import answers, of_json, service, sockets
from tests.integration.test_probes import failed, observed, plan, subject


def protocol(observation: Any) -> dict[str, Any]:
    value = pick(observation.facts, lambda fact: fact.kind == "protocol").value
    assert isinstance(value, dict)
    return value


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def walk(tmp_path: Path, url: str, **step: Any) -> Any:
    return await observed(tmp_path, url, {"journey": [{"websocket": "/ws", "within": "5s", **step}]})


async def test_a_talk_goes_back_and_forth_with_text_and_bytes(tmp_path: Path) -> None:
    data = base64.b64encode(bytes(range(256))).decode()
    talk = [
        {"send": {"type": "hello", "id": 7}},
        {"expect": {"$.type": "hello", "$.id": {"min": 7}}, "capture": {"id": "$.id"}},
        {"send": {"type": "again", "id": "{id}"}},
        {"expect": {"$.id": 7}},
        {"send": "plain"},
        {"expect_text": {"matches": "^pl"}},
        {"send_base64": data},
        {"expect_base64": data},
        {"send": [{"type": "a"}, {"type": "b"}]},
        {"pause": "50ms"},
        {"events": "a b"},
        {"ping": True},
    ]
    async with sockets(echo) as url:
        found = await walk(tmp_path, url, talk=talk, close=1000)
    assert failed(found) == {}
    assert found.state == "measured"
    traffic = protocol(found)["traffic"]
    assert traffic["messages_sent"] == traffic["messages_received"] == 6
    assert traffic["bytes_sent"] == traffic["bytes_received"] > 256
    assert set(protocol(found)["times"]) == {
        "handshake", "talk 11: answer", "talk 11: first event", "talk 11: largest gap", "talk 12: ping"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("item", "check", "actual"),
    [
        ({"expect": {"$.id": 8}}, "talk 2: $.id", "7"),
        ({"expect": {"$.id": {"type": "string"}}}, "talk 2: $.id", "7"),
        ({"expect_text": "other"}, "talk 2: text", '{"id":7}'),
        ({"expect_base64": "AAAA"}, "talk 2: binary", "text"),
        ({"expect": {"$.id": 7}, "capture": {"x": "$.other"}}, "talk 2: capture x", "absent"),
        ({"events": "done"}, "talk 2: events", "first came (untyped), expected done\ndone\n^"),
    ],
)
async def test_a_message_that_is_another_breaks_off_the_talk(
    tmp_path: Path, item: dict[str, Any], check: str, actual: str
) -> None:
    async with sockets(echo) as url:
        found = await walk(tmp_path, url, talk=[{"send": {"id": 7}}, item, {"send": "never"}])
    assert failed(found) == {f"step 1: {check}": actual}


async def test_an_idle_socket_has_to_stay_open(tmp_path: Path) -> None:
    async def impatient(connection: ServerConnection) -> None:
        await asyncio.sleep(0.3)
        await connection.close(1008, "idle")

    async with sockets(echo) as url:
        assert (await walk(tmp_path, url, idle="600ms")).state == "measured"
    async with sockets(impatient) as url:
        found = await walk(tmp_path, url, idle="10s")
    assert failed(found) == {"step 1: idle": "closed by the service with 1008 (policy violation): idle"}


async def test_an_idle_time_that_the_probe_has_no_time_for_is_not_measured(tmp_path: Path) -> None:
    async with sockets(echo) as url:
        found = await observed(tmp_path, url, {"journey": [{"websocket": "/ws", "idle": "1h"}], "timeout": "20s"})
    assert found.state == "not measured"
    assert "the probe's time is over before the socket was idle for" in (found.reason or "")


async def test_a_ping_without_an_answer_is_said_to_be_one_and_no_code_is_made_up(tmp_path: Path) -> None:
    async with service({"GET /ws": servers.by_hand()}) as up:
        found = await walk(tmp_path, up.url, ping=True, within="400ms")
    assert failed(found) == {"step 1: ping": "no answer to our ping within 400 ms"}
    assert protocol(found)["close"] == {"code": None, "by": "nobody", "reason": ""}
    async with sockets(echo) as url:
        found = await walk(tmp_path, url, ping=True)
    assert found.state == "measured"
    assert protocol(found)["times"]["ping"] >= 0


async def test_how_all_sockets_of_a_journey_ended_is_counted(tmp_path: Path) -> None:
    async with sockets(echo) as url:
        found = await observed(tmp_path, url, {"journey": [{"websocket": "/ws"}, {"websocket": "/ws", "close": 1001}]})
    assert found.state == "measured"
    assert [fact.value for fact in found.facts if fact.kind == "closes"] == [{"1000 by probe": 1, "1001 by probe": 1}]


class Feed:
    """Numbers its events over all sockets, and resumes after the number that it is told."""

    def __init__(self, resumes_at: int) -> None:
        self.resumes_at = resumes_at

    async def __call__(self, connection: ServerConnection) -> None:
        asked = json.loads(await connection.recv())
        first = asked["after"] + self.resumes_at if "after" in asked else 1
        for number in range(first, first + 3):
            await connection.send(json.dumps({"type": "item", "seq": number}))
        await connection.wait_closed()


@pytest.mark.parametrize(
    ("resumes_at", "actual"),
    [(1, None), (0, "of 6 numbers 1 came again (3)"), (2, "of 6 numbers 1 left out (4)")],
)
async def test_what_is_resumed_has_neither_gaps_nor_anything_twice(
    tmp_path: Path, resumes_at: int, actual: str | None
) -> None:
    talk = [
        {"send": {"type": "start"}},
        {"events": "item item item", "capture": {"last": "$.seq"}},
        {"reopen": True, "after": "20ms"},
        {"send": {"type": "resume", "after": "{last}"}},
        {"events": "item item item"},
    ]
    async with sockets(Feed(resumes_at)) as url:
        found = await walk(tmp_path, url, talk=talk, sequence="$.seq", close=1000)
    assert failed(found) == ({} if actual is None else {"step 1: sequence": actual})
    assert protocol(found)["closes"] == {"1000 by probe": 2}
    assert "talk 3: handshake" in protocol(found)["times"]


async def test_a_socket_that_cannot_be_opened_again_ends_the_talk(tmp_path: Path) -> None:
    opened = 0

    def once(connection: ServerConnection, _request: Request) -> Response | None:
        nonlocal opened
        opened += 1
        return None if opened % 2 else connection.respond(503, "no")

    async with sockets(echo, once) as url:
        found = await walk(tmp_path, url, talk=[{"reopen": True}, {"send": "never"}])
    assert list(failed(found)) == ["step 1: talk 1: reopened"]
    assert "503" in failed(found)["step 1: talk 1: reopened"]


@pytest.mark.debian("nginx")
async def test_an_idle_time_that_a_proxy_does_not_grant_is_said_to_be_one(tmp_path: Path) -> None:
    async with sockets(echo, ping_interval=None) as url:
        with servers.nginx(tmp_path / "nginx", url, idle="1s") as front:
            found = await walk(tmp_path, front, idle="6s")
    assert failed(found)["step 1: idle"].startswith("cut off without a word (1006) after ")


async def test_a_subprotocol_that_is_not_chosen_is_noted(tmp_path: Path) -> None:
    async with sockets(echo, select_subprotocol=lambda _connection, _offered: None) as url:
        found = await walk(tmp_path, url, subprotocols=["v1"])
    assert found.state == "measured"
    assert found.notes == ("the service chose none of the subprotocols: a browser would not connect",)


async def test_the_token_may_be_the_first_message_and_is_kept_nowhere(tmp_path: Path) -> None:
    heard: list[str] = []

    async def talk(connection: ServerConnection) -> None:
        heard.append(str(await connection.recv()))
        await connection.send(json.dumps({"type": "welcome", "token": "tok-12345"}))
        await connection.recv()
        await connection.send(json.dumps({"type": "done"}))
        await connection.wait_closed()

    step = {
        "websocket": "/ws",
        "login": "user",
        "token_in": "message",
        "token_message": {"type": "auth", "token": "{token}"},
        "talk": [{"events": "welcome"}, {"send": "go"}, {"events": "done"}],
    }
    login = PasswordLogin.model_validate({"http": "POST /in", "token": "$.t"})
    async with service({"POST /in": answers(of_json({"t": "tok-12345"}))}) as http, sockets(talk) as url:
        session = Session(plan({"it": {"journey": [step]}}, logins={"user": login}), subject(url), None, tmp_path)
        context = session._sides[0].context
        context.url = http.url
        await context.credential("user", 5.0)
        context.url = url
        await session.correctness()
    run = session.runs()[0]
    assert run.observations[0].state == "measured"
    assert heard == ['{"type":"auth","token":"tok-12345"}']
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + run.to_json()
    assert b"tok-12345" not in kept


async def mixed(connection: ServerConnection) -> None:
    await connection.recv()
    for run, event in (("r1", "a"), ("r2", "a"), ("r1", "b"), ("r2", "c"), ("r1", "c")):
        await connection.send(json.dumps({"type": event, "run": run}))
    await connection.wait_closed()


async def test_mixed_streams_are_told_apart_by_their_id(tmp_path: Path) -> None:
    async with sockets(mixed) as url:
        found = await walk(tmp_path, url, send="go", events="a b? c", by="$.run", streams=2)
        assert failed(found) == {}
        found = await walk(tmp_path, url, send="go", events="a b c", by="$.run", streams=2)
        assert failed(found)["step 1: events"].startswith("of r2: after a came c, expected b")
        found = await walk(tmp_path, url, send="go", events="c c b a a", any_order=True)
        assert failed(found) == {}
        found = await walk(tmp_path, url, send="go", events="a a b c", any_order=True)
        assert failed(found)["step 1: events"].startswith("c came 2 times, expected nothing")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"first_within": "100ms"}, "no first event within 100 ms"),
        ({"gap": "100ms"}, "no event for 100 ms; after a nothing more came, expected b"),
    ],
)
async def test_each_deadline_is_named(tmp_path: Path, keys: dict[str, str], words: str) -> None:
    async def slow(connection: ServerConnection) -> None:
        await connection.recv()
        await asyncio.sleep(1 if "first_within" in keys else 0)
        await connection.send('{"type": "a"}')
        await asyncio.sleep(2)
        await connection.send('{"type": "b"}')
        await connection.wait_closed()

    async with sockets(slow) as url:
        found = await walk(tmp_path, url, send="go", events="a b", **keys)
    assert failed(found)["step 1: events"].startswith(words)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ({"talk": [{"send": 1}], "events": "a"}, "`talk` says everything in order: put `events` into it"),
        ({"talk": [{"sned": 1}]}, "an item of `talk` has one of: send, send_base64, events"),
        ({"talk": [{"send": 1, "idle": "1s"}]}, "this one has send and idle"),
        ({"token_in": "message"}, "go together"),
        ({"token_in": "message", "token_message": "x", "login": "user"}, "has no {token} in it"),
        ({"events": "(a b)*", "any_order": True}, "in any order, a pattern is a list of event types"),
        ({"send": "x", "by": "$.id"}, "`any_order` and `by` are about `events`"),
        ({"events": "a", "streams": 2}, "`streams` are told apart `by` an id"),
        ({"talk": [{"send_base64": "?"}]}, "this is no base64"),
    ],
)
def test_what_does_not_go_together_is_said_when_the_spec_is_read(step: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PROBES["journey"].model_validate({"journey": [{"websocket": "/ws", **step}]})
    assert said in str(caught.value)


async def test_each_time_that_a_step_takes_is_a_series_with_a_value_in_each_round(tmp_path: Path) -> None:
    simple = {"websocket": "/ws", "send": {"type": "a"}, "events": "a", "gap": "5s", "ping": True}
    talk = [{"send": [{"type": "a"}, {"type": "b"}]}, {"events": "a b", "gap": "5s"}, {"ping": True}, {"reopen": True}]
    steps = [simple, {"websocket": "/ws", "talk": talk}]
    async with sockets(echo) as url:
        session = Session(plan({"it": {"journey": steps, "timed": True}}), subject(url), None, tmp_path)
        await session.correctness()
        await session.measure(lambda _candidate, _baseline: Progress(frozenset(), stop=True))
    found = session.runs()[0].observations[0]
    assert found.state == "measured"
    assert [each.id for each in found.series] == [
        "duration",
        *(f"step 1: {name}" for name in ("handshake", "first event", "answer", "largest gap", "ping")),
        "step 2: handshake",
        *(f"step 2: talk 2: {name}" for name in ("first event", "answer", "largest gap")),
        "step 2: talk 3: ping",
        "step 2: talk 4: handshake",
    ]
    for series in found.series:
        assert series.samples
        column = series.columns.index("ok")
        assert all(sample[column] is True for sample in series.samples), series.id
