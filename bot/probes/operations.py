"""Which operations an OpenAPI document has, as `GET /threads/{id}`: what there is to be exercised."""

from pydantic import JsonValue

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
"""The fixed fields of a path item that are operations: OpenAPI 3.1, section 4.8.9."""
MOST = 1000
LONGEST = 200


def operations(data: JsonValue) -> tuple[str, ...]:
    """Those of a document, in its order; none where it is no OpenAPI document."""
    if not isinstance(data, dict) or not isinstance(data.get("openapi", data.get("swagger")), str):
        return ()
    paths = data.get("paths")
    found = [
        f"{method.upper()} {path}"
        for path, item in (paths.items() if isinstance(paths, dict) else ())
        for method in METHODS
        if isinstance(item, dict) and method in item and path.startswith("/") and len(path) <= LONGEST
    ]
    return tuple(found[:MOST])
