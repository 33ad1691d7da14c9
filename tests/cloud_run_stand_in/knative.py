"""The v1 view of a service and of a revision, which is what `gcloud` reads: Knative's form of the same."""

from datetime import datetime
from typing import Any

from tests.cloud_run_stand_in.world import LATEST, Json, Service

STATES = {"CONDITION_SUCCEEDED": "True", "CONDITION_FAILED": "False"}


def service(found: Service) -> Json:
    """namespaces.services.get."""
    raw = found.raw
    project, region, name = _parts(raw["name"])
    template = raw["template"]
    conditions = [raw["terminalCondition"], *raw["conditions"]]
    status: dict[str, Any] = {
        "url": raw.get("uri", "None"),
        "address": {"url": raw.get("uri", "None")},
        "conditions": [_condition(each) for each in conditions],
        "observedGeneration": raw["observedGeneration"],
        "latestCreatedRevisionName": raw["latestCreatedRevision"].rpartition("/")[2],
        "latestReadyRevisionName": raw["latestReadyRevision"].rpartition("/")[2],
        "traffic": [_target(each) for each in raw["trafficStatuses"]],
    }
    metadata = _metadata(raw, name, project, region)
    metadata["annotations"] = {
        "serving.knative.dev/lastModifier": raw["lastModifier"],
        "serving.knative.dev/creator": raw["creator"],
        "run.googleapis.com/ingress": "all",
        "run.googleapis.com/ingress-status": "all",
        **raw.get("annotations", {}),
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {
            "template": {
                "metadata": {"name": template["revision"]} if template.get("revision") else {},
                "spec": _spec(template),
            },
            "traffic": [_target(each) for each in raw["traffic"] or [{"type": LATEST, "percent": 100}]],
        },
        "status": status,
    }


def revision(raw: Json) -> Json:
    """namespaces.revisions.get."""
    owner, _, name = raw["name"].rpartition("/revisions/")
    project, region, short = _parts(owner)
    metadata = _metadata(raw, name, project, region)
    metadata["labels"]["serving.knative.dev/service"] = short
    statuses = raw.get("containerStatuses") or [{}]
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Revision",
        "metadata": metadata,
        "spec": _spec(raw),
        "status": {
            "conditions": [_condition(each) for each in raw["conditions"]],
            "imageDigest": statuses[0].get("imageDigest", ""),
            "logUrl": raw["logUri"],
            "observedGeneration": 1,
            "serviceName": short,
        },
    }


def _parts(path: str) -> tuple[str, str, str]:
    _, project, _, region, _, name = path.split("/")
    return project, region, name


def _metadata(raw: Json, name: str, project: str, region: str) -> Json:
    return {
        "name": name,
        "namespace": project,
        "uid": raw["uid"],
        "generation": raw["generation"],
        "resourceVersion": raw["etag"].strip('"'),
        "creationTimestamp": raw["createTime"],
        "labels": {"cloud.googleapis.com/location": region},
        "selfLink": f"/apis/serving.knative.dev/v1/namespaces/{project}/services/{name}",
    }


def _spec(template: Json) -> Json:
    made: Json = {"containers": [_container(each) for each in template.get("containers", ())]}
    if "maxInstanceRequestConcurrency" in template:
        made["containerConcurrency"] = template["maxInstanceRequestConcurrency"]
    if "timeout" in template:
        made["timeoutSeconds"] = int(template["timeout"].removesuffix("s"))
    if "serviceAccount" in template:
        made["serviceAccountName"] = template["serviceAccount"]
    return made


def _container(raw: Json) -> Json:
    made = {"image": raw["image"]}
    if raw.get("env"):
        made["env"] = [{"name": each["name"], "value": each.get("value", "")} for each in raw["env"]]
    if raw.get("resources", {}).get("limits"):
        made["resources"] = {"limits": raw["resources"]["limits"]}
    return made


def _target(raw: Json) -> Json:
    made: Json = {"latestRevision": True} if raw["type"] == LATEST else {}
    if "revision" in raw:
        made["revisionName"] = raw["revision"]
    if raw.get("percent"):
        made["percent"] = raw["percent"]
    if "tag" in raw:
        made["tag"] = raw["tag"]
    if "uri" in raw:
        made["url"] = raw["uri"]
    return made


def _condition(raw: Json) -> Json:
    made = {"type": raw["type"], "status": STATES.get(raw["state"], "Unknown")}
    made["lastTransitionTime"] = datetime.fromisoformat(raw["lastTransitionTime"]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return made | {key: raw[key] for key in ("message",) if key in raw}
