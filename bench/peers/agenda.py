"""What will happen when, in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count

Action = Callable[[int], None]
"""Called with the time it was due."""


class Agenda:
    """Actions in the order of their times; those of one time in the order they were added."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Action]] = []
        self._order = count()

    def at(self, when_ns: int, action: Action) -> None:
        heapq.heappush(self._heap, (when_ns, next(self._order), action))

    def pop(self, now_ns: int) -> tuple[int, Action] | None:
        """The next one that is due by now, None where there is none."""
        if not self._heap or self._heap[0][0] > now_ns:
            return None
        when, _, action = heapq.heappop(self._heap)
        return when, action

    def next_ns(self) -> int | None:
        return self._heap[0][0] if self._heap else None

    def clear(self) -> None:
        self._heap.clear()
