"""What the service does with each type of message that a client sends over its socket."""

import asyncio
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from chat import agent, logs, threads
from chat.connection import Connection
from chat.models import Message, now
from chat.schemas import ExecuteAgent
from chat.states import EventType, SocketState

Handler = Callable[[Connection, dict[str, object]], Awaitable[None]]


async def ping(connection: Connection, _message: dict[str, object]) -> None:
    """Answer that the socket is alive."""
    await connection.send({"type": "pong"})


async def execute_agent(connection: Connection, message: dict[str, object]) -> None:
    """Let the agent answer a text, and tell the client of each thing that it does."""
    try:
        wish = ExecuteAgent.model_validate(message)
    except ValidationError as error:
        await connection.send({"type": "error", "code": "bad_message", "detail": error.errors()[0]["msg"]})
        return
    if not await asyncio.to_thread(store, connection, wish.thread, "user", wish.text):
        await connection.send({"type": "error", "code": "thread_not_found", "thread": wish.thread})
        return
    connection.enter(SocketState.EXECUTING)
    seq = 0
    async for event in agent.run(wish.text):
        seq += 1
        if event.type is EventType.AGENT_COMPLETED:
            # before the client hears of it, so that it can read the answer in the thread
            await asyncio.to_thread(store, connection, wish.thread, "assistant", event.data["answer"])
        time = now().isoformat(timespec="milliseconds")
        await connection.send({"type": event.type, "thread": wish.thread, "seq": seq, "time": time, **event.data})
    connection.enter(SocketState.AUTHENTICATED)


HANDLERS: dict[str, Handler] = {
    "ping": ping,
    "execute_agent": execute_agent,
}


async def route(connection: Connection, message: dict[str, object]) -> None:
    """Give a message to its handler; a type that nobody handles is logged and ignored."""
    kind = message.get("type")
    handler = HANDLERS.get(kind) if isinstance(kind, str) else None
    if handler is None:
        logs.write("message_ignored", level="warning", socket=connection.id, type=str(kind))
        return
    await handler(connection, message)


def store(connection: Connection, thread_id: str, role: str, text: str) -> bool:
    """Write a message into the user's thread; false when the user has no such thread."""
    with connection.sessions() as session:
        if connection.user_id is None or threads.find(session, thread_id, connection.user_id) is None:
            return False
        session.add(Message(thread_id=thread_id, role=role, text=text))
        session.commit()
        return True
