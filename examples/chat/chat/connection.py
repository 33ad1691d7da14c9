"""One WebSocket connection, as the handlers of messages see it."""

from dataclasses import dataclass, field
from uuid import uuid4

from fastapi import WebSocket
from sqlalchemy.orm import Session, sessionmaker

from chat import logs
from chat.settings import Settings
from chat.states import SocketState


@dataclass(slots=True)
class Connection:
    """A socket with its user (None until it is authenticated)."""

    websocket: WebSocket
    user_id: int | None = None
    id: str = field(default_factory=lambda: str(uuid4()))

    @property
    def settings(self) -> Settings:
        """The service's settings."""
        settings: Settings = self.websocket.app.state.settings
        return settings

    @property
    def sessions(self) -> sessionmaker[Session]:
        """Makes database sessions; to be used in a thread of its own."""
        sessions: sessionmaker[Session] = self.websocket.app.state.sessions
        return sessions

    def enter(self, state: SocketState) -> None:
        """Log that the socket is in a new state."""
        logs.write("socket_state", socket=self.id, user=self.user_id, state=state)

    async def send(self, message: dict[str, object]) -> None:
        """Send one message."""
        await self.websocket.send_json(message)
