"""A small Kubernetes: an API server, its controllers, and a node whose pods are processes on this machine.

Every request and every answer is held to Kubernetes' own OpenAPI description (`openapi/`), and `kubectl` understands it.
What it does follows Kubernetes' documentation and source; seconds of back-off and of probe periods run faster (`PACE`).
"""
