"""A failure is confirmed at once: three tries on each side, and more where they disagree."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.model import Check, Observation
from bot.probes import confirming
from bot.probes.registry import PROBES
from bot.probes.session import Plan, Session
from bot.safety.redact import Redactor
from tests.integration import servers
from tests.integration.servers import HEALTH, answers, plain, service
from tests.integration.test_measuring import subject


def plan(**fields: Any) -> Plan:
    probe = PROBES["http"].model_validate({"http": "GET /it", "timeout": "2s", **fields})
    return Plan({"it": probe}, {}, None, Redactor(), "sha256:0", "here", seed=1, time=2.0)


def now_and_then(*statuses: int) -> servers.Route:
    left = list(statuses)

    async def route(_asked: servers.Asked, _writer: asyncio.StreamWriter) -> bytes:
        return plain(left.pop(0) if len(left) > 1 else left[0], b"")

    return route


def counts(check: Check) -> tuple[int | None, int | None, bool]:
    return check.tries, check.failures, check.ok


async def test_a_failure_is_confirmed_three_times_on_both_sides(tmp_path: Path) -> None:
    routes = {"GET /it": answers(plain(500, b"boom"))}
    async with service(routes) as up, service({"GET /it": answers(plain(200, b""))}) as old:
        session = Session(plan(), subject(up.url), subject(old.url), tmp_path)
        await session.correctness()
        run, against = session.runs()
        assert (len(up.asked), len(old.asked)) == (3, 3)
    assert against is not None
    broken, held = run.observations[0], against.observations[0]
    assert (broken.state, held.state) == ("broken", "measured")
    assert counts(broken.checks[0]) == (3, 3, False)
    assert counts(held.checks[0]) == (3, 0, True)
    assert broken.checks[0].evidence in run.evidence


async def test_one_that_fails_now_and_then_is_tried_ten_times(tmp_path: Path) -> None:
    async with (
        service({"GET /it": now_and_then(500, 200, 500, 200)}) as up,
        service({"GET /it": answers(plain(200, b""))}) as old,
    ):
        session = Session(plan(), subject(up.url), subject(old.url), tmp_path)
        await session.correctness()
        run, against = session.runs()
    assert against is not None
    check = run.observations[0].checks[0]
    assert run.observations[0].state == "broken"
    assert counts(check) == (10, 2, False)
    assert check.actual == "500 Internal Server Error"
    assert counts(against.observations[0].checks[0]) == (10, 0, True)


async def test_what_holds_and_what_is_asked_for_by_name_is_observed_once(tmp_path: Path) -> None:
    async with service({"GET /it": answers(plain(500, b""))}) as up, service(HEALTH) as old:
        session = Session(plan(), subject(up.url), None, tmp_path)
        await session.correctness(only=["it"])
        assert len(up.asked) == 1
        session = Session(plan(http="GET /health"), subject(old.url), subject(up.url), tmp_path)
        await session.correctness()
        assert (len(old.asked), len(up.asked)) == (1, 2)
        run, _ = session.runs()
    assert counts(run.observations[0].checks[0]) == (None, None, True)


async def test_what_takes_too_long_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confirming, "TOO_LONG", 0.2)
    async with service({"GET /it": servers.never}) as up:
        session = Session(plan(timeout="400ms"), subject(up.url), None, tmp_path)
        await session.correctness()
        assert len(up.asked) == 1
    assert session.runs()[0].observations[0].state == "broken"


def observation(state: Any, *checks: Check) -> Observation:
    return Observation(probe="it", kind="http", title="it", state=state, checks=checks)


def check(name: str, *, ok: bool, actual: str = "") -> Check:
    return Check(id=name, ok=ok, expected="", actual=actual)


def test_checks_are_counted_by_the_observations_that_made_them() -> None:
    made = [
        observation("measured", check("status", ok=True), check("body", ok=True)),
        observation("broken", check("status", ok=False, actual="503")),
        observation("broken", check("status", ok=True), check("body", ok=False, actual="no")),
    ]
    found = confirming.combined(made)
    assert found.state == "broken"
    assert [(each.id, each.tries, each.failures, each.actual) for each in found.checks] == [
        ("status", 3, 1, "503"),
        ("body", 2, 1, "no"),
    ]
    assert confirming.combined(made[:1]) == made[0]
