"""What a connection with TLS costs the station: through the network module, from its ClientHello on.

``python -m bench.memory.handshake [BOARD...]``. Each suite of A00.FR.318, with a server below an
intermediate of an installed root; one run each, as every run is the same. Measured on Unicorn:

instructions, ms    from the first call of the `tls` module until the request for the upgrade has come to the
                    CSMS, the station's other tasks and the serial line to the module included
longest step        instructions, and their virtual ms, between two times at which the tasks had their turn
arena               of `tls_arena`: at most, to the end of its topmost block; and of an open connection
heap, stack         at most until then; the heap that could be reached
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import firmware
from bench.arguments import Parser
from bench.emulators.base import NS_PER_MS, Visit
from bench.memory.image import Symbol, symbols_of
from bench.peers.hosts import CSMS_HOST, TLS_PORTS
from bench.platforms import load_platform
from bench.provision import Provisioning
from bench.rig import Rig
from csms_stub.pki import Kind, Pki, der
from csms_stub.tls import SUITES

VARIANT = "secure"
BEGINS, TURN = "client_make_new", "poll_ipoll"
"""Functions: of the module's Client, and of what every turn of the tasks begins with."""
TIMEOUT_S, SETTLED_S = 60.0, 5.0
_HEAD, _USED = 4, 1
"""Of the arena's blocks: their size in the word before them, its lowest bit set while one is in use."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one handshake; bytes, instructions and virtual ns."""

    board: str
    suite: str
    instructions: int
    took_ns: int
    step: int
    step_ns: int
    arena_peak: int
    arena_open: int
    heap_live: int
    stack_peak: int


def measure(board: str, suite: str, elf: Path) -> Cost:
    """Switch a station on whose CSMS agrees to one suite only. Raises RigError."""
    kind: Kind = "ecdsa" if "_ECDSA_" in suite else "rsa"
    url = f"wss://{CSMS_HOST}:{TLS_PORTS[CSMS_HOST]}/ocpp"
    root = der(Pki().root("csms", kind).certificate)
    station = Provisioning(url=url, security_profile=2, csms_roots=[root])
    rig = Rig(load_platform(board), elf, emulator="unicorn", provisioning=station)
    try:
        rig.hosts.tls[CSMS_HOST].suites = (suite,)
        symbols = symbols_of(elf)
        visits: dict[str, list[Visit]] = {BEGINS: [], TURN: []}
        for name, seen in visits.items():
            rig.ram.follow(symbols[name].value & ~1, [], seen.append)
        rig.power_on()
        rig.run_until("connection", lambda: rig.csms.sessions.get(station.identity), TIMEOUT_S)
        use = rig.memory_use()
        peak = int.from_bytes(rig.emulator.read_memory(symbols["tls_arena_peak"].value, 4), "little")
        shake = rig.hosts.handshakes[-1]
        assert shake.suite == suite and not shake.failure, shake
        (begin,) = visits[BEGINS]
        upgrade = rig.csms.connections[-1].handshake
        assert upgrade is not None
        end_ns = upgrade.at_ns
        turns = [visit for visit in visits[TURN] if begin.at_ns <= visit.at_ns <= end_ns]
        steps = [
            (after.instructions - before.instructions, after.at_ns - before.at_ns)
            for before, after in zip([begin, *turns], turns, strict=False)
        ]
        rig.run_for(SETTLED_S)
        assert use.heap_live is not None and use.stack_peak is not None
        return Cost(
            board,
            suite,
            turns[-1].instructions - begin.instructions,
            end_ns - begin.at_ns,
            *max(steps),
            peak,
            in_use(rig, symbols["tls_arena"]),
            use.heap_live,
            use.stack_peak,
        )
    finally:
        rig.close()


def in_use(rig: Rig, arena: Symbol) -> int:
    """Bytes of the arena's blocks in use, their heads included (firmware/port/tls/arena.c)."""
    memory = rig.emulator.read_memory(arena.value, arena.size)
    at, used = _HEAD, 0
    while at < arena.size - _HEAD:
        head = int.from_bytes(memory[at : at + _HEAD], "little")
        used += head & ~_USED if head & _USED else 0
        at += head & ~_USED
    return used


def main(arguments: Sequence[str] | None = None) -> None:
    parser = Parser(
        prog="python -m bench.memory.handshake",
        description="Measure what a connection with TLS costs the station, on Unicorn.",
    )
    parser.add_argument("board", nargs="*", help="all where none is named")
    boards = parser.parse_args(arguments).board or firmware.boards()
    try:
        images = {board: firmware.build(board, variant=VARIANT).resolve() for board in boards}
    except firmware.FirmwareError as error:
        parser.error(str(error))
    table = Table(title="A connection with TLS, through the network module", title_justify="left")
    for heading in ("board", "suite"):
        table.add_column(heading)
    for heading in ("M instr", "ms", "step M", "ms", "arena most", "open", "heap", "stack"):
        table.add_column(heading, justify="right")
    for board, elf in images.items():
        for suite in SUITES:
            cost = measure(board, suite, elf)
            table.add_row(
                board,
                suite.removeprefix("TLS_"),
                f"{cost.instructions / 1e6:.1f}",
                f"{cost.took_ns / NS_PER_MS:.0f}",
                f"{cost.step / 1e6:.1f}",
                f"{cost.step_ns / NS_PER_MS:.0f}",
                *(
                    f"{size:,}"
                    for size in (cost.arena_peak, cost.arena_open, cost.heap_live, cost.stack_peak)
                ),
            )
    Console(width=130).print(table)


if __name__ == "__main__":
    main()
