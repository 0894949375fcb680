"""The watchdog is fed only while every essential task keeps the promise it made when it last checked in."""

import board
from micropython import const

LINK = const(0)
RPC = const(1)
PROVISIONING = const(2)
EVSE = const(3)
METERING = const(4)
OUTBOX = const(5)
TRANSACTIONS = const(6)

_NAMES = const(("link", "rpc", "provisioning", "evse", "metering", "outbox", "transactions"))
_NEVER = const(0x3FFFFFFF)  # seconds of uptime; the largest integer that needs no heap
_due = [_NEVER] * 7


def promise(task, seconds):
    """Check in: `task` will check in again within `seconds` (None: it waits for another task)."""
    _due[task] = _NEVER if seconds is None else board.uptime() + seconds


def late():
    """Name of a task that broke its promise, or None."""
    first = min(_due)
    return _NAMES[_due.index(first)] if board.uptime() > first else None
