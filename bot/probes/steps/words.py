"""What went wrong with a WebSocket, in plain words.

This module loads websockets; import it where it is used.
"""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from websockets.exceptions import (
    InvalidHandshake,
    InvalidHeader,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    NegotiationError,
)

from bot.probes.probe import Unmeasurable
from bot.probes.steps.line import Unconnected

MEANINGS: Mapping[int, str] = {
    1000: "normal",
    1001: "going away",
    1002: "protocol error",
    1003: "data it cannot take",
    1005: "no code",
    1007: "broken text",
    1008: "policy violation",
    1009: "message too big",
    1010: "an extension is missing",
    1011: "internal error",
    1012: "restarting",
    1013: "overloaded, try later",
    1014: "bad gateway",
}
REFUSALS: Mapping[int, str] = {
    400: "not understood as a WebSocket handshake",
    401: "credentials refused",
    403: "credentials refused",
    404: "no such route",
    426: "not understood as a WebSocket handshake",
    429: "too many requests",
    502: "the service behind the proxy is down",
    503: "the service is not available",
    504: "the service behind the proxy does not answer",
    505: "the upgrade was lost on its way, by a proxy that does not pass it on",
}
UNKNOWN_HOST = frozenset({5, 6})
TLS = frozenset({35, 51, 58, 59, 60, 77, 80, 83, 90, 91})
"""libcurl's error codes (`libcurl-errors(3)`)."""


GRAPHQL: Mapping[int, str] = {
    4400: "a message that it does not understand",
    4401: "not initialised, or not allowed",
    4403: "forbidden",
    4406: "no subprotocol that it knows",
    4408: "no initialisation in its time",
    4409: "that id is taken already",
    4429: "initialised twice, or too often",
    4500: "internal error",
}
"""What they mean over the subprotocols of GraphQL."""


def code_words(code: int, subprotocol: str | None = None) -> str:
    """A close code with its meaning (RFC 6455, section 7.4.1, and IANA's registry).

    >>> code_words(1011), code_words(4401)
    ('1011 (internal error)', "4401 (the application's own)")
    """
    if subprotocol in {"graphql-transport-ws", "graphql-ws"} and code in GRAPHQL:
        return f"{code} ({GRAPHQL[code]})"
    meaning = MEANINGS.get(code, "the application's own" if 3000 <= code < 5000 else "unknown")
    return f"{code} ({meaning})"


def handshake_words(error: Exception, deadline: float) -> str:
    """Why there is no conversation.

    Raises:
        Unmeasurable: that says nothing of the service.
    """
    if isinstance(error, Unconnected):
        return _connection_words(error)
    if isinstance(error, TimeoutError):
        return f"no answer to the handshake within {deadline:.3g} s"
    if isinstance(error, InvalidStatus):
        return _status_words(error)
    if isinstance(error, InvalidMessage) and not isinstance(error.__cause__, EOFError):
        return "what came in answer to the handshake is not HTTP"
    if isinstance(error, InvalidMessage | OSError):
        return "the connection was closed during the handshake"
    if isinstance(error, NegotiationError):
        return f"the service chose a subprotocol or an extension that was not offered: {error}"
    if isinstance(error, InvalidUpgrade):
        return f"a wrong {error.name} in the handshake: something in between takes the upgrade out"
    if isinstance(error, InvalidHeader):
        return f"a wrong {error.name} in the handshake: something in between breaks WebSockets"
    if isinstance(error, InvalidHandshake):
        return f"no connection: {error}"
    raise Unmeasurable(f"the handshake cannot be sent: {error}", "check the address, the headers and the subprotocols")


def _connection_words(error: Unconnected) -> str:
    if error.code in UNKNOWN_HOST:
        raise Unmeasurable(f"the host name cannot be resolved: {error}", "check the address of the service") from error
    if error.refused:
        return "connection refused"
    return f"TLS failed: {error}" if error.code in TLS else f"no connection: {error}"


def _status_words(error: InvalidStatus) -> str:
    status, headers = error.response.status_code, error.response.headers
    phrase = HTTPStatus(status).phrase if status in set(HTTPStatus) else ""
    meaning = REFUSALS.get(status)
    if meaning is None:
        if 200 <= status < 300:
            page = _first(headers.get_all("Content-Type")).startswith("text/html")
            what = "a web page" if page else "an ordinary answer"
            meaning = f"{what}: there is no WebSocket here"
        elif 300 <= status < 400:
            meaning = f"a redirect to {_first(headers.get_all('Location')) or 'nowhere'}, which is not followed"
        else:
            meaning = "the service failed" if status >= 500 else "refused"
    if status in {429, 503} and (after := _first(headers.get_all("Retry-After"))):
        meaning += f"; it asks to be tried again after {after if not after.isdigit() else f'{after} s'}"
    words = f"the handshake was answered with {status} {phrase}".rstrip() + f" ({meaning})"
    server = _first(headers.get_all("Server")) if status >= 400 else ""
    return f"{words}, by {server}" if server else words


def _first(values: Sequence[str]) -> str:
    return values[0][:200] if values else ""
