"""Reading values out of JSON by path (RFC 9535), or by plain key."""

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, JsonValue

from bot.probes.probe import Unmeasurable

if TYPE_CHECKING:
    from jsonpath import JSONPath

_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def full_path(text: str) -> str:
    """A path as it is; a plain key as the path to it at the top level.

    >>> full_path("status"), full_path("$.a[0]"), full_path("with space")
    ('$.status', '$.a[0]', "$['with space']")
    """
    if text.startswith("$"):
        return text
    if _PLAIN_KEY.fullmatch(text):
        return f"$.{text}"
    return "$['" + json.dumps(text)[1:-1].replace('\\"', '"').replace("'", "\\'") + "']"


def find(path: str, data: JsonValue) -> Sequence[JsonValue]:
    """All values at a path; none when there are none.

    Raises:
        Unmeasurable: the path asks for something that cannot be worked out.
    """
    from jsonpath import JSONPathError

    try:
        found: list[JsonValue] = list(_compiled(full_path(path)).findall(data))  # type: ignore[arg-type]
    except (JSONPathError, RecursionError) as error:
        raise Unmeasurable(f"the path {path} cannot be followed: {error}", f"correct the path {path}") from error
    return found


def last_name(path: str) -> str:
    """The last name in a path: what the value is called.

    >>> last_name("$.user['password']"), last_name("token"), last_name("$[0]")
    ('password', 'token', '')
    """
    names = re.findall(r"[\w-]+", re.sub(r"\[\d+\]", "", path))
    return names[-1] if names else ""


def _checked(text: str) -> str:
    from jsonpath import JSONPathError

    try:
        _compiled(full_path(text))
    except (JSONPathError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{text!r} is no JSON path: {reason}; write for example $.items[0].id") from None
    return text


@lru_cache(maxsize=1024)
def _compiled(path: str) -> "JSONPath":
    import jsonpath

    found = jsonpath.compile(path)
    if isinstance(found, jsonpath.CompoundJSONPath):
        raise ValueError("one path at a time")
    return found


PathText = Annotated[str, AfterValidator(_checked)]
"""A JSON path, or a plain key."""
