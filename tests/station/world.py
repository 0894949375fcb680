"""The real station on CPython's asyncio, wired to the emulated peers and a CSMS, in virtual time."""

import asyncio
import json
import selectors
import sys
from collections.abc import Callable
from typing import Any

import board

from bench.peers.evse import EvseController
from bench.peers.modem import Modem
from bench.peers.network import InProcessNetwork
from csms_stub.csms import Csms

S = 1_000_000_000
IDENTITY = "OLB-0001"
PASSWORD = "correct-horse-battery"


class _Stream:
    """One UART: what the peer sends is read, what is written the peer receives at once."""

    def __init__(self, world: "World", peer: Any) -> None:
        self._world = world
        self._peer = peer
        self._in = bytearray()
        self._came = asyncio.Event()
        self._lost = False
        self.deaf = 0
        """How many of the next deliveries find the receiver held up: all but their first byte is lost."""

    def put(self, data: bytes) -> None:
        if self.deaf:
            self.deaf -= 1
            self._lost = True
            data = data[:1]
        self._in += data
        self._came.set()

    async def readinto(self, buffer: memoryview) -> int:
        while not self._in:
            self._came.clear()
            await self._came.wait()
        n = min(len(buffer), len(self._in))
        buffer[:n] = self._in[:n]
        del self._in[:n]
        return n

    async def write(self, data: bytes) -> None:
        self._peer.receive(bytes(data), self._world.now_ns)
        await asyncio.sleep(0)

    def wait(self, n: int) -> None:
        pass

    def lost(self) -> bool:
        lost, self._lost = self._lost, False
        return lost


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, lets virtual time pass and the peers act."""

    world: "World"

    def select(self, timeout: float | None = None) -> list[Any]:
        self.world.pass_time(timeout)
        return []


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self, world: "World") -> None:
        self._world = world
        selector = _Selector()
        selector.world = world
        super().__init__(selector)

    def time(self) -> float:
        return self._world.now_ns / S


class World:
    """A station, its network module, its EVSE controller with cars, and a CSMS.

    `store` is what is provisioned besides the usual; a reset by the firmware boots it again.
    """

    def __init__(self, **store: str) -> None:
        self.now_ns = 0
        self.csms = Csms(passwords={IDENTITY: PASSWORD})
        self.network = InProcessNetwork()
        self.network.add("csms.local", 9000, self.csms)
        self.modem = Modem(self.network)
        self.evse = EvseController()
        self.resets = 0
        self.logged: list[str] = []
        self.failures: list[str] = []
        self.station: Any = None
        self._until: Callable[[], Any] | None = None
        self._deadline = 0
        profile = {
            "ocppVersion": "OCPP20",
            "ocppTransport": "JSON",
            "ocppCsmsUrl": "ws://csms.local:9000/ocpp",
            "messageTimeout": 30,
            "securityProfile": 1,
            "ocppInterface": "Wireless0",
        }
        board.store.clear()
        board.journal.clear()
        board.log.clear()
        board.full = board.log_full = board.on_trial = False
        board.slot = 0
        board.slot_next = None
        board.store.update(
            {
                b"net:1": json.dumps(profile).encode(),
                b"wifi": b"bench\nbench-psk",
                b"v:SecurityCtrlr.Identity": IDENTITY.encode(),
                b"v:SecurityCtrlr.BasicAuthPassword": PASSWORD.encode(),
            }
        )
        for key, value in store.items():
            board.store[b"v:OCPPCommCtrlr." + key.encode()] = value.encode()
        board.on_enable = lambda on: self.modem.power(on, self.now_ns)
        self.modem_stream = _Stream(self, self.modem)
        self.evse_stream = _Stream(self, self.evse)
        self.loop = _Loop(self)

    # the supply

    def boot(self, cause: int = board.POWER_ON) -> None:
        """Reset the board: a new station from scratch; the loop goes on."""
        self._stop_tasks()
        for name in [name for name in sys.modules if name.split(".")[0] == "station"]:
            del sys.modules[name]
        board.start(cause, lambda: self.now_ns, seed=self.resets + 1)
        self.modem.power(False, self.now_ns)
        self.modem_stream = _Stream(self, self.modem)
        self.evse_stream = _Stream(self, self.evse)
        from station import log, main

        log.print = self._print
        log.level = 3
        self.station = main.Station(self.modem_stream, self.evse_stream)
        self.loop.set_exception_handler(self._failed)
        asyncio.set_event_loop(self.loop)
        self.loop.call_soon(self._start, main)

    def _print(self, *args: object) -> None:
        line = " ".join(map(str, args))
        self.logged.append(line)
        if not line.startswith("D"):
            board.log_print(line)

    def _stop_tasks(self) -> None:
        while tasks := asyncio.all_tasks(self.loop):
            for task in tasks:
                task.cancel()
            self.loop.call_soon(self.loop.stop)
            self.loop.run_forever()

    def _start(self, main: Any) -> None:
        self.station.start()
        self.loop.create_task(main.watch())

    def _failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), board.Reset):
            self.failures.append(str(context))

    # time

    def pass_time(self, timeout: float | None) -> None:
        if self._until is not None and self._until():
            self.loop.stop()
            return
        if timeout == 0:
            self._exchange()
            return
        due = [self._deadline] if self._until is not None else []
        if timeout is not None:
            due.append(self.now_ns + max(1, round(timeout * S)))
        for peer in (self.modem, self.evse, self.csms):
            at = peer.next_event_ns()
            if at is not None:
                due.append(max(at, self.now_ns))
        if due:
            self.now_ns = min(due)
        self._exchange()
        if self._until is not None and self.now_ns >= self._deadline:
            self.loop.stop()

    def _exchange(self) -> None:
        self.csms.advance(self.now_ns)
        for peer, stream in ((self.modem, self.modem_stream), (self.evse, self.evse_stream)):
            data = peer.poll(self.now_ns)
            if data:
                stream.put(data)

    def until(self, what: str, condition: Callable[[], Any], timeout_s: float = 60) -> Any:
        """Let time pass until the condition holds. A reset by the firmware on the way boots it again."""
        deadline = self.now_ns + round(timeout_s * S)
        while True:
            self._until = lambda: self._was_reset() or condition()
            self._deadline = deadline
            self.loop.run_forever()
            self._until = None
            if self._was_reset():
                self.resets += 1
                self.boot(board.SOFTWARE)
                continue
            value = condition()
            if value:
                return value
            if self.now_ns >= deadline:
                raise AssertionError(f"no {what} within {timeout_s} s\n" + "\n".join(self.logged[-40:]))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now_ns + round(seconds * S)
        self.until("end", lambda: self.now_ns >= end, seconds + 1)

    def _was_reset(self) -> bool:
        return board.was_reset

    # the CSMS's side

    @property
    def session(self) -> Any:
        return self.csms.session(IDENTITY)

    def call(self, action: str, payload: dict[str, Any], timeout_s: float = 30) -> Any:
        """Send a CALL and wait for its answer: the Message."""
        mid = self.session.call(action, payload, self.now_ns)
        return self.until(f"answer to {action}", lambda: self.session.response(mid), timeout_s)

    def requests(self, action: str) -> list[Any]:
        """CALLs of the station so far."""
        return self.session.requests(action) if IDENTITY in self.csms.sessions else []

    def accepted(self, timeout_s: float = 60) -> None:
        """Wait until the station is accepted and both connectors have been reported."""
        self.until(
            "the last message of the start-up", lambda: self.requests("SecurityEventNotification"), timeout_s
        )
        self.run(0.5)

    def close(self) -> None:
        """End the world; afterwards its complaints have to be none."""
        if self.loop.is_closed():
            return
        self._stop_tasks()
        self.loop.close()
        assert not self.failures
        assert not self.modem.complaints, self.modem.complaints
        assert not self.evse.complaints, self.evse.complaints
