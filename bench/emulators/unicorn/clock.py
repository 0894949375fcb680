"""Virtual time: what is due when, and counters that run by themselves."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from ..base import NS_PER_S


class Event:
    """Something that is due at a time. `cancel` it to make it not happen."""

    __slots__ = ("action", "at_ns")

    def __init__(self, at_ns: int, action: Callable[[], None]) -> None:
        self.at_ns = at_ns
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Agenda:
    """Events in the order of their times; those of one time in the order they were made."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Event]] = []
        self._order = 0

    def add(self, at_ns: int, action: Callable[[], None]) -> Event:
        self._order += 1
        event = Event(at_ns, action)
        heapq.heappush(self._heap, (at_ns, self._order, event))
        return event

    def next_ns(self) -> int | None:
        """Time of the first event."""
        heap = self._heap
        while heap and heap[0][2].action is None:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def run_due(self, now_ns: int) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now_ns:
            action = heapq.heappop(heap)[2].action
            if action is not None:
                action()

    def clear(self) -> None:
        self._heap.clear()


class Ticks:
    """A free-running up-counter: `hz`/`divider` counts a second, modulo `modulus`. Running costs nothing."""

    def __init__(self, hz: int, divider: int = 1, modulus: int = 1 << 32) -> None:
        self.hz = hz
        self.divider = divider
        self.modulus = modulus
        self.running = False
        self._start_ns = 0
        self._start_value = 0

    def _elapsed(self, now_ns: int) -> int:
        return (now_ns - self._start_ns) * self.hz // (NS_PER_S * self.divider) if self.running else 0

    def value(self, now_ns: int) -> int:
        return (self._start_value + self._elapsed(now_ns)) % self.modulus

    def load(self, value: int, now_ns: int) -> None:
        self._start_ns = now_ns
        self._start_value = value

    def run(self, running: bool, now_ns: int) -> None:
        if running != self.running:
            self.load(self.value(now_ns), now_ns)
            self.running = running

    def retime(
        self, now_ns: int, *, hz: int | None = None, divider: int | None = None, modulus: int | None = None
    ) -> None:
        """Change the rate or the modulus from now on; the count goes on from where it is."""
        wanted = (
            self.hz if hz is None else hz,
            self.divider if divider is None else divider,
            self.modulus if modulus is None else modulus,
        )
        if wanted != (self.hz, self.divider, self.modulus):
            self.load(self.value(now_ns), now_ns)
            self.hz, self.divider, self.modulus = wanted

    def next_match(self, value: int, now_ns: int) -> int | None:
        """Time of the next step onto `value`, later than now; None where it never gets there."""
        if not self.running or self.hz == 0 or value >= self.modulus:
            return None
        elapsed = self._elapsed(now_ns)
        steps = (value - self._start_value - elapsed - 1) % self.modulus + 1
        return self._start_ns - (-(elapsed + steps) * NS_PER_S * self.divider // self.hz)
