"""The whole pipeline on a real service with sockets: what users get while traffic moves, by every strategy."""

import re
from pathlib import Path

import pytest

from bot import pipeline, proof, report, spec
from bot.baseline.directory import DirectoryStore
from bot.deploy import process
from bot.deploy.target import Abilities, Deployed
from bot.model import Finding
from bot.outcome import Outcome, Request
from tests.integration.deploy.ground import Ground, name, serves

SERVICE = """
import asyncio, os, signal, sys, time
from websockets.asyncio.server import serve

users = []

def answer(connection, request):
    path = request.path
    if path == "/ws":
        return SOCKET
    if path == "/users":
        users.append(time.monotonic())
    response = connection.respond(STATUS, os.environ["REVISION"])
    HEADER
    return response

async def talk(socket):
    await socket.wait_closed()

async def main():
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    async with serve(talk, "127.0.0.1", int(sys.argv[1]), process_request=answer, ping_interval=None) as server:
        await ended.wait()
        STOP

asyncio.run(main())
"""
NAMED = 'response.headers["x-revision"] = os.environ["REVISION"]'
SLOWLY = """await asyncio.sleep(0.4)
        await asyncio.gather(*(each.close(1012, "restart") for each in server.connections))"""
DROPS = "os._exit(0)"
SPEC = """version: 1
service: shop
environment: test
deploy:
  process: {command: "{python} service.py {port}", ready: /ready, keep: true}
  strategy: STRATEGY
identity: {header: x-revision}
probes:
  health: {http: GET /health, timed: false, expect: {status: 200}}
  socket: {journey: [{websocket: /ws, idle: 50ms, close: 1000}]}
judge: {time: 2s}
"""
USERS = "http: GET /users, before: 400ms, after: 400ms, sockets: 4, resume: 30s"
"""Only the watch asks for `/users`, so that a revision knows its users. What is short lasts until enough was seen."""
QUICK = f"starts: 0, watch: {{{USERS}, rate: 60}}"
STEPS = f"pause: 1s, starts: 0, watch: {{{USERS}, rate: 150}}"
"""A share takes many answers to be told."""


def service(
    stop: str = SLOWLY, status: str = "200", header: str = NAMED, socket: str = "None", more: str = "# another\n"
) -> str:
    """The source of a revision: how it stops, what it answers, whether it says who it is, and whether sockets may open.

    `path` is what is asked for, and `users` are the times at which users did.
    """
    parts = {"STOP": stop, "STATUS": status, "HEADER": header, "SOCKET": socket}
    source = SERVICE
    for part, text in parts.items():
        source = source.replace(part, text)
    return source + more


FIRST = service(more="")
UNFIT = service(status="503 if path == '/health' else 200")
"""It is ready, and its probe fails."""


class Shop:
    """A repository with a service, and the pipeline that deploys it."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.logged: list[str] = []

    async def serve(self, source: str = FIRST) -> str:
        """Have a revision serve that nobody has proven: its commit."""
        target, commit = self.stated("{}").target, self.ground.commit(source)
        assert target is not None
        async with target.open(self.ground.context()) as deployer:
            deployed = await deployer.deploy(commit)
            assert deployed.observation.state == "measured", deployed.observation.reason
            await deployer.promote(100)
            await deployer.settle()
        return commit

    def stated(self, strategy: str) -> spec.Spec:
        return spec.parse(SPEC.replace("STRATEGY", strategy).encode(), "stability.yml", {})

    async def prove(
        self, source: str, strategy: str, again: str | None = None, *, hands_over: bool = True
    ) -> tuple[str, Outcome]:
        """Commit a revision, or take one `again`, and prove it: its commit, and what came of it."""
        commit = again or self.ground.commit(source)
        request = Request(
            spec=self.stated(strategy),
            commit=commit,
            repository=self.ground.repository,
            out=self.ground.folder / "out" / commit[:7],
            state=self.ground.state,
            store=DirectoryStore(self.ground.folder / "kept", "shop", "test"),
            vantage="here",
            hands_over=hands_over,
        )
        outcome = await pipeline.run(request, self.logged.append)
        assert proof.verify(outcome.proof).differences == ()
        return commit, outcome

    @property
    def public(self) -> str:
        """The users' URL."""
        from bot.deploy import state

        memory = state.read(self.ground.home)
        assert memory is not None
        assert memory.front is not None
        return f"http://127.0.0.1:{memory.front.port}"

    def assert_alone(self, commit: str) -> None:
        """This revision serves, and nothing else is left."""
        assert serves(self.public) == name(commit)
        assert self.ground.revisions() == self.ground.trees() == [name(commit)]


