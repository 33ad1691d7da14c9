"""What the Admin API says of a service and of a revision, read without trusting it, and when a revision is READY."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.deploy.cloud_run import traffic
from bot.deploy.cloud_run.note import COMMIT, LABEL
from bot.deploy.cloud_run.refusals import plain
from bot.deploy.cloud_run.traffic import Share, Shares
from bot.model import Check
from bot.model.errors import DeployError
from bot.safety.urls import service_url

FINE = "CONDITION_SUCCEEDED"
FAILED = "CONDITION_FAILED"
NOTHING_OF_THE_SERVICE = frozenset({"MIN_INSTANCES_NOT_PROVISIONED", "ACTIVE_REVISION_LIMIT_REACHED"})
"""Reasons of a revision that speak of limits of the platform."""

SETTINGS = (
    "cpu",
    "memory",
    "cpu_idle",
    "startup_cpu_boost",
    "min_instances",
    "max_instances",
    "concurrency",
    "timeout",
    "session_affinity",
    "service_account",
    "execution_environment",
    "ingress",
)
"""What is described of a revision that somebody chose, and that the next one has too."""


@dataclass(frozen=True)
class Status:
    """One of the `trafficStatuses`: what the platform does, not what it was asked for."""

    revision: str
    percent: int
    tag: str | None
    uri: str | None


@dataclass(frozen=True)
class Condition:
    """One condition; `reason` is the platform's word for it, if there is one."""

    type: str
    state: str
    message: str
    reason: str

    @property
    def said(self) -> str:
        """The platform's own sentence, with its word for it."""
        return self.message or self.reason or self.state or "nothing"


class Service:
    """A service as the API gave it. All of it is the platform's word: data, never an instruction."""

    def __init__(self, raw: dict[str, Any]) -> None:
        self.raw = raw
        self.etag: str | None = raw.get("etag")
        self.generation = str(raw.get("generation", "0"))
        self.observed = str(raw.get("observedGeneration", "0"))
        self.reconciling = bool(raw.get("reconciling", False))
        self.terminal = _condition(raw.get("terminalCondition"))
        self.latest_ready = traffic.last(raw.get("latestReadyRevision"))
        self.latest_created = traffic.last(raw.get("latestCreatedRevision"))
        self.annotations: dict[str, str] = dict(raw.get("annotations") or {})
        self.template: dict[str, Any] = dict(raw.get("template") or {})
        self.traffic: Shares = traffic.read(raw.get("traffic") or ())
        self.statuses = tuple(self._status(each) for each in raw.get("trafficStatuses") or ())
        self.ingress = plain(raw.get("ingress", ""))
        self.modifier = plain(raw.get("lastModifier", "")) or "somebody"

    def _status(self, entry: Mapping[str, Any]) -> Status:
        revision = traffic.last(entry.get("revision")) or self.latest_ready or ""
        return Status(revision, int(entry.get("percent", 0)), entry.get("tag") or None, entry.get("uri") or None)

    def percents(self) -> dict[str, int]:
        """The share of the traffic that each revision has, as the platform says."""
        found: dict[str, int] = {}
        for each in self.statuses:
            if each.percent and each.revision:
                found[each.revision] = found.get(each.revision, 0) + each.percent
        return found

    def asked(self) -> dict[str, int]:
        """The share that each revision was meant to get."""
        return traffic.percents(self.traffic, self.latest_ready)

    def stuck(self) -> bool:
        """Was it asked for shares that the platform could not give, and gave up on?

        Then the statuses are of the last time that it could (https://cloud.google.com/run/docs/reference/rest/v2/
        projects.locations.services, `reconciling`), and whatever is asked for by the same shares fails again.
        """
        given = self.percents()
        over = not self.reconciling and self.route_failed() is not None
        return over and sum(given.values()) == 100 and given != self.asked()

    def unserved(self) -> tuple[Share, ...]:
        """The tags that the platform gave up on: as long as one is asked for, it makes no change of the traffic."""
        if self.reconciling or self.route_failed() is None:
            return ()
        return tuple(each for each in self.traffic if each.tag and not self.has_tag(each.tag))

    def has_tag(self, tag: str, revision: str | None = None) -> bool:
        """Does a revision, or this one, answer under this tag?"""
        return any(each.tag == tag and revision in (None, each.revision) for each in self.statuses)

    def follows_latest(self) -> bool:
        """Does a new revision get users' traffic by itself?"""
        return any(each.percent and each.revision is None for each in self.traffic)

    def url(self, tag: str | None = None) -> str | None:
        """The address of the service, or of the revision that has this tag.

        Raises:
            DeployError: what the platform gave is no address.
        """
        found = self.raw.get("uri") if tag is None else next((s.uri for s in self.statuses if s.tag == tag), None)
        if not found:
            return None
        try:
            return service_url(str(found)).rstrip("/")
        except ValueError as error:
            raise DeployError(f"Cloud Run gave {plain(found)!r} as an address: {error}") from None

    def route_failed(self) -> Condition | None:
        """The condition that says that the traffic cannot be given as it was asked; None where there is none."""
        conditions = map(_condition, self.raw.get("conditions") or ())
        return next((each for each in conditions if each.type == "RoutesReady" and each.state == FAILED), None)


