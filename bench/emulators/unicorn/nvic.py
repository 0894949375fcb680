"""Exceptions of the Armv7-M architecture: which are pending, enabled and active, and which comes first.

Architecture Reference Manual (DDI 0403E), B1.5 and B3.4. This is the state only; entry and return are in
exceptions.py, the registers in scs.py.
"""

from __future__ import annotations

from collections.abc import Callable

NMI = 2
HARD_FAULT = 3
MEM_MANAGE = 4
BUS_FAULT = 5
USAGE_FAULT = 6
SVCALL = 11
DEBUG_MONITOR = 12
PENDSV = 14
SYSTICK = 15
FIRST_IRQ = 16
COUNT = FIRST_IRQ + 240

THREAD_PRIORITY = 256
"""Execution priority with nothing active and nothing masked: below every exception."""


class Nvic:
    """`priority_mask` has the implemented bits of an 8-bit priority set, as in the .repl."""

    def __init__(self, priority_mask: int, attention: Callable[[], None]) -> None:
        self.priority_mask = priority_mask
        self._attention = attention
        self.pended: Callable[[], None] = lambda: None
        """Called when an exception becomes pending, enabled or not (SEVONPEND)."""
        self.reset()

    def reset(self) -> None:
        self.pending: set[int] = set()
        self.active: list[int] = []
        self.enabled: set[int] = {NMI, HARD_FAULT, SVCALL, PENDSV, SYSTICK}
        self.lines: set[int] = set()
        self.priority = [0] * COUNT
        self.priority[NMI] = -2
        self.priority[HARD_FAULT] = -1
        self.group_mask = 0xFF
        """Bits of a priority that decide on preemption (AIRCR.PRIGROUP)."""

    def set_group(self, prigroup: int) -> None:
        self.group_mask = 0xFF & ~((2 << prigroup) - 1)
        self._attention()

    def set_line(self, exception: int, level: bool) -> None:
        """An interrupt request line of a peripheral. A rising edge pends; a level that is still there when
        the handler returns pends again."""
        if level:
            if exception not in self.lines:
                self.lines.add(exception)
                self.pend(exception)
        else:
            self.lines.discard(exception)

    def pend(self, exception: int) -> None:
        if exception not in self.pending:
            self.pending.add(exception)
            self.pended()
        self._attention()

    def unpend(self, exception: int) -> None:
        self.pending.discard(exception)
        if exception in self.lines and exception not in self.active:
            self.pending.add(exception)

    def enable(self, exception: int) -> None:
        self.enabled.add(exception)
        self._attention()

    def disable(self, exception: int) -> None:
        self.enabled.discard(exception)

    def set_priority(self, exception: int, value: int) -> None:
        self.priority[exception] = value & self.priority_mask
        self._attention()

    def first(self) -> int | None:
        """The pending, enabled exception of the highest priority; the lower number where they are equal."""
        if not self.pending:
            return None
        ready = self.pending & self.enabled
        if not ready:
            return None
        if len(ready) == 1:
            return next(iter(ready))
        return min(ready, key=lambda exception: (self.priority[exception], exception))

    def group(self, priority: int) -> int:
        return priority & self.group_mask if priority >= 0 else priority

    def preempts(self, exception: int, execution_priority: int) -> bool:
        return self.group(self.priority[exception]) < execution_priority

    def execution_priority(self, primask: int = 0, basepri: int = 0, faultmask: int = 0) -> int:
        """B1.5.4. Lower is more urgent."""
        priority = THREAD_PRIORITY
        if not (self.active or basepri or primask or faultmask):
            return priority
        for exception in self.active:
            group = self.group(self.priority[exception])
            priority = min(priority, group)
        if basepri:
            priority = min(priority, basepri & self.group_mask & self.priority_mask)
        if primask & 1:
            priority = min(priority, 0)
        if faultmask & 1:
            priority = min(priority, -1)
        return priority

    def activate(self, exception: int) -> None:
        self.pending.discard(exception)
        self.active.append(exception)

    def deactivate(self, exception: int) -> None:
        self.active.remove(exception)
        if exception in self.lines:
            self.pend(exception)
