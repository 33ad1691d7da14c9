"""Trimmed copies of GitHub's own descriptions of its API."""