@dataclass(frozen=True)
class Revision:
    """A revision as the API gave it."""

    raw: dict[str, Any]

    @property
    def name(self) -> str:
        """Its own name, which the service inside it finds in `K_REVISION`."""
        return traffic.last(self.raw.get("name")) or ""

    def conditions(self) -> tuple[Condition, ...]:
        """All that is said of its state."""
        return tuple(_condition(each) for each in self.raw.get("conditions") or ())

    def ready(self) -> Condition:
        """Whether it can serve."""
        return next((each for each in self.conditions() if each.type == "Ready"), Condition("Ready", "", "", ""))

    def failed(self) -> Condition | None:
        """The condition that says why it never can; None where none does."""
        if self.ready().state != FAILED:
            return None
        parts = (each for each in self.conditions() if each.state == FAILED and each.type != "Ready" and each.message)
        return self.ready() if self.ready().message else next(parts, self.ready())

    def commit(self) -> str | None:
        """The commit that whoever deployed it wrote down: we, or a common label.

        A tool that deploys after us copies ours, and our label, to a revision of which it is not true: ours counts where it
        names this revision, and a label where it says something else than what was copied.
        """
        annotations, labels = self.raw.get("annotations") or {}, self.raw.get("labels") or {}
        ours, _, revision = str(annotations.get(COMMIT, "")).partition(" ")
        label = str(labels.get(LABEL, ""))
        text = ours if revision == self.name else label if label != ours else ""
        return text if len(text) in (40, 64) and all(c in "0123456789abcdef" for c in text) else None


def ready_checks(service: Service, revision: str, percent: int, tag: str | None) -> tuple[Check, ...]:
    """The five conditions of READY; the traffic is what the statuses say, never what was asked for.

    A service is done with reconciling, of this generation, without a failure, its newest ready revision is ours, and
    ours has the traffic that it should have: with none, that it is known under its tag.
    """
    given = service.percents().get(revision, 0)
    known = tag is None or service.has_tag(tag, revision)
    shares = ", ".join(f"{name} {share} %" for name, share in service.percents().items()) or "nobody has any"
    terminal = service.terminal
    return (
        Check(
            id="reconciled",
            ok=not service.reconciling,
            expected="the platform has nothing left to do",
            actual="it is still at it" if service.reconciling else "it has nothing left to do",
        ),
        Check(
            id="observed",
            ok=service.observed == service.generation,
            expected=f"generation {service.generation} serves",
            actual=f"generation {service.observed} serves",
        ),
        Check(id="condition", ok=terminal.state == FINE, expected=FINE, actual=_said(terminal)),
        Check(
            id="newest ready",
            ok=service.latest_ready == revision,
            expected=revision,
            actual=service.latest_ready or "none",
        ),
        Check(
            id="traffic",
            ok=given == percent and known,
            expected=f"{revision} {percent} %" + (f", and at its tag {tag}" if tag else ""),
            actual=shares if known else f"{shares}; {revision} is not at its tag",
        ),
    )


def described(service: Service, revision: Revision, url: str | None) -> dict[str, Any]:
    """What is worth knowing of a revision, with names that do not change with the API."""
    raw = revision.raw
    containers = raw.get("containers") or [{}]
    main = next((each for each in containers if each.get("ports")), containers[0])
    statuses = raw.get("containerStatuses") or []
    own = next((each for each in statuses if each.get("name") == main.get("name")), statuses[0] if statuses else {})
    resources, scaling = main.get("resources") or {}, raw.get("scaling") or {}
    limits = resources.get("limits") or {}
    tags = {each.tag: each.revision for each in service.statuses if each.tag}
    found = {
        "kind": "cloud_run",
        "revision": revision.name,
        "image": main.get("image"),
        "digest": str(own.get("imageDigest") or "").rpartition("@")[2] or None,
        "cpu": limits.get("cpu"),
        "memory": limits.get("memory"),
        "cpu_idle": resources.get("cpuIdle", False),
        "startup_cpu_boost": resources.get("startupCpuBoost", False),
        "min_instances": scaling.get("minInstanceCount", 0),
        "max_instances": scaling.get("maxInstanceCount"),
        "concurrency": raw.get("maxInstanceRequestConcurrency"),
        "timeout": raw.get("timeout"),
        "session_affinity": raw.get("sessionAffinity", False),
        "service_account": raw.get("serviceAccount"),
        "execution_environment": raw.get("executionEnvironment"),
        "ingress": service.ingress or None,
        "created": raw.get("createTime"),
        "conditions": {each.type: each.said for each in revision.conditions()},
        "url": url,
        "tags": tags,
        "traffic": service.percents(),
    }
    return {key: value for key, value in found.items() if value is not None}


def kept(raw: Any) -> Any:
    """The API's answer as evidence: the values of a container's variables go, since many a secret is in one."""
    if isinstance(raw, list):
        return [kept(each) for each in raw]
    if not isinstance(raw, dict):
        return raw
    return {
        key: [{**each, "value": "[not kept]"} if "value" in each else each for each in value]
        if key == "env" and isinstance(value, list)
        else kept(value)
        for key, value in raw.items()
    }


def _condition(raw: Any) -> Condition:
    raw = raw if isinstance(raw, dict) else {}
    reason = raw.get("revisionReason") or raw.get("reason") or raw.get("executionReason") or ""
    return Condition(
        plain(raw.get("type", "")), plain(raw.get("state", "")), plain(raw.get("message", "")), plain(reason)
    )


def _said(condition: Condition) -> str:
    state = condition.state or "nothing yet"
    return f"{state}: {condition.said}" if condition.message or condition.reason else state
