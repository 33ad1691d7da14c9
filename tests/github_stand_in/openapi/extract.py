"""Trim GitHub's own descriptions of its API to what the stand-in answers.

    npm pack @octokit/openapi && tar xzf octokit-openapi-*.tgz
    python -m tests.github_stand_in.openapi.extract package

writes `github.json` beside this file. OpenAPI 3.0 schemas become JSON Schema 2020-12 on the way:
`nullable` becomes a null in the type, prose and examples go, references point at `urn:github`.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
URN = "urn:github"
PROSE = {"description", "example", "examples", "externalDocs", "title", "deprecated", "default", "xml"}
REPOSITORY = "/repos/{owner}/{repo}"

OPERATIONS = (
    ("/user", "get"),
    ("/rate_limit", "get"),
    *(
        (REPOSITORY + path, method)
        for path, methods in {
            "": "get",
            "/issues": "get post",
            "/issues/{issue_number}": "get patch",
            "/issues/{issue_number}/comments": "get post",
            "/issues/{issue_number}/labels": "get post",
            "/issues/{issue_number}/labels/{name}": "delete",
            "/issues/{issue_number}/reactions": "get post",
            "/issues/comments/{comment_id}": "get patch delete",
            "/issues/comments/{comment_id}/reactions": "get post",
            "/issues/comments/{comment_id}/reactions/{reaction_id}": "delete",
            "/pulls": "get",
            "/pulls/{pull_number}": "get",
            "/commits": "get",
            "/commits/{ref}": "get",
            "/commits/{commit_sha}/pulls": "get",
            "/commits/{commit_sha}/comments": "get post",
            "/commits/{ref}/status": "get",
            "/commits/{ref}/statuses": "get",
            "/commits/{ref}/check-runs": "get",
            "/comments/{comment_id}": "get patch delete",
            "/comments/{comment_id}/reactions": "get post",
            "/statuses/{sha}": "post",
            "/check-runs": "post",
            "/check-runs/{check_run_id}": "get patch",
            "/check-runs/{check_run_id}/annotations": "get",
            "/deployments": "get post",
            "/deployments/{deployment_id}": "get",
            "/deployments/{deployment_id}/statuses": "get post",
            "/deployments/{deployment_id}/statuses/{status_id}": "get",
            "/actions/artifacts": "get",
            "/actions/artifacts/{artifact_id}": "get delete",
            "/actions/artifacts/{artifact_id}/{archive_format}": "get",
            "/actions/runs/{run_id}": "get",
            "/actions/runs/{run_id}/artifacts": "get",
            "/compare/{basehead}": "get",
            "/collaborators/{username}/permission": "get",
            "/contents/{path}": "get",
            "/git/ref/{ref}": "get",
            "/git/refs": "post",
            "/git/refs/{ref}": "patch",
            "/git/blobs": "post",
            "/git/blobs/{file_sha}": "get",
            "/git/trees": "post",
            "/git/trees/{tree_sha}": "get",
            "/git/commits": "post",
            "/git/commits/{commit_sha}": "get",
        }.items()
        for method in methods.split()
    ),
)

LEGACY = {f"{REPOSITORY}/statuses/{{ref}}": f"{REPOSITORY}/commits/{{ref}}/statuses"}
"""Routes that the description names in its prose alone, and those that they stand for."""


def plain(schema: Any) -> Any:
    """A schema of OpenAPI 3.0 as JSON Schema 2020-12, without its prose."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": f"{URN}#/$defs/{schema['$ref'].rsplit('/', 1)[1]}"}
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: plain(each) for name, each in value.items()}
        elif key not in PROSE and key != "nullable" and not key.startswith("x-") and value not in ("int64", "int32"):
            made[key] = plain(value)
    if not schema.get("nullable"):
        return made
    if set(made) & {"enum", "oneOf", "anyOf", "allOf"} or "type" not in made:
        return {"anyOf": [made, {"type": "null"}]} if made else {}
    return made | {"type": [made["type"], "null"]}


def keys(schema: Any, schemas: dict[str, Any]) -> set[str] | None:
    """The names that a request body may use at its top; None where it may use any."""
    if "$ref" in schema:
        return keys(schemas[schema["$ref"].rsplit("/", 1)[1]], schemas)
    names = set(schema.get("properties", {}))
    for word in ("oneOf", "anyOf", "allOf"):
        for each in schema.get(word, ()):
            names |= keys(each, schemas) or set()
    return names or None


def references(node: Any) -> set[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(node, dict):
        own = {node["$ref"].rsplit("/", 1)[1]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(each) for each in node.values()))
    return set().union(*(references(each) for each in node)) if isinstance(node, list) else set()


def operation(description: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """What one operation takes and answers."""
    components = description["components"]

    def resolved(node: dict[str, Any]) -> dict[str, Any]:
        if "$ref" not in node:
            return node
        _, _, kind, name = node["$ref"].split("/")
        found: dict[str, Any] = components[kind][name]
        return found

    def content(node: dict[str, Any]) -> Any:
        media = node.get("content", {})
        found = media.get("application/json") or media.get("application/scim+json") or {}
        return found.get("schema")

    whole = description["paths"][path]
    source = whole[method]
    made: dict[str, Any] = {"id": source["operationId"], "method": method.upper(), "responses": {}, "template": path}
    for parameter in map(resolved, [*whole.get("parameters", ()), *source.get("parameters", ())]):
        if parameter["in"] in ("path", "query"):
            made.setdefault(parameter["in"], {})[parameter["name"]] = plain(parameter["schema"])
    if body := source.get("requestBody"):
        body = resolved(body)
        names = keys(content(body), components["schemas"])
        made["body"] = {
            "keys": sorted(names) if names else None,
            "required": body.get("required", False),
            "schema": plain(content(body)),
        }
    for status, response in source["responses"].items():
        made["responses"][status] = plain(content(resolved(response)))
    return made


def openapi(package: Path) -> dict[str, Any]:
    """The operations of the stand-in, with the definitions that they need."""
    description = json.loads((package / "generated/api.github.com.json").read_text())
    operations = [operation(description, path, method) for path, method in OPERATIONS]
    operations += [operation(description, path, "get") | {"template": old} for old, path in LEGACY.items()]
    schemas, definitions = description["components"]["schemas"], {}
    missing = references(operations)
    while missing:
        for name in missing:
            definitions[name] = plain(schemas[name])
        missing = references(definitions) - set(definitions)
    return {
        "$defs": definitions,
        "$id": URN,
        "operations": operations,
        "source": f"@octokit/openapi {json.loads((package / 'package.json').read_text())['version']}",
    }


def main() -> None:
    """Write `github.json`."""
    extract = openapi(Path(sys.argv[1]))
    # one definition a line: small, and a change of version can still be read as a difference
    lines = ["{"]
    for name, value in sorted(extract.items()):
        if isinstance(value, dict):
            rows = [f"{json.dumps(key)}:{dump(each)}" for key, each in sorted(value.items())]
            lines.append(f"{json.dumps(name)}:{{\n" + ",\n".join(rows) + "\n},")
        elif isinstance(value, list):
            lines.append(f"{json.dumps(name)}:[\n" + ",\n".join(map(dump, value)) + "\n],")
        else:
            lines.append(f"{json.dumps(name)}:{dump(value)},")
    lines[-1] = lines[-1].removesuffix(",")
    (HERE / "github.json").write_text("\n".join([*lines, "}"]) + "\n")


def dump(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    main()
