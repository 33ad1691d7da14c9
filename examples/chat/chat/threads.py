"""Threads and their messages."""

from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy import select
from sqlalchemy.orm import Session

from chat.auth import CurrentUser
from chat.db import Database
from chat.models import Message, Thread
from chat.schemas import MessageView, NewMessage, NewThread, ThreadView

router = APIRouter(prefix="/threads", tags=["threads"])


def find(session: Session, thread_id: str, user_id: int) -> Thread | None:
    """The user's thread of this id; another user's thread is not found."""
    return session.scalar(select(Thread).where(Thread.id == thread_id, Thread.user_id == user_id))


def own_thread(thread_id: str, session: Database, user: CurrentUser) -> Thread:
    """The thread that the path names."""
    thread = find(session, thread_id, user.id)
    if thread is None:
        raise HTTPException(404, "no such thread")
    return thread


OwnThread = Annotated[Thread, Depends(own_thread)]


@router.post("", status_code=201)
def create_thread(session: Database, user: CurrentUser, body: NewThread | None = None) -> ThreadView:
    """Begin a thread."""
    thread = Thread(user_id=user.id, title=(body or NewThread()).title)
    session.add(thread)
    session.commit()
    return ThreadView.model_validate(thread)


@router.get("")
def list_threads(
    session: Database, user: CurrentUser, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> list[ThreadView]:
    """The newest threads."""
    newest = select(Thread).where(Thread.user_id == user.id).order_by(Thread.created_at.desc()).limit(limit)
    return [ThreadView.model_validate(thread) for thread in session.scalars(newest)]


@router.get("/{thread_id}")
def read_thread(thread: OwnThread) -> ThreadView:
    """One thread."""
    return ThreadView.model_validate(thread)


@router.post("/{thread_id}/messages", status_code=201)
def write_message(thread: OwnThread, session: Database, body: NewMessage) -> MessageView:
    """Write a message; the agent is asked over the WebSocket."""
    message = Message(thread_id=thread.id, role="user", text=body.text)
    session.add(message)
    session.commit()
    return MessageView.model_validate(message)


@router.get("/{thread_id}/messages")
def list_messages(
    thread: OwnThread, session: Database, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> list[MessageView]:
    """The thread's messages, oldest first."""
    oldest = select(Message).where(Message.thread_id == thread.id).order_by(Message.id).limit(limit)
    return [MessageView.model_validate(message) for message in session.scalars(oldest)]
