"""Stability Proof: after a deploy, prove from measured evidence what the new revision kept, and say what it did not."""

__version__ = "0.1.0"
