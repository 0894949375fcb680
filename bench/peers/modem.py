"""The network module at the modem UART: a Wi-Fi module with ESP-AT v2, emulated in virtual time.

After Espressif's "ESP-AT User Guide": AT Messages, Basic, Wi-Fi and TCP-IP AT Commands. Where the manual
gives no time, `Timing` has one.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Callable
from functools import partial

from bench.peers import NS_PER_MS, NS_PER_S, PeerError
from bench.peers.agenda import Action, Agenda
from bench.peers.network import Network
from bench.peers.sockets import Direction, Socket, Sockets, flip_bits
from bench.peers.wifi import FAILED, STATION_MODES, Timing, Wifi

LINKS = 5
COMMAND_LENGTH = 256
SEND_LENGTH = 2048
KEPT_COMPLAINTS = 1000

Argument = str | int | None


class Modem:
    """A Wi-Fi module that speaks ESP-AT: passive and active receive, five links, its own flash.

    Off until `power(True)`. `network` is where its TCP connections lead; `ssid` and `password` are the access
    point that can be heard. The faults below are what a scenario switches on and off.

    complaints      what the firmware did against the dialect: (virtual ns, text); the last 1000
    bytes_up        link data sent by the board;  bytes_down: link data read by it
    """

    def __init__(
        self,
        network: Network,
        *,
        ssid: str = "bench",
        password: str = "bench-psk",
        seed: int = 0,
        timing: Timing | None = None,
    ) -> None:
        self.timing = timing or Timing()
        self.complaints: deque[tuple[int, str]] = deque(maxlen=KEPT_COMPLAINTS)
        self.bytes_up = 0
        self.bytes_down = 0
        self._random = random.Random(seed)
        self._agenda = Agenda()
        self._wifi = Wifi(ssid, password, self._agenda, self.timing, self._say)
        self._sockets = Sockets(
            network,
            self._agenda,
            seed=seed,
            reachable=lambda: self._wifi.online,
            announce=self._announce,
            writable=self._writable,
        )
        self._out = bytearray()
        self._now = 0
        self._powered = False
        self._running = False
        self._corrupt_uart = 0
        self._busy_until = 0
        self._defaults()

    # the board's side

    def power(self, on: bool, now_ns: int) -> None:
        """The enable pin. Off loses links and settings (not what is in flash); nobody is told."""
        self._run(now_ns)
        if on == self._powered:
            return
        self._powered = on
        if on:
            self._boot(now_ns)
        else:
            self._halt(now_ns)
            self._out.clear()

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the board's UART. Never raises, whatever they are."""
        self._run(now_ns)
        position = 0
        while position < len(data) and self._running:
            if self._collect is not None:
                position += self._take_data(data[position:], now_ns)
            else:
                self._take_byte(data[position], now_ns)
                position += 1
        self._run(now_ns)

    def poll(self, now_ns: int) -> bytes:
        """Bytes for the board that are due by now."""
        self._run(now_ns)
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event_ns(self) -> int | None:
        """When `poll` next has something to say or do; a time gone by means now; None: never."""
        if self._out:
            return self._now
        due = [self._agenda.next_ns()]
        if self._running:
            due.append(self._sockets.next_event_ns())
        return min((when for when in due if when is not None), default=None)

    @property
    def ready(self) -> bool:
        """Powered, booted, and not crashed."""
        return self._running

    @property
    def online(self) -> bool:
        """Joined to the access point, with an address."""
        return self._wifi.online

    @property
    def links(self) -> list[int]:
        """Numbers of the links that the module holds for connected."""
        return sorted(self._sockets.open)

    # faults

    def delay(self, latency_ms: float, jitter_ms: float = 0) -> None:
        """One-way delay of link data from now on, plus a seeded random part up to `jitter_ms`; the order of
        bytes stays. Raises PeerError for a negative time."""
        if latency_ms < 0 or jitter_ms < 0:
            raise PeerError(f"a delay cannot be negative: {latency_ms} ms, jitter {jitter_ms} ms")
        self._sockets.latency_ns = int(latency_ms * NS_PER_MS)
        self._sockets.jitter_ns = int(jitter_ms * NS_PER_MS)

    def outage(self, on: bool, now_ns: int) -> None:
        """While on, the network behind the access point carries nothing; TCP delivers what it holds
        afterwards. New connections time out."""
        self._run(now_ns)
        self._sockets.outage(on, now_ns)

    def drop(self, now_ns: int) -> None:
        """All links open now are dead for ever and nobody is told: a router forgot them (half-open)."""
        self._run(now_ns)
        self._sockets.drop(now_ns)

    def cut(self, now_ns: int, link: int | None = None) -> None:
        """Connection `link` (None: all) is reset: the module says CLOSED, the other side sees the end.

        Raises PeerError where there is no such link.
        """
        self._run(now_ns)
        if link is not None and link not in self._sockets.open:
            raise PeerError(f"link {link} is not connected")
        for socket in list(self._sockets.open.values()):
            if link in (None, socket.number):
                self._sockets.cut(socket, now_ns)

    def corrupt(self, count: int, *, direction: Direction = "down") -> None:
        """Flip one bit in each of the next `count` bytes of link data: "down" to the board, "up" from it."""
        self._sockets.corrupt[direction] = count

    def corrupt_uart(self, count: int) -> None:
        """Flip one bit in each of the next `count` bytes that the module puts on the UART."""
        self._corrupt_uart = count

    def refuse(self, on: bool) -> None:
        """While on, new TCP connections are refused (reset by the other host)."""
        self._sockets.refuse = on

    def wifi(self, up: bool, now_ns: int) -> None:
        """The access point disappears (links lost, WIFI DISCONNECT) or is back (the module rejoins)."""
        self._run(now_ns)
        self._wifi.in_range = up
        if not up and self._wifi.joined:
            self._leave(now_ns)
            if self._command is not None and self._command.startswith("AT+CWJAP="):
                self._join_failed(FAILED, now_ns)
            self._wifi.rejoin(now_ns)

    def crash(self, now_ns: int) -> None:
        """The module's software stops: silence until the power is cycled."""
        self._run(now_ns)
        self._halt(now_ns)

    def reset(self, now_ns: int) -> None:
        """The module restarts by itself, as after a watchdog: links and settings lost, then "ready"."""
        self._run(now_ns)
        if self._powered:
            self._halt(now_ns)
            self._boot(now_ns)

    def busy(self, seconds: float, now_ns: int) -> None:
        """For this long every command is answered "busy p..." and lost."""
        self._run(now_ns)
        self._busy_until = now_ns + int(seconds * NS_PER_S)

    # time

    def _run(self, now_ns: int) -> None:
        self._sockets.pull(self._now)
        while (due := self._agenda.pop(now_ns)) is not None:
            when, action = due
            self._now = max(self._now, when)
            action(self._now)
            self._sockets.pull(self._now)
        self._now = max(self._now, now_ns)
        self._sockets.pull(self._now)

    def _after(self, milliseconds: float, now_ns: int, action: Action) -> None:
        self._agenda.at(now_ns + int(milliseconds * NS_PER_MS), action)

    def _complain(self, text: str, now_ns: int) -> None:
        self.complaints.append((now_ns, text))

    # power and boot

    def _defaults(self) -> None:
        self._echo = True
        self._mux = False
        self._passive = False
        self._line = bytearray()
        self._overlong = False
        self._command: str | None = None
        self._collect: tuple[Socket, int, bytearray] | None = None
        self._sending: tuple[Socket, bytes] | None = None
        self._busy_said = False

    def _halt(self, now_ns: int) -> None:
        self._running = False
        self._agenda.clear()
        self._sockets.abandon(now_ns)
        self._wifi.stop()
        self._defaults()

    def _boot(self, now_ns: int) -> None:
        self._after(self.timing.boot, now_ns, self._booted)

    def _booted(self, now_ns: int) -> None:
        self._running = True
        self._say("\r\nready\r\n")
        if self._wifi.auto_connect:
            self._wifi.rejoin(now_ns)

    # the UART

    def _say(self, text: str | bytes) -> None:
        data = bytearray(text.encode() if isinstance(text, str) else text)
        if self._corrupt_uart:
            self._corrupt_uart -= flip_bits(self._random, data, self._corrupt_uart)
        self._out += data

    def _take_byte(self, byte: int, now_ns: int) -> None:
        if self._sending is not None:
            # More than CIPSEND announced, or a command before SEND OK.
            if not self._busy_said:
                self._busy_said = True
                self._say("\r\nbusy p...\r\n")
                self._complain("bytes before SEND OK", now_ns)
            return
        if self._echo:
            self._say(bytes([byte]))
        if byte != 0x0A:
            if len(self._line) < COMMAND_LENGTH + 1:
                self._line.append(byte)
            else:
                self._overlong = True
            return
        line = bytes(self._line).removesuffix(b"\r").decode("latin-1")
        overlong = self._overlong or len(line) > COMMAND_LENGTH
        self._line.clear()
        self._overlong = False
        if self._command is not None or now_ns < self._busy_until:
            self._say("\r\nbusy p...\r\n")
            if self._command is not None:
                self._complain(f"{line[:40]!r} while {self._command!r} is under way", now_ns)
            return
        self._command = line
        if overlong:
            self._complain(f"command of more than {COMMAND_LENGTH} bytes: {line[:40]!r}...", now_ns)
            self._after(self.timing.command, now_ns, self._error)
        else:
            self._after(self.timing.command, now_ns, self._execute)

    def _ok(self, _now_ns: int = 0) -> None:
        self._command = None
        self._say("\r\nOK\r\n")

    def _error(self, _now_ns: int = 0) -> None:
        self._command = None
        self._say("\r\nERROR\r\n")

    # commands

    def _execute(self, now_ns: int) -> None:
        line = self._command or ""
        match = re.fullmatch(r"AT(\+[A-Z0-9_]+|E[01])?(\?|=(.*))?", line)
        handler = None
        if match is not None:
            form = "" if match[2] is None else match[2][0]
            handler = _COMMANDS.get((match[1] or "") + form)
        if match is None or handler is None:
            self._complain(f"unknown command {line[:40]!r}", now_ns)
            self._error()
            return
        arguments = parse_arguments(match[3]) if match[3] is not None else []
        try:
            if arguments is None:
                raise _Refused("arguments are not well formed")
            handler(self, arguments, now_ns)
        except _Refused as refused:
            self._complain(f"{line[:60]!r}: {refused}", now_ns)
            self._error()

    def _do_at(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._ok()

    def _do_echo_off(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._echo = False
        self._ok()

    def _do_echo_on(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._echo = True
        self._ok()

    def _do_version(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._say("AT version:2.4.0.0(emulated)\r\nSDK version:none\r\ncompile time:none\r\n")
        self._say("Bin version:2.4.0(BENCH)\r\n")
        self._ok()

    def _do_restart(self, _arguments: list[Argument], now_ns: int) -> None:
        self._ok()
        self._halt(now_ns)
        self._boot(now_ns)

    def _do_restore(self, arguments: list[Argument], now_ns: int) -> None:
        self._wifi.restore()
        self._do_restart(arguments, now_ns)

    def _do_mode(self, arguments: list[Argument], now_ns: int) -> None:
        (mode,) = _integers(arguments[:1], range(4))
        self._wifi.mode = mode
        if mode not in STATION_MODES and self._wifi.joined:
            self._leave(now_ns)
        self._ok()

    def _ask_mode(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._say(f"+CWMODE:{self._wifi.mode}\r\n")
        self._ok()

    def _do_auto_connect(self, arguments: list[Argument], _now_ns: int) -> None:
        (on,) = _integers(arguments, range(2))
        self._wifi.auto_connect = bool(on)
        self._ok()

    def _do_join(self, arguments: list[Argument], now_ns: int) -> None:
        if len(arguments) < 2 or not all(isinstance(argument, str) for argument in arguments[:2]):
            raise _Refused("AT+CWJAP needs ssid and password in quotes")
        if self._wifi.mode not in STATION_MODES:
            raise _Refused("not in station mode (AT+CWMODE=1)")
        if self._wifi.joined:
            self._leave(now_ns)
        wanted = (str(arguments[0]), str(arguments[1]))
        self._wifi.join(wanted, now_ns, self._ok, self._join_failed)

    def _join_failed(self, code: int, _now_ns: int) -> None:
        self._say(f"+CWJAP:{code}\r\n")
        self._error()

    def _ask_join(self, _arguments: list[Argument], _now_ns: int) -> None:
        if self._wifi.joined and self._wifi.stored is not None:
            self._say(f'+CWJAP:"{self._wifi.stored[0]}","02:00:00:00:00:01",6,-50,0,1,3,0,1\r\n')
        else:
            self._say("No AP\r\n")
        self._ok()

    def _do_quit(self, _arguments: list[Argument], now_ns: int) -> None:
        if self._wifi.joined:
            self._leave(now_ns)
        self._wifi.stop()
        self._ok()

    def _do_address(self, _arguments: list[Argument], _now_ns: int) -> None:
        address = "192.168.4.2" if self._wifi.online else "0.0.0.0"
        self._say(f'+CIFSR:STAIP,"{address}"\r\n+CIFSR:STAMAC,"02:00:00:00:00:02"\r\n')
        self._ok()

    def _do_mux(self, arguments: list[Argument], _now_ns: int) -> None:
        (on,) = _integers(arguments, range(2))
        if self._sockets.open and bool(on) != self._mux:
            raise _Refused("AT+CIPMUX cannot change while links are open")
        self._mux = bool(on)
        self._ok()

    def _ask_mux(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._say(f"+CIPMUX:{int(self._mux)}\r\n")
        self._ok()

    def _do_receive_mode(self, arguments: list[Argument], now_ns: int) -> None:
        (on,) = _integers(arguments, range(2))
        self._passive = bool(on)
        self._ok()
        for socket in list(self._sockets.open.values()):
            self._announce(socket, now_ns)

    def _ask_receive_mode(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._say(f"+CIPRECVMODE:{int(self._passive)}\r\n")
        self._ok()

    def _do_start(self, arguments: list[Argument], now_ns: int) -> None:
        number, rest = self._split_link(arguments)
        if len(rest) < 3 or rest[0] != "TCP" or not isinstance(rest[1], str):
            raise _Refused('AT+CIPSTART needs a link id, "TCP", "host", port')
        host = rest[1]
        port, keepalive = _integers([rest[2], (rest[3] if len(rest) > 3 else 0) or 0], range(65536))
        if not host or len(host) > 64 or port == 0 or keepalive > 7200:
            raise _Refused("host of 1 to 64 bytes, port 1 to 65535, keep-alive 0 to 7200 s")
        if number in self._sockets.open:
            self._say("ALREADY CONNECTED\r\n")
            raise _Refused(f"link {number} is in use")
        if not self._wifi.online:
            # What is wrong here is the network, not the firmware.
            self._error()
            return
        round_trip = self.timing.connect + 2 * self._sockets.latency_ns / NS_PER_MS
        begin = partial(self._sockets.connect, number, (host, port), keepalive, self._connected)
        self._after(round_trip, now_ns, begin)

    def _connected(self, socket: Socket | None) -> None:
        if socket is None:
            self._error()
        else:
            self._say(f"{self._prefix(socket.number)}CONNECT\r\n")
            self._ok()

    def _do_send(self, arguments: list[Argument], now_ns: int) -> None:
        number, rest = self._split_link(arguments)
        (length,) = _integers(rest, range(1, SEND_LENGTH + 1))
        socket = self._sockets.open.get(number)
        if socket is None or socket.remote_closed:
            # CLOSED may have been on its way: no mistake.
            self._error()
            return
        self._collect = (socket, length, bytearray())
        self._say("\r\nOK\r\n\r\n> ")

    def _take_data(self, data: bytes, now_ns: int) -> int:
        assert self._collect is not None
        socket, length, collected = self._collect
        used = data[: length - len(collected)]
        collected += used
        if len(collected) == length:
            self._collect = None
            self._sending = (socket, bytes(collected))
            self._busy_said = False
            self._after(self.timing.command, now_ns, lambda _: self._say(f"\r\nRecv {length} bytes\r\n"))
            self._after(self.timing.send, now_ns, self._transmit)
        return len(used)

    def _transmit(self, now_ns: int) -> None:
        """Give the data to TCP, or wait for room in its send buffer."""
        if self._sending is None:
            return
        socket, data = self._sending
        if self._sockets.open.get(socket.number) is not socket or socket.remote_closed:
            self._sending = self._command = None
            self._say("\r\nSEND FAIL\r\n")
            return
        if self._sockets.send(socket, data, now_ns):
            self._sending = self._command = None
            self._say("\r\nSEND OK\r\n")
            self.bytes_up += len(data)

    def _writable(self, now_ns: int) -> None:
        if self._sending is not None:
            self._agenda.at(now_ns, self._transmit)

    def _do_read(self, arguments: list[Argument], now_ns: int) -> None:
        number, rest = self._split_link(arguments)
        (length,) = _integers(rest, range(1, 2**31))
        socket = self._sockets.open.get(number)
        if not self._passive or socket is None or not socket.buffer:
            raise _Refused("nothing to read, or not in passive mode")
        data = bytes(socket.buffer[:length])
        del socket.buffer[:length]
        socket.noticed = max(0, socket.noticed - len(data))
        self.bytes_down += len(data)
        self._say(f"+CIPRECVDATA:{len(data)},".encode() + data + b"\r\n")
        self._ok()
        self._announce(socket, now_ns)

    def _ask_read_length(self, _arguments: list[Argument], _now_ns: int) -> None:
        sockets = [self._sockets.open.get(number) for number in range(LINKS)]
        lengths = ",".join(str(len(socket.buffer)) if socket else "" for socket in sockets)
        self._say(f"+CIPRECVLEN:{lengths}\r\n")
        self._ok()

    def _do_close(self, arguments: list[Argument], now_ns: int) -> None:
        if self._mux:
            (number,) = _integers(arguments, range(LINKS + 1))
        else:
            number = 0
        chosen = [socket for socket in self._sockets.open.values() if number in (socket.number, LINKS)]
        if not chosen and number != LINKS:
            # CLOSED may have been on its way: no mistake.
            self._error()
            return
        for socket in chosen:
            self._sockets.close(socket, now_ns)
            self._say(f"{self._prefix(socket.number)}CLOSED\r\n")
        self._ok()

    def _do_status(self, _arguments: list[Argument], _now_ns: int) -> None:
        state = 5
        if self._wifi.joined:
            state = 3 if self._sockets.open else 2
        self._say(f"STATUS:{state}\r\n")
        self._list_links("+CIPSTATUS")

    def _ask_state(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._list_links("+CIPSTATE")

    def _list_links(self, name: str) -> None:
        for number, socket in sorted(self._sockets.open.items()):
            host, port = socket.remote
            self._say(f'{name}:{number},"TCP","{host}",{port},{50000 + number},0\r\n')
        self._ok()

    def _split_link(self, arguments: list[Argument]) -> tuple[int, list[Argument]]:
        """The link id (0 without CIPMUX=1) and the other arguments."""
        if not self._mux:
            return 0, arguments
        (number,) = _integers(arguments[:1], range(LINKS))
        return number, arguments[1:]

    def _prefix(self, number: int) -> str:
        return f"{number}," if self._mux else ""

    def _leave(self, now_ns: int) -> None:
        """The access point is gone, or left: its links are lost."""
        self._wifi.stop()
        numbers = list(self._sockets.open)
        self._sockets.abandon(now_ns)
        for number in numbers:
            self._say(f"{self._prefix(number)}CLOSED\r\n")
        self._say("WIFI DISCONNECT\r\n")
        self._writable(now_ns)

    # link data

    def _announce(self, socket: Socket, now_ns: int) -> None:
        """Tell the board what waits: the data itself, or its length; then the end of the connection."""
        if self._sockets.open.get(socket.number) is not socket:
            return
        if socket.buffer and not self._passive:
            data = bytes(socket.buffer)
            socket.buffer.clear()
            self.bytes_down += len(data)
            self._say(f"\r\n+IPD,{self._prefix(socket.number)}{len(data)}:".encode() + data)
        elif socket.buffer and socket.noticed == 0:
            socket.noticed = len(socket.buffer)
            self._say(f"\r\n+IPD,{self._prefix(socket.number)}{socket.noticed}\r\n")
        # Unread data keeps CLOSED back (AT+CIPRECVTYPE, notes).
        if socket.over:
            del self._sockets.open[socket.number]
            self._say(f"{self._prefix(socket.number)}CLOSED\r\n")
            self._writable(now_ns)


class _Refused(Exception):
    """The module answers ERROR; the message is for the complaints."""


def parse_arguments(text: str) -> list[Argument] | None:
    """The arguments of an AT command: quoted strings, decimal integers, empty ones. None: not well formed.

    In quotes a backslash takes the next character as it is (AT+CWJAP, escape character syntax).
    """
    arguments: list[Argument] = []
    position = 0
    while True:
        match = re.compile(r'"((?:[^"\\]|\\.)*)"|(-?\d{1,10})|').match(text, position)
        assert match is not None
        position = match.end()
        if match[1] is not None:
            arguments.append(re.sub(r"\\(.)", r"\1", match[1]))
        else:
            arguments.append(int(match[2]) if match[2] else None)
        if position == len(text):
            return arguments
        if text[position] != ",":
            return None
        position += 1


def _integers(arguments: list[Argument], allowed: range) -> list[int]:
    values = [argument for argument in arguments if isinstance(argument, int) and argument in allowed]
    if not values or len(values) != len(arguments):
        raise _Refused("bad arguments")
    return values


_COMMANDS: dict[str, Callable[[Modem, list[Argument], int], None]] = {
    "": Modem._do_at,
    "E0": Modem._do_echo_off,
    "E1": Modem._do_echo_on,
    "+GMR": Modem._do_version,
    "+RST": Modem._do_restart,
    "+RESTORE": Modem._do_restore,
    "+CWMODE=": Modem._do_mode,
    "+CWMODE?": Modem._ask_mode,
    "+CWAUTOCONN=": Modem._do_auto_connect,
    "+CWJAP=": Modem._do_join,
    "+CWJAP?": Modem._ask_join,
    "+CWQAP": Modem._do_quit,
    "+CIFSR": Modem._do_address,
    "+CIPMUX=": Modem._do_mux,
    "+CIPMUX?": Modem._ask_mux,
    "+CIPRECVMODE=": Modem._do_receive_mode,
    "+CIPRECVMODE?": Modem._ask_receive_mode,
    "+CIPSTART=": Modem._do_start,
    "+CIPSEND=": Modem._do_send,
    "+CIPRECVDATA=": Modem._do_read,
    "+CIPRECVLEN?": Modem._ask_read_length,
    "+CIPCLOSE=": Modem._do_close,
    "+CIPCLOSE": Modem._do_close,
    "+CIPSTATUS": Modem._do_status,
    "+CIPSTATE?": Modem._ask_state,
}
