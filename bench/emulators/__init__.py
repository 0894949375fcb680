"""Emulated boards behind one interface (base.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .base import Emulator, EmulatorError

if TYPE_CHECKING:
    from ..platforms import Platform

Kind = Literal["auto", "unicorn", "renode"]


def create(kind: Kind, platform: Platform, *, seed: int = 0, count_memory: bool = False) -> Emulator:
    """A board on an emulator; "auto" takes the fastest one there is.

    `seed` makes the board's random numbers; `count_memory` has Counters.memory filled, which is slow.
    Raises EmulatorError, among them PlatformError for a platform file that cannot be honoured.
    """
    if kind == "renode":
        raise EmulatorError("Renode is not available as an emulator yet; take 'unicorn' or 'auto'")
    if kind not in {"auto", "unicorn"}:
        raise EmulatorError(f"no emulator {kind!r}; there are auto, unicorn, renode")
    from .unicorn.machine import UnicornMachine

    return UnicornMachine(platform, seed=seed, count_memory=count_memory)
