"""Take the payloads that the tests use from npm `@octokit/webhooks-examples`, and adapt those that it lacks.

    npm pack @octokit/webhooks-examples && tar xzf octokit-webhooks-examples-*.tgz
    python -m tests.events.extract package

writes the JSON files beside this one.
"""

import copy
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SHA = "b2c1f0f8a3d94c0e9a7d5e6f1234567890abcdef"
AS_THEY_ARE = {
    "push": ("push", 5),
    "push_tag": ("push", 0),
    "push_tag_deleted": ("push", 2),
    "pull_request_opened": ("pull_request", 0),
    "pull_request_closed": ("pull_request", 3),
    "issue_comment_created": ("issue_comment", 0),
    "issue_comment_edited": ("issue_comment", 7),
    "issue_comment_deleted": ("issue_comment", 5),
    "workflow_dispatch": ("workflow_dispatch", 0),
    "merge_group": ("merge_group", 0),
    "deployment_status": ("deployment_status", 0),
    "deployment_status_in_progress": ("deployment_status", 1),
    "repository_dispatch": ("repository_dispatch", 0),
}


def merged(payload: dict[str, Any]) -> dict[str, Any]:
    """A pull request that was closed by merging it."""
    pull = payload["pull_request"]
    pull |= {
        "merged": True,
        "merged_at": pull["closed_at"],
        "merged_by": copy.deepcopy(pull["base"]["user"]),
        "merge_commit_sha": SHA,
        "mergeable": None,
        "rebaseable": None,
        "mergeable_state": "unknown",
    }
    return payload


def from_fork(payload: dict[str, Any]) -> dict[str, Any]:
    """The same, from somebody's fork."""
    head = payload["pull_request"]["head"]
    text = json.dumps(head).replace("Codertocat", "Contributor")
    payload["pull_request"]["head"] = json.loads(text)
    payload["pull_request"]["head"]["repo"] |= {"fork": True, "id": head["repo"]["id"] + 1}
    payload["pull_request"]["author_association"] = "CONTRIBUTOR"
    return payload


def on_pull_request(payload: dict[str, Any]) -> dict[str, Any]:
    """A comment on a pull request: its issue has `pull_request`."""
    issue = payload["issue"]
    base = issue["url"].replace("/issues/", "/pulls/")
    html = issue["html_url"] = issue["html_url"].replace("/issues/", "/pull/")
    links = {"url": base, "html_url": html, "diff_url": f"{html}.diff", "patch_url": f"{html}.patch"}
    issue["pull_request"] = links | {"merged_at": None}
    return payload


def at_an_address(payload: dict[str, Any]) -> dict[str, Any]:
    """A deployment that says where it answers, and apart from that where its log is, as newer tools do."""
    payload["deployment_status"] |= {
        "environment_url": "https://staging.example.invalid",
        "log_url": "https://deploy.example.invalid/log/1",
        "target_url": "https://deploy.example.invalid/log/1",
    }
    return payload


def main() -> None:
    """Write the files."""
    package = Path(sys.argv[1])
    every = json.loads((package / "api.github.com" / "index.json").read_text())
    examples = {each["name"]: each["examples"] for each in every}
    payloads = {name: examples[event][number] for name, (event, number) in AS_THEY_ARE.items()}

    def adapted(name: str) -> dict[str, Any]:
        copied: dict[str, Any] = copy.deepcopy(payloads[name])
        return copied

    payloads["pull_request_merged"] = merged(adapted("pull_request_closed"))
    payloads["pull_request_merged_from_fork"] = from_fork(adapted("pull_request_merged"))
    payloads["issue_comment_created_on_pull_request"] = on_pull_request(adapted("issue_comment_created"))
    payloads["deployment_status_with_address"] = at_an_address(adapted("deployment_status"))
    # not a webhook, so in no collection of them: the runner makes it
    payloads["schedule"] = {
        "repository": payloads["push"]["repository"],
        "schedule": "30 5 * * 1",
        "workflow": ".github/workflows/stability.yml",
    }
    for name, payload in payloads.items():
        (HERE / f"{name}.json").write_text(json.dumps(payload, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
