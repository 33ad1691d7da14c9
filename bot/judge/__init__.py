"""Observations to findings to one verdict. Pure: no clock, no network, no randomness without a seed."""
