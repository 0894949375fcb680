"""The memory budget as data (budget.toml), and what is above it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.memory.compare import Change
from bench.memory.elf import Kind, Level, StaticMemory

BUDGET = Path(__file__).with_name("budget.toml")
_LEVELS: tuple[Level, ...] = ("component", "block")
_SHOWN = 5


class BudgetError(Exception):
    """A budget file that cannot be used. The message is one clear line."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `limit` bytes of `kind` (ROM or RAM) for `name` of `level` on `board` ("" for all boards); the
    level "total" is the image as a whole."""

    board: str
    level: str
    name: str
    kind: Kind
    limit: int


def read_budget(path: Path = BUDGET) -> tuple[Limit, ...]:
    """Raises BudgetError."""
    try:
        with path.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise BudgetError(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BudgetError(f"{path}: {error}") from None
    boards = _tables(path, "board", content.pop("board", {}))
    return tuple(
        limit for board, part in {"": content, **boards}.items() for limit in _limits(path, board, part)
    )


def total_of(limits: Sequence[Limit], board: str, kind: Kind) -> int | None:
    """The lowest limit of the image as a whole; None where there is none."""
    found = [e.limit for e in limits if e.level == "total" and e.kind == kind and e.board in ("", board)]
    return min(found, default=None)


def _tables(path: Path, name: str, value: Any) -> dict[str, dict[str, Any]]:
    if not isinstance(value, dict) or not all(isinstance(table, dict) for table in value.values()):
        raise BudgetError(f"{path}: {name} = {value!r}: there must be tables [{name}.NAME]")
    return value


def _limits(path: Path, board: str, part: Mapping[str, Any]) -> list[Limit]:
    found = []
    for level, table in part.items():
        if level not in ("total", *_LEVELS):
            raise BudgetError(f"{path}: [{level}]: there are total, {', '.join(_LEVELS)} and board")
        for name, sizes in _tables(path, level, {"": table} if level == "total" else table).items():
            for kind, limit in sizes.items():
                if kind not in ("rom", "ram") or type(limit) is not int:
                    raise BudgetError(
                        f"{path}: {level}.{name}: {kind} = {limit!r} is no limit (rom, ram: bytes)"
                    )
                found.append(Limit(board, level, name, "ROM" if kind == "rom" else "RAM", limit))
    return found


def breaches(
    board: str, memory: StaticMemory, limits: Sequence[Limit], growth: Sequence[Change] = ()
) -> list[str]:
    """One line for each limit that the image is above, naming what it consists of, and what grew since the
    reference (`growth`, changes by source) where there is one."""
    lines = []
    for limit in limits:
        if limit.board not in ("", board):
            continue
        if limit.level == "total":
            size, where = memory.rom if limit.kind == "ROM" else memory.ram, f"{limit.kind} of {board}"
            parts = memory.by("source")
        else:
            level: Level = "component" if limit.level == "component" else "block"
            size = memory.by(level).get((limit.name,), {limit.kind: 0})[limit.kind]
            where = f"{limit.kind} of {limit.name} on {board}"
            parts = {
                (source,): sizes
                for (name, source), sizes in memory.by(level, "source").items()
                if name == limit.name
            }
        if size <= limit.limit:
            continue
        grown = [
            c
            for c in growth
            if c.board == board and c.kind == limit.kind and (c.name,) in parts and c.growth > 0
        ]
        if grown:
            detail = "grew: " + ", ".join(f"{c.name} {c.growth:+,}" for c in grown[:_SHOWN])
        else:
            largest = sorted(parts.items(), key=lambda entry: -entry[1][limit.kind])[:_SHOWN]
            detail = "largest: " + ", ".join(f"{name} {sizes[limit.kind]:,}" for (name,), sizes in largest)
        lines.append(
            f"{where}: {size:,} bytes, {size - limit.limit:,} above the budget of {limit.limit:,}; {detail}"
        )
    return lines
