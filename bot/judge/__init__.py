"""Observations to findings to one verdict. Pure: no clock, no network, no randomness without a seed."""

from bot.judge.judging import judge
from bot.judge.waiving import by_date, extent, refusal, with_accepted
from bot.judge.watching import watch

__all__ = ["by_date", "extent", "judge", "refusal", "watch", "with_accepted"]
