"""Answering a comment that asks something of the bot."""

from bot.github.environment import Environment
from bot.github.said import Said
from bot.model.errors import UsageError


def talk(environment: Environment, said: Said) -> int:
    """Do what the comment asks for, and give the exit code."""
    del environment
    raise UsageError(f"the comment {said.id} asks for something that this version does not do")
