"""What grew and what shrank between two firmware images, two measurements or two revisions.

A reference is one of: an ELF image with its linker map beside it; a JSON file that ``ocpp-bench size
--json`` or ``ocpp-bench run`` (results.json) wrote; a git revision, which is built.
"""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import firmware
from bench.memory.elf import LEVELS, Level, measure
from bench.memory.runtime import OTHERS
from bench.text import markdown_table

RUNTIME = ("heap_live", "heap_peak", "heap_after_collection", "stack_peak", "stack_interrupts")
"""What results.json knows of a scenario's RAM (bench.memory.runtime.MemoryUse)."""
HELD = "heap_owners"
"""And what each owner held of the live heap at its peak: the most of all scenarios."""
_SIZES = "ROM and RAM"


class CompareError(Exception):
    """A reference that is neither image nor measurement nor revision. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Bytes:
    """So many bytes: of `kind` (ROM, RAM, a member of RUNTIME, or HELD) on `board`.

    `place` holds the names of all LEVELS, or alone the scenario's id or the owner. The owner OTHERS stands
    for the most that one of those holds that are not named.
    """

    board: str
    kind: str
    place: tuple[str, ...]
    size: int


@dataclass(frozen=True, slots=True)
class Change:
    """`name` took `old` bytes and takes `new`."""

    board: str
    kind: str
    name: str
    old: int
    new: int

    @property
    def growth(self) -> int:
        return self.new - self.old


def load(reference: str, boards: Sequence[str], variant: str = firmware.RELEASE) -> list[Bytes]:
    """Everything that `reference` tells of these boards (of an image: whatever its board).

    A revision is built as `variant`.

    Raises CompareError, also where that is nothing, ImageFileError or FirmwareError.
    """
    path = Path(reference)
    if path.suffix == ".json" or (path.is_file() and path.read_bytes()[:1] in (b"{", b"[")):
        if found := _from_json(path, boards):
            return found
        raise CompareError(f"{path}: tells nothing of {' or '.join(boards)}")
    if path.is_file():
        return _from_image("image", path)
    built: list[Bytes] = []
    for board in boards:
        built += _from_image(board, built_revision(reference, board, variant))
    return built


def changes(old: Sequence[Bytes], new: Sequence[Bytes], level: Level) -> list[Change]:
    """What differs at a level, the largest growth first.

    At every level run-time figures are by scenario, and what is held of the heap by owner; an owner that one
    side does not name counts there as the most that it may hold. What only one side was measured for is left
    out. Raises CompareError where nothing is in both.
    """
    before, after = _sums(old, level), _sums(new, level)
    shared = _measured(old) & _measured(new)
    if old and new and not shared:
        raise CompareError(f"nothing to compare: one holds {_in_words(old)}, the other {_in_words(new)}")
    found = [
        Change(*key, before.get(key, 0), after.get(key, 0))
        for key in dict.fromkeys([*before, *after])
        if (key[0], _measure(key[1])) in shared and before.get(key, 0) != after.get(key, 0) and key[1] != HELD
    ]
    for board in {board for board, _ in shared}:
        found += _held_changes(board, before, after)
    return sorted(found, key=lambda c: (c.board, c.kind, -c.growth, c.name))


def _measure(kind: str) -> str:
    """ROM and RAM are known together, or neither is."""
    return kind if kind in (*RUNTIME, HELD) else _SIZES


def _measured(found: Sequence[Bytes]) -> set[tuple[str, str]]:
    return {(each.board, _measure(each.kind)) for each in found}


def _in_words(found: Sequence[Bytes]) -> str:
    measured = _measured(found)
    boards: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for board in sorted({board for board, _ in measured}):
        boards[tuple(sorted(what for each, what in measured if each == board))].append(board)
    return "; ".join(f"{', '.join(held)} of {' and '.join(of)}" for held, of in boards.items())


def _held_changes(
    board: str, before: Mapping[tuple[str, str, str], int], after: Mapping[tuple[str, str, str], int]
) -> list[Change]:
    sides = [
        {name: size for (b, kind, name), size in s.items() if (b, kind) == (board, HELD)}
        for s in (before, after)
    ]
    if not all(sides):
        return []
    unnamed = [side.pop(OTHERS, 0) for side in sides]
    found = []
    for name in dict.fromkeys([*sides[0], *sides[1]]):
        old, new = (side.get(name, most) for side, most in zip(sides, unnamed, strict=True))
        certain = all(name in side for side in sides) or (new > old) == (name in sides[1])
        if old != new and certain:
            found.append(Change(board, HELD, name, old, new))
    return found


def totals(old: Sequence[Bytes], new: Sequence[Bytes]) -> list[Change]:
    """ROM and RAM of each board as a whole; of run-time figures the largest of all scenarios."""
    before, after = _totals(old), _totals(new)
    return [
        Change(board, kind, "total", before[board, kind], after[board, kind])
        for board, kind in before
        if (board, kind) in after
    ]


def to_markdown(sums: Sequence[Change], rows: Sequence[Change], level: Level) -> str:
    """For a pull request: a table of totals and one of what changed."""
    sizes = ("old", "new", "change")
    whole = [(c.board, c.kind, *_sizes(c)) for c in sums]
    lines = [*markdown_table(("board", "", *sizes), whole, numbers=3), ""]
    if not rows:
        return "\n".join([*lines, f"No {level} changed in size.", ""])
    parts = [(c.board, c.kind, f"`{c.name}`", *_sizes(c)) for c in rows]
    return "\n".join([*lines, *markdown_table(("board", "", level, *sizes), parts, numbers=3), ""])


def _sizes(change: Change) -> tuple[str, str, str]:
    return f"{change.old:,}", f"{change.new:,}", f"{change.growth:+,}"


def to_json(sums: Sequence[Change], rows: Sequence[Change], level: Level) -> dict[str, Any]:
    def plain(change: Change) -> dict[str, Any]:
        return asdict(change) | {"growth": change.growth}

    return {"level": level, "totals": [plain(c) for c in sums], "changes": [plain(c) for c in rows]}


def _sums(found: Sequence[Bytes], level: Level) -> Mapping[tuple[str, str, str], int]:
    sums: dict[tuple[str, str, str], int] = defaultdict(int)
    at = LEVELS.index(level)
    for each in found:
        if len(each.place) == 1:
            name = each.place[0]
        elif level == "symbol":
            name = f"{each.place[LEVELS.index('source')]}: {each.place[at]}"
        else:
            name = each.place[at]
        sums[each.board, each.kind, name] += each.size
    return sums


def _totals(found: Sequence[Bytes]) -> dict[tuple[str, str], int]:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for each in found:
        key = each.board, each.kind
        if each.kind == HELD:
            continue
        sums[key] = max(sums[key], each.size) if each.kind in RUNTIME else sums[key] + each.size
    return sums


def _from_image(board: str, elf: Path) -> list[Bytes]:
    return [
        Bytes(board, item.kind, tuple(str(getattr(item, level)) for level in LEVELS), item.size)
        for item in measure(elf).items
    ]


def _from_json(path: Path, boards: Sequence[str]) -> list[Bytes]:
    try:
        content = json.loads(path.read_text())
        if isinstance(content, list):
            runs = [r for r in content if r["board"] in boards and r["repeat"] == 0 and r["memory"]]
            return [
                Bytes(run["board"], kind, (run["id"],), run["memory"][kind])
                for run in runs
                for kind in RUNTIME
                if run["memory"].get(kind) is not None
            ] + _held(runs)
        return [
            Bytes(board, item["kind"], tuple(item[level] for level in LEVELS), item["size"])
            for board, memory in content.items()
            if board in boards
            for item in memory["items"]
        ]
    except OSError as error:
        raise CompareError(f"{path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CompareError(
            f"{path}: not what `ocpp-bench size --json` or `ocpp-bench run` writes "
            f"({type(error).__name__}: {error})"
        ) from None


def _held(runs: Sequence[Mapping[str, Any]]) -> list[Bytes]:
    most: dict[tuple[str, str], int] = defaultdict(int)
    for run in runs:
        owners = run["memory"].get(HELD) or {}
        named = {name: size for name, size in owners.items() if name != OTHERS}
        if OTHERS in owners:
            named[OTHERS] = min(named.values())
        for name, size in named.items():
            most[run["board"], name] = max(most[run["board"], name], size)
    return [Bytes(board, HELD, (name,), size) for (board, name), size in most.items()]


def commit_of(revision: str) -> str | None:
    """The full hash of a git revision of this project; None where there is none of that name."""
    done = subprocess.run(
        ["git", "-C", str(firmware.ROOT), "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or None if done.returncode == 0 else None


def image_of(revision: str, board: str, variant: str = firmware.RELEASE) -> Path:
    """As `built_revision`, but built where the work is done if firmware/ there is as of that revision."""
    command = ["git", "-C", str(firmware.ROOT), "diff", "--quiet", revision, "--", "firmware"]
    if commit_of(revision) and subprocess.run(command, capture_output=True, check=False).returncode == 0:
        return firmware.build(board, variant=variant)
    return built_revision(revision, board, variant)


def built_revision(revision: str, board: str, variant: str = firmware.RELEASE) -> Path:
    """The image of a board as of a revision; kept under build/revisions, for sources do not change there.

    Raises CompareError, FirmwareError.
    """
    commit = commit_of(revision)
    if commit is None:
        raise CompareError(f"{revision}: neither a file nor a git revision of this project")
    folder = firmware.BUILD_DIR / "revisions" / commit
    tree = folder / "firmware"
    if not tree.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        archive = subprocess.run(
            ["git", "-C", str(firmware.ROOT), "archive", commit, "firmware"], capture_output=True, check=False
        )
        unpacked = subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=False)
        if archive.returncode or unpacked.returncode or not tree.is_dir():
            raise CompareError(f"{revision}: has no firmware/")
    output = folder / "build" / "firmware" / firmware.image_name(board, variant)
    return firmware.build_tree(tree, board, output, variant)
