"""YAML with a memory of places: plain data, and for every key and value the line and column it stands at."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml

from bot.model.errors import SpecError

Path = tuple[str | int, ...]
MOST_PARTS = 100_000
"""An alias may stand for a tree that holds aliases: without a bound, a few lines unfold to billions of parts."""


class Document(NamedTuple):
    """Plain data and where its parts stand: `keys` of a mapping's keys, `values` of everything."""

    name: str
    data: Any
    keys: dict[Path, str]
    values: dict[Path, str]

    def where(self, path: Path, *, key: bool = False) -> str:
        """`file:line:column` of the nearest known part at or above `path`; of the key itself where asked."""
        if key and path in self.keys:
            return self.keys[path]
        while path and path not in self.values:
            path = path[:-1]
        return self.values.get(path, self.name)


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core types only: `no`, `on` and `1:30` stay words, dates stay text."""


_Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", "n~\0"),
    ("int", r"[-+]?(0|[1-9][0-9]*)", "-+0123456789"),
    ("float", r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+))", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{tag}", re.compile(rf"^(?:{pattern})$"), [*first] if tag != "null" else ["n", "~", ""]
    )


def read(text: str, name: str) -> Document:
    """Parse one YAML document.

    Raises:
        SpecError: it is not YAML, a key is there twice or is not a word, or it uses a tag.
    """
    keys: dict[Path, str] = {}
    values: dict[Path, str] = {}
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            for path, part, is_key in _parts(node, (), name):
                (keys if is_key else values)[path] = _place(name, part)
                if len(values) > MOST_PARTS:
                    raise SpecError(f"more than {MOST_PARTS:,} parts", name)
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name
        raise SpecError(f"not YAML: {error.problem or error.context}", where) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SpecError(
            f"not YAML: {str(error).splitlines()[0] if str(error) else type(error).__name__}", name
        ) from None
    return Document(name, data, keys, values)


def _place(name: str, node: yaml.Node) -> str:
    return f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"


def _parts(node: yaml.Node | None, path: Path, name: str) -> Iterator[tuple[Path, yaml.Node, bool]]:
    if node is None:
        return
    yield path, node, False
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise SpecError("a key must be a word", _place(name, key))
            if key.value in seen:
                raise SpecError(
                    f"the key {key.value!r} is here twice; first at {_place(name, seen[key.value])}", _place(name, key)
                )
            seen[key.value] = key
            yield (*path, key.value), key, True
            yield from _parts(value, (*path, key.value), name)
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _parts(value, (*path, index), name)
