"""The artifact service of a running job (`ACTIONS_RESULTS_URL`): create, finalize, list, get and delete.

Source: actions/toolkit, `packages/artifact` (the messages of `results/api/v1/artifact`); errors are Twirp's.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.github_stand_in.blobs import signed_url
from tests.github_stand_in.routing import Answer, Json, Site
from tests.github_stand_in.state import Artifact, WorkflowRun
from tests.github_stand_in.validation import Violation
from tests.github_stand_in.world import Repository

SERVICE = "/twirp/github.actions.results.api.v1.ArtifactService/"
FORBIDDEN = set('":<>|*?\r\n\\/')
NINETY_DAYS = timedelta(days=90)
IDS: dict[str, type] = {"workflow_run_backend_id": str, "workflow_job_run_backend_id": str}
FIELDS: dict[str, dict[str, type]] = {
    "CreateArtifact": IDS | {"name": str, "version": int, "expires_at": str, "mime_type": str},
    "FinalizeArtifact": IDS | {"name": str, "size": str, "hash": str},
    "ListArtifacts": IDS | {"name_filter": str, "id_filter": str},
    "GetSignedArtifactURL": IDS | {"name": str},
    "DeleteArtifact": IDS | {"name": str},
}
OPTIONAL = {"expires_at", "mime_type", "hash", "name_filter", "id_filter"}


class TwirpRefusal(Exception):
    """The service says no."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def respond(site: Site, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
    """Answer one request to the service.

    Raises:
        Violation: it is none that the service takes.
    """
    name = target.removeprefix(SERVICE)
    if method != "POST" or name not in FIELDS:
        raise Violation(f"{method} {target} is not something that the artifact service has")
    try:
        repository, run = _current_run(site, headers)
        message = _message(name, body)
        if message["workflow_run_backend_id"] != run.backend or message["workflow_job_run_backend_id"] != run.job:
            raise TwirpRefusal(403, "permission_denied", "the ids are not those of the token's job")
        return Answer(200, HANDLERS[name](site, repository, run, message))
    except TwirpRefusal as refusal:
        return Answer(refusal.status, {"code": refusal.code, "msg": str(refusal)})


def _current_run(site: Site, headers: dict[str, str]) -> tuple[Repository, WorkflowRun]:
    given = headers.get("authorization", "").removeprefix("Bearer ")
    for repository in site.world.repositories.values():
        for run in repository.runs.values():
            if given and given == run.token:
                return repository, run
    raise TwirpRefusal(401, "unauthenticated", "invalid or missing token")


def _message(name: str, body: bytes) -> dict[str, Json]:
    try:
        message = json.loads(body)
    except ValueError:
        raise TwirpRefusal(400, "malformed", "the json request could not be decoded") from None
    fields = FIELDS[name]
    if not isinstance(message, dict) or (set(message) - set(fields)):
        raise Violation(f"{name}: {sorted(set(message) - set(fields))} is not described")
    for field, kind in fields.items():
        # 64-bit integers are strings in protobuf's JSON
        if field in message and not isinstance(message[field], kind):
            raise Violation(f"{name}: {field} is not a {kind.__name__}")
        if field not in message and field not in OPTIONAL:
            raise TwirpRefusal(400, "invalid_argument", f"{field} is required")
    return message


def _existing(repository: Repository, run: WorkflowRun, name: str) -> Artifact | None:
    found = [each for each in repository.artifacts.values() if (each.run, each.name) == (run.id, name)]
    return next((each for each in reversed(found) if not each.deleted), None)


def _wanted(repository: Repository, run: WorkflowRun, name: str) -> Artifact:
    found = _existing(repository, run, name)
    if found is None:
        raise TwirpRefusal(404, "not_found", f"no artifact named {name} exists on the workflow run")
    return found


def _create(site: Site, repository: Repository, run: WorkflowRun, message: dict[str, Json]) -> Json:
    name = message["name"]
    if not name or FORBIDDEN & set(name):
        raise TwirpRefusal(400, "invalid_argument", "the artifact name contains characters that are not allowed")
    if message["version"] not in (4, 5, 6, 7):
        raise TwirpRefusal(400, "invalid_argument", "the version is not supported")
    if _existing(repository, run, name):
        raise TwirpRefusal(409, "already_exists", "an artifact with this name already exists on the workflow run")
    latest = datetime.now(UTC) + NINETY_DAYS
    asked = datetime.fromisoformat(message["expires_at"]) if "expires_at" in message else latest
    until = min(asked, latest).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = Artifact(id=site.world.number(), name=name, run=run.id, blob=site.world.new_blob(), expires_at=until)
    repository.artifacts[made.id] = made
    return {"ok": True, "signed_upload_url": signed_url(site, made.blob, write=True)}


def _finalize(site: Site, repository: Repository, run: WorkflowRun, message: dict[str, Json]) -> Json:
    artifact = _wanted(repository, run, message["name"])
    content = site.world.blobs[artifact.blob].content
    if content is None:
        raise TwirpRefusal(400, "failed_precondition", "the blob was not committed")
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    if message["size"] != str(len(content)):
        raise TwirpRefusal(400, "invalid_argument", f"the size is {len(content)}, not {message['size']}")
    if message.get("hash", digest) != digest:
        raise TwirpRefusal(400, "invalid_argument", f"the hash is {digest}, not {message['hash']}")
    artifact.size, artifact.digest, artifact.final = len(content), digest, True
    return {"ok": True, "artifact_id": str(artifact.id)}


def _list(_site: Site, repository: Repository, run: WorkflowRun, message: dict[str, Json]) -> Json:
    name, number = message.get("name_filter"), message.get("id_filter")
    return {
        "artifacts": [
            {
                "workflow_run_backend_id": run.backend,
                "workflow_job_run_backend_id": run.job,
                "database_id": str(each.id),
                "name": each.name,
                "size": str(each.size),
                "created_at": each.created_at,
                "digest": each.digest,
            }
            for each in repository.artifacts.values()
            if each.run == run.id
            and each.final
            and not each.deleted
            and name in (None, each.name)
            and number in (None, str(each.id))
        ]
    }


def _signed(site: Site, repository: Repository, run: WorkflowRun, message: dict[str, Json]) -> Json:
    artifact = _wanted(repository, run, message["name"])
    return {"name": artifact.name, "signed_url": signed_url(site, artifact.blob, write=False)}


def _delete(_site: Site, repository: Repository, run: WorkflowRun, message: dict[str, Json]) -> Json:
    artifact = _wanted(repository, run, message["name"])
    artifact.deleted = True
    return {"ok": True, "artifact_id": str(artifact.id)}


HANDLERS: dict[str, Callable[[Site, Repository, WorkflowRun, dict[str, Json]], Json]] = {
    "CreateArtifact": _create,
    "FinalizeArtifact": _finalize,
    "ListArtifacts": _list,
    "GetSignedArtifactURL": _signed,
    "DeleteArtifact": _delete,
}
