"""What the page shows, as JSON: gathered from the files that a run left in its folder."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.conformance.page import BLOCKS
from bench.keywords.base import TELLING, TELLING_MOST
from bench.memory import history, peers
from bench.memory.budget import read_budget
from bench.page.keep import MEMORY, RUN
from bench.results import written_by
from bench.trace import TRACE

HEAP, PRICE = "heap.json", "price.json"
"""Written by ``ocpp-bench heap`` and ``ocpp-bench price``."""

_RUN_FIELDS = (
    "board", "emulator", "id", "name", "verdict", "message", "virtual_s", "host_s", "instructions", "memory",
    "notes",
)  # fmt: skip


class PageError(Exception):
    """There is nothing to make a page of. The message is one clear line."""


def gather(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The core, and the traces: each a scenario's, bench.trace.Trace by board.

    The core; what was not measured is None or missing, and the page says so:

    about      run.json
    runs       first run of each scenario on each board: fields of results.json, and `trace`, its place among
               the traces, or None
    matrix     conformance.json
    images     by board, see `image`
    budget     limits of bench/memory/budget.toml
    telling    fields that tell a message from others of its action, by action; "" for all others
    history    bench.memory.history.Entry, without blocks
    peers      rows and notes of bench.memory.peers, and what two columns are called; None for a foreign image
    price, heap   as their commands wrote them

    Raises PageError where no run has left its results, ResultsError where something else is in their files,
    BudgetError, HistoryError, PeersError.
    """
    results = _read(folder / "results.json")
    if not isinstance(results, list):
        raise PageError(f"{folder / 'results.json'}: no results of a run; ocpp-bench run writes them")
    traces: dict[str, dict[str, Any]] = defaultdict(dict)
    with written_by("ocpp-bench run", folder / "results.json"):
        runs = [
            {name: result.get(name) for name in _RUN_FIELDS} for result in results if not result.get("repeat")
        ]
        for run in runs:
            trace = _read(folder / "runs" / run["board"] / run["id"] / "0" / TRACE)
            if trace is not None:
                traces[run["id"]][run["board"]] = trace
            run["trace"] = list(traces).index(run["id"]) if trace is not None else None
    about, memory = _read(folder / RUN) or {}, _read(folder / MEMORY) or {}
    with written_by("ocpp-bench run", folder / RUN):
        variant = about.get("variant")
    with written_by("ocpp-bench run", folder / MEMORY):
        images = {board: image(static) for board, static in memory.items()}
    core = {
        "about": about,
        "runs": runs,
        "matrix": _read(folder / "conformance.json"),
        "blocks": BLOCKS,
        "images": images,
        "budget": [asdict(limit) for limit in read_budget()],
        "telling": {**TELLING, "": TELLING_MOST},
        "history": [
            {name: value for name, value in asdict(entry).items() if name != "blocks"}
            for entry in history.read()
        ],
        "peers": _peers(folder, memory, variant),
        "price": _read(folder / PRICE),
        "heap": _read(folder / HEAP),
    }
    return core, list(traces.values())


def _peers(folder: Path, memory: dict[str, Any], variant: str | None) -> dict[str, Any] | None:
    if variant is None:
        return None
    measured = {board: peers.measurements(folder, board) for board in memory}
    with written_by("ocpp-bench run", folder / MEMORY):
        ours = [
            row
            for board, static in memory.items()
            for row in peers.our_rows(static["items"], board, variant, measured[board])
        ]
    return {
        "rows": peers.ordered([*peers.peer_rows(), *ours]),
        "notes": peers.notes(),
        "rom": peers.ROM,
        "passed": peers.PASSED,
    }


def image(static: dict[str, Any]) -> dict[str, Any]:
    """StaticMemory.to_json, smaller: texts stand once in `names` and are given by their place there.

    rom   [component, block, source, symbol, file, line, bytes]; pieces of one symbol are one
    ram   [address, bytes, section, component, block, source, symbol, file, line], by address
    """
    places: dict[str, int] = {}

    def place(text: str | None) -> int | None:
        return None if text is None else places.setdefault(text, len(places))

    rom: dict[tuple[int | None, ...], int] = defaultdict(int)
    ram = []
    for item in static["items"]:
        named = {key: place(item.get(key)) for key in ("component", "block", "source", "symbol", "file")}
        line = item.get("line")
        if item["kind"] == "ROM":
            rom[*named.values(), line] += item["size"]
        else:
            ram.append([item["address"], item["size"], place(item["section"]), *named.values(), line])
    return {
        **{key: static.get(key) for key in ("rom", "ram", "fixed_ram", "heap", "stack", "regions")},
        "items": {
            "rom": [[*key, size] for key, size in rom.items()],
            "ram": sorted(ram, key=lambda piece: piece[0]),
            "names": list(places),
        },
    }


def _read(path: Path) -> Any:
    """None where there is no such file, or no JSON in it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