@pytest.fixture
def shop(ground: Ground) -> Shop:
    return Shop(ground)


def found(outcome: Outcome, item: str) -> Finding:
    """The finding of this id."""
    known = {each.id: each for each in outcome.verdict.findings}
    assert item in known, f"no {item}: {told(outcome)}"
    return known[item]


def told(outcome: Outcome) -> str:
    """Everything that is said of the bot's own acts, for whoever reads a failed test."""
    own = [each for each in outcome.verdict.findings if each.probe in ("deploy", "rollout", "drill", "rollback")]
    lines = [f"{each.id}: {each.status}, {each.after}; {each.reason}" for each in own]
    return "\n".join([*outcome.verdict.rules, *lines])


def items(outcome: Outcome, probe: str) -> dict[str, str]:
    """What is said of the bot's own acts: item to status."""
    return {each.item: each.status for each in outcome.verdict.findings if each.probe == probe}


async def test_a_first_revision_gets_all_the_users_once_it_is_ready(shop: Shop) -> None:
    commit, outcome = await shop.prove(FIRST, "{starts: 1}")

    assert outcome.verdict.verdict == "first run"
    assert any("no previous revision" in line for line in shop.logged)
    assert items(outcome, "rollout") == {}
    assert items(outcome, "deploy")["cold start"] == "new"
    shop.assert_alone(commit)


async def test_sockets_that_are_closed_slowly_resume_and_no_request_is_lost(shop: Shop) -> None:
    await shop.prove(FIRST, "{starts: 0}")
    commit, outcome = await shop.prove(service(), f"{{{QUICK.replace('starts: 0', 'starts: 1')}}}")

    assert outcome.verdict.verdict == "stable", told(outcome)
    requests = found(outcome, "rollout/promotion: requests")
    assert re.fullmatch(r"0 of [\d,]+ requests failed; longest gap 0 ms", requests.after or "")
    sockets = found(outcome, "rollout/promotion: sockets")
    assert re.fullmatch(r"4 of 4 sockets closed with 1012 and resumed within [\d,]+ ms", sockets.after or "")
    assert sockets.status == "maintained"
    for when, whose in (("before", 0), ("100 %", 1), ("settled", 1)):
        traffic = found(outcome, f"rollout/promotion: traffic at {when}").after or ""
        assert re.fullmatch(r"all [\d,]+ answers came from (shop-\w+)", traffic)
        assert (traffic.endswith(name(commit))) == bool(whose)
    assert found(outcome, "rollout/read-back at 100 %").after == f"{name(commit)} has 100 %"
    assert "While traffic moved: 0 of " in report.text(outcome.verdict)
    assert "4 of 4 sockets closed with 1012" in report.comment(outcome.verdict)
    cold = found(outcome, "deploy/cold start").comparison
    assert cold is not None
    assert cold.before
    assert cold.after
    shop.assert_alone(commit)


async def test_sockets_that_are_dropped_are_said_to_be(shop: Shop) -> None:
    await shop.serve(service(DROPS, more=""))
    commit, outcome = await shop.prove(service(DROPS), f"{{{QUICK}}}")

    sockets = found(outcome, "rollout/promotion: sockets")
    assert (sockets.status, sockets.severity) == ("changed", "minor"), told(outcome)
    dropped = r"4 of 4 sockets dropped without a close frame \(1006\) and resumed within [\d,]+ ms"
    assert re.fullmatch(dropped, sockets.after or "")
    assert outcome.verdict.verdict == "stable"
    assert outcome.verdict.readiness == "approved with warnings"
    shop.assert_alone(commit)


async def test_shares_are_measured_at_each_step(shop: Shop) -> None:
    await shop.serve()
    commit, outcome = await shop.prove(service(), f"{{promote: [10, 50, 100], {STEPS}}}")

    assert outcome.verdict.verdict == "stable", told(outcome)
    for share in (10, 50):
        traffic = found(outcome, f"rollout/promotion: traffic at {share} %")
        assert traffic.status == "maintained"
        ours, of = re.fullmatch(r"(\d+) of (\d+) answers \([\d.]+ %\)", traffic.after or "").groups()  # type: ignore[union-attr]
        # evenly spread, so that it is nearly exact however few a busy machine has sent
        assert abs(int(ours) - int(of) * share / 100) <= max(3, 0.05 * int(of))
        assert found(outcome, f"rollout/read-back at {share} %").status == "maintained"
    assert items(outcome, "rollout")["at 50 %: socket"] == "new"
    shop.assert_alone(commit)


