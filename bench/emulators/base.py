"""What a board is to the bench, whichever emulator runs it.

Times are integer nanoseconds of virtual time since the emulator object was made; they never run
backwards, also not over a reset or a power cut. Nothing here or above knows host time.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000
NS_PER_US = 1_000


class EmulatorError(Exception):
    """The emulator cannot go on, or was asked for what it cannot do. The message is one clear line."""


class PlatformError(EmulatorError):
    """A platform file that cannot be honoured. The message begins with ``file:line:``."""


class ImageError(EmulatorError):
    """An ELF that is no firmware for this board (another architecture, outside the memories, no vectors)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A reset that the board went through. `cause`: power, pin, software, watchdog, lockup."""

    at_ns: int
    cause: str


@dataclass(slots=True)
class Counters:
    """Work done since the emulator was made (never reset by a board reset).

    `exceptions` maps the exception number of the Armv7-M manual (15 is SysTick, 16 + n is IRQ n) to
    the number of entries. `mmio` maps a peripheral's name in the .repl to (reads, writes).
    `memory` maps a memory's name to (reads, writes); None where accesses were not counted.
    `interrupt_stack` is the most bytes of stack that exceptions took at once, nested ones and their frames
    included; None where they were not followed.
    """

    instructions: int = 0
    sleep_ns: int = 0
    exceptions: dict[int, int] = field(default_factory=dict)
    mmio: dict[str, tuple[int, int]] = field(default_factory=dict)
    memory: dict[str, tuple[int, int]] | None = None
    interrupt_stack: int | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """The processor has come to a traced instruction, and not executed it yet.

    `instructions` counts as `Counters` does. `memory` is what the ranges held that the trace names, joined.
    """

    address: int
    at_ns: int
    instructions: int
    memory: bytes


@dataclass(frozen=True, slots=True)
class FlashOperation:
    """An erase, or the programming of a word at most. `end_ns`: if nothing ends it early."""

    kind: Literal["erase", "program"]
    address: int
    size: int
    start_ns: int
    end_ns: int


class Emulator(ABC):
    """One board with one firmware image.

    UARTs and GPIO ports go by their names in the .repl file (``usart2``, ``gpioPortA``).
    """

    name: ClassVar[str]

    @abstractmethod
    def load(self, elf: Path) -> None:
        """Program the image into flash and hold the board in power-on reset.

        Raises ImageError where the ELF is not for this board.
        """

    @property
    @abstractmethod
    def now_ns(self) -> int: ...

    @abstractmethod
    def advance(self, until_ns: int) -> None:
        """Run until virtual time `until_ns`, or return earlier so that a peer may react.

        Returns early (with `now_ns` < `until_ns`) at most `OUTPUT_WINDOW_NS` after the first byte that
        the board put on any UART or a GPIO output that changed, and right after a reset. With the CPU
        asleep, time passes at no cost. A CPU in lockup sleeps until a reset.
        """

    @abstractmethod
    def uart_write(self, uart: str, data: bytes) -> None:
        """Put bytes on the wire towards the board, from now on (or behind what is still under way) at the
        rate that the firmware configured. Raises EmulatorError for an unknown UART."""

    @abstractmethod
    def uart_read(self, uart: str) -> bytes:
        """Take all bytes the board has put on this UART's wire so far."""

    @abstractmethod
    def gpio_set(self, port: str, pin: int, level: bool) -> None: ...

    @abstractmethod
    def gpio_get(self, port: str, pin: int) -> bool:
        """Level of the pin: what the board drives, or the level set from outside."""

    @abstractmethod
    def read_memory(self, address: int, size: int) -> bytes: ...

    @abstractmethod
    def write_memory(self, address: int, data: bytes) -> None:
        """Debugger-like write, flash included (no erase, no program rules)."""

    @abstractmethod
    def read_register(self, register: str) -> int:
        """r0..r12, sp, lr, pc, xpsr, msp, psp, primask, basepri, control."""

    @abstractmethod
    def trace(
        self,
        address: int,
        ranges: Sequence[tuple[int, int]] = (),
        registers: Mapping[str, int] | None = None,
    ) -> None:
        """From now on, note each visit of the instruction at `address`, and set `registers` (r0 to r12) then.

        It has to be one that is jumped to: the first of a function, the one behind a call. With each visit
        goes what `ranges` (address, size) hold. Set before the board runs, the firmware cannot tell.
        """

    @abstractmethod
    def visits(self) -> list[Visit]:
        """Take all visits noted so far, in their order."""

    @abstractmethod
    def follow_interrupts(self, start: int, end: int) -> None:
        """From now on, measure Counters.interrupt_stack on the main stack between these addresses.

        What lies below the stack pointer is painted while handlers run, and put back behind them where they
        left it alone, so that the firmware cannot tell. Exceptions that interrupt a thread with a stack of
        its own (CONTROL.SPSEL) are not followed.
        """

    def follow_flash(self) -> None:
        """From now on, note the operations of the flash. Raises EmulatorError where they take no time."""
        raise EmulatorError(f"{self.name} does not tell of the flash's operations; Unicorn does")

    def flash_operations(self) -> list[FlashOperation]:
        """Take all that have begun so far, in their order. Raises EmulatorError as `follow_flash` does."""
        raise EmulatorError(f"{self.name} does not tell of the flash's operations; Unicorn does")

    def reseed(self, seed: int) -> None:
        """Another seed for what is random from now on: what RAM and torn flash hold, random numbers."""
        raise EmulatorError(f"{self.name} takes its seed at the start only")

    @abstractmethod
    def reset(self) -> None:
        """Reset pin: RAM and flash keep their contents."""

    @abstractmethod
    def power_off(self) -> None:
        """Cut the supply: RAM is lost, flash stays, a flash operation under way stays unfinished. Time goes
        on, UART input falls on the floor."""

    @abstractmethod
    def power_on(self) -> None: ...

    @property
    @abstractmethod
    def resets(self) -> list[Reset]:
        """All resets so far, the first power-on included."""

    @abstractmethod
    def counters(self) -> Counters: ...

    @abstractmethod
    def close(self) -> None: ...


OUTPUT_WINDOW_NS = 500 * NS_PER_US
"""How long a board may run on after its first output before the bench looks at it."""
