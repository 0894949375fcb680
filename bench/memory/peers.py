"""Our images beside other implementations (peers.toml), cut along the same lines.

What a peer brings is cited; ours is computed of the image and of what ``ocpp-bench run`` and ``heap`` left in
their folder. What was not measured, of either, is None.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.results import written_by

PEERS = Path(__file__).with_name("peers.toml")

CORE, NETWORK, TLS, BOARD = "core", "network", "tls", "board"
BOUNDARIES = {
    (CORE,): "OCPP; no network, TLS, board",
    (CORE, NETWORK): "with network",
    (CORE, NETWORK, TLS): "with network, TLS",
    (CORE, NETWORK, BOARD): "whole image, no TLS",
    (CORE, NETWORK, TLS, BOARD): "whole image",
}
"""Parts that are in -> what that is called."""

APPLICATION_ALONE = "application alone, no VM"
ROM, RAM, RESERVED, BOOT_HEAP, MOST_HEAP, LEAST_HEAP, STACK, PASSED = (
    "ROM",
    "static RAM",
    "reserved RAM",
    "heap at boot",
    "heap at most",
    "smallest heap",
    "stack at most",
    "cases passed",
)
COLUMNS = (ROM, RAM, RESERVED, BOOT_HEAP, MOST_HEAP, LEAST_HEAP, STACK, PASSED)
"""Of a Row, after boundary, implementation and build: bytes, and at last mandatory test cases of Core.

Static RAM is without heap and stack, reserved RAM with them; the heap is what can be reached of it.
"""

_APPLICATION, _MACHINE = "application", "virtual machine and libraries"
_BOOT = "TC_B_01_CS"
_AREAS = ("heap area", "stack area")

Row = dict[str, str | int | None]


class PeersError(Exception):
    """A file of peers that cannot be used. The message is one clear line."""


def notes(path: Path = PEERS) -> list[str]:
    """What is not comparable, and how the figures were got. Raises PeersError."""
    return [str(note) for note in _content(path).get("notes", [])]


def peer_rows(path: Path = PEERS) -> list[Row]:
    """What other implementations take. Raises PeersError."""
    rows: list[Row] = []
    peers = _content(path).get("peer", [])
    for peer in peers if isinstance(peers, list) else [peers]:
        try:
            heap = peer.get("heap", {})
            build = f"{peer['build']} ({peer['commit']})" if peer["commit"] else peer["build"]
            rows.append(
                _row(
                    BOUNDARIES[tuple(peer["in"])],
                    peer["name"],
                    build,
                    {ROM: peer["rom"], RAM: peer.get("ram"), RESERVED: peer.get("reserved")}
                    | {BOOT_HEAP: heap.get("boot"), MOST_HEAP: heap.get("most"), PASSED: peer.get("passed")},
                )
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise PeersError(f"{path}: a peer has no usable {error}") from None
    return rows


def our_rows(
    items: Iterable[Mapping[str, Any]], board: str, variant: str, measured: Mapping[str, int | None]
) -> list[Row]:
    """Of the image whose bench.memory.elf.Item (as dicts) these are; `measured`: see `measurements`."""
    sums: dict[str, dict[str, int]] = defaultdict(lambda: {ROM: 0, RAM: 0})
    areas = 0
    for item in items:
        if item["component"] in _AREAS:
            areas += item["size"]
        else:
            kind = ROM if item["kind"] == "ROM" else RAM
            sums[_part(item["component"], item["block"])][kind] += item["size"]
    build = f"{variant}, {board}"
    rows = [_row(BOUNDARIES[CORE,], f"ours, {APPLICATION_ALONE}", build, sums[_APPLICATION])]
    inside: list[str] = []
    for part in (CORE, NETWORK, TLS, BOARD):
        if part == CORE or part in sums:
            inside.append(part)
            taken = [sizes for name, sizes in sums.items() if name in (_APPLICATION, _MACHINE, *inside)]
            figures = {kind: sum(sizes[kind] for sizes in taken) for kind in (ROM, RAM)}
            whole = {RESERVED: figures[RAM] + areas} if part == BOARD else {}
            rows.append(_row(BOUNDARIES[tuple(inside)], "ours", build, {**figures, **whole, **measured}))
    return rows


def measurements(folder: Path, board: str, image: str | None = None) -> dict[str, int | None]:
    """What a run of all scenarios, and the search for the smallest heap, left in `folder`.

    `image`: SHA-256 of the image that it must be about. Figures are None where there is none of that. Raises
    ResultsError where something else is in their files.
    """
    found: dict[str, int | None] = dict.fromkeys((BOOT_HEAP, MOST_HEAP, LEAST_HEAP, STACK, PASSED))
    paths = {name: folder / f"{name}.json" for name in ("conformance", "results", "run", "heap")}
    matrix, results, run, heap = map(_read, paths.values())
    with written_by("ocpp-bench run", paths["conformance"]):
        columns = [
            f"{column['board']} {column['emulator']}"
            for column in (matrix or {}).get("columns", [])
            if column["board"] == board and image in (None, column["firmware"])
        ]
        if not columns:
            return found
        mandatory = [case for case in matrix["cases"] if case["conformance"] == "M"]
        found[PASSED] = max(
            sum(case["verdicts"].get(column, {}).get("verdict") == "pass" for case in mandatory)
            for column in columns
        )
    with written_by("ocpp-bench run", paths["run"]):
        whole = run and run["whole"]
    if results and whole:
        with written_by("ocpp-bench run", paths["results"]):
            memory = {r["id"]: r["memory"] for r in results if r["board"] == board and r["memory"]}
            found[BOOT_HEAP] = memory.get(_BOOT, {}).get("heap_live")
            found[MOST_HEAP] = _most(each.get("heap_live") for each in memory.values())
            found[STACK] = _most(each.get("stack_peak") for each in memory.values())
        with written_by("ocpp-bench heap", paths["heap"]):
            least = [each["heap_min"] for each in heap or [] if each["board"] == board]
            found[LEAST_HEAP] = _most(least) if None not in least else None
    return found


def ordered(rows: Sequence[Row]) -> list[Row]:
    """By boundary, so that what can be compared stands together."""
    names = list(BOUNDARIES.values())
    return sorted(rows, key=lambda row: names.index(str(row["boundary"])))


def _row(boundary: str, name: str, build: str, figures: Mapping[str, int | None]) -> Row:
    named: Row = {"boundary": boundary, "implementation": name, "build": build}
    return named | {column: figures.get(column) for column in COLUMNS}


def _part(component: str, block: str) -> str:
    if component == "mbedTLS" or (component, block) == ("port", "A Security"):
        return TLS
    if block == "network":
        return NETWORK
    if component == "station (frozen)":
        return _APPLICATION
    return _MACHINE if component in ("MicroPython", "libraries") else BOARD


def _most(sizes: Iterable[int | None]) -> int | None:
    return max((size for size in sizes if size is not None), default=None)


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _content(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PeersError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PeersError(f"{path}: {error}") from None
