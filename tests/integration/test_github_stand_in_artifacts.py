"""Artifacts go up through the job's service and the blob store, and come down through the REST interface."""

import base64
import hashlib
import io
import json
import time
import zipfile
from typing import Any

import httpx
import pytest

from tests.finding import pick
from tests.github_stand_in import Limits, Repository, StandIn
from tests.github_stand_in.state import WorkflowRun

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService/"


class Job:
    """An upload as the official client does it."""

    def __init__(self, github: StandIn, run: WorkflowRun) -> None:
        claims = json.loads(base64.urlsafe_b64decode(run.token.split(".")[1] + "=="))
        scope = pick(claims["scp"].split(), lambda each: each.startswith("Actions.Results:"))
        _, backend, job = scope.split(":")
        self.ids = {"workflow_run_backend_id": backend, "workflow_job_run_backend_id": job}
        self.origin = github.results_url
        self.headers = {"Authorization": f"Bearer {run.token}"}

    def rpc(self, rpc: str, /, **message: object) -> httpx.Response:
        return httpx.post(self.origin + SERVICE + rpc, json=self.ids | message, headers=self.headers)

    def upload(self, name: str, content: bytes, block: int = 100) -> httpx.Response:
        made = self.rpc("CreateArtifact", name=name, version=7, mime_type="application/zip")
        if made.status_code != 200:
            return made
        url = made.json()["signed_upload_url"]
        ids = []
        for start in range(0, len(content), block):
            ids.append(base64.b64encode(f"{start:012}".encode()).decode())
            part = {"comp": "block", "blockid": ids[-1]}
            assert (
                httpx.put(httpx.URL(url).copy_merge_params(part), content=content[start : start + block]).status_code
                == 201
            )
        listed = "".join(f"<Latest>{each}</Latest>" for each in ids)
        document = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><BlockList>{listed}</BlockList>'
        assert httpx.put(httpx.URL(url).copy_merge_params({"comp": "blocklist"}), content=document).status_code == 201
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return self.rpc("FinalizeArtifact", name=name, size=str(len(content)), hash=digest)


