"""The network module: ESP-AT over a UART, in passive receive mode, so that nothing comes in unasked for."""

import asyncio

import board
from micropython import const

from . import log
from .aio import Signal

_LINKS = const(5)
_LINE_MAX = const(160)
_SEND_MAX = const(2048)  # of one AT+CIPSEND

_READY_MS = const(5000)
_SIMPLE_MS = const(2000)
_JOIN_MS = const(25000)
_CONNECT_MS = const(15000)
_SEND_MS = const(10000)
_OFF_MS = const(200)
_BUSY_MS = const(200)
_BUSY_TRIES = const(10)
_KEEPALIVE_S = const(120)
_SUSPECT = const(3)  # failed attempts after which the module is reset

# what the command under way waits for
_NOTHING = const(0)
_FINAL = const(1)
_PROMPT = const(2)
_SENT = const(3)

_BUSY = const(2)
_HELD = const(b"+CIPRECVLEN:")


class LinkDown(Exception):
    """There is no connection, or no more; args[0] says why."""


class AtParser:
    """The module's byte stream cut into lines, prompts and received data, without I/O.

    The caller fills `buffer()` and calls `feed(n)`. Each line goes to `on_line(bytes)`, each send prompt
    (while `prompt` is set) to `on_prompt()`, and data of +CIPRECVDATA into `sink`, `got` bytes of it.
    """

    def __init__(self, on_line, on_prompt):
        self._line = memoryview(bytearray(_LINE_MAX))
        self._have = 0
        self._skip = False
        self._drop = 0
        self._want = 0
        self._target = self._line
        self._on_line = on_line
        self._on_prompt = on_prompt
        self.prompt = False
        self.sink = None
        self.got = 0

    def restart(self):
        """Forget what is half read. A read that is under way may still be fed."""
        self._have = self._drop = self._want = 0
        self._skip = self.prompt = False

    def buffer(self):
        """Where the next bytes belong."""
        if self._want:
            self._target = self.sink[self.got : self.got + self._want]
        else:
            self._target = self._line[self._have :]
        return self._target

    def wanted(self):
        """Bytes that are known to follow, 0 when it depends on what they are."""
        return self._want or min(self._drop, _LINE_MAX)

    def feed(self, n):
        """`n` bytes have been put into the last `buffer()`."""
        if self._want:
            self.got += n
            self._want -= n
            return
        data = bytes(self._line[: self._have]) + bytes(self._target[:n])
        start = 0
        while start < len(data):
            start = self._take(data, start)
            if start < 0:
                break
        if self._have == _LINE_MAX:
            self._skip = True
            self._have = 0

    def _take(self, data, start):
        """Consume one item of `data`; index of the next one, or -1 when the rest is incomplete and kept."""
        self._have = 0
        if self._drop:
            n = min(self._drop, len(data) - start)
            self._drop -= n
            return start + n
        if self.prompt and data[start] == 62:
            self.prompt = False
            self._on_prompt()
            return start + 1
        if data[start] in (13, 32):
            return start + 1
        end = data.find(b"\n", start)
        if self._skip:
            self._skip = end < 0
            return end + 1 if end >= 0 else -1
        head = data.find(b",", start) if data.startswith(b"+CIPRECVDATA:", start) else -1
        if head >= 0 and (end < 0 or head < end):
            return self._data(data, head + 1, data[start + 13 : head])
        if data.startswith(b"+IPD,", start):
            head = data.find(b":", start)
            # the colon may be of an answer behind what is left of a notice
            if head >= 0 and (end < 0 or head < end) and data[start : head + 1].find(_HELD) < 0:
                self._on_line(data[start:head] + b":")
                return self._data(data, head + 1, data[start:head].split(b",")[-1], False)
        if end < 0:
            self._keep(data, start)
            return -1
        line = data[start:end].rstrip()
        if line:
            self._on_line(line)
        return end + 1

    def _keep(self, data, start):
        n = len(data) - start
        self._line[:n] = data[start:]
        self._have = n

    def _data(self, data, start, length, wanted=True):
        n = int(length) if length.isdigit() else 0
        here = min(n, len(data) - start)
        if wanted and self.sink is not None and n <= len(self.sink):
            self.sink[:here] = data[start : start + here]
            self.got = here
            self._want = n - here
        else:
            self._drop = n - here
        return start + here


