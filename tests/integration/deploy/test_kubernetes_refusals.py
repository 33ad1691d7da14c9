"""What others do meanwhile, what we may not do, and an API server that is busy or down."""

import asyncio

import pytest

from bot.deploy.kubernetes import api
from bot.deploy.target import DeployContext
from bot.model.errors import DeployError
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground
from tests.integration.deploy.kubernetes_ground import commit, image, manifest
from tests.kubernetes_stand_in.store import Object


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait long between tries."""
    monkeypatch.setattr(api, "FIRST_PAUSE", 0.01)


def rolls_out(kube: Ground, letter: str) -> None:
    """Somebody else gives the Deployment another image."""

    def change(thing: Object) -> None:
        thing["spec"]["template"]["spec"]["containers"][0]["image"] = image(letter)

    kube.push(letter)
    kube.cluster.store.change("deployments", "shop", "chat", change)


async def test_a_rollout_by_somebody_else_is_not_written_over(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        rolls_out(kube, "c")
        with pytest.raises(
            DeployError, match=f"somebody else has changed the pods of chat meanwhile: it has {image('c')}"
        ):
            await deployer.promote(100)
        with pytest.raises(DeployError, match="it is left as it is"):
            await deployer.rollback()
    kube.alone("c")
    assert "it is left as it is" in kube.lines[0]


async def test_a_rollout_by_somebody_else_between_reading_and_writing_is_seen(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.cluster.fail("PATCH", "/deployments/chat$", first=lambda: rolls_out(kube, "c"))
        with pytest.raises(DeployError, match="somebody else has changed the pods of chat meanwhile"):
            await deployer.promote(100)
    kube.alone("c")


@pytest.mark.parametrize("when", ["while it is promoted", "before it is accepted"])
async def test_a_controller_that_puts_the_image_back_is_seen_and_nothing_is_accepted(when: str, kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        if when == "while it is promoted":
            # the first look after the promotion
            kube.cluster.fail("GET", "/deployments/chat$", skip=1, first=lambda: rolls_out(kube, "a"))
            with pytest.raises(DeployError, match=f"they have {image('a')} again, and users do not get {image('b')}"):
                await deployer.promote(100)
        else:
            await deployer.promote(100)
            rolls_out(kube, "a")
            with pytest.raises(DeployError, match="Argo CD or Flux"):
                await deployer.settle()
    kube.alone("a")


async def test_what_is_written_meanwhile_besides_the_pods_is_no_conflict(kube: Ground) -> None:
    kube.install()
    kube.push("b")

    def scales() -> None:
        kube.cluster.store.change("deployments", "shop", "chat", lambda thing: thing["spec"].update(replicas=3))

    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.cluster.fail("PATCH", "/deployments/chat$", first=scales)
        await deployer.promote(100)
        await deployer.settle()
    kube.alone("b", pods=3)
    assert "PATCH" in [each.method for each in kube.cluster.gateway.asked if each.status == 409]


async def test_a_run_that_was_overtaken_stops(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as first:
        await first.deploy(commit("b"))
        async with kube.target().open(kube.context()) as second:
            with pytest.raises(DeployError, match="belongs to another run of the bot: this one stops here"):
                await first.promote(100)
            assert (await second.deploy(commit("b"))).observation.state == "measured"
            with pytest.raises(DeployError, match="belongs to another run of the bot"):
                await first.promote(100)
            await second.promote(100)
            await second.settle()
    kube.alone("b")


async def test_a_deployment_of_the_candidates_name_that_is_not_ours_is_left_alone(kube: Ground) -> None:
    kube.install()
    kube.cluster.apply("deployments", manifest("chat-candidate"))
    with pytest.raises(DeployError, match=r"there is a Deployment chat-candidate that stability-proof did not make"):
        async with kube.target().open(kube.context()):
            pass
    assert kube.images() == {"chat": image("a"), "chat-candidate": image("a")}


async def test_a_missing_permission_is_named_with_the_rule_to_add(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    read = {"apiGroups": ["", "apps"], "resources": ["deployments", "replicasets", "pods", "events", "services"]}
    token = kube.cluster.person("system:serviceaccount:shop:bot", [{**read, "verbs": ["get", "list"]}])
    async with kube.target(token=token).open(kube.context()) as deployer:
        assert (await deployer.plan(commit("b"))).serving == "chat-aaaaaaa"
        with pytest.raises(DeployError) as caught:
            await deployer.deploy(commit("b"))
    assert 'User "system:serviceaccount:shop:bot" cannot create resource "deployments"' in str(caught.value)
    assert 'add to the Role: apiGroups: ["apps"], resources: ["deployments"], verbs: ["create"]' in str(caught.value)


async def test_a_token_that_is_not_known_is_said_so_and_not_shown(kube: Ground) -> None:
    with pytest.raises(DeployError, match="does not know us") as caught:
        async with kube.target(token="a-token-that-is-old").open(kube.context()):
            pass
    assert "a-token-that-is-old" not in str(caught.value)


async def test_a_busy_api_server_is_asked_again(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    kube.cluster.fail("GET", "/deployments/", 429, times=2, headers={"Retry-After": "0"})
    kube.cluster.fail("POST", "/deployments", 503)
    kube.cluster.fail("PATCH", "/deployments/chat$", 500)
    kube.cluster.fail("DELETE", "/deployments/", 0)
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        await deployer.settle()
    kube.alone("b")
    assert all(each.times == 0 for each in kube.cluster.gateway.faults)


async def test_an_answer_that_was_lost_is_not_acted_on_twice(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    for method in ("POST", "PATCH", "DELETE"):
        kube.cluster.fail(method, "/deployments", 0, after=True)
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        await deployer.settle()
    kube.alone("b")


async def test_an_api_server_that_stays_down_ends_in_one_message(kube: Ground) -> None:
    kube.cluster.fail("GET", ".", 503, times=100)
    with pytest.raises(DeployError, match=r"Kubernetes refuses GET .*: 503"):
        async with kube.target().open(kube.context()):
            pass
    assert len(kube.cluster.gateway.asked) == api.TRIES


async def test_a_server_that_is_no_api_server_is_said_to_be_none(kube: Ground) -> None:
    kube.install()
    config = kube.cluster.kubeconfig(server=kube.cluster.public("chat"))
    with pytest.raises(DeployError, match="is it the API server\\?"):
        async with kube.target(kubeconfig=str(config)).open(kube.context()):
            pass


async def test_a_run_that_is_cancelled_in_its_rollout_puts_the_revision_before_back(kube: Ground) -> None:
    kube.install()
    kube.push("b")

    async def deploy(context: DeployContext) -> None:
        async with kube.target().open(context) as deployer:
            await deployer.deploy(commit("b"))
            kube.push("b", "import time\ntime.sleep(60)\n")
            await deployer.promote(100)

    task = asyncio.create_task(deploy(kube.context()))
    while kube.images().get("chat") != image("b"):
        await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kube.alone("a")


async def test_a_service_that_selects_nothing_is_not_taken(kube: Ground) -> None:
    kube.install()
    kube.cluster.store.change("services", "shop", "chat", lambda each: each["spec"].pop("selector"))
    async with kube.target().open(kube.context()) as deployer:
        with pytest.raises(DeployError, match="the Service chat selects no pods"):
            await deployer.urls()
    async with kube.target(service="chatt").open(kube.context()) as deployer:
        with pytest.raises(DeployError, match="no Service 'chatt' in the namespace 'shop'; name it with `service:`"):
            await deployer.urls()


async def test_a_rollout_that_is_under_way_is_said_before_a_deploy(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    kube.cluster.sets.quota = 2
    rolls_out(kube, "c")
    kube.cluster.wait(lambda: "exceeded quota" in str(kube.deployment()["status"]))
    kube.cluster.sets.quota = 3
    async with kube.target(patience=0.5).open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
    assert "chat is in the middle of a rollout, and comes back to that" in kube.lines[0]


async def test_what_somebody_changes_besides_the_image_outlives_a_rollback(kube: Ground) -> None:
    kube.install()
    kube.push("b")

    def change(thing: Object) -> None:
        thing["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "debug"

    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        kube.cluster.store.change("deployments", "shop", "chat", change)
        await deployer.rollback()
    kube.alone("a")
    [container] = kube.deployment()["spec"]["template"]["spec"]["containers"]
    assert container["env"][0]["value"] == "debug"


async def test_what_somebody_changes_besides_the_image_was_not_tried_and_is_not_promoted(kube: Ground) -> None:
    kube.install()
    kube.push("b")

    def change(thing: Object) -> None:
        thing["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"] = "debug"

    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.cluster.store.change("deployments", "shop", "chat", change)
        with pytest.raises(DeployError, match="somebody else has changed the pods of chat meanwhile"):
            await deployer.promote(100)
    kube.alone("a")
