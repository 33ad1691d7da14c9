"""Why pods do not come up: each reason in one sentence, with what Kubernetes said of it as data. Pure."""

from dataclasses import dataclass

from bot.deploy.kubernetes import objects
from bot.deploy.kubernetes.objects import Object

NOT_PULLED = "the image cannot be pulled: the registry has none of that name, or does not let the cluster have it"
WAITING = {
    "ImagePullBackOff": NOT_PULLED,
    "ErrImagePull": NOT_PULLED,
    "RegistryUnavailable": "the image cannot be pulled: the registry does not answer",
    "InvalidImageName": "the image's name is not a valid one",
    "ErrImageNeverPull": "the image is not on the node, and the pod's `imagePullPolicy` is never to pull it",
    "CrashLoopBackOff": "the container ends again and again",
    "CreateContainerConfigError": "the container cannot be set up: a ConfigMap, a Secret or a key of it is missing",
    "CreateContainerError": "the container cannot be created",
    "RunContainerError": "the container cannot be started",
}
"""The reasons of a waiting container, as the kubelet writes them."""
FINAL = frozenset({"InvalidImageName", "ErrImageNeverPull"})
"""No waiting helps."""
PATIENT = frozenset({"Unschedulable", "Unhealthy"})
"""These pass by themselves as often as not (a node is added, a cache is filled): they count once time is up."""
_ORDER = (*WAITING, "OOMKilled", "FailedCreate", "Unschedulable", "Unhealthy")


@dataclass(frozen=True)
class Trouble:
    """One reason. `message` is what Kubernetes said, untrusted; `final` says that waiting does not help."""

    reason: str
    sentence: str
    message: str
    final: bool = False

    @property
    def patient(self) -> bool:
        """Is it given all the time that there is?"""
        return self.reason in PATIENT


def troubles(deployment: Object, pods: list[Object], events: list[Object]) -> list[Trouble]:
    """What is wrong with a Deployment's new pods, the most telling first."""
    found = [*_failed_create(deployment)]
    for pod in pods:
        if not objects.ends(pod):
            found += _of_pod(pod, events)
    return sorted(found, key=lambda each: _ORDER.index(each.reason))


def _failed_create(deployment: Object) -> list[Trouble]:
    """The ReplicaSet may not make pods: as a rule a quota, else an admission webhook or a missing account."""
    failure = objects.condition(deployment, "ReplicaFailure")
    if failure is None or failure.get("status") != "True":
        return []
    message = str(failure.get("message", ""))
    quota = "exceeded quota" in message
    sentence = "a quota of the namespace allows no further pod" if quota else "the cluster refuses to create the pod"
    return [Trouble("FailedCreate", sentence, message)]


def _of_pod(pod: Object, events: list[Object]) -> list[Trouble]:
    scheduled = objects.condition(pod, "PodScheduled")
    if scheduled and scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return [Trouble("Unschedulable", "no node has room for the pod", str(scheduled.get("message", "")))]
    status = pod.get("status") or {}
    found = []
    for each in [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]:
        waiting = (each.get("state") or {}).get("waiting") or {}
        if (reason := waiting.get("reason")) in WAITING:
            found.append(_waiting(each, str(reason), str(waiting.get("message", "")), events, pod))
        elif not each.get("ready") and (each.get("state") or {}).get("running"):
            found += _unhealthy(pod, events)
    return found


def _waiting(container: Object, reason: str, message: str, events: list[Object], pod: Object) -> Trouble:
    sentence = WAITING[reason]
    last = (container.get("lastState") or {}).get("terminated") or {}
    if reason == "CrashLoopBackOff" and last:
        if last.get("reason") == "OOMKilled":
            return Trouble(
                "OOMKilled", "the container is killed again and again: it wants more memory than its limit", message
            )
        sentence = f"{sentence}, with exit code {last.get('exitCode')}"
    if reason == "ImagePullBackOff":  # its own message says only that it backs off; the event says why
        message = _event(pod, events, "Failed", "pull") or message
    return Trouble(reason, sentence, message, final=reason in FINAL)


def _unhealthy(pod: Object, events: list[Object]) -> list[Trouble]:
    message = _event(pod, events, "Unhealthy", "Readiness")
    return [Trouble("Unhealthy", "its readiness probe fails", message)] if message else []


def _event(pod: Object, events: list[Object], reason: str, word: str) -> str:
    """What the last event of that reason says of the pod, preferring one with the word in it."""
    told = [
        str(each.get("message", ""))
        for each in sorted(events, key=lambda each: str(each.get("lastTimestamp") or each.get("eventTime") or ""))
        if each.get("reason") == reason and (each.get("involvedObject") or {}).get("uid") == objects.uid(pod)
    ]
    return next((each for each in reversed(told) if word in each), told[-1] if told else "")
