"""Did we test anything? Routes with and without a credential, event types, and probes that saw nothing."""

from pathlib import Path
from typing import Any

import pytest

from bot.judge.judging import judge
from bot.judge.policy import Policy
from bot.model import Exercised, Fact, Run, Verdict
from bot.probes.logins.static import StaticLogin
from bot.probes.probe import Probe
from bot.probes.registry import PROBES
from bot.probes.session import Plan, Session
from bot.report import words
from bot.report.markdown import comment
from bot.safety.redact import Redactor
from tests.finding import pick
from tests.integration import servers
from tests.integration.servers import Asked, answers, of_json, plain, service, sockets
from tests.integration.test_probes import subject
from tests.unit import samples

TOKEN = "given-token-7"


async def me(asked: Asked, _writer: Any) -> bytes:
    return of_json({}, 200 if asked.headers.get("authorization") == f"Bearer {TOKEN}" else 401)


async def run_of(tmp_path: Path, url: str, **probes: dict[str, Any]) -> Run:
    made: dict[str, Probe] = {
        name: PROBES[pick(("journey", "refuses", "http"), fields.__contains__)].model_validate(fields)
        for name, fields in probes.items()
    }
    logins = {"user": StaticLogin.model_validate({"token": TOKEN})}
    plan = Plan(made, logins, None, Redactor(), "sha256:0", "here", 1, 1.0)
    session = Session(plan, subject(url), None, tmp_path)
    await session.correctness(only=[*made])
    return session.runs()[0]


def judged(run: Run, baseline: Run | None = None) -> Verdict:
    return judge(run, baseline, Policy(), run.spec)


WITH = {"http": "GET /me?page=1", "login": "user"}
BARE = {"http": "GET /me", "expect": {"status": [401, 403]}}


@pytest.mark.parametrize(
    ("probes", "said"),
    [
        ({"a": WITH}, "Exercised: 0 of 1 protected route also without a credential."),
        ({"a": WITH, "b": BARE}, "Exercised: 1 of 1 protected route also without a credential."),
        (
            {"a": {"refuses": {"http": "GET /me"}, "login": "user"}},
            "Exercised: 1 of 1 protected route also without a credential.",
        ),
        (
            {"a": WITH, "b": BARE, "c": {"http": "GET /gone", "login": "user"}},
            "Exercised: 1 of 2 protected routes with a credential; 1 of 2 also without a credential.",
        ),
        ({"a": {"http": "GET /me", "expect": {"status": 401}}}, ""),
        ({"a": {"http": "GET /open"}}, ""),
    ],
)
async def test_a_protected_route_counts_with_and_without_a_credential(
    tmp_path: Path, probes: dict[str, Any], said: str
) -> None:
    async with service({"GET /me": me, "GET /open": answers(of_json({}))}) as up:
        run = await run_of(tmp_path, up.url, **probes)
    verdict = judged(run)
    assert words.exercised(verdict) == said
    assert Verdict.from_json(verdict.to_json()) == verdict
    assert said in comment(verdict)


async def test_a_login_that_failed_still_leaves_its_route_to_be_counted(tmp_path: Path) -> None:
    run = await run_of(tmp_path, "http://no-such-host.invalid", a=WITH)
    assert run.observations[0].state == "not measured"
    assert words.exercised(judged(run)).startswith("Exercised: 0 of 1 protected route with a credential")


async def test_event_types_count_that_the_spec_names_or_the_baseline_saw(tmp_path: Path) -> None:
    step = {"websocket": "/ws", "send": "go", "events": "started thinking* (tool | done)", "within": "1s"}
    async with sockets(servers.plays("started", "done")) as url:
        run = await run_of(tmp_path, url, a={"journey": [step]})
    known = ("started", "thinking", "tool", "done")
    assert run.observations[0].exercised == Exercised(events=known)
    assert words.exercised(judged(run)) == "Exercised: 2 of 4 known event types (never seen: thinking, tool)."
    old = Fact(id="protocol", kind="protocol", value={"events": {"typing": {}, "(text)": {}}, "transitions": []})
    before = samples.run(samples.observation("a", facts=(old,)), spec=run.spec)
    assert words.exercised(judged(run, before)).endswith(
        "2 of 5 known event types (never seen: thinking, tool, typing)."
    )


