"""What a look shows, in the forms that the bot keeps: facts, a series, a check, the state of an observation. Pure."""

import json

from pydantic import JsonValue

from bot.deploy.kubernetes import objects, rollout
from bot.deploy.kubernetes.objects import Object
from bot.deploy.kubernetes.waiting import Look, Waited
from bot.deploy.target import Evidence
from bot.model import Check, Fact, Observation, Series, digest
from bot.model.duration import format_duration
from bot.safety.redact import Redactor

EVENTS = 40
"""Events that are kept as evidence, the latest."""
LINE = 600
"""Characters of what Kubernetes said that a check shows: what a registry answers is long, and the point comes last."""


def platform(seen: Look, container: str) -> dict[str, JsonValue]:
    """The revision as Kubernetes has it, each thing by itself; what is not known is left out.

    `digest` is what the nodes say they run, and all of them where they differ.
    """
    deployment, newest = seen.deployment, seen.newest
    pods = seen.of(newest)
    ids = sorted({each for pod in pods if (each := image_id(pod, container))})
    found: dict[str, JsonValue] = {
        "namespace": str(deployment["metadata"]["namespace"]),
        "deployment": objects.name(deployment),
        "replica set": None if newest is None else objects.name(newest),
        "rollout": objects.annotation(deployment, objects.REVISION),
        "image": objects.image(deployment, container),
        "digest": ", ".join(ids) or None,
        "replicas": rollout.wants(deployment),
        "ready": sum(map(objects.ready, pods)),
    }
    for kind, values in _resources(deployment, container).items():
        found |= {f"{name} {kind}": str(value) for name, value in values.items()}
    return {key: value for key, value in found.items() if value is not None}


def _resources(deployment: Object, container: str) -> dict[str, dict[str, str]]:
    """Limits and requests of a container, as the manifest writes them."""
    wanted = next(each for each in objects.containers(deployment["spec"]["template"]) if each["name"] == container)
    resources = wanted.get("resources") or {}
    kinds = (("limit", "limits"), ("request", "requests"))
    return {kind: {str(name): str(value) for name, value in (resources.get(key) or {}).items()} for kind, key in kinds}


def facts(seen: Look, stable: str, container: str, redactor: Redactor) -> tuple[Fact, ...]:
    """Where it is, and what it may use: the same from one deploy to the next, unless somebody has changed it."""
    place = {"kind": "kubernetes", "namespace": str(seen.deployment["metadata"]["namespace"]), "deployment": stable}
    resources = _resources(seen.deployment, container)
    configuration: dict[str, JsonValue] = {kind: {**values} for kind, values in resources.items()}
    return (
        Fact(id="target", kind="target", value=redacted(dict(place), redactor)),
        Fact(id="configuration", kind="configuration", value=redacted(configuration, redactor)),
    )


def redacted(value: JsonValue, redactor: Redactor) -> JsonValue:
    """The same without secrets, whatever a manifest holds where."""
    if isinstance(value, dict):
        return {key: redacted(each, redactor) for key, each in value.items()}
    if isinstance(value, list):
        return [redacted(each, redactor) for each in value]
    return redactor.text(value) if isinstance(value, str) else value


def image_id(pod: Object, container: str) -> str | None:
    """What the container of a pod really runs, with its digest; None where the platform does not say."""
    for each in (pod.get("status") or {}).get("containerStatuses") or ():
        if each.get("name") == container and each.get("imageID"):
            return str(each["imageID"])
    return None


def observation(
    waited: Waited, stable: str, redactor: Redactor, logs: bytes, container: str, within: float, *, started: bool
) -> tuple[Observation, Evidence]:
    """What bringing a revision up showed. `started` says that the bot started it, so that its start was timed."""
    evidence = _evidence(waited, redactor, logs)
    first = next(iter(evidence), None)
    ok = waited.seconds is not None
    says = redactor.text(waited.progress.says)
    trouble = waited.progress.trouble
    actual = says if ok or trouble is None or not trouble.message else f"{says}: {_line(trouble.message, redactor)}"
    name = objects.name(waited.look.deployment)
    wanted = rollout.wants(waited.look.deployment)
    check = Check(
        id="rollout",
        ok=ok,
        expected=f"{wanted} of {wanted} pods ready within {format_duration(within)}",
        actual=actual,
        evidence=first,
    )
    series: tuple[Series, ...] = ()
    if started and waited.seconds is not None:
        row = (0, waited.seconds * 1000, 0, True)
        series = (Series(id="start-up", unit="ms", better="lower", samples=(row,)),)
    return (
        Observation(
            probe="deploy",
            kind="deploy",
            title="Deploy",
            state="measured" if ok else "broken",
            reason=None if ok else f"{name} is not up: {actual}",
            checks=(check,),
            series=series,
            facts=facts(waited.look, stable, container, redactor),
            notes=tuple(evidence),
        ),
        evidence,
    )


def _evidence(waited: Waited, redactor: Redactor, logs: bytes) -> Evidence:
    """The pods' output, and what Kubernetes said of them where something is wrong."""
    found = {digest(logs): (logs, "text/plain")} if logs else {}
    if waited.seconds is None:
        look = waited.look
        said = {
            "conditions": (look.deployment.get("status") or {}).get("conditions") or [],
            "pods": {objects.name(each): each.get("status") or {} for each in look.of(look.newest)},
            "events": [
                {key: each.get(key) for key in ("reason", "message", "count", "lastTimestamp")}
                for each in look.events[-EVENTS:]
            ],
        }
        text = redactor.text(json.dumps(said, indent=1, sort_keys=True)).encode()
        found[digest(text)] = (text, "application/json")
    return found


def _line(text: str, redactor: Redactor) -> str:
    line = " ".join(text.split())
    return redactor.text(line[:LINE], cut=len(line) > LINE)
