"""A revision is deployed as a process, put on trial, taken back or accepted; and nothing is left of it."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from bot.deploy import processes
from bot.deploy.recovery import recover
from bot.model.errors import DeployError
from tests.finding import pick
from tests.integration.deploy import ground as lie
from tests.integration.deploy.ground import Ground, Stream, ask, name, promoted, serves, target

NEVER = "the command was never started:"


async def settled(ground: Ground, commit: str, **keys: object) -> str:
    """Deploy and accept; the public URL."""
    async with target(**keys).open(ground.context()) as deployer:
        await deployer.previous(None)
        deployed = await promoted(deployer, commit)
        assert deployed.observation.state == "measured", deployed.observation
        await deployer.settle()
    return deployed.public_url


async def test_a_first_revision_is_deployed_measured_and_kept(ground: Ground) -> None:
    commit = ground.commit(lie.SERVES)

    async with target().open(ground.context()) as deployer:
        assert await deployer.previous(None) is None
        deployed = await promoted(deployer, "HEAD")
        assert serves(deployed.public_url) == serves(deployed.subject.url) == name(commit)
        await deployer.settle()

    assert (deployed.subject.revision, deployed.subject.commit) == (name(commit), commit)
    assert {check.id: (check.ok, check.actual) for check in deployed.observation.checks} == {
        "exit": (True, "it runs"),
        "ready": (True, "200"),
    }
    (start_up,) = deployed.observation.series
    ((_, took, _, ok),) = start_up.samples
    assert isinstance(took, float)
    assert 5 < took < 3000
    assert ok is True
    assert serves(deployed.public_url) == name(commit)
    assert ground.trees() == ground.revisions() == [name(commit)]


async def test_not_keeping_leaves_nothing(ground: Ground) -> None:
    ground.commit(lie.SERVES)

    url = await settled(ground, "HEAD", keep=False)

    assert serves(url) is None
    assert ground.running() == {}
    assert ground.trees() == []


async def test_a_settled_candidate_replaces_the_previous_revision(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    second = ground.commit(lie.SERVES)

    async with target().open(ground.context()) as deployer:
        previous = await deployer.previous(None)
        assert previous is not None
        assert previous.subject.revision == name(first)
        assert previous.observation.state == "measured"
        deployed = await promoted(deployer, second)
        assert deployed.public_url == url
        assert serves(url) == name(second)
        assert serves(previous.subject.url) == name(first), "it is kept up for the comparison and for a rollback"
        await deployer.settle()

    assert serves(url) == name(second)
    assert ground.trees() == ground.revisions() == [name(second)]


async def test_a_rollback_gives_the_url_back_and_stops_the_candidate(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    second = ground.commit(lie.SERVES)

    async with target().open(ground.context()) as deployer:
        await deployer.previous(None)
        await promoted(deployer, second)
        restored = await deployer.rollback()
        assert restored is not None
        assert restored.subject.revision == name(first)
        assert restored.observation.state == "measured"
        assert serves(url) == name(first)

    assert serves(url) == name(first)
    assert ground.trees() == ground.revisions() == [name(first)]


async def test_no_request_is_lost_by_switch_settling_and_rollback(ground: Ground) -> None:
    revisions = [ground.commit(lie.SERVES) for _ in range(3)]
    url = await settled(ground, revisions[0])

    async def through(commit: str, *, accept: bool) -> None:
        async with target().open(ground.context()) as deployer:
            await deployer.previous(None)
            await promoted(deployer, commit)
            await asyncio.sleep(0.1)
            await (deployer.settle() if accept else deployer.rollback())

    with Stream(url) as stream:
        await through(revisions[1], accept=True)
        await through(revisions[2], accept=False)
        await asyncio.sleep(0.1)

    assert stream.failed == []
    assert set(stream.answered) == {name(commit) for commit in revisions}
    assert sum(stream.answered.values()) > 100
    assert serves(url) == name(revisions[1])


@pytest.mark.parametrize(
    ("source", "check", "actual"),
    [
        (lie.CRASHES, "exit", "exit code 3: cannot find the database"),
        (lie.NEVER_READY, "ready", "503"),
        (lie.ACCEPTS_AND_IS_SILENT, "ready", "a connection, but no answer"),
        ("import time\ntime.sleep(600)\n", "ready", "nothing listens"),
    ],
    ids=["crashes at the start", "answers 503", "accepts and is silent", "never listens"],
)
async def test_a_candidate_that_never_gets_ready_never_gets_traffic(
    ground: Ground, source: str, check: str, actual: str
) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    ground.commit(source)

    with Stream(url, threads=1) as stream:
        async with target(within="3s").open(ground.context()) as deployer:
            await deployer.previous(None)
            deployed = await promoted(deployer, "HEAD")
            await deployer.settle()  # even somebody who accepts it gives it no traffic
            restored = await deployer.rollback()

    assert deployed.observation.state == "broken"
    failed = {each.id: each.actual for each in deployed.observation.checks if not each.ok}
    assert failed[check] == actual
    assert not deployed.observation.series, "it was never ready, so no start-up time was measured"
    assert restored is not None
    assert restored.subject.revision == name(first)
    assert stream.failed == []
    assert set(stream.answered) == {name(first)}
    assert ground.trees() == ground.revisions() == [name(first)]


@pytest.mark.parametrize(
    ("keys", "check", "actual"),
    [
        ({"command": "no-such-program {port}"}, "exit", f"{NEVER} No such file or directory: no-such-program"),
        ({"directory": "nowhere"}, "exit", f"{NEVER} the commit has no folder 'nowhere'"),
        ({"prepare": "no-such-program"}, "prepare", "was never started: No such file or directory: no-such-program"),
        ({"prepare": "{python} -c 'print(6 * 7); raise SystemExit(5)'"}, "prepare", "ended with exit code 5"),
        ({"prepare": "sleep 600", "prepare_within": "200ms"}, "prepare", "took longer than 200 ms"),
    ],
)  # fmt: skip
async def test_what_cannot_be_prepared_or_started_is_broken(
    ground: Ground, keys: dict[str, object], check: str, actual: str
) -> None:
    ground.commit(lie.SERVES)

    async with target(**keys).open(ground.context()) as deployer:
        deployed = await promoted(deployer, "HEAD")

    assert deployed.observation.state == "broken"
    assert {each.id: each.actual for each in deployed.observation.checks}[check] == actual
    assert "it does not run" in {each.actual for each in deployed.observation.checks if each.id == "ready"}
    if "6 * 7" in str(keys):
        ((text, _),) = deployed.evidence.values()
        assert text == b"42\n"
    assert ground.running() == {}
    assert ground.trees() == []


async def test_prepare_is_run_in_the_work_tree_with_a_shared_cache(ground: Ground) -> None:
    program = "import sys, pathlib; pathlib.Path(sys.argv[1], 'wheel').touch(); pathlib.Path('built').touch()"
    (ground.repository / "built.sh").write_text(f'exec {sys.executable} -c "{program}" $1\n')
    ground.commit(lie.SERVES + "assert os.path.exists('built')")

    async with target(prepare="sh built.sh {cache}").open(ground.context()) as deployer:
        deployed = await promoted(deployer, "HEAD")
        await deployer.settle()

    assert [each.id for each in deployed.observation.checks if each.ok] == ["prepare", "exit", "ready"]
    assert (ground.home / "cache" / "wheel").exists()
    assert not (ground.repository / "built").exists(), "the user's checkout is not touched"


@pytest.mark.parametrize("source", [lie.HAS_CHILDREN, lie.IGNORES_SIGTERM], ids=["has children", "ignores SIGTERM"])
async def test_a_revision_is_stopped_with_all_that_it_started(ground: Ground, source: str) -> None:
    ground.commit(source)
    before = everything()

    async with target(keep=False).open(ground.context()) as deployer:
        await promoted(deployer, "HEAD")
        await asyncio.sleep(0.2)  # let the children get where they are going
        started = everything() - before
        began = time.monotonic()

    assert len(started) >= (5 if source == lie.HAS_CHILDREN else 2)
    assert not started & everything()
    assert time.monotonic() - began < 5, "leaving is bounded"


def everything() -> set[tuple[int, int]]:
    """The processes whose command or mark is of this test's making: python and what it waits with."""
    return {
        (row.pid, row.born)
        for row in processes._all()
        if (words := command_of(row.pid))
        and ("time.sleep(600)" in words or "service.py" in words or "front.py" in words)
    }


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


