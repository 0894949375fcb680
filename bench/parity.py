"""Do two emulators agree? The evidence that a scenario leaves, and the comparison of two of them.

Compared are verdict, OCPP transcript, log of the firmware, causes of the resets, and the flash at the end:
the program, the slots that an update may have changed, and the entries of the store. What may differ between
two correct runs is normalised first: virtual times and timestamps, ids of messages and transactions, random
back-off, energy (a watt-hour more or less is a millisecond) and what the meter signs, times of the cached
idTokens.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from bench.emulators.base import EmulatorError
from bench.emulators.image import segments
from bench.provision import StoreError, read
from bench.results import Result
from bench.rig import Rig
from csms_stub.secrets import HIDDEN

EVIDENCE = "evidence.json"
"""File in a scenario's output folder: one Evidence."""

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_UPTIME = re.compile(r"^([A-Z]) \d+ ")
_TRANSACTION = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\b")
_BACK_OFF = re.compile(r"(?<=next attempt in )\d+")
_ENERGY = "Energy.Active.Import.Register"
_SECRET = ("v:SecurityCtrlr.BasicAuthPassword", "wifi")
_CERTIFICATE = "x:"
_CACHED = "c:"
_CACHED_AT = slice(7, 11)  # of the value: when it was last updated (firmware/station/authcache.py)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run of a scenario leaves behind, normalised, line by line.

    transcript   HTTP upgrades and OCPP-J messages in their order
    log          lines of the firmware's log
    resets       their causes, power-on included
    flash        SHA-256 of the program's part and of each slot, then the store's entries by name
    """

    transcript: list[str]
    log: list[str]
    resets: list[str]
    flash: list[str]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One scenario on one board with two emulators, and what they do not agree in.

    `differing` maps a field of Evidence to pairs of lines, "" where one of the two has no such line;
    `host_s` is None where a scenario did not get to its end.
    """

    board: str
    id: str
    verdicts: tuple[str, str]
    host_s: tuple[float | None, float | None]
    differing: dict[str, list[tuple[str, str]]]

    @property
    def equal(self) -> bool:
        return self.verdicts[0] == self.verdicts[1] and not self.differing


def gather(rig: Rig) -> Evidence:
    """The evidence of a run that has come to its end."""
    ids = _Numbering()
    return Evidence(
        transcript=normalised_transcript(rig.transcript(), ids),
        log=[_UPTIME.sub(r"\1 ", _BACK_OFF.sub("<n>", _plain(line.text, ids))) for line in rig.log],
        resets=[reset.cause for reset in rig.resets],
        flash=_flash(rig, ids),
    )


def record(rig: Rig, folder: Path) -> None:
    """Write the evidence of a run into its output folder; a board that is gone leaves none."""
    try:
        evidence = gather(rig)
    except EmulatorError:
        return
    (folder / EVIDENCE).write_text(json.dumps(asdict(evidence), indent=1))


def load(folder: Path) -> Evidence | None:
    """What `record` wrote there; None where a scenario did not get to its end."""
    path = folder / EVIDENCE
    return Evidence(**json.loads(path.read_text())) if path.is_file() else None


def compare(results: tuple[Result, Result], evidence: tuple[Evidence | None, Evidence | None]) -> Comparison:
    """Line by line; a scenario without evidence differs from any other in everything."""
    left, right = (asdict(each) if each else {} for each in evidence)
    pairs = {
        field: differing_lines(left.get(field, []), right.get(field, []))
        for field in sorted(left.keys() | right.keys())
    }
    first, second = results
    times = tuple(each.measurement.host_s if each.measurement else None for each in results)
    return Comparison(
        board=first.board,
        id=first.id,
        verdicts=(first.verdict, second.verdict),
        host_s=(times[0], times[1]),
        differing={field: lines for field, lines in pairs.items() if lines},
    )


def write(comparisons: Sequence[Comparison], names: tuple[str, str], path: Path) -> None:
    """The comparisons for programs: verdict and host seconds by emulator, and the lines that differ."""
    content = [
        {
            "board": each.board,
            "id": each.id,
            "equal": each.equal,
            "verdict": dict(zip(names, each.verdicts, strict=True)),
            "host_s": dict(zip(names, each.host_s, strict=True)),
            "differing": each.differing,
        }
        for each in comparisons
    ]
    path.write_text(json.dumps(content, indent=1))


