"""TCP inside the network module: five links over a network that can be slow, away, or lossy.

TCP itself is not modelled by segments: bytes keep their order, arrive after the delay, wait while the network
is away, and are held back by a receive window and a send buffer; a peer that is gone is found by keep-alive
or by retransmission, after the times of lwIP as ESP-AT configures it.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from bench.peers import NS_PER_MS, NS_PER_S
from bench.peers.agenda import Action, Agenda
from bench.peers.network import Link, Network

WINDOW = 5760
"""Receive window and send buffer of one link, bytes (lwIP's TCP_WND and TCP_SND_BUF in ESP-AT)."""
KEEPALIVE_PROBES_NS = 3 * NS_PER_S
"""AT+CIPSTART, keep_alive: three probes, one second apart, after the keep-alive time."""
RETRANSMIT_NS = 1341 * NS_PER_S
"""How long lwIP retransmits before it gives a connection up: 1.5 s doubled up to 192 s, 12 times."""
CONNECT_TIMEOUT_NS = 18 * NS_PER_S
"""How long lwIP repeats a SYN."""
CONNECT_POLL_NS = 5 * NS_PER_MS

Direction = Literal["up", "down"]
"""Up: from the board."""


@dataclass(slots=True)
class Socket:
    """One link, from AT+CIPSTART to CLOSED. `buffer` holds what came and the board has not read."""

    link: Link
    number: int
    remote: tuple[str, int]
    keepalive_s: int
    heard_ns: int
    buffer: bytearray = field(default_factory=bytearray)
    noticed: int = 0
    """Bytes that the board was told of and has not read."""
    dead: bool = False
    """Nothing goes either way any more, and nobody was told."""
    ended: bool = False
    """The other side closed; that is on its way."""
    remote_closed: bool = False
    """The module knows that the connection is over."""
    in_flight: int = 0
    unacknowledged: int = 0
    up_ns: int = 0
    down_ns: int = 0
    parked: deque[Action] = field(default_factory=deque)

    @property
    def over(self) -> bool:
        """Closed by the other side, and all that came was read."""
        return self.remote_closed and not self.buffer and not self.in_flight

    @property
    def room(self) -> int:
        """Free bytes of the receive window; none on a link that is over."""
        if self.dead or self.ended or self.remote_closed:
            return 0
        return max(0, WINDOW - len(self.buffer) - self.in_flight)


Connected = Callable[[Socket | None], None]


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A connection that was asked for and is not there yet."""

    number: int
    remote: tuple[str, int]
    keepalive_s: int
    done: Connected
    begun_ns: int


class Sockets:
    """All links of the module.

    open        number -> Socket, those that the module holds for connected
    reachable   is there a network at all (an address on the Wi-Fi)
    announce    called as (socket, now_ns) when data came, or the end
    writable    called with now_ns when a `send` that had no room may be tried again
    refuse      new connections are refused
    corrupt     how many bytes to damage yet, by direction
    latency_ns, jitter_ns   one-way delay of what leaves from now on
    """

    def __init__(
        self,
        network: Network,
        agenda: Agenda,
        *,
        seed: int,
        reachable: Callable[[], bool],
        announce: Callable[[Socket, int], None],
        writable: Action,
    ) -> None:
        self.open: dict[int, Socket] = {}
        self.refuse = False
        self.corrupt: dict[Direction, int] = {"up": 0, "down": 0}
        self.latency_ns = 0
        self.jitter_ns = 0
        self._network = network
        self._agenda = agenda
        self._random = random.Random(seed)
        self._reachable = reachable
        self._announce = announce
        self._writable = writable
        self._connecting: Socket | None = None
        self._outage = False

    def connect(
        self, number: int, remote: tuple[str, int], keepalive_s: int, done: Connected, now_ns: int
    ) -> None:
        """Begin a connection; `done` is called with the Socket (now in `open`), or with None: it failed."""
        self._begin(_Attempt(number, remote, keepalive_s, done, now_ns), now_ns)

    def send(self, socket: Socket, data: bytes, now_ns: int) -> bool:
        """Give data to TCP; false where its send buffer has no room: `writable` will say when."""
        if socket.unacknowledged + len(data) > WINDOW:
            return False
        payload = bytearray(data)
        self.corrupt["up"] -= flip_bits(self._random, payload, self.corrupt["up"])
        socket.unacknowledged += len(data)
        self._upward(socket, partial(self._deliver, socket, bytes(payload)), now_ns)
        if socket.dead or self._outage:
            self._agenda.at(now_ns + RETRANSMIT_NS, partial(self._give_up, socket, now_ns))
        return True

    def close(self, socket: Socket, now_ns: int) -> None:
        """The board closes: the other side sees the end once it gets there."""
        self.open.pop(socket.number, None)
        if not socket.dead and not socket.remote_closed:
            self._upward(socket, socket.link.close, now_ns)

    def abandon(self, now_ns: int) -> None:
        """Power, or the access point, is gone: forget all links, nobody is told."""
        for socket in (*self.open.values(), *filter(None, (self._connecting,))):
            socket.link.abandon(now_ns)
            socket.dead = True
        self.open.clear()
        self._connecting = None

    def pull(self, now_ns: int) -> None:
        """Take from the links what fits into the receive windows."""
        for socket in list(self.open.values()):
            room = socket.room
            if not room:
                continue
            arrival: Action | None = None
            if data := socket.link.take(now_ns, room):
                socket.in_flight += len(data)
                arrival = partial(self._arrive, socket, data)
            elif socket.link.closed(now_ns):
                socket.ended = True
                arrival = partial(self._end, socket)
            if arrival is not None:
                socket.down_ns = self._transit(socket.down_ns, now_ns)
                self._agenda.at(socket.down_ns, partial(self._carry, socket, arrival))

    def next_event_ns(self) -> int | None:
        """When `pull` has something to take, as far as the links know."""
        due = [socket.link.next_event_ns() for socket in self.open.values() if socket.room]
        return min((when for when in due if when is not None), default=None)

    # faults

    def outage(self, on: bool, now_ns: int) -> None:
        """The network carries nothing while on; what waits is delivered afterwards."""
        self._outage = on
        for socket in self.open.values():
            if on:
                self._watch(socket, now_ns)
            while not on and socket.parked:
                self._agenda.at(now_ns + self.latency_ns, socket.parked.popleft())

    def drop(self, now_ns: int) -> None:
        """The links open now are dead for ever, and nobody is told."""
        for socket in self.open.values():
            socket.dead = True
            socket.parked.clear()
            self._watch(socket, now_ns)

    def cut(self, socket: Socket, now_ns: int) -> None:
        """The connection is reset, on both sides; what was on its way is lost."""
        socket.link.close(now_ns)
        self._lose(socket, now_ns)

    # inside

    def _begin(self, attempt: _Attempt, now_ns: int) -> None:
        if not self._reachable():
            attempt.done(None)
            return
        deadline = attempt.begun_ns + CONNECT_TIMEOUT_NS
        if self._outage and not self.refuse and now_ns < deadline:
            self._agenda.at(min(now_ns + NS_PER_S, deadline), partial(self._begin, attempt))
            return
        link = None if self.refuse or self._outage else self._network.open(*attempt.remote, now_ns)
        if link is None:
            attempt.done(None)
            return
        self._connecting = Socket(link, attempt.number, attempt.remote, attempt.keepalive_s, now_ns)
        self._await(attempt, self._connecting, now_ns)

    def _await(self, attempt: _Attempt, socket: Socket, now_ns: int) -> None:
        """A link that is connecting, until it is connected, closed, or too old."""
        if not socket.dead and socket.link.connected(now_ns):
            self.open[socket.number] = socket
        elif socket.dead or socket.link.closed(now_ns) or now_ns - attempt.begun_ns >= CONNECT_TIMEOUT_NS:
            socket.link.abandon(now_ns)
        else:
            self._agenda.at(now_ns + CONNECT_POLL_NS, partial(self._await, attempt, socket))
            return
        self._connecting = None
        attempt.done(self.open.get(socket.number))

    def _transit(self, earliest_ns: int, now_ns: int) -> int:
        """When what leaves now arrives, not before what left earlier."""
        jitter = self._random.randrange(self.jitter_ns + 1) if self.jitter_ns else 0
        return max(earliest_ns, now_ns + self.latency_ns + jitter)

    def _upward(self, socket: Socket, action: Action, now_ns: int) -> None:
        socket.up_ns = self._transit(socket.up_ns, now_ns)
        self._agenda.at(socket.up_ns, partial(self._carry, socket, action))

    def _carry(self, socket: Socket, action: Action, now_ns: int) -> None:
        """Let something arrive, unless the way is cut: then TCP keeps it, or it is lost with the link."""
        if socket.dead:
            return
        if self._outage:
            socket.parked.append(action)
        else:
            action(now_ns)

    def _deliver(self, socket: Socket, data: bytes, now_ns: int) -> None:
        socket.unacknowledged -= len(data)
        socket.heard_ns = now_ns
        socket.link.receive(data, now_ns)
        self._writable(now_ns)

    def _arrive(self, socket: Socket, data: bytes, now_ns: int) -> None:
        payload = bytearray(data)
        self.corrupt["down"] -= flip_bits(self._random, payload, self.corrupt["down"])
        socket.in_flight -= len(payload)
        socket.heard_ns = now_ns
        socket.buffer += payload
        self._announce(socket, now_ns)

    def _end(self, socket: Socket, now_ns: int) -> None:
        socket.remote_closed = True
        self._announce(socket, now_ns)

    def _watch(self, socket: Socket, now_ns: int) -> None:
        """The way is cut: when will the module notice?"""
        if socket.keepalive_s:
            due = max(now_ns, socket.heard_ns + socket.keepalive_s * NS_PER_S) + KEEPALIVE_PROBES_NS
            self._agenda.at(due, partial(self._give_up, socket, now_ns))
        if socket.unacknowledged:
            self._agenda.at(now_ns + RETRANSMIT_NS, partial(self._give_up, socket, now_ns))

    def _give_up(self, socket: Socket, since_ns: int, now_ns: int) -> None:
        if (socket.dead or self._outage) and socket.heard_ns <= since_ns:
            socket.link.abandon(now_ns)
            self._lose(socket, now_ns)

    def _lose(self, socket: Socket, now_ns: int) -> None:
        socket.dead = socket.remote_closed = True
        socket.in_flight = 0
        socket.parked.clear()
        self._announce(socket, now_ns)


def flip_bits(source: random.Random, data: bytearray, limit: int) -> int:
    """Flip one bit in each of the first `limit` bytes; how many there were."""
    count = min(limit, len(data))
    for index in range(count):
        data[index] ^= 1 << source.randrange(8)
    return count
