"""Lets CPython import the station: a fake `board`, and the names that MicroPython has and CPython has not."""

import asyncio
import gc
import json
import sys
import traceback
import types
from pathlib import Path
from typing import Any

from hypothesis import settings

_HERE = Path(__file__).parent
_PATHS = (str(_HERE / "fakes"), str(_HERE.parents[1] / "firmware"))

for _path in _PATHS:
    if _path not in sys.path:
        sys.path.insert(0, _path)


class _Core(types.ModuleType):
    """asyncio.core of MicroPython, as much as the station's waits use of it."""

    _sleeping: dict[Any, asyncio.Future[None]] = {}  # noqa: RUF012

    @property
    def cur_task(self) -> Any:
        return asyncio.current_task()

    @property
    def _task_queue(self) -> "_Core":
        return self

    async def sleep_ms(self, ms: int) -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        self._sleeping[task] = future = loop.create_future()
        timer = loop.call_later(ms / 1000, self.push, task)
        try:
            await future
        finally:
            timer.cancel()
            del self._sleeping[task]

    def remove(self, task: Any) -> None:
        assert task in self._sleeping

    def push(self, task: Any) -> None:
        if not self._sleeping[task].done():
            self._sleeping[task].set_result(None)


_core = _Core("asyncio.core")
asyncio.core = _core  # type: ignore[attr-defined]
asyncio.sleep_ms = _core.sleep_ms  # type: ignore[attr-defined]
_loads = json.loads


def _loads_buffer(text: Any, **options: Any) -> Any:
    return _loads(bytes(text) if isinstance(text, memoryview) else text, **options)


json.loads = _loads_buffer
sys.print_exception = traceback.print_exception  # type: ignore[attr-defined]
gc.mem_free = lambda: 0  # type: ignore[attr-defined]
gc.threshold = lambda size: None  # type: ignore[attr-defined]

# the machine that runs the tests may be busy
settings.register_profile("station", deadline=None)
settings.load_profile("station")
