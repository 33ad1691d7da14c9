"""The target `docker`, on a real engine."""

import asyncio
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bot.deploy.docker import containers, engine, images
from bot.deploy.docker.recovery import recover_one
from bot.deploy.docker.target import DockerTarget
from bot.deploy.target import DeployContext, MayLosePrevious
from bot.model.errors import DeployError
from bot.recovering import NOTHING, recover
from bot.safety.redact import Redactor
from tests.end_to_end.docked import BASE, DOCKERFILE, Dock, asked, docker, gone
from tests.finding import pick

pytestmark = [pytest.mark.container, pytest.mark.timeout(120)]


class Pier:
    """A dock, and a bot at work on it."""

    def __init__(self, folder: Path) -> None:
        self.service = f"shop{secrets.token_hex(3)}"
        self.dock = Dock(folder / "repository", f"{self.service}@test")
        self.lines: list[str] = []
        self.context = DeployContext(
            self.service, "test", self.dock.folder, folder / "state", Redactor(("s3cret-word",)), self.lines.append
        )

    def target(self, **keys: Any) -> DockerTarget:
        return DockerTarget.model_validate({"front": BASE, "ready": "/", "within": "20s", **keys})

    def named(self, commit: str) -> str:
        return f"{self.service}-{commit[:7]}"

    def container(self, commit: str) -> dict[str, Any]:
        """The container of a revision, as the engine has it."""
        return pick(self.dock.containers(), lambda each: self.named(commit) in each["Name"])

    async def accepted(self, commit: str, **keys: Any) -> str:
        """Deploy a revision and accept it; the public address."""
        async with self.target(**keys).open(self.context) as deployer:
            deployed = await deployer.deploy(commit)
            assert deployed.observation.state == "measured", deployed.observation.reason
            await deployer.promote(100)
            await deployer.settle()
            return deployed.public_url


async def answers(public: str, revision: str) -> None:
    """Wait until users reach this revision; the test's own time is the limit."""
    while True:
        with suppress(OSError):
            if asked(public)[0] == revision:
                return
        await asyncio.sleep(0.05)


@pytest.fixture
def pier(tmp_path: Path) -> Iterator[Pier]:
    made = Pier(tmp_path)
    yield made
    made.dock.close()