class Modem:
    """Driver of the module. One command at a time; events of the module are taken at any point.

    `port` has coroutines readinto(buffer) and write(bytes), and wait(n) (see aio.Port). The connections are
    `sockets`, by link number.
    """

    def __init__(self, port):
        self._port = port
        self.lock = asyncio.Lock()
        self._done = Signal()
        self._ready = Signal()
        self._parser = AtParser(self._on_line, self._on_prompt)
        self._expect = _NOTHING
        self._result = None
        self.sockets = [None] * _LINKS
        self.alive = False
        self.wifi = False

    async def run(self):
        """Read for ever."""
        parser = self._parser
        while True:
            self._port.wait(parser.wanted())
            n = await self._port.readinto(parser.buffer())
            if n:
                parser.feed(n)
            # a notice may have been among them: an erase of flash holds the processor up for seconds
            if self._port.lost():
                for socket in self.sockets:
                    if socket:
                        socket.doubt()

    # events of the parser

    def _finish(self, result):
        self._expect = _NOTHING
        self._result = result
        self._done.set()

    def _on_prompt(self):
        if self._expect == _PROMPT:
            self._finish(True)

    def _on_line(self, line):
        expect = self._expect
        if line == b"OK":
            if expect == _FINAL:
                self._finish(True)
        elif line == b"SEND OK":
            if expect == _SENT:
                self._finish(True)
        elif line in (b"ERROR", b"FAIL", b"SEND FAIL"):
            if expect:
                self._finish(False)
        elif line.startswith(b"busy"):
            if expect in (_FINAL, _PROMPT):
                self._finish(_BUSY)
        elif line == b"ready":
            self._down()
            self._ready.set()
        elif line == b"WIFI GOT IP":
            self.wifi = True
        elif line == b"WIFI DISCONNECT":
            self.wifi = False
        elif line.find(_HELD) >= 0:
            # behind what is left of a line that was lost
            lengths = line.split(_HELD)[1].split(b",")
            for socket in self.sockets:
                if socket and socket.link < len(lengths):
                    socket.holds(lengths[socket.link])
        elif line.startswith(b"+IPD,"):
            socket = self._socket(line[5:6])
            if socket:
                socket.announced(line[7:])
        elif line[1:] == b",CLOSED":
            socket = self._socket(line[:1])
            if socket:
                # a command under way for it has its answer yet to come
                socket.closed()

    def _socket(self, number):
        return self.sockets[int(number)] if number in (b"0", b"1", b"2", b"3", b"4") else None

    def _down(self):
        self.alive = self.wifi = False
        for socket in self.sockets:
            if socket:
                socket.closed()
        if self._expect:
            self._finish(False)

    # commands, the lock being held

    async def answer(self, data, expect, timeout_ms, name):
        """Write, then wait for what is expected: True, False for ERROR, or busy. Raises LinkDown."""
        self._done.flag = False
        self._result = None
        self._expect = expect
        self._parser.prompt = expect == _PROMPT
        await self._port.write(data)
        if not await self._done.wait(timeout_ms):
            self._expect = _NOTHING
            self._parser.restart()
            self._down()
        if self._result is None:
            raise LinkDown("no answer to " + name)
        return self._result

    async def command(self, text, expect=_FINAL, timeout_ms=_SIMPLE_MS):
        """Send a command: True for OK, False for ERROR. Raises LinkDown."""
        name = text.split("=")[0]
        for _ in range(_BUSY_TRIES):
            result = await self.answer((text + "\r\n").encode(), expect, timeout_ms, name)
            if result != _BUSY:
                return result
            await asyncio.sleep_ms(_BUSY_MS)
        return False

    async def fetch(self, link, buffer):
        """AT+CIPRECVDATA: number of bytes put into `buffer`. Raises LinkDown."""
        parser = self._parser
        parser.sink = memoryview(buffer)
        parser.got = 0
        await self.command("AT+CIPRECVDATA=%d,%d" % (link, len(buffer)))
        return parser.got

    async def send(self, socket, data):
        """AT+CIPSEND of up to 2048 bytes: False when they are not sent. Raises LinkDown."""
        return await self.command(
            "AT+CIPSEND=%d,%d" % (socket.link, len(data)), _PROMPT
        ) and await self.answer(data, _SENT, _SEND_MS, "sending")

    async def prepare(self):
        """Reset the module by its enable pin, set it up, join the Wi-Fi, as needed. Raises LinkDown."""
        if not self.alive:
            self._down()
            self._ready.flag = False
            self._parser.restart()
            board.modem_enable(False)
            await asyncio.sleep_ms(_OFF_MS)
            board.modem_enable(True)
            if not await self._ready.wait(_READY_MS):
                raise LinkDown("not ready after a reset")
            for command in ("ATE0", "AT+CWMODE=1", "AT+CIPMUX=1", "AT+CIPRECVMODE=1"):
                if not await self.command(command):
                    raise LinkDown("refused " + command)
            self.alive = True
        if not self.wifi:
            try:
                ssid, password = (board.store_get(b"wifi") or b"").decode().split("\n")
            except (ValueError, UnicodeError):
                raise LinkDown("no Wi-Fi network is provisioned")
            command = 'AT+CWJAP="%s","%s"' % (_quoted(ssid), _quoted(password))
            if not await self.command(command, timeout_ms=_JOIN_MS):
                self.alive = False
                raise LinkDown("Wi-Fi not joined")
            self.wifi = True


