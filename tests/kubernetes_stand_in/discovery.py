"""What `kubectl` asks first: which groups, versions and kinds there are."""

from typing import Any

from tests.kubernetes_stand_in.store import KINDS, Object

SHORT = {
    "deployments": ["deploy"],
    "replicasets": ["rs"],
    "pods": ["po"],
    "services": ["svc"],
    "events": ["ev"],
    "namespaces": ["ns"],
}
VERBS = ["create", "delete", "get", "list", "patch", "update", "watch"]


def _resources(group_version: str) -> Object:
    found = [
        {
            "name": name,
            "singularName": kind.lower(),
            "namespaced": name != "namespaces",
            "kind": kind,
            "verbs": VERBS,
            "shortNames": SHORT[name],
            "categories": ["all"] if name not in ("events", "namespaces") else [],
        }
        for name, (version, kind) in KINDS.items()
        if version == group_version
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": found}


def answer(operation: str) -> Object | None:
    """The answer to a question of discovery; None where it is none."""
    version = {"groupVersion": "apps/v1", "version": "v1"}
    answers: dict[str, Any] = {
        "getCoreAPIVersions": {
            "kind": "APIVersions",
            "versions": ["v1"],
            "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
        },
        "getAPIVersions": {
            "kind": "APIGroupList",
            "apiVersion": "v1",
            "groups": [{"name": "apps", "versions": [version], "preferredVersion": version}],
        },
        "getCoreV1APIResources": _resources("v1"),
        "getAppsV1APIResources": _resources("apps/v1"),
        "getCodeVersion": {
            "major": "1",
            "minor": "32",
            "gitVersion": "v1.32.0",
            "gitCommit": "0" * 40,
            "gitTreeState": "clean",
            "buildDate": "2025-01-01T00:00:00Z",
            "goVersion": "go1.23",
            "compiler": "gc",
            "platform": "linux/amd64",
        },
    }
    return answers.get(operation)
