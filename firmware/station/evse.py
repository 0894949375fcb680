"""The EVSE controller: RAPI over a UART, two EVSEs, each with lock, contactor, meter and token reader."""

import asyncio

from micropython import const

from . import health, log
from .aio import Signal
from .devicemodel import EVSES

_FRAME_MAX = const(96)
_RECORD_MAX = const(1024)

_ANSWER_MS = const(500)
_TRIES = const(3)
_QUIET_MS = const(50)
_SUPERVISE_S = const(150)  # reports come by themselves; this finds a controller that died
_RETRY_S = const(10)
_MARGIN_S = const(60)
_PILOT_OFF_MS = const(3000)  # long enough for a car to notice
_FULL_AMPS = const(32)

# flags of $GS and $AT
_CABLE = const(0x01)
_CLOSED = const(0x02)
_LOCKED = const(0x04)
_RELAY_FAULT = const(0x10)
_OVERTEMPERATURE = const(0x20)


def checksum(text):
    """XOR of all bytes."""
    value = 0
    for byte in text:
        value ^= byte
    return value


def frame(text):
    """Command text without its `$` -> the bytes on the wire."""
    body = b"$" + text.encode()
    return body + b"^%02X\r" % checksum(body)


class RapiParser:
    """The controller's byte stream cut into frames, without I/O: fill `buffer()`, call `feed(n)`.

    `on_frame(words)` gets the words of each frame whose checksum is right, the first without its `$`; the
    last may be the sequence id of the command that is answered.
    """

    def __init__(self, on_frame):
        self._line = memoryview(bytearray(_FRAME_MAX))
        self._have = 0
        self._on_frame = on_frame

    def buffer(self):
        """Where the next bytes belong."""
        return self._line[self._have :]

    def feed(self, n):
        """`n` bytes have been put into `buffer()`."""
        data = bytes(self._line[: self._have + n])
        start = 0
        while True:
            end = data.find(b"\r", start)
            if end < 0:
                break
            self._frame(data[start:end])
            start = end + 1
        # what is longer than any frame is noise
        rest = data[start:]
        self._have = len(rest) if len(rest) < _FRAME_MAX else 0
        self._line[: self._have] = rest[: self._have]

    def _frame(self, data):
        start = data.rfind(b"$")
        mark = data.rfind(b"^")
        if start < 0 or mark < start or len(data) - mark != 3:
            return
        body = data[start:mark]
        if data[mark + 1 :].upper() != b"%02X" % checksum(body):
            return
        try:
            words = body[1:].decode().split()
        except UnicodeError:
            return
        if words:
            self._on_frame(words)


