"""Steps that wait, repeat and branch: what they come to, under which ids, and in what time."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.probes.registry import PROBES
from tests.integration import servers
from tests.integration.sampled import sampled
from tests.integration.servers import Asked, answers, of_json, plain, service
from tests.integration.test_probes import failed, observed


def counting(give: Callable[[int], bytes]) -> servers.Route:
    """Answers by the number of the request, from 1 on."""
    count = 0

    async def route(_asked: Asked, _writer: Any) -> bytes:
        nonlocal count
        count += 1
        return give(count)

    return route


def done_at(wanted: int) -> Callable[[int], bytes]:
    return lambda number: of_json({"state": "done" if number >= wanted else "running", "number": number})


DONE = {"http": "GET /job", "expect": {"json": {"state": "done"}}}


async def test_a_wait_ends_when_its_condition_holds_and_captures_from_that_answer(tmp_path: Path) -> None:
    wait = {"wait": {"until": DONE, "every": "20ms", "within": "5s"}, "capture": {"number": "number"}}
    async with service({"GET /job": counting(done_at(4)), "GET /n/4": answers(of_json({}))}) as up:
        found = await observed(tmp_path, up.url, {"journey": [wait, {"http": "GET /n/{number}"}]})
    assert found.state == "measured"
    assert [(each.id, each.actual) for each in found.checks][:1] == [("step 1: until", "as expected after 4 tries")]
    assert found.checks[0].evidence


async def test_a_wait_that_is_in_vain_says_what_the_last_answer_lacked(tmp_path: Path) -> None:
    async with service({"GET /job": counting(done_at(1000))}) as up:
        began = time.perf_counter()
        found = await observed(
            tmp_path, up.url, {"journey": [{"wait": {"until": DONE, "every": "50ms", "within": "200ms"}}]}
        )
    assert time.perf_counter() - began < 5
    assert found.reason is not None
    assert found.reason.startswith("step 1 (wait until GET /job): not as expected within 200 ms, ")
    assert "json $.state: expected done, got running" in found.reason
    assert found.reproduce == f"curl -sS -i -X GET {up.url}/job"


async def test_a_wait_outlives_a_service_that_is_not_there_yet_but_not_a_refused_sign_in(tmp_path: Path) -> None:
    async def later(_asked: Asked, _writer: Any) -> bytes | None:
        return None if len(up.asked) < 3 else of_json({"state": "done"})

    async with service({"GET /job": later}) as up:
        found = await observed(tmp_path, up.url, {"journey": [{"wait": {"until": DONE, "every": "10ms"}}]})
    assert found.state == "measured"


async def test_a_plain_wait_takes_its_time_and_no_more_than_the_journey_has(tmp_path: Path) -> None:
    async with service(servers.HEALTH) as up:
        began = time.perf_counter()
        found = await observed(tmp_path / "1", up.url, {"journey": [{"wait": "150ms"}, {"http": "GET /health"}]})
        assert time.perf_counter() - began >= 0.15
        assert [check.id for check in found.checks] == ["step 2: status"]
        late = await observed(tmp_path / "2", up.url, {"journey": [{"wait": "5s"}], "timeout": "100ms"})
    assert "the time of the whole journey was over" in (late.reason or "")


async def test_how_long_a_wait_took_is_a_time_without_our_own_oversleeping(tmp_path: Path) -> None:
    fields = {"journey": [{"wait": {"until": DONE, "every": "20ms"}}], "timed": True}
    async with service({"GET /job": counting(lambda number: done_at(3)((number - 1) % 3 + 1))}) as up:
        samples = await sampled(tmp_path, up.url, fields)
    for each in samples:
        assert set(each) == {"duration", "step 1: until"}
        assert each["duration"].value == each["step 1: until"].value
        assert 40 <= (each["duration"].value or 0) < 500


async def test_a_repeat_has_the_same_ids_however_often_it_runs(tmp_path: Path) -> None:
    repeat = {
        "repeat": 10,
        "steps": [{"http": "GET /job", "capture": {"state": "state", "number": "number"}}],
        "until": {"state": "done", "number": {"min": 2}},
    }
    found = []
    for number in (2, 5):
        async with service({"GET /job": counting(done_at(number)), "GET /n": answers(of_json({}))}) as up:
            steps = [repeat, {"http": "GET /n", "query": {"n": "{number}"}}]
            found.append(await observed(tmp_path / str(number), up.url, {"journey": steps}))
            assert up.asked[-1].target == f"/n?n={number}"
    assert [each.state for each in found] == ["measured", "measured"]
    ids = [[check.id for check in each.checks] for each in found]
    assert (
        ids[0]
        == ids[1]
        == [
            "step 1: until",
            "step 1.1: status",
            "step 1.1: capture state",
            "step 1.1: capture number",
            "step 2: status",
        ]
    )
    assert [fact.id for fact in found[0].facts] == ["step 1.1: response", "step 2: response"]


async def test_a_repeat_stops_at_the_first_time_that_fails_and_says_which(tmp_path: Path) -> None:
    def third_fails(number: int) -> bytes:
        return plain(500, b"") if number % 3 == 0 else of_json({})

    steps = [{"repeat": 5, "steps": [{"http": "GET /it"}]}, {"http": "GET /never"}]
    async with service({"GET /it": counting(third_fails)}) as up:
        found = await observed(tmp_path, up.url, {"journey": steps})
    assert failed(found) == {"step 1.1: status": "500 Internal Server Error"}
    assert found.reason == (
        "step 1.1 (GET /it): status: expected 2xx, got 500 Internal Server Error (time 3 of 5);"
        " the step after it was not reached"
    )
    assert found.reproduce == f"curl -sS -i -X GET {up.url}/it"


async def test_a_repeat_that_never_comes_to_it_says_so(tmp_path: Path) -> None:
    repeat = {
        "repeat": 3,
        "every": "10ms",
        "steps": [{"http": "GET /job", "capture": {"state": "state"}}],
        "until": {"state": {"one_of": ["done", "failed"]}},
    }
    async with service({"GET /job": counting(done_at(1000))}) as up:
        found = await observed(tmp_path, up.url, {"journey": [repeat]})
        # it failed, so it was observed three times
        assert len(up.asked) == 9
    assert found.reason == (
        "step 1 (repeat until state): until: expected state: one of done, failed within 3 times, got state: running"
    )


async def test_a_timed_repeat_has_the_mean_of_its_times_and_their_sum(tmp_path: Path) -> None:
    wait = {"wait": {"until": {"http": "GET /it"}}}
    fields = {"journey": [{"repeat": 4, "steps": [wait]}], "timed": True}
    async with service({"GET /it": servers.slowly(of_json({}), 0.02)}) as up:
        (sample,) = await sampled(tmp_path, up.url, fields, planned=True, count=1)
    assert set(sample) == {"duration", "step 1.1: until"}
    assert sample["duration"].value == pytest.approx(4 * (sample["step 1.1: until"].value or 0))
    assert (sample["step 1.1: until"].value or 0) >= 20


def branches(**more: Any) -> dict[str, Any]:
    return {
        "parallel": {
            "one": [{"http": "GET /slow", "capture": {"a": "id"}}, {"http": "GET /after/{a}"}],
            "two": [{"http": "GET /slow", "capture": {"b": "id"}}],
            **more,
        }
    }


async def test_branches_go_on_at_the_same_time_and_share_what_they_captured(tmp_path: Path) -> None:
    under_way = most = 0

    async def slow(_asked: Asked, _writer: Any) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.1)
        under_way -= 1
        return of_json({"id": 7})

    routes = {"GET /slow": slow, "GET /after/7": answers(of_json({})), "GET /last/7": answers(of_json({}))}
    async with service(routes) as up:
        found = await observed(
            tmp_path / "1", up.url, {"journey": [branches(), {"http": "GET /last/{a}", "query": {"b": "{b}"}}]}
        )
        (sample,) = await sampled(
            tmp_path / "2", up.url, {"journey": [branches()], "timed": True}, planned=True, count=1
        )
    assert found.state == "measured"
    assert most == 2
    assert [check.id for check in found.checks] == [
        "step 1.one.1: status",
        "step 1.one.1: capture a",
        "step 1.one.2: status",
        "step 1.two.1: status",
        "step 1.two.1: capture b",
        "step 2: status",
    ]
    # at the same time: the whole took as long as the longer branch, and not as both together
    assert 100 <= (sample["duration"].value or 0) < 200


async def test_a_branch_that_fails_names_itself_and_holds_up_no_other(tmp_path: Path) -> None:
    async with service({"GET /slow": servers.slowly(of_json({"id": 7}), 0.05)}) as up:
        found = await observed(tmp_path, up.url, {"journey": [branches(bad=[{"http": "GET /gone"}])]})
    assert failed(found) == {
        "step 1.one.2: status": "404 Not Found",
        "step 1.bad.1: status": "404 Not Found",
    }
    assert found.reason == (
        "step 1.one.2 (GET /after/{a}): status: expected 2xx, got 404 Not Found; "
        "step 1.bad.1 (GET /gone): status: expected 2xx, got 404 Not Found"
    )
    assert "step 1.two.1: status" in {check.id for check in found.checks if check.ok}


async def test_branches_share_one_deadline(tmp_path: Path) -> None:
    async with service({"*": servers.never}) as up:
        began = time.perf_counter()
        fields = {
            "journey": [{"parallel": {"a": [{"http": "GET /a"}], "b": [{"http": "GET /b"}]}}],
            "timeout": "200ms",
        }
        found = await observed(tmp_path, up.url, fields)
    assert len(failed(found)) == 2
    assert time.perf_counter() - began < 4  # three tries


async def test_a_fault_of_ours_in_a_branch_says_nothing_of_the_service(tmp_path: Path) -> None:
    steps = [{"parallel": {"a": [{"http": "GET /a", "login": "nobody"}], "b": [{"http": "GET /b"}]}}]
    async with service({"*": answers(of_json({}))}) as up:
        found = await observed(tmp_path, up.url, {"journey": steps})
    assert found.state == "not measured"
    assert "no login 'nobody'" in (found.reason or "")


async def test_steps_inside_steps_inside_steps_have_their_places(tmp_path: Path) -> None:
    inner = {"parallel": {"a": [{"wait": "1ms"}, {"http": "GET /a"}], "b": [{"http": "GET /b"}]}}
    async with service({"*": answers(of_json({}))}) as up:
        found = await observed(tmp_path, up.url, {"journey": [{"repeat": 2, "steps": [inner]}]})
    assert [check.id for check in found.checks] == ["step 1.1.a.2: status", "step 1.1.b.1: status"]


GET = {"http": "GET /"}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([{"repeat": 0, "steps": [GET]}], "greater than or equal to 1"),
        ([{"repeat": 3, "steps": []}], "at least 1"),
        ([{"repeat": 3}], "Field required"),
        ([{"repeat": 3, "steps": [{"htp": "GET /"}]}], "a step has one of"),
        ([{"repeat": 3, "steps": [GET], "until": {}}], "names no captured value"),
        ([{"repeat": 3, "steps": [GET], "until": {"a": 1}}], "step 1 repeats until a is as expected, but nothing"),
        ([{"repeat": 3, "steps": [GET], "login": "x"}], "`login` belongs to the steps inside"),
        ([{"repeat": 3, "steps": [{"http": "GET /{a}"}]}], r"step 1.1 uses \{a\}, which no earlier step captures"),
        ([{"parallel": {"a": [GET]}}], "at least 2"),
        ([{"parallel": {"a": [GET], "b.c": [GET]}}], "match pattern"),
        ([{"parallel": {"a": [{**GET, "capture": {"x": "x"}}], "b": [{**GET, "capture": {"x": "y"}}]}}], "captures x"),
        (
            [{"parallel": {"a": [{**GET, "capture": {"x": "x"}}], "b": [{"http": "GET /{x}"}]}}],
            r"step 1.b.1 uses \{x\}, which no earlier step captures",
        ),
        ([{"wait": "ten"}], "is no duration"),
        ([{"wait": "1s", "capture": {"a": "a"}}], "nothing to capture"),
        ([{"wait": {"until": GET}, "login": "x"}], "belongs into `until`"),
        ([{"wait": {"until": {"http": "GET /{a}"}}}], r"step 1 uses \{a\}"),
    ],
)
def test_steps_that_make_no_sense_are_refused(steps: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PROBES["journey"].model_validate({"journey": steps})