async def test_a_candidate_is_beside_the_revision_that_serves_and_gets_its_share(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    async with pier.target(memory="64m").open(pier.context) as deployer:
        plan = await deployer.plan(second)
        assert (plan.candidate, plan.serving) == (pier.named(second), pier.named(first))
        previous = await deployer.previous(None)
        deployed = await deployer.deploy(second)
        assert previous is not None
        assert asked(previous.subject.url)[0] == asked(public)[0] == pier.named(first)
        assert asked(deployed.subject.url) == (pier.named(second), "pears ")
        await deployer.promote(10)
        assert await deployer.traffic() == {pier.named(second): 10, pier.named(first): 90}
        seen = [asked(public)[0] for _ in range(40)]
        assert seen.count(pier.named(second)) == 4
        described = await deployer.describe()
        assert described["memory bytes"] == 64 * 1024 * 1024
        assert described["digest"] == deployed.subject.image
        await deployer.promote(100)
        assert {asked(public)[0] for _ in range(5)} == {pier.named(second)}
        await deployer.settle()
    assert pier.dock.running() == {pier.named(second): "revision", "front": "front"}
    assert asked(public)[0] == pier.named(second)


async def test_whoever_leaves_before_it_is_accepted_gives_the_traffic_back(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    async with pier.target().open(pier.context) as deployer:
        await deployer.deploy(second)
        await deployer.promote(100)
    assert asked(public)[0] == pier.named(first)
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}
    assert pier.lines[-1] == f"{pier.named(second)} was never accepted: it is removed; {pier.named(first)} serves again"


async def test_a_rollback_starts_a_previous_revision_that_has_ended(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    async with pier.target().open(pier.context) as deployer:
        await deployer.deploy(second)
        await deployer.promote(100)
        old = pier.container(first)
        docker("kill", old["Id"])
        restored = await deployer.rollback()
        assert restored is not None
        assert restored.observation.state == "measured"
        assert asked(public)[0] == pier.named(first)
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}


HEALTH = "HEALTHCHECK --interval=1s --retries=1 CMD"


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        (f"FROM {BASE}\nRUN echo no room left for s3cret-word; exit 3\n", "its image cannot be built"),
        (f'FROM {BASE}\nCMD ["python3", "-c", "raise SystemExit(\'no s3cret-word\')"]\n', "it never became ready"),
        (f'FROM {BASE}\nCMD ["/no/such/s3cret-word"]\n', "no such file or directory"),
        (f"{DOCKERFILE}{HEALTH} echo no s3cret-word; exit 1\n", "unhealthy: no"),
    ],
    ids=["build", "crash", "command", "health"],
)
async def test_a_candidate_that_does_not_come_up_is_evidence_without_secrets(
    pier: Pier, dockerfile: str, said: str
) -> None:
    first = pier.dock.commit("apples")
    public = await pier.accepted(first)
    second = pier.dock.commit("pears", dockerfile)
    async with pier.target(within="8s").open(pier.context) as deployer:
        deployed = await deployer.deploy(second)
    assert deployed.observation.state == "broken"
    reason = deployed.observation.reason or ""
    assert said in reason.lower()
    assert "[redacted]" in reason
    assert "s3cret" not in deployed.observation.model_dump_json()
    assert all(b"s3cret" not in data for data, _ in deployed.evidence.values())
    assert asked(public)[0] == pier.named(first)
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}


async def test_what_a_previous_revision_says_of_its_health_is_without_secrets(pier: Pier) -> None:
    first = pier.dock.commit("apples", f"{DOCKERFILE}{HEALTH} test ! -e /ill || {{ echo no s3cret-word; exit 1; }}\n")
    await pier.accepted(first)
    docker("exec", pier.container(first)["Id"], "touch", "/ill")
    while pier.container(first)["State"]["Health"]["Status"] != "unhealthy":
        await asyncio.sleep(0.1)
    async with pier.target().open(pier.context) as deployer:
        for seen in (await deployer.previous(None), await deployer.rollback()):
            assert seen is not None
            assert seen.observation.reason == f"{pier.named(first)} is not ready: unhealthy: no [redacted]"
            assert "s3cret" not in seen.observation.model_dump_json()


async def test_a_killed_bot_is_made_good_by_the_next_one_from_what_the_engine_holds(pier: Pier, tmp_path: Path) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    killed = pier.target().open(pier.context)
    deployer = await killed.__aenter__()
    await deployer.deploy(second)
    await deployer.promote(50)
    # killed: nobody closes it, and the next job has another disk
    elsewhere = DeployContext(
        pier.service, "test", pier.dock.folder, tmp_path / "other", pier.context.redactor, pier.lines.append
    )
    async with pier.target().open(elsewhere) as fresh:
        assert {asked(public)[0] for _ in range(10)} == {pier.named(first)}
        assert await fresh.traffic() == {pier.named(first): 100}
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}
    assert f"{pier.named(second)} was never accepted" in pier.lines[0]


async def test_recover_asks_the_engine(pier: Pier, tmp_path: Path) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    killed = pier.target().open(pier.context)
    await (await killed.__aenter__()).deploy(second)
    spec = pier.dock.folder / "stability.yml"
    spec.write_text(
        f"version: 1\nservice: {pier.service}\nenvironment: test\n"
        f"deploy: {{docker: {{front: {BASE!r}, ready: /}}}}\nprobes: {{home: {{http: GET /}}}}\n"
    )
    lines = await recover(spec, tmp_path / "another", pier.dock.folder, {})
    assert lines == [f"{pier.named(second)} was never accepted: it is removed; {pier.named(first)} serves again"]
    assert asked(public)[0] == pier.named(first)
    assert await recover(spec, tmp_path / "another", pier.dock.folder, {}) == [NOTHING]


