"""What is behind the network module: hosts that can be reached, in process or on a real network."""

from __future__ import annotations

from typing import Protocol

from csms_stub.tls import Service, Stream


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


class ServiceLink:
    """A link to a service in this process, with the service's stream at its other end."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._pending = bytearray()

    def connected(self, now_ns: int) -> bool:
        return not self.closed(now_ns)

    def closed(self, now_ns: int) -> bool:
        self._fill(now_ns)
        return self.stream.closed and not self._pending

    def receive(self, data: bytes, now_ns: int) -> None:
        self.stream.receive(data, now_ns)

    def take(self, now_ns: int, limit: int) -> bytes:
        self._fill(now_ns)
        data = bytes(self._pending[:limit])
        del self._pending[:limit]
        return data

    def close(self, now_ns: int) -> None:
        self.stream.receive_eof(now_ns)

    def abandon(self, now_ns: int) -> None:
        self._pending.clear()

    def next_event_ns(self) -> int | None:
        return 0 if self._pending else self.stream.next_event_ns()

    def _fill(self, now_ns: int) -> None:
        # A long file is handed out as the client takes it.
        if not self._pending:
            self._pending += self.stream.take(now_ns)


class InProcessNetwork:
    """Hosts in this process, by name and port. Every other host is unknown, every other port refuses."""

    def __init__(self) -> None:
        self._hosts: dict[tuple[str, int], Service] = {}

    def add(self, host: str, port: int, service: Service) -> None:
        """Let `service` listen at host:port, instead of what was there."""
        self._hosts[host.lower(), port] = service

    def open(self, host: str, port: int, now_ns: int) -> ServiceLink | None:
        service = self._hosts.get((host.lower(), port))
        stream = None if service is None else service.accept(now_ns, endpoint=f"{host.lower()}:{port}")
        return None if stream is None else ServiceLink(stream)
