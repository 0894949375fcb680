"""A rig without a board: the station says what a test plans, when it plans it."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import count
from typing import Any, TypeVar

import pytest

from bench.keywords import Bench
from bench.peers.evse import EvseController
from bench.rig import NotInTime
from csms_stub.csms import Csms
from csms_stub.session import Session

T = TypeVar("T")
S = 1_000_000_000


class FakeRig:
    """Virtual time that only carries out what the station was told to say, and when."""

    def __init__(self) -> None:
        self.csms = Csms(expect_boot=False, tokens={"AA": "Accepted"})
        self.evse = EvseController()
        self.expected_resets = 0
        self.now_ns = 0
        self._ids = count()
        self.log: list[Any] = []
        self.planned: list[tuple[int, Callable[[], None]]] = []
        session = Session("OLB-0001", self.csms)
        session.connect(0)
        self.csms.sessions["OLB-0001"] = session

    def say(self, at_s: float, action: str, payload: dict[str, Any], message_id: str = "") -> None:
        identifier = message_id or f"m{next(self._ids)}"
        self.plan(at_s, lambda: [2, identifier, action, payload])

    def answer(self, at_s: float, frame: Callable[[str], list[Any]]) -> None:
        """Answer the CSMS's last CALL."""

        def reply() -> list[Any]:
            calls = [m for m in self.session.transcript if m.direction == "out" and m.type == "CALL"]
            return frame(calls[-1].message_id)

        self.plan(at_s, reply)

    def plan(self, at_s: float, frame: Callable[[], list[Any]]) -> None:
        at_ns = round(at_s * S)
        self.planned.append((at_ns, lambda: self.session.receive_text(json.dumps(frame()), at_ns)))
        self.planned.sort(key=lambda event: event[0])

    @property
    def session(self) -> Session:
        return self.csms.sessions["OLB-0001"]

    def expect_reset(self) -> None:
        self.expected_resets += 1

    def run_for(self, seconds: float) -> None:
        self._run(self.now_ns + round(seconds * S), lambda: None)

    def run_until(self, what: str, condition: Callable[[], T | None], timeout_s: float) -> T:
        value = self._run(self.now_ns + round(timeout_s * S), condition)
        if not value:
            raise NotInTime(f"no {what} within {timeout_s:g} s")
        return value

    def _run(self, deadline_ns: int, condition: Callable[[], T | None]) -> T | None:
        while not (value := condition()):
            if not self.planned or self.planned[0][0] > deadline_ns:
                self.now_ns = deadline_ns
                return condition()
            self.now_ns, event = self.planned.pop(0)
            event()
        return value


@pytest.fixture
def rig() -> FakeRig:
    return FakeRig()


@pytest.fixture
def bench(rig: FakeRig) -> Bench:
    library = Bench()
    library._rig = rig  # type: ignore[assignment]
    return library
