"""One service of a compose file, as the engine's own words for a container.

Source: the Compose Specification (compose-spec.io). A key that would change what runs and is not understood is an error: a
container that is not what the file says would prove nothing. What is about several containers (`depends_on`, `ports`,
`restart`, `container_name`) is the target's own business, and is left out.
"""

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from bot import yaml_places
from bot.model.errors import DeployError, SpecError

LEFT_OUT = frozenset(
    {
        "depends_on",
        "ports",
        "expose",
        "restart",
        "container_name",
        "profiles",
        "pull_policy",
        "stop_grace_period",
        "scale",
    }
)
_VARIABLE = re.compile(r"\$(?:(\$)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?])([^}]*))?\}|([A-Za-z_][A-Za-z0-9_]*))")
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h)")
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Composed:
    """What the file says of the service. `network` is the one that its project has, in the engine's name for it."""

    image: str | None
    context: str | None
    dockerfile: str
    network: str
    body: dict[str, Any]


def read(text: bytes, name: str, service: str, repository: Path) -> Composed:
    """The service's description.

    Raises:
        DeployError: the file cannot be read, has no such service, or says what is not understood; with line and column.
    """
    try:
        document = yaml_places.read(text.decode(errors="replace"), name)
    except SpecError as error:
        raise DeployError(str(error)) from None
    data = document.data if isinstance(document.data, dict) else {}
    services = data.get("services")
    if not isinstance(services, dict) or not isinstance(services.get(service), dict):
        known = ", ".join(services) if isinstance(services, dict) else "none"
        raise DeployError(f"{name}: there is no service {service!r}; it has {known}")
    project = _project(data, repository)
    return _Reader(document, service, services[service], project, name).composed()


def _project(data: Mapping[str, Any], repository: Path) -> str:
    given = data.get("name") or os.environ.get("COMPOSE_PROJECT_NAME") or repository.resolve().name
    return re.sub(r"[^a-z0-9_-]", "", str(given).lower()).lstrip("_-") or "default"