async def test_looking_at_what_was_never_deployed_leaves_nothing(pier: Pier) -> None:
    async with pier.target().open(pier.context) as deployer:
        assert await deployer.traffic() == {}
    assert pier.dock.containers() == []


async def test_only_an_accepted_revision_is_restarted_by_the_engine(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    await pier.accepted(first)
    async with pier.target().open(pier.context) as deployer:
        await deployer.deploy(second)
        policies = {
            each["Config"]["Labels"].get("dev.stability-proof.revision"): each["HostConfig"]["RestartPolicy"]["Name"]
            for each in pier.dock.containers()
        }
    assert policies[pier.named(first)] == "unless-stopped"
    assert policies[pier.named(second)] in ("", "no")  # one that crashes on trial must not look as if it had not


async def test_what_is_not_to_be_kept_leaves_nothing(pier: Pier) -> None:
    public = await pier.accepted(pier.dock.commit("apples"), keep=False)
    assert gone(public)
    assert pier.dock.containers() == []
    assert docker("network", "ls", "-q", "--filter", f"label=dev.stability-proof.service={pier.dock.owner}") == ""


async def test_a_container_that_nobody_remembers_is_swept_away(pier: Pier) -> None:
    await pier.accepted(pier.dock.commit("apples"))
    docker("run", "-d", "--label", f"dev.stability-proof.service={pier.dock.owner}", BASE, "sleep", "600")
    async with engine.opened() as connection:
        lines = await recover_one(connection, pier.dock.owner)
    assert len(lines) == 1
    assert lines[0].endswith("was left: it is removed")
    assert len(pier.dock.running()) == 2


async def test_cold_starts_are_timed_of_both_and_leave_nothing(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    await pier.accepted(first)
    async with pier.target().open(pier.context) as deployer:
        await deployer.deploy(second)
        before = len(pier.dock.containers())
        for took in (await deployer.fresh_start(), await deployer.fresh_start_of_previous()):  # type: ignore[attr-defined]
            assert took is not None
            assert 0 < took < 20
        assert len(pier.dock.containers()) == before


async def test_a_log_is_what_the_candidate_printed_without_secrets(pier: Pier) -> None:
    async with pier.target().open(pier.context) as deployer:
        deployed = await deployer.deploy(pier.dock.commit("apples"))
        asked(deployed.subject.url, "/a-page")
        while b"request /a-page" not in (printed := await deployer.logs(0.0)):  # the engine writes it down in its time
            await asyncio.sleep(0.05)
    assert b"the shop opens" in printed
    assert b"s3cret" not in printed


async def test_a_service_of_a_compose_file_is_beside_the_others_of_its_project(pier: Pier) -> None:
    compose = """
name: PROJECT
services:
  database: {image: "IMAGE", command: sleep 600}
  shop:
    build: .
    environment: {GREETING: "${GREETING:-to you}"}
    depends_on: [database]
    ports: ["8080:8080"]
""".replace("IMAGE", BASE).replace("PROJECT", pier.service)
    commit = pier.dock.commit("apples", files={"compose.yml": compose})
    net = f"{pier.service}_default"
    docker("network", "create", net)
    database = docker("run", "-d", "--network", net, "--network-alias", "database", BASE, "sleep", "600")
    try:
        public = await pier.accepted(commit, compose="compose.yml", service="shop")
        assert asked(public) == (pier.named(commit), "apples to you")
        address = docker("inspect", "-f", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", database)
        assert asked(public, "/database")[1] == address
    finally:
        pier.dock.close()
        docker("rm", "-f", database)
        docker("network", "rm", net)


async def test_a_port_of_this_machine_is_the_users_address(pier: Pier) -> None:
    from tests.end_to_end.shop import free_port

    port = free_port()
    commit = pier.dock.commit("apples")
    await pier.accepted(commit, publish=port)
    assert asked(f"http://127.0.0.1:{port}")[0] == pier.named(commit)


HEREDOC = "RUN <<END\necho heard > /heard\nEND\nCOPY <<END /written\nwritten\nEND\nRUN cat /heard /written\n"
"""What the frontend in Docker 20.10 does not understand yet."""


async def test_a_dockerfile_of_today_is_built(pier: Pier) -> None:
    old = int(docker("version", "-f", "{{.Server.Version}}").partition(".")[0]) < 23
    mounted = (
        "RUN --mount=type=cache,target=/cache touch /cache/kept && ls /cache\nCOPY --chmod=444 Dockerfile /shop.txt\n"
    )
    dockerfile = DOCKERFILE.replace("EXPOSE 8080\n", mounted + ("" if old else HEREDOC))
    commit = pier.dock.commit("apples", dockerfile)
    public = await pier.accepted(commit)
    assert asked(public)[0] == pier.named(commit)
    async with pier.target().open(pier.context) as deployer:
        failing = await deployer.deploy(
            pier.dock.commit("pears", f"{dockerfile}RUN echo no room for s3cret-word; exit 3\n")
        )
        assert "exit code: 3" in (failing.observation.reason or "")
        ((printed, _),) = failing.evidence.values()
        assert b"RUN --mount=type=cache" in printed
        assert b"no room for [redacted]" in printed


async def test_an_engine_that_has_buildkit_turned_off_builds_as_it_did(pier: Pier) -> None:
    words = {
        "context": ".",
        "named": "Dockerfile",
        "tag": f"stability-proof-{pier.service}-test-image:old",
        "seconds": 60.0,
    }
    async with engine.opened() as connection:
        connection.buildkit = False
        image = await images.build(connection, pier.dock.folder, pier.dock.commit("apples"), **words)  # type: ignore[arg-type]
        assert (await images.digest(connection, image))[0] == image
        needs = pier.dock.commit("pears", f"FROM {BASE}\nRUN --mount=type=cache,target=/c true\n")
        with pytest.raises(images.Unbuildable, match="BuildKit"):
            await images.build(connection, pier.dock.folder, needs, **words)  # type: ignore[arg-type]


async def test_a_base_image_that_cannot_be_had_is_said(pier: Pier) -> None:
    commit = pier.dock.commit("apples", "FROM registry.invalid/none:1\n")
    async with pier.target().open(pier.context) as deployer:
        deployed = await deployer.deploy(commit)
    assert "the image registry.invalid/none:1 cannot be pulled" in (deployed.observation.reason or "")


async def test_an_image_that_is_given_is_taken_as_it_is(pier: Pier) -> None:
    commit = pier.dock.commit("apples")
    docker("build", "-q", "-t", f"{pier.service}:{commit}", str(pier.dock.folder))
    public = await pier.accepted(commit, image=f"{pier.service}:{{commit}}")
    assert asked(public)[0] == pier.named(commit)
    pier.dock.close()
    docker("rmi", "-f", f"{pier.service}:{commit}")


async def test_each_slip_is_one_message(pier: Pier, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = pier.dock.commit("apples")
    for keys, said in (
        ({"network": "no-such-network"}, "the engine has no network 'no-such-network'"),
        ({"front": None}, r"name one with Python 3.11\+ in it"),
        ({"compose": "none.yml"}, "has no none.yml"),
        ({"image": "registry.invalid/none:1"}, "cannot be pulled"),
    ):
        with pytest.raises(DeployError, match=said):
            await pier.accepted(commit, **keys)
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    with pytest.raises(DeployError, match="Docker Engine does not answer at /no/such/socket"):
        await pier.accepted(commit)


async def test_a_file_in_a_container_is_written_whole(pier: Pier) -> None:
    await pier.accepted(pier.dock.commit("apples"))
    async with engine.opened() as connection:
        name = f"stability-proof-{pier.service}-test-front"
        await containers.write(connection, name, "/stability-proof", "word", b"one")
        await containers.write(connection, name, "/stability-proof", "word", b"another")
        assert await containers.read(connection, name, "/stability-proof/word") == b"another"
        assert await containers.read(connection, name, "/stability-proof/none") is None
        with pytest.raises(DeployError, match="mv failed"):
            await containers.execute(connection, name, ["mv", "/none", "/nowhere"])


async def test_a_candidate_that_has_ended_gets_no_users_and_is_not_accepted(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    async with pier.target().open(pier.context) as deployer:
        await deployer.deploy(second)
        await deployer.promote(100)
        candidate = pier.container(second)
        docker("kill", candidate["Id"])
        with pytest.raises(DeployError, match="so it is given no users"):
            await deployer.promote(100)
        with pytest.raises(DeployError, match="so it is not accepted"):
            await deployer.settle()
    assert asked(public)[0] == pier.named(first)
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}


async def test_a_share_is_given_beside_a_previous_revision_that_had_ended(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    async with pier.target().open(pier.context) as deployer:
        await deployer.deploy(second)
        old = pier.container(first)
        docker("kill", old["Id"])
        await deployer.promote(50)
        assert {asked(public)[0] for _ in range(6)} == {pier.named(first), pier.named(second)}


@pytest.mark.parametrize("named", [False, True], ids=["default network", "a network"])
async def test_users_reach_a_revision_that_the_engine_gave_another_address(pier: Pier, named: bool) -> None:
    net = f"{pier.service}-net" if named else "bridge"
    if named:
        docker("network", "create", net)
    other = None
    try:
        public = await pier.accepted(first := pier.dock.commit("apples"), network=net if named else None)
        assert asked(public)[0] == pier.named(first)
        old = pier.container(first)
        docker("stop", "-t", "1", old["Id"])
        other = docker("run", "-d", "--network", net, BASE, "sleep", "60")
        docker("start", old["Id"])  # as after a restart of the engine, in whose order addresses are given
        now = pier.container(first)["NetworkSettings"]["Networks"][net]["IPAddress"]
        assert now != old["NetworkSettings"]["Networks"][net]["IPAddress"]
        await answers(public, pier.named(first))  # nobody has told the front
    finally:
        pier.dock.close()
        if other is not None:
            docker("rm", "-f", other)
        if named:
            docker("network", "rm", net)


@pytest.mark.parametrize("how", [("kill",), ("rm", "-f")], ids=["ended", "removed"])
async def test_a_previous_revision_that_has_ended_meanwhile_serves_again(pier: Pier, how: tuple[str, ...]) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    async with pier.target().open(pier.context) as deployer:
        await deployer.deploy(second)
        assert isinstance(deployer, MayLosePrevious)
        assert await deployer.lost() is None
        docker(*how, pier.container(first)["Id"])
        assert await deployer.lost() == pier.named(first)
    assert asked(public)[0] == pier.named(first)
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}


async def test_recover_starts_a_previous_revision_again_that_has_ended(pier: Pier) -> None:
    first, second = pier.dock.commit("apples"), pier.dock.commit("pears")
    public = await pier.accepted(first)
    killed = pier.target().open(pier.context)
    await (await killed.__aenter__()).deploy(second)
    old = pier.container(first)["Id"]
    docker("kill", old)
    async with engine.opened() as connection:
        lines = await recover_one(connection, pier.dock.owner)
    assert f"{pier.named(first)} was not up any more: it is started again" in lines
    await answers(public, pier.named(first))
    assert pier.container(first)["Id"] == old  # its own container, with what it wrote there
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}
