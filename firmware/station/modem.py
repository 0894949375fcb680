"""The network module: ESP-AT over a UART, in passive receive mode, so that nothing comes in unasked for."""

import asyncio

import board
from micropython import const

from . import clock, log

LINKS = const(5)
LINE_MAX = const(160)
SEND_MAX = const(2048)  # of one AT+CIPSEND
CHUNK = const(256)  # what is handed to the UART at a time

_READY_MS = const(5000)
_SIMPLE_MS = const(2000)
_JOIN_MS = const(25000)
_CONNECT_MS = const(15000)
_SEND_MS = const(10000)
_OFF_MS = const(200)
_BUSY_MS = const(200)
_BUSY_TRIES = const(10)
_KEEPALIVE_S = const(120)

# what the command under way waits for
_NOTHING = const(0)
_FINAL = const(1)
_PROMPT = const(2)
_SENT = const(3)

_BUSY = const(2)


class ModemError(Exception):
    """The module did not answer, or answered ERROR to what must work."""


class AtParser:
    """The module's byte stream cut into lines, prompts and received data, without I/O.

    The caller fills `buffer()` and calls `feed(n)`. Each line goes to `on_line(bytes)`, each send prompt
    (while `prompt` is set) to `on_prompt()`, and data of +CIPRECVDATA into `sink`, `got` bytes of it.
    """

    def __init__(self, on_line, on_prompt):
        self._line = memoryview(bytearray(LINE_MAX))
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
        return self._want or min(self._drop, LINE_MAX)

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
        if self._have == LINE_MAX:
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
            if head >= 0 and (end < 0 or head < end):
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

    `stream` has coroutines readinto(buffer) and drain() and write(bytes) (asyncio.StreamReader over
    board.UART); `uart.wait(n)` sets when it becomes readable.
    """

    def __init__(self, stream, uart):
        self._stream = stream
        self._uart = uart
        self._lock = asyncio.Lock()
        self._done = asyncio.Event()
        self._changed = asyncio.Event()
        self._ready = asyncio.Event()
        self._parser = AtParser(self._on_line, self._on_prompt)
        self._expect = _NOTHING
        self._result = None
        self._link = 0
        self._open = [False] * LINKS
        self._pending = [0] * LINKS  # bytes announced and not read
        self.alive = False
        self.wifi = False

    async def run(self):
        """Read for ever."""
        parser = self._parser
        while True:
            self._uart.wait(parser.wanted())
            n = await self._stream.readinto(parser.buffer())
            if n:
                parser.feed(n)

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
        elif line.startswith(b"+IPD,"):
            self._on_notice(line)
        elif line[1:] == b",CLOSED" and line[0] - 48 in range(LINKS):
            link = line[0] - 48
            self._open[link] = False
            self._pending[link] = 0
            self._changed.set()
            if expect in (_PROMPT, _SENT) and link == self._link:
                self._finish(False)

    def _on_notice(self, line):
        link = line[5] - 48 if len(line) > 5 else -1
        if link not in range(LINKS):
            return
        if line[7:].isdigit():
            self._pending[link] += int(line[7:])
        else:
            log.warn("modem: data came unasked and is lost")
            self._open[link] = False
        self._changed.set()

    def _down(self):
        self.alive = self.wifi = False
        for link in range(LINKS):
            self._open[link] = False
            self._pending[link] = 0
        self._changed.set()
        if self._expect:
            self._finish(False)

    # commands

    async def _write(self, data):
        view = memoryview(data)
        for start in range(0, len(data), CHUNK):
            self._stream.write(view[start : start + CHUNK])
            await self._stream.drain()

    async def _answer(self, data, expect, timeout_ms, name):
        self._done.clear()
        self._result = None
        self._expect = expect
        self._parser.prompt = expect == _PROMPT
        await self._write(data)
        try:
            await asyncio.wait_for_ms(self._done.wait(), timeout_ms)
        except asyncio.TimeoutError:
            if not self._done.is_set():
                self._expect = _NOTHING
                self._parser.restart()
                self._down()
                self._result = None
        if self._result is None:
            raise ModemError("no answer to " + name)
        return self._result

    async def _command(self, text, expect=_FINAL, timeout_ms=_SIMPLE_MS):
        """Send a command, the lock being held; True for OK, False for ERROR. Raises ModemError."""
        name = text.split("=")[0]
        for _ in range(_BUSY_TRIES):
            result = await self._answer((text + "\r\n").encode(), expect, timeout_ms, name)
            if result != _BUSY:
                return result
            await asyncio.sleep_ms(_BUSY_MS)
        return False

    async def _start(self):
        """Reset the module by its enable pin and set it up. Raises ModemError."""
        self._down()
        self._ready.clear()
        self._parser.restart()
        board.modem_enable(False)
        await asyncio.sleep_ms(_OFF_MS)
        board.modem_enable(True)
        try:
            await asyncio.wait_for_ms(self._ready.wait(), _READY_MS)
        except asyncio.TimeoutError:
            pass
        if not self._ready.is_set():
            raise ModemError("not ready after a reset")
        for command in ("ATE0", "AT+CWMODE=1", "AT+CIPMUX=1", "AT+CIPRECVMODE=1"):
            if not await self._command(command):
                raise ModemError("refused " + command)
        self.alive = True

    async def _join(self):
        stored = board.store_get(b"wifi")
        if stored is None:
            raise ModemError("no Wi-Fi network is provisioned")
        ssid, password = (stored.decode() + "\n").split("\n")[:2]
        command = 'AT+CWJAP="%s","%s"' % (_quoted(ssid), _quoted(password))
        if not await self._command(command, timeout_ms=_JOIN_MS):
            self.alive = False
            raise ModemError("Wi-Fi not joined")
        self.wifi = True

    async def connect(self, link, host, port):
        """Open a TCP connection on `link`, setting up module and Wi-Fi where needed. Raises ModemError."""
        async with self._lock:
            if not self.alive:
                await self._start()
            if not self.wifi:
                await self._join()
            if self._open[link]:
                await self._command("AT+CIPCLOSE=%d" % link)
            self._pending[link] = 0
            self._link = link
            command = 'AT+CIPSTART=%d,"TCP","%s",%d,%d' % (link, _quoted(host), port, _KEEPALIVE_S)
            if not await self._command(command, timeout_ms=_CONNECT_MS):
                raise ModemError("no connection to %s:%d" % (host, port))
            self._open[link] = True

    async def send(self, link, data):
        """Send a buffer. False when the connection is gone."""
        async with self._lock:
            try:
                for start in range(0, len(data), SEND_MAX):
                    part = data[start : start + SEND_MAX]
                    if not self._open[link]:
                        return False
                    self._link = link
                    command = "AT+CIPSEND=%d,%d" % (link, len(part))
                    if not await self._command(command, _PROMPT):
                        return False
                    if not await self._answer(part, _SENT, _SEND_MS, "sending"):
                        return False
            except ModemError as e:
                log.warn("modem: %s", e)
                return False
        return True

    async def recv(self, link, buffer, timeout_s):
        """Bytes received into `buffer`; 0 when the connection is closed, None when the time has passed."""
        while True:
            if self._pending[link]:
                n = await self._fetch(link, buffer)
                if n:
                    return n
            elif not self._open[link]:
                return 0
            else:
                self._changed.clear()
                if not await clock.wait(self._changed, timeout_s):
                    return None

    async def _fetch(self, link, buffer):
        async with self._lock:
            announced = self._pending[link]
            self._pending[link] = 0
            parser = self._parser
            parser.sink = memoryview(buffer)
            parser.got = 0
            try:
                await self._command("AT+CIPRECVDATA=%d,%d" % (link, len(buffer)))
            except ModemError as e:
                log.warn("modem: %s", e)
                return 0
            finally:
                parser.sink = None
            if parser.got == len(buffer):
                self._pending[link] += max(0, announced - parser.got)
            return parser.got

    async def close(self, link):
        """Close the connection; never fails."""
        async with self._lock:
            if self._open[link] and self.alive:
                try:
                    await self._command("AT+CIPCLOSE=%d" % link)
                except ModemError as e:
                    log.warn("modem: %s", e)
            self._open[link] = False
            self._pending[link] = 0
            self._changed.set()


def _quoted(text):
    return text.replace("\\", "\\\\").replace('"', '\\"').replace(",", "\\,")


class Socket:
    """One TCP connection of the module: what the WebSocket, or TLS below it, stands on."""

    def __init__(self, modem, link=0):
        self._modem = modem
        self._link = link

    async def connect(self, host, port):
        """Raises ModemError."""
        await self._modem.connect(self._link, host, port)

    async def send(self, data):
        """False when the connection is gone."""
        return await self._modem.send(self._link, data)

    async def recv(self, buffer, timeout_s):
        """Bytes received; 0 = closed; None = nothing within the time."""
        return await self._modem.recv(self._link, buffer, timeout_s)

    async def close(self):
        """Never fails."""
        await self._modem.close(self._link)
