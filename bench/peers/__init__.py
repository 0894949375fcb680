"""What is wired to the board, emulated in virtual time: bytes and nanoseconds in, bytes out."""

from __future__ import annotations

from typing import Protocol

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000


class PeerError(Exception):
    """A scenario asked a peer for what it cannot do. The message is one clear line."""


class Peer(Protocol):
    """At the other end of one of the board's UARTs. Times are virtual nanoseconds and never go back."""

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the board's UART. Never raises, whatever they are."""

    def poll(self, now_ns: int) -> bytes:
        """Bytes for the board that are due by now. What was due earlier has happened at its time."""
        raise NotImplementedError

    def next_event_ns(self) -> int | None:
        """When `poll` next has something to say or do: a time gone by means now; None: never."""
