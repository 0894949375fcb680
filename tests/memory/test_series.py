"""Series: bounded, and true to its highs and lows."""

from __future__ import annotations

from bench.memory.series import LIMIT, Series


def test_what_does_not_change_is_kept_as_its_ends() -> None:
    series = Series()
    for at_ns, value in ((0, 5), (1, 5), (2, 5), (3, 7), (4, 7)):
        series.add(at_ns, value)
    assert series.points == [(0, 5), (2, 5), (3, 7), (4, 7)]


def test_a_long_series_is_bounded_and_keeps_its_highs_lows_and_order() -> None:
    series = Series()
    saw = [(at_ns, 1000 + at_ns % 997) for at_ns in range(40 * LIMIT)]
    saw[12_345] = (12_345, 9_999)
    saw[23_456] = (23_456, 1)
    for point in saw:
        series.add(*point)
    points = series.points
    assert LIMIT // 2 < len(points) <= 2 * LIMIT + 1
    assert points == sorted(points)
    assert set(points) <= set(saw)
    assert {(12_345, 9_999), (23_456, 1)} <= set(points)
