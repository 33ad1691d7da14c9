"""The probe `refuses`: a protected route says no to every credential but the real one."""

import re
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, JsonValue, ValidatorFunctionWrapHandler, WrapValidator, field_validator, model_validator

from bot.model import Check, Exercised, Fact, Observation, Severity
from bot.model.duration import Duration
from bot.probes.exercise import bare
from bot.probes.probe import Probe, Unmeasurable
from bot.probes.refusals.http import HttpRoute
from bot.probes.refusals.outcome import SEVERITIES, Outcome, Word
from bot.probes.refusals.trial import Known, Trial
from bot.probes.refusals.websocket import SocketRoute
from bot.probes.request import Target

if TYPE_CHECKING:
    from bot.probes.context import Context

HOST = r"[a-z0-9*-]+(\.[a-z0-9-]+)*|\[[0-9a-f:]+\]"


def _by_its_key(data: object, _handler: ValidatorFunctionWrapHandler) -> HttpRoute | SocketRoute:
    if isinstance(data, HttpRoute | SocketRoute):
        return data
    if not isinstance(data, dict) or ("http" in data) is ("websocket" in data):
        raise ValueError("what refuses is one route: `{http: GET /threads}` or `{websocket: /ws}`")
    return HttpRoute.model_validate(data) if "http" in data else SocketRoute.model_validate(data)


class RefusesProbe(Probe):
    """A protected route, which has to accept the real credential and to refuse every forged one."""

    kind: ClassVar[str] = "refuses"
    default_severity: ClassVar[Severity] = "critical"

    refuses: Annotated[HttpRoute | SocketRoute, WrapValidator(_by_its_key)]
    """The route: `{http: GET /threads}` or `{websocket: /ws}`."""
    login: str
    """The login whose credential is the real one; the forged ones are made from it."""
    refusals: tuple[Annotated[int, Field(ge=100, le=4999)], ...] = Field((), alias="with")
    """What counts as a refusal: statuses and, of a socket, close codes ([401, 403]; of a socket 1008 too)."""
    hosts: tuple[str, ...] = ()
    """The hosts that forged credentials may be sent to, as `staging.example.com`; this very machine always may."""
    expired: str | None = Field(None, min_length=1)
    """A token that has expired, as `${OLD_TOKEN}`: nobody but the service could make one."""
    other_audience: str | None = None
    """A login that gives tokens of the same issuer for another audience."""
    jwks: Target | None = None
    """Where the service publishes its keys, as `/.well-known/jwks.json`, unless the login discovers them."""
    timeout: Duration = 30.0
    """The most that the whole probe may take (30s)."""

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not re.fullmatch(HOST, host) or host.strip("*") in ("", "."):
                raise ValueError(f"{host!r} is no host; write it as staging.example.com, or candidate-*.example.com")
        return hosts

    @model_validator(mode="after")
    def _makes_sense(self) -> "RefusesProbe":
        if self.timed:
            raise ValueError("a probe that forges credentials is not timed; take `timed` out")
        both = set(self.known_refusals()) & set(getattr(self.refuses, "accepts", None) or ())
        if both or any(200 <= each < 300 or each == 101 for each in self.known_refusals()):
            raise ValueError("what says that a credential was accepted cannot be a refusal; correct `with`")
        return self

    def known_refusals(self) -> tuple[int, ...]:
        """What counts as a refusal."""
        return self.refusals or self.refuses.default_refusals()

    def logins(self) -> frozenset[str]:
        """The logins that it uses."""
        return frozenset(each for each in (self.login, self.other_audience) if each)

    async def observe(self, name: str, context: "Context") -> Observation:
        """Show the real credential, and then every forged one."""
        from bot.probes.context import Clock

        self._may_ask(context.url)
        clock = Clock(self.timeout)
        real = await context.credential(self.login, clock.left())
        if real.failure is not None:
            check = Check(id="sign-in", ok=False, expected="a credential", actual=real.failure, evidence=real.evidence)
            return self._observation(name, context, [check])
        trial = Trial(self.refuses, self.known_refusals(), self.login, real, name, context, clock)
        accepted = await trial.show("real credential", real)
        known = Known(expired=self.expired, other_audience=self.other_audience, jwks=self.jwks)
        tried = await trial.forged(known)
        outcomes = {each: found for each, found in tried.items() if isinstance(found, Outcome)}
        if accepted.word != "accepted" and all(each.word == "refused" for each in outcomes.values()):
            raise Unmeasurable(
                f"the route refuses everybody: the real credential got {accepted.actual}",
                f"see that the login {self.login} may use {self.refuses.what()}, or correct the route",
            )
        checks = [_check("real credential", accepted, "accepted", expected="accepted")]
        checks += [_check(each, found, "refused", expected="a refusal") for each, found in outcomes.items()]
        left_out: dict[str, JsonValue] = {each: why for each, why in tried.items() if isinstance(why, str)}
        fact = Fact(id="forged", kind="refusals", value={"tried": [*outcomes], "left out": left_out})
        return self._observation(name, context, checks, fact)

    def _observation(self, name: str, context: "Context", checks: Sequence[Check], *facts: Fact) -> Observation:
        bad = [each for each in checks if not each.ok]
        # what lets a forger in comes before what merely breaks
        bad.sort(key=lambda each: each.severity != "critical")
        held = {each.id for each in checks if each.ok}
        route, real, refused = (bare(self.refuses.what()),), "real credential" in held, "no credential" in held
        more = f"; and {len(bad) - 1} more" if len(bad) > 1 else ""
        return Observation(
            probe=name,
            kind=self.kind,
            title=self.shown_title(name),
            state="broken" if bad else "measured",
            reason=f"{bad[0].id}: expected {bad[0].expected}, got {bad[0].actual}{more}" if bad else None,
            reproduce=shlex.join(["stability-proof", "probe", "--only", name, "--url", context.url]),
            checks=tuple(checks),
            facts=facts,
            exercised=Exercised(routes=route, accepted=route if real else (), refused=route if refused else ()),
        )

    def exercises(self) -> Exercised | None:
        """Its route."""
        return Exercised(routes=(bare(self.refuses.what()),))

    def _may_ask(self, url: str) -> None:
        from bot.safety.http import is_loopback

        host = urlsplit(url).hostname or ""
        allowed = any(re.fullmatch(re.escape(each).replace(r"\*", "[^.]*"), host) for each in self.hosts)
        if not is_loopback(url) and not allowed:
            raise Unmeasurable(
                f"forged credentials go only to hosts that the spec names, and it does not name {host}",
                f"add `hosts: [{host}]` to the probe, if that host is yours",
            )


def _check(name: str, outcome: Outcome, wanted: Word, *, expected: str) -> Check:
    ok = outcome.word == wanted
    severity = None if ok else "major" if wanted == "accepted" else SEVERITIES[outcome.word]
    words = {"accepted": "accepted: ", "other": "neither refused nor accepted: "}
    actual = ("" if ok else words.get(outcome.word, "")) + outcome.actual
    return Check(id=name, ok=ok, expected=expected, actual=actual, evidence=outcome.evidence, severity=severity)
