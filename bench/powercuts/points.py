"""Where to cut: points in virtual time, most of them within operations of the flash."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

Interval = tuple[int, int]
"""From, until: virtual ns."""


@dataclass(frozen=True, slots=True)
class Group:
    """Intervals of one kind, and what share of the points they get, relative to the other groups."""

    name: str
    weight: int
    intervals: Sequence[Interval]


def spread(groups: Sequence[Group], count: int, seed: int) -> list[tuple[int, str]]:
    """`count` points as (virtual ns, name of the group), in their order. Seeded.

    Each group with intervals gets its share, spread over all of them; with fewer points than groups those of
    the greatest weight get one.
    """
    rng = random.Random(seed)
    points = []
    for group, share in zip(groups, _shares(groups, count), strict=True):
        intervals = group.intervals
        for k in range(share):
            if len(intervals) >= share:
                start, end = intervals[int((k + rng.random()) * len(intervals) / share)]
            else:
                start, end = intervals[k % len(intervals)]
            points.append((start + round((end - start) * rng.uniform(0.02, 0.98)), group.name))
    return sorted(points)


def _shares(groups: Sequence[Group], count: int) -> list[int]:
    """How many points each group gets, by the method of the largest remainder."""
    weights = [group.weight if group.intervals else 0 for group in groups]
    exact = [count * weight / sum(weights) for weight in weights]
    shares = [int(share) for share in exact]
    by_remainder = sorted(range(len(groups)), key=lambda n: (shares[n] - exact[n], -weights[n]))
    for n in by_remainder[: count - sum(shares)]:
        shares[n] += 1
    return shares