async def test_the_bots_own_secrets_are_not_inherited(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("GITHUB_TOKEN", "GH_TOKEN", "INPUT_GITHUB-TOKEN", "ACTIONS_RUNTIME_TOKEN", "STATE_x"):
        monkeypatch.setenv(variable, "not-for-a-service")
    monkeypatch.setenv("DATABASE_URL", "for-a-service")
    commit = ground.commit(lie.TELLS_ITS_ENVIRONMENT)
    prepare = "{python} -c 'import os; print(sorted(os.environ.items()))'"

    async with target(environment={"COLOUR": "blue"}, prepare=prepare).open(ground.context()) as deployer:
        deployed = await promoted(deployer, "HEAD")
        told = ask(deployed.subject.url)
        printed = b"".join(text for text, _ in deployed.evidence.values()).decode()
        _, front = pick(ground.running().items(), lambda each: each[0].startswith("front-"))
        environment = Path(f"/proc/{front[0]}/environ").read_text()

    assert "not-for-a-service" not in told + printed + environment
    for known in (f"('COMMIT', '{commit}')", f"('REVISION', '{name(commit)}')", "('COLOUR', 'blue')", "for-a-service"):
        assert known in told


async def test_what_a_revision_prints_is_kept_without_secrets(ground: Ground) -> None:
    ground.commit("import sys\nprint('x' * 70_000)\nsys.exit('the key is hunter-two-hunter')\n")

    async with target().open(ground.context()) as deployer:
        deployed = await promoted(deployer, "HEAD")

    ((digest, (text, media_type)),) = deployed.evidence.items()
    assert media_type == "text/plain"
    assert text.endswith(b"the key is [redacted]\n")
    assert len(text) <= 16_384
    exit_check = pick(deployed.observation.checks, lambda each: each.id == "exit")
    assert exit_check.evidence == digest
    assert exit_check.actual == "exit code 1: the key is [redacted]"
    assert "hunter-two" not in deployed.observation.to_json().decode()


async def test_the_previous_revision_is_brought_up_again_from_its_commit(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    second = ground.commit(lie.SERVES)

    async with target(keep=False).open(ground.context()) as deployer:
        previous = await deployer.previous(first)
        assert previous is not None
        assert previous.subject.commit == first
        assert previous.observation.series, "its start was measured as well"
        await promoted(deployer, second)
        restored = await deployer.rollback()
        assert restored is not None
        assert serves(restored.public_url) == name(first)


async def test_a_previous_revision_that_was_killed_is_brought_up_again_where_it_was(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    for pids in ground.running().values():  # as if the machine had been started anew: the front is gone too
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
    await asyncio.sleep(0.05)

    async with target().open(ground.context()) as deployer:
        previous = await deployer.previous(None)
        assert previous is not None
        assert previous.subject.commit == first

    assert previous.public_url == url
    assert serves(url) == name(first)
    assert ground.trees() == ground.revisions() == [name(first)]


async def test_a_previous_revision_that_does_not_come_up_is_no_baseline(ground: Ground) -> None:
    bad = ground.commit(lie.CRASHES)
    good = ground.commit(lie.SERVES)

    async with target().open(ground.context()) as deployer:
        previous = await deployer.previous(bad)
        assert previous is not None
        assert previous.observation.state == "broken"
        assert await deployer.previous("0" * 40) is None
        deployed = await promoted(deployer, good)
        await deployer.settle()

    assert serves(deployed.public_url) == name(good)
    assert ground.trees() == ground.revisions() == [name(good)]
    assert any("cannot be brought up again" in line for line in ground.logged)


async def test_a_first_candidate_that_is_rolled_back_has_nothing_to_go_back_to_and_stays(ground: Ground) -> None:
    commit = ground.commit(lie.SERVES)

    async with target().open(ground.context()) as deployer:
        deployed = await promoted(deployer, commit)
        assert await deployer.rollback() is None

    assert serves(deployed.public_url) == name(commit)
    assert any("the candidate keeps it" in line for line in ground.logged)


async def test_a_previous_revision_that_dies_on_trial_is_brought_up_again_by_the_rollback(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    second = ground.commit(lie.SERVES)

    async with target().open(ground.context()) as deployer:
        previous = await deployer.previous(None)
        assert previous is not None
        await promoted(deployer, second)
        ask(previous.subject.url, "/crash")
        restored = await deployer.rollback()

    assert restored is not None
    assert serves(url) == restored.subject.revision == name(first)
    assert ground.trees() == ground.revisions() == [name(first)]


async def test_a_rollback_that_fails_says_so_and_takes_the_service_from_nobody(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    second = ground.commit(lie.SERVES)

    async with target(prepare="test ! -e {cache}/broken").open(ground.context()) as deployer:
        previous = await deployer.previous(None)
        assert previous is not None
        await promoted(deployer, second)
        (ground.home / "cache" / "broken").touch()
        ask(previous.subject.url, "/crash")
        with pytest.raises(
            DeployError, match=r"does not come up again: `prepare` .* the candidate keeps the public URL"
        ):
            await deployer.rollback()

    assert serves(url) == name(second)
    assert ground.trees() == ground.revisions() == [name(second)]


@pytest.mark.parametrize("end", [RuntimeError, asyncio.CancelledError])
async def test_leaving_before_settling_gives_the_url_back(ground: Ground, end: type[BaseException]) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    ground.commit(lie.IGNORES_SIGTERM)

    async def trial() -> None:
        async with target().open(ground.context()) as deployer:
            await deployer.previous(None)
            await promoted(deployer, "HEAD")
            raise end

    with Stream(url, threads=1) as stream, pytest.raises(end):
        await trial()

    assert stream.failed == []
    assert serves(url) == name(first)
    assert ground.trees() == ground.revisions() == [name(first)]


@pytest.mark.parametrize("again", [0, 3])
async def test_cancelling_at_any_moment_finishes_the_cleaning(ground: Ground, again: int) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    second = ground.commit(lie.NEVER_READY)

    async def trial() -> None:
        async with target(within="30s", prepare="sleep 0.1").open(ground.context()) as deployer:
            await deployer.previous(None)
            await promoted(deployer, second)

    for moment in (0.02, 0.06, 0.12, 0.3):
        task = asyncio.ensure_future(trial())
        await asyncio.sleep(moment)
        for _ in range(again + 1):
            task.cancel()
            await asyncio.sleep(0.005)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert serves(url) == name(first)
        assert ground.trees() == ground.revisions() == [name(first)]


async def test_two_bots_do_not_deploy_at_once(ground: Ground) -> None:
    ground.commit(lie.SERVES)

    async with target().open(ground.context()):
        with pytest.raises(DeployError, match="another deploy of this service is under way"):
            async with target().open(ground.context()):
                pass
        with pytest.raises(DeployError, match="another deploy of this service is under way"):
            await recover(ground.state)
        async with target().open(ground.context(service="bakery")):
            pass


async def test_names_that_share_a_hyphen_share_nothing(ground: Ground) -> None:
    ground.commit(lie.SERVES)
    async with target().open(ground.context(service="a", environment="b-c")) as one:
        await promoted(one, "HEAD")
        await one.settle()
        async with target().open(ground.context(service="a-b", environment="c")) as other:
            assert await other.previous(None) is None
    await recover(ground.state)
    async with target(keep=False).open(ground.context(service="a", environment="b-c")):
        pass


@pytest.mark.parametrize(
    ("changes", "commit", "message"),
    [
        ({}, "no-such-commit", "git knows no commit 'no-such-commit'"),
        ({}, "--help", "git knows no commit '--help'"),
        ({"repository": Path("/dev/null")}, "HEAD", "/dev/null is not a git repository"),
        ({"repository": Path("/proc")}, "HEAD", "/proc is not a git repository"),
        ({"state": Path("/dev/null/x")}, "HEAD", "cannot be used: Not a directory"),
    ],
)
async def test_what_the_platform_refuses_is_an_error(
    ground: Ground, changes: dict[str, object], commit: str, message: str
) -> None:
    ground.commit(lie.SERVES)

    with pytest.raises(DeployError, match=message):
        async with target().open(ground.context(**changes)) as deployer:
            await promoted(deployer, commit)

    assert ground.running() == {}


async def test_without_git_nothing_is_deployed(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    ground.commit(lie.SERVES)
    monkeypatch.setenv("PATH", str(ground.folder))

    with pytest.raises(DeployError, match=r"git cannot be started: .*; install git"):
        async with target().open(ground.context()) as deployer:
            await promoted(deployer, "HEAD")


async def test_a_public_port_that_is_taken_is_an_error_before_anything_is_started(ground: Ground) -> None:
    ground.commit(lie.SERVES)
    taken = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]

    async with taken:
        with pytest.raises(DeployError, match=f"the public port {port} cannot be had: .*in use; stop what listens"):
            async with target(port=port).open(ground.context()) as deployer:
                await promoted(deployer, "HEAD")

    assert ground.running() == {}
    assert ground.trees() == []


async def test_a_public_port_that_the_spec_moves_is_moved(ground: Ground) -> None:
    first = ground.commit(lie.SERVES)
    url = await settled(ground, first)
    from bot.deploy import ports

    wanted = ports.free()
    async with target(port=wanted).open(ground.context()) as deployer:
        previous = await deployer.previous(None)

    assert previous is not None
    assert previous.public_url == f"http://127.0.0.1:{wanted}"
    assert serves(previous.public_url) == name(first)
    assert serves(url) is None


async def test_the_users_checkout_is_not_disturbed(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = ground.commit(lie.SERVES)
    hook = ground.repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {ground.folder}/hook-was-run\n")
    hook.chmod(0o755)
    (ground.repository / "service.py").write_text("work in progress")
    inside = ground.repository / ".state"
    before = lie.git(ground.repository, "status", "--porcelain", "--branch")
    monkeypatch.setenv("GIT_DIR", str(ground.folder))  # as when the bot is started by a hook of another repository

    async with target(keep=False).open(ground.context(state=inside)) as deployer:
        deployed = await promoted(deployer, commit)
        assert serves(deployed.public_url) == name(commit)

    monkeypatch.delenv("GIT_DIR")
    assert lie.git(ground.repository, "status", "--porcelain", "--branch") == before
    assert not (ground.folder / "hook-was-run").exists()
