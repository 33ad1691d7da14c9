"""`make demo`: three acts on a real service."""
