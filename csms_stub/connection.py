"""One TCP connection to the CSMS: bytes in, bytes out. HTTP and WebSocket are `websockets`' Sans-I/O."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from websockets.exceptions import ProtocolError
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from csms_stub.messages import NS_PER_S, CsmsError
from csms_stub.session import Session

if TYPE_CHECKING:
    from csms_stub.csms import Csms

SUBPROTOCOL = Subprotocol("ocpp2.0.1")
MAX_MESSAGE = 1 << 20
CLOSE_TIMEOUT_NS = 10 * NS_PER_S
"""How long the CSMS waits for the answer to its close frame."""
KEPT_PINGS = 1000


@dataclass(frozen=True, slots=True)
class Handshake:
    """The HTTP request for the upgrade, and what it got.

    `headers` in the order received; `user` and `password` from Basic authentication, None where there was
    none; `status` 101 where the WebSocket was opened, 0 where the CSMS says nothing; `reason` says why not,
    "" where it was; `endpoint` as the connection's.
    """

    at_ns: int
    path: str
    identity: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    subprotocols: tuple[str, ...]
    user: str | None
    password: str | None = field(repr=False)
    status: int
    reason: str
    endpoint: str = ""

    def header(self, name: str) -> str | None:
        """The first header of that name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Connection:
    """Server side of one TCP connection. Made by `Csms.accept`.

    handshake       Handshake; None until the HTTP request has been read
    session         Session of the station; None until the handshake succeeded
    secure          the bytes come out of TLS
    endpoint        which one of the CSMS it is
    close_code      as the station sent it, or as sent to it, whatever came first; None before. 1006: no close
    close_reason    frame came. Likewise.
    pings, pongs    (at_ns, payload) received; the last 1000
    violations      what was wrong with handshake and framing
    """

    def __init__(self, csms: Csms, *, secure: bool = False, endpoint: str = "") -> None:
        self.handshake: Handshake | None = None
        self.session: Session | None = None
        self.secure = secure
        self.endpoint = endpoint
        self.close_code: int | None = None
        self.close_reason = ""
        self.pings: deque[tuple[int, bytes]] = deque(maxlen=KEPT_PINGS)
        self.pongs: deque[tuple[int, bytes]] = deque(maxlen=KEPT_PINGS)
        self.violations: list[str] = []
        self._csms = csms
        self._protocol = ServerProtocol(
            subprotocols=[SUBPROTOCOL],
            select_subprotocol=_select,
            extensions=[ServerPerMessageDeflateFactory()],
            max_size=MAX_MESSAGE,
        )
        self._out = bytearray()
        self._message = bytearray()
        self._binary = False
        self._eof = False
        self._deadline: int | None = None

    @property
    def open(self) -> bool:
        """The WebSocket is open."""
        return self._protocol.state is OPEN and not self._eof

    @property
    def closed(self) -> bool:
        """Nothing more will come or go; close TCP after the last `take`."""
        return self._eof

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the station. Never raises, whatever they are."""
        # Up to the end of the HTTP request line by line: the parser must not see what follows the request
        # before the request is answered.
        while data and self.handshake is None and not self._eof:
            end = data.find(b"\n") + 1 or len(data)
            self._protocol.receive_data(data[:end])
            data = data[end:]
            self._events(now_ns)
        if data and not self._eof:
            self._protocol.receive_data(data)
            self._events(now_ns)

    def receive_eof(self, now_ns: int) -> None:
        """The station closed its side of TCP, or is gone."""
        if self._eof:
            return
        self._protocol.receive_eof()
        self._events(now_ns)
        self._finish(now_ns)

    def take(self, now_ns: int) -> bytes:
        """All bytes for the station; time-outs that are due by now happen first."""
        self.advance(now_ns)
        self._flush(now_ns)
        data = bytes(self._out)
        self._out.clear()
        return data

    def advance(self, now_ns: int) -> None:
        """Let time-outs happen that are due by now."""
        if self.session is not None and self.open:
            self.session.advance(now_ns)
        if self._deadline is not None and now_ns >= self._deadline:
            self._finish(now_ns)

    def next_event_ns(self) -> int | None:
        """When `take` has something new without input: 0 where bytes wait now, else the next time-out, or
        None."""
        if self._out or self._protocol.writes or (self.open and self.session and self.session.sending):
            return 0
        due = [self._deadline] if self._deadline is not None else []
        if self.session is not None and self.open and (call := self.session.next_event_ns()) is not None:
            due.append(call)
        return min(due, default=None)

    def ping(self, data: bytes, now_ns: int) -> None:
        """Raises CsmsError where the WebSocket is not open, or for more than 125 bytes."""
        self._need_open("ping")
        if len(data) > 125:
            raise CsmsError(f"a ping carries at most 125 bytes, not {len(data)}")
        self._protocol.send_ping(data)

    def close(self, code: int, reason: str, now_ns: int) -> None:
        """Begin the closing handshake. Raises CsmsError where the WebSocket is not open, or for a code that
        no close frame can carry (RFC 6455 7.4)."""
        self._need_open("close")
        try:
            self._protocol.send_close(code, reason)
        except ProtocolError as error:
            raise CsmsError(f"cannot close with code {code}, reason {reason!r}: {error}") from None
        self._note_close(code, reason)
        self._deadline = now_ns + CLOSE_TIMEOUT_NS
        self._csms.disconnected(self, now_ns)

    def abort(self, now_ns: int) -> None:
        """Drop the TCP connection without a close frame; what was not taken is lost."""
        self._out.clear()
        self._protocol.data_to_send()
        self._finish(now_ns)

    def send_bytes(self, data: bytes, now_ns: int) -> None:
        """Put bytes on the TCP stream as they are: malformed frames, half an HTTP response, anything."""
        self._flush(now_ns)
        self._out += data

    def _need_open(self, what: str) -> None:
        if not self.open:
            raise CsmsError(f"cannot {what}: the WebSocket is not open")

    def _events(self, now_ns: int) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._upgrade(event, now_ns)
            elif isinstance(event, Frame):
                self._frame(event, now_ns)
        error = self._protocol.parser_exc
        if isinstance(error, Exception) and not isinstance(error, EOFError):
            self._violation(f"WebSocket: {error}", now_ns)
            self._protocol.parser_exc = None
        if (error := self._protocol.handshake_exc) is not None and self.handshake is None:
            self._violation(f"HTTP: {error}: {error.__cause__ or ''}".rstrip(": "), now_ns)
            self._protocol.handshake_exc = None
        self._flush(now_ns)

    def _violation(self, text: str, now_ns: int) -> None:
        who = self.session.identity if self.session is not None else "?"
        self.violations.append(f"{now_ns / NS_PER_S:.3f} s {who}: {text}")

    def _flush(self, now_ns: int) -> None:
        if self.session is not None and self.open:
            for text in self.session.take():
                self._protocol.send_text(text.encode())
        for data in self._protocol.data_to_send():
            self._out += data
            if not data:
                self._finish(now_ns)

    def _finish(self, now_ns: int) -> None:
        if self._eof:
            return
        self._eof = True
        self._deadline = None
        self._note_close(1006, "")
        self._csms.disconnected(self, now_ns)

    def _note_close(self, code: int, reason: str) -> None:
        if self.close_code is None:
            self.close_code, self.close_reason = code, reason

    def _frame(self, frame: Frame, now_ns: int) -> None:
        data = bytes(frame.data)
        match frame.opcode:
            case Opcode.PING:
                self.pings.append((now_ns, data))
            case Opcode.PONG:
                self.pongs.append((now_ns, data))
            case Opcode.CLOSE:
                received = self._protocol.close_rcvd
                if received is not None:
                    self._note_close(received.code, received.reason)
            case _:
                if frame.opcode is not Opcode.CONT:
                    self._binary = frame.opcode is Opcode.BINARY
                self._message += data
                if frame.fin:
                    data = bytes(self._message)
                    self._message.clear()
                    self._receive_message(data, now_ns)

    def _receive_message(self, data: bytes, now_ns: int) -> None:
        # After our close frame the station's messages count no more (RFC 6455 1.4).
        if self.session is None or not self.open:
            return
        if self._binary:
            self.session.receive_binary(data, now_ns)
            return
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            reason = f"text message is not UTF-8: {error.reason} at byte {error.start}"
            self._violation(f"WebSocket: {reason}", now_ns)
            self._note_close(1007, reason)
            self._protocol.fail(1007, reason)
            return
        self.session.receive_text(text, now_ns)

    def _upgrade(self, request: Request, now_ns: int) -> None:
        user, password = _basic_auth(request)
        identity = self._csms.identity_of(request.path)
        offered = tuple(
            name.strip()
            for value in request.headers.get_all("Sec-WebSocket-Protocol")
            for name in value.split(",")
        )
        status, reason = self._csms.admit(identity, user, password, self.endpoint)
        if status == 101:
            response = self._protocol.accept(request)
            status = response.status_code
            if status != 101:
                reason = bytes(response.body).decode(errors="replace").strip()
        else:
            response = self._protocol.reject(status or 503, f"{reason}\n")
            if status == 401:
                response.headers["WWW-Authenticate"] = 'Basic realm="OCPP"'
        # The library writes the host's time.
        del response.headers["Date"]
        moment = self._csms.epoch + timedelta(seconds=now_ns // NS_PER_S)
        response.headers["Date"] = format_datetime(moment, usegmt=True)
        self.handshake = Handshake(
            now_ns,
            request.path,
            identity or "",
            tuple(request.headers.raw_items()),
            offered,
            user,
            password,
            status,
            reason,
            self.endpoint,
        )
        if status:
            self._protocol.send_response(response)
        if status != 101:
            return
        if self._protocol.subprotocol is None:
            # Part 4, 3.2: complete the handshake without a subprotocol, then close at once.
            self._violation(
                f"no subprotocol {SUBPROTOCOL} offered, but {', '.join(offered) or 'none'}", now_ns
            )
            self.close(1002, "no common subprotocol", now_ns)
            return
        self.session = self._csms.connected(self, identity or "", now_ns)


def _select(_protocol: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return SUBPROTOCOL if SUBPROTOCOL in offered else None


def _basic_auth(request: Request) -> tuple[str | None, str | None]:
    """User and password of RFC 7617, None where there is no such header or it cannot be read."""
    for value in request.headers.get_all("Authorization"):
        scheme, _, encoded = value.partition(" ")
        if scheme.lower() == "basic":
            try:
                user, colon, password = (
                    base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
                )
            except (binascii.Error, UnicodeDecodeError):
                continue
            if colon:
                return user, password
    return None, None
