"""A board on Unicorn: the core, its memories and peripherals, and virtual time.

Time is made of executed instructions (`PerformanceInMips` of the .repl) and of sleep. The machine always
runs to the next thing that is due, and a peripheral that makes something due earlier, or an interrupt
pending, shortens the run while it goes on. So the outcome depends neither on how `advance` is sliced nor on
the host.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from ...platforms import Platform
from .. import catalogue
from ..base import (
    NS_PER_US,
    OUTPUT_WINDOW_NS,
    Counters,
    Emulator,
    EmulatorError,
    FlashOperation,
    Reset,
    Visit,
)
from . import bus, image
from . import nvic as exc
from . import peripherals as models
from .clock import Agenda, Event
from .core import REGISTERS, BusError, Core, Stop
from .exceptions import Exceptions, Taken
from .handler_stack import HandlerStack
from .memory import Kind, Memories, Memory
from .nvic import FIRST_IRQ, Nvic
from .peripherals.base import GpioPort, Peripheral, Uart
from .system import Cfsr, CycleCounter, SystemControl
from .thumb import straight_run

log = logging.getLogger(__name__)

_RESET_NS = 100 * NS_PER_US
"""How long a reset holds the core."""
_LONGEST_RUN = 1 << 40
_SEV, _YIELD = 0xBF40, 0xBF10
_MEMORY_KINDS: dict[str, Kind] = {"flash": "flash", "uicr": "flash", "ficr": "rom", "otp": "rom"}
"""Memories that are not RAM go by these names in a .repl: Renode has one type for all."""

_FAULTS = {
    Stop.UNDEFINED: (exc.USAGE_FAULT, Cfsr.UNDEFINSTR),
    Stop.INVALID_STATE: (exc.USAGE_FAULT, Cfsr.INVSTATE),
    Stop.NO_COPROCESSOR: (exc.USAGE_FAULT, Cfsr.NOCP),
    Stop.UNALIGNED: (exc.USAGE_FAULT, Cfsr.UNALIGNED),
}


@dataclass(slots=True)
class _Decoded:
    """What was found out about code, by address; stale where flash was written to from outside."""

    straight: dict[int, int] = field(default_factory=dict)
    waits: dict[int, tuple[bool, bool]] = field(default_factory=dict)


class UnicornMachine(Emulator):
    """`seed` makes the random numbers of the board; `count_memory` counts all loads and stores, slowly.

    Raises PlatformError for a platform file that cannot be honoured.
    """

    name: ClassVar[str] = "unicorn"

    def __init__(self, platform: Platform, *, seed: int = 0, count_memory: bool = False) -> None:
        board = catalogue.load(platform.repl)
        self.hse_hz = platform.hse_hz
        self.random = random.Random(seed)
        self._mips = _integer(board.cpu.attributes["PerformanceInMips"])
        self._agenda = Agenda()
        self._now = 0
        self._base_ns = 0
        self._base_executed = 0
        self._executed = 0
        self._awake_ns = 0
        self._sleep_ns = 0
        self._running = False
        self._powered = False
        self._waiting: Stop | None = None
        """WFI or WFE while the core sleeps."""
        self._held_until = 0
        self._flash_busy_until = 0
        self._masked = False
        self._window_end: int | None = None
        self._return_now = False
        self._pending_reset: str | None = None
        self._resets: list[Reset] = []
        self._loaded = False
        self._decoded = _Decoded()
        self._visits: list[Visit] = []
        self._undo: list[tuple[int, bytes]] = []
        """Flash contents that Unicorn has overwritten: it carries a store out that its hook has handled."""

        self._core = core = Core()
        self._memories = Memories(core)
        self._nvic = Nvic(_integer(board.nvic.attributes.get("priorityMask", 0xFF)), self._attention)
        self._system = SystemControl(self, self._nvic)
        self._cycles = CycleCounter(self, self._system)
        self._exceptions = Exceptions(core, self._nvic, self._system, self._memories)
        self._exceptions.on_lockup = self._locked_up
        self._system.exception_number = lambda: core.read_register("xpsr") & 0x1FF
        self._system.set_event = self.set_event
        core.write_protected = self._store_to_flash

        for entry in board.memories:
            addresses = tuple(r.address for r in entry.registrations if r.address is not None)
            kind = _MEMORY_KINDS.get(entry.name, "ram")
            self._memories.add(entry.name, addresses, _integer(entry.attributes["size"]), kind)
        for poke in board.pokes:
            self._memories.poke(poke.address, poke.data)
        self._peripherals = [models.create(self, entry) for entry in board.peripherals]
        self._by_name = {peripheral.name: peripheral for peripheral in self._peripherals}
        self._mmio: dict[str, list[int]] = {name: [0, 0] for name in [*self._by_name, board.nvic.name]}
        bus.map_devices(core, self._peripherals, board.tags, self._mmio)
        bus.map_system(core, self._system, self._cycles, self._mmio[board.nvic.name])
        for peripheral in self._peripherals:
            peripheral.connect()
        self._clocks = models.clock_source(self._peripherals)
        self._count_memory = count_memory
        for memory in self._memories.all if count_memory else ():
            for address in memory.addresses:
                core.count_accesses(address, memory.size, memory.accesses)

    # The board, as its peripherals see it

    @property
    def now_ns(self) -> int:
        if not self._running:
            return self._now
        return self._time_of(self._executed + self._core.executed.value - 1)

    def _time_of(self, executed: int) -> int:
        return self._base_ns + (executed - self._base_executed) * 1000 // self._mips

    def awake_ns(self) -> int:
        return self._awake_ns + self.now_ns - self._base_ns

    @property
    def core_hz(self) -> int:
        return self._clocks.core_hz()

    @property
    def systick_reference_hz(self) -> int:
        return self._clocks.systick_reference_hz()

    def at(self, at_ns: int, action: Callable[[], None]) -> Event:
        event = self._agenda.add(at_ns, action)
        if self._running:
            self._shorten(self._instructions_until(at_ns))
        return event

    def _instructions_until(self, at_ns: int) -> int:
        """Instructions of this run that take time up to or past `at_ns`."""
        wanted = -((self._base_ns - at_ns) * self._mips // 1000)
        return self._base_executed + wanted - self._executed

    def _shorten(self, instructions: int) -> None:
        executed, limit = self._core.executed.value, self._core.limit
        limit.value = min(limit.value, max(instructions, executed))

    def _attention(self) -> None:
        """Something may be taken that could not be before."""
        if self._running and self._nvic.first() is not None:
            self._shorten(0)

    def set_irq(self, line: int, level: bool) -> None:
        self._nvic.set_line(FIRST_IRQ + line, level)

    def set_event(self) -> None:
        self._exceptions.event = True

    def request_reset(self, cause: str) -> None:
        if self._pending_reset is None:
            self._pending_reset = cause
        if self._running:
            self._shorten(0)

    def stall_until(self, at_ns: int) -> None:
        self._flash_busy_until = max(self._flash_busy_until, at_ns)
        if self._running:
            self._shorten(0)

    def notice_output(self) -> None:
        if self._window_end is None:
            self._window_end = self.now_ns + OUTPUT_WINDOW_NS
            if self._running:
                self._shorten(self._instructions_until(self._window_end))

    def clocks_changed(self) -> None:
        self._system.systick.retime()
        for peripheral in self._peripherals:
            if isinstance(peripheral, models.Timer):
                peripheral.clock_changed()

    def peripheral_at(self, address: int) -> Peripheral | None:
        return next((p for p in self._peripherals if p.base == address), None)

    def peripherals(self) -> list[Peripheral]:
        return self._peripherals

    def memory(self, name: str) -> Memory:
        return next(memory for memory in self._memories.all if memory.name == name)

    def dma_read(self, address: int, size: int) -> bytes:
        memory, _ = self._memories.find(address, size)
        if memory.kind != "ram":
            raise BusError
        return self._memories.read(address, size)

    def dma_write(self, address: int, data: bytes) -> None:
        self._memories.write(address, data)

    def poke(self, address: int, data: bytes) -> None:
        self._decoded = _Decoded()
        self._memories.poke(address, data)

    def asynchronous_bus_fault(self) -> None:
        self._exceptions.asynchronous_bus_fault()

    def _store_to_flash(self, address: int, size: int, value: int) -> bool:
        try:
            memory, _ = self._memories.find(address, size)
            for controller in self._flash_controllers():
                if controller.owns(memory):
                    self._undo.append((address, self._memories.read(address, size)))
                    self._shorten(0)
                    controller.store(memory, address, value.to_bytes(size, "little"))
                    return True
        except BusError:
            pass
        return False

    # Running

    def advance(self, until_ns: int) -> None:
        if not self._loaded:
            raise EmulatorError("no image was loaded, so there is nothing to run")
        self._window_end = None
        self._return_now = False
        while True:
            self._agenda.run_due(self._now)
            if self._pending_reset is not None:
                self._reset(self._pending_reset)
            limit = until_ns if self._window_end is None else min(until_ns, self._window_end)
            if self._now >= limit or self._return_now:
                return
            next_ns = self._agenda.next_ns()
            target = limit if next_ns is None else min(limit, next_ns)
            held_until = self._held()
            if held_until is None:
                self._execute(target)
            else:
                self._pass_time(min(target, held_until) if held_until else target)

    def _held(self) -> int | None:
        """None where the core executes; else the time until when it does not, 0 for until something happens.

        Takes what is pending.
        """
        if not self._powered or self._exceptions.locked_up:
            return 0
        if self._now < self._held_until:
            return self._held_until
        if self._waiting is not None and not self._wakes():
            return 0
        if self._nvic.pending:
            taken = self._exceptions.take()
            self._masked = taken is Taken.MASKED
            if self._exceptions.locked_up:
                return 0
        else:
            self._masked = False
        if self._now < self._flash_busy_until and self._in_flash(self._exceptions.pc):
            return self._flash_busy_until
        return None

    def _wakes(self) -> bool:
        exceptions = self._exceptions
        if self._waiting is Stop.WFE:
            wakes = exceptions.event or exceptions.take() is Taken.ENTERED
            if wakes:
                exceptions.event = False
        else:
            wakes = exceptions.would_wake()
        if wakes:
            self._waiting = None
        return wakes

    def _in_flash(self, address: int) -> bool:
        try:
            return self._memories.find(address)[0].kind == "flash"
        except BusError:
            return False

    def _pass_time(self, until_ns: int) -> None:
        if until_ns <= self._now:
            return
        if self._waiting is not None and self._powered:
            self._sleep_ns += until_ns - self._now
        else:
            self._awake_ns += until_ns - self._now if self._powered else 0
        self._awake_ns += self._now - self._base_ns
        self._now = self._base_ns = until_ns
        self._base_executed = self._executed

    def _execute(self, until_ns: int) -> None:
        exceptions = self._exceptions
        count = min(self._instructions_until(until_ns), _LONGEST_RUN)
        if self._masked:
            count = min(count, self._straight_run(exceptions.pc))
        self._running = True
        stop, executed = self._core.run(exceptions.pc, max(count, 1))
        self._running = False
        while self._undo:
            self._memories.poke(*self._undo.pop())
        self._executed += executed
        self._now = self._time_of(self._executed)
        exceptions.pc = self._core.pc
        if stop is not Stop.LIMIT:
            self._stopped(stop)

    def _straight_run(self, pc: int) -> int:
        length = self._decoded.straight.get(pc)
        if length is None:
            try:
                memory, offset = self._memories.find(pc, 2)
            except BusError:
                return 1
            code = memoryview(memory.buffer).cast("B")

            def halfword(address: int) -> int:
                at = offset + address - pc
                return int.from_bytes(code[at : at + 2], "little")

            length = straight_run(halfword, pc)
            if memory.kind != "ram":
                self._decoded.straight[pc] = length
        return length

    def _stopped(self, stop: Stop) -> None:
        exceptions = self._exceptions
        fault = _FAULTS.get(stop)
        if fault is not None:
            exceptions.fault(*fault)
        elif stop is Stop.EXCEPTION_RETURN:
            exceptions.leave(exceptions.pc | 1)
            if exceptions.sleep_on_exit:
                exceptions.sleep_on_exit = False
                self._waiting = Stop.WFI
        elif stop is Stop.WFI:
            if not exceptions.would_wake():
                self._waiting = Stop.WFI
        elif stop is Stop.WFE:
            self._wait_for_event()
        elif stop is Stop.SVC:
            exceptions.supervisor_call()
        elif stop is Stop.BKPT:
            exceptions.breakpoint()
        elif stop is Stop.FETCH_FAULT:
            self._fetch_fault(exceptions.pc)
        else:
            self._data_fault(self._core.fault_address)

    def _wait_for_event(self) -> None:
        exceptions = self._exceptions
        pc = exceptions.pc
        found = self._decoded.waits.get(pc)
        if found is None:
            found = self._halfword(pc - 2) == _YIELD, self._halfword(pc - 4) == _SEV
            if self._in_flash(pc):
                self._decoded.waits[pc] = found
        is_yield, clears_event = found
        if is_yield:
            return
        # Unicorn executes SEV as a NOP and says nothing. The idiom SEV, WFE (to clear the event register) is
        # recognised by its code; an event that a SEV elsewhere leaves behind is not.
        if exceptions.event or clears_event:
            exceptions.event = False
        else:
            self._waiting = Stop.WFE

    def _halfword(self, address: int) -> int:
        try:
            return int.from_bytes(self._memories.read(address, 2), "little")
        except BusError:
            return 0

    def _data_fault(self, address: int) -> None:
        if self._system.bus_faults_ignored(self._nvic.execution_priority(*self._exceptions.masks())):
            raise EmulatorError(
                "the firmware ignores bus faults (CCR.BFHFNMIGN), which is not modelled, "
                f"and has one at 0x{self._exceptions.pc:08x}"
            )
        self._exceptions.fault(exc.BUS_FAULT, Cfsr.PRECISERR, address)

    def _fetch_fault(self, address: int) -> None:
        # Peripherals, devices and the system region are never executable, whatever is there (B3.1).
        if 0x4000_0000 <= address < 0x6000_0000 or address >= 0xA000_0000:
            self._exceptions.fault(exc.MEM_MANAGE, Cfsr.IACCVIOL)
        else:
            self._exceptions.fault(exc.BUS_FAULT, Cfsr.IBUSERR)

    def _locked_up(self) -> None:
        pc = self._exceptions.pc
        if any(peripheral.lockup_resets for peripheral in self._peripherals):
            log.warning("lockup at 0x%08x, the chip resets", pc)
            self.request_reset("lockup")
        else:
            log.warning("lockup at 0x%08x, until something resets the chip", pc)

    # Image, supply, reset

    def load(self, elf: Path) -> None:
        self._powered = self._loaded = False
        self._decoded = _Decoded()
        image.program(elf, self._memories)
        self._loaded = True
        self.power_on()

    def reset(self) -> None:
        if self._powered:
            self._reset("pin")

    def power_off(self) -> None:
        if not self._powered:
            return
        for peripheral in self._peripherals:
            peripheral.power_off()
        self._agenda.clear()
        self._powered = False
        self._lose_contents()
        self._reset_state("power")
        self._agenda.clear()

    def power_on(self) -> None:
        if self._powered:
            return
        if not self._loaded:
            raise EmulatorError("no image was loaded, so there is nothing to power")
        self._lose_contents()
        self._powered = True
        for peripheral in self._peripherals:
            peripheral.power_on()
        self._reset("power")

    def _lose_contents(self) -> None:
        if self._exceptions.handler_stack:
            self._exceptions.handler_stack.forget()
        for memory in self._memories.all:
            memory.lose_contents(self.random)

    def _reset_state(self, cause: str) -> None:
        self._pass_time(self._now)
        self._pending_reset = None
        self._waiting = None
        self._masked = False
        self._flash_busy_until = 0
        self._nvic.reset()
        self._system.reset()
        self._cycles.reset()
        for peripheral in self._peripherals:
            peripheral.reset(cause)

    def _reset(self, cause: str) -> None:
        self._reset_state(cause)
        self._resets.append(Reset(self._now, cause))
        self._held_until = self._now + _RESET_NS
        self._return_now = True
        self._exceptions.reset(self._memories.read_word(0), self._memories.read_word(4))

    @property
    def resets(self) -> list[Reset]:
        return list(self._resets)

    # Outside

    def _uart(self, name: str) -> Uart:
        found = self._by_name.get(name)
        if not isinstance(found, Uart):
            known = ", ".join(p.name for p in self._peripherals if isinstance(p, Uart))
            raise EmulatorError(f"the board has no UART {name!r}; it has {known}")
        return found

    def _port(self, name: str) -> GpioPort:
        found = self._by_name.get(name)
        if not isinstance(found, GpioPort):
            known = ", ".join(p.name for p in self._peripherals if isinstance(p, GpioPort))
            raise EmulatorError(f"the board has no GPIO port {name!r}; it has {known}")
        return found

    def uart_write(self, uart: str, data: bytes) -> None:
        found = self._uart(uart)
        if self._powered:
            found.feed(data)

    def uart_read(self, uart: str) -> bytes:
        found = self._uart(uart)
        data = bytes(found.sent)
        found.sent.clear()
        return data

    def gpio_set(self, port: str, pin: int, level: bool) -> None:
        self._port(port).set_outside(pin, level)

    def gpio_get(self, port: str, pin: int) -> bool:
        return self._port(port).level(pin)

    def read_memory(self, address: int, size: int) -> bytes:
        try:
            return self._memories.read(address, size)
        except BusError:
            raise EmulatorError(
                f"0x{address:08x} to 0x{address + size:08x} is in no memory of the board"
            ) from None

    def write_memory(self, address: int, data: bytes) -> None:
        try:
            self.poke(address, data)
        except BusError:
            end = address + len(data)
            raise EmulatorError(f"0x{address:08x} to 0x{end:08x} is in no memory of the board") from None

    def read_register(self, register: str) -> int:
        if register == "pc":
            return self._exceptions.pc
        if register not in REGISTERS:
            raise EmulatorError(f"no register {register!r}; there are {', '.join(REGISTERS)}")
        value = self._core.read_register(register)
        return value & 7 if register == "control" else value

    def trace(
        self,
        address: int,
        ranges: Sequence[tuple[int, int]] = (),
        registers: Mapping[str, int] | None = None,
    ) -> None:
        core, memories = self._core, self._memories
        forced = tuple((registers or {}).items())
        last = -1

        def visited() -> None:
            nonlocal last
            executed = self._executed + core.executed.value
            if executed == last:
                return
            last = executed
            for name, value in forced:
                core.write_register(name, value)
            content = b"".join([memories.read(*each) for each in ranges])
            self._visits.append(Visit(address, self._time_of(executed), executed, content))

        for each in ranges:
            self.read_memory(*each)  # says in plain words where there is none
        core.on_block(address, visited)

    def visits(self) -> list[Visit]:
        taken, self._visits = self._visits, []
        return taken

    def follow_flash(self) -> None:
        for controller in self._flash_controllers():
            controller.followed = []

    def flash_operations(self) -> list[FlashOperation]:
        found: list[FlashOperation] = []
        for controller in self._flash_controllers():
            found += controller.followed or ()
            controller.followed = []
        return found

    def _flash_controllers(self) -> list[models.FlashController]:
        return [each for each in self._peripherals if isinstance(each, models.FlashController)]

    def reseed(self, seed: int) -> None:
        self.random.seed(seed)

    def follow_interrupts(self, start: int, end: int) -> None:
        self.read_memory(start, end - start)
        memory, _ = self._memories.find(start, end - start)
        self._exceptions.handler_stack = HandlerStack(memory, start, end)

    def counters(self) -> Counters:
        followed = self._exceptions.handler_stack
        return Counters(
            instructions=self._executed,
            sleep_ns=self._sleep_ns,
            exceptions=dict(self._exceptions.counts),
            mmio={name: (counts[0], counts[1]) for name, counts in self._mmio.items()},
            memory={m.name: (m.accesses[0], m.accesses[1]) for m in self._memories.all}
            if self._count_memory
            else None,
            interrupt_stack=followed.deepest if followed else None,
        )

    def close(self) -> None:
        self._core.close()


def _integer(value: object) -> int:
    assert isinstance(value, int)
    return value
