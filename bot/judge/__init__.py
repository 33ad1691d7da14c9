"""Observations to findings to one verdict. Pure: no clock, no network, no randomness without a seed."""

from bot.judge.judging import judge
from bot.judge.watching import watch

__all__ = ["judge", "watch"]
