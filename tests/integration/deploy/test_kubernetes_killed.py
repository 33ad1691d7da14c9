"""A bot that is killed at any write leaves, after the next one has opened the target, one revision and nothing else."""

import asyncio
import signal
import subprocess

import pytest

from tests.integration.deploy.kubernetes_ground import REGISTRY, commit, image
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground

SETTLE = ("the candidate is made", "promote is meant", "the image is changed", "settle is meant", "the candidate goes")
ROLLBACK = ("", "", "", "rollback is meant", "the image is put back", "the candidate goes")


@pytest.mark.parametrize(
    ("end", "write", "done"),
    [
        *(pytest.param("settle", number, True, id=f"after {said}") for number, said in enumerate(SETTLE)),
        *(pytest.param("rollback", number, True, id=f"after {ROLLBACK[number]}") for number in (3, 4, 5)),
        # just before a write is just after the one before, but for the first and where the candidate is accepted
        pytest.param("settle", 0, False, id="before anything"),
        pytest.param("settle", 4, False, id="before the candidate goes"),
    ],
)
async def test_one_revision_is_left(end: str, write: int, done: bool, kube: Ground) -> None:
    kube.install(replicas=1)
    kube.push("b")
    bots: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        bots[0].send_signal(signal.SIGKILL)
        bots[0].wait()

    kube.cluster.fail("POST|PATCH|DELETE", "/deployments", 0, skip=write, first=kill, after=done)
    bots.append(kube.bot(f"{REGISTRY}:{{commit}}", commit("b"), end))
    assert await asyncio.to_thread(bots[0].wait, 60) == -signal.SIGKILL, (kube.folder / "bot.log").read_text()

    async with kube.target().open(kube.context()) as deployer:
        accepted = end == "settle" and (write, done) >= (3, True)
        served = "b" if accepted or (end == "settle" and write == 4) else "a"
        assert await deployer.cleanup() == []
        assert await deployer.traffic() == {f"chat-{served * 7}": 100}
    left_something = (write, done) != (0, False) and not (write == (4 if end == "settle" else 5) and done)
    assert bool(kube.lines) == left_something, kube.lines
    kube.alone(served, pods=1)
    assert kube.images() == {"chat": image(served)}

    kube.lines.clear()
    async with kube.target().open(kube.context()):
        pass
    assert kube.lines == []
