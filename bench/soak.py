"""Days of charging in virtual time, with all that goes wrong on the way: is every transaction told once?

A driver comes each hour, to one EVSE after the other. Seeded faults hit the network, the CSMS, the module and
the supply. At the end the CSMS must have seen every transaction whole (E04, E11 to E13): its events numbered
from 0 with no gap, none of them twice unless the answer to the first one was lost, nothing may be left in the
station's queue, and the live heap of the last day must not be above that of the first. A station with
security profile 2 is given orders besides (bench.orders).
"""

from __future__ import annotations

import heapq
import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.emulators import Kind
from bench.emulators.base import NS_PER_S
from bench.orders import Orders
from bench.orders import provisioning as with_tls
from bench.peers.hosts import CSMS_HOST, TLS_PORTS
from bench.platforms import load_platform
from bench.provision import Provisioning, compactions, read_journal
from bench.rig import Rig
from csms_stub.csms import Csms
from csms_stub.messages import Error, Message, Withhold
from csms_stub.pki import Pki
from csms_stub.session import Session

HOUR_S, DAY_S = 3600, 86400
ERASE_CYCLES = 10_000
"""Guaranteed by STM32F407 (DS8626, table 41) and nRF52840 (NVMC, nENDURANCE)."""

TOKENS = ("04A1B2C3D4E5F6", "04112233445566", "04778899AABBCC")
VARIABLES = {
    "SampledDataCtrlr.TxUpdatedInterval": "300",
    "SampledDataCtrlr.TxEndedInterval": "600",
    "OCPPCommCtrlr.RetryBackOffRepeatTimes": "3",
}

_QUIET_S = 2
"""An answer that nothing happened around has reached the station."""
_HALF_OPEN_S = 900
"""A connection that is dead without anybody knowing has been given up by then."""
_RECOVERY_S = 2 * HOUR_S
_SAMPLE_S = 600
_UNPLUG_TRIES = 20
_HEAP_SLACK = 512
"""By so much the most live heap of one day may differ from another's: it is looked at every _SAMPLE_S."""
_OVERLAP = 0.3
"""So often, with orders, the next one or the next fault comes soon after the last."""
_STARTED = re.compile(r"transactions: \d+: (\S+) started")

Key = tuple[str, int]
Steps = Iterator[float]
"""Of one actor: does something, then says in how many seconds to go on."""


@dataclass(slots=True)
class Day:
    """What one virtual day brought. Bytes, but for the counts."""

    day: int
    sessions: int = 0
    transactions: int = 0
    events: int = 0
    offline: int = 0
    repeated: int = 0
    faults: int = 0
    resets: int = 0
    queue_items: int = 0
    queue_bytes: int = 0
    heap_live: int = 0
    arena: int = 0
    journal_erases: int = 0
    store_erases: int = 0


@dataclass(slots=True)
class _Event:
    """A TransactionEventRequest."""

    payload: dict[str, Any]
    answered_ns: int | None = None


@dataclass(slots=True)
class Report:
    """Of a soak: a row a day, and what was found wrong, a line each."""

    board: str
    seed: int
    days: list[Day]
    problems: list[str]

    def life_years(self) -> tuple[float, float]:
        """Of the journal's and of the store's flash, from the erases of each of their two banks."""
        journal = sum(day.journal_erases for day in self.days)
        store = sum(day.store_erases for day in self.days)
        years = 2 * ERASE_CYCLES * len(self.days) / 365
        return years / max(journal, 1), years / max(store, 1)

    def to_json(self) -> dict[str, Any]:
        journal, store = self.life_years()
        return asdict(self) | {"journal_years": journal, "store_years": store}

    def table(self) -> Table:
        journal, store = self.life_years()
        table = Table(
            title=f"{self.board}, seed {self.seed}: flash life at {ERASE_CYCLES:,} cycles: "
            f"journal {journal:.0f} years, store {store:.0f} years",
            title_justify="left",
        )
        names = list(asdict(self.days[0])) if self.days else []
        for name in names:
            table.add_column(name.replace("_", " "), justify="right")
        for day in self.days:
            table.add_row(*(f"{getattr(day, name):,}" for name in names))
        return table


