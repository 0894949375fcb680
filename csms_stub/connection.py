"""One TCP connection to the CSMS: bytes in, bytes out; HTTP upgrade and WebSocket by `websockets`' Sans-I/O."""

from __future__ import annotations

from dataclasses import dataclass

from csms_stub.session import Session


@dataclass(frozen=True, slots=True)
class Handshake:
    """The HTTP request that asked for the upgrade, and what it got. `headers` in the order received."""

    at_ns: int
    path: str
    identity: str
    headers: list[tuple[str, str]]
    subprotocols: list[str]
    user: str | None
    password: str | None
    status: int
    reason: str


class Connection:
    """Server side of one connection. Made by `Csms.accept`.

    handshake   Handshake or None before the request has been read
    session     Session or None before the handshake succeeded
    open        the WebSocket is open
    closed      nothing will come or go any more; the TCP side is to be closed (after the last `take`)
    close_code, close_reason    as received in (or sent with) the close frame; None before
    pings       list of (at_ns, payload) received;   pongs likewise
    violations  list[str]: WebSocket and handshake violations
    """

    handshake: Handshake | None
    session: Session | None

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the station. Never raises, whatever they are."""
        raise NotImplementedError

    def receive_eof(self, now_ns: int) -> None:
        """The station closed or lost its side."""
        raise NotImplementedError

    def take(self, now_ns: int) -> bytes:
        """All bytes for the station that are due."""
        raise NotImplementedError

    @property
    def closed(self) -> bool:
        raise NotImplementedError

    def next_event_ns(self) -> int | None:
        """When something happens without input (timeout of a CALL)."""
        raise NotImplementedError

    def ping(self, data: bytes, now_ns: int) -> None: ...

    def close(self, code: int, reason: str, now_ns: int) -> None:
        """Begin the closing handshake."""

    def abort(self, now_ns: int) -> None:
        """Drop the TCP connection with no close frame."""

    def send_bytes(self, data: bytes, now_ns: int) -> None:
        """Put these bytes on the TCP stream as they are (malformed frames)."""
