"""An HTTP server at the other end of a virtual link, scripted by the test."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

HOST, PORT = "files.local", 8080
URL = f"http://{HOST}:{PORT}"


@dataclass
class Request:
    """One request as it came in."""

    head: str = ""
    body: bytes = b""
    at_ns: int = 0

    @property
    def target(self) -> str:
        return self.head.split(" ")[1]

    def value(self, name: str) -> str | None:
        for line in self.head.split("\r\n")[1:]:
            key, _, value = line.partition(":")
            if key.lower() == name.lower():
                return value.strip()
        return None


@dataclass
class FileServer:
    """`answer(request)` gives the bytes to send back, or None for silence; `limit`: bytes a second."""

    answer: Callable[[Request], bytes | None] = lambda request: reply(201)
    requests: list[Request] = field(default_factory=list)
    refused: bool = False
    limit: int | None = None
    early: bool = False
    """Answer the head alone, and close the connection while the body comes."""
    links: list["FileLink"] = field(default_factory=list)

    def accept(self) -> "FileLink | None":
        if self.refused:
            return None
        self.links.append(FileLink(self))
        return self.links[-1]


class FileLink:
    """One connection (see bench.peers.network.Link); it is closed once the answer has been taken."""

    def __init__(self, server: FileServer) -> None:
        self._server = server
        self._in = b""
        self._out = bytearray()
        self._answered = False
        self._closed = False
        self._taken_ns = 0

    def connected(self, now_ns: int) -> bool:
        return True

    def closed(self, now_ns: int) -> bool:
        return self._closed or (self._answered and not self._out)

    def receive(self, data: bytes, now_ns: int) -> None:
        if self._answered:
            return
        self._in += data
        head, end, body = self._in.partition(b"\r\n\r\n")
        if not end:
            return
        request = Request(head.decode(), body, now_ns)
        if not self._server.early and len(body) < int(request.value("Content-Length") or 0):
            return
        self._server.requests.append(request)
        answer = self._server.answer(request)
        self._taken_ns = now_ns
        if answer is not None:
            self._answered = True
            self._out += answer

    def take(self, now_ns: int, limit: int) -> bytes:
        if self._server.limit is not None:
            limit = min(limit, (now_ns - self._taken_ns) * self._server.limit // 1_000_000_000)
        data = bytes(self._out[:limit])
        if data:
            self._taken_ns = now_ns
        del self._out[:limit]
        return data

    def close(self, now_ns: int) -> None:
        self._closed = True

    abandon = close

    def next_event_ns(self) -> int | None:
        if not self._out:
            return None
        return 0 if self._server.limit is None else self._taken_ns + 50_000_000


def reply(status: int, body: bytes = b"", *fields: str) -> bytes:
    """An answer with its length."""
    head = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", *fields]
    return ("\r\n".join(head) + "\r\n\r\n").encode() + body


def serve(network: Any, server: FileServer) -> None:
    """Let the server listen on a network that has no such host."""
    others = network.open
    network.open = lambda host, port, now_ns: (
        server.accept() if (host, port) == (HOST, PORT) else others(host, port, now_ns)
    )
