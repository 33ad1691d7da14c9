"""The target `docker`, on a real engine."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.deploy.docker import containers, engine
from bot.deploy.docker.recovery import recover_one
from bot.deploy.docker.target import DockerTarget
from bot.deploy.target import DeployContext
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

    async def accepted(self, commit: str, **keys: Any) -> str:
        """Deploy a revision and accept it; the public address."""
        async with self.target(**keys).open(self.context) as deployer:
            deployed = await deployer.deploy(commit)
            assert deployed.observation.state == "measured", deployed.observation.reason
            await deployer.promote(100)
            await deployer.settle()
            return deployed.public_url


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
        old = pick(pier.dock.containers(), lambda each: pier.named(first) in each["Name"])
        docker("kill", old["Id"])
        restored = await deployer.rollback()
        assert restored is not None
        assert restored.observation.state == "measured"
        assert asked(public)[0] == pier.named(first)
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}


@pytest.mark.parametrize(
    ("dockerfile", "said"),
    [
        (f"FROM {BASE}\nRUN echo no room left; exit 3\n", "its image cannot be built"),
        (f'FROM {BASE}\nCMD ["python3", "-c", "raise SystemExit(\'no s3cret-word\')"]\n', "it never became ready"),
        (f'FROM {BASE}\nCMD ["/no/such/program"]\n', "No such file or directory"),
        (
            DOCKERFILE + "HEALTHCHECK --interval=1s --retries=1 CMD exit 1\n",
            "unhealthy",
        ),
    ],
    ids=["build", "crash", "command", "health"],
)
async def test_a_candidate_that_does_not_come_up_is_evidence(pier: Pier, dockerfile: str, said: str) -> None:
    first = pier.dock.commit("apples")
    public = await pier.accepted(first)
    second = pier.dock.commit("pears", dockerfile)
    async with pier.target(within="8s").open(pier.context) as deployer:
        deployed = await deployer.deploy(second)
        assert deployed.observation.state == "broken"
        assert said in (deployed.observation.reason or "")
        assert all(b"s3cret" not in data for data, _ in deployed.evidence.values())
    assert asked(public)[0] == pier.named(first)
    assert pier.dock.running() == {pier.named(first): "revision", "front": "front"}


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
        printed = await deployer.logs(0.0)
    assert b"request /a-page" in printed
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
        candidate = pick(pier.dock.containers(), lambda each: pier.named(second) in each["Name"])
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
        old = pick(pier.dock.containers(), lambda each: pier.named(first) in each["Name"])
        docker("kill", old["Id"])
        await deployer.promote(50)
        assert {asked(public)[0] for _ in range(6)} == {pier.named(first), pier.named(second)}


async def test_recover_finds_a_revision_that_an_engine_gave_another_address(pier: Pier, tmp_path: Path) -> None:
    public = await pier.accepted(first := pier.dock.commit("apples"))
    old = pick(pier.dock.containers(), lambda each: pier.named(first) in each["Name"])
    docker("stop", "-t", "1", old["Id"])
    other = docker("run", "-d", "--label", f"dev.stability-proof.other={pier.dock.owner}", BASE, "sleep", "60")
    try:
        docker("start", old["Id"])  # as after a restart of the engine, in whose order addresses are given
        before = old["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        now = docker("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", old["Id"])
        assert now != before
        async with engine.opened() as connection:
            await recover_one(connection, pier.dock.owner)
        assert asked(public)[0] == pier.named(first)
    finally:
        docker("rm", "-f", other)
