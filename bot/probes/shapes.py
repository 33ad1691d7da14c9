"""The shape of JSON: which paths there are and of what type, without the values.

Arrays collapse to `[]`, and keys that are data (ids, numbers, dates, addresses) to `*`, so that a map keyed by ids is
one path however many entries it has.
"""

import re

from pydantic import JsonValue

from bot.probes.matching import json_type

MAX_PATHS = 2000
MAX_DEPTH = 32
MAX_KEYS = 64
"""An object with more keys than this, all of one type, is a map whatever its keys look like."""
_KEY_AS_DATA = re.compile(
    r"""
    -?\d+(?:\.\d+)*                                         # a number, a version
    | [0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}           # a UUID
    | (?=[a-f]*[0-9])[0-9a-f]{8,}                           # hexadecimal, with a digit in it
    | [0-9A-HJKMNP-TV-Z]{26}                                # a ULID
    | \d{4}-\d\d(?:-\d\d)?(?:[T ].*)?                       # a date
    | [A-Za-z]{1,16}[-_:.](?:\d+|(?=[A-Za-z]*\d)[0-9A-Za-z]{6,}|[0-9a-f-]{32,36})   # thread_7, msg-01HX4K
    | .*[\s@/].*                                            # an address, a path, a sentence
    | (?=(?:[^0-9]*[0-9]){3})[A-Za-z0-9_-]{16,}             # long, with digits in between
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_PLAIN_NAME = re.compile(r"[A-Za-z_$][\w$-]*")


class Shapes:
    """Collects the shapes of many values that are said to be of one kind."""

    def __init__(self) -> None:
        self._types: dict[str, set[str]] = {}
        self._seen: dict[str, int] = {}
        self._parents: dict[str, str] = {}
        self._objects: dict[str, int] = {}
        self._keys: dict[str, set[str]] = {}
        self._maps: set[str] = set()
        self.cut = False
        """Whether something was left out because there was too much of it."""

    def add(self, value: JsonValue) -> None:
        """Take one value in."""
        self._walk("$", value, 0)

    def paths(self) -> dict[str, JsonValue]:
        """For each path its `types`, how often it was `seen`, and `of` how many objects that could have had it.

        `seen` equals `of` for what is always there. `objects` says how many objects were seen at the path itself: that
        is what `of` would be for a key that none of them has.
        """
        found: dict[str, JsonValue] = {}
        for path in sorted(self._types):
            parent = self._parents.get(path)
            seen = self._seen[path]
            of = self._objects.get(parent, seen) if parent is not None and not path.endswith(("[]", ".*")) else seen
            types: list[JsonValue] = [*sorted(self._types[path])]
            found[path] = {"types": types, "seen": seen, "of": of, "objects": self._objects.get(path, 0)}
        return found

    def _walk(self, path: str, value: JsonValue, depth: int) -> None:
        if path not in self._types and len(self._types) >= MAX_PATHS:
            self.cut = True
            return
        self._types.setdefault(path, set()).add(json_type(value))
        self._seen[path] = self._seen.get(path, 0) + 1
        if depth >= MAX_DEPTH:
            self.cut = self.cut or isinstance(value, dict | list)
        elif isinstance(value, dict):
            self._objects[path] = self._objects.get(path, 0) + 1
            is_map = path in self._maps or (
                len(value) > MAX_KEYS and len({json_type(each) for each in value.values()}) == 1
            )
            for key, each in value.items():
                if is_map or is_data(key) or self._is_one_key_too_many(path, path + step(key)):
                    self._child(path, f"{path}.*", each, depth)
                else:
                    self._child(path, path + step(key), each, depth)
        elif isinstance(value, list):
            for each in value:
                self._child(path, f"{path}[]", each, depth)

    def _is_one_key_too_many(self, path: str, child: str) -> bool:
        """Objects that have ever other keys, none of them always there and all alike, are a map too."""
        if path in self._maps:
            return True
        keys = self._keys.setdefault(path, set())
        keys.add(child)
        if len(keys) <= MAX_KEYS:
            return False
        known = [each for each in keys if each in self._types]
        alike = len({frozenset(self._types[each] - {"null"}) for each in known}) == 1
        if not alike or any(self._seen[each] >= self._objects[path] - 1 for each in known):
            return False
        self._maps.add(path)
        for each in known:
            self._fold(each, f"{path}.*")
        return True

    def _fold(self, old: str, new: str) -> None:
        """Call a path, and all below it, by another name that may be known already."""
        for path in [each for each in self._types if each == old or each.startswith((f"{old}.", f"{old}["))]:
            now = new + path.removeprefix(old)
            self._types.setdefault(now, set()).update(self._types.pop(path))
            self._seen[now] = self._seen.get(now, 0) + self._seen.pop(path)
            if path in self._objects:
                self._objects[now] = self._objects.get(now, 0) + self._objects.pop(path)
            parent = self._parents.pop(path)
            inside = parent == old or parent.startswith((f"{old}.", f"{old}["))
            self._parents[now] = new + parent.removeprefix(old) if inside else parent
            self._keys.pop(path, None)

    def _child(self, parent: str, path: str, value: JsonValue, depth: int) -> None:
        self._parents[path] = parent
        self._walk(path, value, depth + 1)


def is_data(key: str) -> bool:
    """Is this key a piece of data rather than a name that somebody chose?

    >>> [is_data(key) for key in ("42", "thread_7", "9f86d081", "status", "sha256", "address_line")]
    [True, True, True, False, False, False]
    """
    return key == "" or len(key) > 64 or _KEY_AS_DATA.fullmatch(key) is not None


def step(key: str) -> str:
    """One key as a step of a path."""
    return f".{key}" if _PLAIN_NAME.fullmatch(key) else f"['{key}']"