def packed(content: bytes) -> bytes:
    """A zip with one file."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("run.json", content)
    return made.getvalue()


@pytest.fixture
def repository(github: StandIn) -> Repository:
    """A repository with one commit."""
    return github.repository("octo/chat")


@pytest.fixture
def job(github: StandIn, repository: Repository) -> Job:
    """A job of a run for a push."""
    return Job(github, repository.workflow_run())


def listed(github: StandIn, **query: str) -> list[dict[str, Any]]:
    """The artifacts of the repository."""
    answer = httpx.get(f"{github.url}/repos/octo/chat/actions/artifacts", params=query)
    found: list[dict[str, Any]] = answer.json()["artifacts"]
    return found


def test_an_artifact_makes_the_round_trip(github: StandIn, repository: Repository, job: Job) -> None:
    content = packed(b'{"format": "stability-proof/run@1"}' * 20)
    number = job.upload("baseline", content).json()["artifact_id"]
    [found] = listed(github, name="baseline")
    assert found["id"] == int(number)
    assert found["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert found["workflow_run"]["head_sha"] == repository.branches["main"]
    assert listed(github, name="base") == [], "the filter is the whole name"
    headers = {"Authorization": f"Bearer {github.token('octo/chat')}"}
    answer = httpx.get(found["archive_download_url"], headers=headers)
    assert answer.status_code == 302
    assert httpx.get(answer.headers["Location"]).content == content


def test_the_blob_store_must_not_get_the_token(github: StandIn, job: Job) -> None:
    job.upload("baseline", packed(b"{}"))
    url = str(listed(github)[0]["archive_download_url"])
    headers = {"Authorization": f"Bearer {github.token('octo/chat')}"}
    location = httpx.get(url, headers=headers).headers["Location"]
    assert httpx.URL(location).port != httpx.URL(url).port, "it is another host"
    assert httpx.get(url, headers=headers, follow_redirects=True).status_code == 200, "httpx drops the header"
    assert github.violations == []
    assert httpx.get(location, headers=headers).status_code == 500
    assert "token leaked" in github.violations.pop()


def test_an_address_is_good_for_a_minute_and_an_artifact_for_its_days(repository: Repository) -> None:
    with StandIn(limits=Limits(blob_seconds=0.05)) as github:
        made = github.repository("octo/chat")
        run = made.workflow_run()
        made.upload(run, "fresh", {"run.json": b"{}"})
        made.upload(run, "old", {"run.json": b"{}"}, days=-1)
        headers = {"Authorization": f"Bearer {github.token('octo/chat')}"}
        old, fresh = listed(github)[0], listed(github)[1]
        assert (old["expired"], fresh["expired"]) == (True, False)
        assert httpx.get(str(old["archive_download_url"]), headers=headers).status_code == 410
        location = httpx.get(str(fresh["archive_download_url"]), headers=headers).headers["Location"]
        time.sleep(0.1)
        assert httpx.get(location).status_code == 403
        assert github.violations == []


def test_downloading_needs_a_token_that_may(github: StandIn, repository: Repository) -> None:
    artifact = repository.upload(repository.workflow_run(), "baseline", {"run.json": b"{}"})
    url = f"{github.url}/repos/octo/chat/actions/artifacts/{artifact.id}/zip"
    without = {"Authorization": f"Bearer {github.token('octo/chat', {'issues': 'write'})}"}
    assert [httpx.get(url).status_code, httpx.get(url, headers=without).status_code] == [401, 403]


def test_a_name_can_be_used_once_a_run_until_it_is_deleted(github: StandIn, repository: Repository, job: Job) -> None:
    first = job.upload("baseline", packed(b"1")).json()["artifact_id"]
    again = job.upload("baseline", packed(b"2"))
    assert again.status_code == 409
    assert again.json()["msg"] == "an artifact with this name already exists on the workflow run"
    assert job.rpc("DeleteArtifact", name="baseline").json() == {"ok": True, "artifact_id": first}
    assert int(job.upload("baseline", packed(b"2")).json()["artifact_id"]) > int(first)
    other = Job(github, repository.workflow_run())
    assert other.upload("baseline", packed(b"3")).status_code == 200
    assert len(listed(github, name="baseline")) == 2
    [mine] = other.rpc("ListArtifacts", name_filter="baseline").json()["artifacts"]
    signed = other.rpc("GetSignedArtifactURL", name="baseline").json()["signed_url"]
    assert hashlib.sha256(httpx.get(signed).content).hexdigest() == mine["digest"].removeprefix("sha256:")


def test_a_wrong_digest_or_size_is_refused_and_nothing_is_there(github: StandIn, job: Job) -> None:
    made = job.rpc("CreateArtifact", name="baseline", version=7).json()
    assert job.rpc("FinalizeArtifact", name="baseline", size="1").status_code == 400, "nothing was committed"
    url, block = httpx.URL(made["signed_upload_url"]), base64.b64encode(b"1").decode()
    httpx.put(url.copy_merge_params({"comp": "block", "blockid": block}), content=b"content")
    httpx.put(
        url.copy_merge_params({"comp": "blocklist"}),
        content=f"<BlockList><Latest>{block}</Latest></BlockList>",
    )
    assert job.rpc("FinalizeArtifact", name="baseline", size="8").status_code == 400
    assert job.rpc("FinalizeArtifact", name="baseline", size="7", hash=f"sha256:{'0' * 64}").status_code == 400
    assert listed(github) == []


def test_blocks_are_held_to_the_stores_rules(job: Job) -> None:
    url = httpx.URL(job.rpc("CreateArtifact", name="baseline", version=4).json()["signed_upload_url"])

    def put(**query: str) -> int:
        return httpx.put(
            url.copy_merge_params(query), content=b"<BlockList><Latest>AAAA</Latest></BlockList>"
        ).status_code

    assert put(comp="blocklist") == 400, "no such block"
    assert put(comp="block", blockid="not base64!") == 400
    assert put(comp="block", blockid="AAAA") == 201
    assert put(comp="block", blockid="AAAAAAAA") == 400, "all ids have one length"
    assert put(comp="blocklist") == 201
    assert put(comp="block", blockid="AAAA", sig="wrong") == 403


@pytest.mark.parametrize("name", ["", "a/b", 'quo"te', "line\nfeed", "a:b"])
def test_some_names_are_not_allowed(job: Job, name: str) -> None:
    assert job.rpc("CreateArtifact", name=name, version=7).status_code == 400


def test_the_service_wants_the_token_of_its_own_job(github: StandIn, repository: Repository, job: Job) -> None:
    other = Job(github, repository.workflow_run())
    other.ids = job.ids
    assert other.rpc("ListArtifacts").status_code == 403
    other.headers = {"Authorization": f"Bearer {github.token('octo/chat')}"}
    assert other.rpc("ListArtifacts").status_code == 401
    assert job.rpc("ListArtifacts", page="2").status_code == 500
    assert "page" in github.violations.pop()
