"""Going on in a copy of the whole bench: board, peers, CSMS and all, by fork(2)."""

from __future__ import annotations

import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class BranchError(Exception):
    """A branch has ended without a result. The message is its traceback."""


class Branch(Generic[T]):
    """`work()` in a copy of this process, which stays where it is. What `work` returns is pickled.

    For an emulator that lives in this process, as Unicorn does.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        sys.stdout.flush()
        reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for the parent, which kills its branches
            os.close(reading)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(pickle.dumps(_outcome(work)))
            os._exit(0)
        os.close(writing)
        self._reading = reading

    def kill(self) -> None:
        """Instead of `result`: nobody wants it any more."""
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)

    def result(self) -> T:
        """What `work` has returned. Raises BranchError."""
        try:
            with os.fdopen(self._reading, "rb") as pipe:
                pickled = pipe.read()
        except BaseException:
            self.kill()
            raise
        _, status = os.waitpid(self._pid, 0)
        if not pickled:
            raise BranchError(f"a branch has ended with status {status}")
        value, failure = pickle.loads(pickled)
        if failure:
            raise BranchError(failure)
        result: T = value
        return result


def _outcome(work: Callable[[], Any]) -> tuple[Any, str]:
    try:
        return work(), ""
    except BaseException:
        return None, traceback.format_exc()
