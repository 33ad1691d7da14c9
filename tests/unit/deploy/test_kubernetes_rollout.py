"""The state of a rollout, for any state of its pods, beside kubectl's own rules."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.deploy.kubernetes import objects
from bot.deploy.kubernetes.rollout import progress
from bot.deploy.kubernetes.troubles import FINAL, WAITING

COUNT = st.integers(0, 4)
Thing = dict[str, Any]
TEMPLATES: dict[str, Thing] = {
    each: {"metadata": {"labels": {"app": "chat"}}, "spec": {"containers": [{"name": "chat", "image": each}]}}
    for each in ("old", "new")
}


def kubectl(deployment: Thing) -> str:
    """The rules of `kubectl rollout status` for a Deployment (rollout_status.go), in the words of ours."""
    status = deployment["status"]
    if deployment["metadata"]["generation"] > status.get("observedGeneration", 0):
        return "progressing"
    reasons = {each["type"]: each.get("reason") for each in status.get("conditions", [])}
    if reasons.get("Progressing") == "ProgressDeadlineExceeded":
        return "failed"
    replicas = deployment["spec"].get("replicas")
    if replicas is not None and status.get("updatedReplicas", 0) < replicas:
        return "progressing"
    if status.get("replicas", 0) > status.get("updatedReplicas", 0):
        return "progressing"
    if status.get("availableReplicas", 0) < status.get("updatedReplicas", 0):
        return "progressing"
    return "complete"


def owned(name: str) -> list[Thing]:
    return [{"uid": name, "controller": True, "name": name}]


def replica_set(which: str) -> Thing:
    template = {**TEMPLATES[which], "metadata": {"labels": {"app": "chat", objects.HASH: which}}}
    return {"metadata": {"name": which, "uid": which, "ownerReferences": owned("chat")}, "spec": {"template": template}}


STATES = st.one_of(
    st.just({"running": {}}),
    st.builds(lambda code: {"terminated": {"exitCode": code}}, st.integers(0, 255)),
    st.sampled_from([*WAITING, "ContainerCreating", "PodInitializing"]).map(
        lambda reason: {"waiting": {"reason": reason}}
    ),
)


@st.composite
def pods(draw: st.DrawFn) -> list[Thing]:
    made = []
    for number in range(draw(st.integers(0, 6))):
        ready = draw(st.integers(0, 3)) > 0
        meta: Thing = {"name": f"pod-{number}", "uid": f"pod-{number}"}
        meta["ownerReferences"] = owned(draw(st.sampled_from(["new", "new", "old", "somebody-else"])))
        if draw(st.integers(0, 3)) == 0:
            meta["deletionTimestamp"] = "2026-01-01T00:00:00Z"
        conditions: list[Thing] = [{"type": "Ready", "status": str(ready)}]
        if not ready and draw(st.booleans()):
            conditions.append(
                {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
            )
        container = {"name": "chat", "ready": ready, "restartCount": draw(COUNT), "state": draw(STATES)}
        if ready:
            container["state"] = {"running": {}}
        made.append({"metadata": meta, "status": {"conditions": conditions, "containerStatuses": [container]}})
    return made


@st.composite
def deployments(draw: st.DrawFn) -> Thing:
    keys = ("replicas", "updatedReplicas", "availableReplicas", "readyReplicas", "observedGeneration")
    status: Thing = {key: draw(COUNT) for key in keys if draw(st.booleans())}
    reason = draw(st.sampled_from(["NewReplicaSetAvailable", "ReplicaSetUpdated", "ProgressDeadlineExceeded", None]))
    if reason:
        status["conditions"] = [{"type": "Progressing", "status": "True", "reason": reason, "message": "it says"}]
        if draw(st.booleans()):
            quota = {
                "type": "ReplicaFailure",
                "status": "True",
                "reason": "FailedCreate",
                "message": "exceeded quota: pods",
            }
            status["conditions"].append(quota)
    spec: Thing = {"template": TEMPLATES["new"]}
    if draw(st.booleans()):
        spec["replicas"] = draw(st.integers(1, 4))
    generation = draw(COUNT)
    if draw(st.booleans()):  # the counts say that it is complete: what do the pods say?
        wanted = spec.get("replicas", 1)
        status |= dict.fromkeys(keys[:3], wanted) | {"observedGeneration": generation}
    return {"metadata": {"name": "chat", "uid": "chat", "generation": generation}, "spec": spec, "status": status}


SETS = st.sampled_from([[], ["old"], ["new"], ["old", "new"]]).map(lambda names: [replica_set(each) for each in names])
EVENTS = st.lists(
    st.builds(
        lambda pod, reason: {
            "reason": reason,
            "message": "Readiness probe failed: 503",
            "involvedObject": {"uid": pod},
        },
        st.sampled_from(["pod-0", "pod-1"]),
        st.sampled_from(["Unhealthy", "Failed"]),
    ),
    max_size=2,
)


@given(deployments(), SETS, pods(), EVENTS)
def test_it_is_in_one_state_and_never_complete_too_early(
    deployment: Thing, sets: list[Thing], found: list[Thing], events: list[Thing]
) -> None:
    state = progress(deployment, sets, found, events)
    theirs = kubectl(deployment)

    assert state.state in ("progressing", "complete", "failed")
    assert state.says
    assert (state.trouble is not None) or state.state != "failed"
    if state.state == "complete":
        own = {each["metadata"]["name"] for each in sets}
        serving = [each["metadata"]["ownerReferences"][0]["uid"] for each in found if objects.ready(each)]
        assert theirs == "complete"
        assert state.trouble is None
        assert serving.count("new") >= deployment["spec"].get("replicas", 1)
        assert not ("old" in own and "old" in serving)
    if theirs == "failed":
        assert state.state == "failed"
    if theirs == "progressing":
        assert state.state == "progressing" or (state.trouble is not None and state.trouble.reason in FINAL)


def finished(wanted: int, ending: int = 0) -> tuple[Thing, list[Thing]]:
    """A Deployment that is complete, with its pods, some old ones of which are still ending."""
    ready: Thing = {"conditions": [{"type": "Ready", "status": "True"}]}

    def pod(name: str, owner: str, **meta: str) -> Thing:
        return {"metadata": {"name": name, "uid": name, "ownerReferences": owned(owner), **meta}, "status": ready}

    new = [pod(f"new-{number}", "new") for number in range(wanted)]
    old = [pod(f"old-{number}", "old", deletionTimestamp="2026-01-01T00:00:00Z") for number in range(ending)]
    keys = ("replicas", "updatedReplicas", "availableReplicas")
    deployment = {
        "metadata": {"name": "chat", "uid": "chat", "generation": 2},
        "spec": {"replicas": wanted, "template": TEMPLATES["new"]},
        "status": {**dict.fromkeys(keys, wanted), "observedGeneration": 2},
    }
    return deployment, [*new, *old]


SETS_OF_BOTH = [replica_set("old"), replica_set("new")]


@given(st.integers(1, 4), st.integers(0, 3))
def test_it_is_complete_when_all_is_new_and_ready_whatever_still_ends(wanted: int, ending: int) -> None:
    deployment, found = finished(wanted, ending)
    assert progress(deployment, SETS_OF_BOTH, found, []).state == kubectl(deployment) == "complete"


@given(
    st.integers(1, 4),
    st.sampled_from(
        [
            {"observedGeneration": -1},
            {"replicas": 1},
            {"updatedReplicas": -1, "replicas": -1, "availableReplicas": -1},
            {"updatedReplicas": -1},
            {"availableReplicas": -1},
        ]
    ),
)
def test_one_count_that_is_off_keeps_it_from_being_complete(wanted: int, off: dict[str, int]) -> None:
    deployment, found = finished(wanted)
    for key, by in off.items():
        deployment["status"][key] += by
    assert progress(deployment, SETS_OF_BOTH, found, []).state == kubectl(deployment) == "progressing"


@given(st.integers(1, 4), st.booleans(), st.sampled_from(["unready", "gone", "ends", "old"]))
def test_one_pod_that_is_off_keeps_it_from_being_complete(wanted: int, last: bool, off: str) -> None:
    deployment, found = finished(wanted)
    pod = found[-1 if last else 0]
    if off == "unready":
        pod["status"] = {"conditions": [{"type": "Ready", "status": "False"}]}
    elif off == "ends":
        pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    elif off == "old":
        extra = finished(1)[1][0]
        extra["metadata"] |= {"name": "old-0", "uid": "old-0", "ownerReferences": owned("old")}
        found.append(extra)
    else:
        found.remove(pod)
    assert kubectl(deployment) == "complete", "the counts alone do not show it"
    assert progress(deployment, SETS_OF_BOTH, found, []).state == "progressing"


def test_what_kubernetes_gives_up_has_failed_with_what_is_behind_it() -> None:
    deployment, found = finished(2)
    deployment["status"]["availableReplicas"] = 1
    said = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "timed out"}
    deployment["status"]["conditions"] = [said]
    state = progress(deployment, SETS_OF_BOTH, found, [])
    assert (state.state, state.says) == ("failed", "Kubernetes gave the rollout up: there was no progress within 600 s")

    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "chat" not found'}}
    found[0]["status"] = {"containerStatuses": [{"name": "chat", "ready": False, "restartCount": 0, "state": waiting}]}
    state = progress(deployment, SETS_OF_BOTH, found, [])
    assert state.trouble is not None
    assert state.says.endswith("the container cannot be set up: a ConfigMap, a Secret or a key of it is missing")
    assert state.trouble.message == 'secret "chat" not found'
