"""WebSocket client protocol (RFC 6455), without I/O: bytes in, events out; frames built for sending."""

import binascii

import board
from micropython import const

from . import features
from .modem import LinkDown

# A longer message is cut: `oversize`. One with a certificate, or with that and a signature, is to fit.
RX_MESSAGE = const((features.CERTIFICATES and 3072) or 1536)
_RX_DISCARD = const(65536)  # a message longer than this ends the connection (1009)

CONTINUATION = const(0)
TEXT = const(1)
CLOSE = const(8)
PING = const(9)
PONG = const(10)

# what receive() reports besides TEXT, CLOSE, PING and PONG
_NOTHING = const(0)
OPENED = const(16)

NORMAL = const(1000)
GOING_AWAY = const(1001)
_PROTOCOL_ERROR = const(1002)
_UNSUPPORTED = const(1003)
_INVALID_DATA = const(1007)
_TOO_BIG = const(1009)

UNAUTHORIZED = const("HTTP status 401")  # what LinkDown says then
_SUBPROTOCOL = const("ocpp2.0.1")
_GUID = const(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
_HEAD_ROOM = const(8)  # header of a client frame up to 65535 bytes: 2 + 2 + mask 4
_CONTROL_MAX = const(125)
_PIECE = const(96)

_HTTP = const(0)
_HEADER = const(1)
_PAYLOAD = const(2)
_ENDED = const(3)


def b64(data):
    """Base64 text of bytes, without the newline."""
    return binascii.b2a_base64(data).strip().decode()


def quoted(text):
    """Percent-encoded path segment (RFC 3986; OCPP-J 3.1.1)."""
    out = ""
    for byte in text.encode():
        c = chr(byte)
        plain = byte < 128 and (c.isalpha() or c.isdigit() or c in "-._~")
        out += c if plain else "%%%02X" % byte
    return out


def seal(buffer, opcode, length, final=True):
    """Head and mask of the frame whose `length` payload bytes stand at buffer[8:]; (start, end) to send."""
    start = 2 if length < 126 else 0
    buffer[start] = opcode | (0x80 if final else 0)
    if length < 126:
        buffer[start + 1] = 0x80 | length
    else:
        buffer[start + 1] = 0x80 | 126
        buffer[start + 2] = length >> 8
        buffer[start + 3] = length & 255
    key = board.random(4)
    buffer[4:8] = key
    end = _HEAD_ROOM + length
    board.mask(buffer, _HEAD_ROOM, end, key)
    return start, end


def control(opcode, payload=b""):
    """A whole control frame, masked."""
    buffer = bytearray(_HEAD_ROOM + len(payload))
    buffer[_HEAD_ROOM:] = payload
    start, end = seal(buffer, opcode, len(payload))
    return buffer[start:end]


def close_frame(code):
    """A close frame with a status code."""
    return control(CLOSE, bytes((code >> 8, code & 255)))


class Client:
    """The receiving half of one connection; `reset()` before each.

    After `receive()` has reported TEXT the message is `message[:length]`, valid UTF-8 unless `oversize`
    (then it is only the beginning). After PING the answer's payload is `control_payload()`. After CLOSE
    `close_code` is what to answer with, and `reason` says why.
    """

    def __init__(self):
        self.message = bytearray(RX_MESSAGE + 1)
        self._control = bytearray(_CONTROL_MAX)
        self._header = bytearray(10)
        self.reset()

    def reset(self):
        """Back to before the handshake."""
        self._state = _HTTP
        self._accept = None
        self.length = 0
        self._total = 0
        self.oversize = False
        self._in_message = False
        self._finished = True
        self._control_length = 0
        self._have = 0
        self.close_code = NORMAL
        self.reason = ""
        self.used = 0

    def request(self, buffer, host, path, identity, password):
        """Put the opening request with HTTP Basic authentication (A00.FR.202-205) into a buffer; its length.

        `password` None: without. Raises LinkDown when the buffer is too small.
        """
        key = b64(board.random(16))
        self._accept = b64(board.sha1(key.encode() + _GUID))
        at = 0
        for text in (
            "GET ",
            path,
            " HTTP/1.1\r\nHost: ",
            host,
            "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ",
            key,
            "\r\nSec-WebSocket-Protocol: ocpp2.0.1\r\nSec-WebSocket-Version: 13\r\n",
            "" if password is None else "Authorization: Basic ",
            "" if password is None else b64((identity + ":" + password).encode()) + "\r\n",
            "\r\n",
        ):
            data = text.encode()
            if at + len(data) > len(buffer):
                raise LinkDown("URL and credentials are too long")
            buffer[at : at + len(data)] = data
            at += len(data)
        return at

    def _open(self):
        head = bytes(self.message[: self.length]).split(b"\r\n")
        status = head[0].split(b" ")
        if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or not status[1].isdigit():
            raise LinkDown("not an HTTP response")
        if status[1] != b"101":
            raise LinkDown("HTTP status " + status[1].decode())
        fields = {}
        for line in head[1:]:
            colon = line.find(b":")
            if colon > 0:
                fields[line[:colon].lower()] = line[colon + 1 :].strip()
        if fields.get(b"upgrade", b"").lower() != b"websocket":
            raise LinkDown("no upgrade to websocket")
        if b"upgrade" not in fields.get(b"connection", b"").lower():
            raise LinkDown("no connection upgrade")
        if fields.get(b"sec-websocket-accept") != self._accept.encode():
            raise LinkDown("wrong Sec-WebSocket-Accept")
        if fields.get(b"sec-websocket-protocol") != _SUBPROTOCOL.encode():
            raise LinkDown("subprotocol ocpp2.0.1 not agreed")
        if b"sec-websocket-extensions" in fields:
            raise LinkDown("extension not asked for")

    def _receive_http(self, data, start):
        while start < len(data):
            end = bytes(data[start:]).find(b"\n")
            end = len(data) if end < 0 else start + end + 1
            n = end - start
            if self.length + n > RX_MESSAGE:
                raise LinkDown("response head too long")
            self.message[self.length : self.length + n] = data[start:end]
            self.length += n
            start = end
            if self.length >= 4 and bytes(self.message[self.length - 4 : self.length]) == b"\r\n\r\n":
                self._open()
                self._state = _HEADER
                self.length = 0
                self.used = start
                return OPENED
        self.used = start
        return _NOTHING

    def receive(self, data, start):
        """Take bytes from data[start:] up to the next event; `used` is then where to go on.

        Raises LinkDown as long as the connection is not open.
        """
        if self._state == _HTTP:
            return self._receive_http(data, start)
        while start < len(data):
            if self._state == _ENDED:
                self.used = len(data)
                return _NOTHING
            if self._state == _HEADER:
                self._header[self._have] = data[start]
                self._have += 1
                start += 1
                if self._have < 2 or self._have < self._header_size():
                    continue
                self._have = 0
                if not self._begin():
                    self.used = len(data)
                    return CLOSE
            n = min(self._left, len(data) - start)
            if n:
                self._store(data, start, n)
                start += n
                self._left -= n
            if not self._left:
                self._state = _HEADER
                event = self._complete()
                if event:
                    self.used = start
                    return event
        self.used = start
        return _NOTHING

    def _header_size(self):
        length = self._header[1] & 127
        return 2 if length < 126 else 4 if length == 126 else 10

    def _fail(self, code, reason):
        self.close_code = code
        self.reason = reason
        self._state = _ENDED
        return False

    def _begin(self):
        """Check a frame header (RFC 6455 5.2); False when it ends the connection."""
        header = self._header
        opcode = header[0] & 15
        length = header[1] & 127
        if header[0] & 0x70 or header[1] & 0x80:
            return self._fail(_PROTOCOL_ERROR, "reserved bits or a masked frame")
        if opcode >= CLOSE:
            if opcode > PONG or length > _CONTROL_MAX or not header[0] & 0x80:
                return self._fail(_PROTOCOL_ERROR, "malformed control frame")
        elif opcode > 2:
            return self._fail(_PROTOCOL_ERROR, "unknown opcode")
        elif opcode == 2:
            return self._fail(_UNSUPPORTED, "binary message")
        elif (opcode == CONTINUATION) != self._in_message:
            return self._fail(_PROTOCOL_ERROR, "fragment out of order")
        if length == 126:
            length = header[2] << 8 | header[3]
            if length < 126:
                return self._fail(_PROTOCOL_ERROR, "length not minimal")
        elif length == 127:
            if header[2] | header[3] | header[4] | header[5] | header[6]:
                return self._fail(_TOO_BIG, "message too big")
            length = header[7] << 16 | header[8] << 8 | header[9]
            if length < 65536:
                return self._fail(_PROTOCOL_ERROR, "length not minimal")
        self._opcode = opcode
        self._left = length
        self._state = _PAYLOAD
        if opcode >= CLOSE:
            self._control_length = 0
            return True
        if opcode == TEXT:
            self.length = self._total = 0
            self.oversize = False
            self._in_message = True
        self._total += length
        self._finished = header[0] & 0x80
        if self._total > _RX_DISCARD:
            return self._fail(_TOO_BIG, "message too big")
        return True

    def _store(self, data, start, n):
        if self._opcode >= CLOSE:
            at = self._control_length
            self._control[at : at + n] = data[start : start + n]
            self._control_length += n
            return
        fits = min(n, RX_MESSAGE - self.length)
        self.message[self.length : self.length + fits] = data[start : start + fits]
        self.length += fits
        if fits < n:
            self.oversize = True

    def _complete(self):
        """Event of a frame whose last byte has come."""
        if self._opcode == CLOSE:
            self._closed()
            return CLOSE
        if self._opcode >= CLOSE:
            return self._opcode
        if not self._finished:
            return _NOTHING
        self._in_message = False
        if not self.oversize and not _is_utf8(memoryview(self.message), self.length):
            self._fail(_INVALID_DATA, "not UTF-8")
            return CLOSE
        return TEXT

    def _closed(self):
        payload = self.control_payload()
        self._fail(NORMAL, "closed by the CSMS")
        if len(payload) >= 2:
            code = payload[0] << 8 | payload[1]
            self.reason = "closed by the CSMS with code %d" % code
            if code < 1000 or 1004 <= code <= 1006 or 1015 <= code < 3000 or code > 4999:
                self.close_code = _PROTOCOL_ERROR
            elif not _is_utf8(payload[2:], len(payload) - 2):
                self.close_code = _INVALID_DATA
            else:
                self.close_code = code
        elif payload:
            self.close_code = _PROTOCOL_ERROR

    def control_payload(self):
        """Payload of the last control frame."""
        return bytes(self._control[: self._control_length])


def _is_utf8(data, size):
    """Checked in pieces, so that no large block of memory is needed."""
    start = 0
    while start < size:
        end = min(start + _PIECE, size)
        # not between the bytes of one character
        while end < size and end > start and data[end] & 0xC0 == 0x80:
            end -= 1
        try:
            str(data[start:end], "utf-8")
        except UnicodeError:
            return False
        if end == start:
            return False
        start = end
    return True
