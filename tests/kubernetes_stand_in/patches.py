"""The three kinds of patches."""

from typing import Any

from tests.kubernetes_stand_in.store import copied

MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "env": "name",
    "volumes": "name",
    "volumeMounts": "mountPath",
    "imagePullSecrets": "name",
    "conditions": "type",
    "ownerReferences": "uid",
}
"""The lists that a strategic patch merges, and by which field (`x-kubernetes-patch-merge-key`); `ports` depends."""


def strategic(old: Any, change: Any, field: str = "") -> Any:
    """A strategic merge patch."""
    if isinstance(change, dict):
        directive = change.get("$patch")
        rest = {key: value for key, value in change.items() if not key.startswith("$")}
        if directive == "replace":
            return rest
        if directive is not None:
            raise ValueError(f"$patch: {directive} is not known here")
        made = dict(old) if isinstance(old, dict) else {}
        for key, value in rest.items():
            if value is None:
                made.pop(key, None)
            else:
                made[key] = strategic(made.get(key), value, key)
        return made
    if isinstance(change, list):
        return _merged(old or [], change, field)
    return change


def _merged(old: list[Any], change: list[Any], field: str) -> list[Any]:
    key = MERGE_KEYS.get(field)
    if field == "ports" and change and isinstance(change[0], dict):
        key = "containerPort" if "containerPort" in change[0] else "port"
    if key is None:
        return change
    made = copied(old)
    for each in change:
        there = next((index for index, one in enumerate(made) if one.get(key) == each.get(key)), None)
        if each.get("$patch") == "delete":
            made = [one for one in made if one.get(key) != each.get(key)]
        elif there is None:
            made.append({name: value for name, value in each.items() if not name.startswith("$")})
        else:
            made[there] = strategic(made[there], each)
    return made


def merge(old: Any, change: Any) -> Any:
    """RFC 7396."""
    if not isinstance(change, dict):
        return change
    made = dict(old) if isinstance(old, dict) else {}
    for key, value in change.items():
        if value is None:
            made.pop(key, None)
        else:
            made[key] = merge(made.get(key), value)
    return made


def operations(old: Any, change: list[dict[str, Any]]) -> Any:
    """RFC 6902, as far as `kubectl rollout undo` and `kubectl annotate` go: add, replace and remove in objects."""
    made = copied(old)
    for each in change:
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in each["path"].split("/")[1:]]
        place = made
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if each["op"] in ("add", "replace"):
            place[last] = each["value"]
        elif each["op"] == "remove":
            del place[last]
        else:
            raise ValueError(f"the operation {each['op']} is not known here")
    return made


APPLY = {
    "application/strategic-merge-patch+json": strategic,
    "application/merge-patch+json": merge,
    "application/json-patch+json": operations,
}
