"""Reading Kubernetes' objects: labels, owners, containers, readiness. Pure."""

from typing import Any

Object = dict[str, Any]
"""One object as the API answers it, decoded from JSON."""

HASH = "pod-template-hash"
REVISION = "deployment.kubernetes.io/revision"


def name(thing: Object) -> str:
    """Its name."""
    return str(thing["metadata"]["name"])


def uid(thing: Object) -> str:
    """What tells it from an earlier one of the same name."""
    return str(thing["metadata"].get("uid", ""))


def version(thing: Object) -> str:
    """What a write names, so that it is refused when somebody else wrote meanwhile."""
    return str(thing["metadata"].get("resourceVersion", ""))


def labels(thing: Object) -> dict[str, str]:
    """Its labels."""
    return dict(thing["metadata"].get("labels") or {})


def annotation(thing: Object, key: str) -> str | None:
    """One annotation, None where it has none of that name."""
    found = (thing["metadata"].get("annotations") or {}).get(key)
    return None if found is None else str(found)


def owned_by(thing: Object, owner: Object) -> bool:
    """Is that its controller?"""
    owners = thing["metadata"].get("ownerReferences") or ()
    return any(each.get("controller") and each.get("uid") == uid(owner) for each in owners)


def selects(selector: dict[str, str], theirs: dict[str, str]) -> bool:
    """Does a Service's selector match these labels? One that is empty matches nothing."""
    return bool(selector) and all(theirs.get(key) == value for key, value in selector.items())


def selector(deployment: Object) -> str:
    """A Deployment's selector, as a list is asked for."""
    spec = deployment["spec"]["selector"]
    parts = [f"{key}={value}" for key, value in sorted((spec.get("matchLabels") or {}).items())]
    for each in spec.get("matchExpressions") or ():
        values = ",".join(each.get("values") or ())
        parts.append(
            {
                "In": f"{each['key']} in ({values})",
                "NotIn": f"{each['key']} notin ({values})",
                "Exists": each["key"],
                "DoesNotExist": f"!{each['key']}",
            }[each["operator"]]
        )
    return ",".join(parts)


def containers(template: Object) -> list[Object]:
    """The containers of a pod's template."""
    return list(template["spec"]["containers"])


def image(deployment: Object, container: str) -> str:
    """The image that a Deployment or a ReplicaSet wants in a container; empty where it has no such container."""
    found = (each for each in containers(deployment["spec"]["template"]) if each["name"] == container)
    return str(next(found, {}).get("image", ""))


def template(thing: Object) -> Object:
    """The pod's template without the hash that a ReplicaSet adds to it."""
    made = dict(thing["spec"]["template"])
    metadata = dict(made.get("metadata") or {})
    kept = {key: value for key, value in (metadata.get("labels") or {}).items() if key != HASH}
    metadata["labels"] = kept
    made["metadata"] = {key: value for key, value in metadata.items() if value is not None}
    return made


def condition(thing: Object, kind: str) -> Object | None:
    """One of its conditions."""
    conditions = (thing.get("status") or {}).get("conditions") or ()
    return next((each for each in conditions if each.get("type") == kind), None)


def ends(pod: Object) -> bool:
    """Was it told to end, or has it?"""
    phase = (pod.get("status") or {}).get("phase")
    return bool(pod["metadata"].get("deletionTimestamp")) or phase in ("Succeeded", "Failed")


def ready(pod: Object) -> bool:
    """Does it take traffic: is it ready and not ending?"""
    found = condition(pod, "Ready")
    return found is not None and found.get("status") == "True" and not ends(pod)


def newest(deployment: Object, replica_sets: list[Object]) -> Object | None:
    """The ReplicaSet that has the Deployment's template: the one being rolled out, or that serves.

    As kubectl finds it: by the template without the hash, the oldest where there are several.
    """
    wanted = template(deployment)
    own = [each for each in replica_sets if owned_by(each, deployment) and template(each) == wanted]
    return min(own, key=lambda each: (str(each["metadata"].get("creationTimestamp", "")), name(each)), default=None)
