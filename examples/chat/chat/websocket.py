"""`/ws`: a client signs its socket in, and sends messages.

The access token comes in the `Authorization` header or, from browsers, which cannot set one, in the first message:
`{"type": "authenticate", "token": "…"}`. A socket without one is closed with 1008.
"""

import asyncio
import json
import logging

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from chat import messages, tokens
from chat.connection import Connection
from chat.states import SocketState

SIGN_IN_SECONDS = 5.0
POLICY_VIOLATION = 1008
INTERNAL_ERROR = 1011

router = APIRouter()
logger = logging.getLogger(__name__)


class AuthenticationError(Exception):
    """The socket's client did not say who it is."""


@router.websocket("/ws")
async def serve(websocket: WebSocket) -> None:
    """Serve one socket until its client leaves."""
    connection = Connection(websocket)
    await websocket.accept()
    try:
        await converse(connection)
    except WebSocketDisconnect:
        connection.enter(SocketState.CLOSED)
    except AuthenticationError as error:
        await websocket.close(POLICY_VIOLATION, str(error))
        connection.enter(SocketState.CLOSED)
    except Exception:
        logger.exception("socket %s failed", connection.id)
        await websocket.close(INTERNAL_ERROR, "internal error")


async def converse(connection: Connection) -> None:
    """Receive messages and route them, one after the other."""
    connection.enter(SocketState.CONNECTED)
    header = connection.websocket.headers.get("authorization")
    if header is not None:
        authenticate(connection, header.removeprefix("Bearer "))
    else:
        await expect_token(connection)
    connection.enter(SocketState.AUTHENTICATED)
    while True:
        message = await receive(connection)
        if message is None:
            await connection.send({"type": "error", "code": "bad_message", "detail": "not a JSON object"})
        else:
            await messages.route(connection, message)


async def expect_token(connection: Connection) -> None:
    """Take the token from the first message."""
    try:
        first = await asyncio.wait_for(receive(connection), SIGN_IN_SECONDS)
    except TimeoutError:
        raise AuthenticationError("no token in time") from None
    if first is None or first.get("type") != "authenticate":
        raise AuthenticationError("the first message must be of type authenticate")
    authenticate(connection, str(first.get("token")))
    await connection.send({"type": "authenticated"})


def authenticate(connection: Connection, token: str) -> None:
    """Note whose socket it is."""
    try:
        connection.user_id = tokens.user_of(token, connection.settings.secret)
    except tokens.TokenError:
        raise AuthenticationError("the access token is not valid") from None


async def receive(connection: Connection) -> dict[str, object] | None:
    """The next message; None when it is not a JSON object."""
    try:
        message = json.loads(await connection.websocket.receive_text())
    except (ValueError, KeyError, RecursionError):  # KeyError: the frame was binary
        return None
    return message if isinstance(message, dict) else None
