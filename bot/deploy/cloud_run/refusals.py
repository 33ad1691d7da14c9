"""What Google said no with, in one sentence that says what to do: which role is missing, which limit was reached."""

import re
from typing import Any

from bot.model.errors import DeployError

LONGEST = 400
"""Characters of the platform's own words that a message shows."""

_ROLES = (
    (
        r"iam\.serviceaccounts\.actas",
        "roles/iam.serviceAccountUser",
        "on the service account that the revision runs as",
    ),
    (
        r"artifactregistry\.|read the image|storage\.objects\.get|image .*(denied|unauthorized)",
        "roles/artifactregistry.reader",
        "on the image's repository, for Cloud Run's service agent and for whoever deploys",
    ),
    (
        r"secretmanager\.|on secret|secret ?accessor",
        "roles/secretmanager.secretAccessor",
        "on the secret, for the revision's account",
    ),
    (r"logging\.", "roles/logging.viewer", "on the project"),
    (r"setiampolicy", "roles/run.admin", "on the service"),
    (r"vpcaccess\.", "roles/vpcaccess.user", "on the connector's project, for Cloud Run's service agent"),
    (r"compute\.(sub)?networks", "roles/compute.networkUser", "on the network, for Cloud Run's service agent"),
)
REASONS = {
    "CONTAINER_PERMISSION_DENIED": "roles/artifactregistry.reader",
    "CONTAINER_IMAGE_UNAUTHORIZED": "roles/binaryauthorization.policyViewer",
    "SECRETS_ACCESS_CHECK_FAILED": "roles/secretmanager.secretAccessor",
    "ENCRYPTION_KEY_PERMISSION_DENIED": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
}
"""Conditions of a revision that mean that an account lacks a role, and that role."""


class Refused(DeployError):
    """The API answered with an error. `status` is that of HTTP, `word` Google's own, such as `PERMISSION_DENIED`."""

    def __init__(self, message: str, status: int, word: str) -> None:
        super().__init__(message)
        self.status = status
        self.word = word


class Unsure(DeployError):
    """No answer came, or one that leaves open whether the act was done."""


def plain(text: object) -> str:
    """The platform's words on one line, cut: they are data, and whoever wrote them is unknown."""
    words = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return words if len(words) <= LONGEST else words[: LONGEST - 1] + "…"


def refused(what: str, status: int, body: Any) -> Refused:
    """The error for an answer that is no success. `what` says what was asked."""
    error = body.get("error") if isinstance(body, dict) else None
    error = error if isinstance(error, dict) else {}
    word, said = plain(error.get("status", "")), plain(error.get("message", "")) or "it gave no reason"
    return Refused(f"{what}: Google Cloud answered {status} {word}: {said}{advice(status, said, word)}", status, word)


def advice(status: int, said: str, word: str = "") -> str:
    """What to do about it, after a semicolon; empty where that is not known."""
    if status == 401:
        return "; the access token is wrong or has expired (it lasts an hour): give a fresh one"
    if "SERVICE_DISABLED" in said or "has not been used in project" in said:
        return "; enable the API first: gcloud services enable run.googleapis.com"
    if "organization's policy" in said or "constraints/" in said:
        return "; a policy of the organization forbids it: no role helps, ask who keeps the policy"
    if "billing" in said.lower():
        return "; see to the project's billing account"
    if status == 403:
        return f"; grant {role(said)}"
    if status == 429 or word == "RESOURCE_EXHAUSTED" or re.search(r"\bquota\b", said, re.IGNORECASE):
        return "; a quota of the project is used up: wait, ask for less, or have it raised (IAM & Admin, Quotas)"
    if status in (500, 502, 503, 504):
        return "; this is on Google's side: try again later (status.cloud.google.com)"
    return ""


def role(said: str) -> str:
    """The role that is missing, by the permission that the message names.

    >>> role("Permission 'run.services.update' denied on resource 'x'")
    'roles/run.developer on the service or its project'
    """
    for pattern, name, where in _ROLES:
        if re.search(pattern, said, re.IGNORECASE):
            return f"{name} {where}"
    return "roles/run.developer on the service or its project"
