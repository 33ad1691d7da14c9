"""Structured snapshots compared: one file per kind of fact."""
