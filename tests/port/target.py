"""The port on an emulated board, with the application of tests/port/app in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from bench.emulators.base import NS_PER_MS, NS_PER_S, Emulator
from bench.platforms import Platform
from bench.rtt import RttReader

STEP_NS = 10 * NS_PER_MS


class Target:
    """Speaks with the application over the modem line. Times are virtual."""

    def __init__(self, emulator: Emulator, platform: Platform, elf: Path) -> None:
        self.emulator = emulator
        self.platform = platform
        with elf.open("rb") as file:
            table = ELFFile(file).get_section_by_name(".symtab")
            self.symbols = {symbol.name: symbol["st_value"] for symbol in table.iter_symbols()}
        self._received = b""
        self._log = RttReader(emulator, self.symbols["_SEGGER_RTT"])
        self.log = ""
        emulator.load(elf)

    @property
    def seconds(self) -> float:
        return self.emulator.now_ns / NS_PER_S

    def run(self, seconds: float) -> None:
        end = self.emulator.now_ns + round(seconds * NS_PER_S)
        while self.emulator.now_ns < end:
            self.emulator.advance(end)

    def run_until(self, done: Callable[[], bool], seconds: float = 5.0) -> None:
        end = self.emulator.now_ns + round(seconds * NS_PER_S)
        while not done():
            now = self.emulator.now_ns
            assert now < end, f"not within {seconds} s; log so far: {self.read_log()!r}"
            self.emulator.advance(min(end, now + STEP_NS))

    def read_log(self) -> str:
        self.log += self._log.drain().decode(errors="replace")
        return self.log

    def line(self, seconds: float = 5.0) -> str:
        """The next line from the application."""

        def there() -> bool:
            self._received += self.emulator.uart_read(self.platform.modem_uart)
            return b"\n" in self._received

        self.run_until(there, seconds)
        line, _, self._received = self._received.partition(b"\n")
        return line.decode()

    def ready(self, seconds: float = 5.0) -> Target:
        """After a power-on or a reset: the application runs."""
        self._received = b""
        assert self.line(seconds) == "ready"
        return self

    def send(self, *command: Any) -> None:
        self.emulator.uart_write(self.platform.modem_uart, json.dumps(command).encode() + b"\n")

    def ask(self, *command: Any, seconds: float = 5.0) -> Any:
        self.send(*command)
        return json.loads(self.line(seconds))

    def boot_facts(self) -> tuple[str, str, int, list[int] | None, str]:
        name, version, cause, fault, unique = self.ask("boot")
        return name, version, cause, fault, unique

    def interrupted_by_reset(self) -> Callable[[], bool]:
        before = len(self.emulator.resets)
        return lambda: len(self.emulator.resets) > before

    def power_cycle(self, off_seconds: float = 0.1) -> Target:
        self.emulator.power_off()
        self.run(off_seconds)
        self.emulator.uart_read(self.platform.modem_uart)  # what was cut short
        self.emulator.power_on()
        return self.ready()
