"""How much went over a socket."""


class Traffic:
    """How many messages, and of how many bytes, went each way."""

    def __init__(self) -> None:
        self.messages_sent = self.bytes_sent = self.messages_received = self.bytes_received = 0

    def sent(self, message: str | bytes) -> None:
        """One went out."""
        self.messages_sent += 1
        self.bytes_sent += _size(message)

    def received(self, message: str | bytes) -> None:
        """One came in."""
        self.messages_received += 1
        self.bytes_received += _size(message)


def _size(message: str | bytes) -> int:
    if isinstance(message, bytes) or message.isascii():
        return len(message)
    return len(message.encode("utf-8", "surrogatepass"))
