"""The database: its engine, its migrations, and a session for each request."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from alembic import command
from alembic.config import Config
from fastapi import Depends
from sqlalchemy import Engine, create_engine, event, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, sessionmaker
from starlette.requests import HTTPConnection

from chat import passwords
from chat.models import User
from chat.settings import Settings


def connect(url: str) -> Engine:
    """The engine for a database URL; nothing is opened yet."""
    engine = create_engine(url, pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables up to date."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def seed(engine: Engine, settings: Settings) -> None:
    """See to it that the first user exists, with the password and the hash cost of today."""
    with Session(engine) as session:
        user = session.scalar(select(User).where(User.email == settings.user))
        if user is None:
            user = User(email=settings.user, password_hash="")
            session.add(user)
        if not passwords.verify(settings.password, user.password_hash) or passwords.is_weak(user.password_hash):
            user.password_hash = passwords.digest(settings.password)
        try:
            session.commit()
        except IntegrityError:
            session.rollback()  # another instance, started at the same moment, was first


def get_session(connection: HTTPConnection) -> Iterator[Session]:
    """One session for one request; what is not committed is undone."""
    sessions: sessionmaker[Session] = connection.app.state.sessions
    with sessions() as session:
        yield session


Database = Annotated[Session, Depends(get_session)]


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # readers and the writer do not wait for each other, and a writer waits for another instead of failing
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=5000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")
