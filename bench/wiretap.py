"""Reads the OCPP-J messages on links to a CSMS outside: the bench only watches, the station speaks."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from websockets.exceptions import ProtocolError
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from bench.peers.network import Link
from bench.peers.tcp import TcpNetwork

Watcher = Callable[[int, str, str], None]
"""Called with virtual time in ns, direction seen from the CSMS ("in", "out"), and a text."""


_TLS_HANDSHAKE = b"\x16"
"""Content type of the first record of either side (RFC 5246, 6.2.1)."""


class WireTap:
    """A TcpNetwork whose traffic is told to `watch`: HTTP start lines and WebSocket text messages."""

    def __init__(self, network: TcpNetwork, watch: Watcher) -> None:
        self._network = network
        self._watch = watch

    def open(self, host: str, port: int, now_ns: int) -> Link | None:
        link = self._network.open(host, port, now_ns)
        self._watch(now_ns, "in", f"TCP {host}:{port} " + ("opening" if link else "refused"))
        return _TappedLink(link, self._watch) if link else None

    def wait(self, timeout_s: float) -> bool:
        return self._network.wait(timeout_s)

    def close(self) -> None:
        self._network.close()


@dataclass(slots=True)
class _Direction:
    """One direction of a connection: HTTP head first, then WebSocket frames."""

    name: str
    masked: bool
    watch: Watcher
    reader: StreamReader = field(default_factory=StreamReader)
    now_ns: int = 0
    parser: Generator[None] | None = field(init=False)

    def __post_init__(self) -> None:
        self.parser = self._parse()
        next(self.parser)  # to its first read

    def feed(self, data: bytes, now_ns: int) -> None:
        if not data or self.parser is None:
            return
        self.now_ns = now_ns
        self.reader.feed_data(data)
        try:
            next(self.parser)
        except StopIteration:
            self.parser = None

    def _parse(self) -> Generator[None]:
        first = yield from self.reader.read_exact(1)
        if first == _TLS_HANDSHAKE:
            self.watch(self.now_ns, self.name, "TLS: what is said there cannot be read here")
            return
        start = first + (yield from self.reader.read_line(8192))
        self.watch(self.now_ns, self.name, start.decode(errors="replace").strip())
        while (yield from self.reader.read_line(8192)).strip():
            pass
        text = b""
        while True:
            try:
                frame = yield from Frame.parse(self.reader.read_exact, mask=self.masked)
            except ProtocolError as error:
                self.watch(self.now_ns, self.name, f"not readable as WebSocket: {error}")
                return
            if frame.opcode in (Opcode.TEXT, Opcode.CONT):
                text += bytes(frame.data)
                if frame.fin:
                    self.watch(self.now_ns, self.name, text.decode(errors="replace"))
                    text = b""
            elif frame.opcode is Opcode.CLOSE:
                self.watch(self.now_ns, self.name, "WebSocket close")


class _TappedLink:
    def __init__(self, link: Link, watch: Watcher) -> None:
        self._link = link
        self._up = _Direction("in", True, watch)
        self._down = _Direction("out", False, watch)

    def connected(self, now_ns: int) -> bool:
        return self._link.connected(now_ns)

    def closed(self, now_ns: int) -> bool:
        return self._link.closed(now_ns)

    def receive(self, data: bytes, now_ns: int) -> None:
        self._up.feed(data, now_ns)
        self._link.receive(data, now_ns)

    def take(self, now_ns: int, limit: int) -> bytes:
        data = self._link.take(now_ns, limit)
        self._down.feed(data, now_ns)
        return data

    def close(self, now_ns: int) -> None:
        self._link.close(now_ns)

    def abandon(self, now_ns: int) -> None:
        self._link.abandon(now_ns)

    def next_event_ns(self) -> int | None:
        return self._link.next_event_ns()
