"""The watchdog is fed only while every essential task keeps the promise it made when it last checked in."""

import board
from micropython import const

LINK = const(0)
RPC = const(1)
PROVISIONING = const(2)
EVSE = const(3)

_NAMES = const(("link", "rpc", "provisioning", "evse"))
_due = [None] * 4


def promise(task, seconds):
    """Check in: `task` will check in again within `seconds` (None: it waits for another task)."""
    _due[task] = None if seconds is None else board.uptime() + seconds


def late():
    """Name of a task that broke its promise, or None."""
    now = board.uptime()
    for task, due in enumerate(_due):
        if due is not None and now > due:
            return _NAMES[task]
    return None
