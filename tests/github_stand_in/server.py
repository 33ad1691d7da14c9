"""The HTTP server: requests in, answers out, and the faults that only a socket can have."""

import contextlib
import json
import os
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.github_stand_in.routing import Answer

Respond = Callable[[str, str, dict[str, str], bytes], Answer | None]
"""(method, target, headers in lower case, body) to an answer; None resets the connection."""


class Server(ThreadingHTTPServer):
    """A thread for each connection; stopping closes the connections that clients keep open."""

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, host: str, port: int, respond: Respond) -> None:
        self.respond = respond
        self.open_connections: set[socket.socket] = set()
        super().__init__((host, port), _Handler)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="github").start()

    def stop(self) -> None:
        """Stop serving, and wait for what is under way."""
        self.shutdown()
        for connection in list(self.open_connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is its own affair."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "github.stand-in"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.open_connections.add(self.connection)

    def finish(self) -> None:
        self.server.open_connections.discard(self.connection)
        super().finish()

    def handle_any(self) -> None:
        body = self._body()
        if body is None:  # the client was killed while it sent: that is no request
            self.close_connection = True
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.respond(self.command, self.path, headers, body)
        if answer is None:
            self._reset()
        else:
            self._send(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = handle_any  # noqa: N815

    def _body(self) -> bytes | None:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            length = int(self.headers.get("Content-Length", 0))
            body = self.rfile.read(length)
            return body if len(body) == length else None
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, answer: Answer) -> None:
        raw = isinstance(answer.body, bytes)
        content = answer.body if raw else b"" if answer.body is None else json.dumps(answer.body).encode()
        kind = "application/octet-stream" if raw else "application/json; charset=utf-8"
        self.send_response(answer.status)
        if content:
            self.send_header("Content-Type", answer.headers.get("Content-Type", kind))
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            if name != "Content-Type":
                self.send_header(name, value)
        # one write for head and body: two would wait for each other's acknowledgement
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n" + (content if self.command != "HEAD" else b""))
        self.flush_headers()

    def _reset(self) -> None:
        self.close_connection = True
        # lingering for no time makes the close a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.open_connections.discard(self.connection)
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Say nothing: the stand-in keeps a record of its own."""
