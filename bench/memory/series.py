"""A measured quantity over virtual time, in bounded memory."""

from __future__ import annotations

LIMIT = 800
"""Points that a series keeps at least, once it had that many; never more than twice as many."""

Point = tuple[int, int]
"""Virtual ns, and the value then."""


class Series:
    """`points` in order of time; of a long one the highs and lows of every stretch."""

    def __init__(self) -> None:
        self._kept: list[Point] = []
        self._last: Point | None = None

    def add(self, at_ns: int, value: int) -> None:
        """What it is from `at_ns` on, not before the point added last."""
        if self._kept and self._kept[-1][1] == value:
            self._last = at_ns, value
            return
        if self._last:
            self._kept.append(self._last)
            self._last = None
        self._kept.append((at_ns, value))
        if len(self._kept) > 2 * LIMIT:
            self._kept = _thinned(self._kept)

    @property
    def points(self) -> list[Point]:
        return [*self._kept, self._last] if self._last else list(self._kept)


def _thinned(points: list[Point]) -> list[Point]:
    """Half as many: of each four the lowest and the highest."""
    kept: list[Point] = []
    for start in range(0, len(points), 4):
        four = points[start : start + 4]
        kept += sorted({min(four, key=lambda p: p[1]), max(four, key=lambda p: p[1])})
    return kept
