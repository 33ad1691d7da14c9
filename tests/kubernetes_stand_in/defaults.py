"""What the API server fills in, and what it refuses, when an object is written."""

from typing import Any

from tests.kubernetes_stand_in.store import Object


class Invalid(Exception):
    """The object is refused with 422; the message is in Kubernetes' manner."""


def deployment(thing: Object) -> None:
    """Fill in a Deployment."""
    spec = thing["spec"]
    spec.setdefault("replicas", 1)
    spec.setdefault("revisionHistoryLimit", 10)
    spec.setdefault("progressDeadlineSeconds", 600)
    strategy = spec.setdefault("strategy", {})
    if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
        rolling = strategy.setdefault("rollingUpdate", {})
        rolling.setdefault("maxSurge", "25%")
        rolling.setdefault("maxUnavailable", "25%")
    template = spec["template"]
    template.setdefault("metadata", {}).setdefault("creationTimestamp", None)
    pod(template["spec"])
    labels = template["metadata"].get("labels") or {}
    wanted = spec["selector"].get("matchLabels") or {}
    name = thing["metadata"]["name"]
    if any(labels.get(key) != value for key, value in wanted.items()):
        raise Invalid(
            f'Deployment.apps "{name}" is invalid: spec.template.metadata.labels: Invalid value: {labels}: '
            "`selector` does not match template `labels`"
        )
    if spec["progressDeadlineSeconds"] <= spec.get("minReadySeconds", 0):
        raise Invalid(
            f'Deployment.apps "{name}" is invalid: spec.progressDeadlineSeconds: Invalid value: '
            f"{spec['progressDeadlineSeconds']}: must be greater than minReadySeconds"
        )
    for each in template["spec"]["containers"]:
        if not each.get("image"):
            raise Invalid(
                f'Deployment.apps "{name}" is invalid: spec.template.spec.containers[0].image: Required value'
            )


def pod(spec: dict[str, Any]) -> None:
    """Fill in a pod's spec."""
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    spec.setdefault("terminationGracePeriodSeconds", 30)
    for each in spec["containers"]:
        each.setdefault("imagePullPolicy", "IfNotPresent")
        each.setdefault("resources", {})
        each.setdefault("terminationMessagePath", "/dev/termination-log")
        each.setdefault("terminationMessagePolicy", "File")
        for port in each.get("ports", ()):
            port.setdefault("protocol", "TCP")
        if probe := each.get("readinessProbe"):
            probe.setdefault("timeoutSeconds", 1)
            probe.setdefault("periodSeconds", 10)
            probe.setdefault("successThreshold", 1)
            probe.setdefault("failureThreshold", 3)
            probe["httpGet"].setdefault("scheme", "HTTP")


def service(thing: Object) -> None:
    """Fill in a Service."""
    spec = thing["spec"]
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for each in spec["ports"]:
        each.setdefault("protocol", "TCP")
        each.setdefault("targetPort", each["port"])


FILL = {"deployments": deployment, "services": service}
