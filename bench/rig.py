"""One board, what is wired to it, and a CSMS, on one virtual clock."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from bench.emulators import Kind, create
from bench.emulators.base import NS_PER_MS, NS_PER_S, Emulator, Reset
from bench.memory.elf import Area, StaticMemory
from bench.memory.runtime import HeapError, MemoryUse, RuntimeProbes, content_of
from bench.metrics import Metrics, Watch
from bench.peers.evse import EvseController
from bench.peers.hosts import Hosts
from bench.peers.modem import Modem
from bench.peers.network import Network
from bench.platforms import Platform
from bench.provision import Provisioning, image
from bench.rtt import RttReader
from bench.traceback import Traceback
from csms_stub.csms import Csms

T = TypeVar("T")

_SLICE_MIN_NS, _SLICE_MAX_NS = 10 * NS_PER_MS, 60 * NS_PER_S
_LIVE_WAIT_S = 0.1
_PROBLEMS_SHOWN = 20
_RESETS_MAX = 20
_TRACEBACK = "Traceback (most recent call last)"


class RigError(Exception):
    """The bench was asked for what it cannot do. The message is one clear line."""


class BoardLost(RigError):
    """The board resets again and again: nothing is to be expected of it any more."""


class NotInTime(RigError):
    """What a scenario waited for did not happen within its virtual time."""


class Peer(Protocol):
    def receive(self, data: bytes, now_ns: int) -> None: ...

    def poll(self, now_ns: int) -> bytes: ...

    def next_event_ns(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the firmware's log and the virtual time at which it was read."""

    at_ns: int
    text: str


