"""Links on real sockets, for a CSMS outside the process. Non-blocking; the only peer that knows host time."""

from __future__ import annotations

import errno
import select
import socket

NS_PER_MS = 1_000_000
LOOK_NS = 2 * NS_PER_MS
"""A socket does not say in virtual time when it has something; how often to look."""
CHUNK = 1 << 16
SEND_BUFFER = 1 << 20


class TcpLink:
    """One TCP connection, made by `TcpNetwork.open`. Errors of the socket end it; they are not raised."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.error: str = ""
        """Why the link ended, "" where the other side closed it or it is open."""
        self._outgoing = bytearray()
        self._incoming = bytearray()
        self._connected = False
        self._over = False
        self._looked_ns = 0
        self._socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(address)
        if code not in (0, errno.EINPROGRESS):
            self._end(OSError(code, errno.errorcode.get(code, str(code))))

    def fileno(self) -> int:
        """Of the socket, -1 where it is closed."""
        return self._socket.fileno()

    @property
    def wants_read(self) -> bool:
        return self._connected and not self._over and len(self._incoming) < CHUNK

    @property
    def wants_write(self) -> bool:
        return not self._over and (not self._connected or bool(self._outgoing))

    def connected(self, now_ns: int) -> bool:
        self._look(now_ns)
        return self._connected and not self._over

    def closed(self, now_ns: int) -> bool:
        self._look(now_ns)
        return self._over and not self._incoming

    def receive(self, data: bytes, now_ns: int) -> None:
        if self._over:
            return
        self._outgoing += data
        if len(self._outgoing) > SEND_BUFFER:
            self._end(OSError(errno.ENOBUFS, f"the CSMS reads nothing, {SEND_BUFFER} bytes wait"))
            return
        self._look(now_ns)

    def take(self, now_ns: int, limit: int) -> bytes:
        self._look(now_ns)
        data = bytes(self._incoming[:limit])
        del self._incoming[:limit]
        return data

    def close(self, now_ns: int) -> None:
        self._look(now_ns)
        self._end(None)

    def abandon(self, now_ns: int) -> None:
        self._end(None)
        self._incoming.clear()

    def next_event_ns(self) -> int | None:
        if self._incoming:
            return 0
        return None if self._over else self._looked_ns + LOOK_NS

    def _look(self, now_ns: int) -> None:
        self._looked_ns = max(self._looked_ns, now_ns)
        self.work()

    def work(self) -> None:
        """Move what the socket takes and gives without waiting."""
        if self._over:
            return
        try:
            if not self._connected:
                _, writable, _ = select.select([], [self._socket], [], 0)
                if not writable:
                    return
                code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if code:
                    raise OSError(code, errno.errorcode.get(code, str(code)))
                self._connected = True
            if self._outgoing:
                sent = self._socket.send(self._outgoing)
                del self._outgoing[:sent]
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(error)
            return
        # TCP's own window holds the CSMS back while this is not taken.
        if len(self._incoming) < CHUNK:
            try:
                data = self._socket.recv(CHUNK)
            except BlockingIOError:
                return
            except OSError as error:
                self._end(error)
                return
            if data:
                self._incoming += data
            else:
                self._end(None)

    def _end(self, error: OSError | None) -> None:
        if self._over:
            return
        self._over = True
        self.error = "" if error is None else error.strerror or str(error)
        self._socket.close()


class TcpNetwork:
    """Opens real TCP connections, plain (no TLS)."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, int], tuple[str, int]] = {}
        self._links: list[TcpLink] = []
        self.last_error = ""
        """Why the last connection could not be begun, "" where it could."""

    def map(self, host: str, port: int, to_host: str, to_port: int) -> None:
        """Lead connections for host:port to to_host:to_port; others go where the host's resolver says."""
        self._names[host.lower(), port] = (to_host, to_port)

    def open(self, host: str, port: int, now_ns: int) -> TcpLink | None:
        """Begin a connection. Looking a name up may block for as long as the host's resolver takes."""
        self.last_error = ""
        target = self._names.get((host.lower(), port), (host, port))
        try:
            found = socket.getaddrinfo(*target, type=socket.SOCK_STREAM)
            # Where there is a choice, IPv4: it is what servers on loopback listen on.
            found.sort(key=lambda entry: entry[0] != socket.AF_INET)
            address = found[0][4]
            link = TcpLink((str(address[0]), int(address[1])))
        except (OSError, UnicodeError) as error:
            self.last_error = f"cannot reach {target[0]}:{target[1]}: {error}"
            return None
        self._links = [old for old in self._links if old.fileno() >= 0] + [link]
        return link

    def wait(self, timeout_s: float) -> bool:
        """Block until a link has something new, at most `timeout_s` of host time. The only wait here."""
        self._links = [link for link in self._links if link.fileno() >= 0]
        writing = [link for link in self._links if link.wants_write]
        reading = [link for link in self._links if link.wants_read]
        readable, writable, _ = select.select(reading, writing, [], timeout_s)
        for link in {*readable, *writable}:
            # Empty the sockets, or a board that does not read would make every wait return at once.
            link.work()
        return bool(readable or writable)

    def close(self) -> None:
        """End all connections."""
        for link in self._links:
            link.abandon(0)
        self._links.clear()