@pytest.mark.parametrize("status", [401, 404])
@pytest.mark.parametrize("probe", [{"http": "GET /it"}, {"journey": [{"http": "GET /it"}, {"http": "POST /it"}]}])
async def test_a_probe_that_only_ever_saw_refusals_has_measured_nothing(
    tmp_path: Path, status: int, probe: dict[str, Any]
) -> None:
    def expecting(statuses: list[int]) -> dict[str, Any]:
        steps = probe.get("journey")
        expect = {"expect": {"status": statuses}}
        return {"journey": [{**step, **expect} for step in steps]} if steps else {**probe, **expect}

    async with service({"*": answers(plain(status, b"no"))}) as up:
        run = await run_of(tmp_path, up.url, a=expecting([200, 201, status]), b=expecting([status]))
    lenient, meant = run.observations
    assert lenient.state == "not measured"
    assert (lenient.reason or "").startswith(f"it only ever saw {status} ")
    assert (meant.state, meant.reason) == ("measured", None)
    assert judged(run).verdict == "inconclusive"


async def test_a_journey_that_saw_anything_else_is_measured(tmp_path: Path) -> None:
    lenient = {"http": "GET /gone", "expect": {"status": [200, 404]}}
    async with service({"GET /me": me}) as up:
        run = await run_of(tmp_path, up.url, a={"journey": [lenient, {"http": "GET /me", "login": "user"}]})
    assert run.observations[0].state == "measured"


def test_a_run_that_tells_nothing_has_the_verdict_that_it_always_had() -> None:
    verdict = judge(samples.run(), None, Policy(), "sha256:0")
    assert verdict.exercised is None
    assert b"exercised" not in verdict.to_json()
    assert words.exercised(verdict) == ""


def test_a_check_may_be_less_bad_than_its_probe_and_never_worse() -> None:
    checks = tuple(samples.check(name, ok=False, severity=name) for name in ("critical", "minor"))
    run = samples.run(samples.observation(state="broken", checks=checks))
    policy = {"health": {"kind": "http", "title": "Health", "severity": "major"}}
    found = judge(run, None, Policy.model_validate({"probes": policy}), run.spec).findings
    assert {each.item: each.severity for each in found} == {"critical": "major", "minor": "minor"}


DOCUMENT = {
    "openapi": "3.1.0",
    "paths": {
        "/items": {"get": {}, "post": {}, "parameters": []},
        "/items/{id}": {"get": {}, "delete": {}},
        "/items/latest": {"get": {}},
        "/me": {"get": {}},
    },
}


async def test_operations_of_an_openapi_document_are_counted_where_they_were_asked_and_answered(tmp_path: Path) -> None:
    routes = {
        "GET /openapi.json": answers(of_json(DOCUMENT)),
        "POST /items": answers(of_json({"id": 7}, 201)),
        "GET /items/7": answers(of_json({"id": 7})),
        "GET /items/latest": answers(of_json({"id": 7})),
        "GET /me": answers(plain(500, b"")),
    }
    journey = [
        {"http": "POST /items", "expect": {"status": 201}, "capture": {"item": "$.id"}},
        {"parallel": {"one": [{"http": "GET /items/{item}"}], "two": [{"http": "GET /items/latest?full=1"}]}},
    ]
    async with service(routes) as up:
        run = await run_of(
            tmp_path, up.url, api={"http": "GET /openapi.json"}, me={"http": "GET /me"}, items={"journey": journey}
        )
    verdict = judged(run)
    assert verdict.exercised is not None
    assert verdict.exercised.untouched == ("GET /items", "DELETE /items/{id}", "GET /me")
    assert "3 of 6 OpenAPI operations" in words.exercised(verdict)


async def test_a_request_for_the_one_is_none_for_whatever_may_stand_there(tmp_path: Path) -> None:
    routes = {"GET /openapi.json": answers(of_json(DOCUMENT)), "GET /items/latest": answers(of_json({}))}
    async with service(routes) as up:
        run = await run_of(tmp_path, up.url, api={"http": "GET /openapi.json"}, one={"http": "GET /items/latest"})
    verdict = judged(run)
    assert verdict.exercised is not None
    assert "GET /items/{id}" in verdict.exercised.untouched
    assert "GET /items/latest" not in verdict.exercised.untouched
