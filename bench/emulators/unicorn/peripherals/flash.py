"""What the flash controllers of the chips have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ...base import FlashOperation
from ...repl import Entry
from ..clock import Event
from ..memory import ERASED, Memory
from .base import Board, Peripheral

WORD = 4
"""Bytes that are programmed at once, at most."""


@dataclass(slots=True)
class Operation:
    """A program or erase operation under way: from `start_ns` to `end_ns`, then the range holds `result`."""

    address: int
    result: bytes
    start_ns: int
    end_ns: int
    event: Event


class FlashController(Peripheral):
    """Operations take virtual time. One that a power cut ends early leaves a mixture behind: of every byte,
    some bits have changed and some have not, the more the later the cut."""

    def __init__(self, board: Board, entry: Entry) -> None:
        super().__init__(board, entry)
        self._operation: Operation | None = None
        self.followed: list[FlashOperation] | None = None
        """All operations, where somebody wants to know."""

    @abstractmethod
    def owns(self, memory: Memory) -> bool:
        """Whether this is the memory that it controls."""

    @abstractmethod
    def store(self, memory: Memory, address: int, data: bytes) -> None:
        """The firmware has stored to the memory. Raises BusError."""

    @property
    def busy(self) -> bool:
        return self._operation is not None

    def begin(self, address: int, result: bytes, duration_ns: int, done: Callable[[], None]) -> None:
        """Start an operation. The core waits if it executes from flash."""
        now = self.board.now_ns
        event = self.board.at(now + duration_ns, lambda: self._finish(done))
        self._operation = Operation(address, result, now, now + duration_ns, event)
        if self.followed is not None:
            kind: Literal["erase", "program"] = "program" if len(result) <= WORD else "erase"
            self.followed.append(FlashOperation(kind, address, len(result), now, now + duration_ns))
        self.board.stall_until(now + duration_ns)

    def erase(self, address: int, size: int, duration_ns: int, done: Callable[[], None]) -> None:
        self.begin(address, bytes([ERASED]) * size, duration_ns, done)

    def _finish(self, done: Callable[[], None]) -> None:
        assert self._operation is not None
        self.board.poke(self._operation.address, self._operation.result)
        self._operation = None
        done()

    def interrupt(self, before: bytes) -> None:
        """End an operation early. `before` is what the range holds now."""
        operation, self._operation = self._operation, None
        assert operation is not None
        operation.event.cancel()
        elapsed = self.board.now_ns - operation.start_ns
        share = elapsed / max(operation.end_ns - operation.start_ns, 1)
        random = self.board.random
        mixed = bytearray(operation.result)
        for i, (old, new) in enumerate(zip(before, operation.result, strict=True)):
            changing = old ^ new
            if changing:
                mask = sum(1 << bit for bit in range(8) if random.random() < share)
                mixed[i] = old ^ changing & mask
        self.board.poke(operation.address, bytes(mixed))