def _quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace(",", "\\,")


class Socket:
    """One TCP connection of the module: what the WebSocket, or TLS below it, stands on."""

    def __init__(self, modem, link=0):
        self._modem = modem
        self.open = False
        self._failed = 0
        self._pending = 0  # bytes announced and not read
        self._unsure = False
        self._changed = Signal()
        self.link = link
        modem.sockets[link] = self

    # events of the module

    def announced(self, length):
        """+IPD of `length` bytes; with a colon behind, the data itself came and is lost."""
        if length.isdigit():
            self._pending += int(length)
        else:
            log.warn("modem: data came unasked and is lost")
            self.open = False
        self._changed.set()

    def doubt(self):
        """A notice of the module may have been lost."""
        self._unsure = self.open
        self._changed.set()

    def holds(self, length):
        """What the module holds for the connection; no number when it is closed."""
        if length.isdigit():
            self._pending = int(length)
        else:
            self.closed()

    def closed(self):
        """The connection is gone."""
        self.open = False
        self._pending = 0
        self._changed.set()

    # the user's side

    async def connect(self, host, port):
        """Connect, setting up module and Wi-Fi where needed. Raises LinkDown."""
        modem = self._modem
        async with modem.lock:
            await modem.prepare()
            if self.open:
                await modem.command("AT+CIPCLOSE=%d" % self.link)
            self._pending = 0
            command = 'AT+CIPSTART=%d,"TCP","%s",%d,%d' % (self.link, _quoted(host), port, _KEEPALIVE_S)
            if not await modem.command(command, timeout_ms=_CONNECT_MS):
                self._failed += 1
                if self._failed % _SUSPECT == 0 and not any(s and s.open for s in modem.sockets):
                    # it may have restarted unheard, and lost its settings
                    modem.alive = False
                raise LinkDown("no connection to %s:%d" % (host, port))
            self._failed = 0
            self.open = True

    async def send(self, data):
        """Send a buffer. False when the connection is gone."""
        modem = self._modem
        data = memoryview(data)
        async with modem.lock:
            try:
                for start in range(0, len(data), _SEND_MAX):
                    if not self.open or not await modem.send(self, data[start : start + _SEND_MAX]):
                        return False
            except LinkDown as e:
                log.warn("modem: %s", e)
                return False
        return True

    async def recv(self, buffer, timeout_s):
        """Bytes received into `buffer`; 0 when the connection is closed, None when the time has passed."""
        while True:
            if self._unsure:
                self._unsure = False
                async with self._modem.lock:
                    try:
                        await self._modem.command("AT+CIPRECVLEN?")
                    except LinkDown as e:
                        log.warn("modem: %s", e)
            elif self._pending:
                n = await self._fetch(buffer)
                if n:
                    return n
            elif not self.open:
                return 0
            else:
                self._changed.flag = False
                if not await self._changed.wait(timeout_s * 1000):
                    return None

    async def _fetch(self, buffer):
        async with self._modem.lock:
            announced = self._pending
            if not announced:
                # closed while it waited for its turn
                return 0
            self._pending = 0
            try:
                n = await self._modem.fetch(self.link, buffer)
            except LinkDown as e:
                log.warn("modem: %s", e)
                return 0
            if n == len(buffer):
                self._pending += max(0, announced - n)
            return n

    async def close(self):
        """Close the connection; never fails."""
        modem = self._modem
        async with modem.lock:
            if self.open and modem.alive:
                try:
                    await modem.command("AT+CIPCLOSE=%d" % self.link)
                except LinkDown as e:
                    log.warn("modem: %s", e)
            self.closed()
