"""What the next revision is made of: the service's own template with the spec's image and limits."""

import copy
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from bot.deploy.cloud_run.note import COMMIT, LABEL
from bot.model.errors import DeployError

if TYPE_CHECKING:
    from bot.deploy.cloud_run.target import CloudRunTarget

LONGEST_NAME = 63
"""Characters of a revision's name: it is a label of the domain name system."""


def name(service: str, commit: str | None) -> str:
    """A fresh name for a revision: the service, the commit's first seven digits, and four by lot."""
    lot = secrets.token_hex(2)
    return f"{service}-{commit[:7]}-{lot}" if commit else f"{service}-{lot}{secrets.token_hex(2)}"


def filled(text: str, commit: str | None) -> str:
    """`{commit}` filled in.

    Raises:
        DeployError: it is asked for, and no commit is known.
    """
    if "{commit}" in text and commit is None:
        raise DeployError(f"{text!r} needs a commit, and none is known here; check the repository out, or name one")
    return text.replace("{commit}", commit or "")


def made(current: Mapping[str, Any], target: "CloudRunTarget", revision: str, commit: str | None) -> dict[str, Any]:
    """The template of the next revision; what the spec does not name stays as it is.

    Raises:
        DeployError: the service has several containers, and the spec does not say which is meant.
    """
    template = copy.deepcopy(dict(current))
    template["revision"] = revision
    annotations = {key: value for key, value in (template.get("annotations") or {}).items() if key != COMMIT}
    template["annotations"] = {**annotations, COMMIT: f"{commit} {revision}"} if commit else annotations
    if LABEL in (template.get("labels") or {}):  # of the revision before
        kept = {key: value for key, value in template["labels"].items() if key != LABEL}
        template["labels"] = {**kept, LABEL: commit} if commit else kept
    containers = template.setdefault("containers", [{}])
    container = containers[_place(containers, target.container)]
    container["image"] = filled(target.image, commit)
    for gone in ("buildInfo", "sourceCode"):  # of the image before, or none of ours to send
        container.pop(gone, None)
    if target.env:
        container["env"] = _variables(container.get("env") or [], target.env, commit)
    limits = {key: value for key, value in (("cpu", target.cpu), ("memory", target.memory)) if value is not None}
    if limits:
        resources = container.setdefault("resources", {"cpuIdle": True})  # false, unless it is said again
        resources["limits"] = {**(resources.get("limits") or {}), **limits}
    scaling = {"minInstanceCount": target.min_instances, "maxInstanceCount": target.max_instances}
    if wanted := {key: value for key, value in scaling.items() if value is not None}:
        template["scaling"] = {**(template.get("scaling") or {}), **wanted}
    if target.concurrency is not None:
        template["maxInstanceRequestConcurrency"] = target.concurrency
    if target.timeout is not None:
        template["timeout"] = f"{target.timeout:g}s"
    if target.service_account is not None:
        template["serviceAccount"] = target.service_account
    return template


def _place(containers: list[dict[str, Any]], wanted: str | None) -> int:
    if wanted is not None:
        for index, each in enumerate(containers):
            if each.get("name") == wanted:
                return index
        if containers == [{}]:
            containers[0]["name"] = wanted
            return 0
        names = ", ".join(str(each.get("name")) for each in containers)
        raise DeployError(f"the service has no container {wanted!r}; it has: {names}")
    if len(containers) == 1:
        return 0
    with_port = [index for index, each in enumerate(containers) if each.get("ports")]
    if len(with_port) != 1:
        raise DeployError("the service has several containers; name the one to deploy with `container`")
    return with_port[0]


def _variables(current: list[dict[str, Any]], wanted: Mapping[str, str], commit: str | None) -> list[dict[str, Any]]:
    kept = [each for each in current if each.get("name") not in wanted]
    return kept + [{"name": key, "value": filled(value, commit)} for key, value in wanted.items()]