def differing_lines(left: Sequence[str], right: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of lines that stand in each other's place and are not the same."""
    pairs = []
    matcher = difflib.SequenceMatcher(a=left, b=right, autojunk=False)
    for operation, a, a_end, b, b_end in matcher.get_opcodes():
        if operation != "equal":
            rows = max(a_end - a, b_end - b)
            pairs += [
                (left[a + row] if a + row < a_end else "", right[b + row] if b + row < b_end else "")
                for row in range(rows)
            ]
    return pairs


def normalised_transcript(lines: Sequence[str], ids: _Numbering | None = None) -> list[str]:
    """Lines of Rig.transcript() without virtual times, with ids numbered in the order they come in."""
    ids = ids or _Numbering()
    normalised = []
    for line in lines:
        head, _, rest = line.partition(" ")
        station, direction, text = (rest if head.isdigit() else line).split(" ", 2)
        if direction in ("in", "out"):
            text = _normalised_message(text, ids)
        normalised.append(f"{station} {direction} {text}")
    return normalised


def table(comparisons: Sequence[Comparison], names: tuple[str, str]) -> Table:
    """One line a scenario and board, and below them the host time of all that got to their end with both."""
    rows = Table(title=f"{names[0]} and {names[1]}", title_justify="left")
    for column in ("scenario", "board", *names, "differs in"):
        rows.add_column(column)
    for name in names:
        rows.add_column(f"{name} s", justify="right")
    for each in comparisons:
        times = ["-" if time is None else f"{time:.2f}" for time in each.host_s]
        rows.add_row(each.id, each.board, *each.verdicts, ", ".join(each.differing) or "-", *times)
    measured = [each.host_s for each in comparisons if None not in each.host_s]
    if measured:
        sums = [sum(time or 0.0 for time in column) for column in zip(*measured, strict=True)]
        rows.add_section()
        ratio = f"host time {sums[0] / sums[1]:.2f} : 1"
        rows.add_row("all", "", "", "", ratio, *(f"{total:.2f}" for total in sums))
    return rows


def side_by_side(comparison: Comparison, names: tuple[str, str]) -> Table:
    """The lines that differ, one emulator's beside the other's."""
    rows = Table(title=f"{comparison.id} on {comparison.board}", title_justify="left", show_lines=True)
    rows.add_column("")
    for name in names:
        rows.add_column(name, ratio=1, overflow="fold")
    for field, lines in comparison.differing.items():
        for left, right in lines:
            rows.add_row(field, left, right)
    return rows


class _Numbering:
    """Names for random values: the same value always gets the same, new ones count up."""

    def __init__(self) -> None:
        self._names: dict[tuple[str, str], str] = {}
        self._counts: dict[str, int] = {}

    def name(self, kind: str, value: str) -> str:
        if (kind, value) not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[kind, value] = f"<{kind} {self._counts[kind]}>"
        return self._names[kind, value]


def _normalised_message(text: str, ids: _Numbering) -> str:
    try:
        message = json.loads(text)
    except ValueError:
        return text
    if isinstance(message, list) and len(message) > 1 and isinstance(message[1], str):
        message[1] = ids.name("message", message[1])
    return json.dumps(_normalised(message, ids), sort_keys=True)


def _normalised(value: Any, ids: _Numbering) -> Any:
    if isinstance(value, dict):
        masked = {"signedMeterData": "<signed>"} if "signedMeterData" in value else {}
        if value.get("measurand") == _ENERGY:
            masked["value"] = "<energy>"
        if isinstance(name := value.get("transactionId"), str):
            masked["transactionId"] = ids.name("transaction", name)
        return {name: _normalised(item, ids) for name, item in value.items()} | masked
    if isinstance(value, list):
        return [_normalised(item, ids) for item in value]
    return _plain(value, ids) if isinstance(value, str) else value


def _plain(text: str, ids: _Numbering) -> str:
    text = _TIMESTAMP.sub("<time>", text)
    return _TRANSACTION.sub(lambda match: ids.name("transaction", match[0]), text)


def _flash(rig: Rig, ids: _Numbering) -> list[str]:
    program = hashlib.sha256()
    for address, data in segments(rig.elf):
        program.update(rig.emulator.read_memory(address, len(data)))
    lines = [f"program {program.hexdigest()}"]
    lines += [f"slot {number} {hashlib.sha256(slot).hexdigest()}" for number, slot in enumerate(rig.slots())]
    if (area := rig.store_area()) is None:
        return lines
    try:
        entries = read(area)
    except StoreError as error:
        return [*lines, f"store: {error}"]
    return [*lines, *(f"{name} = {_entry(name, value, ids)}" for name, value in sorted(entries.items()))]


def _entry(name: str, value: bytes, ids: _Numbering) -> str:
    if name in _SECRET:
        return HIDDEN
    if name.startswith(_CERTIFICATE):
        return hashlib.sha256(value).hexdigest()
    if name.startswith(_CACHED):
        return (value[: _CACHED_AT.start] + value[_CACHED_AT.stop :]).hex()
    return _plain(value.decode(errors="replace"), ids)
