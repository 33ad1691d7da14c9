"""What is watched while traffic moves: the keys of `strategy: watch`, and what stands in for those that are absent."""

from collections.abc import Mapping

from pydantic import Field, field_validator

from bot.model import Severity
from bot.model.duration import Duration
from bot.probes import templates
from bot.probes.http import READING, HttpProbe
from bot.probes.identity import Identity
from bot.probes.journey import JourneyProbe
from bot.probes.probe import Probe, Settings
from bot.probes.request import RequestLine, Target
from bot.probes.steps.sequence import everywhere, numbered
from bot.probes.steps.websocket import WebSocketStep


class Watch(Settings):
    """What is asked of the public URL while traffic moves, and how much of it may go wrong."""

    http: RequestLine | None = None
    """The request that is sent; the one of `identity:`, or the first `GET` of the probes that needs no login."""
    rate: float = Field(50.0, gt=0, le=1000)
    """Requests a second, each at its planned time and over a connection of its own (50)."""
    websocket: Target | None = None
    """Where sockets are kept open; that of the first `websocket` step of the probes whose path is known beforehand."""
    login: str | None = None
    """The login of the sockets, where `websocket` names them."""
    sockets: int = Field(20, ge=0, le=500)
    """How many sockets are kept open (20)."""
    before: Duration = 1.0
    """How long is watched before the traffic moves (1s)."""
    after: Duration = 2.0
    """How long is watched after it has settled (2s)."""
    grace: Duration = 0.25
    """How long after the platform says that traffic has moved an answer may still be of the time before (250ms)."""
    lost: int = Field(0, ge=0)
    """How many requests may be lost (0)."""
    resume: Duration = 5.0
    """Within what a socket that was closed must be open again (5s)."""
    severity: Severity = "major"
    """How bad it is when more is lost, or a socket is not open again (major)."""

    @field_validator("http")
    @classmethod
    def _only_reads(cls, line: str | None) -> str | None:
        if line is not None and not line.startswith(READING):
            raise ValueError("it is sent all the time, so it may only read: write it as GET /health")
        return line

    def line(self, probes: Mapping[str, Probe], identity: Identity | None) -> str | None:
        """The request that is sent; None where the spec has none that fits."""
        if self.http is not None:
            return self.http
        if identity is not None and identity.http is not None:
            return identity.http
        asked = (each.http for each in probes.values() if isinstance(each, HttpProbe) and each.login is None)
        return next((line for line in asked if line.startswith(READING) and not templates.names(line)), None)

    def step(self, probes: Mapping[str, Probe]) -> WebSocketStep | None:
        """How a socket is opened; None where none is to be, or the spec has none whose path is known beforehand."""
        if not self.sockets:
            return None
        if self.websocket is not None:
            return WebSocketStep(websocket=self.websocket, login=self.login)
        for probe in probes.values():
            if not isinstance(probe, JourneyProbe):
                continue
            for _, step in everywhere(numbered(probe.journey)):
                if isinstance(step, WebSocketStep) and not templates.names([step.websocket, [*step.headers.values()]]):
                    return step
        return None
