"""TLS between the WebSocket and the network module: security profile 2 (A00.FR.306 to A00.FR.323).

Who the server is, is checked against the roots in the store: `x:C:<n>` CSMSRootCertificate, `x:O:0` the one
that was replaced last, for as long as no connection has been made with its successor (M05.FR.12 to FR.14).

Without a clock (before the first BootNotificationResponse since the reset) a certificate counts as expired
only if it was so at the latest time that this station has seen, `t` in the store, a day old at most; once the
clock is set, the certificates of the connection that set it are looked at again.
"""

import asyncio

import board
import tls
from micropython import const

from . import clock, log
from .modem import LinkDown

_ROOTS = const(b"x:C:")
_REPLACED = const(b"x:O:")
REPLACED = const(b"x:O:0")
_SEEN = const(b"t")
_DAY_S = const(86400)
_RX_CHUNK = const(256)
_HANDSHAKE_S = const(60)

# errors of mbedTLS: ssl.h, x509.h, pk.h
_ALERT = const(0x7780)
_VERSION = const(0x6E80)
_HANDSHAKE = const(0x6E00)
_PARAMETER = const(0x6600)
_VERIFY = const(0x2700)
_CERTIFICATE = const(0x7A00)

# alerts (RFC 5246 7.2)
_HANDSHAKE_FAILURE = const(40)
_PROTOCOL_VERSION = const(70)
_INSUFFICIENT_SECURITY = const(71)


def event_of(code, detail):
    """SecurityEvent (part 2, appendix 1) that the error of a handshake is, or None."""
    if code in (_VERIFY, _CERTIFICATE) or 0x2080 <= code < 0x2A00 or 0x3880 <= code < 0x4000:
        return "InvalidCsmsCertificate"
    if code == _VERSION or (code == _ALERT and detail == _PROTOCOL_VERSION):
        return "InvalidTLSVersion"
    if code in (_HANDSHAKE, _PARAMETER) or (
        code == _ALERT and detail in (_HANDSHAKE_FAILURE, _INSUFFICIENT_SECURITY)
    ):
        return "InvalidTLSCipherSuite"
    return None


def _seen():
    try:
        return int(board.store_get(_SEEN) or b"0")
    except ValueError:
        return 0


class SecureSocket:
    """A modem.Socket with TLS in it; the same methods.

    `report(event)`, where set, is called with the security event of a handshake that failed, once until one
    succeeds (A00.FR.316). `replaced`: may the root that was replaced last be tried, too (M05.FR.14, FR.16)?
    """

    def __init__(self, socket):
        self._socket = socket
        self._tls = None
        self._rx = bytearray(_RX_CHUNK)
        self._lock = asyncio.Lock()
        self._prefix = None
        self._told = None
        self.report = None
        self.replaced = False
        clock.on_set.append(self._on_clock)

    async def connect(self, host, port):
        """Connect and shake hands. Raises LinkDown."""
        event = "InvalidCsmsCertificate"
        for prefix in (_ROOTS, _REPLACED):
            if event != "InvalidCsmsCertificate":
                break
            if prefix == _REPLACED and not (self.replaced and board.store_get(REPLACED)):
                break
            await self._socket.connect(host, port)
            event, why = await self._open(host, prefix)
            if not why:
                self._prefix = prefix
                self._told = None
                return
            await self.close()
        self._tell(event)
        raise LinkDown("TLS: " + why)

    def _tell(self, event):
        if event and self.report and event != self._told:
            self._told = event
            self.report(event)

    async def _open(self, host, prefix):
        """A handshake: (None, None), or its security event and what is wrong with it."""
        await self._free()
        try:
            seconds = clock.time()[0] if clock.known else _seen()
            client = self._tls = tls.Client(host, prefix, seconds, clock.known)
            until = board.uptime() + _HANDSHAKE_S
            while True:
                done = client.handshake()
                if not await self._push():
                    return None, "connection lost"
                if done:
                    return None, None
                if done is None:
                    left = until - board.uptime()
                    n = await self._socket.recv(self._rx, left) if left > 0 else None
                    if not n:
                        return None, "no answer" if n is None else "connection closed"
                    client.feed(memoryview(self._rx)[:n])
                # a step may take as long as two signatures do: now it is the others' turn
                await asyncio.sleep_ms(0)
        except OSError as e:
            code, detail = e.args if len(e.args) == 2 else (e.args[0], 0)
        try:
            await self._push()
        except OSError:
            pass
        return event_of(code, detail), "error %x, %x" % (code, detail)

    async def _push(self):
        """Send the record that waits. False when the connection is gone."""
        client = self._tls
        record = client.output()
        if record is not None:
            if not await self._socket.send(record):
                return False
            client.sent()
        return True

    def settled(self):
        """The CSMS has been reached: a root that was replaced is needed no more (M05.FR.13)."""
        if self._prefix == _ROOTS and board.store_get(REPLACED):
            board.store_delete(REPLACED)
            log.info("tls: the root certificate that was replaced is deleted")

    def _on_clock(self):
        """The clock has been set: is the server's certificate valid by it?

        A time at which it is not is not kept: no certificate would be good after the next reset.
        """
        if not self._tls:
            return
        now = clock.time()[0]
        start, end = self._tls.valid()
        if not start <= now <= end:
            self._tell("InvalidCsmsCertificate")
            asyncio.create_task(self._socket.close())
        elif now - _seen() > _DAY_S:
            try:
                board.store_put(_SEEN, str(now).encode())
            except OSError:
                log.error("tls: no room for the time")

    async def send(self, data):
        """Send a buffer. False when the connection is gone."""
        data = memoryview(data)
        async with self._lock:
            try:
                start = 0
                # what reading may have left: the answer to a HelloRequest
                if not await self._push():
                    return False
                while start < len(data):
                    start += self._tls.write(data[start:])
                    if not await self._push():
                        return False
            except (OSError, AttributeError) as e:
                log.warn("tls: %s", e)
                return False
        return True

    async def recv(self, buffer, timeout_s):
        """Bytes received into `buffer`; 0 when the connection is closed, None when the time has passed."""
        until = board.uptime() + timeout_s
        try:
            while self._tls:
                n = self._tls.readinto(buffer)
                if n is not None:
                    return n
                # a record that comes byte by byte is a silence, too
                left = until - board.uptime()
                n = await self._socket.recv(self._rx, left) if left > 0 else None
                if not n:
                    return n
                self._tls.feed(memoryview(self._rx)[:n])
        except (OSError, AttributeError) as e:
            log.warn("tls: %s", e)
        return 0

    async def close(self):
        """Close the connection; never fails."""
        if self._tls and not self._lock.locked():
            async with self._lock:
                try:
                    self._tls.shut()
                    await self._push()
                except OSError:
                    pass
        await self._socket.close()
        await self._free()

    async def _free(self):
        # what another task sends lies in the memory of the session
        async with self._lock:
            if self._tls:
                self._tls.free()
                self._tls = None
