"""How much stack exception handlers take below the thread that they interrupt."""

from __future__ import annotations

from .memory import Memory

_PAINT = b"\xa7\x3c\x69\x1e"
_WINDOW = 1024
"""Bytes that are painted below what handlers are known to use. More than any handler takes at once beyond all
before it."""


class HandlerStack:
    """Paints below the stack pointer when an exception begins, and looks when the thread goes on.

    What handlers left alone gets its old contents back, so that the firmware runs as if unobserved.
    """

    def __init__(self, memory: Memory, start: int, end: int) -> None:
        self._content = memoryview(memory.buffer).cast("B")
        self._base = start - memory.find_offset(start)
        self._start, self._end = start - self._base, end - self._base
        self._window: tuple[int, int] | None = None
        self._top = 0
        self._old = b""
        self.deepest = 0
        """Bytes, frames included."""

    def begin(self, sp: int) -> None:
        """An exception interrupts the thread, whose stack pointer is `sp`."""
        top = sp - self._base
        high = top - self.deepest
        low = max(self._start, high - _WINDOW)
        if not low < high <= self._end or sp % 4:
            self._window = None
            return
        self._window, self._top = (low, high), top
        self._old = bytes(self._content[low:high])
        self._content[low:high] = _PAINT * ((high - low) // 4)

    def forget(self) -> None:
        """RAM loses its contents."""
        self._window = None

    def end(self) -> None:
        """The thread goes on, or a reset has put an end to all handlers."""
        if self._window is None:
            return
        low, high = self._window
        self._window = None
        found = bytes(self._content[low:high])
        if found == _PAINT * ((high - low) // 4):
            self._content[low:high] = self._old
            return
        untouched = 0
        while found.startswith(_PAINT, untouched):
            untouched += 4
        self.deepest = max(self.deepest, self._top - low - untouched)
        for at in range(0, high - low, 4):
            if found[at : at + 4] == _PAINT:
                self._content[low + at : low + at + 4] = self._old[at : at + 4]