class Rig:
    """A provisioned board that is still switched off, with modem, EVSE controller and network.

    platform      the board (bench.platforms.load_platform)
    elf           its firmware, ours or another; what its symbols do not offer is said in `notes`
    emulator      "auto", "unicorn" or "renode"
    provisioning  what stands in the store before the first boot; None leaves the store erased
    csms          the CSMS of the in-process network: bench.peers.hosts tells where it is found
    network       instead of the in-process network: hosts outside (bench.peers.tcp.TcpNetwork)
    seed          of everything random outside the board
    metrics       have the board watched for `metrics`, which is slow
    heap          bytes of its heap area that the firmware gets, instead of all

    Raises RigError, EmulatorError (PlatformError, ImageError), ImageFileError, StoreError, OSError.
    """

    def __init__(
        self,
        platform: Platform,
        elf: Path,
        *,
        emulator: Kind = "auto",
        provisioning: Provisioning | None = None,
        csms: Csms | None = None,
        network: Network | None = None,
        evses: int = 2,
        seed: int = 0,
        metrics: bool = False,
        heap: int | None = None,
    ) -> None:
        self.platform = platform
        self.notes: list[str] = []
        self.log: list[LogLine] = []
        self.csms = csms or Csms()
        self.hosts = Hosts(self.csms)
        network = network or self.hosts.network
        self._network = network
        installed = provisioning or Provisioning()
        self.modem = Modem(network, ssid=installed.wifi_ssid, password=installed.wifi_password, seed=seed)
        self.evse = EvseController(evses=evses, seed=seed)
        self._wires: tuple[tuple[str, Peer], ...] = (
            (platform.modem_uart, self.modem),
            (platform.evse_uart, self.evse),
        )
        self.elf = elf
        self.store: Area | None = None
        self.journal: Area | None = None
        content = content_of(elf)
        self.static: StaticMemory = content.static
        self._watch = Watch() if metrics else None
        profile = self._watch.profile if self._watch else None
        self.emulator: Emulator = create(emulator, platform, seed=seed, count_memory=metrics, profile=profile)
        try:
            self.emulator.load(elf)
            self._symbols = content.image.symbols
            self._traceback = Traceback(content.image.frozen, self._symbols)
            self._provision(provisioning)
            self._find_log()
            self.ram = RuntimeProbes(self.emulator, content, self.journal)
            self.notes += self.ram.notes
            if heap is not None:
                self._limit_heap(heap)
        except Exception:
            self.emulator.close()
            raise
        self._unfinished_line = b""
        self._typed = b""
        self._slice_ns = _SLICE_MIN_NS
        self._modem_on = False
        self._resets_caused = 0
        self._powered = False
        self.evse.power(False, self.now_ns)

    # the supply

    def power_on(self) -> None:
        """Switch the station on: board, EVSE controller, and the modem where the board does not switch it."""
        if self._powered:
            raise RigError("the board is switched on already")
        self.emulator.power_on()
        self._powered = True
        self.ram.power_on(self.now_ns)
        self.evse.power(True, self.now_ns)
        self._switch_modem()

    def power_off(self) -> None:
        """Cut the supply of the whole station."""
        if self._powered:
            self.ram.power_off()
        self.emulator.power_off()
        self._powered = False
        self.evse.power(False, self.now_ns)
        self._switch_modem()

    def press_reset(self) -> None:
        """Pull the reset pin."""
        self.emulator.reset()
        self.ram.look(self.now_ns)
        self._resets_caused += 1

    def expect_reset(self, count: int = 1) -> None:
        """The scenario makes the firmware reset itself: the next `count` resets are no problem."""
        self._resets_caused += count

    def forgive_resets(self) -> None:
        """No reset so far is a problem, none in future is expected."""
        self._resets_caused = sum(reset.cause != "power" for reset in self.resets)

    def type(self, line: str) -> None:
        """Type a line into the firmware's debug channel, which takes it as it has room.

        Raises RigError for a firmware that does not read there (ours does as the variant debug).
        """
        if self._rtt is None or self._rtt.type(b"") is None:
            raise RigError(f"{self.elf}: this firmware takes nothing that is typed; build the variant debug")
        self._typed += line.encode() + b"\n"

    # time

    @property
    def now_ns(self) -> int:
        return self.emulator.now_ns

    @property
    def now_s(self) -> float:
        return self.now_ns / NS_PER_S

    def run_for(self, seconds: float) -> None:
        """Let `seconds` of virtual time pass. Raises BoardLost."""
        deadline = self.now_ns + round(seconds * NS_PER_S)
        self._exchange()
        while self.now_ns < deadline:
            self._step(deadline)

    def run_until(self, what: str, condition: Callable[[], T | None], timeout_s: float) -> T:
        """Run until `condition` returns something true, and return that.

        It is asked whenever the board or a peer may have done something. Raises NotInTime with `what` after
        `timeout_s` seconds of virtual time, or BoardLost.
        """
        deadline = self.now_ns + round(timeout_s * NS_PER_S)
        self._exchange()
        while not (value := condition()):
            if self.now_ns >= deadline:
                raise NotInTime(f"no {what} within {timeout_s:g} s (now {self.now_s:.3f} s)")
            self._step(deadline)
        return value

    def run_paced(self, seconds: float, on_step: Callable[[], None]) -> None:
        """Like `run_for`, but virtual time never runs ahead of host time, as partners outside need it.

        `on_step` is called at least every 0.1 s of host time.
        """
        network = self._network
        start_ns, start_host_ns = self.now_ns, time.monotonic_ns()
        deadline = start_ns + round(seconds * NS_PER_S)
        self._exchange()
        while self.now_ns < deadline:
            target = self._target(deadline)
            ahead_s = (target - start_ns - (time.monotonic_ns() - start_host_ns)) / NS_PER_S
            if ahead_s > 0:
                pause = min(ahead_s, _LIVE_WAIT_S)
                if hasattr(network, "wait"):
                    network.wait(pause)
                else:
                    time.sleep(pause)
            host_ns = start_ns + time.monotonic_ns() - start_host_ns
            self._exchange()
            self._step(min(target, max(host_ns, self.now_ns + 1)))
            on_step()

    # what was seen

    @property
    def resets(self) -> list[Reset]:
        return self.emulator.resets

    def problems(self) -> list[str]:
        """What no scenario may leave behind: one line each, empty when all is well.

        Violations of OCPP 2.0.1's schemas and of OCPP-J by either side, what the firmware said to the network
        module and the EVSE controller that they do not understand, exceptions in its log, and resets that
        nobody asked for.
        """
        found = list(self.csms.violations)
        found += [
            f"{at_ns / NS_PER_S:.3f} s {name}: {text}"
            for name, peer in (("network module", self.modem), ("EVSE controller", self.evse))
            for at_ns, text in peer.complaints
        ]
        found += self._exceptions()
        extra = self._unasked_resets()
        found += [f"unexpected reset {_reset(reset)}" for reset in extra]
        if len(found) > _PROBLEMS_SHOWN:
            found[_PROBLEMS_SHOWN:] = [f"... and {len(found) - _PROBLEMS_SHOWN} more"]
        return found

    def transcript(self) -> list[str]:
        """All HTTP upgrades and OCPP-J messages in order: virtual ns, station, direction, wire text; and TLS
        handshakes and requests for files."""
        entries = self.hosts.transcript()
        for connection in self.csms.connections:
            if shake := connection.handshake:
                entries.append((shake.at_ns, f"{shake.identity} GET {shake.path} {shake.status}"))
        for identity, session in self.csms.sessions.items():
            entries += [(m.at_ns, f"{identity} {m.direction} {m.text}") for m in session.transcript]
        return [f"{at_ns} {text}" for at_ns, text in sorted(entries, key=lambda entry: entry[0])]

    def transcript_sha256(self) -> str:
        """Of the transcript's lines: equal for equal runs, virtual times included."""
        return hashlib.sha256("\n".join(self.transcript()).encode()).hexdigest()

    def memory_use(self) -> MemoryUse:
        """Of the run so far."""
        return self.ram.use()

    @property
    def powered(self) -> bool:
        """Is the board switched on?"""
        return self._powered

    def heap_live(self) -> int | None:
        """Bytes of the heap that can be reached now; None where that cannot be measured."""
        return self.ram.live()

    def variable(self, name: str) -> bytes | None:
        """What stands in a variable of the firmware's C; None where there is none of that name."""
        symbol = self._symbols.get(name)
        return self.emulator.read_memory(symbol.value, symbol.size) if symbol else None

    def store_area(self) -> bytes | None:
        """What stands in the flash of the store; None where there is none. See bench.provision.read."""
        return self.emulator.read_memory(self.store.start, self.store.size) if self.store else None

    def slots(self) -> list[bytes]:
        """What stands in the slots for an image; none where the firmware does not update itself."""
        names = ("_slot_first", "_slot_second", "_slot_size")
        if not all(name in self._symbols for name in names):
            return []
        first, second, size = (self._symbols[name].value for name in names)
        return [self.emulator.read_memory(start, size) for start in (first, second)]

    def tls_arena_peak(self) -> int | None:
        """Bytes of the memory of TLS (port/tls/arena.c) that were ever in use at once since the last reset,
        gaps included; None where there is none."""
        if "tls_arena_peak" not in self._symbols:
            return None
        return int.from_bytes(self.emulator.read_memory(self._symbols["tls_arena_peak"].value, 4), "little")

    def journal_area(self) -> bytes | None:
        """What stands in the flash of the journal; None where there is none."""
        return self.emulator.read_memory(self.journal.start, self.journal.size) if self.journal else None

    def metrics(self) -> Metrics:
        """What the board did over virtual time; ends the run, as `close` does. Raises MetricsError."""
        if self._watch is None:
            raise RigError("the rig was made without metrics")
        return self._watch.finish(self.emulator)

    def close(self) -> None:
        self.emulator.close()
        if self._watch:
            self._watch.close()

    # inside

    def _provision(self, provisioning: Provisioning | None) -> None:
        if provisioning is None:
            return
        if self.platform.store_symbols is None:
            self.notes.append(f"{self.platform.name} has no store: it is not provisioned")
            return
        self.store = self._area(self.platform.store_symbols)
        if self.store is None:
            start, end = self.platform.store_symbols
            self.notes.append(f"firmware has no symbols {start} and {end}: its store is not provisioned")
            return
        self.emulator.write_memory(self.store.start, image(provisioning.entries(), self.store.size))
        self.journal = self._area(self.platform.journal_symbols)
        if self.journal:
            self.emulator.write_memory(self.journal.start, image({}, self.journal.size))

    def _limit_heap(self, size: int) -> None:
        try:
            self.ram.limit_heap(size)
        except HeapError as error:
            raise RigError(str(error)) from None

    def _area(self, symbols: tuple[str, str] | None) -> Area | None:
        """Between two linker symbols; None where the firmware does not have them."""
        if symbols is None or not all(name in self._symbols for name in symbols):
            return None
        start, end = (self._symbols[name].value for name in symbols)
        return Area(start, end)

    def _find_log(self) -> None:
        rtt = self.platform.rtt_symbol
        control_block = self._symbols.get(rtt) if rtt else None
        self._rtt = RttReader(self.emulator, control_block.value) if control_block else None
        if control_block is None:
            self.notes.append(
                f"firmware has no symbol {rtt or 'of an RTT control block'}: its log is not read"
            )

    def _target(self, deadline_ns: int) -> int:
        now = self.now_ns
        times = [deadline_ns, now + (_SLICE_MIN_NS if self._typed else self._slice_ns)]
        times += [at for _, peer in self._wires if (at := peer.next_event_ns()) is not None]
        return max(min(times), now + 1)

    def _step(self, deadline_ns: int) -> None:
        if self._typed and self._rtt:
            self._typed = self._typed[self._rtt.type(self._typed) or 0 :]
        self.emulator.advance(self._target(deadline_ns))
        self._exchange()
        if len(self.resets) > _RESETS_MAX and len(extra := self._unasked_resets()) > _RESETS_MAX:
            raise BoardLost(f"the board resets again and again: {len(extra)} times, last {_reset(extra[-1])}")
        if self._watch:
            self._watch.look(self.emulator)
        logged = self._drain_log()
        self._slice_ns = _SLICE_MIN_NS if logged else min(2 * self._slice_ns, _SLICE_MAX_NS)
        self.ram.look(self.now_ns)

    def _unasked_resets(self) -> list[Reset]:
        """Power comes from here only; of the others the scenario has caused the first ones."""
        return [reset for reset in self.resets if reset.cause != "power"][self._resets_caused :]

    def _exchange(self) -> None:
        now = self.now_ns
        self._switch_modem()
        for uart, peer in self._wires:
            if sent := self.emulator.uart_read(uart):
                peer.receive(sent, now)
            if due := peer.poll(now):
                self.emulator.uart_write(uart, due)

    def _switch_modem(self) -> None:
        pin = self.platform.modem_enable
        on = self._powered and (pin is None or self.emulator.gpio_get(*pin))
        if on != self._modem_on:
            self._modem_on = on
            self.modem.power(on, self.now_ns)

    def _drain_log(self) -> bool:
        if self._rtt is None or not (logged := self._rtt.drain()):
            return False
        *lines, self._unfinished_line = (self._unfinished_line + logged).split(b"\n")
        now = self.now_ns
        texts = (line.decode(errors="replace").rstrip("\r") for line in lines)
        self.log += [LogLine(now, self._traceback.decoded(text)) for text in texts]
        return True

    def _exceptions(self) -> list[str]:
        found = []
        for number, line in enumerate(self.log):
            if line.text.startswith(_TRACEBACK):
                behind = (later.text for later in self.log[number + 1 :])
                exception = next((text for text in behind if not text.startswith(" ")), "(cut off)")
                found.append(f"exception in the firmware at {line.at_ns / NS_PER_S:.3f} s: {exception}")
        return found


def _reset(reset: Reset) -> str:
    return f"by {reset.cause} at {reset.at_ns / NS_PER_S:.3f} s"
