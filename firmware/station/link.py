"""The connection to the CSMS: connect, serve, lose, back off, reconnect (OCPP-J 3.1, 5.3; B10)."""

import asyncio
import gc

import board
from micropython import const

from . import clock, features, health, log, profiles, websocket
from .aio import Signal
from .modem import LinkDown

_TX_PAYLOAD = const(1016)  # of one frame; a longer message goes out in fragments
_RX_CHUNK = const(256)  # taken from the network module at a time

_HEAD_ROOM = const(8)
_HANDSHAKE_S = const(30)
_PONG_S = const(30)
_PONG_LOOK_MS = const(500)
_CLOSE_S = const(3)
_IDLE_S = const(3600)
_TIMEOUT_S = const(30)
_ATTEMPT_S = const(240)  # the longest that setting up a connection can take


class Link:
    """Keeps the WebSocket open. One writer at a time composes a message with `put` inside `send`.

    `on_text(message, length, oversize)` is a coroutine for each incoming text message, `on_up(switched)`
    and `on_down()` are called when the connection has come (`switched`: to another profile) and gone.
    `secure`: the socket with TLS, for profiles that ask for it. `report(event, tech)` takes security events.
    """

    def __init__(self, socket, model):
        self._socket = self._plain = socket
        self._model = model
        self._ws = websocket.Client()
        self._rx = bytearray(_RX_CHUNK)
        self._tx = bytearray(_HEAD_ROOM + _TX_PAYLOAD)
        self._at = 0
        self._opcode = websocket.TEXT
        self._lock = asyncio.Lock()
        self._slots = model.members("OCPPCommCtrlr.NetworkConfigurationPriority")
        self._slot = 0  # number of the one being tried; behind the last one: the profile that worked
        self._attempts = 0
        self._last = None  # slot and URL of the last connection
        self._at_once = False
        self._leaving = None
        # feature TLS
        self.secure = None
        # end
        # feature DIAGNOSTICS
        self.report = None
        self._refused = False
        # end
        self.up = False
        self.profile = None
        self.heard = 0
        self.on_text = self.on_up = self.on_down = None

    # sending

    async def send(self, compose, *args):
        """Send the message that `compose(link, *args)` puts. Raises LinkDown, and what `compose` raises.

        When `compose` raises before the first fragment left, nothing is sent.
        """
        async with self._lock:
            self._at = _HEAD_ROOM
            self._opcode = websocket.TEXT
            await compose(self, *args)
            await self._flush(True)

    def begun(self):
        """Has a fragment of the message being composed left already?"""
        return self._opcode == websocket.CONTINUATION

    def room(self):
        """Bytes that still fit into the frame being composed."""
        return len(self._tx) - self._at

    async def reserve(self, n):
        """Make room for `n` bytes, at most a frame."""
        if self.room() < n:
            await self._flush(False)

    def add(self, text):
        """Append text for which there is room."""
        data = text.encode()
        at = self._at
        self._at = at + len(data)
        self._tx[at : self._at] = data

    async def put(self, text):
        """Append text to the message; a full frame leaves as a fragment."""
        await self.put_bytes(memoryview(text.encode()))

    async def put_bytes(self, data):
        """The same with a memoryview of UTF-8, which may end within a character."""
        while len(data) > self.room():
            room = self.room()
            self._tx[self._at :] = data[:room]
            self._at += room
            data = data[room:]
            await self._flush(False)
        self._tx[self._at : self._at + len(data)] = data
        self._at += len(data)

    async def _flush(self, final):
        if not self.up:
            raise LinkDown("not connected")
        start, end = websocket.seal(self._tx, self._opcode, self._at - _HEAD_ROOM, final)
        self._opcode = websocket.CONTINUATION
        self._at = _HEAD_ROOM
        if not await self._socket.send(memoryview(self._tx)[start:end]):
            self.up = False
            await self._socket.close()
            raise LinkDown("not connected")

    async def close(self, code=websocket.NORMAL):
        """Say goodbye and end the connection. Called by the task that receives."""
        if self.up:
            self.up = False
            # the server is the one to close the TCP connection (RFC 6455 7.1.1)
            until = board.uptime() + _CLOSE_S
            if await self._socket.send(websocket.close_frame(code)):
                while board.uptime() < until and await self._socket.recv(self._rx, _CLOSE_S):
                    pass
            await self._socket.close()

    async def leave(self, code):
        """Say goodbye and end the connection; called by another task than the one that receives."""
        async with self._lock:
            if not self.up:
                return
            self.up = False
            self._leaving = Signal()
            await self._socket.send(websocket.close_frame(code))
        if not await self._leaving.wait(_CLOSE_S * 1000):
            # a CSMS that does not close it would keep the station from connecting again
            await self._socket.close()

    async def reconnect(self):
        """Close and connect again without waiting, to use new credentials (A01)."""
        self._at_once = True
        await self.close()

    async def alive(self):
        """After a silence: does the CSMS still answer a ping? If not, the connection is closed."""
        asked = board.uptime()
        self.heard = asked - 1
        if self.up and await self._socket.send(websocket.control(websocket.PING)):
            while self.up and board.uptime() - asked <= _PONG_S:
                if self.heard >= asked:
                    return True
                await asyncio.sleep_ms(_PONG_LOOK_MS)
        if self.up:
            log.warn("link: the CSMS does not answer a ping")
            await self._socket.close()
        return False

    # the life of the connection

    async def run(self):
        """Connect and reconnect for ever."""
        backoff = repeats = 0
        while True:
            health.promise(health.LINK, _ATTEMPT_S)
            opened = await self._connect()
            if opened:
                await self._serve()
                await self._socket.close()
                self.up = False
                self.on_down()
                if self._leaving:
                    self._leaving.set()
            gc.collect()
            integer = self._model.integer
            extra = _random_up_to(integer("OCPPCommCtrlr.RetryBackOffRandomRange"))
            if opened or not backoff:
                backoff = integer("OCPPCommCtrlr.RetryBackOffWaitMinimum") + extra
                repeats = 0
            elif repeats < integer("OCPPCommCtrlr.RetryBackOffRepeatTimes"):
                backoff = 2 * backoff + extra
                repeats += 1
            if self._at_once:
                self._at_once = False
                continue
            log.info("link: next attempt in %d s", backoff)
            health.promise(health.LINK, backoff + _ATTEMPT_S)
            await clock.sleep(backoff)

    def _load_profile(self):
        """The connection profile to try now; None when there is none that can be used.

        Every slot of NetworkConfigurationPriority has NetworkProfileConnectionAttempts (B10.FR.03, FR.04);
        then it is the turn of the profile of the last successful connection, for as long as the back-off
        time grows (B10.FR.07), and then of all slots again (B10.FR.08).
        """
        slots = self._slots
        integer = self._model.integer
        turns = len(slots) + (1 if features.PROFILE_FALLBACK else 0)
        for _ in range(turns + 1):
            if not features.PROFILE_FALLBACK or self._slot < len(slots):
                slot = slots[self._slot]
                attempts = integer("OCPPCommCtrlr.NetworkProfileConnectionAttempts")
            else:
                slot = profiles.LAST
                attempts = integer("OCPPCommCtrlr.RetryBackOffRepeatTimes") + 1
            profile = profiles.load(slot) if self._attempts < attempts else None
            if profile:
                if features.PROFILE_FALLBACK and slot == profiles.LAST:
                    profile["slot"] = profile.get("slot", slot)
                else:
                    profile["slot"] = slot
                return profile
            self._attempts = 0
            self._slot = (self._slot + 1) % turns
        return None

    def slot(self):
        """Slot of the connection profile in use, as text (OCPPCommCtrlr.ActiveNetworkProfile)."""
        return self.profile["slot"] if self.profile else ""

    def message_timeout(self):
        """Seconds after which a CALL has timed out (OCPPCommCtrlr.MessageTimeout)."""
        seconds = self.profile.get("messageTimeout") if self.profile else None
        return seconds if type(seconds) is int and 0 < seconds <= _IDLE_S else _TIMEOUT_S

    async def _connect(self):
        self.profile = self._load_profile()
        if self.profile is None:
            log.error("link: no usable connection profile: the station stays offline")
            return False
        self._attempts += 1
        host, port, path = profiles.split_url(self.profile["ocppCsmsUrl"])
        if features.TLS:
            secure = self.profile["securityProfile"] > 1
            self._socket = self.secure if secure else self._plain
            if secure:
                self._socket.replaced = self._reached_before()
        identity = self._model.identity()
        ws = self._ws
        ws.reset()
        try:
            await self._socket.connect(host, port)
            authority = host if port == 80 else "%s:%d" % (host, port)
            target = path + "/" + websocket.quoted(identity)
            n = ws.request(self._tx, authority, target, identity, self._model.password())
            if not await self._socket.send(memoryview(self._tx)[:n]):
                raise LinkDown("connection lost")
            until = board.uptime() + _HANDSHAKE_S
            while True:
                n = await self._socket.recv(self._rx, max(1, until - board.uptime()))
                if not n:
                    raise LinkDown("no answer to the opening request" if n is None else "connection closed")
                self.heard = board.uptime()
                if ws.receive(memoryview(self._rx)[:n], 0) == websocket.OPENED:
                    break
                if board.uptime() >= until:
                    raise LinkDown("no answer to the opening request")
        except LinkDown as e:
            log.warn("link: attempt %d at %s failed: %s", self._attempts, host, e)
            if features.DIAGNOSTICS and e.args[0] == websocket.UNAUTHORIZED:
                self._tell_of_refusal()
            await self._socket.close()
            return False
        log.info("link: connected to %s as %s", host, identity)
        this = self.slot() + self.profile["ocppCsmsUrl"]
        switched = self._last is not None and self._last != this
        self._last = this
        self._attempts = 0
        if features.DIAGNOSTICS:
            self._refused = False
        higher = features.PROFILE_FALLBACK and profiles.worked(self.slot(), self.profile)
        if features.TLS and secure:
            self._upgrade(higher)
        self._first = (ws.used, n)
        self.up = True
        self.on_up(switched)
        return True

    # feature DIAGNOSTICS
    def _tell_of_refusal(self):
        """The CSMS does not take the password: once until a connection has come, as flash keeps it."""
        if not self._refused:
            self._refused = True
            self.report("FailedToAuthenticateAtCsms")

    # end

    # feature TLS
    def _reached_before(self):
        """Is it the CSMS of the last connection, and no migration to another one (M05.FR.14)?"""
        last = profiles.load(profiles.LAST)
        return last is not None and last["ocppCsmsUrl"] == self.profile["ocppCsmsUrl"]

    def _upgrade(self, now):
        """With TLS the CSMS has been reached, `now` for the first time: there is no way back (A05.FR.06,
        M05.FR.13)."""
        if now:
            self.report("ReconfigurationOfSecurityParameters", "SecurityProfile")
        self.secure.settled()
        slots = profiles.drop_lower(self._slots)
        if slots and slots != self._slots:
            self._slots = slots
            self._slot = 0
            self._model.put("OCPPCommCtrlr.NetworkConfigurationPriority", ",".join(slots))

    # end

    async def _serve(self):
        """Receive until the connection is gone; a ping after each silence of WebSocketPingInterval."""
        start, n = self._first
        pinged = False
        while True:
            if not await self._take(start, n):
                return
            start = 0
            interval = self._model.integer("OCPPCommCtrlr.WebSocketPingInterval")
            silence = _PONG_S if pinged else min(interval or _IDLE_S, _IDLE_S)
            health.promise(health.LINK, silence + _ATTEMPT_S)
            n = await self._socket.recv(self._rx, silence)
            if n:
                self.heard = board.uptime()
                pinged = False
            elif n == 0:
                return
            elif pinged:
                log.warn("link: the CSMS does not answer a ping")
                return
            else:
                n = 0
                if interval and board.uptime() - self.heard >= interval:
                    pinged = await self._socket.send(websocket.control(websocket.PING))

    async def _take(self, start, n):
        """Handle the received bytes rx[start:n]; False when the connection has to end."""
        ws = self._ws
        view = memoryview(self._rx)[:n]
        while start < n:
            event = ws.receive(view, start)
            start = ws.used
            if event == websocket.TEXT:
                health.promise(health.LINK, _ATTEMPT_S)
                await self.on_text(ws.message, ws.length, ws.oversize)
            elif event == websocket.PING:
                await self._socket.send(websocket.control(websocket.PONG, ws.control_payload()))
            elif event == websocket.CLOSE:
                log.info("link: %s", ws.reason)
                await self.close(ws.close_code)
                return False
            if not self.up:
                return False
        return True


def _random_up_to(limit):
    """A random integer of 0..limit."""
    raw = board.random(3)
    return (raw[0] << 16 | raw[1] << 8 | raw[2]) % (limit + 1)