class Soak:
    """One board and its `days`; `run` gives the report. `faults` false leaves all that goes wrong away;
    `secure`: the image has TLS, and all that Core asks for.
    """

    def __init__(
        self,
        board: str,
        elf: Path,
        *,
        days: float,
        seed: int,
        emulator: Kind = "auto",
        faults: bool = True,
        secure: bool = False,
    ) -> None:
        self._random = random.Random(seed)
        self._seed = seed
        self._days = days
        url = f"wss://{CSMS_HOST}:{TLS_PORTS[CSMS_HOST]}/ocpp"
        provisioning = with_tls(Pki(), url, VARIABLES) if secure else Provisioning(variables=VARIABLES)
        self._csms = Csms(
            passwords={provisioning.identity: provisioning.password},
            tokens=dict.fromkeys(TOKENS, "Accepted"),
            on_message=self._note,
            keep_messages=10_000_000,
        )
        self._rig = Rig(
            load_platform(board),
            elf,
            emulator=emulator,
            provisioning=provisioning,
            csms=self._csms,
            seed=seed,
        )
        self._board = board
        self._faults = faults
        self._agenda: list[tuple[int, int, Steps]] = []
        self._order = count()
        self._events: dict[Key, _Event] = {}
        self._asked: dict[str, Key] = {}
        self._disturbed: list[tuple[int, int]] = []
        self._problems: list[str] = []
        self._rows = [Day(1)]
        self._erases = (0, 0)
        self._log_read = 0
        self._over = False
        self._started: set[str] = set()
        self._orders: Orders | None = None
        if secure:
            self._orders = Orders(self._rig, self._random, self._problems, self._was_disturbed)

    # what happens

    def run(self, on_day: Callable[[Day], None] | None = None) -> Report:
        """Live through the days, then a rest with no faults, and judge; a cable that stays locked ends it."""
        try:
            self._live(on_day)
            self._rig.run_for(_RECOVERY_S)
            self._measure()
            self._judge()
        except StuckCable as stuck:
            self._measure()
            self._problems.append(str(stuck))
        finally:
            self._rig.close()
        return Report(self._board, self._seed, self._rows, self._problems)

    def _live(self, on_day: Callable[[Day], None] | None) -> None:
        end_ns = round(self._days * DAY_S * NS_PER_S)
        self._rig.power_on()
        self._begin(60, self._watch())
        for hour in range(int(self._days * 24)):
            self._begin(hour * HOUR_S + self._random.uniform(120, 900), self._driver(1 + hour % 2))
        if self._faults:
            self._begin(self._random.uniform(600, HOUR_S), self._trouble(end_ns))
        while self._agenda and (self._agenda[0][0] < end_ns):
            self._go_on(on_day)
        self._rig.run_for(max(0, end_ns - self._rig.now_ns) / NS_PER_S)
        self._over = True
        while self._agenda:
            self._go_on(on_day)

    def _begin(self, seconds: float, steps: Steps) -> None:
        heapq.heappush(self._agenda, (round(seconds * NS_PER_S), next(self._order), steps))

    def _go_on(self, on_day: Callable[[Day], None] | None) -> None:
        at_ns, _, steps = heapq.heappop(self._agenda)
        while at_ns // NS_PER_S // DAY_S >= len(self._rows) and len(self._rows) < self._days:
            self._until(len(self._rows) * DAY_S * NS_PER_S)
            self._measure()
            if on_day:
                on_day(self._rows[-1])
            self._rows.append(Day(len(self._rows) + 1))
        self._until(at_ns)
        for seconds in steps:
            self._begin(self._rig.now_s + seconds, steps)
            break

    def _until(self, at_ns: int) -> None:
        self._rig.run_for(max(0, at_ns - self._rig.now_ns) / NS_PER_S)

    def _driver(self, evse: int) -> Steps:
        """Plugs in, shows a token, comes back and shows it again, and leaves with the cable."""
        rig, token = self._rig, self._random.choice(TOKENS)
        car = rig.evse
        self._rows[-1].sessions += 1
        plugs_first = self._random.random() < 0.5
        if plugs_first:
            car.plug(evse, rig.now_ns)
            car.ready(evse, True, rig.now_ns)
            yield self._random.uniform(3, 30)
        car.present_token(token, rig.now_ns, reader=evse)
        yield self._random.uniform(3, 30)
        if not plugs_first:
            car.plug(evse, rig.now_ns)
            car.ready(evse, True, rig.now_ns)
        yield self._random.uniform(600, 5400)
        if self._random.random() < 0.3:
            car.ready(evse, False, rig.now_ns)
            yield self._random.uniform(10, 300)
        for _ in range(_UNPLUG_TRIES):
            while not rig.powered:
                yield 60
            car.present_token(token, rig.now_ns, reader=evse)
            yield 20
            if not car.locked(evse, rig.now_ns):
                car.unplug(evse, rig.now_ns)
                return
        raise StuckCable(f"{rig.now_s:.0f} s: the cable stays locked in EVSE {evse}")

    def _trouble(self, end_ns: int) -> Steps:
        """One fault after the other; each is over before the next one begins."""
        kinds = [
            self._cut,
            self._outage,
            self._half_open,
            self._wifi_loss,
            self._csms_down,
            self._answer_lost,
            self._answer_error,
            self._reset_button,
            self._commanded_reset,
            self._power_cut,
            self._power_cut,
            self._module_restarts,
            *(self._orders.kinds if self._orders else ()),
        ]
        while self._rig.now_ns < end_ns:
            self._rows[-1].faults += 1
            began = self._rig.now_ns
            yield from self._random.choice(kinds)()
            self._disturbed.append((began, self._rig.now_ns))
            # what was ordered goes on meanwhile
            ordered = self._orders and self._random.random() < _OVERLAP
            yield self._random.uniform(0, 60) if ordered else self._random.uniform(120, HOUR_S)

    def _cut(self) -> Steps:
        if self._rig.modem.links:
            self._rig.modem.cut(self._rig.now_ns)
        yield 1

    def _outage(self) -> Steps:
        self._rig.modem.outage(True, self._rig.now_ns)
        yield self._random.uniform(5, 1200)
        self._rig.modem.outage(False, self._rig.now_ns)
        yield 60

    def _half_open(self) -> Steps:
        self._rig.modem.drop(self._rig.now_ns)
        yield _HALF_OPEN_S

    def _wifi_loss(self) -> Steps:
        self._rig.modem.wifi(False, self._rig.now_ns)
        yield self._random.uniform(5, 1800)
        self._rig.modem.wifi(True, self._rig.now_ns)
        yield 1

    def _csms_down(self) -> Steps:
        self._csms.close_all(1001, "maintenance", self._rig.now_ns)
        self._csms.stop_listening()
        yield self._random.uniform(30, 3600)
        self._csms.start_listening()
        yield 1

    def _answer_lost(self) -> Steps:
        self._csms.answer("TransactionEvent", Withhold(), times=1)
        yield 60

    def _answer_error(self) -> Steps:
        self._csms.answer("TransactionEvent", Error("InternalError"), times=1)
        yield 60

    def _reset_button(self) -> Steps:
        self._rig.press_reset()
        self._rows[-1].resets += 1
        yield 30

    def _commanded_reset(self) -> Steps:
        if not self._csms.sessions or not (session := self._csms.session()).connected:
            return
        mid = session.call("Reset", {"type": "Immediate"}, self._rig.now_ns)
        before = len(self._rig.resets)
        for _ in range(90):
            yield 1
            response = session.response(mid)
            if len(self._rig.resets) > before or (
                response and response.payload.get("status") not in ("Accepted", "Scheduled")
            ):
                break
        if len(self._rig.resets) > before:
            self._rig.expect_reset()
            self._rows[-1].resets += 1
        yield 30

    def _power_cut(self) -> Steps:
        self._rig.power_off()
        self._rows[-1].resets += 1
        yield self._random.choice((1, 5, self._random.uniform(10, 900)))
        self._rig.power_on()
        yield 30

    def _module_restarts(self) -> Steps:
        self._rig.modem.reset(self._rig.now_ns)
        yield 30

    # what is seen

    def _watch(self) -> Steps:
        while not self._over:
            self._look()
            yield _SAMPLE_S

    def _look(self) -> None:
        row = self._rows[-1]
        if (area := self._rig.journal_area()) and self._rig.powered:
            items = read_journal(area)
            row.queue_items = max(row.queue_items, len(items))
            row.queue_bytes = max(row.queue_bytes, sum(map(len, items.values())))
            row.heap_live = max(row.heap_live, self._rig.heap_live() or 0)
        lines = [line.text for line in self._rig.log[self._log_read :]]
        for line in lines:
            if found := _STARTED.search(line):
                self._started.add(found[1])
        self._log_read = len(self._rig.log)
        if self._orders and self._rig.powered:
            row.arena = max(row.arena, self._orders.look(lines) or 0)

    def _measure(self) -> None:
        """The end of a day, or of the soak: erases so far."""
        self._look()
        row = self._rows[-1]
        areas = self._rig.journal_area(), self._rig.store_area()
        now = tuple(compactions(area) if area else 0 for area in areas)
        row.journal_erases += now[0] - self._erases[0]
        row.store_erases += now[1] - self._erases[1]
        self._erases = now[0], now[1]

    def _note(self, session: Session, message: Message) -> None:
        if self._orders:
            self._orders.note(message)
        if message.action != "TransactionEvent":
            return
        if message.direction == "in":
            self._note_event(message)
        elif (key := self._asked.pop(message.message_id, None)) and message.type == "CALLRESULT":
            self._events[key].answered_ns = message.at_ns

    def _note_event(self, message: Message) -> None:
        row, payload = self._rows[-1], message.payload
        if message.type != "CALL" or message.violations:
            return
        key = payload["transactionInfo"]["transactionId"], payload["seqNo"]
        self._asked[message.message_id] = key
        row.offline += payload.get("offline", False)
        event = self._events.get(key)
        if event is None:
            self._events[key] = _Event(payload)
            row.events += 1
            row.transactions += payload["eventType"] == "Started"
            return
        row.repeated += 1
        at = f"{message.at_ns / NS_PER_S:.3f} s: event {key[1]} of {key[0]}"
        if _content(payload) != _content(event.payload):
            self._problems.append(f"{at} came again with another content: {json.dumps(payload)}")
        if event.answered_ns is not None and not self._was_disturbed(event.answered_ns, message.at_ns):
            answered_s = event.answered_ns / NS_PER_S
            self._problems.append(f"{at} came again though its answer at {answered_s:.3f} s had arrived")

    def _was_disturbed(self, at_ns: int, now_ns: int) -> bool:
        """Has anything happened around `at_ns`? What goes on now is not in the list yet."""
        around = at_ns - _QUIET_S * NS_PER_S, at_ns + _QUIET_S * NS_PER_S
        return now_ns - at_ns < _QUIET_S * NS_PER_S or any(
            began <= around[1] and over >= around[0] for began, over in self._disturbed
        )

    # the end

    def _judge(self) -> None:
        problems = self._problems
        told: dict[str, dict[int, str]] = {}
        for (transaction, seq), event in self._events.items():
            told.setdefault(transaction, {})[seq] = event.payload["eventType"]
        for transaction, events in told.items():
            kinds = [kind for _, kind in sorted(events.items())]
            if sorted(events) != list(range(len(events))):
                problems.append(f"{transaction}: events {sorted(events)} are not numbered without a gap")
            elif kinds[0] != "Started" or kinds[-1] != "Ended" or set(kinds[1:-1]) - {"Updated"}:
                problems.append(f"{transaction}: events are {', '.join(kinds)}")
        problems += [
            f"{name}: started, and the CSMS knows nothing of it" for name in sorted(self._started - set(told))
        ]
        if area := self._rig.journal_area():
            problems += [f"item {number} is left in the journal" for number in read_journal(area)]
        if self._orders:
            self._orders.judge()
        problems += growth(self._rows)
        problems += self._rig.problems()


def growth(days: Sequence[Day]) -> list[str]:
    """One line where the last day's live heap is above that of the first."""
    first, last = days[0].heap_live, days[-1].heap_live
    if last <= first + _HEAP_SLACK:
        return []
    return [f"live heap has grown from {first:,} bytes on day 1 to {last:,} on day {days[-1].day}"]


class StuckCable(Exception):
    """A driver cannot leave: the soak makes no sense any more."""


def _content(payload: dict[str, Any]) -> dict[str, Any]:
    """Without what goes with the time of sending (E11.FR.07)."""
    return {name: value for name, value in payload.items() if name != "offline"}
