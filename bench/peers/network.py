"""What is behind the network module: hosts that can be reached, in process or on a real network."""

from __future__ import annotations

from typing import Protocol

from csms_stub.connection import Connection
from csms_stub.csms import Csms


class Link(Protocol):
    """One TCP connection as its client sees it. Times are virtual nanoseconds and never go back."""

    def connected(self, now_ns: int) -> bool:
        """The connection is established (false while connecting, and after it failed)."""

    def closed(self, now_ns: int) -> bool:
        """The other side closed, refused or lost it, and all its bytes were taken."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes towards the other side; lost where the link is closed."""

    def take(self, now_ns: int, limit: int) -> bytes:
        """Up to `limit` bytes from the other side; what is left stays there (flow control)."""

    def close(self, now_ns: int) -> None:
        """End the connection. The other side sees its end."""

    def abandon(self, now_ns: int) -> None:
        """Forget the connection without telling the other side, as a power cut does."""

    def next_event_ns(self) -> int | None:
        """When there may be something new without input: a time gone by means now; None: never."""


class Network(Protocol):
    """Where TCP connections lead."""

    def open(self, host: str, port: int, now_ns: int) -> Link | None:
        """Begin a connection; None: unknown host, or refused at once."""


class CsmsLink:
    """A link to a CSMS in this process, with the CSMS's Connection at its other end."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._pending = bytearray()

    def connected(self, now_ns: int) -> bool:
        return not self.closed(now_ns)

    def closed(self, now_ns: int) -> bool:
        self._fill(now_ns)
        return self.connection.closed and not self._pending

    def receive(self, data: bytes, now_ns: int) -> None:
        self.connection.receive(data, now_ns)

    def take(self, now_ns: int, limit: int) -> bytes:
        self._fill(now_ns)
        data = bytes(self._pending[:limit])
        del self._pending[:limit]
        return data

    def close(self, now_ns: int) -> None:
        self.connection.receive_eof(now_ns)

    def abandon(self, now_ns: int) -> None:
        self._pending.clear()

    def next_event_ns(self) -> int | None:
        return 0 if self._pending else self.connection.next_event_ns()

    def _fill(self, now_ns: int) -> None:
        self._pending += self.connection.take(now_ns)


class InProcessNetwork:
    """Hosts in this process, by name and port. Every other host is unknown, every other port refuses."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, int], Csms] = {}

    def add(self, host: str, port: int, csms: Csms) -> None:
        """Let `csms` listen at host:port, instead of what was there."""
        self._hosts[host.lower(), port] = csms

    def open(self, host: str, port: int, now_ns: int) -> CsmsLink | None:
        csms = self._hosts.get((host.lower(), port))
        connection = None if csms is None else csms.accept(now_ns, endpoint=f"{host.lower()}:{port}")
        return None if connection is None else CsmsLink(connection)
