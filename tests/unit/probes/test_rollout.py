"""What is watched where the spec does not say it, and how requests are counted."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model import Subject
from bot.probes.identity import Identity
from bot.probes.probe import Probe
from bot.probes.registry import PROBES
from bot.probes.rollout import watch
from bot.probes.rollout.phases import Move, Names, phase_of, phases
from bot.probes.rollout.requests import Sent, with_refusals
from bot.probes.rollout.settings import Watch
from bot.probes.rollout.watch import FEWEST, RolloutWatch, _longest_gap
from bot.safety.redact import Redactor

ROUTE = Identity.model_validate({"http": "GET /version"})


def probes(*fields: dict[str, Any]) -> dict[str, Probe]:
    kinds = ("journey" if "journey" in each else "http" for each in fields)
    return {
        f"p{number}": PROBES[kind].model_validate(each)
        for number, (kind, each) in enumerate(zip(kinds, fields, strict=True))
    }


@pytest.mark.parametrize(
    ("watch", "identity", "fields", "line"),
    [
        ({}, None, [{"http": "POST /a"}, {"http": "GET /b", "login": "user"}, {"http": "GET /c"}], "GET /c"),
        ({}, None, [{"http": "GET /a?x={unique}"}, {"http": "HEAD /d"}], "HEAD /d"),
        ({}, ROUTE, [{"http": "GET /c"}], "GET /version"),
        ({"http": "GET /e"}, ROUTE, [{"http": "GET /c"}], "GET /e"),
        ({}, None, [{"http": "POST /a"}], None),
    ],
)
def test_the_request_is_one_that_only_reads(watch: Any, identity: Any, fields: Any, line: str | None) -> None:
    assert Watch.model_validate(watch).line(probes(*fields), identity) == line


@pytest.mark.parametrize(
    ("watch", "fields", "path"),
    [
        ({}, [{"http": "GET /"}, {"journey": [{"http": "GET /"}, {"websocket": "/ws", "login": "user"}]}], "/ws"),
        ({}, [{"journey": [{"parallel": {"a": [{"websocket": "/in"}], "b": [{"wait": "1s"}]}}]}], "/in"),
        (
            {},
            [{"journey": [{"http": "GET /", "capture": {"id": "$.id"}}, {"websocket": "/ws/{id}"}]}],
            None,
        ),
        ({"websocket": "/live"}, [{"journey": [{"websocket": "/ws"}]}], "/live"),
        ({"sockets": 0}, [{"journey": [{"websocket": "/ws"}]}], None),
        ({}, [{"http": "GET /"}], None),
    ],
)
def test_sockets_are_those_whose_path_is_known_beforehand(watch: Any, fields: Any, path: str | None) -> None:
    step = Watch.model_validate(watch).step(probes(*fields))

    assert (step and step.websocket) == path


times = st.floats(0, 10, allow_nan=False)


@given(st.lists(times, min_size=1, max_size=9), times, st.none() | times)
def test_each_request_is_in_one_part_of_the_time(starts: list[float], planned: float, took: float | None) -> None:
    found = phase_of(Sent(planned, took, None, None), starts)

    assert 0 <= found < len(starts)


@given(st.floats(0, 0.99), st.floats(0, 3))
def test_a_request_that_was_not_over_when_traffic_moved_is_of_the_move(planned: float, took: float) -> None:
    found = phase_of(Sent(planned, took, None, None), [0.0, 1.0, 2.0])

    assert found == (1 if planned + took >= 1.0 else 0)


@given(st.lists(st.booleans(), max_size=40))
def test_the_longest_gap_is_from_the_first_lost_request_to_the_next_answer(lost: list[bool]) -> None:
    gap = _longest_gap([Sent(float(at), None, None, "closed" if each else None) for at, each in enumerate(lost)])

    runs = "".join("x" if each else " " for each in lost).split(" ")
    ended = [len(run) for run in runs[:-1]] + [max(0, len(runs[-1]) - 1)]
    assert gap == 1000.0 * max(ended)


@pytest.mark.parametrize(
    ("before", "after", "lost"),
    [
        ([200, 204], [404, 200], ["status 404", None]),
        ([200, 302], [401, 403], ["status 401", "status 403"]),
        ([401, 401], [404, 200], [None, None]),  # it is refused as a rule: nobody knows who we are
        ([], [404], [None]),
    ],
)
def test_a_refusal_is_a_request_that_was_lost_where_nobody_was_refused_before(
    before: list[int], after: list[int], lost: list[str | None]
) -> None:
    statuses = [*((0.0, each) for each in before), *((1.0, each) for each in after)]
    sent = with_refusals([Sent(at, 0.01, None, None, status=each) for at, each in statuses], 1.0)

    assert [each.lost for each in sent] == [*[None] * len(before), *lost]


def test_what_a_limit_refused_before_forgives_nothing_after() -> None:
    limited = Sent(0.0, 0.01, None, "status 429", ours=True, status=429)
    sent = with_refusals(
        [limited, Sent(0.1, 0.01, None, None, status=200), Sent(1.0, 0.01, None, None, status=404)], 1.0
    )

    assert sent[-1].lost == "status 404"


def subject(revision: str, commit: str | None) -> Subject:
    return Subject(service="shop", environment="test", revision=revision, commit=commit, url="http://127.0.0.1:1")


HEADER = Identity.model_validate({"header": "x-revision"})
FIRST, SECOND = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("candidate", "previous", "who", "counted"),
    [
        (("shop-2", SECOND), ("shop-1", FIRST), ["shop-2", "shop-1", None], (1, {"shop-1": 1}, {}, 1)),
        (("shop-2", SECOND), ("shop-1", FIRST), [SECOND[:7], FIRST], (1, {FIRST: 1}, {}, 0)),
        (("shop-1", FIRST), ("shop-1", FIRST), ["shop-1", "shop-0"], (0, {"shop-0": 1}, {"shop-1": 1}, 0)),
        # the platform has two names, and the service says its commit: it is both revisions'
        (("shop-2", FIRST), ("shop-1", FIRST), [FIRST, FIRST], (0, {}, {FIRST: 2}, 0)),
        (("shop-2", FIRST), ("shop-1", FIRST), ["shop-2", "shop-1"], (1, {"shop-1": 1}, {}, 0)),
        (("shop-1", None), ("shop-1", None), ["shop-1"], (0, {}, {"shop-1": 1}, 0)),
    ],
)
def test_an_answer_is_the_candidates_only_where_nobody_else_goes_by_its_name(
    candidate: Any, previous: Any, who: Any, counted: Any
) -> None:
    names = Names(HEADER, subject(*candidate), subject(*previous))

    told = names.counted(who, Redactor())
    assert tuple(told[key] for key in ("candidate", "others", "shared", "unnamed")) == counted
    assert names.same_commit == (candidate[1] is not None and candidate[1] == previous[1])


def test_without_identity_nobody_is_counted() -> None:
    names = Names(None, subject("shop-2", None), subject("shop-1", None))

    assert names.unknown == "the spec has no `identity`"
    assert names.counted(["shop-2", None], Redactor()) == {"candidate": 0, "others": {}, "shared": {}, "unnamed": 0}


def test_of_the_time_after_a_move_that_failed_nobody_knows_the_share() -> None:
    moves = [Move("before", 0, 0.0, 0.0), Move("50 %", None, 1.0, 2.0), Move("rollback", 0, 3.0, 4.0)]
    sent = [Sent(at / 10, 0.01, "shop-1", None, status=200) for at in range(50)]
    found: Any = phases(moves, sent, 0.0, Names(HEADER, subject("shop-2", None), subject("shop-1", None)), Redactor())

    assert [(each["name"], each["share"]) for each in found] == [
        ("before", 0),
        ("50 %", None),
        ("50 %", None),
        ("rollback", None),
        ("rollback", 0),
    ]
    assert sum(each["sent"] for each in found) == len(sent)


def watching(*sent: Sent) -> RolloutWatch:
    """A watch of which so much has come back."""
    made = object.__new__(RolloutWatch)
    made.settings = Watch()
    made._moves = [Move("before", 0, 0.0, 0.0)]
    made._stream = SimpleNamespace(sent=[*sent])  # type: ignore[assignment]
    return made


ANSWER, LOST = Sent(1.0, 0.01, "shop-1", None, status=200), Sent(1.0, None, None, "closed")


@pytest.mark.parametrize(
    ("sent", "more"),
    [
        ([], [ANSWER] * FEWEST),
        ([ANSWER] * (FEWEST - 1), [ANSWER]),
        ([ANSWER._replace(ours=True, lost="status 429")] * FEWEST, [LOST]),
        ([ANSWER._replace(planned=-1.0)] * FEWEST, [LOST]),  # it was before the last move
    ],
)
async def test_a_time_lasts_until_enough_was_seen_or_a_request_was_lost(
    monkeypatch: pytest.MonkeyPatch, sent: list[Sent], more: list[Sent]
) -> None:
    monkeypatch.setattr(watch, "LONGEST", 1e6)
    made = watching(*sent)
    dwelling = asyncio.create_task(made.dwell(0.01))
    await asyncio.sleep(0.1)

    assert not dwelling.done()
    made._stream.sent += more  # type: ignore[union-attr]
    await dwelling


async def test_a_time_does_not_last_for_ever() -> None:
    began = time.perf_counter()
    await watching().dwell(0.01)

    assert time.perf_counter() - began >= 0.09
    await watching(*[ANSWER] * FEWEST).dwell(0.01)
