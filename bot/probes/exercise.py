"""Did we test anything? Which routes a probe went to with and without a credential, and which events it knows."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus

from bot.model import Exercised
from bot.probes import events
from bot.probes.probe import Settings
from bot.probes.steps.composed import ComposedStep
from bot.probes.steps.hears import Events
from bot.probes.steps.http import HttpCall
from bot.probes.steps.opening import SocketStep
from bot.probes.steps.socket_io import SocketIOStep
from bot.probes.steps.sse import SseStep
from bot.probes.steps.step import Result
from bot.probes.steps.websocket import WebSocketStep

REFUSALS = frozenset({401, 403})
NOTHING = REFUSALS | {404}
"""What a service answers that shows nothing of what it does for those who may."""


Went = Sequence[tuple[Settings, Result | None]]
"""Steps, each with what it gave; nothing where it was not reached."""


def exercises(went: Went) -> Exercised | None:
    """What steps are to touch, and what of it they did by their results; None where there is nothing to be told."""
    routes, accepted, refused, known, asked, there = (dict[str, None]() for _ in range(6))
    for step, result in went:
        name, held = _route(step), result is not None and result.failure is None
        known |= dict.fromkeys(_events(step))
        if result is not None:
            there |= dict.fromkeys(result.operations)
        if name is None:
            continue
        if held and isinstance(step, HttpCall | SseStep):
            asked[name.removeprefix("sse ")] = None
        if _expects_refusal(step):
            refused |= {name: None} if held and not _login(step) else {}
        elif _login(step):
            routes[name] = None
            accepted |= {name: None} if held else {}
    if not (routes or refused or known or asked or there):
        return None
    return Exercised(
        routes=tuple(routes),
        accepted=tuple(accepted),
        refused=tuple(refused),
        events=tuple(known),
        asked=tuple(asked),
        operations=tuple(there),
    )


def only_refused(went: Went) -> str | None:
    """Why nothing was seen of the service, where every answer was a 401, 403 or 404 that the spec merely puts up with.

    A spec that expects one of these, and nothing else, means it.
    """
    seen: list[int] = []
    meant = True
    for step, result in went:
        if isinstance(step, ComposedStep):
            continue  # its steps are here too
        if not isinstance(step, HttpCall) or result is None or result.failure is not None:
            return None
        seen += [status for fact in result.facts if (status := _status(fact.value)) is not None]
        meant = meant and set(step.expect.status or ()) <= NOTHING
    if meant or not seen or not set(seen) <= NOTHING:
        return None
    words = " and ".join(f"{status} {HTTPStatus(status).phrase}" for status in dict.fromkeys(seen))
    return f"it only ever saw {words}, which shows nothing of what the route does"


def bare(text: str) -> str:
    """A route as it is counted: without its query, in which every probe may ask for something else."""
    return text.split("?", 1)[0]


def _events(step: Settings) -> Iterator[str]:
    """The event types that its patterns name. Those of GraphQL are of the protocol, and not the service's."""
    patterns = [step.events] if isinstance(step, WebSocketStep | SocketIOStep | SseStep) else []
    patterns += [act.events for act in step.talk if isinstance(act, Events)] if isinstance(step, WebSocketStep) else []
    for pattern in patterns:
        if pattern is not None:
            yield from (each.event for each in events.parse(pattern).positions)


def _route(step: Settings) -> str | None:
    if isinstance(step, HttpCall):
        return bare(step.http)
    return bare(step.what()) if isinstance(step, SocketStep | SseStep) else None


def _login(step: Settings) -> str | None:
    return step.login if isinstance(step, HttpCall | SocketStep | SseStep) else None


def _expects_refusal(step: Settings) -> bool:
    if isinstance(step, HttpCall):
        return bool(step.expect.status) and set(step.expect.status or ()) <= REFUSALS
    return isinstance(step, SocketStep) and step.close == 1008


def _status(value: object) -> int | None:
    status = value.get("status") if isinstance(value, dict) else None
    return status if isinstance(status, int) else None
