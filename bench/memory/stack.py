"""What was used of a stack, and of RAM as a whole."""

from __future__ import annotations

import operator
from collections.abc import Sequence

from bench.memory.heap import Memory
from bench.memory.image import Area

PAINT = b"\x5a\xc3\x96\xe1"


class StackProbe:
    """High-water mark of a stack that grows down through `area`."""

    def __init__(self, memory: Memory, area: Area) -> None:
        self._memory = memory
        self.area = area

    def paint(self) -> None:
        """Before the board runs: fill the whole area."""
        self._memory.write_memory(self.area.start, PAINT * (self.area.size // 4))

    def used(self) -> int:
        """Bytes from the lowest overwritten word to the top."""
        content = self._memory.read_memory(self.area.start, self.area.size)
        untouched = 0
        while content.startswith(PAINT, untouched):
            untouched += 4
        return self.area.size - untouched


class TouchProbe:
    """How much of RAM does not hold any more what it held at power-on: noise."""

    def __init__(self, memory: Memory, areas: Sequence[Area]) -> None:
        self._memory = memory
        self._areas = areas
        self._noise: list[bytes] = []

    def begin(self) -> None:
        """After power-on, and after the stack was painted."""
        self._noise = [self._memory.read_memory(area.start, area.size) for area in self._areas]

    def touched(self) -> int:
        """Bytes in words that have changed."""
        words = 0
        for area, noise in zip(self._areas, self._noise, strict=False):
            now = self._memory.read_memory(area.start, area.size)
            words += sum(map(operator.ne, memoryview(now).cast("I"), memoryview(noise).cast("I")))
        return 4 * words
