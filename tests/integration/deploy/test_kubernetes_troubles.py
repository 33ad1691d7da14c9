"""Each way in which a rollout fails: one sentence, with what Kubernetes said of it as data, and nothing left behind."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from bot.deploy.target import Deployed
from bot.model.errors import DeployError
from tests.finding import pick
from tests.integration.deploy.kubernetes_ground import CRASHES, SERVES, WANTS_MEMORY, commit, image
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground
from tests.kubernetes_stand_in.deployments import template


def evidence(deployed: Deployed) -> Any:
    """What Kubernetes said."""
    return json.loads(kept(deployed, "application/json"))


def kept(deployed: Deployed, kind: str) -> bytes:
    """The first evidence of a media type."""
    return pick(deployed.evidence.values(), lambda each: each[1] == kind)[0]


def crowded(kube: Ground) -> None:
    kube.push("b")
    kube.cluster.sets.quota = 2


def full(kube: Ground) -> None:
    kube.push("b")
    kube.cluster.node.room = 2


@pytest.mark.parametrize(
    ("spoil", "sentence", "said"),
    [
        pytest.param(lambda kube: None, "the image cannot be pulled", "not found", id="ImagePullBackOff"),
        pytest.param(
            lambda kube: kube.push("b", CRASHES),
            "ends again and again, with exit code 3",
            "back-off",
            id="CrashLoopBackOff",
        ),
        pytest.param(
            lambda kube: kube.push("b", WANTS_MEMORY), "it wants more memory than its limit", "back-off", id="OOMKilled"
        ),
        pytest.param(
            lambda kube: kube.push("b", SERVES, ready=False),
            "0 of 1 pods are available: its readiness probe fails|new pods are available: its readiness probe fails",
            "HTTP probe failed with statuscode: 503",
            id="Unhealthy",
        ),
        pytest.param(
            crowded, "a quota of the namespace allows no further pod", "exceeded quota: pods", id="FailedCreate"
        ),
        pytest.param(full, "no node has room for the pod", "Insufficient cpu", id="Unschedulable"),
    ],
)
async def test_a_candidate_that_does_not_come_up_is_broken_with_its_reason(
    spoil: Callable[[Ground], None], sentence: str, said: str, kube: Ground
) -> None:
    kube.install()
    spoil(kube)
    async with kube.target(within=2.5, patience=0.5).open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
        assert deployed.observation.state == "broken"
        assert deployed.observation.series == ()
        [check] = deployed.observation.checks
        assert not check.ok
        assert any(each in check.actual for each in sentence.split("|")), check.actual
        assert said in check.actual
        assert said in json.dumps(evidence(deployed))
        back = await deployer.rollback()
        assert back is not None
        assert back.observation.state == "measured"
    kube.alone("a")


async def test_a_name_that_is_no_image_fails_at_once(kube: Ground) -> None:
    kube.install()
    target = kube.target(image="registry.example.com/Chat:{commit}", patience=60, within=60)
    async with target.open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
        assert deployed.observation.reason is not None
        assert "the image's name is not a valid one" in deployed.observation.reason


async def test_what_a_crashing_candidate_printed_is_evidence(kube: Ground) -> None:
    kube.install()
    kube.push("b", "print('password=hunter-two-hunter')\n" + CRASHES)
    async with kube.target(within=5, patience=0.3).open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
    printed = kept(deployed, "text/plain").decode()
    assert "cannot find the database" in printed
    assert "hunter" not in printed


async def test_the_end_of_a_long_output_is_kept_and_no_torn_secret(kube: Ground) -> None:
    kube.install()
    secret = "hunter-two-hunter"
    flood = f"for number in range(900): print(number, 'x' * 150)\nprint('y' * 3838 + {secret!r}, flush=True)\n"
    kube.push("b", flood + CRASHES)
    async with kube.target(within=5, patience=0.3).open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
    printed = kept(deployed, "text/plain").decode()
    assert "\n500 xxx" not in printed
    assert "\n899 xxx" in printed
    assert printed.endswith("y[redacted]\n"), "it was cut in the middle of the secret"


async def test_an_image_that_comes_late_is_waited_for(kube: Ground) -> None:
    kube.install()
    async with kube.target(patience=15).open(kube.context()) as deployer:
        task = asyncio.create_task(deployer.deploy(commit("b")))
        while "Failed to pull image" not in str(kube.cluster.store.every("events")):
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        kube.push("b")
        assert (await task).observation.state == "measured"


async def test_a_rollout_that_kubernetes_gives_up_is_put_back(kube: Ground) -> None:
    kube.install(progressDeadlineSeconds=1)
    kube.push("b")
    async with kube.target(patience=30).open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.push("b", SERVES, ready=False)
        with pytest.raises(
            DeployError, match="Kubernetes gave the rollout up: there was no progress within 1 s"
        ) as caught:
            await deployer.promote(100)
        assert "readiness probe fails" in str(caught.value)
    kube.alone("a")


async def test_a_rollback_does_not_take_what_kubernetes_said_of_the_rollout_before_for_its_own(kube: Ground) -> None:
    kube.install(progressDeadlineSeconds=1, replicas=1)
    kube.push("b")
    async with kube.target(patience=30).open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.push("b", SERVES, ready=False)
        with pytest.raises(DeployError, match="Kubernetes gave the rollout up"):
            await deployer.promote(100)
        kube.cluster.deployments.scales = (
            False  # its controller is slow: what it said of the rollout stands for a while
        )

        async def takes_it_up_again() -> None:
            while kube.deployment()["status"]["observedGeneration"] < kube.deployment()["metadata"]["generation"]:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            kube.cluster.deployments.scales = True

        back, _ = await asyncio.gather(deployer.rollback(), takes_it_up_again())
        assert back is not None
        assert (back.subject.revision, back.observation.state) == ("chat-aaaaaaa", "measured")
    kube.alone("a", 1)


async def test_a_rollout_that_breaks_as_it_is_promoted_costs_no_user(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    before = template(kube.deployment())
    async with kube.target(patience=0.5).open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.push("b", CRASHES)
        with pytest.raises(DeployError, match=r"chat does not take .*: the container ends again and again"):
            await deployer.promote(100)
        assert await deployer.traffic() == {"chat-aaaaaaa": 100}
    kube.alone("a")
    assert template(kube.deployment()) == before
    assert kube.pods() == {image("a"): 2}
