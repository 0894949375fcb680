"""Traces: what is left out of a long one."""

from __future__ import annotations

from bench.trace import bounded


def test_what_fits_is_whole() -> None:
    assert bounded([1, 2, 3], 3) == [1, 2, 3]


def test_of_what_does_not_the_middle_is_left_out() -> None:
    assert bounded(list(range(10)), 4) == [0, 1, 8, 9]
    assert bounded(list(range(10)), 5) == [0, 1, 2, 8, 9]
