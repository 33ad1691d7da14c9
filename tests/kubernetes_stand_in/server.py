"""The HTTP server: requests in, answers out, streams of a watch, and the handshake of a port-forward."""

import contextlib
import json
import os
import socket
import ssl
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.kubernetes_stand_in import portforward
from tests.kubernetes_stand_in.gateway import Answer, Gateway


class Server(ThreadingHTTPServer):
    """A thread for each connection; stopping closes the connections that clients keep open."""

    daemon_threads = False
    request_queue_size = 128

    def __init__(self, gateway: Gateway, tls: ssl.SSLContext | None = None) -> None:
        self.gateway = gateway
        self.tls = tls
        self.open_connections: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, name="kubernetes").start()

    def stop(self) -> None:
        """Stop serving, and wait for what is under way."""
        self.gateway.stopping.set()
        self.shutdown()
        for connection in list(self.open_connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection, in its thread."""
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away is its own affair."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.open_connections.add(self.connection)

    def finish(self) -> None:
        self.server.open_connections.discard(self.connection)
        super().finish()

    def handle_any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        if "authorization" not in headers and isinstance(self.connection, ssl.SSLSocket):
            certificate = self.connection.getpeercert() or {}
            names = dict(part[0] for part in certificate.get("subject", ()))
            headers["authorization"] = f"certificate {names.get('commonName', '')}"
        if headers.get("upgrade", "").lower() == "websocket":
            self._forward(headers)
            return
        answer = self.server.gateway.respond(self.command, self.path, headers, body)
        if answer is None:
            self._reset()
        elif answer.stream is not None:
            self._stream(answer)
        else:
            self._send(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

    def _forward(self, headers: dict[str, str]) -> None:
        self.close_connection = True
        call = self.server.gateway.admitted("GET", self.path, headers, b"")
        address = None if isinstance(call, Answer) else self.server.gateway.pod_address(call)
        if isinstance(call, Answer) or address is None:
            self._send(call if isinstance(call, Answer) else Answer(404, {}))
            return
        head = f"{self.requestline}\r\n".encode() + bytes(self.headers) + b""
        head = head.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        port = int(parse_qs(urlsplit(self.path).query)["ports"][0])
        portforward.carry(self.connection, head, address, port)

    def _send(self, answer: Answer) -> None:
        raw = isinstance(answer.body, bytes)
        content = answer.body if raw else json.dumps(answer.body).encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", "text/plain" if raw else "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self._headers_buffer: list[bytes]
        self._headers_buffer.append(b"\r\n" + content)  # one write for head and body
        self.flush_headers()

    def _stream(self, answer: Answer) -> None:
        self.send_response(answer.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        assert answer.stream is not None
        for each in answer.stream:
            line = json.dumps(each).encode() + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _reset(self) -> None:
        self.close_connection = True
        # lingering for no time makes the close a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.server.open_connections.discard(self.connection)
        os.close(self.connection.detach())

    def log_message(self, *_: object) -> None:
        """Say nothing: the stand-in keeps a record of its own."""