async def test_a_step_that_does_not_hold_takes_everything_back_at_once(shop: Shop) -> None:
    first = await shop.serve()
    bad, outcome = await shop.prove(
        service(status="500 if path == '/users' else 200"), f"{{promote: [10, 50, 100], {STEPS}}}"
    )

    assert outcome.verdict.verdict == "unstable"
    requests = found(outcome, "rollout/promotion: requests")
    assert requests.status == "broken"
    assert "status 500" in (requests.reason or "")
    steps = items(outcome, "rollout")
    assert "promotion: traffic at rollback" in steps
    assert "promotion: traffic at 50 %" not in steps
    assert found(outcome, "rollout/read-back at rollback").after == f"{name(first)} has 100 %"
    assert f"all {name(bad)}" not in report.text(outcome.verdict)
    assert items(outcome, "rollback")["previous revision serves"] == "new"
    assert found(outcome, "rollback/restored").comparison is not None
    assert re.search(rf"Rolled back to {name(first)}.*, restored in ", report.text(outcome.verdict))
    shop.assert_alone(first)


async def test_a_critical_probe_that_fails_once_there_are_users_takes_them_back(shop: Shop) -> None:
    first = await shop.serve()
    full = 'connection.respond(503, "full") if users else None'
    _, outcome = await shop.prove(service(socket=full), f"{{promote: [10, 100], {STEPS}}}")

    assert outcome.verdict.verdict == "unstable"
    assert "at 10 %: socket" in items(outcome, "rollout"), told(outcome)
    failed = found(outcome, "rollout/at 10 %: socket")
    assert (failed.status, failed.severity) == ("broken", "critical")
    assert "503" in (failed.after or "")
    assert found(outcome, "rollback/socket").after == "holds again"
    shop.assert_alone(first)


async def test_a_rollback_is_rehearsed_on_a_stable_candidate(shop: Shop) -> None:
    first = await shop.serve()
    commit, outcome = await shop.prove(service(), f"{{rollback: drill, {QUICK}}}")

    assert outcome.verdict.verdict == "stable", told(outcome)
    drill = items(outcome, "drill")
    assert {*drill} == {"previous revision serves", "health", "socket", "candidate comes up again", "restored"}
    rehearsed = rf"Rehearsed a rollback to {name(first)}: 2 of 2 probes hold there, restored in "
    assert re.search(rehearsed, report.text(outcome.verdict))
    assert found(outcome, "rollout/promotion: requests").status == "maintained"
    for when in ("drill 100 %", "drill", "100 %", "settled"):
        assert found(outcome, f"rollout/promotion: traffic at {when}").status == "maintained"
    for when in ("drill 100 %", "drill", "100 %"):
        assert found(outcome, f"rollout/read-back at {when}").status == "maintained"
    shop.assert_alone(commit)


