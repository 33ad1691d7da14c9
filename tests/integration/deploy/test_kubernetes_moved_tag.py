"""An image whose name stays the same from one revision to the next: what was probed has to be what users get."""

import asyncio

import pytest

from bot.model.errors import DeployError
from tests.integration.deploy.kubernetes_ground import SERVES, ask, commit, image
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground


async def test_a_tag_that_has_moved_is_not_promoted_by_doing_nothing(kube: Ground) -> None:
    kube.install("a")
    kube.push("a", SERVES, name="another")
    async with kube.target(image=image("a")).open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
        assert await asyncio.to_thread(ask, deployed.subject.url) == "another"
        with pytest.raises(DeployError, match="is another image by now"):
            await deployer.promote(100)
    assert ask(kube.cluster.public("chat")) == "a"
    kube.alone("a")


async def test_the_very_same_image_once_more_is_promoted(kube: Ground) -> None:
    kube.install("a")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("a"))
        await deployer.promote(100)
        await deployer.settle()
    kube.alone("a")
