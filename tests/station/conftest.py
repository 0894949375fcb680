"""Lets CPython import the station: a fake `board`, and the names that MicroPython has and CPython has not."""

import asyncio
import gc
import sys
import traceback
from pathlib import Path

_HERE = Path(__file__).parent
_PATHS = (str(_HERE / "fakes"), str(_HERE.parents[1] / "firmware"))

for _path in _PATHS:
    if _path not in sys.path:
        sys.path.insert(0, _path)

asyncio.sleep_ms = lambda ms: asyncio.sleep(ms / 1000)  # type: ignore[attr-defined]
asyncio.wait_for_ms = lambda awaitable, ms: asyncio.wait_for(awaitable, ms / 1000)  # type: ignore[attr-defined]
sys.print_exception = traceback.print_exception  # type: ignore[attr-defined]
gc.mem_free = lambda: 0  # type: ignore[attr-defined]
