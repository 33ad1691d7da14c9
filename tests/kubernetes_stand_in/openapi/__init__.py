"""Kubernetes' own description of its API, trimmed."""
