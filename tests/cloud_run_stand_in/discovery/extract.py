"""Trim Google's own discovery documents to what the stand-in answers.

    pip download --no-deps google-api-python-client && unzip -d unpacked google_api_python_client-*.whl
    python -m tests.cloud_run_stand_in.discovery.extract unpacked

writes `google.json` beside this file. Schemas of a discovery document become JSON Schema 2020-12 on the way: an object
takes no other properties than those that it names, prose goes, references point at `urn:google`.
"""

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
URN = "urn:google"
DOCUMENTS = "googleapiclient/discovery_cache/documents"
PATTERNS = {
    "google-datetime": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$",
    "google-duration": r"^-?\d+(\.\d{1,9})?s$",
    "int64": r"^-?\d+$",
    "google-fieldmask": r"^[A-Za-z0-9_.,*]+$",
}
OPERATIONS = {
    "run.v2": (
        "run.projects.locations.services.create",
        "run.projects.locations.services.get",
        "run.projects.locations.services.list",
        "run.projects.locations.services.patch",
        "run.projects.locations.services.revisions.get",
        "run.projects.locations.services.revisions.list",
        "run.projects.locations.operations.get",
        "run.projects.locations.operations.wait",
    ),
    "run.v1": ("run.namespaces.services.get", "run.namespaces.revisions.get"),
    "logging.v2": ("logging.entries.list",),
}


def schema(node: dict[str, Any], document: str) -> dict[str, Any]:
    """A schema of a discovery document as JSON Schema 2020-12, without its prose."""
    if "$ref" in node:
        return {"$ref": f"{URN}#/$defs/{document}.{node['$ref']}"}
    made: dict[str, Any] = {}
    kind = node.get("type")
    if kind and kind != "any":
        made["type"] = kind
    if node.get("readOnly"):
        made["readOnly"] = True
    if "enum" in node:
        made["enum"] = node["enum"]
    pattern = PATTERNS.get(node.get("format", "")) if kind == "string" else None
    if pattern or "pattern" in node:
        made["pattern"] = pattern or node["pattern"]
    if "properties" in node:
        made["properties"] = {name: schema(each, document) for name, each in node["properties"].items()}
        made["additionalProperties"] = False
    elif "additionalProperties" in node:
        made["additionalProperties"] = schema(node["additionalProperties"], document)
    if "items" in node:
        made["items"] = schema(node["items"], document)
    return made


def methods(resource: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every method below a resource, by its id."""
    found = {each["id"]: each for each in resource.get("methods", {}).values()}
    for each in resource.get("resources", {}).values():
        found |= methods(each)
    return found


def operation(source: dict[str, Any], document: str, common: dict[str, Any]) -> dict[str, Any]:
    """What one method takes and answers."""
    parameters = {**common, **source.get("parameters", {})}
    return {
        "id": f"{document}:{source['id']}",
        "method": source["httpMethod"],
        "template": "/" + source.get("flatPath", source["path"]),
        "query": {name: schema(p, document) for name, p in parameters.items() if p.get("location") == "query"},
        "request": schema(source["request"], document) if "request" in source else None,
        "response": schema(source["response"], document) if "response" in source else None,
    }


def references(node: Any) -> set[str]:
    """The names of the definitions that a schema refers to."""
    if isinstance(node, dict):
        own = {node["$ref"].rpartition("/")[2]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(each) for each in node.values()))
    return set().union(*(references(each) for each in node)) if isinstance(node, list) else set()


def extract(package: Path) -> dict[str, Any]:
    """The operations of the stand-in, with the definitions that they need."""
    documents = {name: json.loads((package / DOCUMENTS / f"{name}.json").read_text()) for name in OPERATIONS}
    operations = [
        operation(methods(documents[name])[each], name, documents[name]["parameters"])
        for name, ids in OPERATIONS.items()
        for each in ids
    ]
    definitions: dict[str, Any] = {}
    missing = references(operations)
    while missing:
        for name in missing:
            document = next(each for each in documents if name.startswith(f"{each}."))
            definitions[name] = schema(documents[document]["schemas"][name.removeprefix(f"{document}.")], document)
        missing = references(definitions) - set(definitions)
    revisions = ", ".join(f"{name} {document['revision']}" for name, document in documents.items())
    package_name = next(package.glob("google_api_python_client-*.dist-info")).name.removesuffix(".dist-info")
    return {"$defs": definitions, "$id": URN, "operations": operations, "source": f"{package_name}: {revisions}"}


def main() -> None:
    """Write `google.json`."""
    # one definition a line: small, and a change of version can still be read as a difference
    lines = ["{"]
    for name, value in sorted(extract(Path(sys.argv[1])).items()):
        if isinstance(value, dict):
            rows = [f"{json.dumps(key)}:{dump(each)}" for key, each in sorted(value.items())]
            lines.append(f"{json.dumps(name)}:{{\n" + ",\n".join(rows) + "\n},")
        elif isinstance(value, list):
            lines.append(f"{json.dumps(name)}:[\n" + ",\n".join(map(dump, value)) + "\n],")
        else:
            lines.append(f"{json.dumps(name)}:{dump(value)},")
    lines[-1] = lines[-1].removesuffix(",")
    (HERE / "google.json").write_text("\n".join([*lines, "}"]) + "\n")


def dump(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


if __name__ == "__main__":
    main()
