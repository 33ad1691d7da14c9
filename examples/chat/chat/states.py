"""The words of the protocol: states of a socket, and types of an agent's events."""

from enum import StrEnum


class SocketState(StrEnum):
    """Where a socket is in its life; every change is logged."""

    CONNECTED = "connected"
    AUTHENTICATED = "authenticated"
    EXECUTING = "executing"
    CLOSED = "closed"


class EventType(StrEnum):
    """What a client hears while the agent works."""

    AGENT_STARTED = "agent_started"
    AGENT_THINKING = "agent_thinking"
    TOOL_EXECUTING = "tool_executing"
    TOOL_COMPLETED = "tool_completed"
    AGENT_COMPLETED = "agent_completed"
