"""HTTP/1.1 (RFC 9112), the client's side: one request on a connection of its own, bodies in pieces."""

import asyncio

import board
from micropython import const

from .modem import LinkDown
from .websocket import b64

_CHUNK = const(512)
_LINE_MAX = const(512)
_LINES_MAX = const(64)
_SILENCE_S = const(60)  # without a byte the server is given up
_PORTS = const((("http", 80), ("https", 443)))


class HttpError(Exception):
    """The server's answer is no HTTP, or ends too soon; args[0] says how."""


def split_url(url):
    """http(s)://[user[:password]@]host[:port][/path] -> (scheme, user:password, host, port, target).

    Raises ValueError, whose text has nothing of the URL in it, which may hold a password.
    """
    for character in url:
        if not "!" <= character <= "~" or character in '"\\<>':
            raise ValueError("a character that must be escaped")
    scheme, _, rest = url.partition("://")
    port = None
    for name, default in _PORTS:
        if scheme.lower() == name:
            scheme, port = name, default
    if port is None:
        raise ValueError("neither http nor https")
    authority = rest.split("#")[0].split("/")[0].split("?")[0]
    target = rest.split("#")[0][len(authority) :]
    if target[:1] != "/":
        target = "/" + target
    user, _, host = authority.rpartition("@")
    host, _, digits = host.partition(":")
    if digits:
        port = int(digits) if digits.isdigit() else 0
    if not host or not 0 < port < 65536:
        raise ValueError("no host and port")
    return scheme, _unquoted(user), host, port, target


def _unquoted(text):
    parts = text.split("%")
    out = parts[0].encode()
    for part in parts[1:]:
        out += bytes((int(part[:2], 16),)) + part[2:].encode()
    return out


class Transfer:
    """A request and its answer: `open`, `put` the body, `answer`, `read` its body, `close`.

    `sockets[scheme]` is what it goes over (see modem.Socket). `wanted()` is asked at least once a second, and
    when it says no, the transfer ends with LinkDown. One at a time: who uses it holds `lock`.
    """

    def __init__(self, sockets):
        self.sockets = sockets
        self.lock = asyncio.Lock()
        self._socket = None
        self._buffer = bytearray(_CHUNK)
        self._view = memoryview(self._buffer)
        self.wanted = None
        self._reset()

    def _reset(self):
        self._at = self._end = 0  # of what is collected for sending, or received and not read
        self._left = 0  # of the body, or of its chunk; None: up to the end of the connection
        self._chunked = False
        self.first = 0  # offset of the body's first byte in the whole (Content-Range)

    async def open(self, method, url, fields):
        """Connect and send the head; `fields` are header lines, each with its end.

        Raises LinkDown, ValueError, and KeyError where there is nothing for the URL's scheme.
        """
        scheme, user, host, port, target = split_url(url)
        self._reset()
        self._socket = self.sockets[scheme]
        await self._socket.connect(host, port)
        authority = host if port in (80, 443) else "%s:%d" % (host, port)
        head = "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s" % (method, target, authority, fields)
        if user:
            head += "Authorization: Basic %s\r\n" % b64(user)
        await self.put(head.encode())
        await self.put(b"\r\n")

    async def put(self, data):
        """Send, in pieces of the buffer's size. False when the server takes no more: it may have answered."""
        data = memoryview(data)
        start = 0
        while start < len(data):
            n = min(len(data) - start, _CHUNK - self._end)
            self._buffer[self._end : self._end + n] = data[start : start + n]
            self._end += n
            start += n
            if self._end == _CHUNK and not await self._flush():
                return False
        return True

    async def _flush(self):
        n = self._end
        self._end = 0
        self._check()
        return await self._socket.send(self._view[:n])

    def _check(self):
        if self.wanted and not self.wanted():
            raise LinkDown("no longer wanted")

    async def answer(self):
        """Send what is left, and wait for the answer's head: its status code. Raises LinkDown, HttpError."""
        if self._end:
            await self._flush()
        self._at = self._end = 0
        status = 100
        while 100 <= status < 200:
            status = await self._head()
        return status

    async def _head(self):
        parts = (await self._line()).split()
        code = parts[1] if len(parts) > 1 and parts[0].startswith(b"HTTP/1.") else b""
        if len(code) != 3 or not code.isdigit():
            raise HttpError("not an answer in HTTP/1.1")
        self._left = None
        self._chunked = False
        for _ in range(_LINES_MAX):
            line = await self._line()
            if not line:
                if self._chunked:
                    # RFC 9112 6.3: whatever Content-Length says
                    self._left = 0
                return int(code)
            name, _, value = line.partition(b":")
            name = name.lower()
            value = value.strip()
            if name == b"content-length" and value.isdigit():
                self._left = int(value)
            elif name == b"transfer-encoding" and value.lower() == b"chunked":
                self._chunked = True
            elif name == b"content-range" and value.startswith(b"bytes "):
                digits = value[6:].split(b"-")[0]
                self.first = int(digits) if digits.isdigit() else -1
        raise HttpError("too many header lines")

    async def _line(self):
        line = b""
        while len(line) <= _LINE_MAX:
            if self._at == self._end and not await self._fill():
                raise HttpError("the answer ends in its head")
            end = self._buffer.find(b"\n", self._at, self._end)
            stop = self._end if end < 0 else end
            line += bytes(self._view[self._at : stop])
            self._at = stop if end < 0 else end + 1
            if end >= 0:
                return line.rstrip()
        raise HttpError("a line is too long")

    async def _fill(self):
        """Receive more; False at the end of the connection."""
        until = board.uptime() + _SILENCE_S
        while True:
            self._check()
            n = await self._socket.recv(self._buffer, 1)
            if n is not None:
                self._at = 0
                self._end = n
                return n > 0
            if board.uptime() >= until:
                raise LinkDown("the server is silent")

    async def read(self):
        """The next piece of the body, good until the next call; None behind its end.

        Raises LinkDown, HttpError.
        """
        if self._left == 0 and self._chunked:
            size = (await self._line() or await self._line()).split(b";")[0]
            try:
                self._left = int(size, 16)
            except ValueError:
                self._left = -1
            if self._left < 0:
                raise HttpError("no size of a chunk")
            self._chunked = self._left > 0
        if self._left == 0:
            return None
        if self._at == self._end and not await self._fill():
            if self._left is None:
                return None
            raise HttpError("the body is cut short")
        n = self._end - self._at
        if self._left is not None:
            n = min(n, self._left)
            self._left -= n
        self._at += n
        return self._view[self._at - n : self._at]

    async def close(self):
        """End the connection; never fails."""
        if self._socket:
            await self._socket.close()
            self._socket = None
