"""The spec: one file, composed of what probes, targets and the judge declare; errors with line and column."""

import difflib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot import yaml_places
from bot.deploy.registry import TARGETS
from bot.deploy.target import Target
from bot.judge.policy import TAKEN, Expected, Policy
from bot.model import digest
from bot.model.errors import SpecError, UsageError
from bot.probes.identity import Identity
from bot.probes.login import Login
from bot.probes.logins.registry import AnyLogin
from bot.probes.probe import Probe
from bot.probes.registry import PROBES
from bot.strategy import Strategy

_Model = TypeVar("_Model", bound=BaseModel)
_VARIABLE = re.compile(r"\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}")
FILLED_IN = {"probes", "waivers", "identified"}
"""Fields of the policy that the `judge:` section does not have."""


class IssueRule(BaseModel):
    """What a verdict does to the issues that the pull request closes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    close: Literal["stable", "never"] = Field(
        "stable", description="stable: a stable verdict closes the linked issues."
    )


class Top(BaseModel):
    """The top level of the spec; sections that have kinds of their own are read by hand."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = Field(description="The format of this file: 1.")
    service: str = Field(description="The name of the service.", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    environment: str = Field(
        "production", description="Where it is deployed.", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
    )
    deploy: dict[str, Any] = Field(default_factory=dict, description="One target, and the strategy.")
    identity: Identity | None = Field(None, description="What proves which revision answered.")
    login: dict[str, AnyLogin] = Field(default_factory=dict, description="Ways of signing in, by name.")
    probes: dict[str, dict[str, Any]] = Field(description="What is observed, by name.")
    judge: dict[str, Any] = Field(default_factory=dict, description="Margins, budgets and limits.")
    issue: IssueRule = Field(default_factory=IssueRule, description="What a verdict does to linked issues.")


@dataclass(frozen=True)
class Spec:
    """A spec that has been read and found right. `text` is the file as it is, with no variable expanded."""

    text: bytes
    digest: str
    service: str
    environment: str
    target: Target | None
    strategy: Strategy
    identity: Identity | None
    logins: Mapping[str, Login]
    probes: Mapping[str, Probe]
    policy: Policy
    issue: IssueRule
    secrets: tuple[str, ...]


def load(path: Path, environ: Mapping[str, str] | None = None) -> Spec:
    """Read a spec. `environ` gives the values of `${NAME}`; without it they stay as they are.

    Raises:
        SpecError: with `file:line:column`.
        UsageError: there is no such file.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path}: cannot read the spec: {error.strerror}; name it with -f FILE, or the input `spec`"
        ) from None
    return parse(text, _shown(path), environ)


def parse(text: bytes, name: str = "stability.yml", environ: Mapping[str, str] | None = None) -> Spec:
    """Read a spec from the bytes of its file; `name` is what errors call it."""
    try:
        words = text.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpecError(f"not UTF-8 at byte {error.start}", name) from None
    document = yaml_places.read(words, name)
    if not isinstance(document.data, dict):
        raise SpecError("a spec is a mapping; start with `version: 1`", document.where(()))
    secrets: list[str] = []
    data = _expanded(document.data, (), document, environ, secrets)
    top = _read(Top, data, (), document)
    probes = {name: _probe(name, section, document) for name, section in top.probes.items()}
    if not probes:
        raise SpecError("`probes` is empty: nothing would be measured", document.where(("probes",), key=True))
    _check_logins(data, top.login, document)
    target, strategy = _deploy(top.deploy, document)
    return Spec(
        text=text,
        digest=digest(text),
        service=top.service,
        environment=top.environment,
        target=target,
        strategy=strategy,
        identity=top.identity,
        logins=top.login,
        probes=probes,
        policy=_policy(top, probes, document),
        issue=top.issue,
        secrets=tuple(secrets),
    )


def _shown(path: Path) -> str:
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _expanded(
    value: Any,
    path: yaml_places.Path,
    document: yaml_places.Document,
    environ: Mapping[str, str] | None,
    out: list[str],
) -> Any:
    if isinstance(value, dict):
        return {key: _expanded(each, (*path, key), document, environ, out) for key, each in value.items()}
    if isinstance(value, list):
        return [_expanded(each, (*path, index), document, environ, out) for index, each in enumerate(value)]
    if not isinstance(value, str) or "${" not in value or environ is None:
        return value

    def substitute(match: re.Match[str]) -> str:
        if match[1]:
            return match[0][1:]
        if match[2] not in environ:
            message = (
                f"the environment has no {match[2]}; set it, or write $${{{match[2]}}} if the text itself is meant"
            )
            raise SpecError(message, document.where(path))
        out.append(environ[match[2]])
        return environ[match[2]]

    return _VARIABLE.sub(substitute, value)


def _kind(
    section: Mapping[str, Any], kinds: Iterable[str], what: str, path: yaml_places.Path, document: yaml_places.Document
) -> str:
    known = sorted(kinds)
    found = [key for key in section if key in known]
    if len(found) == 1:
        return found[0]
    if found:
        raise SpecError(
            f"{what} has one kind, but this has {' and '.join(found)}", document.where((*path, found[1]), key=True)
        )
    for key in section:
        near = difflib.get_close_matches(str(key), known, n=1)
        if near:
            raise SpecError(f"unknown key {key!r}; did you mean {near[0]!r}?", document.where((*path, key), key=True))
    raise SpecError(f"{what} needs one of: {', '.join(known)}", document.where(path, key=True))


def _probe(name: str, section: Mapping[str, Any], document: yaml_places.Document) -> Probe:
    path = ("probes", name)
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name) or name in TAKEN:
        message = f"{name!r} cannot name a probe: letters, digits, '.', '_' and '-', and none of {', '.join(TAKEN)}"
        raise SpecError(message, document.where(path, key=True))
    return _read(PROBES[_kind(section, PROBES, "a probe", path, document)], section, path, document)


def _deploy(section: Mapping[str, Any], document: yaml_places.Document) -> tuple[Target | None, Strategy]:
    if not section:
        return None, Strategy()
    rest = {key: value for key, value in section.items() if key != "strategy"}
    strategy = _read(Strategy, section.get("strategy") or {}, ("deploy", "strategy"), document)
    kind = _kind(rest, TARGETS, "deploy", ("deploy",), document)
    for key in rest:
        if key != kind:
            near = difflib.get_close_matches(key, [*TARGETS, "strategy"], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SpecError(f"unknown key {key!r}{hint}", document.where(("deploy", key), key=True))
    value = rest[kind]
    fields = value if isinstance(value, dict) else {kind: value}
    return _read(TARGETS[kind], fields, ("deploy", kind), document), strategy


def _policy(top: Top, probes: Mapping[str, Probe], document: yaml_places.Document) -> Policy:
    for key in top.judge:
        if key in FILLED_IN:
            raise SpecError(f"unknown key {key!r}", document.where(("judge", key), key=True))
    expected = {
        name: Expected(
            kind=probe.kind, title=probe.shown_title(name), severity=probe.shown_severity(), timed=probe.timed
        )
        for name, probe in probes.items()
    }
    filled_in = {"probes": expected, "identified": top.identity is not None}
    return _read(Policy, {**top.judge, **filled_in}, ("judge",), document)


def _check_logins(data: Mapping[str, Any], logins: Mapping[str, Login], document: yaml_places.Document) -> None:
    strategy = (data.get("deploy") or {}).get("strategy")
    watch = strategy.get("watch") if isinstance(strategy, dict) else None
    asked = (_leaves(data.get("probes"), ("probes",)), _leaves(watch, ("deploy", "strategy", "watch")))
    for path, value in chain(*asked):
        if path[-1] in {"login", "other_audience"} and isinstance(value, str) and value not in logins:
            near = difflib.get_close_matches(value, logins, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "declare it under `login:`"
            raise SpecError(f"there is no login {value!r}; {hint}", document.where(path))


def _leaves(value: Any, path: yaml_places.Path) -> Iterator[tuple[yaml_places.Path, Any]]:
    if isinstance(value, dict):
        for key, each in value.items():
            # an `expect` or a body may hold a key of that name, and means something else by it
            if key not in {"json", "expect", "send", "headers", "query", "form", "multipart", "capture"}:
                yield from _leaves(each, (*path, key))
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _leaves(each, (*path, index))
    else:
        yield path, value


def _read(model: type[_Model], data: Any, path: yaml_places.Path, document: yaml_places.Document) -> _Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        # a key that is misspelt is both unknown and missing: what was written is the better place to point at
        first = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
        inner = tuple(part for part in first["loc"])
        full = (*path, *inner)
        if first["type"] == "extra_forbidden":
            near = difflib.get_close_matches(str(inner[-1]), _known_keys(model), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise SpecError(f"unknown key {inner[-1]!r}{hint}", document.where(full, key=True)) from None
        if first["type"] == "missing":
            raise SpecError(f"the key {str(inner[-1])!r} is missing", document.where(full[:-1])) from None
        message = first["msg"].removeprefix("Value error, ")
        named = ".".join(str(part) for part in full)
        raise SpecError(f"{named}: {message}", document.where(full)) from None


def _known_keys(model: type[BaseModel]) -> set[str]:
    """The YAML keys of a model and of the models inside it."""
    found: set[str] = set()
    todo: list[Any] = [model]
    seen: set[Any] = set()
    while todo:
        each = todo.pop()
        if isinstance(each, type) and issubclass(each, BaseModel) and each not in seen:
            seen.add(each)
            for name, field in each.model_fields.items():
                found.add(field.alias or name)
                todo.append(field.annotation)
        else:
            todo.extend(part for part in get_args(each) if not isinstance(part, str))
    return found


def environment() -> Mapping[str, str]:
    """The variables that `${NAME}` reads."""
    return os.environ
