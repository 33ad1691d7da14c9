"""Streams of server-sent events that go well, and that go wrong in one way each."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bot.probes.logins.password import PasswordLogin
from bot.probes.registry import PROBES
from tests.integration import servers
from tests.integration.sampled import sampled
from tests.integration.servers import Asked, answers, of_json, plain, service, unused_url
from tests.integration.test_probes import failed, observed

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
STEP = {"sse": "GET /stream", "events": "started token+ done", "within": "2s"}


def chunk(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(name: str, data: Any = None) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def streams(*parts: str | bytes | float, end: bool | None = True) -> servers.Route:
    """Sends parts, waits where a number says so; then ends well, breaks off (`end=False`), or stays open (`None`)."""

    async def route(_asked: Asked, writer: asyncio.StreamWriter) -> bytes | None:
        writer.write(HEAD)
        for part in parts:
            if isinstance(part, float):
                await writer.drain()
                await asyncio.sleep(part)
            else:
                writer.write(chunk(part))
        await writer.drain()
        if end is None:
            await asyncio.sleep(30)
        return b"0\r\n\r\n" if end else None

    return route


GOOD = [event("started", {"id": 7}), event("token", {"text": "a"}), event("token", {"text": "b"}), event("done", {})]


async def test_a_stream_is_measured_and_captured_from(tmp_path: Path) -> None:
    steps = [{**STEP, "capture": {"id": "$.id"}, "last_event_id": "41"}, {"http": "GET /it/{id}"}]
    async with service({"GET /stream": streams(*GOOD), "GET /it/7": answers(of_json({}))}) as up:
        found = await observed(tmp_path, up.url, {"journey": steps})
    assert found.reason is None
    assert [(check.id, check.actual) for check in found.checks][:4] == [
        ("step 1: status", "200 OK"),
        ("step 1: stream", "an event stream"),
        ("step 1: events", "started token token done"),
        ("step 1: capture id", "a value"),
    ]
    assert up.asked[0].headers["last-event-id"] == "41"
    assert up.asked[0].headers["accept"] == "text/event-stream"
    fact = found.facts[0].value
    assert isinstance(fact, dict)
    assert list(fact["events"]) == ["done", "started", "token"]  # type: ignore[arg-type]
    transcript = next((tmp_path / "candidate" / "evidence").glob("*")).read_text()
    assert "GET" in transcript


@pytest.mark.parametrize(
    ("route", "check", "said"),
    [
        (answers(plain(404, b"no")), "status", "404 Not Found"),
        (servers.hangs_up, "status", "the connection was closed before an answer came"),
        (servers.never, "status", "no event within 500 ms"),
        (answers(plain(200, b"<html>", "text/html")), "stream", "text/html (a browser reads only text/event-stream)"),
        (streams('{"type": "started"}\n\n'), "stream", "line 1 is no field of an event"),
        (streams(b"data: \xff\xff\n\n"), "stream", "it is no UTF-8"),
        (streams(*GOOD[:3], "event: done\ndata: {}\n"), "stream", "it ended in the middle of an event"),
        (streams(end=None), "events", "no event within 500 ms; nothing came, expected started"),
        (streams(*GOOD[:2], end=None), "events", "not over within 500 ms; after token nothing more came"),
        (streams(*GOOD[:2]), "events", "the service ended the stream; after token nothing more came"),
        (streams(*GOOD[:2], end=False), "events", "it broke off; after token nothing more came"),
        (streams(GOOD[0], GOOD[3]), "events", "after started came done, expected token"),
        (streams(*GOOD, event("done")), "events", "after done came done, expected nothing"),
    ],
)
async def test_streams_that_go_wrong_are_told_apart(
    tmp_path: Path, route: servers.Route, check: str, said: str
) -> None:
    async with service({"GET /stream": route}) as up:
        found = await observed(tmp_path, up.url, {"journey": [{**STEP, "within": "500ms"}]})
    assert found.state == "broken"
    assert said in failed(found)[f"step 1: {check}"]
    assert f"{up.url}/stream" in (found.reproduce or "")
    assert (found.reproduce or "").startswith("curl ")


async def test_a_closed_port_is_down(tmp_path: Path) -> None:
    found = await observed(tmp_path, unused_url(), {"journey": [STEP]})
    assert failed(found) == {"step 1: status": "connection refused"}


@pytest.mark.parametrize(
    ("parts", "fields", "said"),
    [
        ([0.3, *GOOD], {"first_within": "100ms"}, "no first event within 100 ms"),
        ([*GOOD[:2], 0.4, *GOOD[2:]], {"gap_within": "100ms"}, "a gap of more than 100 ms after event 2"),
        ([GOOD[0], event("token"), 0.4], {"gap_within": "100ms", "events": "started token+"}, "a gap of more than"),
    ],
)
async def test_deadlines_for_the_first_event_and_for_each_gap(
    tmp_path: Path, parts: Sequence[str | float], fields: Any, said: str
) -> None:
    async with service({"GET /stream": streams(*parts)}) as up:
        assert (await observed(tmp_path / "1", up.url, {"journey": [{**STEP, **fields}]})).reason is not None
        found = await observed(tmp_path / "2", up.url, {"journey": [{**STEP, **fields}]})
        generous = {name: "1500ms" if name.endswith("within") else value for name, value in fields.items()}
        fine = await observed(tmp_path / "3", up.url, {"journey": [{**STEP, **generous}]})
    assert said in failed(found)["step 1: events"]
    assert fine.reason is None


def token(text: str) -> str:
    return f'data: {{"object": "chunk", "text": "{text}"}}\n\n'


async def test_types_can_be_read_from_the_data_and_the_mark_of_the_end_is_no_event(tmp_path: Path) -> None:
    body = {"stream": True, "prompt": "{unique}"}
    step = {"sse": "POST /v1/chat", "json": body, "event_type": "$.object", "events": "chunk+", "end": "[DONE]"}
    for number, (parts, wrong) in enumerate(
        [
            ([token("a"), token("b"), "data: [DONE]\n\n"], {}),
            ([token("a"), token("b")], {"step 1: end": "it did not come"}),
        ]
    ):
        async with service({"POST /v1/chat": streams(*parts)}) as up:
            found = await observed(tmp_path / str(number), up.url, {"journey": [step]})
            assert json.loads(up.asked[0].body)["stream"] is True
        assert failed(found) == wrong


async def test_a_stream_without_a_pattern_needs_one_event_and_ignores_heartbeats(tmp_path: Path) -> None:
    for number, (parts, state) in enumerate([([event("ping"), event("x")], "measured"), ([event("ping")], "broken")]):
        step = {"sse": "GET /stream", "ignore": ["ping"], "within": "500ms"}
        async with service({"GET /stream": streams(": hello\n\n", *parts)}) as up:
            assert (await observed(tmp_path / str(number), up.url, {"journey": [step]})).state == state


async def test_a_stream_is_bounded(tmp_path: Path) -> None:
    async def endless(_asked: Asked, writer: asyncio.StreamWriter) -> bytes | None:
        writer.write(HEAD)
        while True:
            writer.write(chunk(event("token", "x" * 1000)))
            await writer.drain()

    step = {"sse": "GET /stream", "events": "token* done", "limit": "100KB", "within": "5s"}
    async with service({"GET /stream": endless}) as up:
        found = await observed(tmp_path, up.url, {"journey": [step]})
    assert "longer than 100,000 bytes" in failed(found)["step 1: events"]


async def test_a_stream_signs_in_and_its_credential_is_in_no_evidence(tmp_path: Path) -> None:
    secret = "s3cret-token-of-ana"
    login = PasswordLogin.model_validate({"http": "POST /in", "token": "$.token"})
    echo = event("started", {"you": secret})
    async with service(
        {"POST /in": answers(of_json({"token": secret})), "GET /stream": streams(echo, *GOOD[1:])}
    ) as up:
        found = await observed(tmp_path, up.url, {"journey": [{**STEP, "login": "ana"}]}, logins={"ana": login})
        assert up.asked[1].headers["authorization"] == f"Bearer {secret}"
    assert found.reason is None
    assert all(secret not in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("planned", [False, True])
async def test_the_times_of_a_stream_are_those_of_its_events(tmp_path: Path, *, planned: bool) -> None:
    parts = [0.05, GOOD[0], 0.1, *GOOD[1:]]
    async with service({"GET /stream": streams(*parts, end=None)}) as up:
        samples = await sampled(tmp_path, up.url, {"journey": [STEP], "timed": True}, planned=planned)
    for each in samples:
        assert set(each) == {"duration", "step 1: first event", "step 1: answer"}
        assert all(sample.ok for sample in each.values())
        assert 50 <= (each["step 1: first event"].value or 0) < 140
        assert 150 <= (each["step 1: answer"].value or 0) < 400
        assert each["duration"].value == each["step 1: answer"].value


async def test_a_failed_stream_is_a_failed_sample(tmp_path: Path) -> None:
    async with service({"GET /stream": streams(*GOOD[:2])}) as up:
        (sample,) = await sampled(tmp_path, up.url, {"journey": [STEP], "timed": True}, count=1)
    assert not sample["duration"].ok
    assert sample["step 1: first event"].value is not None
    assert "the service ended the stream" in (sample["duration"].why or "")


def test_a_stream_that_makes_no_sense_is_refused() -> None:
    for fields, said in (
        ({"sse": "/stream"}, "no request"),
        ({"events": "a ("}, "missing"),
        ({"end": ""}, "at least 1"),
    ):
        with pytest.raises(ValueError, match=said):
            PROBES["journey"].model_validate({"journey": [{**STEP, **fields}]})
