"""The stand-in is a cluster to kubectl, and the bot's words on a rollout are kubectl's."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.deploy.kubernetes import waiting
from bot.deploy.kubernetes.access import find
from bot.deploy.kubernetes.api import Api
from bot.deploy.kubernetes.rollout import progress
from bot.safety.http import async_client
from bot.safety.redact import Redactor
from tests.debian import debian_program
from tests.integration.deploy.kubernetes_ground import CRASHES, commit, ground, image
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground
from tests.kubernetes_stand_in.deployments import template


@pytest.fixture
def kube(tmp_path: Path) -> Iterator[Ground]:
    """By TLS: kubectl sends no token in the clear."""
    with ground(tmp_path, tls=True) as made:
        yield made


@pytest.fixture
def kubectl() -> Path:
    """The real one."""
    return debian_program("kubectl", "kubernetes-client")


def say(kube: Ground, kubectl: Path, *words: str) -> str:
    done = kube.cluster.kubectl(kubectl, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def set_image(kube: Ground, kubectl: Path, letter: str) -> None:
    say(kube, kubectl, "set", "image", "deployment/chat", f"chat={image(letter)}")


async def state(kube: Ground) -> str:
    """What the bot says of the rollout now."""
    access = find(str(kube.cluster.kubeconfig()), None, Redactor())
    async with async_client(access.server, tls=access.tls) as http:
        seen = await waiting.look(Api(access, "shop", http, Redactor()), "chat")
    return progress(seen.deployment, seen.replica_sets, seen.pods, seen.events).state


async def test_kubectl_gets_describes_and_follows(kube: Ground, kubectl: Path) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        listed = say(kube, kubectl, "get", "deploy,rs,pods")
        assert "deployment.apps/chat-candidate   1/1" in listed
        assert "deployment.apps/chat             2/2" in listed
        assert listed.count("Running") == 3
        await deployer.promote(100)
        await deployer.settle()
    said = say(kube, kubectl, "rollout", "status", "deployment/chat", "--timeout=20s")
    assert 'deployment "chat" successfully rolled out' in said
    history = say(kube, kubectl, "rollout", "history", "deployment/chat")
    assert [line.split()[0] for line in history.splitlines()[2:4]] == ["1", "2"]
    told = say(kube, kubectl, "describe", "deployment/chat")
    assert image("b") in told
    assert "NewReplicaSetAvailable" in told


async def test_a_rollback_leaves_what_kubectl_rollout_undo_leaves(kube: Ground, kubectl: Path) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        await deployer.rollback()
    kube.settled()
    ours = template(kube.deployment()), kube.deployment()["metadata"]["annotations"]

    set_image(kube, kubectl, "b")
    say(kube, kubectl, "rollout", "status", "deployment/chat", "--timeout=20s")
    say(kube, kubectl, "rollout", "undo", "deployment/chat")
    say(kube, kubectl, "rollout", "status", "deployment/chat", "--timeout=20s")
    theirs = template(kube.deployment()), kube.deployment()["metadata"]["annotations"]
    assert ours[0] == theirs[0]
    revision = "deployment.kubernetes.io/revision"
    assert (ours[1].pop(revision), theirs[1].pop(revision)) == ("3", "5")
    assert ours[1] == theirs[1]


async def test_the_bot_and_kubectl_agree_on_a_rollout(kube: Ground, kubectl: Path) -> None:
    status = ("rollout", "status", "deployment/chat", "--watch=false")
    kube.install(progressDeadlineSeconds=2)
    assert "successfully rolled out" in say(kube, kubectl, *status)
    assert await state(kube) == "complete"

    kube.cluster.deployments.observes = False
    set_image(kube, kubectl, "b")
    assert "Waiting for deployment spec update to be observed" in say(kube, kubectl, *status)
    assert await state(kube) == "progressing"

    kube.push("b", CRASHES)
    kube.cluster.deployments.observes = True
    kube.cluster.wait(lambda: kube.deployment()["status"].get("observedGeneration") == 2)
    assert "1 out of 2 new replicas have been updated" in say(kube, kubectl, *status)
    assert await state(kube) == "progressing"

    kube.cluster.wait(lambda: "ProgressDeadlineExceeded" in json.dumps(kube.deployment()["status"]))
    gave_up = kube.cluster.kubectl(kubectl, *status)
    assert 'deployment "chat" exceeded its progress deadline' in gave_up.stderr
    assert await state(kube) == "failed"
