"""A board without a core: peripherals, a memory, time that a test moves."""

from __future__ import annotations

import ctypes
import random
from collections.abc import Callable
from pathlib import Path

from bench.emulators import catalogue
from bench.emulators.unicorn import peripherals as models
from bench.emulators.unicorn.clock import Agenda, Event
from bench.emulators.unicorn.core import BusError
from bench.emulators.unicorn.memory import Memory
from bench.emulators.unicorn.peripherals.base import Peripheral
from bench.platforms import PLATFORMS

RAM = 0x2000_0000
MS = 1_000_000
US = 1_000


class FakeBoard:
    """Implements peripherals.base.Board for the peripherals of one of the project's boards."""

    def __init__(self, name: str) -> None:
        board = catalogue.load(Path(PLATFORMS) / f"{name}.repl")
        self.hse_hz: int | None = 8_000_000
        self.random = random.Random(1)
        self.now_ns = 0
        self.agenda = Agenda()
        self.lines: set[int] = set()
        self.resets: list[str] = []
        self.stalled_until = 0
        self.outputs = 0
        self.faults = 0
        self.ram = bytearray(0x1000)
        self.memories: dict[str, Memory] = {}
        for entry in board.memories:
            size = entry.attributes["size"]
            assert isinstance(size, int)
            buffer = (ctypes.c_char * size)()
            addresses = tuple(r.address for r in entry.registrations if r.address is not None)
            kind = "flash" if entry.name in {"flash", "uicr"} else "ram"
            if kind == "flash":
                ctypes.memset(buffer, 0xFF, size)
            self.memories[entry.name] = Memory(entry.name, addresses, size, kind, buffer, [0, 0])  # type: ignore[arg-type]
        self._peripherals = [models.create(self, entry) for entry in board.peripherals]
        for peripheral in self._peripherals:
            peripheral.connect()
        for peripheral in self._peripherals:
            peripheral.power_on()
            peripheral.reset("power")

    def __getitem__(self, name: str) -> Peripheral:
        """A peripheral, with its clock on."""
        found = next(p for p in self._peripherals if p.name == name)
        found.clocked = True
        return found

    def pass_ns(self, duration: int) -> None:
        end = self.now_ns + duration
        while (due := self.agenda.next_ns()) is not None and due <= end:
            self.now_ns = max(self.now_ns, due)
            self.agenda.run_due(self.now_ns)
        self.now_ns = end

    # Board

    def at(self, at_ns: int, action: Callable[[], None]) -> Event:
        return self.agenda.add(at_ns, action)

    def set_irq(self, line: int, level: bool) -> None:
        (self.lines.add if level else self.lines.discard)(line)

    def set_event(self) -> None: ...

    def request_reset(self, cause: str) -> None:
        self.resets.append(cause)

    def stall_until(self, at_ns: int) -> None:
        self.stalled_until = at_ns

    def notice_output(self) -> None:
        self.outputs += 1

    def clocks_changed(self) -> None:
        for peripheral in getattr(self, "_peripherals", []):
            if isinstance(peripheral, models.Timer):
                peripheral.clock_changed()

    def peripheral_at(self, address: int) -> Peripheral | None:
        return next((p for p in self._peripherals if p.base == address), None)

    def peripherals(self) -> list[Peripheral]:
        return self._peripherals

    def memory(self, name: str) -> Memory:
        return self.memories[name]

    def dma_read(self, address: int, size: int) -> bytes:
        if not RAM <= address <= RAM + len(self.ram) - size:
            raise BusError
        return bytes(self.ram[address - RAM : address - RAM + size])

    def dma_write(self, address: int, data: bytes) -> None:
        if not RAM <= address <= RAM + len(self.ram) - len(data):
            raise BusError
        self.ram[address - RAM : address - RAM + len(data)] = data

    def poke(self, address: int, data: bytes) -> None:
        for memory in self.memories.values():
            for start in memory.addresses:
                if start <= address and address + len(data) <= start + memory.size:
                    ctypes.memmove(ctypes.addressof(memory.buffer) + address - start, data, len(data))
                    return
        raise BusError

    def asynchronous_bus_fault(self) -> None:
        self.faults += 1
