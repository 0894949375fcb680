"""An HTTP file server without I/O, for firmware images and logs; and the ways in which it can be wrong.

HTTP/1.1 is h11's: GET and HEAD with one Range (RFC 9110, 14), PUT and POST of logs.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any

import h11

from csms_stub.csms import EPOCH
from csms_stub.messages import NS_PER_S, CsmsError

CHUNK = 4096
"""Bytes of a file that are handed out at once."""
UPLOAD_MAX = 1 << 20
KEPT_REQUESTS = 1000
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})$", re.ASCII)


@dataclass(slots=True)
class FileRequest:
    """One request, and what came of it.

    sent        bytes of the file that went out;  received: what was uploaded, b"" for a download
    complete    the upload is whole, or the file went out to its declared end
    status      0 while there is no answer
    """

    at_ns: int
    endpoint: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    status: int = 0
    sent: int = 0
    received: bytes = b""
    complete: bool = False

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a path.

    status      answer this, with no content;  redirect: 302 to there
    delay_s     answer only then
    rate        bytes of a file in a second
    cut_at      close TCP after so many bytes of a file, or of an upload
    stall_at    fall silent after so many bytes, and keep TCP open
    length      declare this Content-Length, and send what there is
    flip_at     damage this byte of the file
    """

    status: int | None = None
    redirect: str | None = None
    delay_s: float = 0
    rate: float | None = None
    cut_at: int | None = None
    stall_at: int | None = None
    length: int | None = None
    flip_at: int | None = None


