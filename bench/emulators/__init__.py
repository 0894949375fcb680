"""Emulated boards behind one interface (base.py)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .base import Emulator, EmulatorError
from .renode.locate import RenodeMissing, locate

if TYPE_CHECKING:
    from ..platforms import Platform

Kind = Literal["auto", "unicorn", "renode"]


def choose(kind: Kind) -> Literal["unicorn", "renode"]:
    """Which emulator `kind` stands for on this machine: "auto" is Renode where it is found, else Unicorn.

    A Renode that RENODE_PATH names and that is not there is an error, also for "auto". Raises EmulatorError.
    """
    if kind == "renode":
        locate()
    if kind in {"unicorn", "renode"}:
        return kind
    if kind != "auto":
        raise EmulatorError(f"no emulator {kind!r}; there are auto, unicorn, renode")
    try:
        locate()
    except RenodeMissing as error:
        if error.asked_for:
            raise
        return "unicorn"
    return "renode"


def create(
    kind: Kind,
    platform: Platform,
    *,
    seed: int = 0,
    count_memory: bool = False,
    profile: Path | None = None,
) -> Emulator:
    """A board on an emulator; see `choose` for "auto".

    `seed` makes the board's random numbers. To be measured, which is slow: `count_memory` has Counters.memory
    filled (Unicorn), `profile` is a file for the execution profiler, whole after `close` (Renode).
    Raises EmulatorError, among them PlatformError for a platform file that cannot be honoured.
    """
    if choose(kind) == "renode":
        from .renode.machine import RenodeBoard

        return RenodeBoard(platform, seed=seed, profile=profile)
    from .unicorn.machine import UnicornMachine

    return UnicornMachine(platform, seed=seed, count_memory=count_memory)


def close_idle() -> None:
    """End the processes that are kept for the next board, where none follows soon."""
    from .renode.machine import close_idle as close_idle_renodes

    close_idle_renodes()
