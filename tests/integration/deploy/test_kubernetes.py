"""The target `kubernetes`, end to end on a cluster whose pods are processes."""

import asyncio

import pytest

from bot.deploy.kubernetes.planning import stable_lines
from bot.model.errors import DeployError
from tests.integration.deploy.kubernetes_ground import SERVES, Users, ask, commit, image, manifest
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground


async def test_a_candidate_is_tried_without_users_then_promoted_and_kept(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    with Users(kube.cluster.public("chat")) as users:
        async with kube.target(url=kube.cluster.public("chat")).open(kube.context()) as deployer:
            plan = await deployer.plan(commit("b"))
            assert (plan.candidate, plan.serving) == ("chat-bbbbbbb", "chat-aaaaaaa")
            previous = await deployer.previous(None)
            assert previous is not None
            assert previous.subject.commit == commit("a")
            assert previous.observation.state == "measured"

            deployed = await deployer.deploy(commit("b"))
            assert deployed.observation.state == "measured"
            assert (deployed.subject.revision, deployed.subject.image) == ("chat-bbbbbbb", image("b"))
            assert deployed.observation.series[0].column("value")[0] > 0  # type: ignore[operator]
            assert await asyncio.to_thread(ask, deployed.subject.url) == "b"
            assert await asyncio.to_thread(ask, previous.subject.url) == "a"
            assert await deployer.traffic() == {"chat-aaaaaaa": 100}
            assert users.answers.keys() == {"a"}

            await deployer.promote(100)
            assert await deployer.traffic() == {"chat-bbbbbbb": 100}
            urls = await deployer.urls()
            assert urls.public == deployed.public_url == kube.cluster.public("chat")
            assert urls.previous is None
            assert urls.candidate is not None
            assert await asyncio.to_thread(ask, urls.public) == "b"
            await deployer.settle()
            assert await deployer.cleanup() == []
    kube.alone("b")
    assert users.answers.keys() == {"a", "b"}, "no request was lost"


async def test_a_promotion_and_a_rollback_are_over_once_nobody_else_can_answer(kube: Ground) -> None:
    slow = SERVES.replace("time.sleep(0.1)", "time.sleep(1)")
    kube.push("a", slow)
    kube.install()
    kube.push("b", slow)

    def images() -> set[str]:
        pods = kube.cluster.store.every("pods")
        return {
            each["spec"]["containers"][0]["image"] for each in pods if each["metadata"]["labels"].get("app") == "chat"
        }

    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        assert images() == {image("b")}, "whoever is ending can still answer"
        await deployer.rollback()
        assert images() == {image("a")}
    kube.alone("a")


async def test_a_candidate_that_users_have_is_asked_where_they_are(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
        kube.push("b", name="b among users")
        await deployer.promote(100)
        assert await asyncio.to_thread(ask, deployed.subject.url) == "b among users"
        await deployer.promote(0)
        assert await asyncio.to_thread(ask, deployed.subject.url) == "b"
    kube.alone("a")


async def test_a_candidate_that_is_left_gives_way_to_the_revision_before(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    before = kube.deployment()["spec"]["template"]
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        public = (await deployer.urls()).public
        assert await asyncio.to_thread(ask, public) == "b"
    kube.alone("a")
    assert kube.deployment()["spec"]["template"] == before
    assert kube.lines == [
        f"{image('b')} was never accepted: chat has {image('a')} again: 2 of 2 pods are up to date and ready"
    ]


async def test_a_rollback_takes_the_former_replica_set_up_again(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    [former] = [each["metadata"]["name"] for each in kube.cluster.store.every("replicasets")]
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        back = await deployer.rollback()
        assert back is not None
        assert (back.subject.revision, back.observation.state) == ("chat-aaaaaaa", "measured")
        assert await asyncio.to_thread(ask, back.subject.url) == "a"
        assert await deployer.traffic() == {"chat-aaaaaaa": 100}
        facts = await deployer.describe()
        assert (facts["replica set"], facts["rollout"]) == (former, "3")  # as `kubectl rollout undo` numbers it
    kube.alone("a")


async def test_a_rollback_needs_no_replica_set_that_the_history_has_dropped(kube: Ground) -> None:
    kube.install(revisionHistoryLimit=0)
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        assert len([each for each in kube.cluster.store.every("replicasets") if "candidate" not in str(each)]) == 1
        await deployer.rollback()
    kube.alone("a")


async def test_the_candidate_is_described_timed_afresh_and_its_output_is_redacted(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        previous = await deployer.previous(None)
        deployed = await deployer.deploy(commit("b"))
        assert previous is not None
        assert deployed.observation.facts == previous.observation.facts, "a deploy changes none of them"
        facts = await deployer.describe()
        digest = kube.cluster.node.images[image("b")].digest
        assert facts["digest"] == f"registry.example.com/chat@{digest}"
        assert (facts["memory limit"], facts["cpu limit"], facts["memory request"]) == ("128Mi", "500m", "64Mi")
        assert (facts["replicas"], facts["ready"], facts["rollout"]) == (1, 1, "1")
        assert (facts["revision"], facts["deployment"]) == ("chat-bbbbbbb", "chat-candidate")
        took = await deployer.fresh_start()
        assert took is not None
        assert 0 < took < 10
        assert (await deployer.describe())["replicas"] == 1
        printed = (await deployer.logs(0)).decode()
        assert "[redacted] b" in printed
        assert "hunter" not in printed
    kube.alone("a")


async def test_no_service_selects_the_candidate_and_it_is_the_stable_pod_but_for_image_and_labels(kube: Ground) -> None:
    kube.install()
    second = {"selector": {"tier": "web"}, "ports": [{"port": 80}]}
    kube.cluster.apply("services", {"metadata": {"name": "all-of-web", "namespace": "shop"}, "spec": second})
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        made, stable = kube.deployment("chat-candidate"), kube.deployment()
        assert made["spec"]["template"]["metadata"]["labels"].keys() == {
            "stability-proof.dev/candidate-of",
            "stability-proof.dev/run",
        }
        [one], [other] = (each["spec"]["template"]["spec"]["containers"] for each in (made, stable))
        assert one == {**other, "image": image("b")}
        assert deployer.abilities.splits is False
        with pytest.raises(DeployError, match="cannot give the candidate 10 %"):
            await deployer.promote(10)
        await deployer.promote(0)
    kube.alone("a")


async def test_promoting_to_nothing_gives_the_traffic_back_and_the_candidate_stays(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
        await deployer.promote(100)
        await deployer.promote(0)
        assert await deployer.traffic() == {"chat-aaaaaaa": 100}
        assert await asyncio.to_thread(ask, deployed.subject.url) == "b"
        await deployer.promote(100)
        await deployer.settle()
    kube.alone("b")


async def test_the_same_image_again_changes_nothing_for_users(kube: Ground) -> None:
    kube.install()
    async with kube.target().open(kube.context()) as deployer:
        assert "that image is what it has" in (await deployer.plan(commit("a"))).lines[-1]
        assert (await deployer.deploy(commit("a"))).observation.state == "measured"
        await deployer.promote(100)
        await deployer.settle()
    kube.alone("a")
    assert kube.deployment()["metadata"]["generation"] == 1


async def test_nothing_is_deployed_where_users_have_no_deployment(kube: Ground) -> None:
    async with kube.target().open(kube.context()) as deployer:
        with pytest.raises(DeployError, match="no Deployment 'chat' in the namespace 'shop': create it first"):
            await deployer.deploy(commit("b"))


def test_what_a_candidate_shares_with_the_pods_that_serve_is_said_in_the_plan() -> None:
    stable = manifest()
    assert stable_lines(stable, "b", "a") == []
    pod = stable["spec"]["template"]["spec"]
    pod["volumes"] = [
        {"name": "data", "persistentVolumeClaim": {"claimName": "orders"}},
        {"name": "tmp", "emptyDir": {}},
    ]
    pod["containers"][0]["ports"][0]["hostPort"] = 80
    [claim, port] = stable_lines(stable, "b", "a")
    assert "mounts orders as well" in claim
    assert "a port of their node" in port


async def test_a_paused_deployment_is_refused_before_anything_is_done(kube: Ground) -> None:
    kube.install(paused=True, wait=False)
    async with kube.target().open(kube.context()) as deployer:
        with pytest.raises(DeployError, match="kubectl rollout resume"):
            await deployer.plan(commit("b"))


async def test_the_container_has_to_be_named_where_there_are_several(kube: Ground) -> None:
    kube.install(wait=False)
    with kube.cluster.store.lock:
        thing = kube.deployment()
        thing["spec"]["template"]["spec"]["containers"].append({"name": "proxy", "image": image("a")})
        kube.cluster.store.update("deployments", thing)
    async with kube.target().open(kube.context()) as deployer:
        with pytest.raises(DeployError, match="has several containers: name one of chat, proxy"):
            await deployer.plan(commit("b"))


async def test_a_scaled_down_deployment_has_no_previous_revision(kube: Ground) -> None:
    kube.install(replicas=0)
    async with kube.target().open(kube.context()) as deployer:
        assert await deployer.previous(None) is None
        assert (await deployer.plan(commit("b"))).serving is None
        assert await deployer.traffic() == {}
        with pytest.raises(DeployError, match="scaled to no pods, so users would get nothing"):
            await deployer.deploy(commit("b"))
    assert list(kube.images()) == ["chat"]


async def test_a_candidate_is_not_promoted_to_no_pods(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.cluster.store.change("deployments", "shop", "chat", lambda each: each["spec"].update(replicas=0))
        with pytest.raises(DeployError, match="scaled to no pods"):
            await deployer.promote(100)
    assert kube.images() == {"chat": image("a")}


async def test_a_candidate_that_is_still_ending_is_not_taken_for_the_next_one(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    kube.push("c")
    kube.cluster.sets.collects = False
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("c"))
        await deployer.rollback()
        deployed = await deployer.deploy(commit("b"))
        assert kube.pods()[image("c")] == 1, "it is there still"
        answers = {await asyncio.to_thread(ask, deployed.subject.url) for _ in range(8)}
        assert answers == {"b"}
        assert (await deployer.urls()).candidate == deployed.subject.url
    kube.cluster.sets.collects = True
    kube.alone("a")


async def test_a_drill_goes_there_and_back_and_there_again(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target().open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        await deployer.promote(100)
        assert await deployer.rollback() is not None
        again = await deployer.deploy(commit("b"))
        assert again.observation.state == "measured"
        await deployer.promote(100)
        await deployer.settle()
    kube.alone("b")


async def test_a_fresh_pod_that_is_never_ready_is_none(kube: Ground) -> None:
    kube.install()
    kube.push("b")
    async with kube.target(within=1.5).open(kube.context()) as deployer:
        await deployer.deploy(commit("b"))
        kube.push("b", SERVES, ready=False)
        assert await deployer.fresh_start() is None
        assert (await deployer.describe())["replicas"] == 1