class EvseController:
    """Driver of the controller.

    The hooks are called by the reader, so that they must not wait: `on_state(evse)` hears of each change of
    an EVSE, `on_status(evse)` of one of its connector's status, and `on_token(evse, type, token)` of a token
    that was read: each reader belongs to the EVSE of its number.
    """

    def __init__(self, port):
        self._port = port
        self._parser = RapiParser(self._on_frame)
        self._lock = asyncio.Lock()
        self._answered = Signal()
        self._kick = Signal()
        self._sequence = 0
        self._waiting = None  # sequence id of the command under way
        self._answer = None
        # by EVSE id - 1
        self._contact = [None] * EVSES
        self._pilot = ["?"] * EVSES
        self._flags = [0] * EVSES
        self._fault = [0] * EVSES
        self._set_up = [False] * EVSES
        self._enabled = [False] * EVSES
        self.on_state = self.on_status = self.on_token = None

    def status(self, evse):
        """ConnectorStatusEnumType of the connector of an EVSE."""
        i = evse - 1
        contact = self._contact[i]
        if contact is None:
            return "Unavailable"
        if not contact or self._fault[i] or self._pilot[i] not in "ABCD":
            return "Faulted"
        if self._flags[i] & (_RELAY_FAULT | _OVERTEMPERATURE):
            return "Faulted"
        return "Occupied" if self._flags[i] & _CABLE or self._pilot[i] != "A" else "Available"

    def reachable(self, evse):
        """Does the controller answer for this EVSE?"""
        return bool(self._contact[evse - 1] and self._set_up[evse - 1])

    def faulted(self, evse):
        """Has the controller found a fault?"""
        return self.reachable(evse) and self.status(evse) == "Faulted"

    def fault(self, evse):
        """Code of the fault as $AE has it, 0 where there is none or no code was heard."""
        return self._fault[evse - 1]

    def plugged(self, evse):
        """Is a cable in the station's socket?"""
        return bool(self._flags[evse - 1] & _CABLE)

    def connected(self, evse):
        """Is a car at the other end of the cable?"""
        return self._pilot[evse - 1] in "BCD"

    def enabled(self, evse):
        """Is energy offered?"""
        return self._enabled[evse - 1]

    def closed(self, evse):
        """Is the contactor closed?"""
        return bool(self._flags[evse - 1] & _CLOSED)

    def locked(self, evse):
        """Is the cable locked in the station's socket?"""
        return bool(self._flags[evse - 1] & _LOCKED)

    async def read(self):
        """Read frames for ever."""
        while True:
            self._port.wait(0)
            n = await self._port.readinto(self._parser.buffer())
            if n:
                self._parser.feed(n)
            if self._port.lost():
                # it may have been a report
                self._kick.set()

    async def run(self):
        """Set up and supervise the EVSEs for ever."""
        # the answer to a command from before a reset must not be taken for one to the first from now on
        await asyncio.sleep_ms(_ANSWER_MS)
        while True:
            kicked = self._kick.flag
            self._kick.flag = False
            for evse in range(1, EVSES + 1):
                await self.refresh(evse)
                # while all is well one EVSE at a time is asked: they share the controller
                if all(self._contact) and not (kicked and evse < EVSES):
                    health.promise(health.EVSE, _SUPERVISE_S + _MARGIN_S)
                    await self._kick.wait(_SUPERVISE_S * 1000)
            if not all(self._contact):
                health.promise(health.EVSE, _RETRY_S + _MARGIN_S)
                await self._kick.wait(_RETRY_S * 1000)

    # frames

    def _on_frame(self, words):
        kind = words[0]
        if kind in ("OK", "NK"):
            # the id tells an answer that comes late from the one to this command
            if self._waiting and words[-1] == self._waiting:
                self._waiting = None
                self._answer = words[:-1]
                self._answered.set()
        elif kind == "AB":
            log.warn("evse: controller has booted, post code %s", words[1] if len(words) > 1 else "?")
            for i in range(EVSES):
                self._set_up[i] = self._enabled[i] = False
            self._kick.set()
        elif len(words) > 2 and words[1].isdigit() and 1 <= int(words[1]) <= EVSES:
            self._on_report(kind, int(words[1]), words)

    def _on_report(self, kind, evse, words):
        if kind == "AR" and len(words) == 4:
            log.info("evse: token read at reader %d, type %s", evse, words[2])
            self.on_token(evse, words[2], words[3])
        elif kind == "AT":
            self._take_state(evse, words[2:])
        elif kind == "AE":
            before = self.status(evse)
            try:
                self._fault[evse - 1] = int(words[2], 16)
            except ValueError:
                return
            log.info("evse: %d: fault code %s", evse, words[2])
            self._report(evse, before)

    def _take_state(self, evse, words):
        """Pilot, flags and amperes of $GS or $AT; False when they are not such."""
        try:
            pilot, flags = words[0], int(words[1], 16)
        except (IndexError, ValueError):
            return False
        before = self.status(evse)
        i = evse - 1
        self._pilot[i] = pilot
        self._flags[i] = flags
        self._contact[i] = True
        self._report(evse, before)
        return True

    def _report(self, evse, before):
        status = self.status(evse)
        if status != before:
            log.info("evse: %d: %s", evse, status)
            self.on_status(evse)
        self.on_state(evse)

    # commands

    async def command(self, text):
        """Words of the $OK answer, False for $NK, None when there is no answer after three tries."""
        async with self._lock:
            for _ in range(_TRIES):
                self._answered.flag = False
                self._sequence = self._sequence % 255 + 1
                self._waiting = ":%02X" % self._sequence
                await self._port.write(frame(text + " " + self._waiting))
                if await self._answered.wait(_ANSWER_MS):
                    answer = self._answer
                    self._answer = None
                    return answer[1:] if answer[0] == "OK" else False
                self._waiting = None
                await asyncio.sleep_ms(_QUIET_MS)
        return None

    async def enable(self, evse, on):
        """Offer energy or stop offering it (the contactor opens at once); False when that failed."""
        if await self.command("F%s %d" % ("E" if on else "D", evse)) is None:
            self._kick.set()
            return False
        self._enabled[evse - 1] = on
        return True

    async def lock(self, evse, on):
        """Lock or unlock the cable; False when the lock is stuck."""
        if await self.command("SL %d %d" % (evse, on)) in (None, False):
            log.warn("evse: %d: the cable could not be %s", evse, "locked" if on else "unlocked")
            return False
        i = evse - 1
        self._flags[i] = self._flags[i] | _LOCKED if on else self._flags[i] & ~_LOCKED
        return True

    async def read_meter(self, evse):
        """(Wh in all, mA, mV) from the EVSE's meter, or None when the controller does not give them."""
        values = []
        for command in ("GU %d", "GG %d"):
            words = await self.command(command % evse)
            if not words or len(words) != 2 or not (words[0] + words[1]).isdigit():
                return None
            values += words
        return int(values[1]), int(values[2]), int(values[3])

    # feature RESET_EVSE
    async def reset(self, evse):
        """Take power and pilot from the car for a while, then ask for the state anew; False: no answer."""
        off = await self.enable(evse, False) and await self.command("SC %d 0" % evse) is not None
        if off:
            await asyncio.sleep_ms(_PILOT_OFF_MS)
        self._set_up[evse - 1] = False
        await self.refresh(evse)
        if not self._set_up[evse - 1]:
            self._kick.set()
        return off and self._set_up[evse - 1]

    # end

    # feature SIGNED_METER_VALUES
    async def read_signed(self, evse, with_key):
        """(Wh in all, the meter's signed record of that, its public key or nothing) or None.

        Record and key are lists of pieces of base64 text: nothing large is allocated.
        """
        words = await self.command("GD %d" % evse)
        if not words or len(words) != 3 or not "".join(words).isdigit():
            return None
        result = [int(words[0]), [], []]
        for i in (1, 2) if with_key else (1,):
            left = int(words[i])
            if left > _RECORD_MAX:
                return None
            at = 0
            while at < left:
                piece = await self.command("%s %d %d" % ("GB" if i == 1 else "GK", evse, at))
                if not piece:
                    return None
                result[i].append(piece[0])
                at += len(piece[0])
        return result

    # end

    async def refresh(self, evse):
        """Ask for the state; an EVSE that was away is first disabled, as its state is not known.

        Its pilot is put back, too: a reset that took it away may not have come to its end.
        """
        i = evse - 1
        if not self._set_up[i] and await self.command("FD %d" % evse) is not None:
            self._enabled[i] = False
            self._set_up[i] = await self.command("SC %d %d" % (evse, _FULL_AMPS)) is not None
        words = await self.command("GS %d" % evse) if self._set_up[i] else None
        if not words or not self._take_state(evse, words):
            before = self.status(evse)
            self._contact[i] = self._set_up[i] = False
            self._report(evse, before)