async def test_a_target_without_shadow_is_watched_from_before_the_deploy(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await shop.serve()
    deploy = process._Deployer.deploy

    async def at_once(self: process._Deployer, commit: str | None) -> Deployed:
        deployed = await deploy(self, commit)
        await self.promote(100)
        return deployed

    monkeypatch.setattr(process._Deployer, "deploy", at_once)
    monkeypatch.setattr(process._Deployer, "abilities", Abilities(shadow=False))
    commit, outcome = await shop.prove(service(), f"{{{QUICK}}}")

    assert outcome.verdict.verdict == "stable", told(outcome)
    assert any("cannot keep users away" in line for line in shop.logged)
    before, after = (
        found(outcome, f"rollout/promotion: traffic at {when}").after or "" for when in ("before", "100 %")
    )
    assert before.endswith(name(first))
    assert after.endswith(name(commit))
    assert found(outcome, "rollout/read-back at 100 %").status == "maintained"
    assert found(outcome, "rollout/settling: sockets").status == "maintained"
    shop.assert_alone(commit)


async def test_an_unstable_candidate_in_shadow_never_has_users(shop: Shop) -> None:
    first = await shop.serve()
    bad, outcome = await shop.prove(UNFIT, f"{{{QUICK}}}")

    assert outcome.verdict.verdict == "unstable"
    assert bad not in (found(outcome, "rollout/rollback: traffic at before").after or "")
    assert found(outcome, "rollback/health").after == "holds again"
    shop.assert_alone(first)


async def test_the_same_commit_once_more_is_said_to_be_compared_with_itself(shop: Shop) -> None:
    first = await shop.serve()
    _, outcome = await shop.prove("", f"{{promote: [10, 100], {QUICK}}}", again=first)

    assert outcome.verdict.verdict == "stable", told(outcome)
    assert outcome.verdict.readiness == "approved"
    assert f"both revisions are called {name(first)}: it was compared with itself" in outcome.verdict.rules
    assert any("the candidate gets all of the traffic in one step" in line for line in shop.logged)
    assert {*items(outcome, "rollout")} >= {"promotion: requests", "promotion: sockets"}
    (traffic,) = (each for each in outcome.verdict.findings if "traffic" in each.item)
    assert re.fullmatch(rf"all [\d,]+ answers came from {name(first)}", traffic.after or "")
    assert "which of them it was is not known" in (traffic.reason or "")
    shop.assert_alone(first)


@pytest.mark.parametrize("rollback", ["manual", "never"])
async def test_without_shadow_a_person_may_decide(shop: Shop, rollback: str) -> None:
    first = await shop.serve()
    bad, outcome = await shop.prove(UNFIT, f"{{shadow: false, rollback: {rollback}, {QUICK}}}")

    assert outcome.exit_code == 1
    said = found(outcome, "rollback/probe")
    assert f"`rollback: {rollback}`" in (said.reason or "")
    assert f"to give it back to {name(first)}: stability-proof run --commit {first}" in (said.remedy or "")
    assert shop.ground.revisions() == [name(bad)]


async def test_an_inconclusive_candidate_in_shadow_gets_no_users(shop: Shop) -> None:
    first = await shop.serve()
    _, outcome = await shop.prove(service(header="pass"), f"{{{QUICK.replace('starts: 0', 'starts: 1')}}}")

    assert outcome.verdict.verdict == "inconclusive"
    assert "got no users" in (found(outcome, "rollout/probe").reason or "")
    shop.assert_alone(first)
    assert not [*Path(shop.ground.home / "trees").glob("*-fresh-*")]


async def test_a_revision_that_brings_the_header_is_told_from_one_that_had_none(shop: Shop) -> None:
    await shop.serve(service(header="pass", more=""))
    commit, outcome = await shop.prove(service(), f"{{promote: [50, 100], {STEPS}}}")

    assert found(outcome, "rollout/promotion: traffic at 50 %").status == "maintained", told(outcome)
    nameless = "came from a revision that does not name itself"
    assert nameless in (found(outcome, "rollout/promotion: traffic at before").after or "")
    shop.assert_alone(commit)


async def test_a_page_that_is_gone_once_users_come_is_a_request_that_was_lost(shop: Shop) -> None:
    first = await shop.serve()
    _, outcome = await shop.prove(service(status="404 if path == '/users' else 200"), f"{{{QUICK}}}")

    requests = found(outcome, "rollout/promotion: requests")
    assert requests.status == "broken", told(outcome)
    assert "status 404" in (requests.reason or "")
    shop.assert_alone(first)


LIMIT = "429 if path == '/users' and len(users) > 10 and users[-1] < users[-11] + 1 and users.pop() else 200"
"""Ten a second for all users together, which is less than is asked for on a slow machine as well."""


async def test_a_service_that_is_asked_too_often_is_not_blamed_and_not_praised(shop: Shop) -> None:
    await shop.serve(service(status=LIMIT, more=""))
    _, outcome = await shop.prove(service(status=LIMIT), f"{{{QUICK}}}")

    requests = found(outcome, "rollout/promotion: requests")
    assert requests.status == "not measured", told(outcome)
    assert "our own fault" in (requests.reason or "")
    assert outcome.verdict.verdict == "inconclusive"


async def test_a_rehearsal_gives_a_candidate_no_users_whatever_the_strategy_says(shop: Shop) -> None:
    first = await shop.serve()
    shop.logged.clear()
    for source in (service(), UNFIT):
        await shop.prove(source, f"{{shadow: false, rollback: never, {QUICK}}}", hands_over=False)
        shop.assert_alone(first)
    assert not any(line.startswith("promoting") for line in shop.logged)
