"""The kubelet's end of a port-forward by WebSocket (`v4.channel.k8s.io`)."""

import contextlib
import socket
import struct
import threading

from websockets.frames import Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

PROTOCOL = "v4.channel.k8s.io"


def carry(client: socket.socket, head: bytes, address: str, port: int) -> None:
    """Answer the handshake whose head was read already, then carry one connection to the pod until either end closes."""
    protocol = ServerProtocol(subprotocols=[PROTOCOL], max_size=None)  # type: ignore[list-item]
    protocol.receive_data(head)
    [request] = protocol.events_received()
    protocol.send_response(protocol.accept(request))  # type: ignore[arg-type]
    lock = threading.Lock()

    def flush() -> None:
        for data in protocol.data_to_send():
            if data:
                client.sendall(data)

    def send(channel: int, data: bytes) -> None:
        with lock:
            if protocol.state is OPEN:
                protocol.send_binary(bytes((channel,)) + data)
                flush()

    flush()
    for channel in (0, 1):
        send(channel, struct.pack("<H", port))
    try:
        pod = socket.create_connection((address, port), timeout=5)
    except OSError as error:
        send(1, f"error forwarding port {port} to pod: {error}".encode())
        with lock:
            protocol.send_close(1000)
            flush()
        return
    pod.settimeout(None)

    def back() -> None:
        with contextlib.suppress(OSError):
            while data := pod.recv(65_536):
                send(0, data)
            with lock:
                if protocol.state is OPEN:
                    protocol.send_close(1000)
                    flush()

    thread = threading.Thread(target=back, name="port-forward")
    thread.start()
    with contextlib.suppress(OSError):
        while data := client.recv(65_536):
            with lock:
                protocol.receive_data(data)
                events = protocol.events_received()
                flush()
            for each in events:
                if each.opcode is Opcode.BINARY and each.data[:1] == b"\0":  # type: ignore[union-attr]
                    pod.sendall(each.data[1:])  # type: ignore[union-attr]
            if protocol.close_expected():
                break
    with contextlib.suppress(OSError):
        pod.shutdown(socket.SHUT_RDWR)
    thread.join()
    pod.close()
