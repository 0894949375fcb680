"""What the images cost, commit by commit: history.jsonl, one JSON object a line, appended to.

An entry is about one commit, board and variant, and what it holds of that never changes: images are built to
the same bytes again and again. Figures of a run of all scenarios can come later.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from bench import firmware
from bench.memory.compare import CompareError, commit_of
from bench.memory.elf import StaticMemory

HISTORY = Path(__file__).with_name("history.jsonl")
_MOST = ("heap_live", "heap_peak", "stack_peak")
_SHORT = 12


class HistoryError(Exception):
    """A file that is no history, or an entry that contradicts it. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The image of `variant` for `board` at commit `revision` of the day `date` (ISO 8601), in bytes.

    components, blocks  name (owners.toml) -> {"rom": bytes, "ram": bytes}
    run                 of a run of all scenarios: emulator, scenarios, passed, instructions (all of them
                        together), and heap_live, heap_peak, stack_peak (the most of any); None without one
    """

    revision: str
    date: str
    board: str
    variant: str
    rom: int
    ram: int
    components: dict[str, dict[str, int]]
    blocks: dict[str, dict[str, int]]
    run: dict[str, Any] | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        return self.revision, self.board, self.variant


def entry_of(
    revision: str, board: str, variant: str, memory: StaticMemory, run: dict[str, Any] | None = None
) -> Entry:
    """Raises CompareError where `revision` is none."""
    commit = commit_of(revision)
    if commit is None:
        raise CompareError(f"{revision}: no git revision of this project")
    done = subprocess.run(
        ["git", "-C", str(firmware.ROOT), "show", "--no-patch", "--format=%cI", commit],
        capture_output=True,
        text=True,
        check=True,
    )
    return Entry(
        revision=commit[:_SHORT],
        date=done.stdout.strip(),
        board=board,
        variant=variant,
        rom=memory.rom,
        ram=memory.ram,
        components={name: _lower(sizes) for (name,), sizes in memory.by("component").items()},
        blocks={name: _lower(sizes) for (name,), sizes in memory.by("block").items()},
        run=run,
    )


def read(path: Path = HISTORY) -> list[Entry]:
    """In the order of the commits' dates; empty where there is no file. Raises HistoryError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise HistoryError(f"{path}: {error}") from None
    entries: dict[tuple[str, str, str], Entry] = {}
    for number, line in enumerate(lines, 1):
        try:
            entry = Entry(**json.loads(line))
            entry.rom + entry.ram
        except (ValueError, TypeError) as error:
            raise HistoryError(f"{path}: line {number} is no entry of a history ({error})") from None
        if entry.key in entries:
            raise HistoryError(f"{path}: line {number}: {' '.join(entry.key)} is there twice")
        entries[entry.key] = entry
    return sorted(entries.values(), key=lambda entry: entry.date)


def add(new: Iterable[Entry], path: Path = HISTORY) -> list[Entry]:
    """Append what is not there yet; returns that. Raises HistoryError, naming figures that contradict it."""
    known = {entry.key: entry for entry in read(path)}
    added = []
    for entry in new:
        before = known.get(entry.key)
        if before and (different := _differences(before, entry)):
            raise HistoryError(
                f"{path}: {entry.revision} {entry.board} {entry.variant} is there with other figures: "
                + ", ".join(different)
            )
        if before is None or (entry.run and not before.run):
            known[entry.key] = entry
            added.append(entry)
    if added:
        lines = [json.dumps(asdict(entry), separators=(",", ":")) for entry in known.values()]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return added


def run_figures(folder: Path, revision: str, variant: str) -> dict[str, dict[str, Any]]:
    """Entry.run by board, of what ``ocpp-bench run`` left in `folder`.

    Raises HistoryError where that is not of all scenarios, of another variant, or of another revision.
    """
    try:
        about = json.loads((folder / "run.json").read_text())
        results = json.loads((folder / "results.json").read_text())
        commit = commit_of(str(about["revision"]))
        if (
            not about["whole"]
            or about["variant"] != variant
            or commit is None
            or commit != commit_of(revision)
        ):
            raise HistoryError(
                f"{folder}: not a run of all scenarios on {revision} ({variant}), but of "
                f"{'all' if about['whole'] else 'some'} on {about['revision']} ({about['variant']})"
            )
        runs = [each for each in results if each["repeat"] == 0]
        return {
            board: _figures([each for each in runs if each["board"] == board])
            for board in dict.fromkeys(each["board"] for each in runs)
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise HistoryError(f"{folder}: no results of a run ({why}); ocpp-bench run writes them") from None


def _figures(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    def most(name: str) -> int | None:
        found = (each["memory"].get(name) for each in runs if each["memory"])
        return max((size for size in found if size is not None), default=None)

    return {
        "emulator": runs[0]["emulator"],
        "scenarios": len(runs),
        "passed": sum(each["verdict"] == "PASS" for each in runs),
        "instructions": sum(each["instructions"] or 0 for each in runs),
        **{name: most(name) for name in _MOST},
    }


def _differences(before: Entry, after: Entry) -> list[str]:
    if before.run is None or after.run is None:
        before, after = replace(before, run=None), replace(after, run=None)
    old, new = _flat(asdict(before)), _flat(asdict(after))
    return [
        f"{name} {old.get(name, 0)} -> {new.get(name, 0)}"
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    ]


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, inside in value.items():
        found |= (
            _flat(inside, f"{prefix}{name}.") if isinstance(inside, dict) else {f"{prefix}{name}": inside}
        )
    return found


def _lower(sizes: Mapping[Any, int]) -> dict[str, int]:
    return {kind.lower(): size for kind, size in sizes.items()}