class FileServer:
    """Files by their paths, and what was uploaded.

        server = FileServer()
        server.files["/firmware.bin"] = image
        server.trouble("/firmware.bin", Trouble(cut_at=1000), times=1)

    files       path -> content
    requests    FileRequest of each, the last 1000
    login       (user, password) that every request must bring (RFC 7617), None for none
    """

    def __init__(self, *, epoch: datetime = EPOCH, login: tuple[str, str] | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: deque[FileRequest] = deque(maxlen=KEPT_REQUESTS)
        self.login = login
        self.listening = True
        self._epoch = epoch
        self._troubles: dict[str, tuple[Trouble, int | None]] = {}

    def trouble(self, path: str, trouble: Trouble | None, *, times: int | None = None) -> None:
        """Be wrong in this way for the next `times` requests of a path, or of what is below a path that ends
        in ``/``; or from now on. None: be right again. Raises CsmsError for a status that is none."""
        if trouble is None:
            self._troubles.pop(path, None)
            return
        if trouble.status is not None and trouble.status not in set(HTTPStatus):
            raise CsmsError(f"{trouble.status} is no HTTP status")
        self._troubles[path] = trouble, times

    def uploads(self, below: str = "/") -> list[FileRequest]:
        """Whole uploads that were taken, to paths that begin so."""
        return [
            request
            for request in self.requests
            if request.method in ("PUT", "POST")
            and request.path.startswith(below)
            and request.complete
            and request.status == HTTPStatus.CREATED
        ]

    def accept(self, now_ns: int, *, secure: bool = False, endpoint: str = "") -> HttpConnection | None:
        """A client opens a TCP connection; None: refused."""
        return HttpConnection(self, endpoint) if self.listening else None

    # what connections ask

    def next_trouble(self, path: str) -> Trouble:
        for place in (path, path.rpartition("/")[0] + "/"):
            if place in self._troubles:
                trouble, times = self._troubles[place]
                if times is not None:
                    self._troubles[place] = trouble, times - 1
                    if times <= 1:
                        del self._troubles[place]
                return trouble
        return Trouble()

    def admits(self, request: FileRequest) -> bool:
        if self.login is None:
            return True
        scheme, _, encoded = (request.header("Authorization") or "").partition(" ")
        wanted = base64.b64encode(":".join(self.login).encode()).decode()
        return scheme.lower() == "basic" and encoded.strip() == wanted

    def date(self, now_ns: int) -> str:
        return format_datetime(self._epoch + timedelta(seconds=now_ns // NS_PER_S), usegmt=True)


@dataclass(slots=True)
class _Body:
    """Of an answer: what goes out of `data` from `begun_ns` on."""

    data: bytes
    begun_ns: int
    end: int
    place: int = 0


class HttpConnection:
    """Server side of one TCP connection. Made by `FileServer.accept`."""

    def __init__(self, server: FileServer, endpoint: str) -> None:
        self.closed = False
        self._server = server
        self._endpoint = endpoint
        self._http = h11.Connection(h11.SERVER)
        self._out = bytearray()
        self._request: FileRequest | None = None
        self._trouble = Trouble()
        self._upload = bytearray()
        self._answer_ns: int | None = None
        self._body: _Body | None = None
        self._silent = False

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the client. Never raises, whatever they are."""
        if self.closed or self._silent:
            return
        try:
            self._http.receive_data(data)
            self._events(now_ns)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)

    def receive_eof(self, now_ns: int) -> None:
        """The client closed its side of TCP, or is gone."""
        self.closed = True

    def abort(self, now_ns: int) -> None:
        """Drop the TCP connection; what was not taken is lost."""
        self._out.clear()
        self.closed = True

    def take(self, now_ns: int) -> bytes:
        """Bytes for the client: all that wait, and the next of a file that are due."""
        if not self.closed and not self._silent:
            self._answer(now_ns)
            self._pour(now_ns)
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event_ns(self) -> int | None:
        """When `take` has something new without input."""
        if self._out:
            return 0
        if self.closed or self._silent:
            return None
        if self._answer_ns is not None:
            return self._answer_ns
        return self._due_ns()

    def _events(self, now_ns: int) -> None:
        while not self.closed and not self._silent:
            event = self._http.next_event()
            if isinstance(event, h11.Request):
                self._begin(event, now_ns)
            elif isinstance(event, h11.Data):
                self._upload += event.data
                self._watch_upload()
            elif isinstance(event, h11.EndOfMessage):
                assert self._request is not None
                self._request.received = bytes(self._upload)
                self._answer_ns = now_ns + int(self._trouble.delay_s * NS_PER_S)
            elif isinstance(event, h11.ConnectionClosed):
                self.closed = True
            else:
                return

    def _begin(self, event: h11.Request, now_ns: int) -> None:
        headers = tuple((name.decode(), value.decode("latin-1")) for name, value in event.headers)
        path = event.target.decode("latin-1").partition("?")[0]
        self._request = FileRequest(now_ns, self._endpoint, event.method.decode(), path, headers)
        self._server.requests.append(self._request)
        self._upload.clear()
        self._trouble = self._server.next_trouble(path)
        if event.http_version == b"1.1" and self._http.they_are_waiting_for_100_continue:
            self._send(h11.InformationalResponse(status_code=100, headers=[]))

    def _watch_upload(self) -> None:
        size = len(self._upload)
        if size > UPLOAD_MAX:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        elif self._trouble.cut_at is not None and size >= self._trouble.cut_at:
            self.closed = True
        elif self._trouble.stall_at is not None and size >= self._trouble.stall_at:
            self._silent = True

    def _answer(self, now_ns: int) -> None:
        request, trouble = self._request, self._trouble
        if request is None or self._answer_ns is None or now_ns < self._answer_ns:
            return
        self._answer_ns = None
        if trouble.status is not None:
            self._plain(trouble.status, now_ns)
        elif trouble.redirect is not None:
            self._plain(HTTPStatus.FOUND, now_ns, ("Location", trouble.redirect))
        elif not self._server.admits(request):
            self._plain(HTTPStatus.UNAUTHORIZED, now_ns, ("WWW-Authenticate", 'Basic realm="files"'))
        elif request.method in ("PUT", "POST"):
            request.complete = True
            self._plain(HTTPStatus.CREATED, now_ns)
        elif request.method not in ("GET", "HEAD"):
            self._plain(HTTPStatus.METHOD_NOT_ALLOWED, now_ns, ("Allow", "GET, HEAD, PUT, POST"))
        elif request.path not in self._server.files:
            self._plain(HTTPStatus.NOT_FOUND, now_ns)
        else:
            self._file(request, self._server.files[request.path], now_ns)

    def _file(self, request: FileRequest, content: bytes, now_ns: int) -> None:
        trouble = self._trouble
        tag = f'"{hashlib.sha256(content).hexdigest()[:16]}"'
        headers = [("ETag", tag), ("Accept-Ranges", "bytes")]
        begin, end, status = 0, len(content), HTTPStatus.OK
        wanted = request.header("Range")
        if wanted is not None and request.header("If-Range") in (None, tag):
            found = _span(wanted, len(content))
            if found is None:
                size = ("Content-Range", f"bytes */{len(content)}")
                self._plain(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, now_ns, size)
                return
            begin, end = found
            status = HTTPStatus.PARTIAL_CONTENT
            headers.append(("Content-Range", f"bytes {begin}-{end - 1}/{len(content)}"))
        if trouble.flip_at is not None and begin <= trouble.flip_at < end:
            damaged = bytearray(content)
            damaged[trouble.flip_at] ^= 1
            content = bytes(damaged)
        data = content[begin:end]
        length = len(data) if trouble.length is None else trouble.length
        headers += [("Content-Type", "application/octet-stream"), ("Content-Length", str(length))]
        self._head(status, headers, now_ns)
        if request.method == "HEAD":
            self.closed = True
            return
        stops = [at for at in (trouble.cut_at, trouble.stall_at) if at is not None]
        self._body = _Body(data, now_ns, min([len(data), *stops]))

    def _pour(self, now_ns: int) -> None:
        """The next bytes of a file. They go past h11, which would not let a wrong length pass."""
        body, request = self._body, self._request
        due = self._due_ns()
        if body is None or request is None or due is None or due > now_ns or self._out:
            return
        begun, body.place = body.place, self._next_place(body)
        self._out += body.data[begun : body.place]
        request.sent += body.place - begun
        if body.place < body.end:
            return
        self._body = None
        request.complete = body.end == len(body.data) and self._trouble.length is None
        if self._trouble.stall_at == body.end:
            self._silent = True
        else:
            self.closed = True

    def _next_place(self, body: _Body) -> int:
        """Where the next piece ends: at a low rate, some bytes of each tenth of a second."""
        rate = self._trouble.rate
        step = CHUNK if rate is None else max(1, min(CHUNK, int(rate / 10)))
        return min(body.place + step, body.end)

    def _due_ns(self) -> int | None:
        """When the next piece has been earned: no span of time sees more than `rate`."""
        body = self._body
        if body is None:
            return None
        rate = self._trouble.rate
        return body.begun_ns + (math.ceil(self._next_place(body) / rate * NS_PER_S) if rate else 0)

    def _plain(self, status: int, now_ns: int, *headers: tuple[str, str]) -> None:
        assert self._request is not None
        self._head(status, [*headers, ("Content-Length", "0")], now_ns)
        self.closed = True

    def _head(self, status: int, headers: list[tuple[str, str]], now_ns: int) -> None:
        assert self._request is not None
        self._request.status = status
        named = [("Date", self._server.date(now_ns)), *headers, ("Connection", "close")]
        reason = HTTPStatus(status).phrase
        self._send(h11.Response(status_code=status, headers=named, reason=reason))

    def _refuse(self, status: int) -> None:
        """What is no HTTP gets an answer that says so, and the end."""
        if self._request is not None and not self._request.status:
            self._request.status = status
        self._out += (
            f"HTTP/1.1 {int(status)} {HTTPStatus(status).phrase}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        self.closed = True

    def _send(self, event: Any) -> None:
        self._out += self._http.send(event) or b""


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """Where a Range begins and ends in so many bytes; None where that cannot be."""
    match = _RANGE.match(wanted.replace(" ", ""))
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        begin, end = max(0, size - int(last)), size
    else:
        begin, end = int(first), min(size, int(last) + 1) if last else size
    return (begin, end) if begin < end else None
