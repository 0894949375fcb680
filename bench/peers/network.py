"""What is behind the modem: hosts that can be reached, in process or on a real network."""

from __future__ import annotations

from typing import Protocol

from csms_stub.csms import Csms


class Link(Protocol):
    """One TCP connection as its client sees it. Times are virtual nanoseconds."""

    def connected(self, now_ns: int) -> bool:
        """The connection is established (false while connecting)."""

    def closed(self, now_ns: int) -> bool:
        """The other side closed, refused or lost it, and all its bytes were taken."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes towards the other side."""

    def take(self, now_ns: int, limit: int) -> bytes:
        """Up to `limit` bytes from the other side; what is left stays there (flow control)."""

    def close(self, now_ns: int) -> None: ...

    def next_event_ns(self) -> int | None:
        """When there may be something new without input; None: unknown or never."""


class Network(Protocol):
    def open(self, host: str, port: int, now_ns: int) -> Link | None:
        """Begin a connection; None: unknown host or refused at once."""


class InProcessNetwork:
    """Hosts in this process. `add("csms.local", 9000, csms)`; everything else is refused."""

    def add(self, host: str, port: int, csms: Csms) -> None:
        raise NotImplementedError

    def open(self, host: str, port: int, now_ns: int) -> Link | None:
        raise NotImplementedError
