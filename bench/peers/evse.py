"""The EVSE controller at the EVSE UART, with its EVSEs, cables and cars, in virtual time.

The serial protocol is in the manner of OpenEVSE's RAPI (`bench.peers.rapi`), for several EVSEs:

    $GV                     $OK <firmware version> <protocol version>
    $GS <evse>              $OK <pilot> <flags hex> <amps>
    $GG <evse>              $OK <mA> <mV>
    $GU <evse>              $OK <Wh of this session> <Wh in all>
    $FE <evse>, $FD <evse>  enable, disable charging
    $SC <evse> <amps>       pilot current: 0 (none) or 6..80; $NK <amps set> where it was limited
    $SL <evse> <0|1>        unlock, lock the connector; $NK where the lock did not move
    $GD <evse>              $OK <Wh in all> <length of its signed record> <length of the meter's public key>
    $GB <evse> <offset>     $OK <at most 60 characters of that record, base64>; $NK where there is none
    $GK <evse> <offset>     $OK <at most 60 characters of the public key, base64>

and by itself: $AB <post code> <version> after boot, $AT <evse> <pilot> <flags> <amps> on a change,
$AR <reader> <type> <token> for a token read, $AE <evse> <fault code hex>.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

from bench.peers import PeerError
from bench.peers.agenda import Agenda
from bench.peers.meter import FiscalMeter
from bench.peers.rapi import Command, Decoder, encode

NS_PER_MS = 1_000_000
FIRMWARE_VERSION = "8.2.1.BENCH"
PROTOCOL_VERSION = "5.2.1"
BOOT_MS = 300
ANSWER_MS = 2
TIMEOUT_MS = 500
"""How long a station waits for an answer before it tries again."""
PIECE = 60
"""Characters of a record or a key in one answer."""
CAR_MS = 400
"""How long a car takes to follow the pilot signal into state C, or out of it."""
CONTACTOR_MS = 100
MIN_AMPS = 6
MAX_AMPS = 80
DEFAULT_AMPS = 32
KEPT_COMPLAINTS = 1000

CABLE, CLOSED, LOCKED, READY, ELECTRICAL, TEMPERATURE = 1, 2, 4, 8, 0x10, 0x20
"""Flags of $GS and $AT."""

FAULTS = {
    0: "none",
    1: "ground fault",
    2: "stuck relay",
    3: "over-temperature",
    4: "diode check",
    5: "ventilation required",
    6: "overcurrent",
}
"""Fault codes of $AE."""

_MW_NS_PER_WH = 1000 * 3600 * 1_000_000_000
_PLAIN_TOKEN = frozenset("0123456789ABCDEFabcdef")

Direction = Literal["up", "down"]


@dataclass(slots=True)
class _Evse:
    """One EVSE, its connector, and the car at it. Energy is exact: milliwatt nanoseconds."""

    number: int
    cable: bool = False
    car: bool = False
    asks: bool = False
    in_c: bool = False
    enabled: bool = False
    amps: int = DEFAULT_AMPS
    car_ma: int = 32_000
    closed: bool = False
    locked: bool = False
    lock_stuck: bool = False
    fault: int = 0
    session_energy: int = 0
    total_energy: int = 0
    metered_ns: int = 0
    reported: str = ""
    meter: FiscalMeter | None = None
    record: str = ""

    @property
    def offers(self) -> bool:
        """The pilot carries a duty cycle: the car may draw current."""
        return self.enabled and self.amps >= MIN_AMPS and not self.fault

    @property
    def pilot(self) -> str:
        if self.fault:
            return "F"
        if not (self.cable and self.car):
            return "A"
        return "C" if self.in_c else "B"

    @property
    def milliamps(self) -> int:
        return min(self.amps * 1000, self.car_ma) if self.closed else 0

    def state(self) -> str:
        """Pilot, flags, amps, as $GS and $AT say them."""
        flags = CABLE * self.cable | CLOSED * self.closed | LOCKED * self.locked
        flags |= READY * (self.car and self.cable and self.asks)
        flags |= ELECTRICAL * (self.fault in (1, 2)) | TEMPERATURE * (self.fault == 3)
        return f"{self.pilot} {flags:X} {self.amps}"


class EvseController:
    """A controller with `evses` EVSEs, numbered from 1, each with one connector.

    On from the start; after boot charging is disabled and the pilot current 32 A on all of them. All methods
    take virtual nanoseconds that never go back, and raise PeerError for an EVSE that is not there.

    complaints      what the firmware did against the dialect: (virtual ns, text); the last 1000
    """

    def __init__(self, *, evses: int = 2, voltage_mv: int = 230_000, seed: int = 0) -> None:
        self.voltage_mv = voltage_mv
        self.complaints: deque[tuple[int, str]] = deque(maxlen=KEPT_COMPLAINTS)
        self._evses = {number: _Evse(number) for number in range(1, evses + 1)}
        self._seed = seed
        self._random = random.Random(seed)
        self._agenda = Agenda()
        self._decoder = Decoder()
        self._out = bytearray()
        self._now = 0
        self._powered = False
        self._running = False
        self._silent = False
        self._unanswered: deque[int] = deque()
        self._answer_ms = float(ANSWER_MS)
        self._drop: dict[Direction, int] = {"up": 0, "down": 0}
        self._corrupt = 0
        self.power(True, 0)

    # the board's side

    def receive(self, data: bytes, now_ns: int) -> None:
        """Bytes from the board's UART. Never raises, whatever they are."""
        self._run(now_ns)
        if not self._running or self._silent:
            return
        for command in self._decoder.feed(data):
            if self._drop["up"]:
                self._drop["up"] -= 1
                continue
            # One that gave the answer up may go on (RAPIS_TIMEOUT_MS).
            if self._unanswered and self._now - self._unanswered[-1] < TIMEOUT_MS * NS_PER_MS:
                self._complain(f"{' '.join(command.words)!r} before the answer to the command before it")
            self._unanswered.append(self._now)
            due = self._now + int(self._answer_ms * NS_PER_MS)
            self._agenda.at(due, partial(self._execute, command))
        self._run(now_ns)

    def poll(self, now_ns: int) -> bytes:
        """Bytes for the board that are due by now."""
        self._run(now_ns)
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event_ns(self) -> int | None:
        """When `poll` next has something to say or do; a time gone by means now; None: never."""
        return self._now if self._out else self._agenda.next_ns()

    def power(self, on: bool, now_ns: int) -> None:
        """The controller's supply. Off opens the contactors; the locks stay as they are, the energy registers
        are kept. On boots it: "$AB" after a while, charging disabled."""
        self._run(now_ns)
        if on == self._powered:
            return
        self._powered = on
        self._running = False
        self._agenda.clear()
        self._decoder = Decoder()
        self._unanswered.clear()
        for evse in self._evses.values():
            self._meter(evse)
            evse.enabled = evse.in_c = evse.closed = False
            evse.amps = DEFAULT_AMPS
            evse.record = ""
        if on:
            self._agenda.at(now_ns + BOOT_MS * NS_PER_MS, self._booted)
        else:
            self._out.clear()

    # the car and its driver

    def plug(self, evse: int, now_ns: int) -> None:
        """A cable with a car at its other end. Raises PeerError where one is plugged already."""
        chosen = self._at(evse, now_ns)
        if chosen.car:
            raise PeerError(f"a car is at EVSE {evse} already")
        chosen.cable = chosen.car = True
        chosen.session_energy = 0
        self._changed(chosen)

    def plug_cable(self, evse: int, now_ns: int) -> None:
        """A cable at the station's side, with no car yet; `plug` adds the car."""
        chosen = self._at(evse, now_ns)
        if chosen.cable:
            raise PeerError(f"a cable is in EVSE {evse} already")
        chosen.cable = True
        self._changed(chosen)

    def unplug(self, evse: int, now_ns: int) -> None:
        """Pull the cable out of the station. Raises PeerError where it is locked, or there is none."""
        chosen = self._at(evse, now_ns)
        if not chosen.cable:
            raise PeerError(f"no cable is in EVSE {evse}")
        if chosen.locked:
            raise PeerError(f"the connector of EVSE {evse} is locked")
        self._part(chosen)
        chosen.cable = False
        self._changed(chosen)

    def unplug_car(self, evse: int, now_ns: int) -> None:
        """Pull the cable out of the car; it stays in the station, locked or not."""
        chosen = self._at(evse, now_ns)
        if not chosen.car:
            raise PeerError(f"no car is at EVSE {evse}")
        self._part(chosen)
        self._changed(chosen)

    def ready(self, evse: int, on: bool, now_ns: int) -> None:
        """The car at this EVSE asks for energy, or does not any more (its battery is full). Goes when the car
        goes; may be said before it comes."""
        chosen = self._at(evse, now_ns)
        chosen.asks = on
        self._changed(chosen)

    def set_car_limit(self, evse: int, amps: float, now_ns: int) -> None:
        """What the car draws at most; it draws the pilot current where that is less. 32 A at first."""
        if amps < 0:
            raise PeerError(f"a car cannot draw {amps} A")
        chosen = self._at(evse, now_ns)
        chosen.car_ma = round(amps * 1000)

    def present_token(
        self,
        token: str,
        now_ns: int,
        *,
        type: Literal["ISO14443", "ISO15693", "KeyCode"] = "ISO14443",
        reader: int = 1,
    ) -> None:
        """A token is read by `reader`. Raises PeerError for a token that is no hex (KeyCode: no printable)
        string of 1 to 36 characters."""
        plain = token.isascii() and token.isprintable() and not set(token) & set(" $^:")
        if not 1 <= len(token) <= 36 or not plain or (type != "KeyCode" and not set(token) <= _PLAIN_TOKEN):
            raise PeerError(
                f"{token!r} is no {type} token: 1 to 36 hex digits (KeyCode: printable characters)"
            )
        self._run(now_ns)
        self._report(f"AR {reader} {type} {token}")

    # faults

    def fault(self, evse: int, code: int, now_ns: int) -> None:
        """Raise a fault: "$AE", pilot F, the contactor opens. Code 0 clears it. Raises PeerError for a code
        not in FAULTS."""
        if code not in FAULTS:
            known = ", ".join(f"{number} {name}" for number, name in FAULTS.items())
            raise PeerError(f"{code} is no fault code ({known})")
        chosen = self._at(evse, now_ns)
        if chosen.fault == code:
            return
        chosen.fault = code
        self._report(f"AE {evse} {code:02X}")
        self._changed(chosen)

    def lock_fails(self, evse: int, on: bool) -> None:
        """The lock's motor is stuck where it is: $SL that would move it is answered $NK."""
        self._find(evse).lock_stuck = on

    def silence(self, on: bool, now_ns: int) -> None:
        """The controller hangs: hears nothing, says nothing, its contactors stay as they are."""
        self._run(now_ns)
        self._silent = on
        self._decoder = Decoder()

    def drop_frames(self, count: int, *, direction: Direction = "down") -> None:
        """The next `count` frames are lost: "down" to the board, "up" from it."""
        self._drop[direction] = count

    def corrupt_frames(self, count: int) -> None:
        """One bit is flipped in each of the next `count` frames to the board."""
        self._corrupt = count

    def slow(self, milliseconds: float) -> None:
        """Answers come this late from now on (2 ms is the usual)."""
        if milliseconds < 0:
            raise PeerError(f"an answer cannot come after {milliseconds} ms")
        self._answer_ms = milliseconds

    # what a scenario looks at

    def pilot(self, evse: int, now_ns: int) -> str:
        """A no car, B car connected, C charging, F fault."""
        return self._at(evse, now_ns).pilot

    def contactor_closed(self, evse: int, now_ns: int) -> bool:
        return self._at(evse, now_ns).closed

    def enabled(self, evse: int, now_ns: int) -> bool:
        """The firmware allows charging ($FE)."""
        return self._at(evse, now_ns).enabled

    def locked(self, evse: int, now_ns: int) -> bool:
        return self._at(evse, now_ns).locked

    def plugged(self, evse: int, now_ns: int) -> bool:
        """A cable is in the EVSE."""
        return self._at(evse, now_ns).cable

    def pilot_amps(self, evse: int, now_ns: int) -> int:
        """Pilot current that the firmware set ($SC)."""
        return self._at(evse, now_ns).amps

    def current_ma(self, evse: int, now_ns: int) -> int:
        """What the car draws."""
        return self._at(evse, now_ns).milliamps

    def public_key(self, evse: int) -> str:
        """Of the EVSE's meter, as printed on it: SubjectPublicKeyInfo in base64."""
        return self._meter_of(self._find(evse)).public_key()

    def energy_wh(self, evse: int, now_ns: int, *, session: bool = False) -> float:
        """Register of all energy delivered, or of the session (since the car was plugged)."""
        chosen = self._at(evse, now_ns)
        return (chosen.session_energy if session else chosen.total_energy) / _MW_NS_PER_WH

    # inside

    def _find(self, evse: int) -> _Evse:
        try:
            return self._evses[evse]
        except KeyError:
            raise PeerError(f"there is no EVSE {evse}, only 1 to {len(self._evses)}") from None

    def _at(self, evse: int, now_ns: int) -> _Evse:
        chosen = self._find(evse)
        self._run(now_ns)
        self._meter(chosen)
        return chosen

    def _run(self, now_ns: int) -> None:
        while (due := self._agenda.pop(now_ns)) is not None:
            when, action = due
            self._now = max(self._now, when)
            action(self._now)
        self._now = max(self._now, now_ns)

    def _meter(self, evse: _Evse) -> None:
        """Bring the energy registers up to now."""
        energy = evse.milliamps * self.voltage_mv * (self._now - evse.metered_ns) // 1000
        evse.session_energy += energy
        evse.total_energy += energy
        evse.metered_ns = self._now

    def _part(self, evse: _Evse) -> None:
        evse.car = evse.asks = evse.in_c = evse.closed = False

    def _changed(self, evse: _Evse) -> None:
        """After anything that moves pilot or contactor: what follows, now or soon, and the report of it."""
        self._meter(evse)
        if evse.in_c and not (evse.offers and evse.asks):
            # Without a duty cycle the contactor opens at once, the car follows; either way C is over.
            evse.in_c = evse.closed = False
        elif evse.car and evse.asks and evse.offers and not evse.in_c:
            self._agenda.at(self._now + CAR_MS * NS_PER_MS, partial(self._enter_c, evse))
        if self._running and evse.reported != (state := evse.state()):
            evse.reported = state
            self._report(f"AT {evse.number} {state}")

    def _enter_c(self, evse: _Evse, now_ns: int) -> None:
        if evse.in_c or not (evse.car and evse.asks and evse.offers):
            return
        evse.in_c = True
        self._agenda.at(now_ns + CONTACTOR_MS * NS_PER_MS, partial(self._close, evse))
        self._changed(evse)

    def _close(self, evse: _Evse, _now_ns: int) -> None:
        if evse.in_c and not evse.closed:
            self._meter(evse)
            evse.closed = True
            self._changed(evse)

    def _booted(self, _now_ns: int) -> None:
        self._running = True
        self._report(f"AB 00 {FIRMWARE_VERSION}")
        for evse in self._evses.values():
            evse.reported = evse.state()
            self._changed(evse)

    def _report(self, text: str) -> None:
        """Put a frame on the wire."""
        if not self._running or self._silent:
            return
        if self._drop["down"]:
            self._drop["down"] -= 1
            return
        frame = bytearray(encode(text))
        if self._corrupt:
            self._corrupt -= 1
            frame[self._random.randrange(len(frame))] ^= 1 << self._random.randrange(8)
        self._out += frame

    def _complain(self, text: str) -> None:
        self.complaints.append((self._now, text))

    def _execute(self, command: Command, _now_ns: int) -> None:
        self._unanswered.popleft()
        if command.problem:
            self._complain(f"{' '.join(command.words)!r}: {command.problem}")
            # The controller takes frames with no checksum, for people at a terminal; too long ones are lost.
            if not command.words:
                return
            if command.problem != "no checksum":
                self._report("NK")
                return
        try:
            answer = "OK " + self._handle(command.words)
        except _NotOk as refusal:
            answer = f"NK {refusal}"
            if refusal.complaint:
                self._complain(f"{' '.join(command.words)!r}: {refusal.complaint}")
        if command.sequence:
            answer = f"{answer.rstrip()} :{command.sequence}"
        self._report(answer.rstrip())

    def _handle(self, words: tuple[str, ...]) -> str:
        name, arguments = words[0], words[1:]
        if name == "GV" and not arguments:
            return f"{FIRMWARE_VERSION} {PROTOCOL_VERSION}"
        entry = _COMMANDS.get(name)
        if entry is None:
            raise _NotOk("", "unknown command")
        handler, count = entry
        # isdecimal alone takes digits of other scripts.
        if len(arguments) != count or not all(word.isascii() and word.isdecimal() for word in arguments):
            raise _NotOk("", f"{name} takes {count} decimal numbers")
        evse = self._evses.get(int(arguments[0]))
        if evse is None:
            raise _NotOk("", f"there is no EVSE {arguments[0]}")
        self._meter(evse)
        return handler(self, evse, *map(int, arguments[1:]))

    def _get_state(self, evse: _Evse) -> str:
        return evse.state()

    def _get_current(self, evse: _Evse) -> str:
        return f"{evse.milliamps} {self.voltage_mv}"

    def _get_energy(self, evse: _Evse) -> str:
        return f"{evse.session_energy // _MW_NS_PER_WH} {evse.total_energy // _MW_NS_PER_WH}"

    def _sign(self, evse: _Evse) -> str:
        energy = evse.total_energy // _MW_NS_PER_WH
        meter = self._meter_of(evse)
        evse.record = meter.sign(energy, self._now)
        return f"{energy} {len(evse.record)} {len(meter.public_key())}"

    def _get_record(self, evse: _Evse, offset: int) -> str:
        return _piece(evse.record, offset)

    def _get_key(self, evse: _Evse, offset: int) -> str:
        return _piece(self._meter_of(evse).public_key(), offset)

    def _meter_of(self, evse: _Evse) -> FiscalMeter:
        """Its meter, whose key takes a while to make: not before anybody asks."""
        if evse.meter is None:
            evse.meter = FiscalMeter(evse.number, self._seed)
        return evse.meter

    def _enable(self, evse: _Evse) -> str:
        evse.enabled = True
        self._later(evse)
        return ""

    def _disable(self, evse: _Evse) -> str:
        evse.enabled = False
        self._later(evse)
        return ""

    def _set_current(self, evse: _Evse, amps: int) -> str:
        evse.amps = min(max(amps, MIN_AMPS), MAX_AMPS) if amps else 0
        self._later(evse)
        if evse.amps != amps:
            raise _NotOk(str(evse.amps), f"pilot current of {amps} A, not 0 or {MIN_AMPS} to {MAX_AMPS}")
        return str(amps)

    def _set_lock(self, evse: _Evse, on: int) -> str:
        if on > 1:
            raise _NotOk("", "SL takes 0 or 1")
        if evse.lock_stuck and evse.locked != bool(on):
            raise _NotOk("", "")
        evse.locked = bool(on)
        self._later(evse)
        return ""

    def _later(self, evse: _Evse) -> None:
        """Changes follow the answer, on the wire too."""
        self._agenda.at(self._now, lambda _: self._changed(evse))


class _NotOk(Exception):
    """The answer is $NK with this text; `complaint` says what the firmware did wrong, "" where nothing."""

    def __init__(self, text: str, complaint: str) -> None:
        super().__init__(text)
        self.complaint = complaint


def _piece(text: str, offset: int) -> str:
    if offset >= len(text):
        raise _NotOk("", f"there are {len(text)} characters, none at {offset}")
    return text[offset : offset + PIECE]


_COMMANDS: dict[str, tuple[Callable[..., str], int]] = {
    "GS": (EvseController._get_state, 1),
    "GG": (EvseController._get_current, 1),
    "GU": (EvseController._get_energy, 1),
    "GD": (EvseController._sign, 1),
    "GB": (EvseController._get_record, 2),
    "GK": (EvseController._get_key, 2),
    "FE": (EvseController._enable, 1),
    "FD": (EvseController._disable, 1),
    "SC": (EvseController._set_current, 2),
    "SL": (EvseController._set_lock, 2),
}