class _Reader:
    def __init__(
        self, document: yaml_places.Document, service: str, keys: Mapping[str, Any], project: str, name: str
    ) -> None:
        self.document = document
        self.service = service
        self.project = project
        self.folder = PurePosixPath(name).parent
        self.keys = {key: _interpolated(value, name) for key, value in _merged(keys).items()}

    def composed(self) -> Composed:
        body: dict[str, Any] = {"HostConfig": {}}
        for key, value in self.keys.items():
            if key in LEFT_OUT or key in ("image", "build", "networks"):
                continue
            reader = getattr(self, f"_{key}", None)
            if reader is None:
                raise self._error(key, "is not understood here; see docs/targets/docker.md")
            try:
                reader(body, value)
            except (TypeError, ValueError, AttributeError, KeyError) as error:
                raise self._error(key, f"is not what it should be: {error}") from None
        build = self.keys.get("build")
        context, dockerfile = (build, "Dockerfile") if isinstance(build, str) else (None, "Dockerfile")
        if isinstance(build, dict):
            if extra := set(build) - {"context", "dockerfile"}:
                raise self._error("build", f"has {min(extra)!r}, which is not understood here")
            context, dockerfile = build.get("context", "."), build.get("dockerfile", "Dockerfile")
        if context is not None:
            context = str(self.folder / context)
        image = self.keys.get("image")
        if image is None and context is None:
            raise self._error("image", "is missing, and so is `build`")
        return Composed(None if context else str(image), context, str(dockerfile), self._network(), body)

    def _network(self) -> str:
        named = self.keys.get("networks")
        first = next(iter(named), "default") if isinstance(named, list | dict) else "default"
        declared = (self.document.data.get("networks") or {}).get(first) or {}
        if isinstance(declared, dict) and declared.get("external"):
            return str(declared.get("name") or first)
        return str(declared.get("name") or f"{self.project}_{first}") if isinstance(declared, dict) else first

    def _error(self, key: str, why: str) -> DeployError:
        where = self.document.where(("services", self.service, key), key=True)
        return DeployError(f"{where}: the key {key!r} of the service {self.service!r} {why}")

    def _command(self, body: dict[str, Any], value: Any) -> None:
        body["Cmd"] = _words(value)

    def _entrypoint(self, body: dict[str, Any], value: Any) -> None:
        body["Entrypoint"] = _words(value)

    def _environment(self, body: dict[str, Any], value: Any) -> None:
        given = value.items() if isinstance(value, dict) else ((str(each).partition("=")[::2]) for each in value)
        pairs = ((name, os.environ.get(name, "") if text in (None, "") else text) for name, text in given)
        body["Env"] = [f"{name}={_scalar(text)}" for name, text in pairs]

    def _healthcheck(self, body: dict[str, Any], value: Any) -> None:
        if value.get("disable"):
            body["Healthcheck"] = {"Test": ["NONE"]}
            return
        test = value["test"]
        names = {"interval": "Interval", "timeout": "Timeout", "start_period": "StartPeriod"}
        durations = {said: _nanoseconds(value[key]) for key, said in names.items() if key in value}
        body["Healthcheck"] = {"Test": ["CMD-SHELL", test] if isinstance(test, str) else list(test), **durations}
        if "retries" in value:
            body["Healthcheck"]["Retries"] = int(value["retries"])

    def _volumes(self, body: dict[str, Any], value: Any) -> None:
        declared = self.document.data.get("volumes") or {}
        body["HostConfig"]["Binds"] = [self._bind(str(each), declared) for each in value if isinstance(each, str)]
        if any(not isinstance(each, str) for each in value):
            raise ValueError("write volumes in the short form, `name:/path`")

    def _bind(self, text: str, declared: Mapping[str, Any]) -> str:
        source, _, rest = text.partition(":")
        if not rest or source not in declared:
            return text
        known = declared[source] or {}
        return f"{known.get('name') or (source if known.get('external') else f'{self.project}_{source}')}:{rest}"

    def _user(self, body: dict[str, Any], value: Any) -> None:
        body["User"] = str(value)

    def _working_dir(self, body: dict[str, Any], value: Any) -> None:
        body["WorkingDir"] = str(value)

    def _hostname(self, body: dict[str, Any], value: Any) -> None:
        body["Hostname"] = str(value)

    def _labels(self, body: dict[str, Any], value: Any) -> None:
        pairs = value.items() if isinstance(value, dict) else (str(each).partition("=")[::2] for each in value)
        body["Labels"] = {str(name): _scalar(text) for name, text in pairs}

    def _extra_hosts(self, body: dict[str, Any], value: Any) -> None:
        pairs = (
            value.items()
            if isinstance(value, dict)
            else (str(each).replace("=", ":", 1).split(":", 1) for each in value)
        )
        body["HostConfig"]["ExtraHosts"] = [f"{host}:{address}" for host, address in pairs]

    def _mem_limit(self, body: dict[str, Any], value: Any) -> None:
        from bot.deploy.docker.recipe import size

        body["HostConfig"]["Memory"] = size(str(value).lower().removesuffix("b"))

    def _cpus(self, body: dict[str, Any], value: Any) -> None:
        body["HostConfig"]["NanoCpus"] = round(float(value) * 1e9)

    def _init(self, body: dict[str, Any], value: Any) -> None:
        body["HostConfig"]["Init"] = bool(value)

    def _read_only(self, body: dict[str, Any], value: Any) -> None:
        body["HostConfig"]["ReadonlyRootfs"] = bool(value)

    def _tmpfs(self, body: dict[str, Any], value: Any) -> None:
        listed = [value] if isinstance(value, str) else list(value)
        body["HostConfig"]["Tmpfs"] = dict(str(each).partition(":")[::2] for each in listed)

    def _cap_add(self, body: dict[str, Any], value: Any) -> None:
        body["HostConfig"]["CapAdd"] = [str(each) for each in value]

    def _cap_drop(self, body: dict[str, Any], value: Any) -> None:
        body["HostConfig"]["CapDrop"] = [str(each) for each in value]


def _merged(keys: Mapping[str, Any]) -> dict[str, Any]:
    """The keys with those that `<<` takes over from an anchor; what is written itself comes first."""
    taken = keys.get("<<") or {}
    listed = taken if isinstance(taken, list) else [taken]
    found: dict[str, Any] = {}
    for each in (*reversed(listed), {key: value for key, value in keys.items() if key != "<<"}):
        found |= each if isinstance(each, dict) else {}
    return found


def _words(value: Any) -> list[str]:
    return shlex.split(value) if isinstance(value, str) else [_scalar(each) for each in value]


def _scalar(value: Any) -> str:
    return (
        {True: "true", False: "false", None: ""}.get(value, str(value)) if value in (True, False, None) else str(value)
    )


def _nanoseconds(text: Any) -> int:
    parts = _PARTS.findall(str(text))
    if not parts or "".join(number + unit for number, unit in parts) != str(text):
        raise ValueError(f"{text!r} is no duration; write 10s")
    return round(sum(float(number) * _SECONDS[unit] for number, unit in parts) * 1e9)


def _interpolated(value: Any, name: str) -> Any:
    """The value with `${NAME}`, `${NAME:-otherwise}` and `$NAME` read from the environment, as compose does."""
    if isinstance(value, dict):
        return {key: _interpolated(each, name) for key, each in value.items()}
    if isinstance(value, list):
        return [_interpolated(each, name) for each in value]
    return _VARIABLE.sub(lambda match: _variable(match, name), value) if isinstance(value, str) else value


def _variable(match: "re.Match[str]", name: str) -> str:
    if match[1]:
        return "$"
    found = os.environ.get(match[2] or match[5])
    how, otherwise = match[3] or "", match[4] or ""
    if found is None or (how.startswith(":") and not found):
        if how.endswith("?"):
            raise DeployError(f"{name}: ${{{match[2]}}} is not set: {otherwise or 'it is required'}")
        return otherwise if how.endswith("-") else ""
    return found
