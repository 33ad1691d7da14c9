"""Probes against services that behave, and that misbehave in one way each: what is observed says what was wrong."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from bot.model import Observation, Progress, Run, Series, SeriesKey, Subject
from bot.probes.identity import Identity
from bot.probes.logins.password import PasswordLogin
from bot.probes.registry import PROBES
from bot.probes.session import Plan, Session
from bot.safety.redact import Redactor
from tests.finding import pick
from tests.integration import servers
from tests.integration.servers import HEALTH, answers, of_json, plain, service, sockets

REVISION = "rev-2"


def plan(probes: Mapping[str, Mapping[str, Any]], **more: Any) -> Plan:
    made = {
        name: PROBES["journey" if "journey" in fields else "http"].model_validate(fields)
        for name, fields in probes.items()
    }
    rest: dict[str, Any] = {
        "logins": {},
        "identity": None,
        "redactor": Redactor(),
        "spec": "sha256:0",
        "vantage": "here",
    }
    return Plan(probes=made, seed=1, time=2.0, **(rest | more))


def subject(url: str, revision: str = REVISION) -> Subject:
    return Subject(service="chat", environment="test", revision=revision, url=url)


async def observed(tmp_path: Path, url: str, fields: Mapping[str, Any], **more: Any) -> Observation:
    session = Session(plan({"it": fields}, **more), subject(url), None, tmp_path)
    await session.correctness()
    run, _ = session.runs()
    assert Run.from_json(run.to_json()) == run
    for observation in run.observations:
        for check in observation.checks:
            assert check.evidence is None or (tmp_path / "candidate" / run.evidence[check.evidence].path).is_file()
    return run.observations[0]


def failed(observation: Observation) -> dict[str, str]:
    return {check.id: check.actual for check in observation.checks if not check.ok}


async def test_a_healthy_service_is_measured_with_evidence_and_shape(tmp_path: Path) -> None:
    async with service(HEALTH) as up:
        found = await observed(
            tmp_path, up.url, {"http": "GET /health", "expect": {"status": 200, "json": {"status": "healthy"}}}
        )
    assert found.state == "measured"
    assert [check.id for check in found.checks] == ["status", "json $.status"]
    assert found.checks[0].actual == "200 OK"
    assert found.facts[0].kind == "json-shape"
    assert found.facts[0].value["paths"]["$.status"]["types"] == ["string"]  # type: ignore[index,call-overload]
    assert found.reproduce == f"curl -sS -i -X GET {up.url}/health"
    assert [series.id for series in found.series] == ["latency"]
    assert found.series[0].samples == ()


GET: dict[str, Any] = {"http": "GET /it", "timeout": "300ms"}


@pytest.mark.parametrize(
    ("route", "fields", "check", "said"),
    [
        (answers(plain(500, b"boom")), {}, "status", "500 Internal Server Error"),
        (servers.never, {}, "status", "no answer within"),
        (servers.hangs_up, {}, "status", "the connection was closed before an answer came"),
        (servers.garbage, {}, "status", "what came is not HTTP"),
        (servers.endless, {}, "body", "it is longer than 8,388,608 bytes"),
        (servers.drip, {}, "body", "it had not ended after"),
        (servers.breaks_off, {}, "body", "it broke off after 4 bytes"),
        (answers(plain(200, b'{"a": NaN}', "application/json")), {}, "json", "NaN is not a JSON number"),
        (answers(plain(200, b"{", "application/json")), {"expect": {"json": {"a": 1}}}, "json", "not JSON"),
        (answers(plain(200, b"<html>", "text/html")), {"expect": {"json": {"a": 1}}}, "json", "not JSON"),
        (answers(of_json({"a": 2})), {"expect": {"json": {"a": 1}}}, "json $.a", "2"),
        (answers(of_json({})), {"expect": {"json": {"a": {"type": "integer"}}}}, "json $.a", "absent"),
        (answers(plain(302, b"", extra="location: /\r\n")), {}, "status", "302 Found"),
        (answers(plain(200, b"x")), {"expect": {"headers": {"X-Revision": "1"}}}, "header x-revision", "absent"),
        (answers(plain(200, b"bye")), {"expect": {"body": {"contains": "hello"}}}, "body", "bye"),
    ],
)
async def test_what_a_service_does_wrong_is_broken_and_said_in_words(
    tmp_path: Path, route: servers.Route, fields: dict[str, Any], check: str, said: str
) -> None:
    timeout = {servers.never: "300ms", servers.drip: "2s"}.get(route, "5s")
    async with service({"GET /it": route}) as up:
        found = await observed(tmp_path, up.url, GET | {"timeout": timeout} | fields)
    assert found.state == "broken"
    assert said in failed(found)[check]
    assert said in (found.reason or "")
    assert found.series == ()


async def test_a_closed_port_and_a_silent_one_are_told_apart(tmp_path: Path) -> None:
    refused = await observed(tmp_path, servers.unused_url(), GET)
    assert (refused.state, failed(refused)) == ("broken", {"status": "connection refused"})
    async with servers.silent() as url:
        hanging = await observed(tmp_path, url, GET)
    assert hanging.state == "broken"
    assert failed(hanging)["status"].startswith("no answer within")


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "http://169.254.169.254"])
@pytest.mark.parametrize("fields", [GET, {"journey": [{"websocket": "/ws"}]}], ids=["http", "websocket"])
async def test_what_is_not_the_services_fault_is_not_measured(
    tmp_path: Path, url: str, fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    found = await observed(tmp_path, url, fields)
    assert found.state == "not measured"
    assert found.reason
    assert found.remedy


async def test_a_probe_that_fails_by_our_own_fault_takes_no_other_with_it(tmp_path: Path) -> None:
    class Faulty(PROBES["http"]):  # type: ignore[misc]
        async def observe(self, name: str, context: object) -> Observation:
            raise ZeroDivisionError("ours")

    async with service(HEALTH) as up:
        made = plan({"fine": {"http": "GET /health"}})
        made = Plan(**{**vars(made), "probes": {"bad": Faulty(http="GET /health"), **made.probes}})
        session = Session(made, subject(up.url), None, tmp_path)
        await session.correctness()
    bad, fine = session.runs()[0].observations
    assert (bad.state, fine.state) == ("not measured", "measured")
    assert "ZeroDivisionError" in (bad.reason or "")


LOGIN = PasswordLogin.model_validate(
    {"http": "POST /auth/login", "json": {"email": "ana@example.com", "password": "hunter2-long"}, "token": "$.access"}
)


async def test_signing_in_happens_once_and_its_secrets_reach_no_file(tmp_path: Path) -> None:
    async def who(asked: servers.Asked, _writer: asyncio.StreamWriter) -> bytes:
        ok = asked.headers.get("authorization") == "Bearer opaque-token-1"
        return of_json({"you": asked.headers.get("authorization")}, 200 if ok else 401)

    routes = {"POST /auth/login": answers(of_json({"access": "opaque-token-1"})), "GET /me": who}
    async with service(routes) as up:
        made = plan(
            {name: {"http": "GET /me", "login": "user"} for name in "abcdef"},
            logins={"user": LOGIN},
            redactor=Redactor(["hunter2-long"]),
        )
        session = Session(made, subject(up.url), None, tmp_path)
        await session.correctness()
        run, _ = session.runs()
        assert sum(asked.target == "/auth/login" for asked in up.asked) == 1
    assert {observation.state for observation in run.observations} == {"measured"}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()) + run.to_json()
    assert b"opaque-token-1" not in kept
    assert b"hunter2-long" not in kept
    assert b"[redacted]" in kept


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (of_json({"detail": "no"}, 401), "401"),
        (of_json({"other": 1}), "no token at $.access"),
        (plain(200, b"<html>"), "not JSON"),
    ],
)
async def test_a_sign_in_that_fails_breaks_the_probes_that_need_it(tmp_path: Path, answer: bytes, said: str) -> None:
    async with service({"POST /auth/login": answers(answer)}) as up:
        found = await observed(tmp_path, up.url, {"http": "GET /me", "login": "user"}, logins={"user": LOGIN})
    assert found.state == "broken"
    assert list(failed(found)) == ["sign-in"]
    assert said in failed(found)["sign-in"]


HEADER = Identity.model_validate({"header": "x-revision"})
ROUTE = Identity.model_validate({"http": "GET /version", "json": "$.revision"})


@pytest.mark.parametrize("identity", [HEADER, ROUTE])
async def test_answers_of_another_revision_are_no_measurement(tmp_path: Path, identity: Identity) -> None:
    routes = {**HEALTH, "GET /version": answers(of_json({"revision": "rev-1"}))}
    async with service(routes, revision="rev-1") as up:
        fields = {"http": "GET /health"}
        session = Session(plan({"it": fields}, identity=identity), subject(up.url), None, tmp_path)
        await session.correctness()
        run, _ = session.runs()
        assert run.subject.identity == {"answered_by": {"rev-1": 1}}
        assert run.observations[0].state == "not measured"
        assert run.observations[0].reason == "answered by rev-1, not rev-2"
        session = Session(plan({"it": fields}, identity=identity), subject(up.url, "rev-1"), None, tmp_path)
        await session.correctness()
        assert session.runs()[0].observations[0].state == "measured"


GOLDEN = "agent_started agent_thinking* (tool_executing tool_completed)* agent_completed"
EVENTS = GOLDEN.replace("*", "").replace("(", "").replace(")", "").split()
TALK = {"websocket": "/ws", "send": {"type": "execute_agent"}, "events": GOLDEN, "within": "1s", "close": 1000}


async def test_a_golden_path_is_measured_from_creation_to_close(tmp_path: Path) -> None:
    heard: list[Any] = []

    async def talk(connection: ServerConnection) -> None:
        heard.append(json.loads(await connection.recv()))
        for event in EVENTS:
            await connection.send(json.dumps({"type": event, "thread": 7}))
        await connection.wait_closed()

    async with service({"POST /threads": answers(of_json({"id": 7}, 201))}) as http, sockets(talk) as url:
        thread = {"http": "POST /threads", "expect": {"status": 201}, "capture": {"thread": "$.id"}}
        assert (await observed(tmp_path, http.url, {"journey": [thread]})).state == "measured"
        socket = {**TALK, "send": {"type": "execute_agent", "text": "hello {unique}"}}
        found = await observed(tmp_path, url, {"journey": [socket]})
    assert heard[0]["text"].startswith("hello ")
    assert found.state == "measured"
    assert [check.id for check in found.checks] == ["step 1: handshake", "step 1: events", "step 1: close"]
    protocol = pick(found.facts, lambda fact: fact.kind == "protocol").value
    assert isinstance(protocol, dict)
    assert list(protocol["events"]) == sorted(EVENTS)  # type: ignore[arg-type]
    assert ["(start)", "agent_started", 1] in protocol["transitions"]  # type: ignore[operator]
    assert protocol["close"] == {"code": 1000, "by": "probe", "reason": ""}


@pytest.mark.parametrize(
    ("talk", "said"),
    [
        (servers.plays(*EVENTS[:2], code=1011), "closed by the service with 1011 (internal error): as planned"),
        (servers.plays(), "no answer within 1 s"),
        (servers.plays(*EVENTS[:2]), "not over within 1 s; after agent_thinking nothing more came"),
        (
            servers.plays("agent_started", "agent_completed", "agent_completed"),
            "came agent_completed, expected nothing",
        ),
        (servers.plays("agent_started", "tool_executing", "agent_completed"), "expected tool_completed"),
        (servers.plays("agent_started", code=4401), "4401 (the application's own)"),
    ],
)
async def test_conversations_that_go_wrong_are_told_apart(tmp_path: Path, talk: servers.Talk, said: str) -> None:
    async with sockets(talk) as url:
        found = await observed(tmp_path, url, {"journey": [TALK, {"http": "GET /never"}]})
    assert found.state == "broken"
    assert said in failed(found)["step 1: events"]
    assert (found.reason or "").endswith("; the step after it was not reached")
    assert "\n" not in (found.reason or "")
    assert not any(check.id.startswith("step 2") for check in found.checks)


async def test_a_socket_that_is_cut_is_nobodys_code(tmp_path: Path) -> None:
    async def cut(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.abort()

    async with sockets(cut) as url:
        found = await observed(tmp_path, url, {"journey": [TALK]})
    assert "cut off without a word (1006)" in failed(found)["step 1: events"]


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "403 Forbidden (credentials refused)"),
        (404, "404 Not Found (no such route)"),
        (503, "503 Service Unavailable (the service is not available)"),
        (200, "200 OK (an ordinary answer: there is no WebSocket here)"),
        (301, "a redirect to https://elsewhere.example/, which is not followed"),
    ],
)
async def test_a_refused_handshake_says_what_it_means(tmp_path: Path, status: int, said: str) -> None:
    def refuse(connection: ServerConnection, _request: Request) -> Response:
        response = connection.respond(status, "no")
        response.headers["Location"] = "https://elsewhere.example/"
        return response

    async with sockets(servers.plays(), refuse) as url:
        found = await observed(tmp_path, url, {"journey": [TALK]})
    assert said in failed(found)["step 1: handshake"]


async def test_handshakes_that_get_no_answer_are_told_apart(tmp_path: Path) -> None:
    found = await observed(tmp_path, servers.unused_url(), {"journey": [TALK]})
    assert failed(found) == {"step 1: handshake": "connection refused"}
    async with servers.silent() as url:
        found = await observed(tmp_path, url, {"journey": [TALK]})
    assert failed(found)["step 1: handshake"].startswith("no answer to the handshake within")
    async with service({"*": servers.hangs_up}) as up:
        found = await observed(tmp_path, up.url, {"journey": [TALK]})
    assert failed(found)["step 1: handshake"] == "the connection was closed during the handshake"


async def test_a_close_that_the_service_has_to_make_is_waited_for(tmp_path: Path) -> None:
    refusal = {"websocket": "/ws", "send": "hello", "events": "error", "close": 1008, "within": "1s"}
    async with sockets(servers.plays("error", code=1008)) as url:
        assert (await observed(tmp_path, url, {"journey": [refusal]})).state == "measured"
    async with sockets(servers.plays("error")) as url:
        found = await observed(tmp_path, url, {"journey": [refusal]})
    assert failed(found) == {"step 1: close": "it stayed open"}


@pytest.mark.parametrize(
    ("place", "expected"),
    [("header", "Bearer tok-12345"), ("query:token", "/ws?token=tok-12345"), ("subprotocol:bearer", "bearer")],
)
async def test_a_token_goes_where_the_service_wants_it(tmp_path: Path, place: str, expected: str) -> None:
    seen: list[str] = []

    async def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.extend([connection.request.path, *connection.request.headers.values(), str(connection.subprotocol)])
        await connection.wait_closed()

    login = PasswordLogin.model_validate({"http": "POST /in", "token": "$.t"})
    options: dict[str, Any] = {"subprotocols": ["bearer"]} if place.startswith("subprotocol") else {}
    step = {"websocket": "/ws", "login": "user", "token_in": place}
    async with service({"POST /in": answers(of_json({"t": "tok-12345"}))}) as http, sockets(talk, **options) as url:
        session = Session(plan({"it": {"journey": [step]}}, logins={"user": login}), subject(url), None, tmp_path)
        context = session._sides[0].context
        context.url = http.url
        await context.credential("user", 1.0)
        context.url = url
        await session.correctness()
    assert session.runs()[0].observations[0].state == "measured"
    assert expected in seen


def undecided(_candidate: Mapping[SeriesKey, Series], _baseline: Mapping[SeriesKey, Series]) -> Progress:
    return Progress(frozenset(), stop=False)


async def test_both_sides_are_sampled_in_the_same_rounds_and_a_slower_one_shows(tmp_path: Path) -> None:
    slow = {"GET /health": servers.slowly(of_json({"status": "healthy"}), 0.01)}
    looks: list[int] = []

    def watch(candidate: Mapping[SeriesKey, Series], baseline: Mapping[SeriesKey, Series]) -> Progress:
        looks.append(len(candidate["a", "latency"].samples))
        assert len(baseline["a", "latency"].samples) == looks[-1]
        return Progress(frozenset(), stop=looks[-1] >= 20)

    async with service(slow) as new, service(HEALTH) as old:
        made = plan({"a": {"http": "GET /health"}, "post": {"http": "POST /health"}})
        session = Session(made, subject(new.url), subject(old.url, "rev-1"), tmp_path)
        await session.correctness()
        await session.measure(watch)
        candidate, baseline = session.runs()
    assert baseline is not None
    after, before = candidate.observations[0].series[0], baseline.observations[0].series[0]
    assert looks == [5, 10, 15, 20]
    assert after.column("round") == before.column("round") == list(range(20))
    assert all(one != other for one, other in zip(after.column("order"), before.column("order"), strict=True))
    assert set(after.column("order")) == {0, 1}
    assert all(after.column("ok"))
    assert min(v for v in after.column("value") if isinstance(v, float)) >= 10
    assert candidate.observations[1].series == ()
    assert Run.from_json(candidate.to_json()) == candidate


async def test_a_failed_sample_is_a_row_that_says_so(tmp_path: Path) -> None:
    count = 0

    async def flaky(_asked: servers.Asked, _writer: asyncio.StreamWriter) -> bytes:
        nonlocal count
        count += 1
        return plain(503 if count % 4 == 0 else 200, b"")

    async with service({"GET /it": flaky}) as up:
        session = Session(plan({"it": {"http": "GET /it"}}, alone=12), subject(up.url), None, tmp_path)
        await session.correctness()
        await session.measure(undecided)
    series = session.runs()[0].observations[0].series[0]
    assert len(series.samples) == 12
    assert series.column("ok").count(False) == 3
    assert all(value is not None for value in series.column("value"))


async def test_a_service_that_is_killed_while_it_is_timed_is_broken_and_soon_given_up(tmp_path: Path) -> None:
    async with service(HEALTH) as up, service(HEALTH) as old:
        session = Session(plan({"it": {"http": "GET /health"}}), subject(up.url), subject(old.url), tmp_path)
        await session.correctness()

        def watch(candidate: Mapping[SeriesKey, Series], _baseline: Mapping[SeriesKey, Series]) -> Progress:
            up.kill()
            return Progress(frozenset(), stop=False)

        await session.measure(watch)
    run, against = session.runs()
    found = run.observations[0]
    assert found.state == "broken"
    assert failed(found)["answers while timed"].startswith("5 samples in a row failed; the last: status: expected 2xx")
    assert [row[3] for row in found.series[0].samples[-5:]] == [False] * 5
    assert len(found.series[0].samples) == 10  # one look at 5, and 5 without an answer
    assert against is not None
    assert against.observations[0].state == "measured"


async def test_an_interruption_leaves_what_was_seen_and_names_the_rest(tmp_path: Path) -> None:
    async with service({**HEALTH, "GET /slow": servers.never}) as up:
        made = plan({"quick": {"http": "GET /health"}, "slow": {"http": "GET /slow"}, "left": {"http": "GET /slow"}})
        session = Session(made, subject(up.url), None, tmp_path)
        work = asyncio.create_task(session.correctness())
        async with asyncio.timeout(60):
            while session.runs()[0].observations[0].state != "measured":
                await asyncio.sleep(0.02)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        run, _ = session.runs()
    assert [observation.state for observation in run.observations] == ["measured", "not measured", "not measured"]
    assert run.observations[1].reason == "interrupted before it was observed"


async def test_measuring_can_be_cancelled_at_once(tmp_path: Path) -> None:
    async with service({"GET /it": servers.slowly(plain(200, b""), 0.02)}) as up:
        session = Session(plan({"it": {"http": "GET /it"}}), subject(up.url), None, tmp_path)
        await session.correctness()
        work = asyncio.create_task(session.measure(undecided))
        async with asyncio.timeout(60):
            while not (seen := len(session.runs()[0].observations[0].series[0].samples)):
                await asyncio.sleep(0.02)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
    assert seen <= len(session.runs()[0].observations[0].series[0].samples) <= seen + 2  # what was under way


async def test_only_the_named_probes_are_observed(tmp_path: Path) -> None:
    async with service(HEALTH) as up:
        session = Session(
            plan({"a": {"http": "GET /health"}, "b": {"http": "GET /health"}}), subject(up.url), None, tmp_path
        )
        await session.correctness(only=["b"])
    assert [each.state for each in session.runs()[0].observations] == ["not measured", "measured"]


async def test_a_journey_can_be_timed(tmp_path: Path) -> None:
    async with sockets(servers.plays(*EVENTS, after=0.002)) as url:
        session = Session(plan({"it": {"journey": [TALK], "timed": True}}, alone=3), subject(url), None, tmp_path)
        await session.correctness()
        await session.measure(undecided)
    series = {each.id: each for each in session.runs()[0].observations[0].series}
    assert list(series) == ["duration", "step 1: handshake", "step 1: first event", "step 1: answer"]
    for each in series.values():
        assert len(each.samples) == 3
        assert all(each.column("ok"))


@pytest.mark.parametrize("identity", [HEADER, ROUTE])
async def test_a_timed_probe_whose_answers_name_nobody_is_not_timed(tmp_path: Path, identity: Identity) -> None:
    async with service(HEALTH) as nameless, service(HEALTH) as before:
        fields = {"http": "GET /health", "timed": True}
        old = subject(before.url, "rev-1")
        session = Session(plan({"it": fields}, identity=identity), subject(nameless.url), old, tmp_path)
        await session.correctness()
        await session.measure(lambda _new, _old: Progress(frozenset(), stop=True))
        run, against = session.runs()

    found = run.observations[0]
    assert found.series == ()
    assert found.reason is not None
    assert found.reason.startswith("which revision answered is not known: of ")
    assert against is not None
    assert against.observations[0].series != (), "a revision before `identity` was asked for can still be compared with"
