"""A station whose supply is cut, with transaction events in its queue, and what is looked at afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.emulators.base import NS_PER_S, FlashOperation
from bench.memory.runtime import content_of
from bench.platforms import load_platform
from bench.powercuts.points import Interval
from bench.powercuts.walk import Verdict
from bench.provision import Provisioning, StoreError, read, read_journal
from bench.rig import NotInTime, Rig
from csms_stub.csms import Csms
from csms_stub.messages import Error, Message
from csms_stub.session import Session

TOKEN = "04A1B2C3D4E5F6"
KEPT = {
    "OCPPCommCtrlr.MessageAttempts#TransactionEvent": "100",
    "OCPPCommCtrlr.MessageAttemptInterval#TransactionEvent": "86400",
}
"""With these an event that the CSMS cannot take stays in the queue."""
BOOT_S, ANSWER_S, SETTLE_S = 60.0, 60.0, 2.0
_RETRIES = 5
_EVENT_KEYS = 1 << 32
"""Keys of transaction events in the journal have 4 bytes, those of log lines 5."""


class Station:
    """A rig with a station whose journal holds a transaction that the CSMS has not taken.

    `moving`: keys of its store that may change while it is watched, and prefixes such as ``x:``.
    """

    moving: tuple[str, ...] = ("sec", "boot-reason", "t")

    def __init__(self, board: str, elf: Path, provisioning: Provisioning, seed: int) -> None:
        csms = Csms(passwords={provisioning.identity: provisioning.password}, tokens={TOKEN: "Accepted"})
        self.rig = Rig(
            load_platform(board), elf, emulator="unicorn", provisioning=provisioning, csms=csms, seed=seed
        )
        self._identity = provisioning.identity
        self.symbols = {name: symbol.value for name, symbol in content_of(elf).image.symbols.items()}
        self.agenda: list[tuple[int, Callable[[], None]]] = []
        """What happens around the station, and when."""
        self._newest: FlashOperation | None = None
        self._entries: dict[str, bytes] = {}
        self._events: dict[int, bytes] = {}

    @property
    def session(self) -> Session:
        return self.rig.csms.session(self._identity)

    # what it does

    def start(self) -> None:
        """Switch on, charge once, and keep the events of that from the CSMS."""
        rig = self.rig
        rig.csms.answer("TransactionEvent", Error("InternalError", "not now"))
        rig.power_on()
        self.boot()
        rig.run_for(SETTLE_S)
        car = rig.evse
        car.plug(1, rig.now_ns)
        car.ready(1, True, rig.now_ns)
        rig.run_for(SETTLE_S)
        car.present_token(TOKEN, rig.now_ns, reader=1)
        rig.run_for(2 * SETTLE_S)
        car.present_token(TOKEN, rig.now_ns, reader=1)
        rig.run_for(SETTLE_S)
        car.unplug(1, rig.now_ns)
        rig.run_for(SETTLE_S)
        # what is in the queue now comes from flash
        rig.power_off()
        rig.run_for(SETTLE_S)
        rig.power_on()
        self.boot(len(self.boots()))
        rig.run_for(SETTLE_S)
        rig.emulator.follow_flash()

    def remember(self) -> None:
        """What must still be there after each cut is what is there now."""
        self._entries, self._events = self._kept(), self._queue()
        if len(self._events) < 2:
            raise NotInTime("no transaction event stays in the queue")

    def boots(self) -> list[Message]:
        return self.session.requests("BootNotification") if self._identity in self.rig.csms.sessions else []

    def boot(self, before: int = 0) -> str:
        """Wait for a BootNotificationRequest beyond so many: the version of the firmware."""
        self.rig.run_until("boot", lambda: len(self.boots()) > before, BOOT_S)
        return str(self.boots()[before].payload["chargingStation"]["firmwareVersion"])

    def ask(self, action: str, payload: dict[str, Any]) -> Message:
        """A request of the CSMS, again while the station has no memory for it. Raises NotInTime."""
        for _ in range(_RETRIES):
            number = self.session.call(action, payload, self.rig.now_ns)
            answer = self.answer(number)
            if answer.type == "CALLRESULT":
                return answer
            self.rig.run_for(SETTLE_S)
        raise NotInTime(f"{action} is answered {answer.payload} each time")

    def answer(self, number: str) -> Message:
        """To a request of the CSMS. Raises NotInTime."""
        return self.rig.run_until("answer", lambda: self.session.response(number), ANSWER_S)

    def advance(self, at_ns: int) -> None:
        """Let time pass, and happen what is due meanwhile."""
        while self.agenda and self.agenda[0][0] <= at_ns:
            due_ns, action = self.agenda.pop(0)
            self.rig.run_for((due_ns - self.rig.now_ns) / NS_PER_S)
            action()
        self.rig.run_for((at_ns - self.rig.now_ns) / NS_PER_S)

    # what the flash is at

    def hit(self) -> str:
        for operation in self.rig.emulator.flash_operations():
            self._newest = operation
        newest = self._newest
        if newest is None or not newest.start_ns <= self.rig.now_ns < newest.end_ns:
            return "nothing"
        return f"{newest.kind} {self.part(newest.address)}"

    def part(self, address: int) -> str:
        """Of the flash, by name."""
        rig = self.rig
        for name, area in (("store", rig.store), ("journal", rig.journal)):
            if area and area.start <= address < area.end:
                return name
        return "elsewhere"

    def intervals(
        self, operations: Sequence[FlashOperation], part: str, kind: str | None = None
    ) -> list[Interval]:
        """When the flash is at this."""
        return [
            (each.start_ns, each.end_ns)
            for each in operations
            if self.part(each.address) == part and kind in (None, each.kind)
        ]

    # what is looked at

    def back(self, verdict: Verdict) -> str:
        """Wait until the station is connected again, its supply has just returned: its version."""
        resets = self.rig.resets
        # those before the cut are judged where there is none
        self.rig.forgive_resets()
        version = self.boot(len(self.boots()))
        self.rig.run_for(SETTLE_S)
        if not self.session.connected:
            verdict.problems.append("the station is not connected")
        verdict.problems += self.rig.problems()
        causes = [reset.cause for reset in self.rig.resets[len(resets) :]]
        if causes:
            verdict.problems.append(f"it was reset by {', '.join(causes)}")
        verdict.problems += self.losses()
        return version

    def losses(self) -> list[str]:
        """Differences of store and journal from what was remembered."""
        try:
            now, queue = self._kept(), self._queue()
        except StoreError as error:
            return [str(error)]
        changed = sorted(key for key in now.keys() | self._entries if now.get(key) != self._entries.get(key))
        found = [f"{key} has changed in the store" for key in changed]
        if queue != self._events:
            found.append(f"the queue holds events {sorted(queue)}, not {sorted(self._events)} as they were")
        return found

    def stored(self) -> dict[str, bytes]:
        """What the store holds. Raises StoreError."""
        area = self.rig.store_area()
        assert area is not None
        return read(area)

    def _kept(self) -> dict[str, bytes]:
        return {key: value for key, value in self.stored().items() if not {key, key[:2]} & set(self.moving)}

    def _queue(self) -> dict[int, bytes]:
        area = self.rig.journal_area()
        assert area is not None
        return {number: item for number, item in read_journal(area).items() if number < _EVENT_KEYS}
