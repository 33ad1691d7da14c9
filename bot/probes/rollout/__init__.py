"""Watching what users get while traffic moves: a steady stream of requests, and sockets that stay open."""
