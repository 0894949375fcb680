"""The network module at the modem UART: a Wi-Fi module with ESP-AT v2, emulated in virtual time.

After Espressif's "ESP-AT User Guide": AT Messages, Basic, Wi-Fi and TCP-IP AT Commands. Where the manual
gives no time, `Timing` has one.
"""

from __future__ import annotations

import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from bench.peers import PeerError
from bench.peers.agenda import Action, Agenda
from bench.peers.network import Link, Network

NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000

LINKS = 5
COMMAND_LENGTH = 256
SEND_LENGTH = 2048
WINDOW = 5760
"""Receive window and send buffer of one link, bytes (lwIP's TCP_WND and TCP_SND_BUF in ESP-AT)."""
KEEPALIVE_PROBES_NS = 3 * NS_PER_S
"""AT+CIPSTART: three probes, one second apart, after the keep-alive time."""
RETRANSMIT_NS = 1341 * NS_PER_S
"""How long lwIP retransmits before it gives a connection up: 1.5 s doubled up to 192 s, 12 times."""
CONNECT_TIMEOUT_NS = 18 * NS_PER_S
"""lwIP's four SYNs."""
KEPT_COMPLAINTS = 1000

Argument = str | int | None
Direction = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the module takes, milliseconds."""

    boot: float = 500
    command: float = 1
    associate: float = 1200
    address: float = 800
    wrong_password: float = 3000
    no_access_point: float = 2500
    rejoin: float = 1000
    connect: float = 20
    send: float = 2


@dataclass(slots=True)
class _Socket:
    """One of the five links, from CIPSTART to CLOSED."""

    link: Link
    number: int
    remote: tuple[str, int]
    keepalive_s: int
    established: bool = False
    buffer: bytearray = field(default_factory=bytearray)
    in_flight: int = 0
    unacknowledged: int = 0
    noticed: int = 0
    dead: bool = False
    """Nothing goes either way any more, and nobody was told."""
    ended: bool = False
    """The other side closed; that is on its way."""
    remote_closed: bool = False
    """The module knows that the connection is over."""
    up_ns: int = 0
    down_ns: int = 0
    heard_ns: int = 0
    parked: deque[Action] = field(default_factory=deque)


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
        self.network = network
        self.ssid = ssid
        self.password = password
        self.timing = timing or Timing()
        self.complaints: deque[tuple[int, str]] = deque(maxlen=KEPT_COMPLAINTS)
        self.bytes_up = 0
        self.bytes_down = 0
        self._random = random.Random(seed)
        self._agenda = Agenda()
        self._out = bytearray()
        self._now = 0
        self._powered = False
        self._running = False
        self._stored_mode = 0
        self._stored_ap: tuple[str, str] | None = None
        self._auto_connect = True
        self._ap_up = True
        self._refuse = False
        self._outage = False
        self._latency_ns = 0
        self._jitter_ns = 0
        self._corrupt: dict[Direction, int] = {"up": 0, "down": 0}
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
            due += [socket.link.next_event_ns() for socket in self._sockets.values() if _room(socket)]
        return min((when for when in due if when is not None), default=None)

    @property
    def ready(self) -> bool:
        """Powered, booted, and not crashed."""
        return self._running

    @property
    def online(self) -> bool:
        """Joined to the access point, with an address."""
        return self._address

    @property
    def links(self) -> list[int]:
        """Numbers of the links that the module holds for connected."""
        return sorted(number for number, socket in self._sockets.items() if socket.established)

    # faults

    def delay(self, latency_ms: float, jitter_ms: float = 0) -> None:
        """One-way delay of link data from now on, plus a seeded random part up to `jitter_ms`; the order of
        bytes stays. Raises PeerError for a negative time."""
        if latency_ms < 0 or jitter_ms < 0:
            raise PeerError(f"a delay cannot be negative: {latency_ms} ms, jitter {jitter_ms} ms")
        self._latency_ns = int(latency_ms * NS_PER_MS)
        self._jitter_ns = int(jitter_ms * NS_PER_MS)

    def outage(self, on: bool, now_ns: int) -> None:
        """While on, the network behind the access point carries nothing; TCP delivers what it holds
        afterwards. New connections time out."""
        self._run(now_ns)
        self._outage = on
        for socket in self._sockets.values():
            if on:
                self._watch(socket, now_ns)
            while not on and socket.parked:
                self._agenda.at(now_ns + self._latency_ns, socket.parked.popleft())
        if not on:
            self._release_send(now_ns)

    def drop(self, now_ns: int) -> None:
        """All links open now are dead for ever and nobody is told: a router forgot them (half-open)."""
        self._run(now_ns)
        for socket in self._sockets.values():
            if socket.established:
                socket.dead = True
                socket.parked.clear()
                self._watch(socket, now_ns)

    def cut(self, now_ns: int, link: int | None = None) -> None:
        """Connection `link` (None: all) is reset: the module says CLOSED, the other side sees the end.

        Raises PeerError where there is no such link.
        """
        self._run(now_ns)
        if link is not None and link not in self._sockets:
            raise PeerError(f"link {link} is not connected")
        for socket in list(self._sockets.values()):
            if link in (None, socket.number):
                socket.link.close(now_ns)
                socket.dead = socket.remote_closed = True
                socket.in_flight = 0
                self._report_closed(socket, now_ns)

    def corrupt(self, count: int, *, direction: Direction = "down") -> None:
        """Flip one bit in each of the next `count` bytes of link data: "down" to the board, "up" from it."""
        self._corrupt[direction] = count

    def corrupt_uart(self, count: int) -> None:
        """Flip one bit in each of the next `count` bytes that the module puts on the UART."""
        self._corrupt_uart = count

    def refuse(self, on: bool) -> None:
        """While on, new TCP connections are refused (reset by the other host)."""
        self._refuse = on

    def wifi(self, up: bool, now_ns: int) -> None:
        """The access point disappears (links lost, WIFI DISCONNECT) or is back (the module rejoins)."""
        self._run(now_ns)
        self._ap_up = up
        if not up and self._joined:
            self._leave(now_ns)
            if self._command is not None and self._command.startswith("AT+CWJAP="):
                self._join_failed(4)
            self._rejoin_later(now_ns)

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
        self._pull(self._now)
        while (due := self._agenda.pop(now_ns)) is not None:
            when, action = due
            self._now = max(self._now, when)
            action(self._now)
            self._pull(self._now)
        self._now = max(self._now, now_ns)
        self._pull(self._now)

    def _after(self, milliseconds: float, now_ns: int, action: Action) -> None:
        self._agenda.at(now_ns + int(milliseconds * NS_PER_MS), action)

    def _complain(self, text: str, now_ns: int) -> None:
        self.complaints.append((now_ns, text))

    # power and boot

    def _defaults(self) -> None:
        self._echo = True
        self._mux = False
        self._passive = False
        self._mode = self._stored_mode
        self._joined = False
        self._address = False
        self._joining = 0
        self._sockets: dict[int, _Socket] = {}
        self._line = bytearray()
        self._overlong = False
        self._command: str | None = None
        self._collect: tuple[_Socket, int, bytearray] | None = None
        self._sending: tuple[_Socket, bytes] | None = None
        self._busy_said = False

    def _halt(self, now_ns: int) -> None:
        for socket in self._sockets.values():
            socket.link.abandon(now_ns)
        self._running = False
        self._agenda.clear()
        self._defaults()

    def _boot(self, now_ns: int) -> None:
        self._after(self.timing.boot, now_ns, self._booted)

    def _booted(self, now_ns: int) -> None:
        self._running = True
        self._say("\r\nready\r\n")
        if self._auto_connect and self._mode in (1, 3):
            self._rejoin_later(now_ns)

    # the UART

    def _say(self, text: str | bytes) -> None:
        data = bytearray(text.encode() if isinstance(text, str) else text)
        if self._corrupt_uart:
            self._corrupt_uart -= self._flip(data, self._corrupt_uart)
        self._out += data

    def _flip(self, data: bytearray, limit: int) -> int:
        count = min(limit, len(data))
        for index in range(count):
            data[index] ^= 1 << self._random.randrange(8)
        return count

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
        self._stored_mode, self._stored_ap, self._auto_connect = 0, None, True
        self._do_restart(arguments, now_ns)

    def _do_mode(self, arguments: list[Argument], now_ns: int) -> None:
        (mode,) = _integers(arguments[:1], range(4))
        self._mode = self._stored_mode = mode
        if mode not in (1, 3) and self._joined:
            self._leave(now_ns)
        self._ok()

    def _ask_mode(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._say(f"+CWMODE:{self._mode}\r\n")
        self._ok()

    def _do_auto_connect(self, arguments: list[Argument], _now_ns: int) -> None:
        (on,) = _integers(arguments, range(2))
        self._auto_connect = bool(on)
        self._ok()

    def _do_join(self, arguments: list[Argument], now_ns: int) -> None:
        if len(arguments) < 2 or not all(isinstance(argument, str) for argument in arguments[:2]):
            raise _Refused("AT+CWJAP needs ssid and password in quotes")
        if self._mode not in (1, 3):
            raise _Refused("not in station mode (AT+CWMODE=1)")
        wanted = (str(arguments[0]), str(arguments[1]))
        if self._joined:
            self._leave(now_ns)

        def joined() -> None:
            self._stored_ap = wanted
            self._ok()

        self._join(wanted, now_ns, joined, self._join_failed)

    def _join_failed(self, code: int) -> None:
        self._say(f"+CWJAP:{code}\r\n")
        self._error()

    def _ask_join(self, _arguments: list[Argument], _now_ns: int) -> None:
        if self._joined and self._stored_ap is not None:
            self._say(f'+CWJAP:"{self._stored_ap[0]}","02:00:00:00:00:01",6,-50,0,1,3,0,1\r\n')
        else:
            self._say("No AP\r\n")
        self._ok()

    def _do_quit(self, _arguments: list[Argument], now_ns: int) -> None:
        if self._joined:
            self._leave(now_ns)
        self._joining += 1
        self._ok()

    def _do_address(self, _arguments: list[Argument], _now_ns: int) -> None:
        address = "192.168.4.2" if self._address else "0.0.0.0"
        self._say(f'+CIFSR:STAIP,"{address}"\r\n+CIFSR:STAMAC,"02:00:00:00:00:02"\r\n')
        self._ok()

    def _do_mux(self, arguments: list[Argument], _now_ns: int) -> None:
        (on,) = _integers(arguments, range(2))
        if self._sockets and bool(on) != self._mux:
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
        for socket in list(self._sockets.values()):
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
        if number in self._sockets:
            self._say("ALREADY CONNECTED\r\n")
            raise _Refused(f"link {number} is in use")
        if not self._address:
            # What is wrong here is the network, not the firmware.
            self._error()
            return
        round_trip = self.timing.connect + 2 * self._latency_ns / NS_PER_MS
        self._after(round_trip, now_ns, partial(self._connect, number, (host, port), keepalive, now_ns))

    def _connect(
        self, number: int, remote: tuple[str, int], keepalive: int, begun_ns: int, now_ns: int
    ) -> None:
        if not self._address or self._refuse:
            self._error()
            return
        if self._outage:
            if now_ns - begun_ns >= CONNECT_TIMEOUT_NS:
                self._error()
            else:
                again = min(now_ns + NS_PER_S, begun_ns + CONNECT_TIMEOUT_NS)
                self._agenda.at(again, partial(self._connect, number, remote, keepalive, begun_ns))
            return
        link = self.network.open(*remote, now_ns)
        if link is None:
            self._error()
            return
        socket = _Socket(link, number, remote, keepalive, heard_ns=now_ns)
        self._await(socket, now_ns, now_ns)

    def _await(self, socket: _Socket, begun_ns: int, now_ns: int) -> None:
        """A link that is connecting, until it is connected, closed, or too old."""
        link = socket.link
        if link.connected(now_ns):
            socket.established = True
            self._sockets[socket.number] = socket
            self._say(f"{self._prefix(socket.number)}CONNECT\r\n")
            self._ok()
        elif link.closed(now_ns) or not self._address or now_ns - begun_ns >= CONNECT_TIMEOUT_NS:
            link.abandon(now_ns)
            self._error()
        else:
            self._after(5, now_ns, partial(self._await, socket, begun_ns))

    def _do_send(self, arguments: list[Argument], now_ns: int) -> None:
        number, rest = self._split_link(arguments)
        (length,) = _integers(rest, range(1, SEND_LENGTH + 1))
        socket = self._sockets.get(number)
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
        if self._sockets.get(socket.number) is not socket or socket.remote_closed:
            self._sending = self._command = None
            self._say("\r\nSEND FAIL\r\n")
            return
        if socket.unacknowledged + len(data) > WINDOW:
            return
        self._sending = self._command = None
        self._say("\r\nSEND OK\r\n")
        self.bytes_up += len(data)
        payload = bytearray(data)
        self._corrupt["up"] -= self._flip(payload, self._corrupt["up"])
        socket.unacknowledged += len(data)
        self._upward(socket, partial(self._deliver, socket, bytes(payload)), now_ns)
        if socket.dead or self._outage:
            self._agenda.at(now_ns + RETRANSMIT_NS, partial(self._give_up, socket, now_ns))

    def _release_send(self, now_ns: int) -> None:
        if self._sending is not None:
            self._agenda.at(now_ns, self._transmit)

    def _deliver(self, socket: _Socket, data: bytes, now_ns: int) -> None:
        socket.unacknowledged -= len(data)
        socket.heard_ns = now_ns
        socket.link.receive(data, now_ns)
        self._release_send(now_ns)

    def _do_read(self, arguments: list[Argument], now_ns: int) -> None:
        number, rest = self._split_link(arguments)
        (length,) = _integers(rest, range(1, 2**31))
        socket = self._sockets.get(number)
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
        sockets = [self._sockets.get(number) for number in range(LINKS)]
        lengths = ",".join(str(len(socket.buffer)) if socket else "" for socket in sockets)
        self._say(f"+CIPRECVLEN:{lengths}\r\n")
        self._ok()

    def _do_close(self, arguments: list[Argument], now_ns: int) -> None:
        if self._mux:
            (number,) = _integers(arguments, range(LINKS + 1))
        else:
            number = 0
        chosen = [socket for socket in self._sockets.values() if number in (socket.number, LINKS)]
        if not chosen and number != LINKS:
            # CLOSED may have been on its way: no mistake.
            self._error()
            return
        for socket in chosen:
            if not socket.dead and not socket.remote_closed:
                self._upward(socket, socket.link.close, now_ns)
            self._forget(socket)
        self._ok()

    def _do_status(self, _arguments: list[Argument], _now_ns: int) -> None:
        state = 5
        if self._joined:
            state = 3 if self._sockets else 2
        self._say(f"STATUS:{state}\r\n")
        self._list_links("+CIPSTATUS")

    def _ask_state(self, _arguments: list[Argument], _now_ns: int) -> None:
        self._list_links("+CIPSTATE")

    def _list_links(self, name: str) -> None:
        for number, socket in sorted(self._sockets.items()):
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

    # Wi-Fi

    def _join(
        self, wanted: tuple[str, str], now_ns: int, done: Callable[[], None], failed: Callable[[int], None]
    ) -> None:
        self._joining += 1
        attempt = self._joining

        def guarded(action: Action) -> Action:
            return lambda when: action(when) if attempt == self._joining else None

        def associated(when: int) -> None:
            if not self._ap_up:
                failed(3)
                return
            self._joined = True
            self._say("WIFI CONNECTED\r\n")
            self._after(self.timing.address, when, guarded(addressed))

        def addressed(_when: int) -> None:
            self._address = True
            self._say("WIFI GOT IP\r\n")
            done()

        if not self._ap_up or wanted[0] != self.ssid:
            self._after(self.timing.no_access_point, now_ns, guarded(lambda _: failed(3)))
        elif wanted[1] != self.password:
            self._after(self.timing.wrong_password, now_ns, guarded(lambda _: failed(2)))
        else:
            self._after(self.timing.associate, now_ns, guarded(associated))

    def _leave(self, now_ns: int) -> None:
        self._joined = self._address = False
        self._joining += 1
        for socket in list(self._sockets.values()):
            socket.link.abandon(now_ns)
            self._forget(socket)
        self._say("WIFI DISCONNECT\r\n")
        self._release_send(now_ns)

    def _rejoin_later(self, now_ns: int) -> None:
        stored = self._stored_ap
        if stored is None or self._mode not in (1, 3):
            return
        self._joining += 1
        attempt = self._joining

        def again(when: int) -> None:
            if attempt == self._joining and stored is not None:
                self._join(stored, when, lambda: None, lambda _: self._rejoin_later(self._now))

        self._after(self.timing.rejoin, now_ns, again)

    # link data

    def _transit(self, earliest_ns: int, now_ns: int) -> int:
        """When what leaves now arrives, not before what left earlier."""
        jitter = self._random.randrange(self._jitter_ns + 1) if self._jitter_ns else 0
        return max(earliest_ns, now_ns + self._latency_ns + jitter)

    def _upward(self, socket: _Socket, action: Action, now_ns: int) -> None:
        socket.up_ns = self._transit(socket.up_ns, now_ns)
        self._agenda.at(socket.up_ns, partial(self._carry, socket, action))

    def _carry(self, socket: _Socket, action: Action, now_ns: int) -> None:
        """Let something arrive, unless the way is cut: then TCP keeps it, or it is lost with the link."""
        if socket.dead:
            return
        if self._outage:
            socket.parked.append(action)
        else:
            action(now_ns)

    def _pull(self, now_ns: int) -> None:
        """Take from the links what fits into the receive windows."""
        if not self._running:
            return
        for socket in list(self._sockets.values()):
            room = _room(socket)
            if not room:
                continue
            data = socket.link.take(now_ns, room)
            if data:
                socket.in_flight += len(data)
                socket.down_ns = self._transit(socket.down_ns, now_ns)
                arrive = partial(self._arrive, socket, data)
                self._agenda.at(socket.down_ns, partial(self._carry, socket, arrive))
            elif socket.link.closed(now_ns):
                socket.ended = True
                socket.down_ns = self._transit(socket.down_ns, now_ns)
                self._agenda.at(socket.down_ns, partial(self._carry, socket, partial(self._end, socket)))

    def _arrive(self, socket: _Socket, data: bytes, now_ns: int) -> None:
        payload = bytearray(data)
        self._corrupt["down"] -= self._flip(payload, self._corrupt["down"])
        socket.in_flight -= len(payload)
        socket.heard_ns = now_ns
        if self._sockets.get(socket.number) is socket:
            socket.buffer += payload
            self._announce(socket, now_ns)

    def _end(self, socket: _Socket, now_ns: int) -> None:
        socket.remote_closed = True
        self._report_closed(socket, now_ns)

    def _announce(self, socket: _Socket, now_ns: int) -> None:
        """Tell the board what waits: the data itself, or its length; then the end of the connection."""
        if socket.buffer and not self._passive:
            data = bytes(socket.buffer)
            socket.buffer.clear()
            self.bytes_down += len(data)
            self._say(f"\r\n+IPD,{self._prefix(socket.number)}{len(data)}:".encode() + data)
        elif socket.buffer and socket.noticed == 0:
            socket.noticed = len(socket.buffer)
            self._say(f"\r\n+IPD,{self._prefix(socket.number)}{socket.noticed}\r\n")
        self._report_closed(socket, now_ns)

    def _report_closed(self, socket: _Socket, now_ns: int) -> None:
        # Unread data keeps CLOSED back (AT+CIPRECVTYPE, notes).
        if socket.remote_closed and not socket.buffer and not socket.in_flight:
            self._forget(socket)
            self._release_send(now_ns)

    def _forget(self, socket: _Socket) -> None:
        if self._sockets.get(socket.number) is socket:
            del self._sockets[socket.number]
            self._say(f"{self._prefix(socket.number)}CLOSED\r\n")

    def _watch(self, socket: _Socket, now_ns: int) -> None:
        """The way is cut: when will the module notice?"""
        if socket.keepalive_s:
            due = socket.heard_ns + socket.keepalive_s * NS_PER_S + KEEPALIVE_PROBES_NS
            due = max(due, now_ns + KEEPALIVE_PROBES_NS)
            self._agenda.at(due, partial(self._give_up, socket, now_ns))
        if socket.unacknowledged:
            self._agenda.at(now_ns + RETRANSMIT_NS, partial(self._give_up, socket, now_ns))

    def _give_up(self, socket: _Socket, since_ns: int, now_ns: int) -> None:
        if (socket.dead or self._outage) and socket.heard_ns <= since_ns:
            socket.link.abandon(now_ns)
            socket.dead = socket.remote_closed = True
            socket.in_flight = 0
            socket.parked.clear()
            self._report_closed(socket, now_ns)


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


def _room(socket: _Socket) -> int:
    """Free bytes of the receive window; none on a link that is over."""
    if socket.dead or socket.ended or socket.remote_closed:
        return 0
    return max(0, WINDOW - len(socket.buffer) - socket.in_flight)


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
